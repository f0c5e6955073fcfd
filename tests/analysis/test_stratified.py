"""Common effects over strata: the book's example, another library, and what must not change them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

from analysis.estimators import odds_ratio, risk_difference, risk_ratio, two_by_two
from analysis.stratified import (
    breslow_day,
    cochran_mantel_haenszel,
    mantel_haenszel_odds_ratio,
    mantel_haenszel_risk_difference,
    mantel_haenszel_risk_ratio,
)
from tests.analysis import published
from tests.analysis.test_estimators import tables
from tests.analysis.test_significance import strata_of

PAPER = published.load()
BOOK = published.load("worked_examples")["esophagus"]
ESOPHAGUS = [two_by_two(*counts) for counts in BOOK["strata"]]
COMMON = (mantel_haenszel_odds_ratio, mantel_haenszel_risk_ratio, mantel_haenszel_risk_difference)
SILENT = [two_by_two(0, 7, 0, 9), two_by_two(0, 0, 3, 5)]
UNHURRIED = settings(deadline=None, max_examples=50)


@pytest.mark.parametrize("outcome", PAPER["fig4a"]["outcomes"], ids=lambda outcome: outcome["key"])
def test_the_trial_s_strata_have_the_numbers_verified_in_r(outcome):
    strata, derived = strata_of(outcome), PAPER["derived_not_published"]
    found = mantel_haenszel_odds_ratio(strata)

    assert found[:3] == pytest.approx(derived["mantel_haenszel_or"][outcome["key"]], rel=1e-6)
    expected = derived["interaction_alternatives"][outcome["key"]]["breslow_day"]
    assert breslow_day(strata, tarone=False).p == pytest.approx(expected, abs=5e-7)


def test_the_book_s_example():
    found = mantel_haenszel_odds_ratio(ESOPHAGUS)
    assert (found.value, found.low, found.high) == pytest.approx(
        (BOOK["odds_ratio"], *BOOK["limits"]), abs=5e-4
    )
    test = breslow_day(ESOPHAGUS, tarone=False)
    assert (test.statistic, test.df) == pytest.approx((BOOK["breslow_day"], 5), abs=5e-3)
    tested = cochran_mantel_haenszel(ESOPHAGUS).statistic
    assert tested == pytest.approx(BOOK["cochran_mantel_haenszel"], abs=5e-3)


def test_another_library_agrees():
    strata = [two_by_two(8, 20, 4, 25), two_by_two(5, 31, 6, 20), two_by_two(9, 18, 3, 20)]
    other = StratifiedTable([np.array(table.cells).reshape(2, 2) for table in strata])
    found, se = mantel_haenszel_odds_ratio(strata), other.logodds_pooled_se

    assert found.value == pytest.approx(other.oddsratio_pooled)
    assert math.log(found.high / found.low) == pytest.approx(2 * 1.959964 * se, rel=1e-6)
    assert mantel_haenszel_risk_ratio(strata).value == pytest.approx(other.riskratio_pooled)
    assert cochran_mantel_haenszel(strata).p == pytest.approx(other.test_null_odds(correction=False).pvalue)
    for tarone in (False, True):
        assert breslow_day(strata, tarone=tarone).p == pytest.approx(
            other.test_equal_odds(adjust=tarone).pvalue
        )


@UNHURRIED
@given(tables(least=1))
def test_one_stratum_has_its_own_estimates(table):
    """The limits of the odds ratio are Woolf's, of the risk ratio Katz's; Sato's differ, so the value alone."""
    whole = (odds_ratio(table), risk_ratio(table), risk_difference(table).wald)
    for measure, found in zip(COMMON, whole, strict=True):
        assert measure([table]).value == pytest.approx(found.value, abs=1e-12)
    assert mantel_haenszel_odds_ratio([table])[:3] == pytest.approx(whole[0][:3])
    assert mantel_haenszel_risk_ratio([table])[:3] == pytest.approx(whole[1][:3])


@UNHURRIED
@given(st.lists(tables(least=1), min_size=2, max_size=4))
def test_every_stratum_twice_keeps_the_estimates_and_narrows_them(strata):
    for measure in COMMON:
        once, twice = measure(strata), measure([*strata, *strata])
        assert twice.value == pytest.approx(once.value, abs=1e-12)
        assert once.low <= twice.low <= twice.high <= once.high
    once, twice = breslow_day(strata, tarone=False), breslow_day([*strata, *strata], tarone=False)
    assert twice.statistic == pytest.approx(2 * once.statistic, abs=1e-6)


@UNHURRIED
@given(st.lists(tables(least=1), min_size=2, max_size=3))
def test_a_stratum_that_says_nothing_changes_no_ratio_and_no_test(strata):
    for measure in (mantel_haenszel_odds_ratio, mantel_haenszel_risk_ratio, cochran_mantel_haenszel):
        assert measure([*strata, *SILENT])[:3] == pytest.approx(measure(strata)[:3])
    for tarone in (False, True):
        assert breslow_day([*strata, *SILENT], tarone=tarone) == breslow_day(strata, tarone=tarone)


@UNHURRIED
@given(st.lists(tables(least=1), min_size=2, max_size=3))
def test_exchanging_the_arms_inverts_or_negates_what_is_common(strata):
    swapped = [table.swapped() for table in strata]
    for measure in COMMON[:2]:
        value, low, high = measure(strata)[:3]
        assert measure(swapped)[:3] == pytest.approx((1 / value, 1 / high, 1 / low))
    value, low, high = mantel_haenszel_risk_difference(strata)[:3]
    assert mantel_haenszel_risk_difference(swapped)[:3] == pytest.approx((-value, -high, -low), abs=1e-12)


def test_a_stratum_beside_itself_is_no_different():
    table = two_by_two(8, 20, 4, 25)
    assert breslow_day([table, table], tarone=True).p == pytest.approx(1)


def test_strata_without_an_answer_say_why():
    nothing = mantel_haenszel_odds_ratio(SILENT)
    assert nothing.value is None
    assert "0/0" in nothing.why
    assert "people in both arms" in cochran_mantel_haenszel(SILENT).why
    assert "fewer than two strata" in breslow_day([two_by_two(1, 3, 2, 4), *SILENT], tarone=False).why
    one_sided = [two_by_two(3, 9, 0, 9), two_by_two(2, 9, 0, 8)]
    found = mantel_haenszel_odds_ratio(one_sided)
    assert (found.value, found.low) == (math.inf, None)
    assert "control arm adds nothing" in found.why
    assert "infinite" in breslow_day(one_sided, tarone=False).why
    everybody = [two_by_two(3, 3, 4, 4)]
    assert "no variance" in mantel_haenszel_risk_ratio(everybody).why
    assert "no variance" in mantel_haenszel_risk_difference(everybody).why
