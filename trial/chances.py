"""Methods that give each arm a chance and then draw: simple, biased coin, big stick, minimization.

Each is a function of the rule and of who was allocated before; the draw itself takes one uniform number of the
keyed stream. Chances are exact fractions, so that no machine draws otherwise than another.

Sources: Efron, Biometrika 1971;58:403 (biased coin). Soares and Wu, Commun Stat 1983;12:2017 (big stick).
Pocock and Simon, Biometrics 1975;31:103 (minimization, sections 3.1 to 3.4).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate
from math import sqrt
from typing import NamedTuple

Arms = tuple[tuple[str, int], ...]
Counts = Mapping[str, int]  # arm -> people before
Margins = Mapping[str, Counts]  # factor -> arm -> people before at the newcomer's own level
Score = Fraction | Decimal  # both compare exactly
STRATUM = "stratum"  # the one margin of methods that look at their own stratum alone


class Measure(StrEnum):
    """How far apart the arms are at one level of a factor."""

    RANGE = "range"
    VARIANCE = "variance"
    STANDARD_DEVIATION = "standard_deviation"


class Chances(NamedTuple):
    """The probability of each arm, in the rule's order; for minimization also its score, the lower the better."""

    probabilities: dict[str, Fraction]
    scores: dict[str, Score] | None = None


class Tally:
    """Who was allocated in a stratum so far: by arm, and by arm at each level of each factor."""

    def __init__(self, arms: Arms) -> None:
        self._arms = [arm for arm, _ in arms]
        self._counts: Counter[tuple[str, str | None, str]] = Counter()

    def add(self, arm: str, levels: Mapping[str, str | None], people: int = 1) -> None:
        """Count people of an arm who have these levels."""
        for factor, level in {STRATUM: None, **levels}.items():
            self._counts[factor, level, arm] += people

    def margins(self, factors: Collection[str], levels: Mapping[str, str | None]) -> Margins:
        """Return the counts at a newcomer's own level of each factor; without factors, of the stratum."""
        return {
            factor: {arm: self._counts[factor, levels.get(factor), arm] for arm in self._arms}
            for factor in factors or (STRATUM,)
        }


def by_ratio(arms: Arms) -> Chances:
    """Give each arm its share, whoever came before (simple randomization)."""
    unit = sum(share for _, share in arms)
    return Chances({arm: Fraction(share, unit) for arm, share in arms})


def biased_coin(arms: Arms, counts: Counts, p: Fraction) -> Chances:
    """Give the arm with fewer people probability p, and 1/2 to each where they are even."""
    (one, _), (other, _) = arms
    ahead = counts.get(one, 0) - counts.get(other, 0)
    if ahead == 0:
        return by_ratio(arms)
    behind, before = (other, one) if ahead > 0 else (one, other)
    return Chances({arm: {behind: p, before: 1 - p}[arm] for arm, _ in arms})


def big_stick(arms: Arms, counts: Counts, limit: int) -> Chances:
    """Toss a fair coin until one arm is ahead by the limit; the next goes to the other."""
    (one, _), (other, _) = arms
    ahead = counts.get(one, 0) - counts.get(other, 0)
    if abs(ahead) < limit:
        return by_ratio(arms)
    return biased_coin(arms, counts, Fraction(1))


def minimization(
    arms: Arms, margins: Margins, weights: Mapping[str, int], measure: Measure, p: Fraction
) -> Chances:
    """Prefer, with probability p, the arm that would leave the factors most alike.

    Counts are taken per share of the ratio. Arms that are equally good share p, the others share 1 - p, both by
    the ratio; where all are equally good each gets its share.
    """
    scores = imbalances(arms, margins, weights, measure)
    best = min(scores.values())
    good = [arm for arm in scores if scores[arm] == best]
    ratio = dict(arms)
    if len(good) == len(arms):
        return Chances(by_ratio(arms).probabilities, scores)
    of_good = sum(ratio[arm] for arm in good)
    of_rest = sum(ratio.values()) - of_good
    return Chances(
        {
            arm: p * Fraction(share, of_good) if arm in good else (1 - p) * Fraction(share, of_rest)
            for arm, share in arms
        },
        scores,
    )


def by_rank(scores: Mapping[str, Score], q: Fraction) -> dict[str, Fraction]:
    """Return Pocock and Simon's other rule: q - 2 (Nq - 1) k / (N (N + 1)) for the arm of rank k of N.

    Arms with the same score share the probabilities of their ranks.
    """
    n = len(scores)
    order = sorted(scores.values())
    of_rank = [q - 2 * (n * q - 1) * Fraction(k, n * (n + 1)) for k in range(1, n + 1)]
    return {
        arm: sum(of_rank[order.index(s) : order.index(s) + order.count(s)], Fraction(0)) / order.count(s)
        for arm, s in scores.items()
    }


def imbalances(
    arms: Arms, margins: Margins, weights: Mapping[str, int], measure: Measure
) -> dict[str, Score]:
    """Return, by arm, the weighted sum of the factors' imbalance if the newcomer went there."""
    return {
        arm: sum(
            (weight * _apart(_after(arms, margins.get(factor, {}), arm), measure))
            for factor, weight in weights.items()
        )
        or Fraction(0)
        for arm, _ in arms
    }


def _after(arms: Arms, counts: Counts, chosen: str) -> list[Fraction]:
    return [Fraction(counts.get(arm, 0) + (arm == chosen), share) for arm, share in arms]


def _apart(counts: Sequence[Fraction], measure: Measure) -> Score:
    if measure is Measure.RANGE:
        return max(counts) - min(counts)
    mean = sum(counts, Fraction(0)) / len(counts)
    variance = sum(((count - mean) ** 2 for count in counts), Fraction(0)) / (len(counts) - 1)
    if measure is Measure.VARIANCE:
        return variance
    # To twelve decimals, so that arms that are equally good stay so.
    return Decimal(f"{sqrt(variance):.12f}")


def pick(chances: Chances, uniform: float) -> str:
    """Return the arm in whose part of 0 to 1 the uniform number falls, the parts in the rule's order."""
    bounds = accumulate(chances.probabilities.values())
    return next(arm for arm, upto in zip(chances.probabilities, bounds, strict=True) if uniform < upto)
