"""Per protocol as a plan defines it, and the effect among compliers with what it rests on."""

import pytest

from analysis.compliance import Exposure, complier_effect, exposures
from analysis.estimators import risk_difference, two_by_two
from tests.analysis import published
from tests.analysis.people import people

EXAMPLE = published.load("worked_examples")["vitamin_a"]
OFFERED, USUAL = Exposure(*EXAMPLE["offered"]), Exposure(*EXAMPLE["usual"])


def test_vitamin_a_among_the_children_who_took_it():
    found = complier_effect(OFFERED, USUAL, exposure="vitamin A")

    assert 1000 * found.estimate.value == pytest.approx(EXAMPLE["effect_per_1000"], abs=0.05)
    assert found.exposure_difference == pytest.approx(9675 / 12094)
    assert "vitamin A" in found.exclusion_restriction
    assert "vitamin A" in found.monotonicity


def test_where_everybody_complied_it_is_the_risk_difference():
    found = complier_effect(Exposure(50, 12, 0, 0), Exposure(0, 0, 60, 6), exposure="the call")
    whole = risk_difference(two_by_two(12, 50, 6, 60)).wald
    assert found.estimate[:3] == pytest.approx(whole[:3])


def test_exchanging_the_arms_keeps_the_effect_of_the_exposure():
    one = complier_effect(OFFERED, USUAL, exposure="vitamin A").estimate
    assert complier_effect(USUAL, OFFERED, exposure="vitamin A").estimate[:3] == pytest.approx(one[:3])


def test_an_effect_larger_than_a_difference_of_shares_can_be_says_so():
    """3 of 7 had the outcome where 1 of 7 was exposed: the exposure can't account for it."""
    found = complier_effect(Exposure(1, 1, 6, 2), Exposure(0, 0, 6, 0), exposure="the trial's DXA").estimate
    assert found.value == pytest.approx(3) and "the exposure does not account for the outcomes" in found.why


def test_where_nobody_was_moved_there_is_no_answer():
    arm = Exposure(5, 2, 5, 1)
    assert "nobody was moved" in complier_effect(arm, arm, exposure="a DXA").estimate.why
    assert "nobody in an arm" in complier_effect(arm, Exposure(0, 0, 0, 0), exposure="a DXA").estimate.why
    certain = complier_effect(Exposure(4, 4, 0, 0), Exposure(0, 0, 4, 0), exposure="a DXA").estimate
    assert (certain.value, certain.low) == (1, None)


def test_exposure_is_counted_by_the_arm_the_allocation_gave():
    rows = [
        *people(3, arm="screening", dxa=True, osteoporosis=True),
        *people(2, arm="screening"),
        *people(1, arm="control", dxa=True),
        *people(4, arm="control"),
        *people(9, dxa=True),
    ]
    found = exposures(rows, lambda row: row.dxa, lambda row: row.osteoporosis)
    assert found == {"screening": (3, 3, 2, 0), "control": (1, 0, 4, 0)}
    assert sum(arm.n for arm in found.values()) == 10
