"""The CONSORT flow (2025 statement, item 22a): boxes that add up, or no flow at all."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from analysis.populations import INTENTION_TO_TREAT, by_arm
from analysis.subjects import ARM_CODES, FAULT_CODES, Arm, SubjectRow

NO_REASON = "no reason recorded"


class FlowDoesNotAddUp(ValueError):
    """Two numbers of the flow contradict each other; nothing is drawn."""


@dataclass(frozen=True)
class Intake:
    """Film files as counted where they came in, each once: scored, waiting for it, or neither for a reason.

    `set_aside` says how many were set aside, failed or rejected, and why.
    """

    received: int
    scored: int
    set_aside: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0


class Part(NamedTuple):
    """One line within a box."""

    label: str
    n: int


class Box(NamedTuple):
    """One box: what it counts and how many; its parts, if any, add up to `n`."""

    key: str
    label: str
    n: int
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Flow:
    """The stem from top to bottom, what left it after each box, and the boxes of each arm."""

    stem: tuple[Box, ...]
    left: Mapping[str, Box]
    arms: Mapping[Arm, tuple[Box, ...]]


def flow(rows: Sequence[SubjectRow], intake: Intake) -> Flow:
    """Count the flow and check it. Raises FlowDoesNotAddUp naming the box and the numbers that disagree.

    Who was randomized counts as eligible and at high risk, as judged on that day; an error found later stays
    in its arm and is counted there (Yelland 2015).
    """
    arms = by_arm(INTENTION_TO_TREAT.select(rows))
    eligible = [row for row in rows if row.eligible or row.arm]
    high = [row for row in eligible if row.risk_class == "high" or row.arm]
    films = (
        Box("received", "Film files received", intake.received),
        Box("scored", "Films scored", intake.scored),
    )
    stem = (
        *(films if intake.received else ()),  # a trial whose record came from outside had no files
        Box("registered", "People registered", len(rows)),
        Box("eligible", "Eligible", len(eligible)),
        Box("high_risk", "At high risk", len(high)),
        Box("randomized", "Randomized", sum(map(len, arms.values()))),
    )
    excluded = [row for row in rows if not (row.eligible or row.arm)]
    others = [row for row in eligible if not (row.risk_class == "high" or row.arm)]
    held = [row for row in high if not row.arm]
    left = {
        "received": _listed("set_aside", "Films not scored", _films_left(intake)),
        "registered": _listed("excluded", "Excluded", _tally(excluded, _first_reason)),
        "eligible": _listed("not_high_risk", "Not at high risk", _tally(others, _risk)),
        "high_risk": _listed("not_randomized", "Not randomized", _tally(held, _why_held)),
    }
    counted = Flow(stem, {key: box for key, box in left.items() if box.n}, dict(map(_arm, arms.items())))
    check_people(rows)
    check(counted)
    return counted


def _arm(arm_and_rows: tuple[Arm, list[SubjectRow]]) -> tuple[Arm, tuple[Box, ...]]:
    arm, rows = arm_and_rows
    examined, found = [row for row in rows if row.dxa], [row for row in rows if row.osteoporosis]
    return arm, (
        Box("allocated", ARM_CODES[arm], len(rows), _errors(rows)),
        Box("called", "Called", sum(row.called for row in rows)),
        _listed("scanned", "Examined with DXA", _by(examined, "by the trial", lambda row: row.dxa_trial)),
        _listed(
            "detected", "Osteoporosis", _by(found, "by the trial's DXA", lambda row: row.osteoporosis_trial)
        ),
        _listed("left", "Left before the end", _tally((row for row in rows if _end(row)), _end)),
        Box("analyzed", "Analyzed", len(rows), _contaminated(arm, rows)),
    )


def _contaminated(arm: Arm, rows: Sequence[SubjectRow]) -> tuple[Part, ...]:
    """Count the control participants who were told of a score: they are analyzed as randomized all the same."""
    told = sum(row.score_told for row in rows) if arm == "control" else 0
    parts = (Part("told of no score", len(rows) - told), Part("contaminated: told of a score", told))
    return parts if told else ()


def _by(rows: Sequence[SubjectRow], label: str, trial: Callable[[SubjectRow], bool]) -> list[Part]:
    offered = sum(map(trial, rows))
    parts = (Part(label, offered), Part("by physicians only", len(rows) - offered))
    return [part for part in parts if part.n]


def _errors(rows: Sequence[SubjectRow]) -> tuple[Part, ...]:
    errors = [row for row in rows if row.allocation_error]
    found = _tally(errors, lambda row: FAULT_CODES[str(row.allocation_error)])
    return (Part("as intended", len(rows) - len(errors)), *found) if errors else ()


def _end(row: SubjectRow) -> str:
    return " and ".join(name for name in ("withdrawn", "died") if getattr(row, name))


_IN_WORDS = {"dxa": "DXA", "anti_": "anti-", "_date_not_clear": ", date not clear"}


def _first_reason(row: SubjectRow) -> str:
    code = row.ineligibility_reasons[0] if row.ineligibility_reasons else NO_REASON
    for part, words in _IN_WORDS.items():
        code = code.replace(part, words)
    return code.replace("_", " ")


def _risk(row: SubjectRow) -> str:
    return "low risk" if row.risk_class == "low" else "no film that counts"


def _why_held(row: SubjectRow) -> str:
    return row.not_randomized_reason or NO_REASON


def _films_left(intake: Intake) -> list[Part]:
    reasons = [Part(reason, n) for reason, n in sorted(intake.set_aside.items())]
    return reasons + ([Part("waiting for a score", intake.waiting)] if intake.waiting else [])


def _tally(rows: Iterable[SubjectRow], reason: Callable[[SubjectRow], str]) -> list[Part]:
    """Count people by reason, the most frequent first; one reason a person, so that the parts add up."""
    counted = Counter(map(reason, rows)).items()
    return [Part(*item) for item in sorted(counted, key=lambda item: (-item[1], item[0]))]


def _listed(key: str, label: str, parts: Sequence[Part]) -> Box:
    return Box(key, label, sum(part.n for part in parts), tuple(parts))


# --- checks ----------------------------------------------------------------------------------------------


def check(found: Flow) -> None:
    """Add every box up: parts, the stem with what left it, and the arms."""
    boxes = (*found.stem, *found.left.values(), *(box for arm in found.arms.values() for box in arm))
    for box in boxes:
        _same(f"the parts of {box.label!r}", sum(part.n for part in box.parts) if box.parts else box.n, box.n)
    for upper, lower in pairwise(found.stem):
        if upper.key != "scored":  # films end here, people begin: the two are not the same count
            away = found.left[upper.key].n if upper.key in found.left else 0
            _same(f"{upper.label!r} less what left it, against {lower.label!r}", upper.n - away, lower.n)
    allocated = sum(boxes[0].n for boxes in found.arms.values())
    _same("the two arms against 'Randomized'", allocated, found.stem[-1].n)
    for arm, boxes in found.arms.items():
        _within(arm, {box.key: box for box in boxes})


def _within(arm: Arm, boxes: Mapping[str, Box]) -> None:
    """Check the chains of one arm: nobody called in the control arm, no detection without an examination."""
    _same(f"'Analyzed' against 'Allocated' in the {arm} arm", boxes["analyzed"].n, boxes["allocated"].n)
    limits = {"called": "allocated", "scanned": "allocated", "detected": "scanned", "left": "allocated"}
    for lesser, greater in limits.items():
        if boxes[lesser].n > boxes[greater].n:
            raise FlowDoesNotAddUp(
                f"{boxes[lesser].label!r} in the {arm} arm is {boxes[lesser].n}, "
                f"more than {boxes[greater].label!r}, {boxes[greater].n}."
            )
    if arm == "control":
        _same("'Called' in the control arm", boxes["called"].n, 0)


def check_people(rows: Sequence[SubjectRow]) -> None:
    """Refuse people whose own facts contradict each other, and people who are there twice."""
    twice = [number for number, n in Counter(row.study_number for row in rows).items() if n > 1]
    wrong = {
        "registered more than once": twice,
        "randomized at no high risk, without a deviation": _who(
            rows, lambda row: row.arm and row.risk_class != "high" and not row.allocation_error
        ),
        "with osteoporosis but no DXA": _who(rows, lambda row: row.osteoporosis and not row.dxa),
        "with more positive films than films": _who(rows, lambda row: row.films_positive > row.films_counted),
        "with a DXA of neither route, or a route without a DXA": _who(
            rows, lambda row: row.dxa != (row.dxa_trial or row.dxa_physician)
        ),
    }
    for what, numbers in wrong.items():
        if numbers:
            shown = ", ".join(numbers[:5]) + (" ..." if len(numbers) > 5 else "")
            raise FlowDoesNotAddUp(f"{len(numbers)} people {what}: {shown}. Correct their records first.")


def _who(rows: Sequence[SubjectRow], wrong: Callable[[SubjectRow], object]) -> list[str]:
    return [row.study_number for row in rows if wrong(row)]


def _same(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise FlowDoesNotAddUp(f"The flow does not add up: {what} is {found}, not {expected}.")


# --- text ------------------------------------------------------------------------------------------------


def to_lines(found: Flow) -> list[str]:
    """Write the flow for a console, what left indented below the box it left."""
    lines: list[str] = []
    for box in found.stem:
        lines += _lines(box)
        if box.key in found.left:
            lines += ["    " + line for line in _lines(found.left[box.key])]
    for boxes in found.arms.values():
        lines += [("" if i == 0 else "  ") + line for i, box in enumerate(boxes) for line in _lines(box)]
    return lines


def _lines(box: Box) -> Iterator[str]:
    yield f"{box.label}: {box.n}"
    yield from (f"    {part.label}: {part.n}" for part in box.parts)
