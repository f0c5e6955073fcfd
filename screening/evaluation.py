"""What predictions are worth: discrimination, calibration, and hits and misses at a threshold, with intervals."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from screening.manifests import DIGITS

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]
Facts = dict[str, Any]
Z = 1.959964
UNIT = 10.0**-DIGITS
FEWEST = 5  # of each outcome: with fewer, an interval says less than its width suggests


def auc_of(scores: Scores, positive: Labels) -> float:
    """Return the area under the ROC curve; ties count one half."""
    return float(_placements(scores[positive], scores[~positive]).mean())


def _placements(of: Scores, among: Scores) -> Scores:
    """Return for each value the share of `among` that lies below it, ties counted half."""
    ordered = np.sort(among)
    below, up_to = np.searchsorted(ordered, of, "left"), np.searchsorted(ordered, of, "right")
    return (below + up_to) / (2 * len(ordered))


def auc_interval(scores: Scores, positive: Labels) -> tuple[float, float, float]:
    """Return the AUC with its 95 % interval after DeLong (Biometrics 1988;44:837), cut to [0, 1].

    The films must be independent: several of one person make the interval too narrow.
    """
    cases, others = scores[positive], scores[~positive]
    above, below = _placements(cases, others), 1 - _placements(others, cases)
    variance = above.var(ddof=1) / len(cases) + below.var(ddof=1) / len(others)
    auc, reach = float(above.mean()), Z * float(np.sqrt(variance))
    return auc, max(0.0, auc - reach), min(1.0, auc + reach)


def youden_threshold(scores: Scores, positive: Labels) -> float:
    """Return the cut-off that maximizes sensitivity + specificity, midway to the next lower score.

    Youden, Cancer 1950;3:32. Rounded to six decimals, as scores are.
    """
    cuts = np.unique(scores)
    gains = [(scores[positive] >= cut).mean() - (scores[~positive] >= cut).mean() for cut in cuts]
    best = int(np.argmax(gains))
    return round(float(cuts[max(best - 1, 0)] + cuts[best]) / 2, DIGITS)


def log_odds(scores: Scores) -> Scores:
    """Return log odds; scores of 0 and 1 count as half of their last digit away from the end."""
    inside = np.clip(scores, UNIT / 2, 1 - UNIT / 2)
    return np.log(inside / (1 - inside))


@dataclass(frozen=True)
class Line:
    """A straight line on the scale of log odds that turns scores into probabilities."""

    slope: float
    intercept: float

    def __call__(self, scores: Scores) -> Scores:
        """Calibrate scores, to six decimals as they are stored."""
        return np.round(1 / (1 + np.exp(-(self.slope * log_odds(scores) + self.intercept))), DIGITS)


NO_LINE = Line(1, 0)


def separates(scores: Scores, positive: Labels) -> bool:
    """Tell whether a cut-off parts the groups without an error: then no logistic line has an end."""
    cases, others = scores[positive], scores[~positive]
    if not len(cases) or not len(others):
        return True
    return bool(cases.min() >= others.max() or cases.max() <= others.min())


def _logistic(positive: Labels, *columns: Scores, offset: Scores | None = None) -> Any:
    """Fit a logistic model with an intercept."""
    design = np.column_stack([np.ones(len(positive)), *columns])
    return sm.GLM(positive.astype(float), design, family=sm.families.Binomial(), offset=offset).fit()


def fitted_line(scores: Scores, positive: Labels) -> Line | None:
    """Fit the line of a logistic recalibration (Cox, Biometrika 1958;45:562), or none.

    There is none when too few films have one of the outcomes, when scores part the groups without an error, or when
    a higher score would mean a lower risk.
    """
    few = min(int(positive.sum()), int((~positive).sum())) < FEWEST
    if few or separates(scores, positive):
        return None
    intercept, slope = _logistic(positive, log_odds(scores)).params
    return Line(round(float(slope), DIGITS), round(float(intercept), DIGITS)) if slope > 0 else None


def calibration(probabilities: Scores, positive: Labels) -> Facts:
    """Return slope, intercept (calibration in the large) and Brier score; 95 % intervals by Wald.

    Slope 1 and intercept 0 are perfect; the intercept is estimated with the slope held at 1 (Steyerberg,
    Epidemiology 2010;21:128). Both are None when the scores part the groups without an error.
    """
    brier = round(float(np.mean((probabilities - positive) ** 2)), 4)
    found: Facts = {"slope": None, "intercept": None, "brier": brier}
    if separates(probabilities, positive):
        return found
    odds = log_odds(probabilities)
    leaning, large = _logistic(positive, odds), _logistic(positive, offset=odds)
    found["slope"] = _with_interval(leaning.params[1], leaning.bse[1])
    found["intercept"] = _with_interval(large.params[0], large.bse[0])
    return found


def _with_interval(value: float, error: float) -> list[float] | None:
    if not (math.isfinite(value) and math.isfinite(error)):
        return None
    return [round(float(v), 4) for v in (value, value - Z * error, value + Z * error)]


def proportion(hits: Labels) -> list[float] | None:
    """Return a proportion with its 95 % interval after Wilson (1927), or None of nothing."""
    if not len(hits):
        return None
    lower, upper = proportion_confint(int(hits.sum()), len(hits), method="wilson")
    return [round(float(value), 4) for value in (hits.mean(), lower, upper)]


def performance(probabilities: Scores, decided: Labels, positive: Labels) -> Facts:
    """Return AUC, sensitivity and specificity with their intervals; the AUC is None where a group has too few."""
    counts = int(positive.sum()), int((~positive).sum())
    found: Facts = {"films": len(positive), "positive": counts[0], "auc": None}
    if min(counts) >= FEWEST:
        found["auc"] = [round(value, 4) for value in auc_interval(probabilities, positive)]
    return found | {
        "sensitivity": proportion(decided[positive]),
        "specificity": proportion(~decided[~positive]),
    }


def of_t_scores(scores: Scores, t_scores: Scores, osteoporosis: float) -> Facts:
    """Compare predicted T-scores with those known: error, bias, limits of agreement, correlation.

    The log odds of a score are how far the predicted T-score lies below the bound of osteoporosis. Limits after
    Bland and Altman (Lancet 1986;327:307).
    """
    predicted = osteoporosis - log_odds(scores)
    error = predicted - t_scores
    spread = float(error.std(ddof=1))
    return {
        "mean_absolute_error": round(float(np.abs(error).mean()), 3),
        "root_mean_squared_error": round(float(np.sqrt((error**2).mean())), 3),
        "bias": round(float(error.mean()), 3),
        "limits_of_agreement": [round(float(error.mean()) + side * Z * spread, 3) for side in (-1, 1)],
        "correlation": round(float(stats.pearsonr(predicted, t_scores).statistic), 3),
    }
