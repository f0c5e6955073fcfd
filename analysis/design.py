"""Pure rules of a trial's size: people from power and power from people, for two proportions.

A method is the standard errors of its test under no effect and under the effect, each times the square root
of the number in the control arm; the same line then gives people or power (Fleiss, Levin and Paik,
Statistical Methods for Rates and Proportions, 2003, chapter 4). Alpha is two-sided; the chance to reject
toward the wrong side is not counted as power, as in R's power.prop.test.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from analysis.estimators import TwoByTwo, restricted_risk

NORMAL = NormalDist()
MOST = 100_000_000  # people in an arm
MOST_CELLS = 4_000_000  # pairs of counts that an exact power is summed over


class BadPlan(ValueError):
    """A plan that no trial can have."""


class Plan(NamedTuple):
    """What is expected of each arm, and what the trial has to allow for.

    `ratio` is people in the screening arm to one in the control arm. With a `margin`, screening is to be shown
    not worse by as much; more events are better, unless the event is a `harm`.
    """

    control: float
    screening: float
    alpha: float = 0.05
    ratio: float = 1.0
    margin: float | None = None
    harm: bool = False
    cluster_size: float | None = None
    icc: float = 0.0
    cluster_cv: float = 0.0
    dropout: float = 0.0


class Method(NamedTuple):
    """One test: its distance from the null, and its standard errors at one person in the control arm."""

    name: str
    distance: float
    null: float
    alternative: float
    corrected: float = 0.0  # half of (r + 1) / (r distance), for the continuity correction
    exact: str = ""  # the test of that name whose power can be summed over all counts


class Size(NamedTuple):
    """People to randomize by one method, and the power they give."""

    method: str
    unrounded: float | None  # in the control arm, before clusters and dropout; None if people were given
    control: int
    screening: int
    clusters: tuple[int, int] | None
    power: float
    exact_power: float | None
    why: str | None

    @property
    def total(self) -> int:
        """Return the people of both arms."""
        return self.control + self.screening


def risk_from_odds_ratio(control: float, odds_ratio: float) -> float:
    """Return the risk at this odds ratio to the control arm's risk."""
    _check_risk("control", control)
    if not 0 < odds_ratio < math.inf:
        raise BadPlan(f"Odds ratio {odds_ratio:g}: give a number above 0, such as 2.")
    return odds_ratio * control / (1 - control + odds_ratio * control)


def design_effect(plan: Plan) -> float:
    """Return 1 + ((cv^2 + 1) m - 1) ICC (Eldridge, Ashby and Kerry, Int J Epidemiol 2006;35:1292-1300)."""
    if plan.cluster_size is None:
        return 1.0
    return 1 + ((plan.cluster_cv**2 + 1) * plan.cluster_size - 1) * plan.icc


def sizes_for(plan: Plan, power: float) -> tuple[Size, ...]:
    """Find the people needed for a power, by each method; the first is the usual one."""
    check(plan)
    if not plan.alpha / 2 < power <= 0.9999:
        raise BadPlan(
            f"Power {power:g}: give a power above {plan.alpha / 2:g} and up to 0.9999, such as 0.9."
        )
    return tuple(_size(plan, method, power) for method in methods(plan, plan.ratio))


def sizes_with(plan: Plan, people: int) -> tuple[Size, ...]:
    """Find the power that so many people in the control arm give, and `ratio` times as many in the other."""
    check(plan)
    if not 2 <= people <= MOST:
        raise BadPlan(f"{people} people in the control arm: give from 2 to {MOST}.")
    arms = _arms(plan, people)
    return tuple(_achieved(plan, method.name, None, arms) for method in methods(plan, plan.ratio))


def check(plan: Plan) -> None:
    """Raise BadPlan, saying what to change, if no trial can be planned so."""
    _check_risk("control", plan.control)
    _check_risk("screening", plan.screening)
    for name, value, low, high in (
        ("Alpha", plan.alpha, 1e-6, 0.5),
        ("Ratio", plan.ratio, 0.01, 100),
        ("Cluster size", 1 if plan.cluster_size is None else plan.cluster_size, 1, 1_000_000),
        ("ICC", plan.icc, 0, 1),
        ("Variation of cluster sizes", plan.cluster_cv, 0, 10),
        ("Dropout", plan.dropout, 0, 0.95),
    ):
        if not low <= value <= high:
            raise BadPlan(f"{name} {value:g}: give a number from {low:g} to {high:g}.")
    if (plan.icc or plan.cluster_cv) and plan.cluster_size is None:
        raise BadPlan("An ICC or a variation of cluster sizes was given without a cluster size: give it too.")
    _check_effect(plan)


def _check_risk(arm: str, risk: float) -> None:
    if not 0 < risk < 1:
        raise BadPlan(f"Risk {risk:g} in the {arm} arm: give a share above 0 and below 1, such as 0.022.")


def _check_effect(plan: Plan) -> None:
    if plan.margin is None and plan.control == plan.screening:
        raise BadPlan(
            f"The risk is {plan.control:g} in both arms: nothing to detect. Give two risks, or a margin."
        )
    if plan.margin is not None and not 0 < plan.margin < 1:
        raise BadPlan(
            f"Margin {plan.margin:g}: give a difference of risks above 0 and below 1, such as 0.02."
        )
    if _distance(plan) <= 0:
        raise BadPlan(
            "At these risks screening is worse by the margin or more: widen it, or expect less harm."
        )


def _distance(plan: Plan) -> float:
    better = (plan.control - plan.screening) if plan.harm else (plan.screening - plan.control)
    return abs(better) if plan.margin is None else better + plan.margin


# --- the methods -------------------------------------------------------------------------------------------


def methods(plan: Plan, ratio: float) -> tuple[Method, ...]:
    """Return the tests for a plan whose arms stand in this ratio."""
    p, q, distance = plan.control, plan.screening, _distance(plan)
    unpooled = math.sqrt(p * (1 - p) + q * (1 - q) / ratio)
    if plan.margin is not None:
        return _against_margin(plan, ratio, unpooled)
    mean = (p + ratio * q) / (1 + ratio)
    pooled = math.sqrt(mean * (1 - mean) * (1 + 1 / ratio))
    corrected = (ratio + 1) / (ratio * distance) / 2
    log_odds = math.sqrt(1 / (p * (1 - p)) + 1 / (ratio * q * (1 - q)))
    log_ratio = abs(math.log(q * (1 - p) / (p * (1 - q))))
    return (
        Method("chi-square (pooled variance, Fleiss; R's power.prop.test)", distance, pooled, unpooled,
               exact="pooled"),
        Method("chi-square with continuity correction (Fleiss, Tytun and Ury)", distance, pooled, unpooled,
               corrected, exact="corrected"),
        Method("z test, unpooled variance", distance, unpooled, unpooled, exact="unpooled"),
        Method("log odds ratio (Woolf)", log_ratio, log_odds, log_odds),
    )  # fmt: skip


def _against_margin(plan: Plan, ratio: float, unpooled: float) -> tuple[Method, ...]:
    """Return the tests against a margin (Farrington and Manning, Stat Med 1990;9:1447-1454)."""
    assert plan.margin is not None
    limit = plan.margin if plan.harm else -plan.margin
    # The estimator takes counts; as a share of one person in the control arm they are what is expected.
    expected = TwoByTwo(ratio * plan.screening, ratio, plan.control, 1)  # type: ignore[arg-type]
    theirs = restricted_risk(expected, limit)
    mine = min(max(theirs + limit, 0.0), 1.0)
    restricted = math.sqrt(theirs * (1 - theirs) + mine * (1 - mine) / ratio)
    distance = _distance(plan)
    return (
        Method("score test against the margin (Farrington-Manning)", distance, restricted, unpooled),
        Method("Wald test against the margin, unpooled variance", distance, unpooled, unpooled, exact="wald"),
    )


def _size(plan: Plan, method: Method, power: float) -> Size:
    people = people_for(method, plan.alpha, power)
    inflated = people * design_effect(plan) / (1 - plan.dropout)
    if inflated * max(1, plan.ratio) > MOST:
        raise BadPlan(
            f"It takes more than {MOST} people in an arm: the effect is too small to be planned for."
        )
    return _achieved(plan, method.name, people, _arms(plan, inflated))


def people_for(method: Method, alpha: float, power: float) -> float:
    """Return the people in the control arm, not rounded."""
    spread = NORMAL.inv_cdf(1 - alpha / 2) * method.null + NORMAL.inv_cdf(power) * method.alternative
    plain = (max(spread, 0.0) / method.distance) ** 2
    return (
        ((math.sqrt(plain) + math.sqrt(plain + 4 * method.corrected)) / 2) ** 2 if method.corrected else plain
    )


def power_with(method: Method, alpha: float, people: float) -> float:
    """Return the power of so many people in the control arm; people_for read backward."""
    root = (people - method.corrected) / math.sqrt(people)
    z = (method.distance * root - NORMAL.inv_cdf(1 - alpha / 2) * method.null) / method.alternative
    return NORMAL.cdf(z)


def _arms(plan: Plan, people: float) -> tuple[int, int]:
    """Round both arms up, to whole clusters where there are any."""
    unit = plan.cluster_size or 1.0
    # A hair below, so that 300 that came out as 300.0000000001 is not 301.
    clusters = [math.ceil(arm / unit - 1e-9) for arm in (people, people * plan.ratio)]
    control, screening = (math.ceil(number * unit - 1e-9) for number in clusters)
    return control, screening


def _achieved(plan: Plan, name: str, unrounded: float | None, arms: tuple[int, int]) -> Size:
    """Compute what these arms give, in the ratio that rounding left them."""
    control, screening = arms
    method = next(m for m in methods(plan, screening / control) if m.name == name)
    effective = control * (1 - plan.dropout) / design_effect(plan)
    exact, why = _exact(plan, method, arms)
    clusters = None
    if size := plan.cluster_size:
        clusters = (math.ceil(control / size - 1e-9), math.ceil(screening / size - 1e-9))
    return Size(name, unrounded, *arms, clusters, power_with(method, plan.alpha, effective), exact, why)


# --- exact power -------------------------------------------------------------------------------------------


def _exact(plan: Plan, method: Method, arms: tuple[int, int]) -> tuple[float | None, str | None]:
    """Sum the chances of all pairs of counts that the test rejects, or say why that isn't done."""
    if plan.cluster_size is not None:
        return None, "exact power is for people who are drawn one by one, not in clusters"
    if not method.exact:
        return None, "exact power is not computed for this test"
    n, m = (math.floor(arm * (1 - plan.dropout) + 1e-9) for arm in arms)
    ours, theirs = _likely(n, plan.control), _likely(m, plan.screening)
    if len(ours) * len(theirs) > MOST_CELLS:
        return None, "so many people that exact power would take long; it hardly differs from the other"
    rejected = _rejects(plan, method.exact, ours[:, None], n, theirs[None, :], m)
    return float(binom.pmf(ours, n, plan.control) @ rejected @ binom.pmf(theirs, m, plan.screening)), None


def _likely(n: int, risk: float) -> np.ndarray:
    """Return the counts outside of which lies less than 1e-12."""
    low, high = binom.ppf([1e-12, 1 - 1e-12], n, risk)
    return np.arange(max(int(low) - 1, 0), min(int(high) + 1, n) + 1)


def _rejects(plan: Plan, test: str, c: np.ndarray, n: int, a: np.ndarray, m: int) -> np.ndarray:
    """Say for each pair of counts whether the test rejects; equal shares never do."""
    p, q = c / n, a / m
    critical, mean = NORMAL.inv_cdf(1 - plan.alpha / 2), (c + a) / (n + m)
    distance, variance = q - p, p * (1 - p) / n + q * (1 - q) / m
    if test in ("pooled", "corrected"):
        variance = mean * (1 - mean) * (1 / n + 1 / m)
    if test == "wald":
        distance = (-distance if plan.harm else distance) + (plan.margin or 0.0)
        return (distance > 0) & (distance >= critical * np.sqrt(variance))
    distance *= np.sign(plan.screening - plan.control)  # a rejection in the other direction is no success
    if test == "corrected":
        distance = distance - (1 / n + 1 / m) / 2
    return (distance > 0) & (distance >= critical * np.sqrt(variance))
