"""Statements that are written once: Django builds the same one anew each time, which here costs more than its answer.

For the few that every draw makes; whatever is read less often is a queryset. The server binds their values and plans
them once a connection, which Django's own cursors leave: a statement so bound takes 65,535 values at most.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from psycopg import Cursor

M = TypeVar("M", bound=models.Model)


def run(statement: str, *values: Any) -> list[tuple]:
    """Run a statement and return its rows, none where it has none to return."""
    sent = send(statement, *values)
    return sent.fetchall() if sent.description else []


def wrapper() -> Any:
    """Return the connection itself, for many uses at once: `django.db.connection` looks it up at each."""
    return connections[DEFAULT_DB_ALIAS]


def send(statement: str, *values: Any) -> Cursor:
    """Send a statement and return the cursor that is to be read."""
    database = wrapper()
    database.close_if_health_check_failed()
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        return Cursor(database.connection).execute(statement, values)


@contextmanager
def together() -> Iterator[None]:
    """Send the writes of the block without waiting for each; the first refusal is raised at its end."""
    database = wrapper()
    with database.wrap_database_errors, database.connection.pipeline():
        yield


class Read(Generic[M]):
    """A SELECT of a model's rows, named `it` in `rest`, and of what they point to, by the names of the fields.

    `without` names fields that are read when they are asked for; `also` attributes and the SQL of their values.
    """

    def __init__(
        self,
        model: type[M],
        *related: str,
        rest: str,
        without: Sequence[str] = (),
        also: Mapping[str, str] | None = None,
    ) -> None:
        self._model, self._related, self._rest = model, related, rest
        self._without, self._also = without, dict(also or {})

    def __call__(self, *values: Any) -> list[M]:
        """Return the rows for these values of the statement's places."""
        return self.rows(self.send(*values))

    def send(self, *values: Any) -> Cursor:
        """Send the statement and return the cursor that is to be read."""
        return send(self._statement, *values)

    def rows(self, sent: Cursor) -> list[M]:
        """Return the rows of a statement that was sent."""
        return [self._row(row) for row in sent.fetchall()]

    @cached_property
    def _parts(self) -> list[tuple[str, Any, list[Any]]]:
        meta = self._model._meta
        of: list[tuple[str, Any]] = [("it", self._model)]
        of += [(name, meta.get_field(name).related_model) for name in self._related]
        return [(name, model, self._fields(model)) for name, model in of]

    def _fields(self, model: type[models.Model]) -> list[Any]:
        return [f for f in model._meta.concrete_fields if f.name not in self._without]

    @cached_property
    def _statement(self) -> str:
        quote = wrapper().ops.quote_name
        columns = [f"{quote(name)}.{quote(f.column)}" for name, _, fields in self._parts for f in fields]
        columns += self._also.values()
        joins = [
            f"JOIN {quote(model._meta.db_table)} AS {quote(name)} "
            f"ON {quote(name)}.{quote(model._meta.pk.column)} = it.{quote(f'{name}_id')}"
            for name, model, _ in self._parts[1:]
        ]
        table = quote(self._model._meta.db_table)
        return " ".join(["SELECT", ", ".join(columns), f"FROM {table} AS it", *joins, self._rest])

    def _row(self, row: Sequence[Any]) -> M:
        start, made, database = 0, {}, wrapper()
        for name, model, fields in self._parts:
            values = [_read(f, value, database) for f, value in zip(fields, row[start:], strict=False)]
            made[name] = model.from_db(database.alias, [f.attname for f in fields], values)
            start += len(fields)
        made |= dict(zip(self._also, row[start:], strict=True))
        for name in (*self._related, *self._also):
            setattr(made["it"], name, made[name])
        return made["it"]


def _read(field: Any, value: Any, database: Any) -> Any:
    converted = getattr(field, "from_db_value", None)
    return converted(value, None, database) if converted else value
