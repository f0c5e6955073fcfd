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
from analysis.fracture_risk import FractureRisk, GroupRisk
from analysis.further import Further
from analysis.sensitivity import Sensitivity
from analysis.subjects import ARM_CODES, ARMS

SCREENING, CONTROL = (ARM_CODES[arm] for arm in ARMS)
# A spreadsheet runs a cell that starts like this (OWASP, CSV injection); a plain number or interval may.
FORMULA = re.compile(r"^[=+\-@\t\r]")
INSIDE = re.compile(r" (?!\()")
HARMLESS = re.compile(r"^-[\d.,()%\sInf-]*$")


@dataclass(frozen=True)
class Row:
    """One line: its label, its cells, how deep it is indented, whether it heads those below, and its data."""

    label: str
    cells: tuple[str, ...] = ()
    indent: int = 0
    heading: bool = False
    key: str = ""
    data: tuple[str, ...] = ()  # what in it somebody named: no words of the report


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


POST_HOC = "Post hoc: no plan signed before the arms were known names these comparisons."


def effect_table(
    effects: Sequence[Effect], *, population: str = "Intention to treat", post_hoc: bool = False
) -> Table:
    """Lay out endpoints by arm with absolute and relative effects (the shape of the paper's Figure 3)."""
    notes = Footnotes()
    rows = [
        row
        for group, members in groupby(effects, key=lambda found: found.group)
        for row in (Row(group, heading=True), *(_effect_row(found, notes) for found in members))
    ]
    columns = (
        "Endpoint", SCREENING, CONTROL, "Odds ratio (95% CI)", "Risk ratio (95% CI)",
        "Risk difference, % points (95% CI)", "Number to screen for one more (95% CI)", "P",
    )  # fmt: skip
    methods = _methods(
        e for found in effects for e in (found.odds_ratio, found.risk_ratio, found.risk_difference)
    )
    footnotes = (
        f"Population: {population}. Events/people (%). No correction for multiple endpoints.",
        methods,
        f"P: {'; '.join(dict.fromkeys(found.test.method for found in effects))}.",
        *([POST_HOC] if post_hoc else []),
    )
    title = _titled("Effects by endpoint", post_hoc)
    return Table("effects", title, columns, tuple(rows), (*footnotes, *notes.listed()))


def _titled(title: str, post_hoc: bool) -> str:
    return f"{title} (post hoc)" if post_hoc else title


def _effect_row(found: Effect, notes: Footnotes) -> Row:
    a, n, c, m = found.counts
    cells = (
        events_of(a, n),
        events_of(c, m),
        interval(found.odds_ratio) + notes.mark(found.odds_ratio.why),
        interval(found.risk_ratio) + notes.mark(found.risk_ratio.why),
        percentage_points(found.risk_difference) + notes.mark(found.risk_difference.why),
        _number_needed(found.number_needed),
        p_value(found.test.p) + notes.mark(found.test.why),
    )
    return Row(found.label, cells, found.indent, key=found.key)


def _number_needed(found: NumberNeeded) -> str:
    if found.low is None or found.high is None:
        return UNDEFINED
    limits = f"{fixed(found.low, 1)} to {'∞ to ' if found.through_infinity else ''}{fixed(found.high, 1)}"
    return f"{fixed(found.value, 1).replace('Inf', '∞')} ({limits})"


def sensitivity_table(found: Sequence[Sensitivity], *, post_hoc: bool = False) -> Table:
    """Lay out the primary endpoint as looked at otherwise, each look explained below."""
    notes = Footnotes()
    rows = []
    for look in found:
        a, n, c, m = look.effect.counts
        ratio, difference = look.effect.odds_ratio, look.effect.risk_difference
        cells = (
            events_of(a, n),
            events_of(c, m),
            interval(ratio) + notes.mark(ratio.why),
            percentage_points(difference) + notes.mark(difference.why),
        )
        rows.append(Row(look.label + notes.mark(f"{look.label}: {look.definition}."), cells))
    columns = (
        "Primary endpoint", SCREENING, CONTROL, "Odds ratio (95% CI)", "Risk difference, % points (95% CI)"
    )  # fmt: skip
    footnotes = (*([POST_HOC] if post_hoc else []), *notes.listed())
    return Table("sensitivity", _titled("Sensitivity analyses", post_hoc), columns, tuple(rows), footnotes)


def further_table(found: Further, *, post_hoc: bool = False) -> Table:
    """Lay out the adjusted model, the effect among compliers and the times to events, each with its method."""
    notes = Footnotes()
    rows = [*_adjusted_rows(found, notes), *_complier_rows(found, notes), *_timed_rows(found, notes)]
    columns = ("Analysis", "Estimate (95% CI)", "P")
    footnotes = (*([POST_HOC] if post_hoc else []), *notes.listed())
    return Table("further", _titled("Further analyses", post_hoc), columns, tuple(rows), footnotes)


def _adjusted_rows(found: Further, notes: Footnotes) -> Iterator[Row]:
    if model := found.adjusted:
        ratio, left_out = model.odds_ratio, f"; {model.left_out} people without a covariate left out"
        said = _said(ratio) + (left_out if model.left_out else "")
        clustered = f"; {model.clusters} clusters" if model.clusters else ""
        cells = (interval(ratio), p_value(model.test.p))
        yield Row("Primary endpoint, adjusted odds ratio" + notes.mark(f"{said}{clustered}."), cells)


def _complier_rows(found: Further, notes: Footnotes) -> Iterator[Row]:
    if effect := found.complier:
        said = (
            f"{_said(effect.estimate)}. Exposure: {effect.exposure}. Exclusion restriction: "
            f"{effect.exclusion_restriction}. Monotonicity: {effect.monotonicity}."
        )
        cells = (percentage_points(effect.estimate), "")
        yield Row("Primary endpoint among compliers, % points" + notes.mark(said), cells)


def _timed_rows(found: Further, notes: Footnotes) -> Iterator[Row]:
    for timed in found.timed:
        ratio, test = timed.hazard.ratio, timed.test
        out = f"; {timed.left_out} people without a day of randomization left out" if timed.left_out else ""
        said = f"{_said(ratio)}; P: {test.method}{out}."
        cells = (interval(ratio), p_value(test.p) + notes.mark(test.why))
        yield Row(f"Time to: {timed.endpoint.label}, hazard ratio" + notes.mark(said), cells)


def _said(estimate: Estimate) -> str:
    return f"{estimate.method[0].upper()}{estimate.method[1:]}" + (
        f"; {estimate.why}" if estimate.why else ""
    )


def subgroup_table(
    found: Sequence[SubgroupEffect], *, population: str = "Intention to treat", post_hoc: bool = False
) -> Table:
    """Lay out the effects within subgroups with both interaction tests (the shape of Figure 4A)."""
    notes = Footnotes()
    several = len({outcome.subgroup.key for outcome in found}) > 1
    rows = [row for outcome in found for row in _subgroup_rows(outcome, notes, several)]
    methods = _methods(level.odds_ratio for outcome in found for level in outcome.levels)
    footnotes = [f"Population: {population}. Events/people (%).", methods]
    if found:
        first = found[0].interaction
        footnotes += [f"P for interaction: {first.wald.method}; beside it {first.likelihood_ratio.method}."]
        footnotes += dict.fromkeys(
            f"{group.missing} people belong to no level of “{group.subgroup.label}”, for it was not recorded."
            for group in found
            if group.missing
        )
    if post_hoc:
        footnotes += [POST_HOC]
    groups = "; ".join(dict.fromkeys(outcome.subgroup.label for outcome in found))
    title = _titled(f"Effects by subgroup: {groups}", post_hoc)
    columns = ("Subgroup", SCREENING, CONTROL, "Odds ratio (95% CI)", "P, Wald", "P, likelihood ratio")
    return Table("subgroups", title, columns, tuple(rows), (*footnotes, *notes.listed()))


def _subgroup_rows(found: SubgroupEffect, notes: Footnotes, several: bool) -> Iterator[Row]:
    tests = (found.interaction.wald, found.interaction.likelihood_ratio)
    cells = ("", "", "", *(p_value(test.p) + notes.mark(test.why) for test in tests))
    label = f"{found.endpoint.label}: {found.subgroup.label}" if several else found.endpoint.label
    yield Row(label, cells, heading=True, key=found.endpoint.key)
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


def baseline_table(
    found: Sequence[CategoryByArm | QuantityByArm],
    totals: tuple[int, int],
    *,
    tested: bool = True,
    names: tuple[str, str] = (SCREENING, CONTROL),
) -> Table:
    """Lay out the baseline characteristics by arm (the shape of Table 1), tested or not as the plan says."""
    notes = Footnotes()
    rows = [
        row
        for variable in found
        for row in (
            _category_rows(variable, notes, tested)
            if isinstance(variable, CategoryByArm)
            else _quantity_rows(variable, notes, tested)
        )
    ]
    columns: tuple[str, ...] = (
        "Characteristic",
        *(f"{name} (n = {total})" for name, total in zip(names, totals, strict=True)),
        "Difference",
    )
    footnotes = [
        "People (%) or mean ± standard deviation, of those with a recorded value.",
        "Difference: standardized, of means or of the shares of all levels (Yang and Dalton).",
    ]
    if tested:
        columns += ("P",)
        footnotes += [
            "P: Pearson chi-square without correction; # Fisher exact where an expected count is below 5; "
            "t test with equal variances for means. P describes balance and tests no hypothesis of the trial."
        ]
    return Table("baseline", "Baseline characteristics", columns, tuple(rows), (*footnotes, *notes.listed()))


def _category_rows(found: CategoryByArm, notes: Footnotes, tested: bool) -> Iterator[Row]:
    cells = ("", "", *_balance(found, notes, tested))
    yield Row(found.category.label, cells, heading=True, key=found.category.key)
    for label, counts in found.levels:
        yield Row(label, tuple(share(*counts[arm]) for arm in ARMS), 1)
    yield from _missing_row(found)


def _quantity_rows(found: QuantityByArm, notes: Footnotes, tested: bool) -> Iterator[Row]:
    cells = (*(mean_sd(found.means[arm]) for arm in ARMS), *_balance(found, notes, tested))
    yield Row(found.quantity.label, cells, key=found.quantity.key)
    yield from _missing_row(found)


def _balance(found: CategoryByArm | QuantityByArm, notes: Footnotes, tested: bool) -> tuple[str, ...]:
    difference = UNDEFINED if found.difference is None else fixed(found.difference, 3)
    return (difference, balance_p(found.test) + notes.mark(found.test.why)) if tested else (difference,)


def _missing_row(found: CategoryByArm | QuantityByArm) -> Iterator[Row]:
    if any(found.missing.values()):
        yield Row("Not recorded", tuple(str(found.missing[arm]) for arm in ARMS), 1)


def uptake_table(found: Sequence[Uptake], steps: Sequence[str]) -> Table:
    """Lay out who took each step, level by level (the shape of Table 2)."""
    notes = Footnotes()
    rows = [row for variable in found for row in _uptake_rows(variable, notes)]
    footnotes = (
        "P: Pearson chi-square, with Yates correction for two levels; never replaced by Fisher.",
        *notes.listed(),
    )
    return Table("uptake", "Uptake in the screening arm", ("Characteristic", *steps), tuple(rows), footnotes)


def _uptake_rows(found: Uptake, notes: Footnotes) -> Iterator[Row]:
    cells = tuple(p_equation(test) + notes.mark(test.why) for test in found.tests)
    yield Row(found.category.label, cells, heading=True, key=found.category.key)
    for label, counts in found.levels:
        yield Row(label, tuple(events_of(*count) for count in counts), 1)


def fracture_risk_table(found: FractureRisk) -> Table:
    """Lay out FRAX before and after DXA by ISCD indication, with each person's ratio (the shape of Figure 4B)."""
    rows = [
        row
        for change in found.changes
        for row in (
            Row(change.label, ("", "", "", "", p_value(change.test.p)), heading=True),
            *(_risk_row(group) for group in change.groups),
        )
    ]
    columns = ("10-year risk", "People", "Before, %", "After, %", "After / before", "P")
    footnotes = (
        f"FRAX was recorded for {events_of(found.recorded, found.scanned)} of those scanned by the trial, as entered"
        f" ({'; '.join(found.models) or 'model not stated'}): its algorithm is not public.",
        "Mean ± standard deviation of complete pairs: before without BMD, after with it. Who had a risk of 0 before "
        "has no ratio and is left out.",
        *dict.fromkeys(f"P: {change.test.method}, of the ratios." for change in found.changes),
    )
    return Table(
        "fracture_risk", "Risk of fracture before and after DXA (FRAX)", columns, tuple(rows), footnotes
    )


def _risk_row(group: GroupRisk) -> Row:
    risks = (mean_sd(group.before), mean_sd(group.after), mean_sd(group.ratio, 2))
    return Row(group.label, (str(group.ratio.n), *risks, ""), 1)


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
