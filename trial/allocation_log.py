"""A log of every allocation outside the database, so that a restored database can't give a slot out twice."""

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import IO

from django.conf import settings
from django.db.models import Sum

from trial.models import Allocation, Trial


class OnHold(Exception):
    """Database and log disagree: the trial allocates nobody until they are reconciled."""


class _Read:
    """The part of a log this process has read so far: a log only grows, so each line is read once."""

    def __init__(self) -> None:
        self.offset = 0
        self.ids: set[str] = set()
        self._lock = Lock()  # threads of a server share what was read

    def refresh(self, path: Path) -> tuple[set[str], int]:
        """Return the allocations in the log and where its last whole line ends."""
        with self._lock:
            size = path.stat().st_size if path.exists() else 0
            if size < self.offset:
                self.offset, self.ids = 0, set()
            if size > self.offset:
                self._read_on(path)
            return self.ids, self.offset

    def _read_on(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if line.endswith(b"\n"):  # a line cut short by a crash is written again
                    self.ids.add(json.loads(line)["id"])
                    self.offset += len(line)


_read: dict[Path, _Read] = {}


def log_path(trial: Trial) -> Path:
    """Return where the allocation log of `trial` lies."""
    return Path(settings.ALLOCATION_LOG_DIR) / f"{trial.code}-{trial.pk}.jsonl"


def check(trial: Trial) -> None:
    """Raise OnHold when the log knows more allocations than the database, as it does after a restore."""
    logged = len(_logged(log_path(trial))[0])  # read before the database: the log is written after the commit
    drawn = _drawn(trial)
    if logged > drawn:
        raise OnHold(
            f"Trial {trial.code} is on hold: its allocation log has {logged - drawn} more than the database, "
            "as after a restore. Nothing was drawn. Ask the randomization statistician to reconcile them."
        )


def append(trial: Trial, allocations: Iterable[Allocation]) -> None:
    """Write allocations that the log lacks, and any that a crash kept from it, and sync it to disk."""
    path = log_path(trial)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two processes may answer at once
        _write(file, path, allocations)
        if len(_logged(path)[0]) < _drawn(trial):
            everybody = Allocation.objects.filter(participant__trial=trial)
            _write(file, path, everybody.order_by("recorded_at", "sequence"))
        os.fsync(file.fileno())


def _write(file: IO[bytes], path: Path, allocations: Iterable[Allocation]) -> None:
    logged, end = _logged(path)
    file.seek(end)  # over a line cut short
    file.truncate()
    for row in allocations:
        if str(row.pk) not in logged:
            file.write(json.dumps(line_of(row)).encode() + b"\n")
    file.flush()


def lines(trial: Trial) -> list[dict[str, str | int]]:
    """Read the whole log."""
    path = log_path(trial)
    # Lines of older versions name no list: there was one a stratum.
    return [{"list": 1} | json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def line_of(row: Allocation) -> dict[str, str | int]:
    """Return what the log says of an allocation."""
    return {
        "id": str(row.pk),
        "participant": row.participant.study_number,
        "stratum": row.stratum.label,
        "list": row.stratum.list_version,
        "sequence": row.sequence,
        "arm": row.arm,
        "randomized_on": str(row.randomized_on),
    }


def _logged(path: Path) -> tuple[set[str], int]:
    return _read.setdefault(path, _Read()).refresh(path)


def _drawn(trial: Trial) -> int:
    return trial.strata.aggregate(n=Sum("drawn"))["n"] or 0
