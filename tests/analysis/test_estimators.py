"""The estimators print the published numbers, and have an answer where a formula has none."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from analysis.estimators import (
    BadCounts,
    TwoByTwo,
    exact_conditional,
    log_risk_ratio,
    number_needed,
    odds_ratio,
    proportion,
    risk_difference,
    risk_ratio,
    scans_per_case,
    score_risk_ratio,
    two_by_two,
    woolf,
)
from analysis.firth import firth_odds_ratio
from tests.analysis import published

PAPER = published.load()
DERIVED = PAPER["derived_not_published"]["primary"]
EXAMPLES = published.load("worked_examples")
PRIMARY = two_by_two(*DERIVED["counts"])
UNHURRIED = settings(deadline=None)  # an exact limit takes a root search
EFFECTS = PAPER["fig3"]["rows"] + [
    group for outcome in PAPER["fig4a"]["outcomes"] for group in outcome["subgroups"]
]


def counts_of(row: dict) -> TwoByTwo:
    mine, theirs = row["screening"], row["control"]
    return two_by_two(mine["events"], mine["n"], theirs["events"], theirs["n"])


def printed(estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f}, {estimate.high:.2f})"


@st.composite
def tables(draw, least: int = 0):
    n, m = draw(st.integers(max(1, 2 * least), 400)), draw(st.integers(max(1, 2 * least), 400))
    return two_by_two(draw(st.integers(least, n - least)), n, draw(st.integers(least, m - least)), m)


def koopman(table: TwoByTwo):
    return score_risk_ratio(table, corrected=False)


RATIOS = (odds_ratio, exact_conditional, firth_odds_ratio, risk_ratio, koopman, score_risk_ratio)


def all_estimates(table: TwoByTwo):
    ratios = (measure(table) for measure in RATIOS)
    return [*ratios, *risk_difference(table)]


# --- the published and the derived numbers -----------------------------------------------------------------


@pytest.mark.parametrize("row", EFFECTS, ids=lambda row: f"{row['key']} {row['screening']['n']}")
def test_odds_ratio_prints_the_paper_or_the_exact_value_the_paper_missed(row):
    exact = row.get("closed_form_print") or row["or_ci"]["printed"]
    if "exact_conditional" in row:
        low, high = row["exact_conditional"]["ci95"]
        exact = f"inf ({low:.2f}, {high.lower()})"
    assert printed(odds_ratio(counts_of(row))) == exact


@pytest.mark.parametrize(
    ("estimate", "value", "limits"),
    [
        (risk_ratio(PRIMARY), "rr", "rr_log95"),
        (risk_difference(PRIMARY).wald, "risk_difference", "rd_wald95"),
        (risk_difference(PRIMARY).newcombe, "risk_difference", "rd_newcombe95"),
        (risk_difference(PRIMARY).miettinen_nurminen, "risk_difference", "rd_miettinen_nurminen95"),
        (number_needed(risk_difference(PRIMARY).wald), "nns", "nns95_wald"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_primary_endpoint_gives_the_numbers_verified_in_r(estimate, value, limits):
    assert estimate.value == pytest.approx(DERIVED[value], rel=1e-6)
    assert (estimate.low, estimate.high) == pytest.approx(DERIVED[limits], rel=1e-6)


def test_miettinen_nurminen_differs_from_mee_who_left_out_the_correction():
    found = risk_difference(PRIMARY).miettinen_nurminen
    assert (found.low, found.high) != pytest.approx(DERIVED["rd_mee_score95"], rel=1e-6)


def test_miettinen_nurminen_is_right_where_a_library_is_wrong():
    """56/70 v 48/80: .3382 by hand and in R; statsmodels 0.15 says .3440 (statsmodels#10269)."""
    assert risk_difference(two_by_two(56, 70, 48, 80)).miettinen_nurminen.high == pytest.approx(
        0.3382, abs=5e-5
    )


def test_newcombe_gives_the_limits_of_his_own_paper():
    example = EXAMPLES["newcombe"]
    found = risk_difference(two_by_two(*example["counts"])).newcombe
    assert (found.low, found.high) == pytest.approx(example["limits"], abs=5e-5)
    found = risk_difference(two_by_two(10, 10, 0, 10)).newcombe  # the same table
    assert (found.low, found.high) == pytest.approx((0.6075, 1.0000), abs=5e-5)


def test_koopman_gives_the_limits_of_his_own_paper():
    example = EXAMPLES["koopman"]
    found = score_risk_ratio(two_by_two(*example["counts"]), corrected=False)
    assert found.value == pytest.approx(example["estimate"])
    assert (found.low, found.high) == pytest.approx(example["limits"], abs=5e-3)


@pytest.mark.parametrize("corrected", [False, True])
def test_a_score_limit_of_the_risk_ratio_is_where_the_likeliest_risks_just_fit(corrected):
    """The risks under a limit are searched for anew; Pearson's chi-square against them is z squared."""
    a, n, c, m = table = two_by_two(15, 148, 4, 132)
    found = score_risk_ratio(table, corrected=corrected)
    for ratio in (found.low, found.high):
        control = minimize_scalar(
            lambda q, r=ratio: -(binom.logpmf(a, n, q * r) + binom.logpmf(c, m, q)),
            bounds=(0, min(1, 1 / ratio)), method="bounded", options={"xatol": 1e-12},
        ).x  # fmt: skip
        pearson = sum(
            (seen - size * risk) ** 2 / (size * risk * (1 - risk))
            for seen, size, risk in ((a, n, control * ratio), (c, m, control))
        )
        assert pearson * ((n + m - 1) / (n + m) if corrected else 1) == pytest.approx(3.841459, rel=1e-4)


def test_the_exact_conditional_estimate_and_limits_are_those_verified_in_r():
    found = exact_conditional(PRIMARY)
    assert found.value == pytest.approx(DERIVED["or_cond_mle"], rel=1e-6)
    assert (found.low, found.high) == pytest.approx(DERIVED["or_exact95_true"], rel=1e-6)


@pytest.mark.parametrize(
    "row", [row for row in EFFECTS if row["control"]["events"]], ids=lambda row: row["key"]
)
@pytest.mark.filterwarnings("ignore")  # the library warns that two groups and two parameters fit exactly
def test_a_logistic_model_fitted_by_another_library_agrees(row):
    table = counts_of(row)
    a, b, c, d = table.cells
    fit = GLM([[a, b], [c, d]], [[1, 1], [1, 0]], family=Binomial()).fit(tol=1e-12)
    low, high = fit.conf_int()[1]
    found = odds_ratio(table)
    assert (found.value, found.low, found.high) == pytest.approx(
        [math.exp(fit.params[1]), math.exp(low), math.exp(high)], rel=1e-5
    )


def test_shares_have_wilson_and_exact_limits():
    example = EXAMPLES["wilson_and_exact"]
    share = proportion(example["events"], example["n"])
    assert (share.wilson.low, share.wilson.high) == pytest.approx(example["wilson"], abs=5e-5)
    assert (share.exact.low, share.exact.high) == pytest.approx(example["clopper_pearson"], abs=5e-5)


# --- where a formula has no answer -------------------------------------------------------------------------


def test_no_event_in_one_arm_gives_the_exact_limit_and_says_so():
    found = odds_ratio(two_by_two(315, 2456, 0, 2456))
    assert (found.value, found.high) == (math.inf, math.inf)
    assert found.low == pytest.approx(97.18218)
    assert "exact conditional" in found.method
    assert "no event in the control arm" in found.why
    ratio = risk_ratio(two_by_two(315, 2456, 0, 2456))
    assert 1 < ratio.low < math.inf
    assert "score" in ratio.method


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (two_by_two(0, 9, 0, 8), "0/0"),
        (two_by_two(9, 9, 8, 8), "everybody in both arms"),
        (two_by_two(0, 0, 3, 8), "nobody in the screening arm"),
        (two_by_two(0, 0, 0, 0), "nobody in the screening or the control arm"),
    ],
)
def test_an_undefined_odds_ratio_is_none_with_a_reason(table, why):
    found = odds_ratio(table)
    assert found[:3] == (None, None, None)
    assert why in found.why


def test_wald_limits_without_variance_are_refused_not_zero_wide():
    found = risk_difference(two_by_two(0, 9, 0, 9))
    assert (found.wald.value, found.wald.low) == (0, None)
    assert found.newcombe.low < 0 < found.newcombe.high
    assert number_needed(found.wald).why


def test_nobody_to_count_has_no_share():
    share = proportion(0, 0)
    assert share.wilson.value is share.exact.low is None
    assert "0/0" in share.wilson.why


@pytest.mark.parametrize("measure", [woolf, log_risk_ratio])
def test_a_method_that_needs_full_cells_keeps_the_estimate_and_says_why_it_has_no_limits(measure):
    found = measure(two_by_two(5, 9, 0, 8))
    assert found[:3] == (math.inf, None, None)
    assert "no event in the control arm" in found.why


def test_scans_for_a_case_found_and_where_none_was():
    found = scans_per_case(315, 237)
    wilson = proportion(237, 315).wilson
    assert found[:3] == pytest.approx((315 / 237, 1 / wilson.high, 1 / wilson.low))
    none = scans_per_case(12, 0)
    assert (none.value, none.high) == (math.inf, math.inf)
    assert 1 < none.low < 12
    assert "no case" in none.why
    assert "nobody was scanned" in scans_per_case(0, 0).why
    with pytest.raises(BadCounts, match="a case needs a scan"):
        scans_per_case(3, 4)


def test_number_needed_runs_through_infinity_when_the_difference_may_be_zero():
    found = number_needed(risk_difference(two_by_two(5, 50, 4, 50)).newcombe)
    assert found.through_infinity
    assert found.high < 0 < found.low < found.value
    assert "through infinity" in found.why


def test_number_needed_of_no_difference_is_infinite_between_its_limits():
    found = number_needed(risk_difference(two_by_two(5, 50, 5, 50)).miettinen_nurminen)
    assert found.value == math.inf
    assert found.through_infinity
    assert found.low == pytest.approx(-found.high)


@pytest.mark.parametrize("counts", [(-1, 5, 0, 5), (6, 5, 0, 5), (0, 5, 6, 5)])
def test_impossible_counts_are_refused_with_the_limit(counts):
    with pytest.raises(BadCounts, match="must lie between 0 and 5"):
        two_by_two(*counts)
    with pytest.raises(BadCounts, match="7 events among 5"):
        proportion(7, 5)


# --- what holds for any counts -----------------------------------------------------------------------------


@UNHURRIED
@given(tables())
def test_intervals_contain_their_estimate(table):
    for found in all_estimates(table):
        assert found.value is not None or found.why
        if found.value is not None and found.low is not None:
            assert found.low <= found.value + 1e-9
            assert found.value <= found.high + 1e-9


@UNHURRIED
@given(tables())
def test_exchanging_the_arms_inverts_ratios(table):
    for measure in RATIOS:
        mine, theirs = measure(table), measure(table.swapped())
        if mine.value is None:
            assert theirs.value is None
            continue
        for here, there in ((mine.value, theirs.value), (mine.low, theirs.high), (mine.high, theirs.low)):
            assert there == pytest.approx(1 / here if here else math.inf, rel=1e-6)


@UNHURRIED
@given(tables())
def test_exchanging_the_arms_negates_differences(table):
    for mine, theirs in zip(risk_difference(table), risk_difference(table.swapped()), strict=True):
        assert mine.value == pytest.approx(-theirs.value, abs=1e-12)
        if mine.low is not None:
            assert (mine.low, mine.high) == pytest.approx((-theirs.high, -theirs.low), abs=1e-9)


@UNHURRIED
@given(tables(least=1))
def test_the_odds_ratio_lies_beyond_the_risk_ratio(table):
    """Away from 1, the odds ratio overstates the risk ratio: both are reported for that reason."""
    odds, risks = odds_ratio(table).value, risk_ratio(table).value
    assert abs(math.log(odds)) >= abs(math.log(risks)) - 1e-12


@UNHURRIED
@given(st.integers(0, 300), st.integers(0, 300))
def test_the_limits_of_a_share_stay_between_0_and_1(events, others):
    share = proportion(events, events + others)
    for found in (share.wilson, share.exact):
        if found.value is not None:
            assert 0 <= found.low <= found.value + 1e-12
            assert found.value - 1e-12 <= found.high <= 1
