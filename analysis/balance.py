"""Standardized differences: how far two arms lie apart, in standard deviations, whatever the number of people."""

import math
from collections.abc import Sequence

import numpy as np

from analysis.significance import Mean


def of_means(mine: Mean, theirs: Mean) -> float | None:
    """Return (mean - mean) / sqrt of the mean variance (Austin, Stat Med 2009;28:3083-3107); None without spread."""
    if mine.mean is None or theirs.mean is None or mine.sd is None or theirs.sd is None:
        return None
    pooled = math.sqrt((mine.sd**2 + theirs.sd**2) / 2)
    return (mine.mean - theirs.mean) / pooled if pooled else None


def of_shares(mine: Sequence[int], theirs: Sequence[int]) -> float | None:
    """Return the distance of two distributions over levels (Yang and Dalton, SAS Global Forum 2012, paper 335).

    With two levels it is |p - q| / sqrt((p(1 - p) + q(1 - q)) / 2); with more, Mahalanobis' distance of the shares
    of all levels but one. None where an arm is empty or nobody differs.
    """
    if not sum(mine) or not sum(theirs):
        return None
    used = [level for level, counts in enumerate(zip(mine, theirs, strict=True)) if any(counts)]
    p, q = (np.array([counts[level] for level in used[1:]]) / sum(counts) for counts in (mine, theirs))
    if not len(p):
        return None
    spread = (_covariance(p) + _covariance(q)) / 2
    if np.linalg.matrix_rank(spread) < len(p):
        return None
    return math.sqrt(float((p - q) @ np.linalg.solve(spread, p - q)))


def _covariance(shares: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> "np.ndarray":
    return np.diag(shares) - np.outer(shares, shares)
