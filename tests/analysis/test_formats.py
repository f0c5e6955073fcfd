"""Numbers read as the paper prints them."""

import math

import pytest

from analysis.estimators import Estimate, odds_ratio, risk_difference, two_by_two
from analysis.formats import (
    balance_p,
    events_of,
    fixed,
    interval,
    mean_sd,
    p_equation,
    p_value,
    percent,
    percentage_points,
    share,
)
from analysis.significance import PValue, fisher, mean
from tests.analysis import published

PAPER = published.load()


def cells(found):
    """Yield every printed share of the paper with its counts."""
    if isinstance(found, dict):
        if {"events", "n", "pct"} <= set(found):
            yield found
        for inner in found.values():
            yield from cells(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from cells(inner)


def test_every_printed_share_of_the_paper_is_reproduced():
    found = list(cells(PAPER))
    assert len(found) > 100
    assert [percent(cell["events"], cell["n"]) for cell in found] == [cell["pct"] for cell in found]


def test_counts_read_as_in_the_paper():
    assert events_of(272, 2456) == "272/2456 (11.1%)"
    assert share(676, 2456) == "676 (27.5%)"
    assert mean_sd(mean([1.0, 2.0, 4.0])) == "2.3 ± 1.5"


def test_rounding_is_c_printf_on_the_double():
    """2.675 is a little less than it looks, and halves go to the even neighbor."""
    assert (fixed(2.675), fixed(0.125), fixed(0.375)) == ("2.67", "0.12", "0.38")
    assert percent(1, 8, 0) == "12"


@pytest.mark.parametrize(
    ("p", "text"), [(0.0404, "0.040"), (0.0005, "0.001"), (0.00049, "< 0.001"), (1.0, "1.000"), (None, "–")]
)
def test_p_is_below_a_thousandth_only_when_it_would_read_zero(p, text):
    assert p_value(p) == text


def test_p_as_a_statement():
    assert p_equation(PValue(1.0, 1, 0.0404, "Wald"), "p-value") == "p-value = 0.040"
    assert p_equation(PValue(1.0, 1, 1e-9, "Wald")) == "p < 0.001"
    assert balance_p(fisher([[0, 0], [5, 5]])) == "1.000#"


def test_intervals_never_hide_that_nothing_is_defined():
    assert interval(odds_ratio(two_by_two(272, 2456, 27, 2456))) == "11.20 (7.51, 16.71)"
    assert interval(odds_ratio(two_by_two(315, 2456, 0, 2456))) == "Inf (97.18, Inf)"
    assert interval(odds_ratio(two_by_two(0, 5, 0, 5))) == "not defined"
    assert fixed(math.nan) == "–"


def test_differences_read_in_percentage_points():
    found = risk_difference(two_by_two(272, 2456, 27, 2456)).miettinen_nurminen
    assert percentage_points(found) == "9.98 (8.71, 11.33)"
    assert percentage_points(Estimate(0.0, None, None, "Wald", "no variance")) == "0.00 (–, –)"


def test_nobody_has_no_percentage():
    assert percent(0, 0) == "–"
    assert events_of(0, 0) == "0/0"
    assert share(0, 0) == "0"


def test_a_test_without_a_p_says_so_in_words():
    assert p_equation(PValue(None, None, None, "Wald", "an arm without events")) == "p not defined"
