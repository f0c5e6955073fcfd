"""Sizes are the published ones, people and power answer each other, and made-up trials agree."""

import json
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from analysis.design import (
    BadPlan,
    Plan,
    design_effect,
    methods,
    people_for,
    power_with,
    risk_from_odds_ratio,
    sizes_for,
    sizes_with,
)
from tests.analysis import published

BOOK = json.loads((published.PATH.parent / "planning.json").read_text(encoding="utf-8"))
RARE = Plan(0.011, 0.022)
AGAINST = Plan(0.9, 0.88, margin=0.1)


def plan_of(row: dict) -> Plan:
    return Plan(**{name: row[name] for name in Plan._fields if name in row})


@pytest.mark.parametrize("row", BOOK["sizes"], ids=lambda row: row["source"])
def test_sizes_are_the_published_ones(row):
    size = sizes_for(plan_of(row), row["power"])[row["method"]]

    assert size.control == size.screening == row.get("people", size.control)
    assert f"{size.unrounded:.1f}" == row.get("unrounded", f"{size.unrounded:.1f}")


@pytest.mark.parametrize("row", BOOK["powers"], ids=lambda row: row["source"])
def test_powers_are_the_published_ones(row):
    assert f"{sizes_with(plan_of(row), row['people'])[0].power:.3f}" == row["power"]


@pytest.mark.parametrize("plan", [RARE, Plan(0.3, 0.1, ratio=2), AGAINST, AGAINST._replace(ratio=0.5)])
def test_people_and_power_answer_each_other(plan):
    for method in methods(plan, plan.ratio):
        people = people_for(method, plan.alpha, 0.9)
        assert power_with(method, plan.alpha, people) == pytest.approx(0.9, abs=1e-12)
    for size in sizes_for(plan, 0.9):
        assert 0.9 <= size.power < 0.92
        again = next(s for s in sizes_with(plan, size.control) if s.method == size.method)
        assert again.power == pytest.approx(size.power, abs=0.01)


def test_made_up_trials_reject_as_often_as_the_exact_power_says():
    plan, n, m = Plan(0.1, 0.2, ratio=1.5), 120, 180
    rng = np.random.default_rng(11)
    c, a = rng.binomial(n, plan.control, 300_000), rng.binomial(m, plan.screening, 300_000)
    mean = (a + c) / (n + m)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (a / m - c / n) / np.sqrt(mean * (1 - mean) * (1 / n + 1 / m))

    usual = sizes_with(plan, n)[0]

    assert usual.screening == m
    assert usual.exact_power == pytest.approx((np.abs(z) >= 1.959964).mean(), abs=0.004)
    assert usual.exact_power == pytest.approx(usual.power, abs=0.02)


def test_the_exact_power_of_two_people_an_arm_can_be_counted_by_hand():
    plan = Plan(0.5, 0.8, alpha=0.05)

    exact = sizes_with(plan, 2)[0].exact_power

    # |z| reaches 1.96 only where one arm has both and the other nobody: z = 2. The other way round is no success.
    assert exact == pytest.approx(0.25 * 0.64, abs=1e-12)


def test_an_underpowered_trial_gains_nothing_by_rejections_in_the_wrong_direction():
    """Risks of 0.30 and 0.31 in 50 people an arm: R's power.prop.test gives 0.032."""
    exact = sizes_with(Plan(0.30, 0.31, alpha=0.05), 50)[0].exact_power
    assert exact == pytest.approx(0.032, abs=0.002)


def test_the_restricted_risks_of_the_score_test_are_the_likeliest_under_the_margin():
    plan, limit = AGAINST, -0.1

    def unlikely(control):
        pairs = ((plan.control, control), (plan.screening, control + limit))
        return -sum(p * math.log(q) + (1 - p) * math.log(1 - q) for p, q in pairs)

    theirs = minimize_scalar(unlikely, bounds=(0.1001, 0.9999), method="bounded", options={"xatol": 1e-10}).x
    mine = theirs + limit

    score = methods(plan, 1.0)[0]
    assert score.null == pytest.approx(math.sqrt(theirs * (1 - theirs) + mine * (1 - mine)), abs=1e-7)


def test_a_harm_is_not_worse_below_its_margin_as_its_mirror_image_is():
    good, harm = (
        sizes_for(Plan(0.9, 0.88, margin=0.1), 0.8),
        sizes_for(Plan(0.1, 0.12, margin=0.1, harm=True), 0.8),
    )

    assert [s.control for s in good] == [s.control for s in harm]
    assert [s.exact_power for s in good] == pytest.approx([s.exact_power for s in harm])


def test_clusters_and_dropout_ask_for_more_people_and_give_the_same_power():
    plan = RARE._replace(cluster_size=50, icc=0.01, cluster_cv=0.5, dropout=0.1)
    alone, many = sizes_for(RARE, 0.9)[0], sizes_for(plan, 0.9)[0]

    assert design_effect(plan) == pytest.approx(1 + (1.25 * 50 - 1) * 0.01)
    assert many.clusters == (math.ceil(alone.unrounded * design_effect(plan) / 0.9 / 50),) * 2
    assert many.control == many.clusters[0] * 50
    assert 0.9 <= many.power < 0.905
    assert many.exact_power is None
    assert "clusters" in many.why


def test_an_odds_ratio_stands_for_a_risk():
    assert risk_from_odds_ratio(0.25, 2) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: sizes_for(Plan(1.1, 0.2), 0.9), "Risk 1.1 in the control arm"),
        (lambda: sizes_for(Plan(math.nan, 0.2), 0.9), "Risk nan"),
        (lambda: sizes_for(Plan(0.1, 0.1), 0.9), "nothing to detect"),
        (lambda: sizes_for(Plan(0.1, 0.2), 90), "Power 90"),
        (lambda: sizes_for(Plan(0.1, 0.2, alpha=0.7), 0.9), "Alpha 0.7"),
        (lambda: sizes_for(Plan(0.1, 0.2, ratio=0), 0.9), "Ratio 0"),
        (lambda: sizes_for(Plan(0.1, 0.2, icc=0.1), 0.9), "without a cluster size"),
        (lambda: sizes_for(Plan(0.1, 0.2, dropout=1), 0.9), "Dropout 1"),
        (lambda: sizes_for(Plan(0.9, 0.7, margin=0.1), 0.9), "worse by the margin"),
        (lambda: sizes_for(Plan(0.9, 0.9, margin=2), 0.9), "Margin 2"),
        (lambda: sizes_for(Plan(0.1, 0.1 + 1e-9), 0.9), "too small to be planned for"),
        (lambda: sizes_with(RARE, 1), "give from 2"),
        (lambda: risk_from_odds_ratio(0.1, 0), "Odds ratio 0"),
        (lambda: risk_from_odds_ratio(2, 0.5), "Risk 2"),
    ],
)
def test_what_no_trial_can_have_is_refused_with_what_to_do(ask, said):
    with pytest.raises(BadPlan, match=said):
        ask()
