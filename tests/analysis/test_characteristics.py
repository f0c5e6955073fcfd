"""Baseline characteristics and uptake: levels add up, what was not recorded is counted apart."""

import pytest

from analysis.characteristics import (
    AGE,
    AGE_GROUP,
    BASELINE,
    BMI_GROUP,
    CONDITIONS,
    FILMS,
    POSITIVE_FILMS,
    SEX,
    STEPS,
    balance,
    baseline,
    uptake,
)
from analysis.subjects import LABELS
from tests.analysis.people import people, person


@pytest.mark.parametrize(
    ("category", "facts", "level"),
    [
        (AGE_GROUP, {"age": 64}, "<65"),
        (AGE_GROUP, {"age": 65}, "65-74"),
        (AGE_GROUP, {"age": 74}, "65-74"),
        (AGE_GROUP, {"age": 75}, "≥75"),
        (AGE_GROUP, {"age": None}, None),
        (BMI_GROUP, {"bmi": 18.4}, "<18.5"),
        (BMI_GROUP, {"bmi": 18.5}, "18.5-23.9"),
        (BMI_GROUP, {"bmi": 24.0}, "≥24"),
        (FILMS, {"films_counted": 3}, "n = 2 or 3"),
        (FILMS, {"films_counted": 6}, "n > 5"),
        (FILMS, {"films_counted": 0}, None),
        (POSITIVE_FILMS, {"films_counted": 3, "films_positive": 2}, "<80%"),
        (POSITIVE_FILMS, {"films_counted": 5, "films_positive": 4}, "≥80%"),
    ],
)
def test_bands_begin_at_their_cut(category, facts, level):
    assert category.value(person(**facts)) == level


def test_what_was_not_recorded_is_no_level():
    rows = [
        *people(3, arm="screening", sex="male"),
        *people(1, arm="screening", sex=None),
        *people(2, arm="control", sex="female"),
    ]
    (found,) = baseline(rows, [SEX])
    male = dict(found.levels)["Male"]
    assert male["screening"] == (3, 3)
    assert male["control"] == (0, 2)
    assert found.missing == {"screening": 1, "control": 0}


def test_a_quantity_is_described_and_tested_by_arm():
    rows = [person(arm="screening", age=age) for age in (60, 70, 80)]
    rows += [person(arm="control", age=age) for age in (62, 72, None)]
    (found,) = baseline(rows, [AGE])
    assert (found.means["screening"].mean, found.means["control"].mean) == (70, 67)
    assert found.missing == {"screening": 0, "control": 1}
    assert "ANOVA" in found.test.method


def test_few_expected_turn_pearson_into_fisher():
    assert "Pearson" in balance([[50, 50], [40, 60]]).method
    assert "Fisher" in balance([[99, 1], [98, 2]]).method
    assert "Freeman-Halton" in balance([[50, 1, 1], [50, 1, 2]]).method
    many = balance([[9000, 8000, 7000, 1], [9000, 8000, 7000, 2]])
    assert "Pearson" in many.method and "below 5" in many.why


def test_labels_come_from_the_codebook():
    assert {c.label for c in CONDITIONS} <= set(LABELS.values())
    assert len({variable.key for variable in BASELINE}) == len(BASELINE)


def test_levels_that_nobody_has_are_left_out_of_a_test():
    assert balance([[4, 2, 1, 0], [6, 0, 0, 0]]).p == balance([[4, 2, 1], [6, 0, 0]]).p
    assert balance([[3, 4, 0], [6, 0, 0]]).method == "Fisher exact, two-sided", "of three levels two are left"
    nobody = balance([[0, 0, 0], [0, 0, 0]])
    assert nobody.p is None and nobody.why == "a row or a column of the table is empty"


def test_uptake_follows_the_trials_own_scans():
    scanned = {"dxa": True, "dxa_trial": True}
    rows = [
        *people(2, sex="male", **scanned, osteoporosis=True, osteoporosis_trial=True, treated=True),
        *people(3, sex="female", **scanned),
        *people(4, sex="female"),
        *people(1, sex="male", dxa=True, dxa_physician=True, osteoporosis=True, treated=True),
    ]
    (found,) = uptake(rows, [SEX])
    assert dict(found.levels) == {"Male": ((2, 3), (2, 2), (2, 2)), "Female": ((3, 7), (0, 3), (0, 0))}
    assert "Yates" in found.tests[0].method
    assert found.tests[2].p is None
    assert len(found.tests) == len(STEPS)
