"""Two roles: the owner migrates; the app role serves, and can't change or delete what is kept.

The login of DATABASE_URL is the owner, and every connection acts as the app role (SET ROLE) unless inside
`as_owner`. A deployment does better with two logins: `migrate` run with the owner's DATABASE_URL, and the
serving processes with one that is only a member of the app role (`CREATE ROLE serve LOGIN PASSWORD '...'
IN ROLE screentrial_app`), so that nothing they run can become the owner.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeAlias

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.utils import ProgrammingError
from django.utils.module_loading import module_has_submodule
from psycopg.errors import InsufficientPrivilege

Connection: TypeAlias = Any  # config.postgres.base.DatabaseWrapper, or django.db.connection in its place
APP_ROLE = "screentrial_app"
GRANT_LOCK = 7_232_001  # any number of our own: two GRANTs on one table at once would fail
# In a trigger a session's temporary table must not stand before the real one of that name: an audit row or a
# look-up would land there.
PIN_TRIGGERS = """
DO $$ DECLARE f regprocedure; BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE prorettype = 'trigger'::regtype
             AND pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
    LOOP EXECUTE format('ALTER FUNCTION %s SET search_path = public, pg_temp', f); END LOOP;
END $$"""


@contextmanager
def as_owner(connection: Connection) -> Iterator[None]:
    """Act as the owner inside the block, whether the connection is open yet or not."""
    connection.owner_depth += 1
    try:
        connection.act()
        yield
    finally:
        connection.owner_depth -= 1
        connection.act()


def ensure_app_role(connection: Connection) -> None:
    """Create the app role and let the present login act as it, if that isn't so; safe to run at once."""
    with as_owner(connection), connection.cursor() as cursor:
        # Up to version 15 whoever is a member may SET ROLE; since then it is a right of its own.
        right = "SET" if connection.pg_version >= 160000 else "MEMBER"
        cursor.execute("SELECT pg_has_role(rolname, %s) FROM pg_roles WHERE rolname = %s", [right, APP_ROLE])
        if cursor.fetchone() == (True,):
            return
        with explain_refusal(connection):
            for statement in (f"CREATE ROLE {APP_ROLE} NOLOGIN", f"GRANT {APP_ROLE} TO CURRENT_USER"):
                unless_done = "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL"
                cursor.execute(f"DO $$ BEGIN {statement}; {unless_done}; END $$")


@contextmanager
def explain_refusal(connection: Connection) -> Iterator[None]:
    """Turn a refusal by PostgreSQL into what the database's administrator has to run."""
    try:
        yield
    except ProgrammingError as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        login = connection.ops.quote_name(connection.settings_dict["USER"] or "the login")
        raise ImproperlyConfigured(
            f"The database login {login} can neither become nor create the role {APP_ROLE} ({error}). "
            f"Ask an administrator of the server to run once: "
            f"CREATE ROLE {APP_ROLE} NOLOGIN; GRANT {APP_ROLE} TO {login};"
        ) from error


def grant_app_role(connection: Connection, kept: tuple[str, ...]) -> None:
    """Let the app role read and write every table in `public`, but only read and add to the kept ones."""
    quoted = ", ".join(connection.ops.quote_name(table) for table in kept)
    with as_owner(connection), transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GRANT_LOCK])
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}")
        cursor.execute(PIN_TRIGGERS)
        if kept:
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {quoted} FROM {APP_ROLE}")


def guard_modules() -> list[Any]:
    """Return the `guards` module of every installed app that has one, in the order of INSTALLED_APPS."""
    return [
        import_module(f"{app.name}.guards")
        for app in apps.get_app_configs()
        if module_has_submodule(app.module, "guards")
    ]


def kept_tables() -> tuple[str, ...]:
    """Return the KEPT_TABLES of every installed app's `guards` module."""
    return tuple(table for module in guard_modules() for table in getattr(module, "KEPT_TABLES", ()))
