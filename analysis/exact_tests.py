"""Exact tests of two proportions beyond Fisher's, which is conservative since it fixes the number of events."""

from collections.abc import Sequence
from math import prod

import numpy as np
from scipy import optimize, stats
from scipy.special import gammaln, logsumexp

from analysis.estimators import TwoByTwo, all_alike, no_people
from analysis.significance import PValue, fisher

LARGEST = 20_000_000  # possible tables, those of two arms of 4,400 people; about a second
MOST_TABLES = 2_000_000  # of more than two levels; a fraction of a second
TIED = 1e-7  # in the logarithm: tables this near are as likely, as R's fisher.test takes them
SAME = 1 + 1e-9  # two tails this near are one: they differ by rounding
GRID = 1500  # common risks tried before the best is refined; equal steps on the arcsine scale


def mid_p(table: TwoByTwo) -> PValue:
    """Take half the chance of the observed table off Fisher's p (Fagerland, Lydersen and Laake 2017)."""
    method = "Fisher mid-p, two-sided: Fisher's p less half the probability of the observed table"
    if why := no_people(table) or all_alike(table):
        return _undefined(method, why)
    a, b, c, d = table.cells
    observed = float(stats.hypergeom.pmf(a, a + b + c + d, a + c, a + b))
    whole = fisher([[a, b], [c, d]]).p or 0.0
    return PValue(None, None, max(whole - observed / 2, 0.0), method)


def freeman_halton(table: Sequence[Sequence[int]]) -> PValue:
    """Test two arms over any number of levels as Fisher does two: by all tables that are no likelier than the one seen.

    Freeman and Halton, Biometrika 1951;38:141-149. The largest level is what the others leave, so that rare levels are
    cheap; where too many tables are possible there is no answer, and why.
    """
    method = "Fisher-Freeman-Halton exact, two-sided"
    *others, largest = sorted(sum(column) for column in zip(*table, strict=True))
    if prod(total + 1 for total in others) > MOST_TABLES:
        return _undefined(method, "too many tables are possible to go through")
    taken = sum(table[0])
    sums, logs = np.zeros(1, int), np.zeros(1)
    for total in others:
        sums = np.add.outer(sums, np.arange(total + 1)).ravel()
        logs = np.add.outer(logs, _log_choose(total)).ravel()
        sums, logs = sums[sums <= taken], logs[sums <= taken]
    left = taken - sums
    logs = logs[left <= largest] + _log_choose(largest)[left[left <= largest]]
    seen = sum(_log_choose(sum(column))[column[0]] for column in zip(*table, strict=True))
    p = np.exp(logs[logs <= seen + TIED] - logsumexp(logs)).sum()
    return PValue(None, None, min(float(p), 1.0), method)


def boschloo(table: TwoByTwo) -> PValue:
    """Test with only the arms' sizes fixed (Boschloo, Stat Neerl 1970;24:1-35); two-sided as in scipy.

    Own code: scipy lays out every table at once, millions where arms have thousands of people.
    """
    method = "Boschloo exact unconditional, two-sided: twice the smaller one-sided p"
    if why := no_people(table):
        return _undefined(method, why)
    if table.n * table.control_n > LARGEST:
        return _undefined(method, f"more than {LARGEST:,} possible tables are too many to go through")
    smaller = min(map(_one_sided, (table, table.swapped())))
    return PValue(None, None, min(2 * smaller, 1.0), method)


def _one_sided(table: TwoByTwo) -> float:
    """Return the largest chance, over the common risk, of a one-sided Fisher p no larger than the observed.

    Given the number of events that chance is hypergeometric whatever the risk, so each number counts once.
    """
    sizes = _conditional_sizes(table)
    total = len(sizes) - 1
    events, ways = np.arange(total + 1), _log_choose(total)

    def chance(angle: float) -> float:
        logs = ways + 2 * (events * np.log(np.sin(angle)) + (total - events) * np.log(np.cos(angle)))
        return float(np.exp(logs) @ sizes)

    angles = np.linspace(0, np.pi / 2, GRID + 2)
    best = 1 + int(np.argmax([chance(angle) for angle in angles[1:-1]]))
    found = optimize.minimize_scalar(
        lambda angle: -chance(angle), bounds=(angles[best - 1], angles[best + 1]), method="bounded"
    )
    return max(chance(angles[best]), -float(found.fun))


def _conditional_sizes(table: TwoByTwo) -> np.ndarray:
    """Return for each number of events the largest upper tail that does not exceed the observed one."""
    a, n, c, m = table
    mine, theirs, both = _log_choose(n), _log_choose(m), _log_choose(n + m)

    def tails(events: int) -> np.ndarray:
        low, high = max(0, events - m), min(n, events)
        logs = mine[low : high + 1] + theirs[events - high : events - low + 1][::-1] - both[events]
        return np.exp(logs)[::-1].cumsum()

    seen = tails(a + c)[min(n, a + c) - a] * SAME
    found = (tails(events) for events in range(n + m + 1))
    return np.array([tail[k - 1] if (k := np.searchsorted(tail, seen, "right")) else 0.0 for tail in found])


def _log_choose(n: int) -> np.ndarray:
    k = np.arange(n + 1)
    logs: np.ndarray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return logs


def _undefined(method: str, why: str) -> PValue:
    return PValue(None, None, None, method, why)
