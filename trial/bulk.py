"""Writing rows, many at once or a few: triggers, constraints and audit context hold as ever."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault
from psycopg import sql

from trial import statements
from trial.statements import wrapper

MANY = 8  # fewer rows are sooner inserted one by one, by a statement that is planned already


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model; columns left to the database get their defaults, read when they are asked for.

    `bulk_create` spends five times as long on building its statement as this takes.
    """
    if not rows:
        return
    database = wrapper()
    left_out = {f.attname for f in rows[0]._meta.concrete_fields if _left_out(f, rows[0])}
    fields: list[Any] = [f for f in rows[0]._meta.concrete_fields if f.attname not in left_out]
    write = _insert_each if len(rows) < MANY else _copy
    write(
        rows[0]._meta.db_table,
        [f.column for f in fields],
        ([_prepared(f, row, database) for f in fields] for row in rows),
    )
    left = left_out - {rows[0]._meta.pk.attname}
    for row in rows:
        row._state.adding, row._state.db = False, database.alias
        for name in left:
            del row.__dict__[name]  # to Django a field that was not read yet


def _insert_each(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    for row in rows:
        statements.run(_insert_statement(table, tuple(columns)), *row)


@cache
def _insert_statement(table: str, columns: tuple[str, ...]) -> str:
    quote = connection.ops.quote_name
    places = ", ".join("%s" for _ in columns)
    return f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))}) VALUES ({places})"  # noqa: S608


def _copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    # Psycopg's own errors become Django's, as they do for any other statement.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(copy) as out:
        for row in rows:
            out.write_row(row)


def together(rows: Sequence[models.Model]) -> AbstractContextManager[None]:
    """Send what is written about a few rows without waiting for each statement; COPY, for many, must wait."""
    return statements.together() if len(rows) < MANY else nullcontext()


def update(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write these fields of rows of one model in one statement (`bulk_update` writes a CASE of them all)."""
    if not rows or not names:
        return
    meta = rows[0]._meta
    fields: list[Any] = [meta.pk, *(meta.get_field(name) for name in names)]
    columns = [sql.Identifier(f.column) for f in fields]
    values = [sql.SQL("%s::{}[]").format(sql.SQL(f.db_type(connection))) for f in fields]
    statement = sql.SQL(
        "UPDATE {table} SET {sets} FROM unnest({values}) AS new ({columns}) WHERE {pk} = new.{key}"
    )
    table, key = sql.Identifier(meta.db_table), columns[0]
    text = statement.format(
        table=table,
        sets=sql.SQL(", ").join(sql.SQL("{0} = new.{0}").format(c) for c in columns[1:]),
        values=sql.SQL(", ").join(values),
        columns=sql.SQL(", ").join(columns),
        pk=sql.SQL("{}.{}").format(table, key),
        key=key,
    )
    database = wrapper()
    with database.cursor() as cursor:
        cursor.execute(text, [[_prepared(f, row, database) for row in rows] for f in fields])


def _left_out(field: Any, row: models.Model) -> bool:
    value = getattr(row, field.attname)
    return isinstance(value, DatabaseDefault) or (field.primary_key and value is None)


def _prepared(field: Any, row: models.Model, database: Any) -> Any:
    return field.get_db_prep_save(getattr(row, field.attname), connection=database)
