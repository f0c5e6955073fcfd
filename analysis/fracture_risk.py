"""FRAX before and after DXA (the shape of the paper's Figure 4B), from values recorded as entered.

Counted are those of the screening arm whose FRAX was entered with the trial's DXA. For each fracture, the risk with
BMD (after) is divided by that without (before), person by person; groups by the ISCD's age and sex are compared by
Welch's t test, which is R's default. Nothing is computed by FRAX itself: its algorithm is not public.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from analysis.continuous import welch
from analysis.populations import SCREENING_ARM
from analysis.significance import Mean, PValue, mean
from analysis.subjects import SubjectRow

GROUPS = ((False, "Not meeting ISCD indication"), (True, "Meeting ISCD indication"))


class Pair(NamedTuple):
    """The columns of one fracture's risk."""

    label: str
    before: Callable[[SubjectRow], float | None]
    after: Callable[[SubjectRow], float | None]


PAIRS = (
    Pair("Major osteoporotic fracture", lambda row: row.frax_major, lambda row: row.frax_major_bmd),
    Pair("Hip fracture", lambda row: row.frax_hip, lambda row: row.frax_hip_bmd),
)


class GroupRisk(NamedTuple):
    """One group: mean risk in percent before and after, and the mean of each person's ratio."""

    label: str
    before: Mean
    after: Mean
    ratio: Mean


class RiskChange(NamedTuple):
    """One fracture: its groups, and the test of their ratios."""

    label: str
    groups: tuple[GroupRisk, ...]
    test: PValue


class FractureRisk(NamedTuple):
    """Who was scanned by the trial, who of them has FRAX, and what it said; no changes where nobody has any."""

    scanned: int
    recorded: int
    models: tuple[str, ...]
    changes: tuple[RiskChange, ...]


def fracture_risk(rows: Sequence[SubjectRow]) -> FractureRisk:
    """Compare the risk after DXA with that before it; a risk of 0 before has no ratio, and is left out."""
    scanned = [row for row in SCREENING_ARM.select(rows) if row.dxa_trial]
    entered = [row for row in scanned if row.frax_trial]
    models = tuple(sorted({row.frax_model for row in entered if row.frax_model}))
    changes = tuple(_change(entered, pair) for pair in PAIRS) if entered else ()
    return FractureRisk(len(scanned), len(entered), models, changes)


def _change(rows: Sequence[SubjectRow], pair: Pair) -> RiskChange:
    found = {meets: _pairs([row for row in rows if row.iscd_age_sex is meets], pair) for meets, _ in GROUPS}
    ratios = {meets: [after / before for before, after in pairs] for meets, pairs in found.items()}
    groups = tuple(_group(label, found[meets], ratios[meets]) for meets, label in GROUPS)
    return RiskChange(pair.label, groups, welch(ratios[False], ratios[True]).test)


def _group(label: str, pairs: Sequence[tuple[float, float]], ratios: Sequence[float]) -> GroupRisk:
    before, after = ([pair[when] for pair in pairs] for when in (0, 1))
    return GroupRisk(label, mean(before), mean(after), mean(ratios))


def _pairs(rows: Sequence[SubjectRow], pair: Pair) -> list[tuple[float, float]]:
    """Return the complete pairs, before and after, whose ratio is a number."""
    both = ((pair.before(row), pair.after(row)) for row in rows)
    return [(before, after) for before, after in both if before and after is not None]
