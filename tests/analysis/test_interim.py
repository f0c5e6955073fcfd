"""Boundaries are the published ones, keep alpha, and conditional power agrees with its formulas."""

import json
import math

import numpy as np
import pytest

from analysis.interim import (
    CLASSICAL,
    NORMAL,
    SPENDING,
    BadDesign,
    check_information,
    classical_design,
    conditional_power,
    course,
    current_trend,
    drift_for,
    equal_information,
    inflation,
    predictive_power,
    spending_design,
)
from tests.analysis import published

BOOK = json.loads((published.PATH.parent / "planning.json").read_text(encoding="utf-8"))
UNEQUAL = (0.3, 0.6, 1)


def design_of(kind: str, shape: str, information):
    times = equal_information(information) if isinstance(information, int) else information
    if kind == "spending":
        return spending_design(times, spending=shape)
    return classical_design(times, shape=shape)


EVERY = [("spending", shape) for shape in SPENDING] + [("classical", shape) for shape in CLASSICAL]


@pytest.mark.parametrize(
    "row", BOOK["boundaries"], ids=lambda r: f"{r['kind']} {r['shape']} {r['information']}"
)
def test_boundaries_are_the_published_ones(row):
    design = design_of(row["kind"], row["shape"], row["information"])

    assert [f"{look.z:.3f}" for look in design.looks] == row["z"]


@pytest.mark.parametrize("shape", CLASSICAL)
def test_classical_constants_and_inflation_are_those_of_the_book(shape):
    last = {
        looks: f"{design_of('classical', shape, int(looks)).looks[-1].z:.3f}"
        for looks in BOOK["last_z"][shape]
    }
    factors = {
        looks: {
            power: f"{inflation(design_of('classical', shape, int(looks)), float(power)):.3f}"
            for power in row
        }
        for looks, row in BOOK["inflation"][shape].items()
    }

    assert last == BOOK["last_z"][shape]
    assert factors == BOOK["inflation"][shape]


@pytest.mark.parametrize(("kind", "shape"), EVERY)
def test_made_up_trials_without_effect_cross_as_often_as_alpha_says(kind, shape):
    design = design_of(kind, shape, UNEQUAL)
    draws = np.random.default_rng(20240917).standard_normal((400_000, 3))
    score = np.cumsum(draws * np.sqrt(np.diff([0, *UNEQUAL])), axis=1)
    crossed = np.abs(score / np.sqrt(UNEQUAL)) >= [look.z for look in design.looks]

    assert crossed.any(axis=1).mean() == pytest.approx(0.05, abs=0.0015)  # four standard errors
    first = [float((crossed[:, k] & ~crossed[:, :k].any(axis=1)).mean()) for k in range(3)]
    null = course(design, 0.0)
    assert first == pytest.approx([2 * p for p in null.above], abs=0.0015)
    assert np.cumsum([2 * p for p in null.above]) == pytest.approx([k.alpha_spent for k in design.looks])


def test_a_trial_with_one_look_is_the_ordinary_test():
    for kind, shape in EVERY:
        design = design_of(kind, shape, (1.0,))
        assert design.looks[0].z == pytest.approx(1.959963984540054, abs=1e-9)
        assert inflation(design, 0.9) == pytest.approx(1, abs=1e-9)
        assert course(design, 0.0).expected_information == 1


def test_alpha_that_is_too_small_to_spend_gives_no_boundary_and_says_why():
    early, last = spending_design((0.01, 1), spending="obrien-fleming").looks

    assert (early.z, early.p) == (None, None)
    assert "below 1e-15" in early.why
    assert last.z == pytest.approx(1.959963984540054, abs=1e-9)


def test_looks_a_hair_apart_keep_alpha():
    times = (0.3, 0.301, 0.6, 1)
    null = course(spending_design(times, spending="pocock"), 0.0)

    assert 2 * sum(null.above) == pytest.approx(0.05, abs=1e-10)


def test_power_is_that_of_the_drift_found_for_it():
    design = design_of("spending", "obrien-fleming", UNEQUAL)
    hoped = course(design, drift_for(design, 0.8))

    assert hoped.power == pytest.approx(0.8, abs=1e-9)
    assert hoped.above[-1] > hoped.above[0] > hoped.below[0]
    assert hoped.expected_information < course(design, 0.0).expected_information < 1


def test_conditional_and_predictive_power_before_the_last_look_are_the_closed_forms():
    design = design_of("spending", "pocock", 2)
    t, z, limit = 0.5, 1.5, design.looks[1].z

    for drift in (0.0, 3.0, current_trend(design, 1, z)):
        expected = 1 - NORMAL.cdf((limit - z * math.sqrt(t) - drift * (1 - t)) / math.sqrt(1 - t))
        assert conditional_power(design, 1, z, drift) == pytest.approx(expected, abs=1e-12)
    expected = NORMAL.cdf((z - limit * math.sqrt(t)) / math.sqrt(1 - t))
    assert predictive_power(design, 1, z) == pytest.approx(expected, abs=1e-9)


def test_conditional_power_counts_every_look_to_come():
    design = design_of("classical", "obrien-fleming", UNEQUAL)
    rng, drift, z = np.random.default_rng(7), 2.8, 1.1
    steps = rng.standard_normal((200_000, 2)) * np.sqrt(np.diff(UNEQUAL)) + drift * np.diff(UNEQUAL)
    score = z * math.sqrt(0.3) + np.cumsum(steps, axis=1)
    bounds = [look.z * math.sqrt(look.information) for look in design.looks[1:]]
    first, second = score[:, 0] >= bounds[0], score[:, 1] >= bounds[1]
    won = first | ((np.abs(score[:, 0]) < bounds[0]) & second)

    assert conditional_power(design, 1, z, drift) == pytest.approx(won.mean(), abs=0.005)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: equal_information(0), "plan from 1 to 20"),
        (lambda: check_information([0.3, 0.6]), "the last is 1"),
        (lambda: check_information([0.6, 0.3, 1]), "larger than the one before"),
        (lambda: check_information([math.nan, 1]), "above 0"),
        (lambda: check_information([]), "give from 1"),
        (lambda: spending_design((1.0,), spending="haybittle"), "none of: obrien-fleming, pocock"),
        (lambda: spending_design((1.0,), spending="pocock", alpha=5), "such as 0.05"),
        (lambda: drift_for(design_of("spending", "pocock", 2), 90), "up to 0.9999"),
        (lambda: course(design_of("spending", "pocock", 2), math.inf), "Drift inf"),
        (lambda: conditional_power(design_of("spending", "pocock", 2), 2, 1.0, 0.0), "before the last one"),
        (lambda: conditional_power(design_of("spending", "pocock", 2), 1, math.nan, 0.0), "z nan"),
    ],
)  # fmt: skip
def test_what_no_design_can_have_is_refused_with_what_to_do(ask, said):
    with pytest.raises(BadDesign, match=said):
        ask()
