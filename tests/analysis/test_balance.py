"""Standardized differences by hand and by their own properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.balance import of_means, of_shares
from analysis.significance import Mean

COUNTS = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=2, max_size=5)


def test_means_lie_apart_in_standard_deviations():
    assert of_means(Mean(10, 5.0, 3.0), Mean(10, 2.0, 4.0)) == pytest.approx(3 / math.sqrt(12.5))
    assert of_means(Mean(1, 5.0, None), Mean(10, 2.0, 4.0)) is None
    assert of_means(Mean(9, 5.0, 0.0), Mean(9, 2.0, 0.0)) is None


def test_two_levels_are_the_difference_of_two_shares():
    p, q = 0.3, 0.2
    expected = (p - q) / math.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert of_shares([70, 30], [80, 20]) == pytest.approx(expected)


def test_an_empty_arm_or_a_single_level_says_nothing_and_an_unused_level_changes_nothing():
    assert of_shares([0, 0], [1, 2]) is None and of_shares([5, 0], [7, 0]) is None
    assert of_shares([10, 0, 20], [5, 0, 30]) == pytest.approx(of_shares([10, 20], [5, 30]))


@given(COUNTS)
def test_the_order_of_levels_and_arms_does_not_matter_and_equal_shares_are_no_distance(counts):
    mine, theirs = zip(*counts, strict=True)
    found = of_shares(mine, theirs)

    assert found == pytest.approx(of_shares(theirs, mine), abs=1e-9)
    assert found == pytest.approx(of_shares(mine[::-1], theirs[::-1]), abs=1e-6)
    assert of_shares(mine, [3 * n for n in mine]) == pytest.approx(0, abs=1e-6)
