"""Time to an event: the leukemia trial that every book prints, and what has no answer."""

import math

import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from analysis.survival import Times, cox, kaplan_meier, log_rank, median
from tests.analysis import published

TRIAL = published.load("worked_examples")["leukemia"]
DRUG = Times(TRIAL["mercaptopurine"]["days"], TRIAL["mercaptopurine"]["happened"])
PLACEBO = Times(TRIAL["placebo"]["days"], [True] * 21)


def test_the_curve_of_the_drug():
    found = {step.day: step.free.value for step in kaplan_meier(DRUG)}
    assert found == pytest.approx({int(day): free for day, free in TRIAL["kaplan_meier"].items()}, abs=5e-4)


def test_limits_are_greenwood_s_on_the_scale_of_log_of_minus_log():
    errors = SurvfuncRight(DRUG.days, DRUG.happened).surv_prob_se
    for step, error in zip(kaplan_meier(DRUG), errors, strict=True):
        free, half = step.free, math.log(math.log(step.free.low) / math.log(step.free.high)) / 2
        assert half * free.value * abs(math.log(free.value)) == pytest.approx(1.959964 * error, rel=1e-6)


def test_without_censoring_the_curve_is_the_share_that_is_left():
    for step in kaplan_meier(PLACEBO):
        assert step.free.value == pytest.approx(sum(day > step.day for day in PLACEBO.days) / 21, abs=1e-12)
    assert kaplan_meier(PLACEBO)[-1].free.why


def test_limits_stay_between_0_and_1_around_the_curve():
    for step in kaplan_meier(DRUG):
        assert 0 < step.free.low < step.free.value < step.free.high < 1


def test_medians_and_the_one_that_is_not_reached():
    assert median(DRUG).value == TRIAL["medians"]["mercaptopurine"]
    found = median(PLACEBO)
    assert (found.value, found.low, found.high) == (TRIAL["medians"]["placebo"], 4, 11)
    never = median(Times([5, 6, 7, 8], [True, False, False, False]))
    assert never.value == math.inf
    assert "fewer than half" in never.why


def test_log_rank_and_cox():
    assert log_rank(DRUG, PLACEBO).statistic == pytest.approx(TRIAL["log_rank"], abs=5e-3)
    expected, found = TRIAL["cox_efron"], cox(PLACEBO, DRUG).ratio
    assert math.log(found.value) == pytest.approx(expected["log_hazard_ratio"], abs=5e-4)
    assert math.log(found.high / found.low) / 2 / 1.959964 == pytest.approx(expected["se"], abs=5e-4)


def test_exchanging_the_arms_inverts_the_hazard_ratio():
    one, other = cox(DRUG, PLACEBO), cox(PLACEBO, DRUG)
    assert other.ratio[:3] == pytest.approx((1 / one.ratio.value, 1 / one.ratio.high, 1 / one.ratio.low))
    assert log_rank(DRUG, PLACEBO).p == pytest.approx(log_rank(PLACEBO, DRUG).p)


@pytest.mark.parametrize(
    ("mine", "why"),
    [
        (Times([], []), "nobody in an arm"),
        (Times([3, 4], [False, False]), "no event in the screening arm"),
        (Times([40, 41], [True, True]), "never overlap"),
    ],
)
def test_a_hazard_ratio_without_an_answer_says_why(mine, why):
    found = cox(mine, PLACEBO)
    assert found.ratio.value is found.wald.p is None
    assert why in found.ratio.why


def test_no_event_at_all_has_no_test():
    nobody = Times([3, 4], [False, False])
    assert "no event in either arm" in log_rank(nobody, nobody).why
    assert kaplan_meier(nobody) == []
