"""Pure estimators: counts in, named tuples of full precision out.

Each answer names its method. What is undefined (0/0, no people, an empty cell in a formula that divides
by it) is `None` or an exact limit, with the reason in `why`; nothing is rounded, no cell is ever raised by
0.5. All intervals are two-sided 95 %.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import gammaln

LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
LOG_REACH = 60.0  # no odds ratio of people on earth has a larger logarithm


class BadCounts(ValueError):
    """Counts that no trial can have."""


class TwoByTwo(NamedTuple):
    """Events and people in the screening arm, then in the control arm."""

    events: int
    n: int
    control_events: int
    control_n: int

    @property
    def cells(self) -> tuple[int, int, int, int]:
        """Return a, b, c, d: with and without the event, screening before control."""
        return self.events, self.n - self.events, self.control_events, self.control_n - self.control_events

    def swapped(self) -> "TwoByTwo":
        """Return the same counts with the arms exchanged."""
        return TwoByTwo(self.control_events, self.control_n, self.events, self.n)


class Estimate(NamedTuple):
    """A value with its 95 % limits; `why` says what is undefined or exact, and for what reason."""

    value: float | None
    low: float | None
    high: float | None
    method: str
    why: str | None = None


class Proportion(NamedTuple):
    """One share with Wilson's and Clopper and Pearson's limits."""

    events: int
    n: int
    wilson: Estimate
    exact: Estimate


class RiskDifference(NamedTuple):
    """One difference of two risks with three pairs of limits."""

    wald: Estimate
    newcombe: Estimate
    miettinen_nurminen: Estimate


class NumberNeeded(NamedTuple):
    """1 / risk difference, signed. If `through_infinity`, the limits enclose infinity, not zero."""

    value: float | None
    low: float | None
    high: float | None
    through_infinity: bool
    method: str
    why: str | None = None


def two_by_two(events: int, n: int, control_events: int, control_n: int) -> TwoByTwo:
    """Check the counts and name them. Raises BadCounts for events below 0 or above the number of people."""
    for arm, e, people in (("screening", events, n), ("control", control_events, control_n)):
        if not 0 <= e <= people:
            raise BadCounts(
                f"{e} events among {people} people in the {arm} arm: events must lie between 0 and {people}."
            )
    return TwoByTwo(events, n, control_events, control_n)


def proportion(events: int, n: int) -> Proportion:
    """Estimate a share. With n = 0 it is undefined, not 0."""
    if not 0 <= events <= n:
        raise BadCounts(f"{events} events among {n} people: events must lie between 0 and {n}.")
    names = {"wilson": "Wilson score", "exact": "Clopper-Pearson exact"}
    if n == 0:
        return Proportion(0, 0, *(_undefined(name, "nobody to count: 0/0") for name in names.values()))
    test = stats.binomtest(events, n)
    limits = {name: test.proportion_ci(LEVEL, method=name) for name in names}
    return Proportion(
        events,
        n,
        *(Estimate(events / n, float(ci.low), float(ci.high), names[name]) for name, ci in limits.items()),
    )


def odds_ratio(table: TwoByTwo) -> Estimate:
    """Estimate the odds ratio ad/bc with Woolf's limits, as a logistic model of the arm alone gives it.

    With an empty cell the limits are the exact conditional ones (noncentral hypergeometric), for Woolf's
    standard error is infinite there.
    """
    found = woolf(table)
    if found.value is None or found.low is not None:
        return found
    why = f"{found.why}, so the limit is the exact conditional one"
    return exact_conditional(table)._replace(value=found.value, why=why)


def woolf(table: TwoByTwo) -> Estimate:
    """Estimate the odds ratio ad/bc; Woolf's limits (Ann Hum Genet 1955;19:251-253) need four full cells."""
    method = "odds ratio ad/bc, Woolf (Wald) interval"
    if why := no_people(table) or all_alike(table):
        return _undefined(method, why)
    a, b, c, d = table.cells
    if 0 in table.cells:
        value = math.inf if 0 in (b, c) else 0.0
        return Estimate(value, None, None, method, f"{_empty_cell(table)}: Woolf's interval does not exist")
    return Estimate(*_on_log_scale(a * d / (b * c), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)), method)


def exact_conditional(table: TwoByTwo) -> Estimate:
    """Estimate the odds ratio by its conditional likelihood given both margins, with Cornfield's exact limits."""
    method = "odds ratio, exact conditional interval"
    if why := no_people(table) or all_alike(table):
        return _undefined(method, why)
    a, n, c, m = table
    possible = np.arange(max(0, a + c - m), min(n, a + c) + 1)
    ways = -sum(
        gammaln(cell + 1) for cell in (possible, n - possible, a + c - possible, m - a - c + possible)
    )

    def chances(log_ratio: float) -> np.ndarray:
        logs = ways + log_ratio * possible
        weights = np.exp(logs - logs.max())
        return weights / weights.sum()

    tail, highest, lowest = (1 - LEVEL) / 2, a == possible[-1], a == possible[0]
    value = _log_root(lambda t: a - float(chances(t) @ possible), lowest, highest)
    low = _log_root(lambda t: tail - chances(t)[possible >= a].sum(), lowest, False)
    high = _log_root(lambda t: chances(t)[possible <= a].sum() - tail, False, highest)
    return Estimate(value, low, high, method)


def _log_root(falling: Callable[[float], float], zero: bool, infinite: bool) -> float:
    """Find a ratio by its logarithm, unless it is known to be zero or infinite."""
    if zero or infinite:
        return math.inf if infinite else 0.0
    return math.exp(bisect(falling, -LOG_REACH, LOG_REACH))


def risk_ratio(table: TwoByTwo) -> Estimate:
    """Estimate the risk ratio with limits on the log scale (Katz); score limits where those do not exist."""
    found = log_risk_ratio(table)
    if found.value is None or found.low is not None:
        return found
    return score_risk_ratio(table)._replace(why=f"{found.why}, so the limits are score limits")


def log_risk_ratio(table: TwoByTwo) -> Estimate:
    """Estimate the risk ratio with limits on the log scale (Katz et al., Biometrics 1978;34:469-474)."""
    method = "risk ratio, log (Katz) interval"
    value, why = _risk_ratio(table)
    if value is None:
        return _undefined(method, why)
    a, n, c, m = table
    if 0 in (a, c) or (a == n and c == m):
        why = _empty_cell(table) if 0 in (a, c) else "everybody in both arms had the event"
        return Estimate(value, None, None, method, f"{why}: the log interval does not exist")
    return Estimate(*_on_log_scale(value, math.sqrt(1 / a - 1 / n + 1 / c - 1 / m)), method)


def score_risk_ratio(table: TwoByTwo, *, corrected: bool = True) -> Estimate:
    """Estimate the risk ratio with score limits: Miettinen and Nurminen's with N / (N - 1), Koopman's without.

    Koopman, Biometrics 1984;40:513-517: his chi-square is the square of the score without the correction.
    """
    method = f"risk ratio, {'Miettinen-Nurminen' if corrected else 'Koopman'} score interval"
    value, why = _risk_ratio(table)
    if value is None:
        return _undefined(method, why)
    low = _ratio_limit(table, Z, corrected) if table.events else 0.0
    high = _ratio_limit(table, -Z, corrected) if table.control_events else math.inf
    return Estimate(value, low, high, method)


def _risk_ratio(table: TwoByTwo) -> tuple[float | None, str | None]:
    if why := no_people(table):
        return None, why
    a, n, c, m = table
    if a == c == 0:
        return None, "no event in either arm: the ratio is 0/0"
    return ((a / n) / (c / m) if c else math.inf), None


def _on_log_scale(value: float, se: float) -> tuple[float, float, float]:
    return value, value * math.exp(-Z * se), value * math.exp(Z * se)


def _ratio_limit(table: TwoByTwo, target: float, corrected: bool) -> float:
    """Find the ratio whose score is `target`; the search runs over ratio / (1 + ratio), from 0 to 1."""
    share = bisect(lambda u: _ratio_score(table, u / (1 - u), corrected) - target, 0.0, 1.0)
    return share / (1 - share)


def _ratio_score(table: TwoByTwo, ratio: float, corrected: bool) -> float:
    """Score of a supposed risk ratio (Miettinen and Nurminen, Stat Med 1985;4:213-226, formula 10)."""
    a, n, c, m = table
    total, both = n + m, a + c
    half_b = -(n * ratio + a + m + c * ratio) / 2
    risk = (
        (-half_b - math.sqrt(max(half_b**2 - total * ratio * both, 0.0))) / (total * ratio)
        if ratio
        else c / m
    )
    mine, theirs = min(risk * ratio, 1.0), min(risk, 1.0)
    variance = mine * (1 - mine) / n + ratio**2 * theirs * (1 - theirs) / m
    factor = total / (total - 1) if corrected else 1.0
    return _standardized(a / n - ratio * c / m, variance * factor)


def risk_difference(table: TwoByTwo) -> RiskDifference:
    """Estimate the difference of risks, screening minus control, in three ways."""
    names = tuple(f"risk difference, {name} interval" for name in ("Wald", "Newcombe", "Miettinen-Nurminen"))
    if why := no_people(table):
        return RiskDifference(*(_undefined(name, why) for name in names))
    value = table.events / table.n - table.control_events / table.control_n
    newcombe = Estimate(value, *_newcombe_limits(table), names[1])
    return RiskDifference(
        _wald_difference(table, names[0]), newcombe, Estimate(value, *_score_limits(table), names[2])
    )


def _wald_difference(table: TwoByTwo, method: str) -> Estimate:
    a, n, c, m = table
    value, se = a / n - c / m, math.sqrt(a * (n - a) / n**3 + c * (m - c) / m**3)
    if se == 0:
        return Estimate(
            value, None, None, method, "nobody or everybody in each arm had the event: no variance"
        )
    return Estimate(value, value - Z * se, value + Z * se, method)


def _newcombe_limits(table: TwoByTwo) -> tuple[float, float]:
    """Combine two Wilson intervals (Newcombe, Stat Med 1998;17:873-890, method 10, without correction)."""
    mine, theirs = (
        stats.binomtest(e, n).proportion_ci(LEVEL, method="wilson") for e, n in (table[:2], table[2:])
    )
    p, q = table.events / table.n, table.control_events / table.control_n
    below = math.hypot(p - mine.low, theirs.high - q)
    above = math.hypot(mine.high - p, q - theirs.low)
    return p - q - below, p - q + above


def _score_limits(table: TwoByTwo) -> tuple[float, float]:
    """Invert the score test (Miettinen and Nurminen, Stat Med 1985;4:213-226), with their N / (N - 1).

    Own code: the score interval for differences in statsmodels 0.15 is wrong (statsmodels#10269).
    """
    value = table.events / table.n - table.control_events / table.control_n
    low = bisect(lambda delta: _difference_score(table, delta) - Z, -1.0, value)
    high = bisect(lambda delta: _difference_score(table, delta) + Z, value, 1.0)
    return low, high


def _difference_score(table: TwoByTwo, delta: float) -> float:
    """Score of a supposed risk difference, its variance from the risks most likely under that difference."""
    a, n, c, m = table
    theirs = restricted_risk(table, delta)
    mine = min(max(theirs + delta, 0.0), 1.0)
    variance = mine * (1 - mine) / n + theirs * (1 - theirs) / m
    return _standardized(a / n - c / m - delta, variance * (n + m) / (n + m - 1))


def restricted_risk(table: TwoByTwo, delta: float) -> float:
    """Return the likeliest control risk under a given difference: the one root of a cubic within 0 to 1."""
    a, n, c, m = table
    total = n + m
    k2 = ((n + 2 * m) * delta - total - a - c) / (3 * total)
    k1 = ((m * delta - total - 2 * c) * delta + a + c) / (3 * total)
    k0 = c * delta * (1 - delta) / total
    q = k2**3 - 1.5 * k1 * k2 + k0 / 2
    p = math.copysign(math.sqrt(max(k2**2 - k1, 0.0)), q)
    angle = math.acos(min(max(q / p**3, -1.0), 1.0)) if p else 0.0
    return min(max(2 * p * math.cos((math.pi + angle) / 3) - k2, 0.0), 1.0)


def _standardized(difference: float, variance: float) -> float:
    if variance <= 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(variance)


def bisect(falling: Callable[[float], float], low: float, high: float) -> float:
    """Find where a falling function crosses zero; an end of the range if it does not within it."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def number_needed(difference: Estimate) -> NumberNeeded:
    """Invert a risk difference: people to screen for one more event (negative: for one event fewer)."""
    method = f"1 / {difference.method}"
    if difference.value is None or difference.low is None or difference.high is None:
        return NumberNeeded(None, None, None, False, method, difference.why)
    value = 1 / difference.value if difference.value else math.inf
    low = 1 / difference.high if difference.high else -math.inf
    high = 1 / difference.low if difference.low else math.inf
    if difference.low >= 0 or difference.high <= 0:
        return NumberNeeded(value, low, high, False, method)
    why = f"runs through infinity: from {low:.1f} up for one more event, from {-high:.1f} up for one fewer"
    return NumberNeeded(value, low, high, True, method, why)


def scans_per_case(scans: int, cases: int) -> Estimate:
    """Estimate the scans made for each case found: 1 / the share of scans that found one, by Wilson's limits."""
    method = "scans per case, 1 / share of scans with a case, Wilson score interval"
    if not 0 <= cases <= scans:
        raise BadCounts(f"{cases} cases among {scans} people scanned: a case needs a scan.")
    share = proportion(cases, scans).wilson
    if share.value is None or share.low is None or share.high is None:
        return _undefined(method, "nobody was scanned: 0/0")
    value, low, high = (1 / x if x else math.inf for x in (share.value, share.high, share.low))
    return Estimate(
        value, low, high, method, None if cases else "no case was found: no number of scans is enough"
    )


def _undefined(method: str, why: str | None) -> Estimate:
    return Estimate(None, None, None, method, why)


def no_people(table: TwoByTwo) -> str | None:
    """Say which arms have nobody."""
    empty = [arm for arm, n in (("screening", table.n), ("control", table.control_n)) if n == 0]
    return f"nobody in the {' or the '.join(empty)} arm" if empty else None


def all_alike(table: TwoByTwo) -> str | None:
    """Say why no odds ratio exists where nobody, or everybody, had the event."""
    a, b, c, d = table.cells
    if a == c == 0:
        return "no event in either arm: the odds ratio is 0/0"
    return "everybody in both arms had the event: the odds ratio is undefined" if b == d == 0 else None


def _empty_cell(table: TwoByTwo) -> str:
    names = ("no event in the screening arm", "everybody in the screening arm had the event",
             "no event in the control arm", "everybody in the control arm had the event")  # fmt: skip
    return " and ".join(name for name, count in zip(names, table.cells, strict=True) if count == 0)
