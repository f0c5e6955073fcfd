"""Adjusted odds ratios: a published model, clusters by hand, separation said rightly."""

import math

import numpy as np
import pytest
from statsmodels.datasets import spector

from analysis.estimators import odds_ratio, two_by_two
from analysis.regression import logistic
from tests.analysis import published

TEACHING = published.load("worked_examples")["teaching"]
DATA = spector.load_pandas().data
SITES = [f"site {number % 4}" for number in range(32)]


def taught(**options):
    covariates = {"GPA": DATA["GPA"], "TUCE": DATA["TUCE"]}
    return logistic(DATA["GRADE"] == 1, DATA["PSI"] == 1, covariates=covariates, **options)


def people(*tables):
    """Return outcome, arm and stratum of everybody in some tables."""
    outcome, arm, stratum = [], [], []
    for number, (a, b, c, d) in enumerate(table.cells for table in tables):
        outcome += [True] * a + [False] * b + [True] * c + [False] * d
        arm += [True] * (a + b) + [False] * (c + d)
        stratum += [f"stratum {number}"] * (a + b + c + d)
    return outcome, arm, stratum


def test_the_published_model_of_a_teaching_method():
    found = taught()
    assert math.log(found.odds_ratio.value) == pytest.approx(TEACHING["log_odds_ratio"], abs=5e-4)
    assert math.log(found.odds_ratio.value) / found.test.statistic == pytest.approx(TEACHING["se"], abs=1e-3)
    assert "adjusted for GPA, TUCE" in found.odds_ratio.method
    assert (found.n, found.left_out, found.clusters) == (32, 0, None)


def test_unadjusted_it_is_woolf_s():
    table = two_by_two(12, 40, 5, 42)
    outcome, arm, _ = people(table)
    assert logistic(outcome, arm).odds_ratio[:3] == pytest.approx(odds_ratio(table)[:3], rel=1e-6)


def test_strata_are_levels_not_numbers():
    """Levels in another order, or under other names, are the same strata."""
    outcome, arm, stratum = people(
        two_by_two(12, 40, 5, 42), two_by_two(3, 20, 4, 50), two_by_two(9, 15, 2, 9)
    )
    renamed = [{"stratum 0": "z", "stratum 1": "a", "stratum 2": "k"}[name] for name in stratum]
    one, other = (logistic(outcome, arm, strata={"age": names}) for names in (stratum, renamed))
    assert one.odds_ratio[:3] == pytest.approx(other.odds_ratio[:3])
    assert one.odds_ratio.value != pytest.approx(logistic(outcome, arm).odds_ratio.value)


def test_robust_variance_is_the_sandwich_by_hand():
    found, sites = taught(clusters=SITES), np.array(SITES)
    design = np.column_stack([DATA["PSI"], np.ones(32), DATA["GPA"], DATA["TUCE"]])
    beta = np.zeros(4)
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ beta))
        bread = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
        beta = beta + bread @ design.T @ (DATA["GRADE"] - p)
    scores = design * (DATA["GRADE"] - p).to_numpy()[:, None]
    meat = sum(np.outer(s := scores[sites == site].sum(axis=0), s) for site in set(SITES))
    variance = bread @ meat @ bread * (4 / 3) * (31 / 28)

    se = math.log(found.odds_ratio.high / found.odds_ratio.low) / 2 / 1.959964
    assert math.log(found.odds_ratio.value) == pytest.approx(beta[0], abs=1e-6)
    assert se == pytest.approx(math.sqrt(variance[0, 0]), rel=1e-4)
    assert found.clusters == 4
    assert "fewer than 40 clusters" in found.odds_ratio.why


def test_people_without_a_covariate_are_left_out_and_counted():
    gpa = DATA["GPA"].where(DATA.index > 1)
    found = logistic(DATA["GRADE"] == 1, DATA["PSI"] == 1, covariates={"GPA": gpa})
    assert (found.n, found.left_out) == (30, 2)


@pytest.mark.parametrize("clustered", [False, True])
def test_separation_is_answered_by_firth_and_says_so(clustered):
    outcome, arm, stratum = people(two_by_two(9, 20, 0, 21), two_by_two(6, 30, 0, 25))
    sites = [f"site {number % 3}" for number in range(len(arm))] if clustered else None
    found = logistic(outcome, arm, strata={"age": stratum}, clusters=sites)
    assert 1 < found.odds_ratio.low < found.odds_ratio.value < found.odds_ratio.high < math.inf
    assert "Firth" in found.odds_ratio.method
    assert "separation" in found.odds_ratio.why
    assert ("clusters are not accounted for" in found.odds_ratio.why) == clustered


def test_exchanging_the_arms_inverts_the_odds_ratio():
    outcome, arm, stratum = people(two_by_two(12, 40, 5, 42), two_by_two(3, 20, 4, 50))
    one = logistic(outcome, arm, strata={"age": stratum}).odds_ratio
    other = logistic(outcome, [not mine for mine in arm], strata={"age": stratum}).odds_ratio
    assert other[:3] == pytest.approx((1 / one.value, 1 / one.high, 1 / one.low))


@pytest.mark.parametrize(
    ("outcome", "arm", "options", "why"),
    [
        ([], [], {}, "nobody to count"),
        ([True, True], [True, False], {}, "everybody alike"),
        ([True, False, True], [True, True, True], {}, "nobody in an arm"),
        ([True, False, True], [True, False, False], {"clusters": ["a", "a", "a"]}, "fewer than two clusters"),
    ],
)
def test_a_model_without_an_answer_says_why(outcome, arm, options, why):
    found = logistic(outcome, arm, **options)
    assert found.odds_ratio.value is found.test.p is None
    assert why in found.odds_ratio.why
