"""The calculator's answers as plain objects, the same for commands and pages: counts in, JSON out.

An estimate is {"estimate", "lower", "upper", "method", "why"}; a test {"p", "statistic", "df", "method", "why"}.
Numbers have full precision, intervals are two-sided 95 %. What does not exist is null and `why` says the reason;
what is infinite is the text "Infinity" or "-Infinity", for JSON has no such number (`float` reads both).
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.estimators import (
    LEVEL,
    BadCounts,
    Estimate,
    NumberNeeded,
    TwoByTwo,
    exact_conditional,
    log_risk_ratio,
    number_needed,
    proportion,
    risk_difference,
    scans_per_case,
    score_risk_ratio,
    two_by_two,
    woolf,
)
from analysis.exact_tests import boschloo, mid_p
from analysis.firth import firth_odds_ratio
from analysis.significance import PValue, fisher, interaction, pearson
from analysis.stratified import (
    breslow_day,
    cochran_mantel_haenszel,
    mantel_haenszel_odds_ratio,
    mantel_haenszel_risk_difference,
    mantel_haenszel_risk_ratio,
)

Answer = dict[str, Any]
MOST = 100_000  # people in an arm, or in all strata; exact answers for more take too long for a page
MOST_STRATA = 50
COUNTS = re.compile(r"([0-9]{1,12})/([0-9]{1,12})")


def read_arm(text: str) -> tuple[int, int]:
    """Read EVENTS/PEOPLE, such as 272/2456. Raises BadCounts."""
    if not (found := COUNTS.fullmatch(text.strip())):
        raise BadCounts(f"{text!r} is not EVENTS/PEOPLE. Write two whole numbers, such as 272/2456.")
    events, n = map(int, found.groups())
    if n > MOST:
        raise BadCounts(f"{n} people in an arm are too many. The calculator takes up to {MOST:,}.")
    return events, n


def read_table(text: str) -> TwoByTwo:
    """Read both arms of a stratum, screening first, such as 117/751,6/761. Raises BadCounts."""
    arms = text.split(",")
    if len(arms) != 2:
        raise BadCounts(f"{text!r} is not a stratum. Write both arms with a comma, such as 117/751,6/761.")
    return two_by_two(*read_arm(arms[0]), *read_arm(arms[1]))


def read_strata(texts: Sequence[str]) -> list[TwoByTwo]:
    """Read strata, each as `read_table` does. Raises BadCounts."""
    if not 1 <= len(texts) <= MOST_STRATA:
        raise BadCounts(f"{len(texts)} strata. The calculator takes from 1 to {MOST_STRATA}.")
    tables = [read_table(text) for text in texts]
    if (people := sum(sum(table.cells) for table in tables)) > MOST:
        raise BadCounts(f"{people} people in all strata are too many. The calculator takes up to {MOST:,}.")
    return tables


def effect(table: TwoByTwo, *, scans: tuple[int, int] | None = None) -> Answer:
    """Answer with every estimate and test of one table; `scans` are the people scanned in each arm."""
    cells = [table.cells[:2], table.cells[2:]]
    differences = risk_difference(table)._asdict()
    tests = {
        "pearson": pearson(cells, yates=False),
        "pearson_yates": pearson(cells, yates=True),
        "fisher": fisher(cells),
        "mid_p": mid_p(table),
        "boschloo": boschloo(table),
    }
    return {
        "level": LEVEL,
        "detection_rate": {
            "screening": _rate(table.events, table.n),
            "control": _rate(table.control_events, table.control_n),
        },
        "odds_ratio": _estimates(
            {
                "woolf": woolf(table),
                "exact_conditional": exact_conditional(table),
                "firth": firth_odds_ratio(table),
            }
        ),
        "risk_ratio": _estimates(
            {
                "log": log_risk_ratio(table),
                "koopman": score_risk_ratio(table, corrected=False),
                "miettinen_nurminen": score_risk_ratio(table),
            }
        ),
        "risk_difference": _estimates(differences),
        "number_needed_to_invite": {
            name: _number_needed(number_needed(difference)) for name, difference in differences.items()
        },
        "scans_per_case": _scans(table, scans),
        **_tests(tests),
    }


def strata(tables: Sequence[TwoByTwo]) -> Answer:
    """Answer stratum by stratum, then with the common effects and the tests whether they are common."""
    between = interaction(tables)
    tests = {
        "cochran_mantel_haenszel": cochran_mantel_haenszel(tables),
        "breslow_day": breslow_day(tables, tarone=False),
        "breslow_day_tarone": breslow_day(tables, tarone=True),
        "interaction_wald": between.wald,
        "interaction_likelihood_ratio": between.likelihood_ratio,
    }
    return {
        "level": LEVEL,
        "strata": [effect(table) for table in tables],
        "odds_ratio": _estimates({"mantel_haenszel": mantel_haenszel_odds_ratio(tables)}),
        "risk_ratio": _estimates({"mantel_haenszel": mantel_haenszel_risk_ratio(tables)}),
        "risk_difference": _estimates({"mantel_haenszel": mantel_haenszel_risk_difference(tables)}),
        **_tests(tests),
    }


def _rate(events: int, n: int) -> Answer:
    share = proportion(events, n)
    limits = {"wilson": share.wilson, "clopper_pearson": share.exact}
    return {"events": events, "n": n, **_estimates(limits)}


def _scans(table: TwoByTwo, scans: tuple[int, int] | None) -> Answer:
    cases = {"screening": table.events, "control": table.control_events}
    if scans is None:
        why = "the table does not say how many were scanned"
        return {arm: _estimate(Estimate(None, None, None, "scans per case", why)) for arm in cases}
    for scanned, n in zip(scans, (table.n, table.control_n), strict=True):
        if scanned > n:
            raise BadCounts(f"{scanned} people scanned among {n} in the arm: give at most {n}.")
    pairs = zip(cases.items(), scans, strict=True)
    return {arm: _estimate(scans_per_case(scanned, found)) for (arm, found), scanned in pairs}


def _estimates(found: Mapping[str, Estimate]) -> Answer:
    return {name: _estimate(estimate) for name, estimate in found.items()}


def _estimate(found: Estimate | NumberNeeded) -> Answer:
    limits = {"estimate": found.value, "lower": found.low, "upper": found.high}
    return {name: _plain(value) for name, value in limits.items()} | {
        "method": found.method,
        "why": found.why,
    }


def _number_needed(found: NumberNeeded) -> Answer:
    return _estimate(found) | {"through_infinity": found.through_infinity}


def _tests(tests: Mapping[str, PValue]) -> Answer:
    """Give each p by its name, and beside them each test with its statistic, method and reason."""
    told = {
        name: {key: _plain(value) for key, value in test._asdict().items()} for name, test in tests.items()
    }
    return {"p": {name: test["p"] for name, test in told.items()}, "tests": told}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
