"""What the numbers of a report must agree in, or there is no report."""

from collections.abc import Sequence

from analysis.consort import Flow
from analysis.effects import Effect, SubgroupEffect
from analysis.estimators import Estimate
from analysis.subjects import ARMS

# A test and an interval by other formulas may fall to different sides of 5 %, but never as far apart as this.
SURELY, HARDLY = 0.01, 0.2
ROUNDING = 1e-9


class ReportDisagrees(ValueError):
    """Two numbers of a report contradict each other; nothing is shown."""


def check_effects(found: Sequence[Effect]) -> None:
    """Raise ReportDisagrees unless each effect's estimates, intervals and p value tell the same."""
    for effect in found:
        ratios, difference = (effect.odds_ratio, effect.risk_ratio), effect.risk_difference
        for estimate, neutral in (*((ratio, 1.0) for ratio in ratios), (difference, 0.0)):
            _within(effect, estimate)
            _same_verdict(effect, estimate, neutral)
        signs = {_sign(ratio.value, 1.0) for ratio in ratios} | {_sign(difference.value, 0.0)}
        if {1, -1} <= signs:
            raise ReportDisagrees(
                f"{effect.label}: the ratios and the difference point in opposite directions."
            )


def check_subgroups(found: Sequence[SubgroupEffect], whole: Sequence[Effect]) -> None:
    """Raise ReportDisagrees unless the levels of each subgroup, and who is in none, add up to everybody."""
    counts = {effect.key: effect.counts for effect in whole}
    for group in found:
        levels = [level.counts for level in group.levels]
        people = sum(level.n + level.control_n for level in levels) + group.missing
        total = counts[group.endpoint.key]
        if people != total.n + total.control_n:
            raise ReportDisagrees(
                f"{group.endpoint.label} by {group.subgroup.label}: the levels have {people} people, "
                f"not {total.n + total.control_n}."
            )


def check_flow(found: Flow, whole: Sequence[Effect]) -> None:
    """Raise ReportDisagrees unless the flow and the effects count the same people, scans and detections."""
    counts = {effect.key: effect.counts for effect in whole}
    boxes = {arm: {box.key: box.n for box in found.arms[arm]} for arm in ARMS}
    for effect, box in (("dxa", "scanned"), ("osteoporosis", "detected")):
        if effect not in counts:
            continue
        (a, n), (c, m) = counts[effect][:2], counts[effect][2:]
        drawn = [(boxes[arm][box], boxes[arm]["allocated"]) for arm in ARMS]
        if drawn != [(a, n), (c, m)]:
            raise ReportDisagrees(f"The flow counts {drawn} of {effect}, the table {[(a, n), (c, m)]}.")


def _within(effect: Effect, estimate: Estimate) -> None:
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return
    slack = ROUNDING * max(1.0, abs(value)) if abs(value) != float("inf") else 0.0
    if not low - slack <= value <= high + slack:
        raise ReportDisagrees(
            f"{effect.label}: {estimate.method} is {value}, outside its interval {low} to {high}."
        )


def _same_verdict(effect: Effect, estimate: Estimate, neutral: float) -> None:
    p, low, high = effect.test.p, estimate.low, estimate.high
    if p is None or low is None or high is None:
        return
    outside = not low <= neutral <= high
    if (p < SURELY and not outside) or (p > HARDLY and outside):
        raise ReportDisagrees(
            f"{effect.label}: p is {p:.3g}, but the interval of {estimate.method} is {low} to {high}."
        )


def _sign(value: float | None, neutral: float) -> int:
    if value is None or abs(value - neutral) < ROUNDING:
        return 0
    return 1 if value > neutral else -1
