"""Time to an event, such as a DXA or a diagnosis: Kaplan and Meier, log-rank, Cox.

A person is the days until the event or until the last day under observation, and whether the event came. Death
and withdrawal end the observation: what is estimated is the risk among people who are still observed.
"""

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import survdiff

from analysis.estimators import Estimate, Z
from analysis.significance import PValue

LARGEST_ERROR = 20.0  # of a log hazard ratio; beyond, the likelihood has no maximum
KAPLAN_MEIER = "Kaplan-Meier, log-log interval by Greenwood's variance"


class Times(NamedTuple):
    """Times of one arm, in days, and whether each ended with the event (else it was censored)."""

    days: Sequence[float]
    happened: Sequence[bool]


class Step(NamedTuple):
    """One time at which somebody had the event."""

    day: float
    at_risk: int
    events: int
    free: Estimate


class Hazard(NamedTuple):
    """A hazard ratio, screening against control, with its test."""

    ratio: Estimate
    wald: PValue


def kaplan_meier(times: Times) -> list[Step]:
    """Estimate the share that is still free of the event after each time at which it happened."""
    days, happened = np.asarray(times.days, dtype=float), np.asarray(times.happened, dtype=bool)
    steps, free, spread = [], 1.0, 0.0
    for day in np.unique(days[happened]):
        at_risk, events = int((days >= day).sum()), int((happened & (days == day)).sum())
        free *= 1 - events / at_risk
        spread += events / (at_risk * (at_risk - events)) if at_risk > events else math.inf
        steps.append(Step(float(day), at_risk, events, _log_log(free, spread)))
    return steps


def _log_log(free: float, spread: float) -> Estimate:
    """Put limits on the scale of log(-log), which keeps them between 0 and 1 (Kalbfleisch and Prentice 1980)."""
    if not 0 < free < 1:
        return Estimate(free, None, None, KAPLAN_MEIER, "nobody is left without the event: no variance")
    half = Z * math.sqrt(spread) / abs(math.log(free))
    return Estimate(free, free ** math.exp(half), free ** math.exp(-half), KAPLAN_MEIER)


def median(times: Times) -> Estimate:
    """Estimate the time by which half had the event; limits where those of the curve cross a half."""
    method = "median by Kaplan-Meier, Brookmeyer-Crowley interval on the log-log scale"
    steps = kaplan_meier(times)

    def first(shares: Sequence[float]) -> float:
        days = [step.day for step, share in zip(steps, shares, strict=True) if share <= 0.5]
        return days[0] if days else math.inf

    # A curve that ends at 0 has no limits there: the lower one has crossed by then, the upper one not yet.
    low = first([0.0 if step.free.low is None else step.free.low for step in steps])
    high = first([1.0 if step.free.high is None else step.free.high for step in steps])
    value = first([step.free.value or 0.0 for step in steps])
    why = "fewer than half had the event" if math.isinf(value) else None
    return Estimate(value, low, high, method, why)


def log_rank(mine: Times, theirs: Times) -> PValue:
    """Test whether the arms differ in their hazards (Mantel 1966)."""
    method = "log-rank chi-square (1 df)"
    if why := _unusable(mine, theirs):
        return PValue(None, None, None, method, why)
    statistic, _ = survdiff(*_together(mine, theirs))
    if not math.isfinite(float(statistic)):
        return PValue(None, None, None, method, "no time at which both arms were at risk of an event")
    return PValue(float(statistic), 1, float(stats.chi2.sf(statistic, 1)), method)


def cox(mine: Times, theirs: Times) -> Hazard:
    """Estimate the hazard ratio by Cox's partial likelihood, ties by Efron (JASA 1977;72:557-565)."""
    method, test = "hazard ratio, Cox, Efron's ties, Wald interval", "Wald z of the log hazard ratio"
    if why := _unusable(mine, theirs) or _one_sided(mine, theirs):
        return Hazard(Estimate(None, None, None, method, why), PValue(None, None, None, test, why))
    days, happened, arm = _together(mine, theirs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no convergence shows in the error, which is answered below
        fit = PHReg(days, arm[:, None], status=happened, ties="efron").fit()
    beta, se = float(fit.params[0]), float(fit.bse[0])
    if not math.isfinite(se) or se > LARGEST_ERROR:
        why = "the arms never overlap in time: no finite hazard ratio"
        return Hazard(Estimate(None, None, None, method, why), PValue(None, None, None, test, why))
    limits = math.exp(beta - Z * se), math.exp(beta + Z * se)
    p = 2 * float(stats.norm.sf(abs(beta / se)))
    return Hazard(Estimate(math.exp(beta), *limits, method), PValue(beta / se, None, p, test))


def _together(mine: Times, theirs: Times) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    days = np.r_[mine.days, theirs.days].astype(float)
    happened = np.r_[mine.happened, theirs.happened].astype(int)
    return days, happened, np.r_[np.ones(len(mine.days)), np.zeros(len(theirs.days))]


def _unusable(mine: Times, theirs: Times) -> str | None:
    if not len(mine.days) or not len(theirs.days):
        return "nobody in an arm"
    return None if any(mine.happened) or any(theirs.happened) else "no event in either arm"


def _one_sided(mine: Times, theirs: Times) -> str | None:
    for arm, times in (("screening", mine), ("control", theirs)):
        if not any(times.happened):
            return f"no event in the {arm} arm: the hazard ratio is 0 or infinite and Cox has no interval"
    return None
