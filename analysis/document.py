"""A report as a document: blocks in reading order, made once, for the page and every kind of file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from itertools import groupby
from typing import ClassVar, Literal

from analysis.consort import Flow
from analysis.effects import Effect, SubgroupEffect
from analysis.formats import events_of, interval, p_equation, percentage_points
from analysis.tables import Table

Tone = Literal["plain", "quiet", "warning", "danger"]
ENGLISH = "en"
DRAWN, TALLEST = 140, 200  # mm: the width that letters in a figure are meant for, and the height a page has


@dataclass(frozen=True)
class Heading:
    """The title of what follows."""

    kind: ClassVar = "heading"
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Some sentences, how loudly they are said, and what in them is data: no words of the report."""

    kind: ClassVar = "paragraph"
    text: str
    tone: Tone = "plain"
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """A few numbers beside their names."""

    kind: ClassVar = "facts"
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Drawing:
    """A figure: SVG that names itself and says its numbers in words."""

    kind: ClassVar = "drawing"
    key: str
    svg: str
    flow: Flow | None = field(default=None, compare=False)  # of the figure whose size follows its words

    @property
    def title(self) -> str:
        """Return what the figure is called."""
        return _element("title", self.svg)

    @property
    def words(self) -> str:
        """Return what the figure shows, for whoever can't see it."""
        return _element("desc", self.svg)

    @property
    def width(self) -> float:
        """Return how wide to print it, in mm: as it was drawn, or so that it fits on a page with its title."""
        box = re.search(r'viewBox="([^"]*)"', self.svg)
        wide, high = map(float, box[1].split()[2:]) if box else (1, 1)
        return min(DRAWN, TALLEST * wide / high)


def _element(name: str, svg: str) -> str:
    found = re.search(rf"<{name}\b[^>]*>(.*?)</{name}>", svg, re.DOTALL)
    return unescape(found[1]) if found else ""


@dataclass(frozen=True)
class Tabled:
    """A table, and whether a page may fold it away."""

    kind: ClassVar = "table"
    key: str
    table: Table
    folded: bool = False


Block = Heading | Paragraph | Facts | Drawing | Tabled


@dataclass(frozen=True)
class Document:
    """A title, what it is made of and how far that may be believed, and the blocks."""

    title: str
    made: datetime  # of the data, never of the file: the same report has the same bytes
    status: tuple[Paragraph, ...]
    blocks: tuple[Block, ...]
    language: str = ENGLISH
    terms: tuple[str, str, str] = ("Report", "Figure", "Table")  # what a file calls itself and its parts

    @property
    def tables(self) -> list[Tabled]:
        """Return the tables alone."""
        return [block for block in self.blocks if isinstance(block, Tabled)]


# The tables that a page shows unfolded, and the section that each stands in; another one is a section of its own.
OPEN = ("effects", "sensitivity", "further", "subgroups", "fracture_risk")
SECTIONS: Mapping[str, str] = {
    **dict.fromkeys(("effects", "effects_post_hoc", "sensitivity"), "Effects"),
    "subgroups": "Subgroups",
    **dict.fromkeys(("baseline", "uptake"), "Participants"),
    "fracture_risk": "Risk of fracture before and after DXA",
    **dict.fromkeys(("accrual", "weeks", "deviations", "harms", "missing"), "Conduct"),
    **dict.fromkeys(("index_test", "drift", "performance"), "The index test"),
    **dict.fromkeys(
        ("cascade_screening", "cascade_control", "cascade_low_risk"), "From examination to treatment"
    ),
}


def headline(primary: Effect, groups: SubgroupEffect | None, *, population: str) -> Iterator[Block]:
    """Tell the primary endpoint: events, effects, tests and methods."""
    a, n, c, m = primary.counts
    estimates = (primary.odds_ratio, primary.risk_ratio, primary.risk_difference)
    methods = [*(estimate.method for estimate in estimates), primary.test.method]
    reasons = "".join(f" {why[0].upper()}{why[1:]}." for e in estimates if (why := e.why))
    yield Heading(primary.label)
    yield Paragraph(
        f"Detection rate, {population.lower()}: {events_of(a, n)} in the screening arm, {events_of(c, m)} in the "
        "control arm."
    )
    yield Facts((*_effects(primary), *_interaction(groups)))
    yield Paragraph(f"Methods: {'; '.join(methods)}.{reasons}", "quiet")


def _effects(primary: Effect) -> Iterator[tuple[str, str]]:
    yield "Odds ratio (95 % interval)", interval(primary.odds_ratio)
    yield "Risk ratio (95 % interval)", interval(primary.risk_ratio)
    yield "Risk difference, percentage points (95 % interval)", percentage_points(primary.risk_difference)
    yield "Test", p_equation(primary.test)


def _interaction(groups: SubgroupEffect | None) -> Iterator[tuple[str, str]]:
    if groups:
        wald, likelihood_ratio = (p_equation(test) for test in groups.interaction[:2])
        told = f"Wald {wald}; likelihood ratio {likelihood_ratio}"
        label = groups.subgroup.label
        yield f"Interaction with {label[0].lower()}{label[1:]}", told


def body(drawings: Mapping[str, Drawing], tables: Mapping[str, Table]) -> Iterator[Block]:
    """Put the flow first, then the tables in their order by sections, each below the figure that shows it."""
    yield Heading("Participant flow (CONSORT 2025)")
    yield drawings["flow"]
    tables = {key: table for key, table in tables.items() if table.rows}
    for section, keys in groupby(tables, lambda key: SECTIONS.get(key, tables[key].title)):
        yield Heading(section)
        for key in keys:
            if key in drawings:
                yield drawings[key]
            yield Tabled(key, tables[key], folded=key not in OPEN)
