"""Draw allocations from a keyed stream, so that a sealed key replays every draw and nothing is stored.

The stream is HMAC-SHA256(key, "label:i") for i = 1, 2, ...; the first eight bytes, big-endian, are one
64-bit word. ``below(n)`` rejects words past the last full multiple of n. A list is made by drawing a block
size, then shuffling the block (Fisher-Yates from the top); the random allocation rule is one block of the
whole total. A draw is named by its 1-based index in the stratum; block borders and stream counters are
never stored, and what is cached lives in the memory of one process only.
"""

import hmac
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from threading import Lock

ENGINE_VERSION = "hmac-sha256-1"

WORD = 1 << 64
CACHED_LISTS = 256
MAX_SLACK_UNITS = 10

Arms = tuple[tuple[str, int], ...]


class Method(StrEnum):
    """How a stratum's list is made."""

    PERMUTED_BLOCKS = "permuted_blocks"
    RANDOM_ALLOCATION_RULE = "random_allocation_rule"
    UPLOADED_LIST = "uploaded_list"


class ListExhausted(Exception):
    """Raised when a stratum's list has no allocation left; names no arm."""


class RuleError(ValueError):
    """Raised when an allocation rule can't be drawn from; says what, the limit and what to do."""


@dataclass(frozen=True)
class Draw:
    """One allocation: 1-based index in its stratum, and the arm's name."""

    index: int
    arm: str


@dataclass(frozen=True)
class AllocationRule:
    """Method, arms with their ratio in order, block sizes (permuted blocks) and total (allocation rule)."""

    method: Method
    arms: Arms
    block_sizes: tuple[int, ...] = ()
    total: int | None = None

    def with_total(self, total: int) -> "AllocationRule":
        """Return the rule for a cohort of known size."""
        return replace(self, total=total)

    @property
    def unit(self) -> int:
        """Sum of the ratio: 2 for 1:1, 3 for 2:1."""
        return sum(share for _, share in self.arms)


class KeyedStream:
    """Words of a keyed stream; keeps the keyed hash, not the key, and shows neither."""

    __slots__ = ("_counter", "_label", "_mac")

    def __init__(self, key: bytes, label: str) -> None:
        if not key:
            raise RuleError("The trial key is empty. Set the key of this trial before drawing.")
        self._mac = hmac.new(key, digestmod=sha256)
        self._label = label
        self._counter = 0

    def __repr__(self) -> str:
        return f"<KeyedStream {self._label!r}, key hidden>"

    def __reduce__(self) -> str:
        raise TypeError("A keyed stream is never written down.")

    def word(self) -> int:
        """Return the next 64-bit word."""
        self._counter += 1
        mac = self._mac.copy()
        mac.update(f"{self._label}:{self._counter}".encode())
        return int.from_bytes(mac.digest()[:8], "big")

    def below(self, n: int) -> int:
        """Return a number uniform on 0 .. n-1, by rejection (a bare modulo would favor small numbers)."""
        limit = WORD - WORD % n
        while (word := self.word()) >= limit:
            pass
        return word % n

    def shuffle(self, items: list[str]) -> list[str]:
        """Shuffle in place, Fisher-Yates from the top; return the list."""
        for top in range(len(items) - 1, 0, -1):
            other = self.below(top + 1)
            items[top], items[other] = items[other], items[top]
        return items


def stream_label(trial_code: str, list_version: int | str, stratum_label: str) -> str:
    """Name a stratum's stream; two different triples never share one.

    Parts are joined by "/" and a "/" or "%" inside a part is escaped, so no part can imitate a border.
    """
    return "/".join(_escape(str(part)) for part in (trial_code, list_version, stratum_label))


def permuted_blocks(stream: KeyedStream, arms: Arms, block_sizes: Sequence[int]) -> Iterator[str]:
    """Yield arms without end: draw a block size, then a shuffled block that keeps the ratio."""
    unit = sum(share for _, share in arms)
    while True:
        size = block_sizes[stream.below(len(block_sizes))]
        yield from stream.shuffle(_block(arms, size // unit))


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
    rule: AllocationRule, *, key: bytes, label: str, index: int, uploaded: Sequence[str] | None = None
) -> Draw:
    """Return the draw at a 1-based index of the stratum's list; the same arguments give the same draw.

    Raises ListExhausted past the end of a finite list and RuleError for a rule that can't be drawn from.
    """
    if index < 1:
        raise RuleError(f"The index of a draw is {index}; the first is 1.")
    check_rule(rule)
    if rule.method is Method.UPLOADED_LIST:
        return Draw(index, uploaded_arm(_given(uploaded), rule.arms, index, label))
    arms = _LISTS.upto(rule, key, label, index)
    if index > len(arms):
        raise _exhausted(label, index)
    return Draw(index, arms[index - 1])


def draws(rule: AllocationRule, *, key: bytes, label: str, count: int) -> list[Draw]:
    """Return the first ``count`` draws, made afresh without the cache (for replaying past allocations)."""
    check_rule(rule)
    arms = list(islice(_sequence(rule, key, label), count))
    if len(arms) < count:
        raise _exhausted(label, count)
    return [Draw(index, arm) for index, arm in enumerate(arms, 1)]


def check_rule(rule: AllocationRule) -> None:
    """Raise RuleError naming every fault of a rule that is about to be drawn from."""
    faults = rule_faults(rule)
    if rule.method is Method.RANDOM_ALLOCATION_RULE and rule.total is None:
        faults["total"] = "is not set; freeze the cohort first, its size is the total"
    if faults:
        raise RuleError("; ".join(f"{name} {fault}" for name, fault in faults.items()))


def rule_faults(rule: AllocationRule) -> dict[str, str]:
    """Return field -> fault of a rule as written in a protocol (a total may still be open)."""
    faults = {}
    names = [name for name, _ in rule.arms]
    if len(names) < 2 or len(set(names)) < len(names) or any(share < 1 for _, share in rule.arms):
        faults["arms"] = "must be two or more different names, each with a share of 1 or more"
    elif sizes := _size_fault(rule):
        faults["block_sizes"] = sizes
    if rule.total is not None and (rule.total < 1 or rule.method is not Method.RANDOM_ALLOCATION_RULE):
        faults["total"] = f"is {rule.total}; only the random allocation rule takes one, of 1 or more"
    return faults


def _size_fault(rule: AllocationRule) -> str:
    sizes = rule.block_sizes
    if rule.method is not Method.PERMUTED_BLOCKS:
        return f"are {list(sizes)}; only permuted blocks take them, leave them empty" if sizes else ""
    # The order of the sizes is part of the draw, so there is one way to write them.
    if not sizes or list(sizes) != sorted(set(sizes)):
        return f"are {list(sizes)}; give one or more different sizes in rising order, such as [4, 6]"
    if any(size < 1 or size % rule.unit for size in sizes):
        return f"are {list(sizes)}; each must be a multiple of {rule.unit}, the sum of the ratio"
    return ""


def _block(arms: Arms, times: int) -> list[str]:
    return [name for name, share in arms for _ in range(share * times)]


def _sequence(rule: AllocationRule, key: bytes, label: str) -> Iterator[str]:
    stream = KeyedStream(key, label)
    if rule.method is Method.PERMUTED_BLOCKS:
        return permuted_blocks(stream, rule.arms, rule.block_sizes)
    if rule.method is Method.RANDOM_ALLOCATION_RULE and rule.total is not None:
        return random_allocation_rule(stream, rule.arms, rule.total)
    raise RuleError(f"{rule.method} has no keyed stream; give the uploaded list.")


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


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace("/", "%2F")


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
