"""Answers of the calculator about tables of two arms, as tables and as the lines of a forest plot."""

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.estimators import Estimate
from analysis.figures import Line
from analysis.formats import UNDEFINED, events_of, fixed, interval, p_value, percentage_points
from analysis.tables import Footnotes, Row, Table

Answer = Mapping[str, Any]
SCALES = {
    "odds_ratio": "Odds ratio",
    "risk_ratio": "Risk ratio",
    "risk_difference": "Risk difference, % points",
    "number_needed_to_invite": "Number to invite for one more case",
}
RATIOS = ("odds_ratio", "risk_ratio")
ARMS = {"screening": "Screening arm", "control": "Control arm"}


def effect_tables(answer: Answer) -> list[Table]:
    """Lay out rates, effects and tests of one table."""
    return [_rates(answer), _effects(answer, "Effects"), _tests(answer)]


def strata_tables(answer: Answer) -> list[Table]:
    """Lay out the strata, what is common to them, and tests."""
    return [_strata(answer), _effects(answer, "Common effects"), _tests(answer)]


def effect_lines(answer: Answer) -> list[Line]:
    """Return the ratios by each method for a forest plot."""
    return [
        line
        for scale in RATIOS
        for line in (
            Line(SCALES[scale]),
            *(Line(found["method"], estimate_of(found), indent=1) for found in answer[scale].values()),
        )
    ]


def strata_lines(answer: Answer) -> list[Line]:
    """Return the odds ratio of each stratum, then the common one, for a forest plot."""
    lines = [
        Line(f"Stratum {number}", estimate_of(stratum["odds_ratio"]["woolf"]), _counts(stratum), 1)
        for number, stratum in enumerate(answer["strata"], start=1)
    ]
    common = answer["odds_ratio"]["mantel_haenszel"]
    return [*lines, Line("All strata (Mantel-Haenszel)", estimate_of(common))]


def estimate_of(found: Answer) -> Estimate:
    """Return an estimate of an answer with numbers for the words that JSON needs for infinity."""
    value, low, high = (
        None if found[name] is None else float(found[name]) for name in ("estimate", "lower", "upper")
    )
    return Estimate(value, low, high, found["method"], found["why"])


def _counts(answer: Answer) -> str:
    arms = (answer["detection_rate"][arm] for arm in ARMS)
    return " v ".join(f"{rate['events']}/{rate['n']}" for rate in arms)


def _rates(answer: Answer) -> Table:
    notes, names, rows = Footnotes(), ("wilson", "clopper_pearson"), []
    for arm, label in ARMS.items():
        rate = answer["detection_rate"][arm]
        limits = (percentage_points(estimate_of(rate[n])) + notes.mark(rate[n]["why"]) for n in names)
        rows.append(Row(label, (events_of(rate["events"], rate["n"]), *limits)))
    columns = ("Arm", "Events/people", "%, Wilson (95% CI)", "%, Clopper-Pearson (95% CI)")
    return Table("rates", "Detection rate", columns, tuple(rows), notes.listed())


def _strata(answer: Answer) -> Table:
    notes, rows = Footnotes(), []
    for number, stratum in enumerate(answer["strata"], start=1):
        rates = [stratum["detection_rate"][arm] for arm in ARMS]
        found = stratum["odds_ratio"]["woolf"]
        shown = interval(estimate_of(found)) + notes.mark(found["why"])
        rows.append(Row(f"Stratum {number}", (*(events_of(r["events"], r["n"]) for r in rates), shown)))
    columns = ("Stratum", *ARMS.values(), "Odds ratio, Woolf (95% CI)")
    return Table("strata", "Strata", columns, tuple(rows), notes.listed())


def _effects(answer: Answer, title: str) -> Table:
    notes = Footnotes()
    rows = [
        row
        for scale, label in SCALES.items()
        if scale in answer
        for row in (Row(label, heading=True), *_effect_rows(scale, answer[scale], notes))
    ]
    return Table("effects", title, ("Method", "Estimate (95% CI)"), tuple(rows), notes.listed())


def _effect_rows(scale: str, methods: Answer, notes: Footnotes) -> Iterator[Row]:
    for found in methods.values():
        yield Row(found["method"], (_shown(scale, found) + notes.mark(found["why"]),), 1)


def _shown(scale: str, found: Answer) -> str:
    """Format an estimate as its scale is read; limits that enclose infinity say so between them."""
    estimate = estimate_of(found)
    if scale == "risk_difference":
        return percentage_points(estimate)
    if not found.get("through_infinity"):
        return interval(estimate)
    return f"{fixed(estimate.value)} ({fixed(estimate.low)} to ∞ to {fixed(estimate.high)})"


def _tests(answer: Answer) -> Table:
    notes = Footnotes()
    rows = tuple(
        Row(
            test["method"],
            (_number(test["statistic"]), _number(test["df"]), _p(test["p"]) + notes.mark(test["why"])),
        )
        for test in answer["tests"].values()
    )
    return Table("tests", "Tests", ("Test", "Statistic", "df", "p"), rows, notes.listed())


def _number(found: Any) -> str:
    return UNDEFINED if found is None else str(found) if isinstance(found, int) else fixed(float(found), 3)


def _p(p: float | None) -> str:
    """Format p with three decimals, and where those would be few with two digits that count."""
    return f"{p:.1e}" if p is not None and 0 < p < 0.0005 else p_value(p)
