"""Draw allocations from a keyed stream, so that a sealed key replays every draw and no draw to come is stored.

A list is made by drawing a block size, then shuffling the block (Fisher-Yates from the top); the random
allocation rule is one block of the whole total. The other methods give each arm a chance by who was allocated
before (trial.chances) and take one number of the stream. A draw is named by its 1-based index in the stratum;
block borders and stream counters are never stored, and what is cached lives in the memory of one process only.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import chain, islice
from threading import Lock

from trial.allocation_rules import LISTED, AllocationRule, Method, rule_faults
from trial.chances import (
    STRATUM,
    Arms,
    Chances,
    Margins,
    Measure,
    biased_coin,
    big_stick,
    by_ratio,
    minimization,
    pick,
)
from trial.streams import KeyedStream, RuleError

# 2 draws as 1 did, and records what a draw went by.
ENGINE_VERSION = "hmac-sha256-2"

CACHED_LISTS = 256
MAX_SLACK_UNITS = 10


class ListExhausted(Exception):
    """Raised when a stratum's list has no allocation left; names no arm."""


@dataclass(frozen=True)
class Draw:
    """One allocation: 1-based index in its stratum, the arm's name, and what a draw by chances went by."""

    index: int
    arm: str
    uniform: float | None = None
    chances: Chances | None = None

    @property
    def probabilities(self) -> dict[str, float] | None:
        """Return each arm's chance, where the draw was by chances."""
        return {arm: float(p) for arm, p in self.chances.probabilities.items()} if self.chances else None


def permuted_blocks(stream: KeyedStream, arms: Arms, block_sizes: Sequence[int]) -> Iterator[str]:
    """Yield arms without end, block after block."""
    return chain.from_iterable(blocks(stream, arms, block_sizes))


def blocks(stream: KeyedStream, arms: Arms, block_sizes: Sequence[int]) -> Iterator[list[str]]:
    """Yield blocks without end: draw a size, then shuffle a block of it that keeps the ratio."""
    unit = sum(share for _, share in arms)
    while True:
        size = block_sizes[stream.below(len(block_sizes))]
        yield stream.shuffle(_block(arms, size // unit))


def random_allocation_rule(stream: KeyedStream, arms: Arms, total: int) -> Iterator[str]:
    """Yield exactly ``total`` arms in the ratio, every order equally likely.

    When the ratio does not divide the total, the odd places are drawn without replacement from one
    shuffled unit of the ratio, so 1:1 arms differ by at most one.
    """
    whole, odd = divmod(total, sum(share for _, share in arms))
    rest = stream.shuffle(_block(arms, 1))[:odd] if odd else []
    yield from stream.shuffle(_block(arms, whole) + rest)


def uploaded_arm(uploaded: Sequence[str], arms: Arms, index: int, label: str) -> str:
    """Return the arm at a 1-based place of an uploaded list, refusing a name the protocol doesn't know."""
    if index > len(uploaded):
        raise _exhausted(label, index)
    arm = uploaded[index - 1]
    if arm not in dict(arms):
        names = " or ".join(dict(arms))
        raise RuleError(f"Line {index} of the uploaded list names an unknown arm. Use {names}.")
    return arm


def uploaded_faults(uploaded: Sequence[str], arms: Arms) -> list[str]:
    """Return what is wrong with a list about to be uploaded: no line, unknown arms, another ratio.

    An arm may stray from its share by ten units of the ratio, as a list cut off inside a large block does.
    """
    if not uploaded:
        return ["The list is empty. Give one arm a line."]
    unknown = [line for line, arm in enumerate(uploaded, 1) if arm not in dict(arms)]
    if unknown:
        lines = ", ".join(map(str, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        return [f"{len(unknown)} lines name an unknown arm (line {lines}). Use {' or '.join(dict(arms))}."]
    unit = sum(share for _, share in arms)
    astray = [
        arm
        for arm, share in arms
        if abs(uploaded.count(arm) * unit - len(uploaded) * share) > MAX_SLACK_UNITS * unit * share
    ]
    ratio = ":".join(str(share) for _, share in arms)
    return [f"The list does not keep the protocol's ratio {ratio}. Upload the right list."] if astray else []


def draw(
    rule: AllocationRule,
    *,
    key: bytes,
    label: str,
    index: int,
    uploaded: Sequence[str] | None = None,
    before: Margins | None = None,
) -> Draw:
    """Return the draw at a 1-based index of the stratum's list; the same arguments give the same draw.

    ``before`` counts who was allocated before, by arm: for minimization at the newcomer's own level of each factor,
    else of the stratum (under STRATUM). Lists don't ask for it.

    Raises ListExhausted past the end of a finite list and RuleError for a rule that can't be drawn from.
    """
    if index < 1:
        raise RuleError(f"The index of a draw is {index}; the first is 1.")
    check_rule(rule)
    if rule.method is Method.UPLOADED_LIST:
        return Draw(index, uploaded_arm(_given(uploaded), rule.arms, index, label))
    if rule.method not in LISTED:
        return _draw_by_chances(rule, KeyedStream(key, label), index, before or {})
    arms = _LISTS.upto(rule, key, label, index)
    if index > len(arms):
        raise _exhausted(label, index)
    return Draw(index, arms[index - 1])


def _draw_by_chances(rule: AllocationRule, stream: KeyedStream, index: int, before: Margins) -> Draw:
    uniform, chances = stream.uniform(index), chances_of(rule, before)
    return Draw(index, pick(chances, uniform), uniform, chances)


def chances_of(rule: AllocationRule, before: Margins) -> Chances:
    """Return each arm's chance for the next to be allocated."""
    counts = before.get(STRATUM, {})
    match rule:
        case AllocationRule(method=Method.SIMPLE):
            return by_ratio(rule.arms)
        case AllocationRule(method=Method.BIG_STICK, limit=int(limit)):
            return big_stick(rule.arms, counts, limit)
        case AllocationRule(method=Method.BIASED_COIN, p=Fraction() as p):
            return biased_coin(rule.arms, counts, p)
        case AllocationRule(method=Method.MINIMIZATION, p=Fraction() as p, measure=Measure() as measure):
            return minimization(rule.arms, before, dict(rule.weights), measure, p)
    raise RuleError(f"{rule.method} gives no chances: its arms stand in a list.")


def draws(rule: AllocationRule, *, key: bytes, label: str, count: int) -> list[Draw]:
    """Return the first ``count`` draws, made afresh without the cache (for replaying past allocations).

    Minimization depends on who comes, so there each draw is made alone.
    """
    check_rule(rule)
    if rule.method not in (*LISTED, Method.MINIMIZATION, Method.UPLOADED_LIST):
        return list(_draws_by_chances(rule, KeyedStream(key, label), count))
    arms = list(islice(_sequence(rule, key, label), count))
    if len(arms) < count:
        raise _exhausted(label, count)
    return [Draw(index, arm) for index, arm in enumerate(arms, 1)]


def _draws_by_chances(rule: AllocationRule, stream: KeyedStream, count: int) -> Iterator[Draw]:
    counts = {arm: 0 for arm, _ in rule.arms}
    for index in range(1, count + 1):
        drawn = _draw_by_chances(rule, stream, index, {STRATUM: counts})
        counts[drawn.arm] += 1
        yield drawn


def check_rule(rule: AllocationRule) -> None:
    """Raise RuleError naming every fault of a rule that is about to be drawn from."""
    faults = rule_faults(rule)
    if rule.method is Method.RANDOM_ALLOCATION_RULE and rule.total is None:
        faults["total"] = "is not set; freeze the cohort first, its size is the total"
    if faults:
        raise RuleError("; ".join(f"{name} {fault}" for name, fault in faults.items()))


def _block(arms: Arms, times: int) -> list[str]:
    return [name for name, share in arms for _ in range(share * times)]


def _sequence(rule: AllocationRule, key: bytes, label: str) -> Iterator[str]:
    stream = KeyedStream(key, label)
    if rule.method is Method.PERMUTED_BLOCKS:
        return permuted_blocks(stream, rule.arms, rule.block_sizes)
    if rule.method is Method.RANDOM_ALLOCATION_RULE and rule.total is not None:
        return random_allocation_rule(stream, rule.arms, rule.total)
    raise RuleError(f"{rule.method} has no list of its own to replay: each draw is made alone.")


def _given(uploaded: Sequence[str] | None) -> Sequence[str]:
    if uploaded is None:
        raise RuleError(
            "This protocol draws from an uploaded list and none was given. Upload the list first."
        )
    return uploaded


def _exhausted(label: str, index: int) -> ListExhausted:
    return ListExhausted(
        f"The list of stratum {label!r} has no allocation number {index}; nothing was drawn. "
        "Tell the randomization statistician, who can extend the list."
    )


class _Lists:
    """Lists drawn so far in this process, the least used dropped first.

    Redrawing from zero costs 15 ms at index 2,456: a whole trial in order would be quadratic.
    Lists are found by a digest of the key, so the key is neither kept nor shown.
    """

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[bytes, str, AllocationRule], tuple[list[str], Iterator[str]]] = (
            OrderedDict()
        )
        self._lock = Lock()

    def upto(self, rule: AllocationRule, key: bytes, label: str, index: int) -> Sequence[str]:
        name = (sha256(key).digest(), label, rule)
        with self._lock:
            if name not in self._lists:
                self._lists[name] = ([], _sequence(rule, key, label))
            self._lists.move_to_end(name)
            while len(self._lists) > CACHED_LISTS:
                self._lists.popitem(last=False)
            arms, rest = self._lists[name]
            try:
                arms.extend(islice(rest, max(0, index - len(arms))))
            except BaseException:
                del self._lists[name]  # an interrupted generator would look like an exhausted list
                raise
            return arms


_LISTS = _Lists()
