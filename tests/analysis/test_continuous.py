"""Means of two arms: Student's own data, and the textbook's adjusted for the value before."""

import pytest

from analysis.continuous import ancova, student, welch
from tests.analysis import published

EXAMPLES = published.load("worked_examples")
SLEEP, LEPROSY = EXAMPLES["sleep"], EXAMPLES["leprosy"]


@pytest.mark.parametrize("method", [student, welch])
def test_student_s_sleepers(method):
    found, expected = method(SLEEP["first"], SLEEP["second"]), SLEEP[method.__name__]

    assert found.estimate.value == pytest.approx(-1.58)
    assert (found.estimate.low, found.estimate.high) == pytest.approx(expected["limits"], abs=5e-6)
    assert (found.test.statistic, found.test.df) == pytest.approx(
        (expected["statistic"], expected["df"]), abs=5e-4
    )
    assert found.test.p == pytest.approx(expected["p"], abs=5e-6)


def test_drug_a_against_placebo_at_the_same_count_before():
    """The third drug is a covariate here, for the book fits one slope to all three groups."""
    arms, expected = LEPROSY, LEPROSY["a_less_f"]
    rest_after = arms["F"]["after"] + arms["D"]["after"]
    before = (arms["A"]["before"], arms["F"]["before"] + arms["D"]["before"])
    found = ancova(
        arms["A"]["after"], rest_after, {"before": before, "drug D": ([0] * 10, [0] * 10 + [1] * 10)}
    )

    assert found.estimate.value == pytest.approx(expected["estimate"], abs=5e-9)
    assert found.estimate.value / found.test.statistic == pytest.approx(expected["se"], abs=5e-8)
    assert found.test.p == pytest.approx(expected["p"], abs=5e-5)
    assert "before, drug D" in found.test.method


def test_without_covariates_the_analysis_of_covariance_is_student_s():
    mine, theirs = SLEEP["first"], SLEEP["second"]
    assert ancova(mine, theirs, {}).estimate[:3] == pytest.approx(student(mine, theirs).estimate[:3])


@pytest.mark.parametrize("method", [student, welch, lambda a, b: ancova(a, b, {})])
def test_exchanging_the_arms_negates_the_difference(method):
    one, other = (method(*pair).estimate for pair in ((SLEEP["first"], SLEEP["second"]),
                                                      (SLEEP["second"], SLEEP["first"])))  # fmt: skip
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))


@pytest.mark.parametrize("arms", [([], [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([3.0, 3.0], [3.0, 3.0])])
def test_too_few_values_or_no_spread_have_no_answer(arms):
    for found in (student(*arms), welch(*arms)):
        assert found.estimate.value is found.test.p is None
        assert "fewer than two values" in found.estimate.why


def test_a_covariate_that_is_the_arm_has_no_answer():
    found = ancova([1.0, 2.0, 3.0], [2.0, 4.0, 5.0], {"arm again": ([1.0] * 3, [0.0] * 3)})
    assert "is the arm" in found.estimate.why
    exact = ancova([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"itself": ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])})
    assert exact.estimate.value is None or abs(exact.estimate.value) < 1e-9
