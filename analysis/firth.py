"""Firth's penalized likelihood: a logistic model with finite answers where groups are separated.

Firth, Biometrika 1993;80:27-38 (penalty: half the log determinant of the information, Jeffreys' prior);
profile limits and test as Heinze and Schemper, Stat Med 2002;21:2409-2419.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, stats

from analysis.estimators import Estimate, TwoByTwo, Z, bisect, no_people
from analysis.significance import PValue

METHOD = "odds ratio, Firth penalized likelihood, profile interval"
TEST = "penalized likelihood ratio chi-square (1 df)"
Array = np.ndarray[Any, np.dtype[np.float64]]


class Firth(NamedTuple):
    """One coefficient of a penalized model, as an odds ratio and its test."""

    odds_ratio: Estimate
    test: PValue


def firth_odds_ratio(table: TwoByTwo) -> Estimate:
    """Estimate the odds ratio of one table; the model of the arm alone has a closed form, half a person a cell.

    The half persons are the penalty itself, not a correction of empty cells: they are there in every table.
    """
    if why := no_people(table):
        return Estimate(None, None, None, METHOD, why)
    a, b, c, d = (cell + 0.5 for cell in table.cells)
    bounds = max(0.0, a - d), min(a + b, a + c)
    low = bisect(lambda x: _deviance(table, x) - Z**2, bounds[0], a)
    high = bisect(lambda x: Z**2 - _deviance(table, x), a, bounds[1])
    return Estimate(a * d / (b * c), _ratio_at(table, low), _ratio_at(table, high), METHOD)


def _fitted(table: TwoByTwo, first: float) -> tuple[float, float, float, float]:
    """Fill the table whose margins are those of the penalized one and whose first cell is given."""
    a, b, c, d = (cell + 0.5 for cell in table.cells)
    return first, a + b - first, a + c - first, d - a + first


def _deviance(table: TwoByTwo, first: float) -> float:
    fitted = _fitted(table, first)
    if min(fitted) <= 0:
        return math.inf
    pairs = zip((cell + 0.5 for cell in table.cells), fitted, strict=True)
    return 2 * sum(seen * math.log(seen / fit) for seen, fit in pairs)


def _ratio_at(table: TwoByTwo, first: float) -> float:
    a, b, c, d = _fitted(table, first)
    return a * d / (b * c)


def firth_logistic(outcome: Array, design: Array, column: int) -> Firth:
    """Fit a penalized logistic model and answer for one column of its design (people x terms, one constant)."""
    weight, events, rows = _grouped(outcome, design)
    best = _maximum(weight, events, rows, column, None)
    null = _maximum(weight, events, rows, column, 0.0)
    drop = max(2 * (null.fun - best.fun), 0.0)
    low, high = (_profile_limit(weight, events, rows, column, best, side) for side in (-1, 1))
    estimate = Estimate(math.exp(best.x[column]), math.exp(low), math.exp(high), METHOD)
    return Firth(estimate, PValue(drop, 1, float(stats.chi2.sf(drop, 1)), TEST))


def _grouped(outcome: Array, design: Array) -> tuple[Array, Array, Array]:
    """Count people and events with the same terms: the likelihood is the same and far quicker."""
    rows, group = np.unique(design, axis=0, return_inverse=True)
    group = group.reshape(-1)
    events = np.bincount(group, weights=outcome).astype(float)
    return np.bincount(group).astype(float), events, rows


def _minus_likelihood(beta: Array, weight: Array, events: Array, rows: Array) -> float:
    linear = rows @ beta
    log_p, log_q = -np.logaddexp(0, -linear), -np.logaddexp(0, linear)
    information = rows.T @ (rows * (weight * np.exp(log_p + log_q))[:, None])
    sign, logdet = np.linalg.slogdet(information)
    if sign <= 0:
        return math.inf
    return -float(events @ log_p + (weight - events) @ log_q + logdet / 2)


def _gradient(beta: Array, weight: Array, events: Array, rows: Array) -> Array:
    """Return Firth's modified score, its sign changed: residuals plus leverage x (1/2 - probability)."""
    p = 1 / (1 + np.exp(-np.clip(rows @ beta, -700, 700)))
    w = weight * p * (1 - p)
    leverage = w * np.einsum("ij,jk,ik->i", rows, np.linalg.pinv(rows.T @ (rows * w[:, None])), rows)
    result: Array = -rows.T @ (events - weight * p + leverage * (0.5 - p))
    return result


def _maximum(weight: Array, events: Array, rows: Array, column: int, fixed: float | None) -> Any:
    """Maximize over all coefficients, or over all but one that is held at a value."""
    free = np.arange(rows.shape[1]) != column if fixed is not None else np.ones(rows.shape[1], dtype=bool)

    def whole(part: Array) -> Array:
        beta = np.full(rows.shape[1], fixed or 0.0)
        beta[free] = part
        return beta

    found = optimize.minimize(
        lambda part: _minus_likelihood(whole(part), weight, events, rows),
        np.zeros(int(free.sum())),
        jac=lambda part: _gradient(whole(part), weight, events, rows)[free],
        method="BFGS",
        options={"gtol": 1e-8},
    )
    found.x = whole(found.x)
    return found


def _profile_limit(weight: Array, events: Array, rows: Array, column: int, best: Any, side: int) -> float:
    """Find where twice the drop of the penalized likelihood is z squared, away from the estimate."""

    def excess(step: float) -> float:
        value = best.x[column] + side * step
        return 2 * (_maximum(weight, events, rows, column, value).fun - best.fun) - Z**2

    reach = 1.0
    while excess(reach) < 0:
        reach *= 2
    return float(best.x[column] + side * optimize.brentq(excess, 0.0, reach, xtol=1e-9))
