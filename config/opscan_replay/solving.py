"""Find whole numbers of people of each kind that satisfy every count at once."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

Kind = TypeVar("Kind")


class Count(NamedTuple):
    """A published count: where it stands, what it says, and which kinds of people it counts."""

    name: str
    value: int
    covers: Callable[[Any], bool]


class Contradiction(ValueError):
    """Counts that no cohort satisfies together."""


def solve(
    kinds: Sequence[Kind], counts: Sequence[Count], cost: Callable[[Kind], int] = lambda kind: 0
) -> list[int]:
    """Return how many people of each kind satisfy every count, at the least cost; always the same answer.

    Raises Contradiction naming a smallest set of counts that cannot all be true.
    """
    rows = np.array([[count.covers(kind) for kind in kinds] for count in counts], dtype=float)
    values = np.array([count.value for count in counts], dtype=float)
    found = _solution(rows, values, np.array([cost(kind) for kind in kinds], dtype=float))
    if found is None:
        culprits = (counts[i] for i in _conflict(rows, values))
        said = "; ".join(f"{count.name} = {count.value}" for count in culprits)
        raise Contradiction(f"No cohort satisfies these published counts together: {said}.")
    return found


def _solution(rows: np.ndarray, values: np.ndarray, cost: np.ndarray) -> list[int] | None:
    result = milp(
        cost, constraints=LinearConstraint(rows, values, values), integrality=1, bounds=Bounds(0, np.inf)
    )
    return None if result.x is None else [round(x) for x in result.x]


def _conflict(rows: np.ndarray, values: np.ndarray) -> list[int]:
    """Drop every count without which the rest still contradict each other, the last ones first."""
    kept = list(range(len(values)))
    for i in reversed(range(len(values))):
        rest = [j for j in kept if j != i]
        if _solution(rows[rest], values[rest], np.zeros(rows.shape[1])) is None:
            kept = rest
    return kept


def expand(kinds: Sequence[Kind], numbers: Iterable[int]) -> list[Kind]:
    """Repeat each kind as often as it was counted."""
    return [kind for kind, number in zip(kinds, numbers, strict=True) for _ in range(number)]


def shuffled(items: Sequence[Kind], name: str) -> list[Kind]:
    """Bring items into an order that looks random and is always the same for a name."""
    order = sorted(range(len(items)), key=lambda i: sha256(f"{name}:{i}".encode()).digest())
    return [items[i] for i in order]
