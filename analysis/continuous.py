"""Continuous outcomes of two arms: difference of means by Student, Welch and analysis of covariance."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from analysis.estimators import LEVEL, Estimate
from analysis.significance import PValue, equal_variance_t, mean

Values = Sequence[float]


class Difference(NamedTuple):
    """A difference of means, screening minus control, with its test."""

    estimate: Estimate
    test: PValue


def student(mine: Values, theirs: Values) -> Difference:
    """Compare two means with the pooled variance (Student 1908)."""
    test = equal_variance_t(mine, theirs)
    return _compared(mine, theirs, test.df, test._replace(method="t test, equal variances"), pooled=True)


def welch(mine: Values, theirs: Values) -> Difference:
    """Compare two means without assuming equal variances (Welch, Biometrika 1947;34:28-35)."""
    method = "t test, unequal variances (Welch)"
    if why := _too_few(mine, theirs):
        return _undefined(method, why)
    spreads = [np.var(values, ddof=1) / len(values) for values in (mine, theirs)]
    df = sum(spreads) ** 2 / sum(
        spread**2 / (len(values) - 1) for spread, values in zip(spreads, (mine, theirs), strict=True)
    )
    found = stats.ttest_ind(mine, theirs, equal_var=False)
    test = PValue(float(found.statistic), float(df), float(found.pvalue), method)
    return _compared(mine, theirs, test.df, test, pooled=False)


def ancova(mine: Values, theirs: Values, covariates: Mapping[str, tuple[Values, Values]]) -> Difference:
    """Compare two means at equal covariates, such as the value before, by least squares.

    `covariates` gives for each name the values of the screening arm and of the control arm, in the same order.
    """
    method = f"analysis of covariance, adjusted for {', '.join(covariates) or 'nothing'}"
    columns = [np.r_[first, second] for first, second in covariates.values()]
    outcome = np.r_[mine, theirs].astype(float)
    arm = np.r_[np.ones(len(mine)), np.zeros(len(theirs))]
    design = np.column_stack([arm, np.ones(len(outcome)), *columns])
    df = len(outcome) - design.shape[1]
    if df < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        return _undefined(method, "too few values, or a covariate that is the arm or another covariate again")
    beta, *_ = np.linalg.lstsq(design, outcome, rcond=None)
    variance = float(((outcome - design @ beta) ** 2).sum()) / df
    se = float(np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0]))
    return _by_t(float(beta[0]), se, df, method)


def _by_t(value: float, se: float, df: int, method: str) -> Difference:
    if se == 0:
        return _undefined(method, "no spread is left: every value is explained exactly")
    half, statistic = float(stats.t.ppf(0.5 + LEVEL / 2, df)) * se, value / se
    p = 2 * float(stats.t.sf(abs(statistic), df))
    estimate = Estimate(value, value - half, value + half, f"difference of means, {method}")
    return Difference(estimate, PValue(statistic, df, p, method))


def _compared(mine: Values, theirs: Values, df: float | None, test: PValue, *, pooled: bool) -> Difference:
    """Put limits around the difference that its own test implies."""
    if test.statistic is None or df is None:
        return _undefined(test.method, test.why or "")
    value = (mean(mine).mean or 0.0) - (mean(theirs).mean or 0.0)
    variances = [float(np.var(values, ddof=1)) for values in (mine, theirs)]
    sizes = [len(mine), len(theirs)]
    if pooled:
        shared = sum((n - 1) * v for n, v in zip(sizes, variances, strict=True)) / (sum(sizes) - 2)
        variances = [shared, shared]
    se = float(np.sqrt(sum(v / n for v, n in zip(variances, sizes, strict=True))))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, df)) * se
    return Difference(
        Estimate(value, value - half, value + half, f"difference of means, {test.method}"), test
    )


def _too_few(mine: Values, theirs: Values) -> str | None:
    spread = any(len(set(values)) > 1 for values in (mine, theirs))
    enough = min(len(mine), len(theirs)) > 1
    return None if spread and enough else "fewer than two values in an arm, or no spread in either"


def _undefined(method: str, why: str) -> Difference:
    estimate = Estimate(None, None, None, f"difference of means, {method}", why)
    return Difference(estimate, PValue(None, None, None, method, why))
