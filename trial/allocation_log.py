"""A log of every allocation outside the database, so that a restored database can't give a slot out twice."""

import fcntl
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import IO, Any, NamedTuple
from uuid import UUID

from django.conf import settings

from trial.models import Allocation, Person, Trial
from trial.statements import run

DRAWN = "SELECT label, list_version, drawn FROM trial_stratum WHERE trial_id = %s AND drawn > 0"
SLOTS = """SELECT a.id::text, s.label, s.list_version, a.sequence, p.study_number, a.arm
             FROM trial_allocation a JOIN trial_stratum s ON s.id = a.stratum_id
                  JOIN trial_participant p ON p.id = a.participant_id
            WHERE a.id = ANY(%s::uuid[])"""
TOGETHER = 50
List = tuple[str, int]  # a stratum's label and which of its lists


class OnHold(Exception):
    """Database and log disagree: the trial allocates nobody until they are reconciled."""


class Slot(NamedTuple):
    """A place of a list and who has it."""

    stratum: str
    list: int
    sequence: int
    participant: str
    arm: str


# The allocations not yet seen in the database, and how many of each list are in the log.
Said = tuple[dict[str, Slot], dict[List, int]]


class _Read:
    """The part of a log this process has read so far: a log only grows, so each line is read once."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset = path, 0
        self.slots: dict[str, Slot] = {}
        self.places: dict[List, set[int]] = defaultdict(set)
        self.compared = False  # whether all that was there at first was looked up in the database
        self.unseen: set[str] = set()  # by this process in the database
        self.drawn: dict[List, int] = {}  # the cursors as the database last had them
        self._lock = Lock()  # threads of a server share what was read

    def refresh(self) -> Said:
        """Return the allocations not yet seen in the database, and how many of each list are in the log."""
        with self._lock:
            size = self.path.stat().st_size if self.path.exists() else 0
            if size < self.offset:
                self.offset, self.compared = 0, False
                for known in (self.slots, self.places, self.unseen):
                    known.clear()
            if size > self.offset:
                self._read_on()
            return (
                {pk: self.slots[pk] for pk in self.unseen},
                {of: len(places) for of, places in self.places.items()},
            )

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if line.endswith(b"\n"):  # a line cut short by a crash is written again
                    self._take(_parsed(line, self.path))
                    self.offset += len(line)

    def wrote(self, new: Mapping[str, Mapping[str, Any]], end: int) -> None:
        """Know lines, by allocation, that this process has just written up to the log's new end."""
        with self._lock:
            for line in new.values():
                self._take(line)
            self.unseen -= new.keys()  # they come from the database
            self.offset = end

    def _take(self, said: Mapping[str, Any]) -> None:
        slot = Slot(*(said[name] for name in Slot._fields))
        self.slots[said["id"]] = slot
        self.places[slot.stratum, slot.list].add(slot.sequence)
        self.unseen.add(said["id"])

    def gaps(self, drawn: Mapping[List, int]) -> Iterator[tuple[List, set[int]]]:
        """Yield the places up to a list's cursor that the log lacks."""
        for of, last in drawn.items():
            if len(self.places[of]) < last:
                yield of, set(range(1, last + 1)) - self.places[of]


_read: dict[Path, _Read] = {}


def log_path(trial: Trial) -> Path:
    """Return where the allocation log of `trial` lies."""
    return Path(settings.ALLOCATION_LOG_DIR) / f"{trial.code}-{trial.pk}.jsonl"


def check(trial: Trial) -> None:
    """Raise OnHold when the log has an allocation that the database lacks or has otherwise, as after a restore."""
    said = read(trial)
    compare(trial, said, run(DRAWN, trial.pk))


def read(trial: Trial) -> Said:
    """Read what the log says now: before the database is asked, for the log is written after the commit."""
    return _log(trial).refresh()


def compare(trial: Trial, said: Said, drawn: Iterable[tuple[str, int, int]]) -> None:
    """Raise OnHold when what the log said is not what the database says; `drawn` is its answer to DRAWN.

    An allocation is looked up once, for it stays where it is; only a restore takes it away again, and the cursors
    of the lists with it: these are compared every time, and what other processes have logged since some at a time.
    """
    log, (unseen, logged) = _log(trial), said
    if log.compared and len(unseen) < TOGETHER:
        unseen = {}
    log.compared = True
    agreed = {pk for pk, slot in _slots_of(unseen) if slot == unseen[pk]}
    log.unseen -= agreed
    log.drawn = {(label, number): places for label, number, places in drawn}
    behind = sum(max(0, count - log.drawn.get(of, 0)) for of, count in logged.items())
    if lost := max(len(unseen) - len(agreed), behind):
        raise OnHold(
            f"Trial {trial.code} is on hold: its allocation log has {lost} more than the database, or has them "
            "otherwise, as after a restore. Nothing was drawn. Ask the randomization statistician to reconcile them "
            f"(python manage.py reconcile_allocations {trial.code})."
        )


def on_hold(trial: Trial) -> str:
    """Return why the trial allocates nobody until log and record are reconciled; empty where they agree."""
    try:
        check(trial)
    except OnHold as why:
        return str(why)
    return ""


def append(trial: Trial, allocations: Iterable[Allocation]) -> None:
    """Write allocations that the log lacks, and any that a crash kept from it, and sync it to disk."""
    log = _log(trial)
    log.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(log.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two processes may answer at once
        log.refresh()
        _write(file, log, allocations)
        for (label, number), places in log.gaps(log.drawn):
            lacking = Allocation.objects.filter(stratum__trial=trial, stratum__label=label)
            lacking = lacking.filter(stratum__list_version=number, sequence__in=places)
            _write(file, log, lacking.order_by("sequence"))
        fcntl.flock(file, fcntl.LOCK_UN)
        os.fsync(file.fileno())  # nobody else waits for the disk meanwhile


def _write(file: IO[bytes], log: _Read, allocations: Iterable[Allocation]) -> None:
    new = {str(row.pk): line_of(row) for row in allocations if str(row.pk) not in log.slots}
    if not new:
        return
    file.seek(log.offset)  # over a line cut short
    file.truncate()
    file.writelines(json.dumps(line).encode() + b"\n" for line in new.values())
    file.flush()
    log.wrote(new, file.tell())


def lines(trial: Trial) -> list[dict[str, Any]]:
    """Read the whole log."""
    path = log_path(trial)
    return [_parsed(line, path) for line in path.read_bytes().splitlines()] if path.exists() else []


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        said = {"list": 1, **json.loads(line)}  # older versions name no list: there was one a stratum
        UUID(said["id"])
        return said | {name: said[name] for name in Slot._fields}
    except (ValueError, KeyError, TypeError):
        raise OnHold(
            f"The allocation log {path.name} has a line that says no allocation. Nothing was drawn. Ask the system "
            "administrator to put the log back as it was written."
        ) from None


def line_of(row: Allocation) -> dict[str, Any]:
    """Return what the log says of an allocation: all that a restored database needs to have it again."""
    return {
        "id": str(row.pk),
        "participant": row.participant.study_number,
        "person": mark(row.participant.person),
        "stratum": row.stratum.label,
        "list": row.stratum.list_version,
        "sequence": row.sequence,
        "arm": row.arm,
        "randomized_on": str(row.randomized_on),
        "occurred_at": row.occurred_at.isoformat(),
        "key_epoch": row.stratum.key_epoch,
        "total": row.stratum.total,
        "protocol": row.protocol_version.sha256,
        "cohort": str(row.cohort_id) if row.cohort_id else None,
        "engine": row.engine_version,
        "strata_values": row.strata_values,
        "evidence": row.evidence,
    }


def mark(person: Person) -> str:
    """Return what tells a person from another who was given the same study number after a restore."""
    return hashlib.sha256(person.identity_hash).hexdigest()[:16]


def _log(trial: Trial) -> _Read:
    path = log_path(trial)
    return _read.setdefault(path, _Read(path))


def _slots_of(keys: Iterable[str]) -> Iterator[tuple[str, Slot]]:
    if keys := list(keys):
        for pk, *slot in run(SLOTS, keys):
            yield pk, Slot(*slot)
