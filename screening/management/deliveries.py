"""Files on their way from a folder to intake: found, read under limits, taken, told and summed up."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from screening import arrivals
from screening.dicom import LARGEST_FILE
from screening.vocabulary import ReceiptOutcome
from trial.models import Site, User

NOT_READABLE = "not_readable"
ALL_REJECTED = "Every file was rejected."


@dataclass(frozen=True)
class SourceFile:
    """A file, and the folder it was found in; one that was named has none."""

    path: Path
    folder: Path | None = None

    def read(self) -> bytes:
        """Return its bytes, cut off one beyond the limit, which is enough to be refused; raises OSError."""
        if self.folder and not self.path.resolve().is_relative_to(self.folder.resolve()):
            raise OSError(0, "it is a link that leads out of its folder; send the file itself")
        with self.path.open("rb") as file:
            before = Stamp.of(os.fstat(file.fileno()))
            data = file.read(LARGEST_FILE + 1)
            if Stamp.of(os.fstat(file.fileno())) != before:
                raise OSError(0, "it changed meanwhile; send it when it is complete")
        return data


@dataclass(frozen=True)
class Stamp:
    """By what a file is seen to have changed."""

    size: int
    changed: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Stamp":
        """Read it from what the file system says."""
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class FileAnswer:
    """What became of one file."""

    file: str
    outcome: str
    reason: str
    message: str
    film: UUID | None = None  # the one that now waits for a score

    @property
    def read(self) -> bool:
        """Tell whether its bytes came to intake at all."""
        return self.reason != NOT_READABLE

    def __str__(self) -> str:
        return f"{self.file}: {self.outcome} ({self.reason}): {self.message}"


def files_below(folder: Path) -> Iterator[SourceFile]:
    """Yield all files below a folder in order, and folders that can't be read, for they may hold some."""
    found: list[Path] = []
    closed: list[OSError] = []
    for parent, _, names in os.walk(folder, onerror=closed.append):
        found += (path for name in names if (path := Path(parent, name)).is_file())
    found += (Path(error.filename) for error in closed)
    yield from (SourceFile(path, folder) for path in sorted(found))


def take_file(file: SourceFile, *, site: Site, source: str, by: User | None) -> FileAnswer:
    """Send one file through intake; raises Refused when intake takes none."""
    try:
        data = file.read()
    except OSError as error:
        said = f"This file can't be read here ({error.strerror})."
        return FileAnswer(str(file.path), ReceiptOutcome.REJECTED, NOT_READABLE, said)
    answer = arrivals.take(data, site=site, source=source, by=by)
    film = answer.film if answer.to_score else None
    return FileAnswer(str(file.path), answer.outcome, answer.reason, answer.message, film)


def summary(counts: Counter[str]) -> str:
    """Say how many files had each outcome."""
    told = ", ".join(f"{counts[o]} {o.replace('_', ' ')}" for o in ReceiptOutcome)
    return f"{counts.total()} files: {told}."


def all_rejected(counts: Counter[str]) -> bool:
    """Tell whether files came and not one of them was any good."""
    return 0 < counts.total() == counts[ReceiptOutcome.REJECTED]
