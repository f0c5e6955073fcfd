"""The calculator's answers as lines for a console: a heading, then one line a method."""

from collections.abc import Iterator
from typing import Any

from analysis.formats import fixed

Answer = dict[str, Any]
ARMS = ("screening", "control")
MEASURES = {
    "odds_ratio": "Odds ratio",
    "risk_ratio": "Risk ratio",
    "risk_difference": "Risk difference",
    "number_needed_to_invite": "Number needed to invite",
}


def effect_lines(answer: Answer) -> Iterator[str]:
    """Lay out the answer for one table."""
    rates = answer["detection_rate"]
    for arm in ARMS:
        yield f"Detection rate, {arm} arm: {rates[arm]['events']}/{rates[arm]['n']}"
        yield from _estimates({name: rates[arm][name] for name in ("wilson", "clopper_pearson")}, 5)
    yield from _measures(answer)
    for arm in ARMS:
        yield f"Scans per detected case, {arm} arm"
        yield _estimate(answer["scans_per_case"][arm], 2)
    yield from _tests(answer)


def strata_lines(answer: Answer) -> Iterator[str]:
    """Lay out the answer for strata: in short for each, then the common effects and the tests."""
    for number, stratum in enumerate(answer["strata"], start=1):
        counts = ", ".join("{events}/{n}".format(**stratum["detection_rate"][arm]) for arm in ARMS)
        yield f"Stratum {number}: {counts}"
        yield _estimate(stratum["odds_ratio"]["woolf"], 2)
        yield _estimate(stratum["odds_ratio"]["exact_conditional"], 2)
        yield _estimate(stratum["risk_ratio"]["miettinen_nurminen"], 2)
        yield _estimate(stratum["risk_difference"]["miettinen_nurminen"], 4)
    yield "All strata"
    yield from _measures(answer)
    yield from _tests(answer)


def _measures(answer: Answer) -> Iterator[str]:
    for key, title in MEASURES.items():
        if key in answer:
            yield title
            yield from _estimates(answer[key], 5 if key == "risk_difference" else 2)


def _estimates(found: Answer, decimals: int) -> Iterator[str]:
    return (_estimate(estimate, decimals) for estimate in found.values())


def _estimate(found: Answer, decimals: int) -> str:
    if found["estimate"] is None:
        return _line("not defined", found)
    value, low, high = (
        fixed(None if found[key] is None else float(found[key]), decimals)
        for key in ("estimate", "lower", "upper")
    )
    if found["lower"] is None:
        return _line(f"{value} (no interval)", found)
    through = "Inf to " if found.get("through_infinity") else ""
    return _line(f"{value} ({low} to {through}{high})", found)


def _tests(answer: Answer) -> Iterator[str]:
    yield "Tests"
    for test in answer["tests"].values():
        yield _line("not defined" if test["p"] is None else f"p = {test['p']:.4g}", test)


def _line(value: str, found: Answer) -> str:
    return f"  {value:<28}  {found['method']}{'; ' + found['why'] if found['why'] else ''}"
