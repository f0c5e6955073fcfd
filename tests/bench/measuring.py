"""Time two ways of doing one thing in turns, so that a busy machine slows both alike."""

import resource
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any, NamedTuple

SIDES = ("ours", "peer")
MEMORY_PAIRS = 3  # enough to reach the peak; the first one loads everything
ENOUGH_PAIRS = 3  # are measured on however busy a machine ...
ENOUGH_SECONDS = 30.0  # ... and no more of them once this long has gone


class Measured(NamedTuple):
    """How many units of work were done in how many seconds."""

    units: float
    seconds: float

    @property
    def rate(self) -> float:
        """Return units a second."""
        return self.units / self.seconds


Work = Callable[[], Measured]
Pair = tuple[Work, Work]


@dataclass(frozen=True)
class Bench:
    """One comparison: what is measured, who the peer is, and the pairs of work, ours first."""

    title: str
    unit: str
    ours: str
    peer: str
    pairs: Callable[[], Iterator[Pair]]
    inverse: bool = False  # seconds for one unit instead of units a second
    why: Callable[[], str] | None = None  # what is in the way, measured once and told below the table


def timed(work: Callable[[], Any], units: int = 1) -> Measured:
    """Do the work once against the wall clock."""
    start = time.perf_counter()
    work()
    return Measured(units, time.perf_counter() - start)


def in_turns(pairs: Iterable[Pair]) -> list[tuple[Measured, Measured]]:
    """Measure pair after pair, every second one in reverse order; the first only warms up.

    When the time is up no further pair is begun; the one before has then been checked by whoever yields them.
    """
    results: list[tuple[Measured, Measured]] = []
    deadline = time.monotonic() + ENOUGH_SECONDS
    for number, (ours, peer) in enumerate(pairs):
        if number > ENOUGH_PAIRS and time.monotonic() > deadline:
            break
        first, second = (peer, ours) if number % 2 else (ours, peer)
        measured = first(), second()
        results.append(measured[::-1] if number % 2 else measured)
    return results[1:]


def one_side(pairs: Iterable[Pair], side: str) -> None:
    """Do one side of a few pairs, to see how much memory it takes."""
    for pair in islice(pairs, MEMORY_PAIRS):
        pair[SIDES.index(side)]()


def peak() -> float:
    """Return the most memory that this process, or one it started, has held, in MB."""
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in users) / 1024


class Summary(NamedTuple):
    """Medians of all pairs; `ratio` says how many times as fast as the peer ours is, with its quartiles."""

    ours: float
    peer: float
    ratio: float
    low: float
    high: float
    pairs: int


def summary(results: list[tuple[Measured, Measured]], *, inverse: bool = False) -> Summary:
    """Sum up measured pairs: the ratio is taken within each pair, then the median of the ratios."""
    ratios = sorted(ours.rate / peer.rate for ours, peer in results)
    ours, peer = (median(side[i].rate for side in results) for i in range(2))
    quarter = len(ratios) // 4
    return Summary(
        1 / ours if inverse else ours,
        1 / peer if inverse else peer,
        median(ratios),
        ratios[quarter],
        ratios[-1 - quarter],
        len(ratios),
    )
