"""The head of the audit chain, kept outside the database: only that finds a chain cut short or made anew."""

import json
import os
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection
from psycopg.errors import Diagnostic

from trial.chain import LINKS, TELLS
from trial.statements import run

HEAD = f"SELECT number, hash, made_at FROM {LINKS} ORDER BY number DESC LIMIT 1"  # noqa: S608


# By connection of this process, what it was told.
_said: WeakKeyDictionary[Any, list[str]] = WeakKeyDictionary()


class Anchor(NamedTuple):
    """A link as it was once seen at the head of the chain."""

    number: int
    hash: str
    made_at: str


def anchor_path() -> Path:
    """Return where the anchors lie: beside the allocation logs."""
    return Path(settings.ALLOCATION_LOG_DIR) / "audit-anchors.jsonl"


def head() -> Anchor | None:
    """Return the last link of the chain, if there is one."""
    last = run(HEAD)
    return Anchor(last[0][0], last[0][1], last[0][2].isoformat()) if last else None


def listen() -> None:
    """Hear from the server, with the answer to a commit, what the head of the chain has become."""
    said = _said.get(connection.connection)
    if said is None:
        said = _said[connection.connection] = []
        connection.connection.add_notice_handler(partial(_hear, said))
    said.clear()  # of an act that was not committed in the end


def _hear(said: list[str], notice: Diagnostic) -> None:
    if notice.message_primary == TELLS and notice.message_detail:
        said.append(notice.message_detail)


def _heard() -> Anchor | None:
    """Return the head as the last commit told it; None where there was none yet, or the server tells nothing."""
    if not (connection.connection and (said := _said.get(connection.connection))):
        return None
    number, last, made_at = said.pop().split(" ")
    return Anchor(int(number), last, datetime.fromisoformat(made_at).isoformat())


def head_hash() -> str:
    """Return the hash of the last link, to stand in what leaves the house."""
    last = head()
    return last.hash if last else ""


def anchor(*, sync: bool = False) -> None:
    """Append the head of the chain, unless it is the last line already; with `sync` wait for the disk."""
    if not (last := _heard() or head()):
        return
    path, line = anchor_path(), json.dumps(last._asdict()).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # One write at the end of the file: lines of two processes never mix.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(line)))
        before = file.read(len(line))
        if before != line:
            file.write(
                line if before[-1:] in (b"", b"\n") else b"\n" + line
            )  # after a line cut short by a crash
        if sync:
            os.fsync(file.fileno())


def anchors() -> list[Anchor]:
    """Read all anchors."""
    path = anchor_path()
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [found for line in lines if (found := _read(line))]


def _read(line: str) -> Anchor | None:
    try:
        return Anchor(**json.loads(line))
    except (ValueError, TypeError):
        return None  # cut short by a crash
