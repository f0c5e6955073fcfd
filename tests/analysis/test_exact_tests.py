"""Exact tests against definition, enumeration and another library."""

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats

from analysis import exact_tests
from analysis.estimators import exact_conditional, two_by_two
from analysis.exact_tests import boschloo, freeman_halton, mid_p
from analysis.significance import fisher
from tests.analysis import published
from tests.analysis.test_estimators import PRIMARY

EXAMPLE = published.load("worked_examples")["boschloo"]
TABLES = [(7, 34, 1, 34), (7, 12, 1, 9), (3, 5, 2, 5), (0, 9, 4, 8), (9, 9, 0, 8), (2, 11, 8, 13)]


def chances(table):
    """Count the ways to each table with the same margins, in whole numbers."""
    a, n, c, m = table
    ways = {x: comb(n, x) * comb(m, a + c - x) for x in range(max(0, a + c - m), min(n, a + c) + 1)}
    return {x: Fraction(way, sum(ways.values())) for x, way in ways.items()}


@pytest.mark.parametrize("counts", TABLES)
def test_mid_p_counts_half_of_what_was_seen(counts):
    table = two_by_two(*counts)
    chance = chances(table)
    as_rare = sum(p for p in chance.values() if p <= chance[table.events])

    assert mid_p(table).p == pytest.approx(float(as_rare - chance[table.events] / 2))


@pytest.mark.parametrize("counts", TABLES)
def test_boschloo_is_scipys(counts):
    table = two_by_two(*counts)
    a, b, c, d = table.cells
    assert boschloo(table).p == pytest.approx(stats.boschloo_exact([[a, c], [b, d]], n=64).pvalue, rel=1e-6)


@pytest.mark.parametrize("counts", [(5, 6, 1, 5), (4, 4, 13, 53)])
def test_boschloo_goes_through_every_table_and_every_common_risk(counts):
    """Fisher's one-sided p orders the tables; the worst of 4,000 risks gives the p. The second has several peaks."""
    a, n, c, m = counts
    fisher = {
        (x, y): stats.fisher_exact([[x, n - x], [y, m - y]], alternative="greater").pvalue
        for x, y in product(range(n + 1), range(m + 1))
    }
    risks = np.linspace(0, 1, 4001)
    worst = sum(
        stats.binom.pmf(x, n, risks) * stats.binom.pmf(y, m, risks)
        for (x, y), p in fisher.items()
        if p <= fisher[a, c] * (1 + 1e-9)
    ).max()
    assert exact_tests._one_sided(two_by_two(*counts)) == pytest.approx(worst, rel=1e-4)


def test_boschloo_prints_the_documented_example():
    assert exact_tests._one_sided(two_by_two(*EXAMPLE["counts"])) == pytest.approx(
        EXAMPLE["one_sided_p"], abs=1e-4
    )


def test_boschloo_is_at_most_twice_fishers_one_sided_p_in_arms_of_thousands():
    a, b, c, d = PRIMARY.cells
    one_sided = stats.fisher_exact([[a, b], [c, d]], alternative="greater").pvalue
    assert 0 < boschloo(PRIMARY).p <= 2 * one_sided


def test_what_can_t_be_gone_through_or_compared_says_so():
    assert "too many" in boschloo(two_by_two(1, 20_000, 2, 20_000)).why
    assert "nobody in the control arm" in boschloo(two_by_two(1, 2, 0, 0)).why
    assert "no event in either arm" in mid_p(two_by_two(0, 3, 0, 4)).why
    assert boschloo(two_by_two(0, 3, 0, 4)).p == 1


@pytest.mark.parametrize("counts", TABLES)
def test_the_exact_limits_leave_a_fortieth_in_each_tail(counts):
    table = two_by_two(*counts)
    chance, found = chances(table), exact_conditional(table)
    for ratio, tail in ((found.low, lambda x: x >= table.events), (found.high, lambda x: x <= table.events)):
        if 0 < ratio < float("inf"):
            weights = {x: float(p) * ratio**x for x, p in chance.items()}
            assert sum(w for x, w in weights.items() if tail(x)) / sum(weights.values()) == pytest.approx(
                0.025
            )


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [  # R 4.2, fisher.test
        ((4, 2, 1), (6, 0, 0), 0.3146853147),
        ((50, 1, 1), (50, 1, 2), 1.0),
        ((3, 9, 1, 4), (8, 2, 5, 0), 0.003043674824),
        ((10, 2, 0, 7, 1), (4, 9, 3, 2, 0), 0.004528796362),
        ((120, 30, 2), (110, 45, 1), 0.1264638375),
    ],
)
def test_freeman_and_halton_as_in_r(first, second, p):
    assert freeman_halton([first, second]).p == pytest.approx(p, rel=1e-9)
    assert freeman_halton([second, first]).p == pytest.approx(p, rel=1e-9)


def test_of_two_levels_freeman_and_halton_is_fisher():
    assert freeman_halton([[3, 9], [8, 2]]).p == pytest.approx(fisher([[3, 9], [8, 2]]).p, rel=1e-9)
