"""The paper's tables as plain data: titles, columns, rows of ready strings, footnotes; then CSV and text."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from analysis.cascades import Bar
from analysis.characteristics import CategoryByArm, QuantityByArm, Uptake
from analysis.effects import Effect, SubgroupEffect
from analysis.estimators import Estimate, NumberNeeded
from analysis.formats import (
    UNDEFINED,
    balance_p,
    events_of,
    fixed,
    interval,
    mean_sd,
    p_equation,
    p_value,
    percent,
    percentage_points,
    share,
)
from analysis.subjects import ARM_CODES, ARMS

SCREENING, CONTROL = (ARM_CODES[arm] for arm in ARMS)
# A spreadsheet runs a cell that starts like this (OWASP, CSV injection); a plain number or interval may.
FORMULA = re.compile(r"^[=+\-@\t\r]")
INSIDE = re.compile(r" (?!\()")
HARMLESS = re.compile(r"^-[\d.,()%\sInf-]*$")


@dataclass(frozen=True)
class Row:
    """One line: its label, its cells, how deep it is indented, and whether it heads the lines below."""

    label: str
    cells: tuple[str, ...] = ()
    indent: int = 0
    heading: bool = False
    key: str = ""


@dataclass(frozen=True)
class Table:
    """A table to show: the first column names the rows; `footnotes` say methods and reasons."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...] = ()

    @property
    def named(self) -> list[tuple[Row, list[tuple[str, str]]]]:
        """Return each row with its cells under the names of their columns, to break before an interval only."""
        return [
            (
                row,
                [
                    (name, INSIDE.sub("\u00a0", cell))
                    for name, cell in zip(self.columns[1:], row.cells, strict=False)
                ],
            )
            for row in self.rows
        ]


class Footnotes:
    """Collect notes and hand out one mark for each; the same note keeps its mark."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, text: str | None) -> str:
        """Return the mark of a note, " [1]", or nothing for no note."""
        if not text:
            return ""
        if text not in self.texts:
            self.texts.append(text)
        return f" [{self.texts.index(text) + 1}]"

    def listed(self) -> tuple[str, ...]:
        """Return the notes in the order of their marks."""
        return tuple(f"[{number}] {text}" for number, text in enumerate(self.texts, start=1))


def effect_table(effects: Sequence[Effect], *, population: str = "Intention to treat") -> Table:
    """Lay out endpoints by arm with absolute and relative effects (the shape of the paper's Figure 3)."""
    notes = Footnotes()
    rows = [
        row
        for group, members in groupby(effects, key=lambda found: found.group)
        for row in (Row(group, heading=True), *(_effect_row(found, notes) for found in members))
    ]
    columns = (
        "Endpoint", SCREENING, CONTROL, "Odds ratio (95% CI)", "Risk ratio (95% CI)",
        "Risk difference, % points (95% CI)", "Number to screen for one more (95% CI)",
    )  # fmt: skip
    methods = _methods(
        e for found in effects for e in (found.odds_ratio, found.risk_ratio, found.risk_difference)
    )
    footnotes = (
        f"Population: {population}. Events/people (%). No correction for multiple endpoints.",
        methods,
    )
    return Table("effects", "Effects by endpoint", columns, tuple(rows), (*footnotes, *notes.listed()))


def _effect_row(found: Effect, notes: Footnotes) -> Row:
    a, n, c, m = found.counts
    cells = (
        events_of(a, n),
        events_of(c, m),
        interval(found.odds_ratio) + notes.mark(found.odds_ratio.why),
        interval(found.risk_ratio) + notes.mark(found.risk_ratio.why),
        percentage_points(found.risk_difference) + notes.mark(found.risk_difference.why),
        _number_needed(found.number_needed),
    )
    return Row(found.label, cells, found.indent, key=found.key)


def _number_needed(found: NumberNeeded) -> str:
    if found.low is None or found.high is None:
        return UNDEFINED
    limits = f"{fixed(found.low, 1)} to {'∞ to ' if found.through_infinity else ''}{fixed(found.high, 1)}"
    return f"{fixed(found.value, 1).replace('Inf', '∞')} ({limits})"


def subgroup_table(found: Sequence[SubgroupEffect], *, population: str = "Intention to treat") -> Table:
    """Lay out the effects within subgroups with both interaction tests (the shape of Figure 4A)."""
    notes = Footnotes()
    rows = [row for outcome in found for row in _subgroup_rows(outcome, notes)]
    methods = _methods(level.odds_ratio for outcome in found for level in outcome.levels)
    footnotes = [f"Population: {population}. Events/people (%).", methods]
    if found:
        first = found[0].interaction
        footnotes += [f"P for interaction: {first.wald.method}; beside it {first.likelihood_ratio.method}."]
        if found[0].missing:
            footnotes += [
                f"{found[0].missing} people belong to no level, for what defines it was not recorded."
            ]
    title = f"Effects by subgroup: {found[0].subgroup.label}" if found else "Effects by subgroup"
    columns = ("Subgroup", SCREENING, CONTROL, "Odds ratio (95% CI)", "P, Wald", "P, likelihood ratio")
    return Table("subgroups", title, columns, tuple(rows), (*footnotes, *notes.listed()))


def _subgroup_rows(found: SubgroupEffect, notes: Footnotes) -> Iterator[Row]:
    tests = (found.interaction.wald, found.interaction.likelihood_ratio)
    cells = ("", "", "", *(p_value(test.p) + notes.mark(test.why) for test in tests))
    yield Row(found.endpoint.label, cells, heading=True, key=found.endpoint.key)
    for level in found.levels:
        a, n, c, m = level.counts
        effect = interval(level.odds_ratio) + notes.mark(level.odds_ratio.why)
        yield Row(level.label, (events_of(a, n), events_of(c, m), effect, "", ""), 1, key=level.key)


def cascade_table(bars: Sequence[Bar], *, title: str) -> Table:
    """List the bars of a cascade with their segments and shares (the shape of Figures 2 and 5)."""
    rows = [
        row
        for bar in bars
        for row in (
            Row(bar.label, (str(bar.n), ""), heading=True),
            *(Row(part.label, (str(part.n), percent(part.n, bar.n)), 1) for part in bar.segments),
        )
    ]
    return Table("cascade", title, ("Step", "People", "%"), tuple(rows))


def baseline_table(found: Sequence[CategoryByArm | QuantityByArm], totals: tuple[int, int]) -> Table:
    """Lay out the baseline characteristics by arm (the shape of Table 1)."""
    notes = Footnotes()
    rows = [
        row
        for variable in found
        for row in (
            _category_rows(variable, notes)
            if isinstance(variable, CategoryByArm)
            else _quantity_rows(variable, notes)
        )
    ]
    columns = ("Characteristic", f"{SCREENING} (n = {totals[0]})", f"{CONTROL} (n = {totals[1]})", "P")
    footnotes = (
        "People (%) or mean ± standard deviation, of those with a recorded value.",
        "P: Pearson chi-square without correction; # Fisher exact where an expected count is below 5; "
        "t test with equal variances for means. P describes balance and tests no hypothesis of the trial.",
    )
    return Table("baseline", "Baseline characteristics", columns, tuple(rows), (*footnotes, *notes.listed()))


def _category_rows(found: CategoryByArm, notes: Footnotes) -> Iterator[Row]:
    yield Row(
        found.category.label,
        ("", "", balance_p(found.test) + notes.mark(found.test.why)),
        heading=True,
        key=found.category.key,
    )
    for label, counts in found.levels:
        yield Row(label, (*(share(*counts[arm]) for arm in ARMS), ""), 1)
    yield from _missing_row(found)


def _quantity_rows(found: QuantityByArm, notes: Footnotes) -> Iterator[Row]:
    means = (mean_sd(found.means[arm]) for arm in ARMS)
    yield Row(
        found.quantity.label,
        (*means, balance_p(found.test) + notes.mark(found.test.why)),
        key=found.quantity.key,
    )
    yield from _missing_row(found)


def _missing_row(found: CategoryByArm | QuantityByArm) -> Iterator[Row]:
    if any(found.missing.values()):
        yield Row("Not recorded", (*(str(found.missing[arm]) for arm in ARMS), ""), 1)


def uptake_table(found: Sequence[Uptake], steps: Sequence[str]) -> Table:
    """Lay out who took each step, level by level (the shape of Table 2)."""
    rows = [row for variable in found for row in _uptake_rows(variable)]
    footnote = "P: Pearson chi-square, with Yates correction for two levels; never replaced by Fisher."
    return Table(
        "uptake", "Uptake in the screening arm", ("Characteristic", *steps), tuple(rows), (footnote,)
    )


def _uptake_rows(found: Uptake) -> Iterator[Row]:
    yield Row(found.category.label, tuple(map(p_equation, found.tests)), heading=True, key=found.category.key)
    for label, counts in found.levels:
        yield Row(label, tuple(events_of(*count) for count in counts), 1)


def _methods(estimates: Iterable[Estimate]) -> str:
    return "Methods: " + "; ".join(dict.fromkeys(estimate.method for estimate in estimates)) + "."


def to_csv(table: Table) -> str:
    """Write a table as CSV (RFC 4180), its footnotes below it; no cell can start a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([guarded(name) for name in table.columns])
    for row in table.rows:
        cells = row.cells + ("",) * (len(table.columns) - 1 - len(row.cells))
        writer.writerow([guarded(cell) for cell in (row.label, *cells)])
    for note in table.footnotes:
        writer.writerow([guarded(note)])
    return out.getvalue()


def guarded(cell: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would run as a formula."""
    return f"'{cell}" if FORMULA.match(cell) and not HARMLESS.match(cell) else cell


def to_text(table: Table) -> str:
    """Write a table for a console: labels to the left, cells to the right, footnotes below."""
    lines = [table.columns, *(("  " * row.indent + row.label, *row.cells) for row in table.rows)]
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(table.columns))]
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    body = [_aligned(line, widths) for line in lines]
    return "\n".join([table.title, rule, body[0], rule, *body[1:], rule, *table.footnotes])


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(line, widths, strict=False))
    return "  ".join([line[0].ljust(len(first)), *others]).rstrip()
