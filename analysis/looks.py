"""Pure rules of an interim look: the z of the primary endpoint, and the boundary due with the information reached."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from analysis.effects import Effect
from analysis.interim import (
    FAR,
    MIN_STEP,
    BadDesign,
    Design,
    Look,
    conditional_power,
    current_trend,
    spending_design,
)
from analysis.plan import Interim


class Found(NamedTuple):
    """What a look found; conditional power is None where nothing is left to expect."""

    z: float
    z_method: str
    alpha_spent: float
    boundary: float | None
    crossed: bool
    conditional_power: float | None


def design_at(planned: Interim, taken: Sequence[Look], information: float) -> Design:
    """Return the boundaries at this information: looks taken stay as they were, the later ones come as planned."""
    before, later = [look.information for look in taken], planned.information[len(taken) + 1 :]
    times = [*before, information, *(t for t in later if t - information >= MIN_STEP)]
    return spending_design(times, spending=planned.spending, alpha=planned.alpha, taken=taken)


def find(effect: Effect, planned: Interim, taken: Sequence[Look], information: float) -> Found:
    """Compare the z of the primary endpoint with the boundary that is due. Raises BadDesign."""
    design, number = design_at(planned, taken, information), len(taken) + 1
    due, (z, method) = design.looks[number - 1], z_of(effect)
    crossed = due.z is not None and abs(z) >= due.z
    power = None
    if not crossed and information < 1:
        power = conditional_power(design, number, z, current_trend(design, number, z))
        power = min(max(power, 0.0), 1.0)  # sums of tails, which rounding may carry over
    return Found(z, method, due.alpha_spent, due.z, crossed, power)


def z_of(effect: Effect) -> tuple[float, str]:
    """Return the z of the plan's test, positive if the screening arm has the larger share, and how it was found.

    The root of Pearson's chi-square is the difference of the two risks over its standard error without effect;
    an exact test has no such statistic, and its z is the one that has its p.
    """
    test, (events, n, control_events, control_n) = effect.test, effect.counts
    if test.p is None:
        raise BadDesign(f"{effect.label} can't be tested yet: {test.why}.")
    direction = events * control_n - control_events * n
    if test.statistic is not None and test.df == 1:
        size, method = math.sqrt(test.statistic), f"signed root of: {test.method}"
    else:
        size = -NormalDist().inv_cdf(test.p / 2) if test.p else FAR
        method = f"z with the two-sided p of: {test.method}"
    return math.copysign(size, direction) if direction else 0.0, method
