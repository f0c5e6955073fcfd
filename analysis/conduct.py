"""The conduct of a trial as tables: weeks, deviations, harms, what is missing, the index test and its performance."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

from analysis.accrual import Accrual, accrual, goals, planned_by
from analysis.characteristics import BASELINE, Category, Quantity
from analysis.consort import Intake
from analysis.estimators import Proportion, proportion
from analysis.formats import events_of, fixed, percent
from analysis.populations import SCREENING_ARM, by_arm
from analysis.subjects import ARM_CODES, ARMS, SubjectRow
from analysis.tables import Row, Table

BY_ARM = tuple(ARM_CODES[arm] for arm in ARMS)
Record = Mapping[str, Any]
NOT_VERIFIED = (
    "Sensitivity and specificity are not given: people at low risk were not verified by DXA as a rule, so nobody knows "
    "how many of them have osteoporosis (partial verification; STARD 2015)."
)


def conduct_tables(rows: Sequence[SubjectRow], record: Record, intake: Intake) -> dict[str, Table]:
    """Return the tables of conduct, by name; a freeze from before they were counted has those of its rows alone."""
    return {
        "accrual": accrual_table(accrual_of(rows, record)),
        "weeks": weeks_table(rows, record.get("calls", {})),
        "deviations": deviations_table(record.get("deviations", [])),
        "harms": harms_table(rows, record.get("fractures", {})),
        "missing": missing_table(rows),
        "index_test": index_test_table(record, intake),
        "drift": drift_table(record.get("months", [])),
        "performance": performance_table(rows),
    }


def weeks_table(rows: Iterable[SubjectRow], calls: Mapping[str, int]) -> Table:
    """Lay out by calendar week how many were randomized, called and scanned, and how many so far."""
    people = [row for row in rows if row.arm]
    counts = {
        "Randomized": Counter(_monday(row.randomized_on) for row in people if row.randomized_on),
        "Calls": Counter({date.fromisoformat(week): n for week, n in calls.items()}),
        "DXA, screening arm": _scans(people, "screening"),
        "DXA, control arm": _scans(people, "control"),
    }
    found = sorted(set().union(*counts.values()))
    weeks = (
        [found[0] + timedelta(weeks=n) for n in range((found[-1] - found[0]).days // 7 + 1)] if found else []
    )
    so_far = list(accumulate(counts["Randomized"][week] for week in weeks))
    lines = [
        Row(week.isoformat(), (*(str(count[week]) for count in counts.values()), str(total)))
        for week, total in zip(weeks, so_far, strict=True)
    ]
    columns = ("Week from", *counts, "Randomized so far")
    return Table("weeks", "Accrual, calls and DXA by week", columns, tuple(lines))


def accrual_of(rows: Iterable[SubjectRow], record: Record) -> Accrual | None:
    """Compare accrual with the plan that was kept at the freeze; None where there was none."""
    rows = list(rows)
    planned = goals(record.get("planned", []))
    days = [row.randomized_on for row in rows if row.randomized_on]
    # Nobody is followed beyond the cut-off: the longest tells how far the record goes.
    known = [row.followed_to for row in rows if row.followed_to] + days
    return accrual(days, planned, max(known)) if known else None


def accrual_table(found: Accrual | None) -> Table:
    """Lay out each goal that is over and the day of the report: planned, randomized, and the difference."""
    due = [day for day, _ in found.planned[1:] if day < found.as_of] + [found.as_of] if found else []
    rows = [Row(day.isoformat(), _against_plan(found, day)) for day in due if found]
    columns = ("By", "Planned", "Randomized", "Ahead (+) or behind (−)")
    return Table("accrual", "Accrual against plan", columns, tuple(rows), (found.words,) if found else ())


def _against_plan(found: Accrual, day: date) -> tuple[str, ...]:
    planned, randomized = round(planned_by(found.planned, day)), found.randomized_by(day)
    lead = randomized - planned
    return str(planned), str(randomized), f"{lead:+d}".replace("-", "−") if lead else "0"


def _scans(people: Iterable[SubjectRow], arm: str) -> Counter[date]:
    return Counter(_monday(row.dxa_on) for row in people if row.dxa_on and row.arm == arm)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def deviations_table(counted: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out deviations by category and severity; those of nobody in an arm stand apart."""
    found: Counter[tuple[str, str, str | None]] = Counter()
    for line in counted:
        found[line["category"], line["severity"], line["arm"]] += line["n"]
    kinds = sorted({(category, severity) for category, severity, _ in found})
    rows = [
        Row(
            f"{category.capitalize()} ({severity})",
            tuple(str(found[category, severity, arm]) for arm in (*ARMS, None)),
        )
        for category, severity in kinds
    ]
    columns = ("Protocol deviation", *BY_ARM, "Nobody randomized")
    return Table("deviations", "Protocol deviations", columns, tuple(rows))


def harms_table(rows: Sequence[SubjectRow], fractures: Mapping[str, int]) -> Table:
    """Lay out deaths and fractures from randomization on, by arm (CONSORT Harms 2022)."""
    arms = by_arm(rows)
    sizes = [len(arms[arm]) for arm in ARMS]
    if not any(sizes):
        return Table("harms", "Harms", ("Harm", *BY_ARM), ())
    died = [sum(row.died for row in arms[arm]) for arm in ARMS]
    broken = [fractures.get(arm, 0) for arm in ARMS]
    lines = [
        Row("Died during follow-up", tuple(map(events_of, died, sizes))),
        Row("Osteoporotic fracture recorded", tuple(map(events_of, broken, sizes))),
    ]
    note = "As recorded by whoever learned of it; nobody was asked systematically."
    return Table("harms", "Harms", ("Harm", *BY_ARM), tuple(lines), (note,))


def missing_table(rows: Sequence[SubjectRow]) -> Table:
    """Lay out who left, and which baseline values were not recorded, by arm."""
    arms = by_arm(rows)
    if not any(arms.values()):
        return Table("missing", "Missing data", ("What", *BY_ARM), ())
    end = max((row.followed_to for row in rows if row.followed_to), default=None)
    lacking: dict[str, Callable[[SubjectRow], bool]] = {
        "Withdrawn": lambda row: row.withdrawn,
        "Followed for less than the longest": lambda row: bool(
            row.followed_to and end and row.followed_to < end
        ),
    }
    lacking |= {f"{variable.label}: not recorded": _unrecorded(variable) for variable in BASELINE}
    counted = {label: [sum(map(lacks, arms[arm])) for arm in ARMS] for label, lacks in lacking.items()}
    lines = [
        Row(label, tuple(events_of(n, len(arms[arm])) for n, arm in zip(counts, ARMS, strict=True)))
        for label, counts in counted.items()
        if any(counts) or label == "Withdrawn"
    ]
    return Table("missing", "Missing data", ("What", *BY_ARM), tuple(lines))


def _unrecorded(variable: Category | Quantity) -> Callable[[SubjectRow], bool]:
    return lambda row: variable.value(row) is None


def index_test_table(record: Record, intake: Intake) -> Table:
    """Fill the items of CONSORT-AI (Liu et al., Nat Med 2020;26:1364-1374) that the record answers."""
    lines = [row for version in record.get("versions", []) for row in _version_rows(version)]
    if intake.received:
        lines += [Row("Inputs", ("5(ii)", f"{intake.received} film files, {intake.scored} scored"))]
        lines += [
            Row("Inputs not scored", ("5(iii)", f"{reason}: {n}"))
            for reason, n in sorted(intake.set_aside.items())
        ]
    looked = record.get("looked_at", {})
    if looked:
        told = ", ".join(f"{decision.replace('_', ' ')}: {n}" for decision, n in sorted(looked.items()))
        lines += [Row("Inputs that a person looked at", ("5(iv)", told))]
    if "failed" in record and lines:
        lines += [Row("Failures", ("19", f"{record['failed']} films could not be scored"))]
    lines += [
        Row("Standstill", ("19", f"{s['reason']} ({s['began'][:16]} to {(s['ended'] or 'now')[:16]})"))
        for s in record.get("standstills", [])
    ]
    return Table("index_test", "The index test (CONSORT-AI)", ("What", "Item", "On record"), tuple(lines))


def _version_rows(version: Mapping[str, Any]) -> Iterator[Row]:
    name, checksum = f"{version['name']} {version['version']}", version["sha256"]
    told = (
        f"{version['films']} films, {version['first']} to {version['last']}; threshold {version['threshold']}"
    )
    yield Row(name, ("5(i)", told), data=(version["name"], version["version"]))
    # In a line of its own: nothing breaks it.
    yield Row(f"{name}, SHA-256", ("5(i)", checksum), data=(version["name"], version["version"], checksum))


def drift_table(months: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out the scores by the month in which the film was taken: a change of the inputs would show."""
    lines = [
        Row(m["month"], (str(m["films"]), fixed(m["mean"], 3), percent(m["positive"], m["films"])))
        for m in months
    ]
    columns = ("Films of", "Scored", "Mean score", "% at or above the threshold")
    return Table("drift", "Scores by month", columns, tuple(lines))


def performance_table(rows: Sequence[SubjectRow]) -> Table:
    """Give the predictive value among the scanned; refuse what needs everybody to be verified (STARD 2015 item 24)."""
    scanned = [row for row in SCREENING_ARM.select(rows) if row.dxa_trial]
    if not scanned:
        return Table(
            "performance", "Performance of the index test", ("Measure", "Value"), (), (NOT_VERIFIED,)
        )
    found = proportion(sum(row.osteoporosis_trial for row in scanned), len(scanned))
    lines = [
        Row("Positive predictive value, of those scanned by the trial", (_told(found),)),
        Row("Sensitivity", ("refused",)),
        Row("Specificity", ("refused",)),
    ]
    return Table(
        "performance", "Performance of the index test", ("Measure", "Value"), tuple(lines), (NOT_VERIFIED,)
    )


def _told(found: Proportion) -> str:
    low, high = found.wilson.low, found.wilson.high
    limits = (
        f", 95% CI {100 * low:.1f} to {100 * high:.1f} (Wilson)"
        if low is not None and high is not None
        else ""
    )
    return f"{events_of(found.events, found.n)}{limits}"
