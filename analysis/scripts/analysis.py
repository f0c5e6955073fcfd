"""Reproduce the effects of the trial's endpoints from adsl.csv alone; the primary endpoint comes first.

Python 3.9 or newer, standard library only:  python3 analysis.py
"""

from __future__ import annotations

import csv
import math
import operator
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

POPULATION = "@POPULATION@"
ENDPOINTS = "@ENDPOINTS@".split(" ")  # noqa: SIM905
LEAVE_OUT_WITHDRAWN = "@LEAVE_OUT_WITHDRAWN@" == "yes"
ARMS = ("Screening arm", "Control arm")
Z = NormalDist().inv_cdf(0.975)
NONE = (None, None, None)


def counts(rows: list[dict[str, str]], event: str) -> tuple[int, ...]:
    """Events and people in the screening arm, then in the control arm."""
    people = [row for row in rows if row[POPULATION] == "Y"]
    if LEAVE_OUT_WITHDRAWN:
        people = [row for row in people if row[event] == "Y" or row["WITHDRFL"] != "Y"]
    arms = [[row for row in people if row["TRT01P"] == arm] for arm in ARMS]
    return tuple(n for arm in arms for n in (sum(row[event] == "Y" for row in arm), len(arm)))


def odds_ratio(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Odds ratio ad/bc with Woolf's limits; no limits beside an empty cell."""
    b, d = n - a, m - c
    if 0 in (n, m) or a == c == 0 or b == d == 0:
        return NONE
    if 0 in (a, b, c, d):
        return (math.inf if 0 in (b, c) else 0.0), None, None
    return on_log_scale(a * d / (b * c), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d))


def exact_conditional(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Odds ratio by its conditional likelihood, with Cornfield's exact limits."""
    if 0 in (n, m) or a + c in (0, n + m):
        return NONE
    possible, chances = given_margins(a, n, c, m)
    lowest, highest, seen = a == possible[0], a == possible[-1], a - possible[0]

    def ratio(falling: Callable[[float], float], zero: bool, infinite: bool) -> float:
        return (math.inf if infinite else 0.0) if zero or infinite else math.exp(bisect(falling, -60.0, 60.0))

    def mean(log_ratio: float) -> float:
        return sum(map(operator.mul, chances(log_ratio), possible))

    low = ratio(lambda t: 0.025 - sum(chances(t)[seen:]), lowest, False)
    high = ratio(lambda t: sum(chances(t)[: seen + 1]) - 0.025, False, highest)
    return ratio(lambda t: a - mean(t), lowest, highest), low, high


def given_margins(a: int, n: int, c: int, m: int) -> tuple[range, Callable[[float], list[float]]]:
    """Every number of events the screening arm can have beside both margins, and its chances by the log odds ratio."""
    possible = range(max(0, a + c - m), min(n, a + c) + 1)
    ways = [-sum(math.lgamma(cell + 1) for cell in (k, n - k, a + c - k, m - a - c + k)) for k in possible]

    def chances(log_ratio: float) -> list[float]:
        logs = [way + log_ratio * k for way, k in zip(ways, possible)]  # noqa: B905  Python 3.9 has no strict
        highest = max(logs)
        weights = [math.exp(log - highest) for log in logs]
        whole = sum(weights)
        return [weight / whole for weight in weights]

    return possible, chances


def risk_ratio(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Risk ratio with limits on the log scale (Katz); no limits beside an empty cell."""
    if 0 in (n, m) or a == c == 0:
        return NONE
    if 0 in (a, c) or (a == n and c == m):
        return ((a / n) / (c / m) if c else math.inf), None, None
    return on_log_scale((a / n) / (c / m), math.sqrt(1 / a - 1 / n + 1 / c - 1 / m))


def koopman(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Risk ratio with score limits (Koopman 1984)."""
    return score_ratio(a, n, c, m, 1.0)


def corrected_score(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Risk ratio with score limits (Miettinen and Nurminen 1985)."""
    return score_ratio(a, n, c, m, (n + m) / max(n + m - 1, 1))


def score_ratio(
    a: int, n: int, c: int, m: int, factor: float
) -> tuple[float | None, float | None, float | None]:
    """Risk ratio with the limits at which its score is that of the level; the search is for ratio / (1 + ratio)."""
    if 0 in (n, m) or a == c == 0:
        return NONE

    def off(share: float) -> float:
        ratio, total = share / (1 - share), n + m
        half_b = -(n * ratio + a + m + c * ratio) / 2
        root = math.sqrt(max(half_b**2 - total * ratio * (a + c), 0.0))
        risk = (-half_b - root) / (total * ratio) if ratio else c / m
        mine, theirs = min(risk * ratio, 1.0), min(risk, 1.0)
        variance = mine * (1 - mine) / n + ratio**2 * theirs * (1 - theirs) / m
        return standardized(a / n - ratio * c / m, variance * factor)

    def limit(target: float) -> float:
        share = bisect(lambda u: off(u) - target, 0.0, 1.0)
        return share / (1 - share)

    value = (a / n) / (c / m) if c else math.inf
    return value, limit(Z) if a else 0.0, limit(-Z) if c else math.inf


def standardized(off: float, variance: float) -> float:
    """A difference in units of its standard error."""
    if variance <= 0:
        return math.copysign(math.inf, off) if off else 0.0
    return off / math.sqrt(variance)


def on_log_scale(value: float, se: float) -> tuple[float, float, float]:
    """A ratio with its limits."""
    return value, value * math.exp(-Z * se), value * math.exp(Z * se)


def wald(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Risk difference with Wald's limits."""
    if 0 in (n, m):
        return NONE
    value, se = a / n - c / m, math.sqrt(a * (n - a) / n**3 + c * (m - c) / m**3)
    return (value, value - Z * se, value + Z * se) if se else (value, None, None)


def newcombe(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Risk difference with the limits of two Wilson intervals (Newcombe 1998, method 10)."""
    if 0 in (n, m):
        return NONE
    p, q, mine, theirs = a / n, c / m, wilson(a, n), wilson(c, m)
    low = p - q - math.hypot(p - mine[0], theirs[1] - q)
    return p - q, low, p - q + math.hypot(mine[1] - p, q - theirs[0])


def wilson(events: int, n: int) -> tuple[float, float]:
    """Limits of one share."""
    p, z2 = events / n, Z * Z
    middle, half = p + z2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)


def miettinen_nurminen(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Risk difference with score limits (Miettinen and Nurminen 1985)."""
    if 0 in (n, m):
        return NONE
    value = a / n - c / m
    low = bisect(lambda delta: score(a, n, c, m, delta) - Z, -1.0, value)
    return value, low, bisect(lambda delta: score(a, n, c, m, delta) + Z, value, 1.0)


def score(a: int, n: int, c: int, m: int, delta: float) -> float:
    """Score of a supposed difference, its variance from the likeliest risks under it."""
    total = n + m
    k2 = ((n + 2 * m) * delta - total - a - c) / (3 * total)
    k1 = ((m * delta - total - 2 * c) * delta + a + c) / (3 * total)
    k0 = c * delta * (1 - delta) / total
    q = k2**3 - 1.5 * k1 * k2 + k0 / 2
    p = math.copysign(math.sqrt(max(k2**2 - k1, 0.0)), q)
    angle = math.acos(min(max(q / p**3, -1.0), 1.0)) if p else 0.0
    theirs = min(max(2 * p * math.cos((math.pi + angle) / 3) - k2, 0.0), 1.0)
    mine = min(max(theirs + delta, 0.0), 1.0)
    variance = (mine * (1 - mine) / n + theirs * (1 - theirs) / m) * total / (total - 1)
    return standardized(a / n - c / m - delta, variance)


def bisect(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function crosses zero."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def pearson(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Two-sided p of Pearson's chi-square without correction."""
    return chi_square(a, n, c, m, 0.0)


def yates(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Two-sided p of Pearson's chi-square with Yates's correction."""
    return chi_square(a, n, c, m, 0.5)


def chi_square(
    a: int, n: int, c: int, m: int, correction: float
) -> tuple[float | None, float | None, float | None]:
    """Two-sided p of Pearson's chi-square, at most `correction` taken off each difference."""
    events, total = a + c, n + m
    if 0 in (n, m, events, total - events):
        return NONE
    difference = abs(a * (m - c) - c * (n - a)) / total
    statistic = (
        total**3 * (difference - min(correction, difference)) ** 2 / (n * m * events * (total - events))
    )
    return math.erfc(math.sqrt(statistic / 2)), None, None


def fisher(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Fisher's exact p."""
    return sum(no_likelier(a, n, c, m)), None, None


def mid_p(a: int, n: int, c: int, m: int) -> tuple[float | None, float | None, float | None]:
    """Fisher's exact p less half the chance of the table seen."""
    if 0 in (n, m) or a + c in (0, n + m):
        return NONE
    others, seen = no_likelier(a, n, c, m)
    return others + seen / 2, None, None


def no_likelier(a: int, n: int, c: int, m: int) -> tuple[float, float]:
    """The chance of the other tables that are no likelier than the one seen, and that of the one seen."""
    possible, chances = given_margins(a, n, c, m)
    every = chances(0.0)
    seen = every.pop(a - possible[0])
    return sum(chance for chance in every if chance <= seen * (1 + 1e-7)), seen


MEASURES = (
    ("odds_ratio", "Woolf", odds_ratio),
    ("odds_ratio", "exact conditional", exact_conditional),
    ("risk_ratio", "log (Katz)", risk_ratio),
    ("risk_ratio", "Koopman", koopman),
    ("risk_ratio", "Miettinen-Nurminen", corrected_score),
    ("risk_difference", "Miettinen-Nurminen", miettinen_nurminen),
    ("risk_difference", "Newcombe", newcombe),
    ("risk_difference", "Wald", wald),
    ("p", "Pearson chi-square, no correction", pearson),
    ("p", "Pearson chi-square, Yates correction", yates),
    ("p", "Fisher exact", fisher),
    ("p", "Fisher mid-p", mid_p),
)


def shown(number: float | None) -> str:
    """A number at full precision; nothing for what is undefined."""
    if number is None:
        return ""
    return "Inf" if number == math.inf else f"{number:.15g}"


def main() -> None:
    """Print a line for each number: endpoint, measure, method, value and 95 % limits."""
    with (Path(__file__).resolve().parent / "adsl.csv").open(newline="", encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["endpoint", "measure", "method", "value", "low", "high"])
    for event in ENDPOINTS:
        table = counts(rows, event)
        names = ("events_screening", "people_screening", "events_control", "people_control")
        for name, number in zip(names, table):  # noqa: B905  Python 3.9 has no strict
            out.writerow([event, name, "count", number, "", ""])
        for measure, method, estimate in MEASURES:
            out.writerow([event, measure, method, *map(shown, estimate(*table))])


if __name__ == "__main__":
    main()
