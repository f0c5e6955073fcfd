"""What predictions are worth: by hand, and against independent computations."""

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from screening.evaluation import (
    Line,
    auc_interval,
    auc_of,
    calibration,
    fitted_line,
    log_odds,
    of_t_scores,
    performance,
    proportion,
    youden_threshold,
)
from screening.manifests import calibrated
from tests.analysis import published

PEOPLE = published.load("worked_examples")["subarachnoid"]


def test_the_area_under_the_curve_counts_pairs_and_halves_ties():
    scores, positive = np.array([3, 4, 2, 1, 2.0]), np.array([True, True, True, False, False])
    assert auc_of(scores, positive) == pytest.approx(5.5 / 6)


def test_delong_s_interval_by_hand():
    # cases 3, 4, 2 beat 1, 1 and 3/4 of the others; the others 1, 2 lose to 1 and 5/6 of the cases
    scores, positive = np.array([3, 4, 2, 1, 2.0]), np.array([True, True, True, False, False])
    error = (np.var([1, 1, 0.75], ddof=1) / 3 + np.var([1, 5 / 6], ddof=1) / 2) ** 0.5
    assert auc_interval(scores, positive) == pytest.approx((11 / 12, 11 / 12 - 1.959964 * error, 1))


def test_youden_s_cut_off_lies_between_the_groups():
    scores = np.array([0.1, 0.2, 0.3, 0.6, 0.8])
    assert youden_threshold(scores, scores > 0.5) == 0.45


def test_delong_s_interval_against_the_definition_pair_by_pair():
    """DeLong's own double sums, over every pair, on scores with ties (an independent way to the same variance)."""
    rng = np.random.default_rng(4)
    positive = np.arange(60) < 23
    scores = np.round(rng.normal(positive * 0.9, 1), 1)
    pairs = np.array(
        [[(x > y) + (x == y) / 2 for y in scores[~positive]] for x in scores[positive]], dtype=float
    )
    auc, (m, n) = pairs.mean(), pairs.shape
    s10 = sum((pairs[i].mean() - auc) ** 2 for i in range(m)) / (m - 1)
    s01 = sum((pairs[:, j].mean() - auc) ** 2 for j in range(n)) / (n - 1)
    reach = 1.959964 * (s10 / m + s01 / n) ** 0.5
    assert auc_interval(scores, positive) == pytest.approx((auc, auc - reach, auc + reach))


def test_delong_s_interval_as_published():
    """Two indices of one group of people, one of them with many ties."""
    grades, protein = PEOPLE["grades"], PEOPLE["s100b"]
    good, poor = (np.repeat(np.arange(5.0), grades[outcome]) for outcome in ("good", "poor"))
    for found, example in (
        (auc_interval(*_labeled(good, poor)), grades),
        (auc_interval(*_labeled(protein["good"], protein["poor"])), protein),
    ):
        assert found == pytest.approx((example["area"], *example["limits"]), abs=1e-6)


def _labeled(others, cases):
    return np.concatenate([others, cases]), np.repeat([False, True], [len(others), len(cases)])


def over_confident(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return scores whose log odds are twice as large as they should be, and half a unit too high."""
    rng = np.random.default_rng(2)
    true = rng.normal(-1, 1, count)
    positive = rng.random(count) < 1 / (1 + np.exp(-true))
    return 1 / (1 + np.exp(-(2 * true + 1))), positive


def test_the_line_brings_back_what_was_bent():
    scores, positive = over_confident()
    line = fitted_line(scores, positive)
    assert line.slope == pytest.approx(0.5, abs=0.05) and line.intercept == pytest.approx(-0.5, abs=0.1)

    before, after = calibration(scores, positive), calibration(line(scores), positive)
    assert before["slope"][0] == pytest.approx(line.slope, abs=1e-3) and before["slope"][2] < 1
    assert after["slope"][0] == pytest.approx(1, abs=1e-3)
    assert after["intercept"][0] == pytest.approx(0, abs=1e-3)
    assert after["brier"] < before["brier"]


def test_calibration_in_the_large_makes_the_mean_right():
    """Moved by the intercept, the predictions add up to what was observed: what maximum likelihood means here."""
    scores, positive = over_confident()
    moved = Line(1, calibration(scores, positive)["intercept"][0])(scores)
    assert moved.mean() == pytest.approx(positive.mean(), abs=1e-4)


def test_there_is_no_line_where_nothing_can_be_fitted():
    positive = np.arange(20) < 8
    assert fitted_line(np.where(positive, 0.8, 0.2), positive) is None  # parted without an error
    assert fitted_line(np.full(20, 0.5), positive) is None  # all the same
    assert fitted_line(np.linspace(0, 1, 20), np.arange(20) >= 17) is None  # three cases
    upside_down = np.where(positive, 0.3, 0.7) + np.tile([-0.3, 0.25], 10)
    assert fitted_line(upside_down, positive) is None
    assert calibration(np.where(positive, 1.0, 0.0), positive) == {
        "slope": None,
        "intercept": None,
        "brier": 0,
    }


def test_a_calibrated_score_is_the_one_that_is_served():
    line = Line(0.731, -1.203)
    said = SimpleNamespace(calibration={"slope": "0.731", "intercept": "-1.203"})
    scores = np.round(np.random.default_rng(1).random(50), 6)
    served = [float(calibrated(said, Decimal(str(score)))) for score in scores]
    assert line(scores) == pytest.approx(served, abs=1.1e-6)


def test_a_proportion_has_wilson_s_interval():
    assert proportion(np.array([True] * 9 + [False])) == [0.9, 0.5958, 0.9821]
    assert proportion(np.array([], bool)) is None


def test_a_group_with_few_cases_has_no_auc():
    positive = np.arange(12) < 4
    found = performance(np.linspace(1, 0, 12), positive, positive)
    assert found["auc"] is None and found["sensitivity"][0] == 1 and found["films"] == 12


def test_t_scores_are_read_from_the_log_odds():
    known = np.array([-4.0, -2.5, -1.0, 0.5])
    scores = 1 / (1 + np.exp(-(-2.5 - known - np.array([0.2, -0.2, 0.2, -0.2]))))
    found = of_t_scores(scores, known, -2.5)
    assert found["mean_absolute_error"] == found["root_mean_squared_error"] == 0.2 and found["bias"] == 0
    assert log_odds(np.array([0.5])) == 0 and found["correlation"] > 0.99
