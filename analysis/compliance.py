"""Who got what the arm offered: the effect among compliers, which does not replace intention to treat."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from analysis.estimators import Estimate, Z
from analysis.subjects import Arm, SubjectRow


class Exposure(NamedTuple):
    """People of one arm by exposure and event."""

    exposed: int
    exposed_events: int
    unexposed: int
    unexposed_events: int

    @property
    def n(self) -> int:
        """Count the arm."""
        return self.exposed + self.unexposed

    @property
    def events(self) -> int:
        """Count the events of the arm."""
        return self.exposed_events + self.unexposed_events


class ComplierEffect(NamedTuple):
    """An effect among compliers with what it rests on, in words."""

    estimate: Estimate
    exposure: str
    exposure_difference: float | None
    exclusion_restriction: str
    monotonicity: str


def exposures(
    rows: Iterable[SubjectRow], exposed: Callable[[SubjectRow], bool], happened: Callable[[SubjectRow], bool]
) -> dict[Arm, Exposure]:
    """Count exposure and event in each arm as randomized."""
    counts: dict[Arm, list[int]] = {"screening": [0, 0, 0, 0], "control": [0, 0, 0, 0]}
    for row in rows:
        if row.arm is not None:
            place = 0 if exposed(row) else 2
            counts[row.arm][place] += 1
            counts[row.arm][place + 1] += happened(row)
    return {arm: Exposure(*numbers) for arm, numbers in counts.items()}


def complier_effect(screening: Exposure, control: Exposure, *, exposure: str) -> ComplierEffect:
    """Estimate the effect of the exposure on the risk among people whom the arm alone moved to it.

    Wald's ratio of two differences (Angrist, Imbens and Rubin, JASA 1996;91:444-455), limits by the delta method:
    the same as two-stage least squares with variances of their own in each arm.
    """
    return ComplierEffect(
        _ratio(screening, control, exposure),
        exposure,
        _difference(screening, control),
        f"the arm acts on the outcome through “{exposure}” alone",
        f"nobody has “{exposure}” because of being in the control arm",
    )


def _difference(screening: Exposure, control: Exposure) -> float | None:
    if not screening.n or not control.n:
        return None
    return screening.exposed / screening.n - control.exposed / control.n


BEYOND = (
    "larger than a difference of shares can be: the exposure does not account for the outcomes (the exclusion "
    "restriction fails), or too few people are compared"
)


def _ratio(screening: Exposure, control: Exposure, exposure: str) -> Estimate:
    method = "complier average causal effect (risk difference), Wald ratio, delta-method interval"
    moved = _difference(screening, control)
    if moved is None:
        return Estimate(None, None, None, method, "nobody in an arm")
    if moved == 0:
        return Estimate(
            None, None, None, method, f"“{exposure}” is as frequent in both arms: nobody was moved"
        )
    value = (screening.events / screening.n - control.events / control.n) / moved
    se = math.sqrt(_variance(screening, value) + _variance(control, value)) / abs(moved)
    if se == 0:
        return Estimate(value, None, None, method, "no variance: exposure explains every outcome")
    why = BEYOND if abs(value) > 1 else None
    return Estimate(value, value - Z * se, value + Z * se, method, why)


def _variance(arm: Exposure, effect: float) -> float:
    """Return the variance of the mean of outcome less effect times exposure, in one arm."""
    values = (
        (1 - effect, arm.exposed_events),
        (-effect, arm.exposed - arm.exposed_events),
        (1.0, arm.unexposed_events),
        (0.0, arm.unexposed - arm.unexposed_events),
    )
    mean = sum(value * count for value, count in values) / arm.n
    return sum(count * (value - mean) ** 2 for value, count in values) / arm.n**2
