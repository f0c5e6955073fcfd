"""Estimates over strata: Mantel and Haenszel's common effects and the tests whether one effect is common.

Robins, Breslow and Greenland (Biometrics 1986;42:311-323) for the odds ratio, Greenland and Robins (Biometrics
1985;41:55-68) for the risk ratio, Sato (Biometrics 1989;45:1323-1324) for the difference. A stratum with nobody
in an arm, or without events, says nothing of the ratios and adds nothing to them.
"""

import math
from collections.abc import Sequence

from scipy import stats

from analysis.estimators import Estimate, TwoByTwo, Z, all_alike, bisect, no_people
from analysis.significance import PValue

Strata = Sequence[TwoByTwo]
SILENT = "no stratum has people in both arms, and people with and without the event"


def mantel_haenszel_odds_ratio(strata: Strata) -> Estimate:
    """Estimate the common odds ratio."""
    method = "odds ratio, Mantel-Haenszel, Robins-Breslow-Greenland interval"
    told = [(*table.cells, sum(table.cells)) for table in _comparing(strata)]
    r, s = sum(a * d / n for a, _, _, d, n in told), sum(b * c / n for _, b, c, _, n in told)
    if found := _unbounded(r, s, method):
        return found
    rr = sum((a + d) * a * d / n**2 for a, _, _, d, n in told)
    ss = sum((b + c) * b * c / n**2 for _, b, c, _, n in told)
    mixed = sum(((a + d) * b * c + (b + c) * a * d) / n**2 for a, b, c, d, n in told)
    se = math.sqrt(rr / (2 * r**2) + mixed / (2 * r * s) + ss / (2 * s**2))
    return _on_log_scale(r / s, se, method)


def mantel_haenszel_risk_ratio(strata: Strata) -> Estimate:
    """Estimate the common risk ratio."""
    method = "risk ratio, Mantel-Haenszel, Greenland-Robins interval"
    told = [(*table, table.n + table.control_n) for table in _comparing(strata)]
    r, s = sum(a * m / total for a, _, _, m, total in told), sum(c * n / total for _, n, c, _, total in told)
    if found := _unbounded(r, s, method):
        return found
    spread = sum((n * m * (a + c) - a * c * total) / total**2 for a, n, c, m, total in told)
    if spread <= 0:
        return Estimate(r / s, None, None, method, "everybody had the event: no variance")
    return _on_log_scale(r / s, math.sqrt(spread / (r * s)), method)


def mantel_haenszel_risk_difference(strata: Strata) -> Estimate:
    """Estimate the common risk difference."""
    method = "risk difference, Mantel-Haenszel, Sato interval"
    told = [(*table, table.n + table.control_n) for table in _comparing(strata)]
    weight = sum(n * m / total for _, n, _, m, total in told)
    if not weight:
        return Estimate(None, None, None, method, "no stratum has people in both arms")
    value = sum((a * m - c * n) / total for a, n, c, m, total in told) / weight
    p = sum((n**2 * c - m**2 * a + n * m * (m - n) / 2) / total**2 for a, n, c, m, total in told)
    q = sum((a * (m - c) + c * (n - a)) / (2 * total) for a, n, c, m, total in told)
    if (spread := value * p + q) <= 0:
        why = "nobody or everybody in each arm had the event: no variance"
        return Estimate(value, None, None, method, why)
    half = Z * math.sqrt(spread) / weight
    return Estimate(value, value - half, value + half, method)


def cochran_mantel_haenszel(strata: Strata) -> PValue:
    """Test whether the common odds ratio is 1, without continuity correction."""
    method = "Cochran-Mantel-Haenszel chi-square (1 df), no correction"
    told = _telling(strata)
    if not told:
        return _undefined(method, SILENT)
    excess = variance = 0.0
    for a, n, c, m in told:
        total, events = n + m, a + c
        excess += a - n * events / total
        variance += n * m * events * (total - events) / (total**2 * (total - 1))
    return _chi_square(excess**2 / variance, 1, method)


def breslow_day(strata: Strata, *, tarone: bool) -> PValue:
    """Test whether the odds ratio is the same in all strata (Breslow and Day 1980, 4.30; Tarone 1985 corrects it)."""
    told = _telling(strata)
    df = len(told) - 1
    method = f"Breslow-Day chi-square ({max(df, 0)} df), {'Tarone' if tarone else 'no Tarone'} correction"
    if df < 1:
        return _undefined(
            method, "fewer than two strata with people in both arms, with and without the event"
        )
    ratio = mantel_haenszel_odds_ratio(told).value
    if not ratio or math.isinf(ratio):
        return _undefined(method, "the common odds ratio is 0 or infinite")
    expected = [_expected(table, ratio) for table in told]
    variances = [1 / sum(1 / cell for cell in cells) for cells in expected]
    excess = [table.events - cells[0] for table, cells in zip(told, expected, strict=True)]
    statistic = sum(x**2 / v for x, v in zip(excess, variances, strict=True))
    statistic -= sum(excess) ** 2 / sum(variances) if tarone else 0
    return _chi_square(max(statistic, 0.0), df, method)


def _expected(table: TwoByTwo, ratio: float) -> tuple[float, float, float, float]:
    """Fill the margins of a table so that its odds ratio is the one given."""
    _, n, _, m = table
    events = table.events + table.control_events
    a = bisect(
        lambda x: ratio * (n - x) * (events - x) - x * (m - events + x),
        max(0, events - m),
        min(n, events),
    )
    return a, n - a, events - a, m - events + a


def _comparing(strata: Strata) -> list[TwoByTwo]:
    return [table for table in strata if not no_people(table)]


def _telling(strata: Strata) -> list[TwoByTwo]:
    return [table for table in _comparing(strata) if not all_alike(table)]


def _unbounded(r: float, s: float, method: str) -> Estimate | None:
    if r and s:
        return None
    if not r and not s:
        return Estimate(None, None, None, method, f"{SILENT}: the ratio is 0/0")
    arm = "control" if r else "screening"
    why = f"the {arm} arm adds nothing in any stratum: no interval on the log scale exists"
    return Estimate(math.inf if r else 0.0, None, None, method, why)


def _on_log_scale(value: float, se: float, method: str) -> Estimate:
    return Estimate(value, value * math.exp(-Z * se), value * math.exp(Z * se), method)


def _chi_square(statistic: float, df: int, method: str) -> PValue:
    return PValue(statistic, df, float(stats.chi2.sf(statistic, df)), method)


def _undefined(method: str, why: str) -> PValue:
    return PValue(None, None, None, method, why)
