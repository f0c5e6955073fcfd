"""Who, why and how: the context without which the database refuses a change to the record."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

from trial.models import User

# By what way the process that runs now came to write: page, admin, api, command, task.
_how: ContextVar[str] = ContextVar("how", default="")

SYSTEM = "system"
SETTINGS = ("pghistory.context_id", "pghistory.context_metadata")


@contextmanager
def entry(how: str) -> Iterator[None]:
    """Name the way in (page, admin, api, command, task) for every change made inside."""
    token = _how.set(how)
    try:
        yield
    finally:
        _how.reset(token)


@contextmanager
def context(*, by: User | None, why: str, how: str | None = None) -> Iterator[None]:
    """Open a transaction whose changes carry who (None: the system itself), why and how.

    django-pghistory's own context leaks to the end of the transaction and breaks composed SQL; this one sets
    both of its settings for the block and puts the previous values back.
    """
    metadata = {"by": str(by.pk) if by else SYSTEM, "why": why, "how": how or _how.get() or "code"}
    with transaction.atomic():
        previous = _current()
        _set(str(uuid.uuid4()), json.dumps(metadata))
        yield
        _set(*previous)


def _current() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(current_setting(%s, true), ''), COALESCE(current_setting(%s, true), '')",
            SETTINGS,
        )
        return cursor.fetchone()


def _set(context_id: str, metadata: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(%s, %s, true), set_config(%s, %s, true)",
            (SETTINGS[0], context_id, SETTINGS[1], metadata),
        )
