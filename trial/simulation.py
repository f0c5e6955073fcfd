"""A protocol's own allocation over made-up recruitment: how far apart the arms come, and how well one can guess.

Every run draws by the engine that draws in the trial, from a key of its own that is made of the seed.

Guesses, after Blackwell and Hodges, Ann Math Stat 1957;28:449: ``correct_guesses`` bet on the arm that is behind in
the stratum (the convergence strategy; a tie between two arms counts half). ``best_guesses`` are made by somebody who
knows the method, the history and where blocks end; ``certain_allocations`` are those such a guesser can't miss.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from math import ceil, sqrt
from statistics import fmean, stdev
from typing import Any, NamedTuple

from trial.allocation_rules import AllocationRule, Method
from trial.chances import Arms, Tally
from trial.expectations import apart, behind, expected, of_list, why_unknown
from trial.protocol_parts import Allocation
from trial.randomization import Draw, blocks, draw, draws
from trial.recruitment import Facts, Recruitment
from trial.streams import KeyedStream, stream_label

ELSEWHERE = "the lists are balanced in other groups than this one"
Path = tuple[str, ...]  # where a figure stands in the answer


class Place(NamedTuple):
    """An allocation: the arm, and the chance of the arm that was likeliest to whoever knew the history."""

    arm: str
    likeliest: float


class Guesses(NamedTuple):
    """Guesses that are right, and allocations that are certain, in a list or among all."""

    correct_guesses: float
    best_guesses: float
    certain_allocations: float


@dataclass
class Figure:
    """A figure of every run, and what theory expects of it; or why it expects nothing."""

    values: list[float] = field(default_factory=list)
    theory: list[float] = field(default_factory=list)
    why: str = ""

    def add(self, value: float, theory: float | str) -> None:
        """Note the figure of one more run."""
        self.values.append(value)
        if isinstance(theory, str):
            self.why = theory
        else:
            self.theory.append(theory)

    def summary(self) -> dict[str, Any]:
        """Return mean, standard error and largest value, beside the mean that theory expects."""
        many = len(self.values) > 1
        return {
            "mean": fmean(self.values),
            "standard_error": stdev(self.values) / sqrt(len(self.values)) if many else None,
            "largest": max(self.values),
            "theoretical": None if self.why else fmean(self.theory),
            "why_none": self.why or None,
        }


class Simulation:
    """Runs of one protocol's allocation over one recruitment, summed up."""

    def __init__(self, plan: Allocation, recruitment: Recruitment, *, people: int, seed: int) -> None:
        self._plan, self._people, self._seed = plan, people, seed
        self._recruitment = recruitment
        self._labels = [plan.stratum_label(kind) for kind in recruitment.kinds]
        self._groups = self._groups_of_people()
        self._unknown = why_unknown(plan.rule(people))
        self._imbalance: dict[Path, Figure] = defaultdict(Figure)
        self._guesses: dict[str, Figure] = defaultdict(Figure)

    def run(self, number: int) -> None:
        """Let people come, allocate them all, and note how it went."""
        key = sha256(f"simulation/{self._seed}/{number}".encode()).digest()
        strata: dict[str, list[int]] = {label: [] for label in self._labels}
        for kind in self._recruitment.people(KeyedStream(key, "recruitment"), self._people):
            strata[self._labels[kind]].append(kind)
        lists = {label: self._drawn(key, label, kinds) for label, kinds in strata.items()}
        made = Counter(
            (kind, place.arm)
            for label, places in lists.items()
            for kind, place in zip(strata[label], places, strict=True)
        )
        self._note_guesses(list(lists.values()))
        self._note_imbalance(made)

    def answer(self) -> dict[str, Any]:
        """Return every figure by name."""
        imbalance: dict[str, Any] = {}
        for (*parts, name), figure in self._imbalance.items():
            inside = imbalance
            for part in parts:
                inside = inside.setdefault(part, {})
            inside[name] = figure.summary()
        guesses = {name: figure.summary() for name, figure in self._guesses.items()}
        return {"imbalance": imbalance, "predictability": guesses}

    def _drawn(self, key: bytes, label: str, kinds: Sequence[int]) -> list[Place]:
        if not kinds:
            return []
        rule, stream = self._plan.rule(len(kinds)), stream_label("simulation", 1, label)
        return list(
            islice(_places(rule, key, stream, [self._recruitment.kinds[k] for k in kinds]), len(kinds))
        )

    def _note_guesses(self, lists: Sequence[Sequence[Place]]) -> None:
        guessed = [_guessed(self._plan.arms, places) for places in lists]
        for name, right in _added(guessed).items():
            self._guesses[name].add(right / self._people, self._unknown or self._theory_of(lists)[name])

    def _theory_of(self, lists: Sequence[Sequence[Place]]) -> dict[str, float]:
        sizes = [len(places) for places in lists]
        steps = [of_list(self._plan.rule(size), size, self._people) for size in sizes]
        added = _added([Guesses(step.correct, step.best, step.certain) for step in steps])
        return {name: right / self._people for name, right in added.items()}

    def _groups_of_people(self) -> dict[Path, list[int]]:
        """Return the kinds of people in each group whose balance is looked at."""
        groups: dict[Path, list[int]] = defaultdict(list)
        for place, (kind, label) in enumerate(zip(self._recruitment.kinds, self._labels, strict=True)):
            groups["overall",].append(place)
            if self._plan.strata:
                groups["strata", label].append(place)
            for factor, level in kind.items():
                groups["factors", factor, level].append(place)
        return groups

    def _note_imbalance(self, made: Mapping[tuple[int, str], int]) -> None:
        for path, kinds in self._groups.items():
            counts = {arm: sum(made[kind, arm] for kind in kinds) for arm, _ in self._plan.arms}
            self._imbalance[path].add(apart(self._plan.arms, counts), self._apart_in_theory(path, counts))

    def _apart_in_theory(self, path: Path, counts: Mapping[str, int]) -> float | str:
        plan, size = self._plan, sum(counts.values())
        if self._unknown:
            return self._unknown
        if path[0] == "strata" or (path[0] == "overall" and not plan.strata):
            return of_list(plan.rule(size), size, self._people).apart
        if plan.method is Method.SIMPLE or (plan.method is Method.RANDOM_ALLOCATION_RULE and not plan.strata):
            # Every order is as likely, so any group is as if it had come first.
            return expected(plan.rule(self._people), self._people).apart[size]
        return ELSEWHERE


def _added(guesses: Sequence[Guesses]) -> dict[str, float]:
    return {name: sum(getattr(one, name) for one in guesses) for name in Guesses._fields}


def _places(rule: AllocationRule, key: bytes, label: str, people: Sequence[Facts]) -> Iterable[Place]:
    """Return a list's places, at least one for each of these people."""
    match rule.method:
        case Method.MINIMIZATION:
            return _minimized(rule, key, label, people)
        case Method.PERMUTED_BLOCKS:
            return _of_blocks(rule, blocks(KeyedStream(key, label), rule.arms, rule.block_sizes))
        case Method.RANDOM_ALLOCATION_RULE:
            whole = draws(rule, key=key, label=label, count=rule.total or len(people))
            return _of_blocks(rule, [[drawn.arm for drawn in whole]])
    return map(_by_chances, draws(rule, key=key, label=label, count=len(people)))


def _of_blocks(rule: AllocationRule, lists: Iterable[Sequence[str]]) -> Iterator[Place]:
    for block in lists:
        # Which arm an odd place of a whole total goes to is known to nobody, so it counts as a whole unit.
        units = ceil(len(block) / rule.unit)
        left = {arm: share * units for arm, share in rule.arms}
        for arm in block:
            yield Place(arm, max(left.values()) / sum(left.values()))
            left[arm] -= 1


def _by_chances(drawn: Draw) -> Place:
    assert drawn.chances is not None
    return Place(drawn.arm, max(map(float, drawn.chances.probabilities.values())))


def _minimized(rule: AllocationRule, key: bytes, label: str, people: Sequence[Facts]) -> Iterator[Place]:
    tally, factors = Tally(rule.arms), [factor for factor, _ in rule.weights]
    for index, facts in enumerate(people, 1):
        before = tally.margins(factors, facts)
        place = _by_chances(draw(rule, key=key, label=label, index=index, before=before))
        tally.add(place.arm, facts)
        yield place


def _guessed(arms: Arms, places: Sequence[Place]) -> Guesses:
    counts, correct = {arm: 0 for arm, _ in arms}, 0.0
    for place in places:
        bets = behind(arms, counts)
        correct += (place.arm in bets) / len(bets)
        counts[place.arm] += 1
    certain = sum(place.likeliest == 1 for place in places)
    return Guesses(correct, sum(place.likeliest for place in places), certain)
