"""Accrual against plan: how many were randomized by each day, beside how many the protocol planned; never by arm."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from trial.protocol import Protocol

Goal = tuple[date, int]


class Accrual(NamedTuple):
    """People so far, by day, planned and randomized, up to a day; the plan is a straight line between its goals."""

    planned: tuple[Goal, ...]  # the first is where nobody is randomized yet
    randomized: tuple[Goal, ...]
    as_of: date

    @property
    def so_far(self) -> int:
        """Return how many were randomized by the last day looked at."""
        return self.randomized_by(self.as_of)

    @property
    def lead(self) -> float:
        """Return how many more were randomized than planned; fewer are a negative number."""
        return self.so_far - planned_by(self.planned, self.as_of)

    @property
    def words(self) -> str:
        """Say who is ahead."""
        apart = round(self.lead)
        stands = f"{abs(apart)} {'ahead of' if apart > 0 else 'behind'} plan" if apart else "as planned"
        due = round(planned_by(self.planned, self.as_of))
        last, total = self.planned[-1]
        return (
            f"{self.so_far} randomized by {self.as_of}, {due} planned: {stands}. In all, {total} by {last}."
        )

    def randomized_by(self, day: date) -> int:
        """Return how many were randomized by the end of a day."""
        place = bisect_right([on for on, _ in self.randomized], day)
        return self.randomized[place - 1][1] if place else 0


def plan_of(protocol: Protocol) -> list[Goal]:
    """Return what a protocol plans, from nobody on the index date on; nothing where it plans nothing."""
    planned = [(goal.by, goal.randomized) for goal in protocol.accrual]
    return [(protocol.index_date, 0), *planned] if planned else []


def goals(kept: Iterable[Sequence[Any]]) -> list[Goal]:
    """Read goals as they are kept with a freeze: days as text, and numbers."""
    return [(date.fromisoformat(day), number) for day, number in kept]


def accrual(days: Iterable[date], planned: Sequence[Goal], as_of: date) -> Accrual | None:
    """Compare the days of randomization with the plan, which begins where nobody is; None without a plan."""
    if len(planned) < 2:
        return None
    counted = Counter(day for day in days if day <= as_of)
    so_far = accumulate(n for _, n in sorted(counted.items()))
    return Accrual(tuple(planned), tuple(zip(sorted(counted), so_far, strict=True)), as_of)


def planned_by(planned: Sequence[Goal], day: date) -> float:
    """Return how many are planned by the end of a day: nobody before the first goal, no more after the last."""
    for (start, low), (end, high) in pairwise(planned):
        if start <= day <= end:
            return low + (high - low) * (day - start).days / (end - start).days
    return 0.0 if day < planned[0][0] else float(planned[-1][1])
