"""From a film's probability to a person's risk class, in whole numbers only.

A film is positive when the mean of its ten probabilities, as stored to six decimals, is at or above the
protocol's threshold. A person is at high risk when 100*k > percent*n (or >=) for k positive films of n that
counted: at 66 % "more than" and "at least" differ first at 33 of 50, where a float could fall on either side.
Source: registry NCT05721157 ("more than 66 %"); the threshold is the protocol's own.
"""

from decimal import Decimal
from enum import StrEnum

from trial.protocol_parts import Operator, ShareRule


class RiskClass(StrEnum):
    """A person's risk of osteoporosis by the films that counted."""

    HIGH = "high"
    LOW = "low"
    NONE = "none"  # no film counts any more


def is_positive(mean: Decimal, threshold: Decimal) -> bool:
    """Say whether a film is positive; both numbers between 0 and 1, never floats."""
    if not isinstance(mean, Decimal) or not isinstance(threshold, Decimal):
        raise TypeError("Compare the stored decimals, not floats: the same film could fall on either side.")
    return mean >= threshold


def summarize(positives: int, films: int, rule: ShareRule) -> RiskClass:
    """Return the risk class for k positive films of n, n at least 1."""
    if not 0 <= positives <= films or films < 1:
        raise ValueError(
            f"{positives} positive films of {films}: give 1 or more films and at most as many positive."
        )
    share, limit = 100 * positives, rule.percent * films
    high = share > limit if rule.operator is Operator.MORE_THAN else share >= limit
    return RiskClass.HIGH if high else RiskClass.LOW
