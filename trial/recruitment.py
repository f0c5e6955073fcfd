"""Made-up recruitment: who comes to a simulated trial, one after the other.

Assumed are a site, a sex and an age group for each, with given shares, independent of each other and of everybody who
came before. Real recruitment is none of this: sites open late, and old people are mostly women.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, product
from math import prod
from typing import Any

from trial.protocol_parts import Factor
from trial.reading import Reader
from trial.streams import KeyedStream

Facts = Mapping[str, str]  # factor -> level
Counts = Mapping[str, Mapping[str, int]]  # factor -> level -> people recorded so far
HEAVIEST = 10_000  # so that the product of weights stays far below a word of the stream


class RecruitmentRefused(ValueError):
    """Raised with everything that is wrong with the shares of recruitment."""


@dataclass(frozen=True)
class Recruitment:
    """By factor, the weight of each level among those who come."""

    weights: Counts

    @classmethod
    def read(cls, values: Any, recorded: Counts) -> "Recruitment":
        """Read each factor's weights by level; left out, its levels have equal shares, or those on record.

        ``recorded`` names every level there is. Raises RecruitmentRefused.
        """
        r = Reader(values)
        as_recorded = r.optional("recorded", lambda: r.codes("recorded", Factor)) or ()
        weights = {}
        for factor, levels in recorded.items():
            given = r.optional(factor, partial(_weights, r, factor, levels))
            weights[factor] = given or (levels if factor in as_recorded else dict.fromkeys(levels, 1))
        r.finish()
        nobody = [factor for factor, by in weights.items() if not any(by.values())]
        faults = [f"{factor} has nobody at any level. Give one of them a weight." for factor in nobody]
        if r.problems or faults:
            raise RecruitmentRefused(" ".join([*map(str, r.problems), *faults]))
        return cls(weights)

    @property
    def shares(self) -> dict[str, dict[str, float]]:
        """Return each level's share."""
        return {f: {level: w / sum(by.values()) for level, w in by.items()} for f, by in self.weights.items()}

    @cached_property
    def kinds(self) -> list[Facts]:
        """Return every kind of person there can be."""
        return [dict(zip(self.weights, levels, strict=True)) for levels in product(*self.weights.values())]

    def people(self, stream: KeyedStream, count: int) -> Iterator[int]:
        """Yield who comes: each person's place in ``kinds``."""
        bounds = list(
            accumulate(prod(self.weights[f][level] for f, level in kind.items()) for kind in self.kinds)
        )
        for _ in range(count):
            yield bisect_right(bounds, stream.below(bounds[-1]))


def _weights(r: Reader, factor: str, levels: Mapping[str, int]) -> dict[str, int]:
    by = r.part(factor)
    return by.done(
        {level: by.optional(level, partial(by.whole, level, 0, HEAVIEST)) or 0 for level in levels}
    )
