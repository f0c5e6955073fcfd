"""Read untrusted films in a process of their own (sandbox_child.py): bytes go in, plain values come out.

Parsers loop and recurse, decoders in C abort, crash and hang, and a kilobyte can ask for gigabytes. Here that
ends a child with limits, and the film is refused; no server and no worker ever parses a byte of it.
"""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from screening import messages
from screening.dicom import FRONTAL, LARGEST_FILE, Film
from screening.pixels import LARGEST_SIDE, Image
from screening.quality import Code
from screening.reasons import FilmProblem, Reason, Rejected, SetAside

STARTS_WITHIN = 30  # seconds: the nursery imports its readers before it answers for the first time
ANSWERS_WITHIN = 60  # seconds: longer than a child may live for one answer
LONGEST_ANSWER = 2**20  # bytes of JSON
LARGEST_PAYLOAD = max(2 * LARGEST_FILE + 2**20, 8 * LARGEST_SIDE**2)  # a clean file or a picture
READY = b"ready"
# One thread, and large pages for arrays: each page that a child touches first costs microseconds.
SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
REASONS = {str(reason): reason for reason in Reason}
OURS = f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parent.parent)!r}); "
PROGRAM = "from screening.sandbox_child import main; main()"


class Unavailable(OSError):
    """No child can be had at this moment; it is nobody's film that is at fault."""


@dataclass
class _Nursery:
    """The process that makes the children, and the line to it."""

    line: socket.socket
    process: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls, program: str = PROGRAM) -> "_Nursery":
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-W", "ignore", "-c", OURS + program]
        with theirs:  # no environment: nothing that is secret here is known there
            process = subprocess.Popen(  # noqa: S603 (our own program)
                command,
                env=SETTINGS,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        return cls(ours, process)

    def adopt(self, end: socket.socket) -> None:
        """Let a new child have one end of a connection."""
        socket.send_fds(self.line, [b"."], [end.fileno()])


_nursery: _Nursery | None = None
_one_at_a_time = threading.Lock()


def _child() -> socket.socket:
    """Return the line to a new child; a nursery that is gone is replaced once."""
    for fresh in (False, True):
        ours, theirs = socket.socketpair()
        messages.wait_for(ours, STARTS_WITHIN)
        try:
            with theirs:
                _adopt(theirs, fresh)
            if messages.receive(ours, len(READY)) == READY:
                messages.wait_for(ours, ANSWERS_WITHIN)
                return ours
        except (OSError, EOFError):
            pass
        ours.close()
    raise Unavailable("films can't be read at this moment: no process starts")


def _adopt(end: socket.socket, fresh: bool) -> None:
    global _nursery
    with _one_at_a_time:
        # After a fork the line is shared, which does no harm: each film has a connection of its own.
        if _nursery is None or fresh:
            _nursery = _Nursery.start()
        _nursery.adopt(end)


@dataclass(frozen=True)
class Clean:
    """A de-identified file, and what was taken out of it."""

    file: bytes
    removed: dict[str, str]


class Reading:
    """One film, open in a child; what is asked of it is answered there."""

    def __init__(self, child: socket.socket) -> None:
        self._child = child

    def check(self, data: bytes, *, views: AbstractSet[str], secondary_capture: bool) -> Film:
        """Return the film's facts, or raise Rejected or SetAside as `dicom.check_film` does."""
        answer, _ = self._ask("check", data, views=sorted(views), secondary_capture=secondary_capture)
        return _film(answer["film"])

    def load(self, data: bytes) -> None:
        """Open a stored file."""
        self._ask("load", data)

    def clean(self, *, uids: Mapping[str, str], shift_days: int, subject: str) -> Clean:
        """Return the film de-identified: see `deidentification.deidentify`."""
        answer, file = self._ask("clean", uids=dict(uids), shift_days=shift_days, subject=subject)
        return Clean(file, {str(name): str(value) for name, value in answer["removed"].items()})

    def quality(self) -> dict[Code, float]:
        """Return what is wrong with the picture and what was measured: see `quality.findings`."""
        answer, _ = self._ask("quality")
        return {code: float(answer["findings"][code]) for code in Code if code in answer["findings"]}

    def picture(self, side: int) -> bytes:
        """Return the picture as a PNG, its longer side at most `side` pixels."""
        return self._ask("picture", side=side)[1]

    def image(self) -> Image:
        """Return the picture, (rows, columns) of float64 in [0, 1]."""
        answer, payload = self._ask("image")
        image: Image = np.frombuffer(payload, np.float64).reshape(answer["shape"])
        return image

    def _ask(self, act: str, data: bytes = b"", **options: Any) -> tuple[dict[str, Any], bytes]:
        try:
            messages.send(self._child, json.dumps({"act": act} | options).encode())
            messages.send(self._child, data)
            answer = json.loads(messages.receive(self._child, LONGEST_ANSWER))
            payload = messages.receive(self._child, LARGEST_PAYLOAD)
        except BlockingIOError as error:
            raise Rejected(Reason.HARMFUL, "it took too long") from error
        except (OSError, EOFError, ValueError) as error:
            raise Rejected(Reason.HARMFUL, "the process that read it died") from error
        if "problem" in answer:
            raise _problem(answer)
        return answer, payload


@contextmanager
def reading() -> Iterator[Reading]:
    """Have a child for one film. Raises Unavailable when there is none to be had."""
    with _child() as child:
        yield Reading(child)


def read_film(data: bytes, *, views: AbstractSet[str] = FRONTAL, secondary_capture: bool = False) -> Film:
    """Return a checked film's facts; raise Rejected or SetAside, which carry a Reason and a message."""
    with reading() as film:
        return film.check(data, views=views, secondary_capture=secondary_capture)


def read_image(data: bytes) -> Image:
    """Return the picture of a file that came from outside, checked first."""
    with reading() as film:
        film.check(data, views=FRONTAL, secondary_capture=False)
        return film.image()


def read_pixels(data: bytes) -> Image:
    """Return the picture of a stored, already checked file; raise Rejected when it was damaged since."""
    with reading() as film:
        film.load(data)
        return film.image()


def read_picture(data: bytes, *, side: int) -> bytes:
    """Return a stored film's picture as a PNG for a page; raise Rejected when the file was damaged since."""
    with reading() as film:
        film.load(data)
        return film.picture(side)


def _film(facts: dict[str, Any]) -> Film:
    born = facts["birth_date"]
    dates = {
        "study_date": date.fromisoformat(facts["study_date"]),
        "birth_date": date.fromisoformat(born) if born else None,
    }
    return Film(**facts | dates | {"flags": tuple(facts["flags"])})


def _problem(answer: dict[str, Any]) -> FilmProblem:
    kind = SetAside if answer["set_aside"] else Rejected
    film = _film(answer["film"]) if answer["film"] else None
    return kind(REASONS[answer["problem"]], answer["detail"], film)
