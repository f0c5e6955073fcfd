"""Measure Screentrial against named peers in the same run, and write docs/benchmarks.md.

Each module of comparisons runs in a process of its own, both sides in turns; then each side alone, for
its memory.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
GROWTH = PAGE.with_name("benchmarks-growth.svg")
# Clients of the database are forks of one process and servers work for both, so there memory is not told apart by side.
MODULES = {
    "films": ("ours", "peer"),
    "receiving": (),
    "paths": (),
    "allocations": (),
    "reports": ("ours", "peer"),
}
LIMIT = 600  # seconds a process may take; a quiet machine needs a tenth


def child(name: str, task: str) -> None:
    """Do one task of a module of comparisons and print what was found as JSON."""
    import django

    django.setup()
    from tests.bench.measuring import in_turns, one_side, peak, summary

    module = import_module(f"tests.bench.{name}")
    found: list[dict[str, Any]] = []
    with module.SETTING():
        for bench in module.BENCHES:
            about = {key: getattr(bench, key) for key in ("title", "unit", "ours", "peer")}
            with closing(bench.pairs()) as pairs:
                if task == "both":
                    about["summary"] = summary(in_turns(pairs), inverse=bench.inverse)._asdict()
                    about["why"] = bench.why() if bench.why else ""
                else:
                    one_side(pairs, task)
            found.append(about | {"peak": peak()})
    print(json.dumps(found))


def grown(size: str) -> None:
    """Print how long a report of so many people takes, as JSON."""
    import django

    django.setup()
    from tests.bench import growth

    print(json.dumps([growth.at(int(size))]))


def run(name: str, task: str) -> list[dict[str, Any]]:
    """Do a task in a process of its own."""
    print(f"{name}: {task}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "tests.bench", name, task]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=LIMIT, check=True)
    return json.loads(done.stdout)


def measure() -> Iterator[dict[str, Any]]:
    """Measure every comparison: times in turns, memory apart."""
    for name, sides in MODULES.items():
        together = run(name, "both")
        apart = {side: run(name, side) for side in sides}
        for number, found in enumerate(together):
            peaks = [runs[number]["peak"] for runs in apart.values()]
            yield found | {"peaks": peaks or [found["peak"], None]}


def main() -> None:
    """Measure everything, then write the page and draw its figure."""
    import django

    django.setup()
    from tests.bench import growth
    from tests.bench.page import page

    before = os.getloadavg()[0]
    results = list(measure())
    sizes = [run("growth", str(size))[0] for size in growth.SIZES]
    text = page(results, growth.lines(sizes), loads=(before, os.getloadavg()[0]))
    GROWTH.write_bytes(growth.drawing(sizes))
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    # Never the databases, keys or films of a demonstration; on the same disk as they would be.
    os.environ.setdefault("SCREENTRIAL_VAR", str(ROOT / "var" / "bench"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["growth"]:
        grown(sys.argv[2])
    elif sys.argv[1:]:
        child(*sys.argv[1:])
    else:
        main()
