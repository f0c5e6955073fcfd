"""Effects are counted by intention to treat, overall and within subgroups."""

import pytest

from analysis.effects import (
    DETECTED,
    ENDPOINTS,
    ISCD_AGE_SEX,
    count,
    effect,
    effects,
    subgroup_effect,
    subgroup_effects,
)
from analysis.subjects import DRUG_CODES
from tests.analysis.people import people, person

FOUND = {"dxa": True, "dxa_trial": True, "osteoporosis": True, "osteoporosis_trial": True}


def test_everybody_randomized_counts_in_the_arm_the_allocation_gave():
    rows = [
        *people(3, arm="screening", **FOUND),
        *people(7, arm="screening", withdrawn=True),
        *people(10, arm="control"),
        person(risk_class="low", dxa=True, osteoporosis=True),
    ]
    assert count(rows, DETECTED.happened) == (3, 10, 0, 10)


def test_each_endpoint_has_an_absolute_and_a_relative_effect():
    rows = [
        *people(3, arm="screening", **FOUND),
        *people(7, arm="screening"),
        *people(1, arm="control", dxa=True, dxa_physician=True, osteoporosis=True),
        *people(9, arm="control"),
    ]
    found = effect(rows, DETECTED)
    assert found.risk_ratio.value == pytest.approx(3)
    assert found.risk_difference.value == pytest.approx(0.2)
    assert found.number_needed.value == pytest.approx(5)
    assert found.odds_ratio.value == pytest.approx((3 * 9) / (7 * 1))


def test_drugs_overlap_and_count_once_in_all_medications():
    rows = [
        person(arm="screening", treated=True, drugs=frozenset({"denosumab", "serm"})),
        person(arm="control"),
    ]
    found = {e.key: e.counts.events for e in effects(rows)}
    assert (found["treated"], found["drug_denosumab"], found["drug_serm"], found["drug_romosozumab"]) == (
        1,
        1,
        1,
        0,
    )


def test_endpoints_are_distinct_and_cover_every_drug():
    keys = [endpoint.key for endpoint in ENDPOINTS]
    assert len(set(keys)) == len(keys) == 14
    assert {f"drug_{name}" for name in DRUG_CODES} <= set(keys)


def test_a_subgroup_leaves_out_and_counts_whom_it_cannot_place():
    rows = [
        *people(4, arm="screening", iscd_age_sex=True, **FOUND),
        *people(6, arm="screening", iscd_age_sex=True),
        *people(5, arm="screening", iscd_age_sex=False, **FOUND),
        *people(5, arm="screening", iscd_age_sex=False),
        *people(2, arm="control", iscd_age_sex=True, dxa=True, osteoporosis=True),
        *people(8, arm="control", iscd_age_sex=True),
        *people(1, arm="control", iscd_age_sex=False, dxa=True, osteoporosis=True),
        *people(9, arm="control", iscd_age_sex=False),
        person(arm="control", iscd_age_sex=None, sex=None),
        person(risk_class="low", iscd_age_sex=None),
    ]
    found = subgroup_effect(rows, DETECTED)
    assert [level.key for level in found.levels] == ["not_meeting", "meeting"]
    assert [level.counts for level in found.levels] == [(5, 10, 1, 10), (4, 10, 2, 10)]
    assert found.missing == 1
    assert 0 < found.interaction.wald.p < 1
    assert [outcome.endpoint.key for outcome in subgroup_effects(rows)] == ["dxa", "osteoporosis", "treated"]
    assert found.subgroup is ISCD_AGE_SEX
