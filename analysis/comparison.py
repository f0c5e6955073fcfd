"""Two frozen datasets row by row: who was added, who is gone, and whose facts were changed from what to what."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.masking import LEFT_OUT, REPLACED, Row, by_lot

KEY = "study_number"


class Change(NamedTuple):
    """One column of one person that differs."""

    column: str
    old: str
    new: str


class Person(NamedTuple):
    """A person as far as the datasets differ; `changes` is empty for who is in one of them only."""

    name: str
    what: str  # added, removed, changed
    changes: tuple[Change, ...] = ()


def compare(old: str, new: str, key: bytes | None) -> list[Person]:
    """Compare two frozen CSVs; with a key for a reader who is not to know the arms.

    Such a reader is told nothing that would tell the arm, and gets numbers drawn by the key in place of names.
    """
    before, after = _people(old), _people(new)
    numbers = sorted(before.keys() | after.keys())
    columns = _columns(old, new, masked=key is not None)
    names = _drawn(numbers, key) if key else {number: number for number in numbers}
    found = [
        _person(names[number], before.get(number), after.get(number), columns)
        for number in sorted(numbers, key=lambda number: _order(names[number]))
    ]
    return [person for person in found if person]


def _people(text: str) -> dict[str, Row]:
    return {row[KEY]: row for row in csv.DictReader(io.StringIO(text))}


def _columns(old: str, new: str, *, masked: bool) -> list[str]:
    """Return the columns of either dataset; a version of the program may have added some."""
    heads = [next(csv.reader(io.StringIO(text))) for text in (new, old)]
    left_out = {*LEFT_OUT, *REPLACED} if masked else {KEY}
    return [name for name in dict.fromkeys(heads[0] + heads[1]) if name not in left_out]


def _drawn(numbers: Iterable[str], key: bytes) -> dict[str, str]:
    rows: list[Row] = [{KEY: number} for number in numbers]
    return {row[KEY]: str(place) for place, row in enumerate(by_lot(rows, key, "comparison"), 1)}


def _order(name: str) -> tuple[int, str]:
    return len(name), name


def _person(name: str, before: Row | None, after: Row | None, columns: Sequence[str]) -> Person | None:
    if before is None or after is None:
        return Person(name, "added" if before is None else "removed")
    changes = tuple(_changes(before, after, columns))
    return Person(name, "changed", changes) if changes else None


def _changes(before: Row, after: Row, columns: Sequence[str]) -> Iterable[Change]:
    for column in columns:
        old, new = before.get(column, ""), after.get(column, "")
        if old != new:
            yield Change(column, old, new)


def counted(people: Iterable[Person]) -> Mapping[str, int]:
    """Count people by what became of them."""
    kinds = [person.what for person in people]
    return {what: kinds.count(what) for what in ("added", "removed", "changed")}


def to_csv(people: Iterable[Person]) -> str:
    """Write one line a changed column, or a person who is in one dataset only."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["person", "what", "column", "old", "new"])
    for person in people:
        writer.writerows([person.name, person.what, *change] for change in person.changes or [("", "", "")])
    return out.getvalue()
