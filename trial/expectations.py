"""What is to be expected of a list of two arms: how far apart they come, and how often one guesses right.

Every value is exact for a list of its length (up to rounding), by following all that can come, weighted by its
chance. Sources of the known values: Blackwell and Hodges, Ann Math Stat 1957;28:449 (bet on the arm that is behind:
right n + 2^(2n-1) / C(2n, n) - 1/2 times in a block of 2n, and in the random allocation rule, one such block; certain
2n / (n + 1) times). Efron, Biometrika 1971;58:403 (biased coin; in the long run right 1/2 + (2p - 1) / 4p). Soares
and Wu, Commun Stat 1983;12:2017 (big stick of limit b; in the long run right 1/2 + 1 / 4b, certain 1 / 2b). Tables:
PMC3399213.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import comb
from typing import NamedTuple

from trial.allocation_rules import AllocationRule, Method
from trial.chances import Arms, Counts

NEGLIGIBLE = 1e-13
Chance = Callable[[int, int], float]  # (draws before, those of the first arm) -> chance of the first arm


class Step(NamedTuple):
    """One draw (or a sum of them): chance that each guess is right, that it is certain; the imbalance after it."""

    correct: float
    best: float
    certain: float
    apart: float


class Expected(NamedTuple):
    """By the number of draws from 0 on: guesses right and draws certain among them, and the imbalance then."""

    correct: tuple[float, ...]
    best: tuple[float, ...]
    certain: tuple[float, ...]
    apart: tuple[float, ...]


def apart(arms: Arms, counts: Counts) -> float:
    """Return the imbalance: most minus fewest people an arm, per share of the ratio (1:1: the difference)."""
    per_share = [counts[arm] / share for arm, share in arms]
    return max(per_share) - min(per_share)


def behind(arms: Arms, counts: Counts) -> list[str]:
    """Return the arms to bet on by the convergence strategy: fewest people per share, then the larger share."""
    order = [(counts[arm] / share, -share) for arm, share in arms]
    least = min(order)
    return [arm for (arm, _), place in zip(arms, order, strict=True) if place == least]


def why_unknown(rule: AllocationRule) -> str:
    """Return why there is no theoretical value for a rule, or nothing where there is one."""
    if len(rule.arms) != 2:
        return "values are worked out for two arms"
    if rule.method is Method.MINIMIZATION:
        return "its chances depend on who comes"
    if rule.method is Method.RANDOM_ALLOCATION_RULE and rule.unit != 2:
        return "the odd places of an unequal ratio have none"
    return ""


def of_list(rule: AllocationRule, drawn: int, longest: int) -> Step:
    """Return what is to be expected of a list of so many draws: guesses right, draws certain, the imbalance then.

    Lists up to the longest are worked out at once.
    """
    if rule.total == drawn:
        return _whole_list(drawn)
    of_all = expected(rule, min(longest, rule.total or longest))
    return Step(*(column[drawn] for column in of_all))


def _whole_list(total: int) -> Step:
    """Return Blackwell and Hodges' values of one block of the whole total; of an odd one the last is not drawn."""
    n = (total + 1) // 2
    undrawn = total % 2
    correct = n + 2 ** (2 * n - 1) / comb(2 * n, n) - 1 / 2 - undrawn
    return Step(correct, correct, 2 * n / (n + 1) - undrawn, undrawn)


@lru_cache(maxsize=16)
def expected(rule: AllocationRule, count: int) -> Expected:
    """Return what is to be expected of the first ``count`` draws of a list; see ``why_unknown``."""
    steps = _steps(rule, count)
    correct, best, certain = (
        tuple(accumulate((step[column] for step in steps), initial=0.0)) for column in range(3)
    )
    return Expected(correct, best, certain, apart=(0.0, *(step.apart for step in steps)))


def _steps(rule: AllocationRule, count: int) -> list[Step]:
    match rule:
        case AllocationRule(method=Method.SIMPLE):
            return _walk(rule.arms, lambda before, first: rule.arms[0][1] / rule.unit, count)
        case AllocationRule(method=Method.BIASED_COIN, p=Fraction() as p):
            return _walk(rule.arms, _leaning(float(p), from_lead=1), count)
        case AllocationRule(method=Method.BIG_STICK, limit=int(limit)):
            return _walk(rule.arms, _leaning(1.0, from_lead=limit), count)
        case AllocationRule(method=Method.RANDOM_ALLOCATION_RULE, total=int(total)):
            # The odd place goes to either arm: as if the last of a whole block were never drawn.
            return _walk(rule.arms, _urn(rule.arms, total + total % rule.unit), count)
        case AllocationRule(method=Method.PERMUTED_BLOCKS):
            sizes = {size: _walk(rule.arms, _urn(rule.arms, size), size) for size in rule.block_sizes}
            return _one_after_another(sizes, count)
    raise ValueError(why_unknown(rule) or f"{rule.method} is not worked out.")


def _leaning(p: float, from_lead: int) -> Chance:
    """Toss a fair coin until an arm leads by so many; then the other has chance p."""

    def chance(before: int, first: int) -> float:
        lead = 2 * first - before
        if abs(lead) < from_lead:
            return 0.5
        return p if lead < 0 else 1 - p

    return chance


def _urn(arms: Arms, size: int) -> Chance:
    """Draw without replacement from a block that keeps the ratio."""
    (_, share), (_, other) = arms
    return lambda before, first: (size * share // (share + other) - first) / (size - before)


def _walk(arms: Arms, chance: Chance, count: int) -> list[Step]:
    (_, share), (_, other) = arms
    now, steps = {0: 1.0}, []
    for before in range(count):
        then: dict[int, float] = defaultdict(float)
        correct = best = certain = 0.0
        for first, weight in now.items():
            up = chance(before, first)
            lead = first * other - (before - first) * share
            bet = _bet_on_first(lead or other - share)
            correct += weight * (bet * up + (1 - bet) * (1 - up))
            best += weight * max(up, 1 - up)
            certain += weight * (up in (0, 1))
            then[first + 1] += weight * up
            then[first] += weight * (1 - up)
        now = {first: weight for first, weight in then.items() if weight > NEGLIGIBLE}
        leads = (
            weight * abs(first * (share + other) - (before + 1) * share) for first, weight in now.items()
        )
        steps.append(Step(correct, best, certain, sum(leads) / (share * other)))
    return steps


def _bet_on_first(lead: int) -> float:
    """Return how often the first arm is bet on: always while it is behind, half the time where both are alike."""
    return 0.5 if lead == 0 else float(lead < 0)


def _one_after_another(blocks: Mapping[int, list[Step]], count: int) -> list[Step]:
    """Lay blocks end to end, each size as likely as another; a block begins even, so that its steps stay its own."""
    begins: list[float] = []  # the chance that a block begins at a place
    for place in range(count):
        ended = sum(begins[place - size] for size in blocks if size <= place)
        begins.append(ended / len(blocks) if place else 1.0)
    return [
        Step(
            *(
                sum(
                    begins[place - offset] * steps[offset][column] / len(blocks)
                    for size, steps in blocks.items()
                    for offset in range(min(size, place + 1))
                )
                for column in range(4)
            )
        )
        for place in range(count)
    ]
