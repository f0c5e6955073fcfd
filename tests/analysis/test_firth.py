"""Firth's penalized likelihood: finite where groups are separated, and the same by two ways."""

import numpy as np
import pytest
from scipy.optimize import minimize
from statsmodels.datasets import spector

from analysis.estimators import two_by_two
from analysis.firth import firth_logistic, firth_odds_ratio


def people(table):
    a, b, c, d = table.cells
    outcome = np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])
    arm = np.repeat([1.0, 1.0, 0.0, 0.0], [a, b, c, d])
    return outcome, np.column_stack([arm, np.ones(len(arm))])


@pytest.mark.parametrize("counts", [(7, 34, 1, 34), (315, 2456, 0, 2456), (9, 9, 0, 8), (0, 9, 0, 8)])
def test_one_table_by_its_closed_form_is_the_model_s_answer(counts):
    table = two_by_two(*counts)
    closed, fitted = firth_odds_ratio(table), firth_logistic(*people(table), 0).odds_ratio

    assert (closed.value, closed.low, closed.high) == pytest.approx(
        (fitted.value, fitted.low, fitted.high), rel=1e-4
    )
    assert 0 < closed.low < closed.value < closed.high < float("inf")


def test_several_terms_maximize_the_penalized_likelihood():
    """Another writing of the likelihood is flat at the estimate, and z squared / 2 lower at each limit."""
    data = spector.load_pandas().data
    outcome = data["GRADE"].to_numpy()
    design = np.column_stack([data["PSI"], np.ones(32), data["GPA"], data["TUCE"]])
    found = firth_logistic(outcome, design, 0)

    def best(psi):
        def minus(rest):
            p = 1 / (1 + np.exp(-(design @ [psi, *rest])))
            information = design.T @ np.diag(p * (1 - p)) @ design
            likelihood = np.prod(np.where(outcome == 1, p, 1 - p))
            return -np.log(likelihood) - np.log(np.linalg.det(information)) / 2

        enough = {"xatol": 1e-6, "fatol": 1e-10, "maxiter": 4000}
        return -minimize(minus, [-10, 2.4, 0.08], method="Nelder-Mead", options=enough).fun

    value, low, high = (np.log(x) for x in found.odds_ratio[:3])
    top = best(value)
    assert top >= max(best(value - 0.05), best(value + 0.05))
    for limit in (low, high):
        assert 2 * (top - best(limit)) == pytest.approx(3.841459, abs=1e-3)
    assert 2 * (top - best(0.0)) == pytest.approx(found.test.statistic, abs=1e-3)


def test_nobody_in_an_arm_has_no_answer():
    assert "nobody in the screening arm" in firth_odds_ratio(two_by_two(0, 0, 1, 2)).why
