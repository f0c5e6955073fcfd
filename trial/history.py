"""Read the audit trail of one row: who changed what, when, why and by what way.

Only the named fields are read. A caller names those it shows anyway: a trail tells no more than the page.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from django.db.models import Field, Model

from trial.audit import SYSTEM
from trial.models import User

NOTHING = "—"
WORDS = {"insert": "recorded", "update": "changed", "delete": "deleted"}


class Change(NamedTuple):
    """What one field said before and after."""

    field: str
    old: str
    new: str


class Line(NamedTuple):
    """One change of a row."""

    at: datetime
    who: str
    how: str
    why: str
    what: str
    changes: list[Change]


def history(row: Model, fields: Iterable[str]) -> list[Line]:
    """Return the changes of a row to these fields, newest first; what left all of them alone is left out."""
    if not hasattr(row, "pgh_event_models"):
        return []
    named: list[Field] = [row._meta.get_field(name) for name in fields]  # type: ignore[misc]
    trail = row.events.model._meta  # type: ignore[attr-defined]
    kept = {field.attname for field in trail.concrete_fields}  # an account's last sign-in is in no trail
    columns = [field for field in named if field.attname in kept]
    events = list(row.events.order_by("pgh_id"))  # type: ignore[attr-defined]
    who = _names(events)
    lines = [_line(old, new, columns, who) for old, new in pairwise([None, *events])]
    return [line for line in reversed(lines) if line.changes]


def in_words(field: Field, value: Any) -> str:
    """Return a stored value as people read it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, date):
        return value.isoformat()
    # A list, such as the ten probabilities of a score, has no choices and can't be looked up.
    return str(dict(field.flatchoices).get(value, value)) if field.flatchoices else str(value)


def _line(old: Any, new: Any, columns: Sequence[Field], who: dict[str, str]) -> Line:
    context = new.pgh_context or {}
    changes = [
        Change(str(column.verbose_name), _said(column, old), _said(column, new))
        for column in columns
        if getattr(old, column.attname, None) != getattr(new, column.attname)
    ]
    by = str(context.get("by", ""))
    what = WORDS.get(new.pgh_label, new.pgh_label)
    return Line(
        new.pgh_created_at, who.get(by, by), context.get("how", ""), context.get("why", ""), what, changes
    )


def _said(column: Field, event: Any) -> str:
    if event is None:
        return NOTHING
    if column.is_relation:
        return str(getattr(event, column.name) or NOTHING)
    return in_words(column, getattr(event, column.attname))


def _names(events: Sequence[Any]) -> dict[str, str]:
    """Return who the ids in the audit context are."""
    ids = {str((event.pgh_context or {}).get("by", "")) for event in events}
    people = User.objects.in_bulk([int(i) for i in ids if i.isdigit()])
    return {str(pk): user.shown_name for pk, user in people.items()} | {SYSTEM: "the system"}
