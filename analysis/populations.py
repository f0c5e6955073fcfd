"""Analysis sets: who is counted, as pure functions over the frozen rows."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from analysis.subjects import ARMS, Arm, SubjectRow


class AnalysisSet(NamedTuple):
    """Name, say and select the people an analysis counts."""

    name: str
    label: str
    definition: str
    includes: Callable[[SubjectRow], bool]

    def select(self, rows: Iterable[SubjectRow]) -> list[SubjectRow]:
        """Return the rows of this set in their order."""
        return [row for row in rows if self.includes(row)]


ELIGIBLE = AnalysisSet(
    "eligible", "Eligible", "everybody who met the eligibility criteria", lambda row: row.eligible
)
# CONSORT 2025 item 21b: who was analyzed, and in which group. The withdrawn, the never reached and those
# randomized in error stay in the arm the allocation gave them.
INTENTION_TO_TREAT = AnalysisSet(
    "intention_to_treat",
    "Intention to treat",
    "everybody randomized, in the arm the allocation gave, whatever happened afterwards",
    lambda row: row.arm is not None,
)
# Yelland 2015: leaving people out is a sensitivity analysis, never the main one.
WITHOUT_ERRORS = AnalysisSet(
    "without_errors",
    "Randomized without error",
    "intention to treat without the people whose allocation was in error (sensitivity analysis)",
    lambda row: row.arm is not None and row.allocation_error is None,
)
SCREENING_ARM = AnalysisSet(
    "screening_arm", "Screening arm", "everybody allocated to screening", lambda row: row.arm == "screening"
)
CONTROL_ARM = AnalysisSet(
    "control_arm", "Control arm", "everybody allocated to control", lambda row: row.arm == "control"
)
HIGH_RISK = AnalysisSet(
    "high_risk",
    "High risk",
    "eligible people at high risk by the patient rule",
    lambda row: row.eligible and row.risk_class == "high",
)
LOW_RISK = AnalysisSet(
    "low_risk",
    "Low risk",
    "eligible people at low risk by the patient rule, who are never randomized",
    lambda row: row.eligible and row.risk_class == "low" and row.arm is None,
)

# What it means is each plan's to say: see `analysis.plan`.
PER_PROTOCOL = "per_protocol"

ANALYSIS_SETS = (
    ELIGIBLE, INTENTION_TO_TREAT, WITHOUT_ERRORS, SCREENING_ARM, CONTROL_ARM, HIGH_RISK, LOW_RISK
)  # fmt: skip


def by_arm(rows: Iterable[SubjectRow]) -> dict[Arm, list[SubjectRow]]:
    """Split rows by arm as randomized; people without an arm are in neither."""
    rows = list(rows)
    return {arm: [row for row in rows if row.arm == arm] for arm in ARMS}
