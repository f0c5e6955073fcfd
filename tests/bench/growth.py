"""How time and memory of the report grow with the number of people: each size in a process of its own."""

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from math import log
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.figures import ACCENT, STABLE
from tests.bench.measuring import peak, timed
from tests.bench.reports import frozen, numbers, replayed, whole

SIZES = (10_000, 30_000, 100_000, 300_000)  # people
PANELS = (
    ("numbers", "Numbers alone", "seconds"),
    ("full", "With every file", "seconds"),
    ("memory", "Memory", "MB"),
)


def at(size: int) -> dict[str, float]:
    """Measure the report of so many people, those of the replay again and again."""
    again = islice(cycle(replayed()), size)
    of = frozen([row._replace(study_number=f"R01-{n:06d}") for n, row in enumerate(again)])
    before = peak()
    alone = timed(lambda: numbers(of)).seconds
    full = timed(lambda: whole(of)).seconds
    return {"people": size, "numbers": alone, "full": full, "memory": peak() - before}


def exponent(measured: Sequence[Mapping[str, float]], name: str) -> float:
    """Return the power of the number of people by which something grows, least to most: 1 is linear."""
    least, most = measured[0], measured[-1]
    return log(most[name] / least[name]) / log(most["people"] / least["people"])


def lines(measured: Sequence[Mapping[str, float]]) -> Iterator[str]:
    """Yield the table as Markdown: each size, and the power that it grows by."""
    yield "| people | numbers alone | with every file | memory |"
    yield "|---|---|---|---|"
    for row in measured:
        yield (
            f"| {row['people']:,.0f} | {row['numbers']:.1f} s | {row['full']:.1f} s | {row['memory']:,.0f} MB |"
        )
    powers = " | ".join(f"{exponent(measured, name):.2f}" for name, _, _ in PANELS)
    yield f"| grows with the power | {powers} |"


def drawing(measured: Sequence[Mapping[str, float]]) -> bytes:
    """Draw time and memory by people, each beside a straight line through the largest size, as SVG."""
    with mpl.rc_context(STABLE):
        figure = Figure(figsize=(9, 3), layout="constrained")
        for axes, (name, title, unit) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
            people: list[Any] = [row["people"] for row in measured]
            found = [row[name] for row in measured]
            axes.plot([0, people[-1]], [0, found[-1]], color="#6f757f", linestyle="--", linewidth=1)
            axes.plot(people, found, color=ACCENT, marker="o", linestyle="none")
            axes.set(title=title, xlabel="people", ylabel=unit, xlim=(0, None), ylim=(0, None))
            axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
            axes.xaxis.set_major_locator(mpl.ticker.MultipleLocator(100_000))
            axes.spines[["top", "right"]].set_visible(False)
        out = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})
    return out.getvalue()
