"""High risk by whole numbers: more than 66 %, where at least 66 % and two thirds would say otherwise."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.risk import RiskClass, is_positive, summarize
from trial.protocol import template
from trial.protocol_parts import Operator, ShareRule

MORE = ShareRule(66, Operator.MORE_THAN)
LEAST = ShareRule(66, Operator.AT_LEAST)


@pytest.mark.parametrize(
    ("films", "enough"),
    [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (8, 6), (9, 6), (10, 7), (11, 8), (12, 8)],
)
def test_how_many_films_of_a_few_must_be_positive(films, enough):
    for rule in (MORE, LEAST):
        assert summarize(enough, films, rule) is RiskClass.HIGH
        assert summarize(enough - 1, films, rule) is RiskClass.LOW


@pytest.mark.parametrize(
    ("positives", "films", "more", "least"),
    [
        (33, 50, "low", "high"),
        (34, 50, "high", "high"),
        (32, 50, "low", "low"),
        (66, 100, "low", "high"),
        (67, 100, "high", "high"),
        (65, 100, "low", "low"),
    ],
)
def test_more_than_and_at_least_differ_at_the_limit_itself(positives, films, more, least):
    assert (summarize(positives, films, MORE), summarize(positives, films, LEAST)) == (more, least)


def test_two_thirds_is_not_66_percent():
    """33 of 50 and 35 of 53 are under two thirds; the second is over 66 %."""
    assert Fraction(35, 53) < Fraction(2, 3)
    assert summarize(35, 53, MORE) is RiskClass.HIGH


@given(st.data(), st.integers(1, 500), st.integers(1, 100))
def test_it_is_the_exact_share_that_is_compared(data, films, percent):
    positives = data.draw(st.integers(0, films))
    share, limit = Fraction(positives, films), Fraction(percent, 100)
    more = summarize(positives, films, ShareRule(percent, Operator.MORE_THAN))
    least = summarize(positives, films, ShareRule(percent, Operator.AT_LEAST))
    assert (more is RiskClass.HIGH) == (share > limit)
    assert (least is RiskClass.HIGH) == (share >= limit)


def test_the_template_asks_for_more_than_66_percent():
    assert template("opscan").high_risk == MORE


@pytest.mark.parametrize(("positives", "films"), [(0, 0), (2, 1), (-1, 3)])
def test_impossible_counts_are_refused(positives, films):
    with pytest.raises(ValueError, match=f"{positives} positive films of {films}"):
        summarize(positives, films, MORE)


def test_a_film_at_the_threshold_is_positive():
    threshold = Decimal("0.437500")
    assert is_positive(Decimal("0.4375"), threshold)
    assert is_positive(Decimal("0.437501"), threshold)
    assert not is_positive(Decimal("0.437499"), threshold)


def test_floats_are_refused():
    with pytest.raises(TypeError, match="stored decimals"):
        is_positive(0.5, Decimal("0.5"))
