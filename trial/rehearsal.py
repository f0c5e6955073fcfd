"""Draw outside any trial: for teaching, and to check the engine against published answers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from trial.allocation_rules import AllocationRule, Method
from trial.chances import Margins, Measure
from trial.randomization import blocks, check_rule, draw, draws
from trial.reading import Problem, Reader
from trial.streams import KeyedStream, RuleError

LONGEST = 100_000  # draws
DEFAULT_LABEL = "rehearsal"


class ParametersRefused(ValueError):
    """Raised with everything that is wrong with the parameters of a rehearsal."""


def rehearse(parameters: Any, *, key: bytes) -> dict[str, Any]:
    """Return what a method draws from a key: the sequence, and what each draw went by.

    Permuted blocks also give ``block_sizes``; methods by chances give ``uniforms`` (and minimization ``scores`` and
    ``probabilities`` by arm, and ``arm``). Raises ParametersRefused.
    """
    r = Reader(parameters)
    method = r.code("method", Method)
    rule = _rule(r, method)
    label = r.optional("label", lambda: r.text("label")) or DEFAULT_LABEL
    count = r.optional("n", lambda: r.whole("n", 1, LONGEST)) or rule.total or 1
    newcomer = _newcomer(r, rule) if method is Method.MINIMIZATION else None
    r.finish()
    if r.problems:
        raise ParametersRefused(" ".join(map(str, r.problems)))
    try:
        check_rule(rule)
        if newcomer:
            return _minimized(rule, key, label, *newcomer)
        return _sequence(rule, key, label, count)
    except RuleError as no:
        raise ParametersRefused(f"{no}.") from None


def _rule(r: Reader, method: Method) -> AllocationRule:
    return AllocationRule(
        method,
        arms=_numbers(r.part("arms"), 1, 1000),
        block_sizes=r.optional("block_sizes", lambda: r.wholes("block_sizes", 1, 1000)) or (),
        total=r.optional("total", lambda: r.whole("total", 1, LONGEST)),
        limit=r.optional("limit", lambda: r.whole("limit", 1, LONGEST)),
        p=r.optional("p", lambda: r.fraction("p")),
        measure=r.optional("measure", lambda: r.code("measure", Measure)),
        weights=r.optional("factors", lambda: _numbers(r.part("factors"), 1, 1000)) or (),
    )


def _numbers(r: Reader, low: int, high: int) -> tuple[tuple[str, int], ...]:
    return r.done(tuple((name, r.whole(name, low, high)) for name in r.names()))


def _sequence(rule: AllocationRule, key: bytes, label: str, count: int) -> dict[str, Any]:
    made = draws(rule, key=key, label=label, count=count)
    answer: dict[str, Any] = {"sequence": [d.arm for d in made]}
    if rule.method is Method.PERMUTED_BLOCKS:
        answer["block_sizes"] = list(_sizes(rule, key, label, count))
    if made and made[0].uniform is not None:
        answer["uniforms"] = [d.uniform for d in made]
    return answer


def _sizes(rule: AllocationRule, key: bytes, label: str, count: int) -> Iterable[int]:
    drawn = 0
    for block in blocks(KeyedStream(key, label), rule.arms, rule.block_sizes):
        yield len(block)
        drawn += len(block)
        if drawn >= count:
            return


def _minimized(rule: AllocationRule, key: bytes, label: str, before: Margins, index: int) -> dict[str, Any]:
    drawn = draw(rule, key=key, label=label, index=index, before=before)
    chances = drawn.chances
    assert chances is not None and chances.scores is not None
    return {
        "sequence": [drawn.arm],
        "uniforms": [drawn.uniform],
        "scores": {arm: float(score) for arm, score in chances.scores.items()},
        "probabilities": drawn.probabilities,
        "arm": drawn.arm,
    }


def _newcomer(r: Reader, rule: AllocationRule) -> tuple[Margins, int]:
    """Return the counts at the newcomer's levels, and which draw this is: one more than people before."""
    factors = [factor for factor, _ in rule.weights]
    levels = _levels(r.part("newcomer"), factors)
    history = r.optional("history", lambda: [_person(p, factors) for p in r.items("history")])
    counts = r.optional("counts", lambda: _counts(r.part("counts"), factors, [arm for arm, _ in rule.arms]))
    if (history is None) == (counts is None):
        r.problems.append(
            Problem("counts", None, "given, or a history instead", "Give one of the two, even if empty.")
        )
    counts = counts or _tally(history or [])
    before = {f: counts.get(f, {}).get(levels[f], {}) for f in factors}
    people = max((sum(sum(c.values()) for c in counts.get(f, {}).values()) for f in factors), default=0)
    return before, people + 1


def _levels(r: Reader, factors: list[str]) -> dict[str, str]:
    return r.done({factor: r.text(factor) for factor in factors})


def _person(r: Reader, factors: list[str]) -> dict[str, str]:
    return r.done({"arm": r.text("arm")} | {factor: r.text(factor) for factor in factors})


Tally = Mapping[str, Mapping[str, Mapping[str, int]]]  # factor -> level -> arm -> people


def _counts(r: Reader, factors: list[str], arms: list[str]) -> Tally:
    found = {}
    for factor in factors:
        of_factor = r.part(factor)
        found[factor] = {level: _by_arm(of_factor.part(level), arms) for level in of_factor.names()}
        of_factor.finish()
    return r.done(found)


def _by_arm(r: Reader, arms: list[str]) -> dict[str, int]:
    return r.done({arm: r.optional(arm, partial(r.whole, arm, 0, LONGEST)) or 0 for arm in arms})


def _tally(history: list[dict[str, str]]) -> Tally:
    found: dict[str, dict[str, Counter[str]]] = {}
    for person in history:
        for factor, level in person.items():
            if factor != "arm":
                found.setdefault(factor, {}).setdefault(level, Counter())[person["arm"]] += 1
    return found
