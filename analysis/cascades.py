"""The way from people through examination and result to treatment, as bars whose segments add up."""

from collections.abc import Sequence
from typing import NamedTuple

from analysis.subjects import BONE_CODES, BoneClass, SubjectRow

BY_TRIAL, BY_PHYSICIANS = "DXA by the trial", "DXA by physicians"
NO_CLASS = "No T-score class"
WORST_FIRST: tuple[tuple[BoneClass, str], ...] = tuple(
    (bone, BONE_CODES[bone]) for bone in ("osteoporosis", "osteopenia", "normal")
)


class Segment(NamedTuple):
    """A part of a bar."""

    label: str
    n: int


class Bar(NamedTuple):
    """People split into parts; the parts add up to `n`."""

    label: str
    n: int
    segments: tuple[Segment, ...]


class Examined(NamedTuple):
    """The people behind the second bar, each with the class of the examination that counts there."""

    label: str
    people: list[tuple[SubjectRow, BoneClass | None]]


def cascade(rows: Sequence[SubjectRow], label: str, *, offered: bool) -> list[Bar]:
    """Follow people from examination to result to treatment.

    With `offered`, the second bar holds those examined by the trial, as for a screening arm; otherwise those
    examined at all, as for people in usual care. Who had both is counted with the trial's examinations.
    """
    by_trial = [row for row in rows if row.dxa_trial]
    by_physician = [row for row in rows if row.dxa and not row.dxa_trial]
    parts = [
        Segment(BY_TRIAL, len(by_trial)),
        Segment(BY_PHYSICIANS, len(by_physician)),
        Segment("No response", len(rows) - len(by_trial) - len(by_physician)),
    ]
    if offered:
        examined = Examined(BY_TRIAL, [(row, row.dxa_class_trial) for row in by_trial])
    else:
        label_of_exams = BY_PHYSICIANS
        if by_trial:  # a crossover: shown, never hidden among the physicians' examinations
            label_of_exams = "DXA by anybody"
        else:
            parts.pop(0)
        examined = Examined(label_of_exams, [(row, row.dxa_class_any) for row in by_trial + by_physician])
    return [Bar(label, len(rows), tuple(parts)), _results(examined), _treatment(examined)]


def _results(examined: Examined) -> Bar:
    """Split by class, worst first; people without a class (a Z-score only) show as a part of their own."""
    classes = [bone for _, bone in examined.people]
    parts = [Segment(name, classes.count(bone)) for bone, name in WORST_FIRST]
    unclassed = classes.count(None)
    return Bar(examined.label, len(classes), (*parts, *([Segment(NO_CLASS, unclassed)] if unclassed else [])))


def _treatment(examined: Examined) -> Bar:
    thin = [row for row, bone in examined.people if bone == "osteoporosis"]
    treated = sum(row.treated for row in thin)
    parts = (Segment("Medication usage", treated), Segment("No medication", len(thin) - treated))
    return Bar("Osteoporosis", len(thin), parts)
