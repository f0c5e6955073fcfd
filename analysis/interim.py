"""Pure rules of interim looks: boundaries of two-sided group-sequential tests, their power, conditional power.

Time is the information fraction t, from 0 to 1. The score B(t) = Z(t) sqrt(t) is a Brownian motion with drift
E Z(1); its density among those who have not crossed is carried from look to look by numerical integration
(Armitage, McPherson and Rowe, JRSS A 1969;132:235-244; Jennison and Turnbull, Group Sequential Methods, 2000,
chapter 19). Alpha is two-sided: half of it is spent on each side.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.hermite import hermgauss
from numpy.polynomial.legendre import leggauss
from scipy.optimize import brentq
from scipy.special import ndtr

NORMAL = NormalDist()
MAX_LOOKS, MIN_STEP = 20, 0.001
UNSPENDABLE = 1e-15  # an alpha below the precision of the sums: no boundary can be told from infinity
FAR = 40.0  # in standard deviations; beyond it a double holds no tail
REACH, PANEL, NODES = 9.0, 1.5, 12  # how far and in what steps (standard deviations) the density is followed


class BadDesign(ValueError):
    """A design that no trial can have."""


class Look(NamedTuple):
    """One look: cumulative two-sided alpha, the z to reach on either side, and that z as a two-sided p."""

    information: float
    alpha_spent: float
    z: float | None
    p: float | None
    why: str | None = None


class Design(NamedTuple):
    """A group-sequential design."""

    method: str
    alpha: float
    looks: tuple[Look, ...]


class Course(NamedTuple):
    """What happens under one drift: chances to cross first at each look, on either side, and what it takes."""

    drift: float
    above: tuple[float, ...]
    below: tuple[float, ...]
    expected_information: float

    @property
    def power(self) -> float:
        """Return the chance to cross above at any look."""
        return sum(self.above)


class _State(NamedTuple):
    """Where the score stands at a time: points, and the chance at each to have come there without crossing."""

    time: float
    points: np.ndarray
    mass: np.ndarray


START = _State(0.0, np.zeros(1), np.ones(1))


# --- designs -----------------------------------------------------------------------------------------------


def obrien_fleming_spent(alpha: float, t: float) -> float:
    """Spend alpha as the O'Brien-Fleming type does, on each side its half (Lan and DeMets, 1983;70:659-663)."""
    return 4 * NORMAL.cdf(NORMAL.inv_cdf(alpha / 4) / math.sqrt(t))


def pocock_spent(alpha: float, t: float) -> float:
    """Spend alpha as the Pocock type does (Lan and DeMets, Biometrika 1983;70:659-663)."""
    return alpha * math.log(1 + (math.e - 1) * t)


SPENDING: dict[str, Callable[[float, float], float]] = {
    "obrien-fleming": obrien_fleming_spent,
    "pocock": pocock_spent,
}
# How the boundary depends on t, up to a constant (Jennison and Turnbull, sections 2.4 and 2.5).
CLASSICAL: dict[str, Callable[[float], float]] = {
    "pocock": lambda t: 1.0,
    "obrien-fleming": lambda t: 1 / math.sqrt(t),
}
NAMES = {"obrien-fleming": "O'Brien-Fleming", "pocock": "Pocock"}


def equal_information(looks: int) -> tuple[float, ...]:
    """Return the information fractions of equally spaced looks."""
    if not 1 <= looks <= MAX_LOOKS:
        raise BadDesign(f"{looks} looks: plan from 1 to {MAX_LOOKS}.")
    return tuple(look / looks for look in range(1, looks + 1))


def check_information(information: Sequence[float]) -> tuple[float, ...]:
    """Return information fractions that rise to 1. Raises BadDesign if they don't."""
    if not 1 <= len(information) <= MAX_LOOKS:
        raise BadDesign(f"{len(information)} information fractions: give from 1 to {MAX_LOOKS}.")
    shown = ", ".join(f"{t:g}" for t in information)
    if not all(0 < t <= 1 for t in information) or information[-1] != 1:
        raise BadDesign(f"Information {shown}: fractions lie above 0 and up to 1, and the last is 1.")
    steps = np.diff([0.0, *information])
    if min(steps) < MIN_STEP * (1 - 1e-9):
        raise BadDesign(
            f"Information {shown}: each fraction is larger than the one before, by {MIN_STEP} or more."
        )
    return tuple(map(float, information))


def spending_design(
    information: Sequence[float], *, spending: str, alpha: float = 0.05, taken: Sequence[Look] = ()
) -> Design:
    """Find the boundaries that spend alpha by a spending function; looks already taken stay as they were."""
    times, spent = check_information(information), SPENDING[_known(spending, SPENDING)]
    check_alpha(alpha)
    state, before, looks = START, 0.0, []
    for number, t in enumerate(times):
        if number < len(taken):
            look = taken[number]
        else:
            total = alpha if t == 1 else min(spent(alpha, t), alpha)
            look = _look(state, t, before, max(total, before))
        state = _go_on(state, t, math.inf if look.z is None else look.z, 0.0, times)
        before = look.alpha_spent
        looks.append(look)
    return Design(f"Lan-DeMets spending, {NAMES[spending]} type", alpha, tuple(looks))


def _look(state: _State, t: float, before: float, total: float) -> Look:
    """Find the z at which the alpha of this look is used up; both sides are alike."""
    if total - before < UNSPENDABLE:
        why = f"the alpha to spend here is below {UNSPENDABLE:g}: no result is extreme enough"
        return Look(t, total, None, None, why)
    z = float(
        brentq(lambda z: 2 * _above(state, t, z, 0.0) - (total - before), 0.0, FAR, xtol=1e-12, rtol=1e-13)
    )
    return Look(t, total, z, two_sided_p(z))


def classical_design(information: Sequence[float], *, shape: str, alpha: float = 0.05) -> Design:
    """Find the boundaries of one shape whose constant uses up alpha."""
    times, rise = check_information(information), CLASSICAL[_known(shape, CLASSICAL)]
    check_alpha(alpha)

    def crossed(constant: float) -> list[float]:
        above, below = _walk(START, times, [constant * rise(t) for t in times], 0.0)
        return [a + b for a, b in zip(above, below, strict=True)]

    constant = float(brentq(lambda c: sum(crossed(c)) - alpha, 0.1, FAR, xtol=1e-12, rtol=1e-13))
    spent = np.cumsum(crossed(constant))
    looks = (
        Look(t, float(total), z, two_sided_p(z))
        for t, total, z in zip(times, spent, (constant * rise(t) for t in times), strict=True)
    )
    return Design(f"{NAMES[shape]}, classical boundaries", alpha, tuple(looks))


def two_sided_p(z: float) -> float:
    """Return the two-sided p of a z."""
    return float(2 * ndtr(-abs(z)))


def _known(name: str, among: dict[str, Any]) -> str:
    if name not in among:
        raise BadDesign(f"“{name}” is none of: {', '.join(among)}.")
    return name


def check_alpha(alpha: float) -> None:
    """Raise BadDesign for an alpha that no boundaries can be found for."""
    if not 1e-6 <= alpha <= 0.5:
        raise BadDesign(f"Alpha {alpha:g}: give the two-sided alpha between 0.000001 and 0.5, such as 0.05.")


# --- what a design does ------------------------------------------------------------------------------------


def course(design: Design, drift: float) -> Course:
    """Compute the chances to stop at each look where E Z at the last one is `drift`."""
    if not abs(drift) <= FAR:
        raise BadDesign(f"Drift {drift:g}: give the expected z of the last look, from -{FAR:g} to {FAR:g}.")
    times = [look.information for look in design.looks]
    above, below = _walk(START, times, _bounds(design.looks), drift)
    stopped = [a + b for a, b in zip(above, below, strict=True)]
    expected = 1 - sum(p * (1 - t) for p, t in zip(stopped, times, strict=True))
    return Course(drift, tuple(above), tuple(below), expected)


def drift_for(design: Design, power: float) -> float:
    """Find the drift with which the design has this power."""
    if not design.alpha / 2 < power <= 0.9999:
        raise BadDesign(f"Power {power:g}: give a power above {design.alpha / 2:g} and up to 0.9999.")
    return float(brentq(lambda drift: course(design, drift).power - power, 0.0, FAR / 2, xtol=1e-11))


def inflation(design: Design, power: float) -> float:
    """Return how many times the people of a trial without looks the design needs at most for this power."""
    fixed = NORMAL.inv_cdf(1 - design.alpha / 2) + NORMAL.inv_cdf(power)
    return (drift_for(design, power) / fixed) ** 2


def conditional_power(design: Design, look: int, z: float, drift: float) -> float:
    """Return the chance to cross above at a later look, having seen z at this one (numbered from 1)."""
    _check_seen(design, look, z)
    t, later = design.looks[look - 1].information, design.looks[look:]
    here = _State(t, np.array([z * math.sqrt(t)]), np.ones(1))
    above, _ = _walk(here, [seen.information for seen in later], _bounds(later), drift)
    return sum(above)


def current_trend(design: Design, look: int, z: float) -> float:
    """Return the drift that the z of a look estimates."""
    return z / math.sqrt(design.looks[look - 1].information)


def predictive_power(design: Design, look: int, z: float) -> float:
    """Average conditional power over what is believed of the drift at a look, after a flat prior."""
    _check_seen(design, look, z)
    t, trend = design.looks[look - 1].information, current_trend(design, look, z)
    points, weights = hermgauss(48)
    drifts = trend + math.sqrt(2 / t) * points
    powers = [conditional_power(design, look, z, float(drift)) for drift in drifts]
    return float(weights @ powers / math.sqrt(math.pi))


def _check_seen(design: Design, look: int, z: float) -> None:
    if not 1 <= look < len(design.looks):
        count = len(design.looks)
        raise BadDesign(f"Look {look} of {count}: conditional power is for a look before the last one.")
    if not abs(z) <= FAR:
        raise BadDesign(f"z {z:g}: give the z seen, from -{FAR:g} to {FAR:g}.")


def _bounds(looks: Sequence[Look]) -> list[float]:
    return [math.inf if look.z is None else look.z for look in looks]


# --- the recursion -----------------------------------------------------------------------------------------


def _walk(
    state: _State, times: Sequence[float], bounds: Sequence[float], drift: float
) -> tuple[list[float], list[float]]:
    """Return the chances to leave first at each look, above its z and below the negative of it."""
    above, below = [], []
    for t, z in zip(times, bounds, strict=True):
        above.append(_above(state, t, z, drift))
        below.append(_above(_mirrored(state), t, z, -drift))
        state = _go_on(state, t, z, drift, times)
    return above, below


def _above(state: _State, t: float, z: float, drift: float) -> float:
    step = t - state.time
    distance = (z * math.sqrt(t) - state.points - drift * step) / math.sqrt(step)
    return float(state.mass @ ndtr(-distance))


def _mirrored(state: _State) -> _State:
    return state._replace(points=-state.points)


def _go_on(state: _State, t: float, z: float, drift: float, times: Sequence[float]) -> _State:
    """Carry the density to time t and keep what lies between -z and z."""
    step, bound = t - state.time, z * math.sqrt(t)
    reach = REACH * math.sqrt(step)
    low = max(-bound, state.points.min() + drift * step - reach)
    high = min(bound, state.points.max() + drift * step + reach)
    if low >= high:
        return _State(t, np.zeros(1), np.zeros(1))
    finest = math.sqrt(min([step, *(later - t for later in times if later > t)]))
    points, weights = _nodes(low, high, finest)
    away = (points[:, None] - state.points - drift * step) / math.sqrt(step)
    density = np.exp(-(away**2) / 2) @ state.mass / math.sqrt(2 * math.pi * step)
    return _State(t, points, weights * density)


def _nodes(low: float, high: float, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre nodes and weights on panels narrower than the density can bend."""
    panels = math.ceil((high - low) / (PANEL * sd))
    nodes, weights = leggauss(NODES)
    half = (high - low) / panels / 2
    middles = low + half * (2 * np.arange(panels) + 1)
    return (middles[:, None] + half * nodes).ravel(), np.tile(half * weights, panels)
