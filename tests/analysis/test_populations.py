"""Who is counted: nobody randomized ever leaves the main analysis."""

from analysis.populations import (
    ANALYSIS_SETS,
    ELIGIBLE,
    INTENTION_TO_TREAT,
    LOW_RISK,
    WITHOUT_ERRORS,
    by_arm,
)
from tests.analysis.people import person


def test_intention_to_treat_keeps_everybody_in_the_arm_the_allocation_gave():
    rows = [
        person(arm="screening", called=False),
        person(arm="screening", withdrawn=True),
        person(arm="screening", eligible=False, allocation_error="randomized_in_error"),
        person(arm="control", dxa=True, died=True),
        person(risk_class="low"),
    ]
    arms = by_arm(INTENTION_TO_TREAT.select(rows))
    assert (len(arms["screening"]), len(arms["control"])) == (3, 1)


def test_errors_leave_only_the_sensitivity_analysis():
    rows = [person(arm="screening"), person(arm="control", allocation_error="randomized_in_error")]
    assert len(WITHOUT_ERRORS.select(rows)) == 1
    assert len(INTENTION_TO_TREAT.select(rows)) == 2


def test_low_risk_people_are_eligible_and_never_randomized():
    rows = [
        person(risk_class="low"),
        person(risk_class="low", eligible=False, ineligibility_reasons=("age",)),
        person(risk_class="high", arm="control"),
        person(risk_class=None),
    ]
    assert LOW_RISK.select(rows) == rows[:1]
    assert len(ELIGIBLE.select(rows)) == 3


def test_sets_have_distinct_names_and_say_whom_they_count():
    assert len({chosen.name for chosen in ANALYSIS_SETS}) == len(ANALYSIS_SETS)
    assert all(chosen.definition for chosen in ANALYSIS_SETS)
