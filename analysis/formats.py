"""Numbers as the reader sees them: C's printf rounding of the double, as R's formatC(format = "f") does."""

import math

from analysis.estimators import Estimate
from analysis.significance import Mean, PValue

UNDEFINED = "–"


def fixed(value: float | None, decimals: int = 2) -> str:
    """Format one number; infinity is Inf, an undefined number a dash."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return f"{value:.{decimals}f}"


def percent(events: int, n: int, decimals: int = 1) -> str:
    """Format a share without its sign: 11.1. Nobody has no share."""
    return fixed(100 * events / n if n else None, decimals)


def share(events: int, n: int) -> str:
    """Format events with their share: 272 (11.1%)."""
    return f"{events} ({percent(events, n)}%)" if n else str(events)


def events_of(events: int, n: int) -> str:
    """Format events of people with their share: 272/2456 (11.1%)."""
    return f"{events}/{n} ({percent(events, n)}%)" if n else f"{events}/{n}"


def interval(estimate: Estimate, decimals: int = 2) -> str:
    """Format an estimate with its limits: 11.20 (7.51, 16.71)."""
    if estimate.value is None:
        return "not defined"
    low, high = fixed(estimate.low, decimals), fixed(estimate.high, decimals)
    return f"{fixed(estimate.value, decimals)} ({low}, {high})"


def percentage_points(estimate: Estimate) -> str:
    """Format a risk difference in percentage points: 9.98 (8.71, 11.33)."""
    value, low, high = (None if number is None else 100 * number for number in estimate[:3])
    return interval(Estimate(value, low, high, estimate.method, estimate.why))


def p_value(p: float | None) -> str:
    """Format p with three decimals; "< 0.001" only where those would read 0.000."""
    text = fixed(p, 3)
    return "< 0.001" if text == "0.000" else text


def p_equation(test: PValue, name: str = "p") -> str:
    """Format p as a statement: p = 0.040, p < 0.001, p not defined."""
    if test.p is None:
        return f"{name} not defined"
    text = p_value(test.p)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"


def balance_p(test: PValue) -> str:
    """Format the p of a baseline row, marked # if it is Fisher's."""
    return p_value(test.p) + ("#" if test.method.startswith("Fisher") else "")


def mean_sd(found: Mean, decimals: int = 1) -> str:
    """Format a mean with its standard deviation: 71.8 ± 11.5."""
    return f"{fixed(found.mean, decimals)} ± {fixed(found.sd, decimals)}"
