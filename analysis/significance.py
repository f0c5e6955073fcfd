"""Hypothesis tests: counts or values in, a p value that names its method out.

Same manners as the estimators: what is undefined is `None`, with the reason in `why`; nothing is rounded.
"""

import warnings
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np
from scipy import stats
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from analysis.estimators import TwoByTwo, no_people


class PValue(NamedTuple):
    """A hypothesis test; `p` is None when the test is undefined, and `why` says the reason."""

    statistic: float | None
    df: float | None  # whole, but for Welch
    p: float | None
    method: str
    why: str | None = None


class Interaction(NamedTuple):
    """Arm by stratum, tested two ways; both are reported since they may disagree."""

    wald: PValue
    likelihood_ratio: PValue


class Mean(NamedTuple):
    """Mean and standard deviation (n - 1) of the values that were recorded."""

    n: int
    mean: float | None
    sd: float | None


def interaction(strata: Sequence[TwoByTwo]) -> Interaction:
    """Test whether the odds ratio differs between strata: terms arm x stratum of a joint logistic model."""
    df = len(strata) - 1
    wald = f"Wald chi-square ({df} df) of arm x stratum in a logistic model"
    ratio = f"likelihood ratio chi-square ({df} df) of arm x stratum in a logistic model"
    why = "fewer than two strata" if df < 1 else next(filter(None, map(no_people, strata)), None)
    if why:
        return Interaction(_undefined(wald, why), _undefined(ratio, why))
    return Interaction(_wald_interaction(strata, wald), _likelihood_interaction(strata, ratio))


def _wald_interaction(strata: Sequence[TwoByTwo], method: str) -> PValue:
    """Weigh the log odds ratios against their mean: the same number as the saturated model's Wald test."""
    if any(0 in table.cells for table in strata):
        return _undefined(method, "a stratum has an empty cell: its odds ratio has no standard error")
    cells = np.array([table.cells for table in strata], dtype=float)
    logs, weights = np.log(cells) @ (1, -1, -1, 1), 1 / (1 / cells).sum(axis=1)
    statistic = float((weights * (logs - np.average(logs, weights=weights)) ** 2).sum())
    return _chi_square(statistic, len(strata) - 1, method)


def _likelihood_interaction(strata: Sequence[TwoByTwo], method: str) -> PValue:
    """Take the deviance of the model without interaction, for the model with it fits the counts exactly."""
    cells = np.array([table.cells for table in strata]).reshape(-1, 2)
    arms, stratum = np.tile([1, 0], len(strata)), np.repeat(np.eye(len(strata)), 2, axis=0)
    groups = [cells[arms == 1], cells[arms == 0], *np.split(cells, len(strata))]
    if any(0 in group.sum(axis=0) for group in groups):
        return _undefined(method, "an arm or a stratum has nobody with, or nobody without, the event")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separation shows as no convergence, which is answered below
        fit = GLM(cells, np.column_stack([arms, stratum]), family=Binomial()).fit(tol=1e-12)
    if not fit.converged:
        return _undefined(method, "separation: the model without interaction has no finite estimate")
    return _chi_square(max(float(fit.deviance), 0.0), len(strata) - 1, method)


def pearson(table: Sequence[Sequence[int]], *, yates: bool) -> PValue:
    """Test a table of counts (rows x columns). Yates only changes 2x2 tables, as R's chisq.test does."""
    counts = np.asarray(table)
    corrected = yates and counts.shape == (2, 2)
    method = f"Pearson chi-square, {'Yates correction' if corrected else 'no correction'}"
    if 0 in counts.sum(axis=0) or 0 in counts.sum(axis=1):
        return _undefined(method, "a row or a column of the table is empty")
    result = stats.chi2_contingency(counts, correction=corrected)
    return PValue(float(result.statistic), int(result.dof), float(result.pvalue), method)


def fisher(table: Sequence[Sequence[int]]) -> PValue:
    """Test a 2x2 table of counts exactly, two-sided; an empty row or column gives 1."""
    return PValue(None, None, float(stats.fisher_exact(table).pvalue), "Fisher exact, two-sided")


def smallest_expected(table: Sequence[Sequence[int]]) -> float:
    """Return the smallest expected count of a table, which decides between Pearson and Fisher."""
    counts = np.asarray(table)
    total = counts.sum()
    return float(np.outer(counts.sum(axis=1), counts.sum(axis=0)).min() / total) if total else 0.0


def mean(values: Sequence[float]) -> Mean:
    """Describe values; the deviation needs two of them."""
    return Mean(len(values), fmean(values) if values else None, stdev(values) if len(values) > 1 else None)


def equal_variance_t(mine: Sequence[float], theirs: Sequence[float]) -> PValue:
    """Compare two means with the pooled variance: one-way analysis of variance of two groups."""
    method = "t test, equal variances (one-way ANOVA)"
    a, b = mean(mine), mean(theirs)
    if not (a.sd or b.sd) or min(a.n, b.n) < 2:
        return _undefined(method, "fewer than two values in an arm, or no spread in either")
    result = stats.ttest_ind_from_stats(a.mean, a.sd, a.n, b.mean, b.sd, b.n, equal_var=True)
    return PValue(float(result.statistic), a.n + b.n - 2, float(result.pvalue), method)


def _chi_square(statistic: float, df: int, method: str) -> PValue:
    return PValue(statistic, df, float(stats.chi2.sf(statistic, df)), method)


def _undefined(method: str, why: str) -> PValue:
    return PValue(None, None, None, method, why)
