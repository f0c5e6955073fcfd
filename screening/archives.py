"""Zip archives of films, opened under limits: what is in them is read one by one, their names are never used as paths.

Sizes are those that the archive states: Python's zipfile reads no more than that of any entry.
"""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from screening.dicom import LARGEST_FILE
from screening.reasons import Reason

BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others want memory by the gigabyte
TIGHTEST = 200  # times; films pack into a half to a twentieth
SMALL = 2**20  # bytes, too few to do harm however tightly packed
PIECE = 2**18
LARGEST_READ = 2**20  # bytes that zipfile may ask for at once: the list of entries is read in one piece
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError, OSError)


class Readable(Protocol):
    """A file open for reading bytes, or Django's upload in its place."""

    def read(self, size: int = -1, /) -> bytes:
        """Read."""

    def seek(self, offset: int, /) -> int:
        """Go to a place."""


class Entry(NamedTuple):
    """One file of an archive, cut off one byte beyond the limit, or why it was not read."""

    name: str
    data: bytes = b""
    problem: Reason | None = None


class ArchiveRefused(ValueError):
    """An archive of which nothing is read."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.sentence)
        self.reason = reason


def is_archive(file: Readable) -> bool:
    """Tell whether a file begins as zip archives do."""
    beginning = file.read(4)
    file.seek(0)
    return beginning in BEGINNINGS


def entries(file: Readable, *, most: int, whole: int) -> Iterator[Entry]:
    """Yield what is in an archive of at most `most` files and `whole` bytes unpacked; raises ArchiveRefused."""
    try:
        archive = zipfile.ZipFile(_Bounded(file))
    except DAMAGED:
        raise ArchiveRefused(Reason.ZIP_DAMAGED) from None
    files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) > most or sum(info.file_size for info in files) > whole:
        raise ArchiveRefused(Reason.ZIP_TOO_LARGE)
    if not files:
        raise ArchiveRefused(Reason.ZIP_EMPTY)
    for info in files:
        yield _entry(archive, info)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    name = "".join(letter if letter.isprintable() else "?" for letter in info.filename)
    if problem := _problem(info):
        return Entry(name, problem=problem)
    try:
        data = _read(archive, info)
    except DAMAGED:
        return Entry(name, problem=Reason.ZIP_DAMAGED)
    return Entry(name, problem=Reason.ZIP_NESTED) if data.startswith(BEGINNINGS) else Entry(name, data)


def _problem(info: zipfile.ZipInfo) -> Reason | None:
    if stat.S_ISLNK(info.external_attr >> 16):
        return Reason.ZIP_LINK
    if info.flag_bits & 1:
        return Reason.ZIP_ENCRYPTED
    if info.compress_type not in METHODS:
        return Reason.ZIP_METHOD
    if info.file_size > max(SMALL, TIGHTEST * info.compress_size):
        return Reason.ZIP_TOO_TIGHT
    return None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    data = bytearray()
    with archive.open(info) as packed:
        while len(data) <= LARGEST_FILE and (piece := packed.read(PIECE)):
            data += piece
    return bytes(data[: LARGEST_FILE + 1])


class _Bounded:
    """A file that gives little at once: an archive of a million names is refused before they are in memory."""

    def __init__(self, file: Readable) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, count: int = -1, /) -> bytes:
        data = self._file.read(LARGEST_READ + 1 if count < 0 else min(count, LARGEST_READ + 1))
        if len(data) > LARGEST_READ:
            raise zipfile.BadZipFile
        return data
