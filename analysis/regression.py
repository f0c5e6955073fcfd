"""Logistic regression of an outcome on the arm, adjusted for strata and covariates, by sites as clusters or not."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from analysis.estimators import Estimate, Z
from analysis.firth import firth_logistic
from analysis.significance import PValue

FEW_CLUSTERS = 40  # below, a robust variance is too small (Donner and Klar 2000)
LARGEST_ERROR = 20.0  # of a log odds ratio; beyond, the likelihood has no maximum


class Adjusted(NamedTuple):
    """The odds ratio of the arm at equal strata and covariates, with its test and whom it counts."""

    odds_ratio: Estimate
    test: PValue
    n: int
    left_out: int
    clusters: int | None = None


def logistic(
    outcome: Sequence[bool],
    arm: Sequence[bool],
    *,
    strata: Mapping[str, Sequence[str]] | None = None,
    covariates: Mapping[str, Sequence[float | None]] | None = None,
    clusters: Sequence[str] | None = None,
) -> Adjusted:
    """Estimate the odds ratio of the screening arm (`arm` true) adjusted for factors and covariates.

    People with a missing covariate are left out and counted. Separation is answered by Firth's penalized
    likelihood, which says so in its method.
    """
    strata, covariates = strata or {}, covariates or {}
    columns = {name: np.array(values, dtype=float) for name, values in covariates.items()}
    kept = ~np.isnan(np.column_stack([np.zeros(len(outcome)), *columns.values()])).any(axis=1)
    levels = [_indicators(np.asarray(factor)[kept]) for factor in strata.values()]
    numbers = [column[kept] for column in columns.values()]
    design = np.column_stack([np.asarray(arm, dtype=float)[kept], np.ones(kept.sum()), *levels, *numbers])
    sites = None if clusters is None else np.unique(np.asarray(clusters)[kept], return_inverse=True)[1]
    names = ", ".join((*strata, *covariates))
    found = _fit(np.asarray(outcome, dtype=float)[kept], design, sites, names)
    counts = (len(set(sites)) if sites is not None else None,)
    return Adjusted(*found, int(kept.sum()), int((~kept).sum()), *counts)


def _indicators(levels: np.ndarray) -> np.ndarray:
    """Return a column for each level but the first."""
    return (levels[:, None] == np.unique(levels)[None, 1:]).astype(float)


def _fit(
    outcome: np.ndarray, design: np.ndarray, sites: np.ndarray | None, names: str
) -> tuple[Estimate, PValue]:
    adjusted = f"adjusted for {names}" if names else "unadjusted"
    method = f"odds ratio, logistic regression {adjusted}, "
    method += "Wald interval" if sites is None else "cluster-robust interval"
    if why := _unusable(outcome, design, sites):
        return Estimate(None, None, None, method, why), PValue(None, None, None, "Wald z", why)
    options = {} if sites is None else {"cov_type": "cluster", "cov_kwds": {"groups": sites}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separation is looked for below
        model = GLM(outcome, design, family=Binomial())
        plain = model.fit(tol=1e-12, maxiter=50)
        fit = plain if sites is None else model.fit(tol=1e-12, maxiter=50, **options)
    if not plain.converged or plain.bse.max() > LARGEST_ERROR:
        return _separated(outcome, design, adjusted, sites)
    return _told(float(fit.params[0]), float(fit.bse[0]), method, sites)


def _told(beta: float, se: float, method: str, sites: np.ndarray | None) -> tuple[Estimate, PValue]:
    few = sites is not None and len(set(sites)) < FEW_CLUSTERS
    why = f"fewer than {FEW_CLUSTERS} clusters: the interval is likely too narrow" if few else None
    limits = math.exp(beta - Z * se), math.exp(beta + Z * se)
    test = "Wald z" if sites is None else "Wald z, cluster-robust"
    p = 2 * float(stats.norm.sf(abs(beta / se)))
    return Estimate(math.exp(beta), *limits, method, why), PValue(beta / se, None, p, test, why)


def _separated(
    outcome: np.ndarray, design: np.ndarray, adjusted: str, sites: np.ndarray | None
) -> tuple[Estimate, PValue]:
    found = firth_logistic(outcome, design, 0)
    why = "separation: the likelihood has no maximum, so it is penalized"
    if sites is not None:
        why += "; the clusters are not accounted for"
    return (
        found.odds_ratio._replace(method=f"{found.odds_ratio.method}, {adjusted}", why=why),
        found.test._replace(why=why),
    )


def _unusable(outcome: np.ndarray, design: np.ndarray, sites: np.ndarray | None) -> str | None:
    if not len(outcome) or outcome.min() == outcome.max():
        return "nobody to count, or everybody alike in the outcome"
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return "nobody in an arm, or a term that repeats the arm or another term"
    if sites is not None and len(set(sites)) < 2:
        return "fewer than two clusters"
    return None
