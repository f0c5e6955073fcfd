"""Who, why and how: the context without which the database refuses a change to the record."""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import connection, transaction

from trial import anchors
from trial.models import User
from trial.statements import together

logger = logging.getLogger(__name__)

# By what way the process that runs now came to write: page, admin, api, command, task.
_how: ContextVar[str] = ContextVar("how", default="")

SYSTEM = "system"
SETTINGS = ("pghistory.context_id", "pghistory.context_metadata")


@dataclass(frozen=True)
class _Act:
    """What one person does at once; all changes of an act share its id."""

    by: str
    how: str
    why: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def metadata(self) -> dict[str, str]:
        return {"by": self.by, "why": self.why, "how": self.how}


# The act that this process is at, as the database was told.
_act: ContextVar[_Act | None] = ContextVar("act", default=None)


@contextmanager
def entry(how: str) -> Iterator[None]:
    """Name the way in (page, admin, api, command, task) for every change made inside."""
    token = _how.set(how)
    try:
        yield
    finally:
        _how.reset(token)


@contextmanager
def context(*, by: User | None, why: str, how: str | None = None, durable: bool = False) -> Iterator[None]:
    """Open a transaction whose changes carry who (None: the system itself), why and how.

    Inside an act of the same person nothing new begins: one act has one reason and is done or undone as a whole,
    so a refusal inside it must not be caught before it has left the act. One that is `durable` refuses to run inside
    another transaction, which could still take back what was done.

    django-pghistory's own context leaks to the end of the transaction and breaks composed SQL; this one sets
    both of its settings for the block and puts the previous values back.
    """
    outer = _act.get()
    act = _Act(str(by.pk) if by else SYSTEM, how or _how.get() or "code", why)
    if outer and (outer.by, outer.how) == (act.by, act.how):
        with transaction.atomic(savepoint=False, durable=durable):
            yield
        return
    inside = connection.in_atomic_block
    with transaction.atomic(durable=durable):
        if not inside:
            anchors.listen()
        _set(act)
        token = _act.set(act)
        try:
            yield
        finally:
            _act.reset(token)
        if inside:  # otherwise the settings end with the transaction
            _set(outer)
    if not inside:
        _anchor()


def _anchor() -> None:
    try:
        anchors.anchor()
    except OSError as error:  # what is committed stands, and the next act brings an anchor of its own
        logger.error("the audit chain was not anchored in %s: %s", anchors.anchor_path(), error)


def _set(act: _Act | None) -> None:
    settings = (str(act.id), json.dumps(act.metadata)) if act else ("", "")
    with together(), connection.cursor() as cursor:  # with the BEGIN that may go before it
        cursor.execute(
            "SELECT set_config(%s, %s, true), set_config(%s, %s, true)",
            (SETTINGS[0], settings[0], SETTINGS[1], settings[1]),
        )
