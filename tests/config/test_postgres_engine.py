"""The engine on a real server: who a connection acts as, whatever happens to it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, OperationalError, connections, transaction

from config.embedded import lease
from config.postgres.base import DatabaseWrapper
from config.postgres.roles import APP_ROLE, as_owner, ensure_app_role, grant_app_role

ROOT = Path(__file__).resolve().parents[2]
ALIAS = "scratch"
SERVERS = ["embedded", *(["DATABASE_URL"] if os.environ.get("DATABASE_URL") else [])]


@pytest.fixture(scope="module")
def var() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="var-", dir="/tmp"))
    yield base / "var"
    lease.release(base / "var" / "locks" / "postgres.lease")
    lease.take(base / "var" / "locks" / "keeper", 2)  # LOCK_EX: waits until the servers are down
    shutil.rmtree(base)


@pytest.fixture(params=SERVERS)
def database(request, var, django_db_blocker) -> Iterator[DatabaseWrapper]:
    """An empty database of its own, as connection `scratch`."""
    known = {"embedded": lambda: {"EMBEDDED_VAR": str(var)}, "DATABASE_URL": lambda: environ.Env().db_url()}
    settings = known[request.param]() | {"ENGINE": "config.postgres"}
    with django_db_blocker.unblock():
        wrapper = connect(settings)
        with wrapper._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE scratch_{os.getpid()}")
        wrapper.settings_dict["NAME"] = f"scratch_{os.getpid()}"
        connections[ALIAS] = wrapper
        yield wrapper
        wrapper.close()
        del connections[ALIAS]
        with wrapper._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE scratch_{os.getpid()}")


@pytest.fixture
def shelf(database: DatabaseWrapper) -> DatabaseWrapper:
    """A migrated database with a table `kept` and a table `loose`."""
    ensure_app_role(database)
    with as_owner(database):
        run(database, "CREATE TABLE kept (id serial PRIMARY KEY); CREATE TABLE loose (id int PRIMARY KEY)")
        grant_app_role(database, ("kept",))
    return database


def connect(settings: dict[str, Any], **login: str) -> DatabaseWrapper:
    """Return a connection that isn't open yet."""
    full = connections.configure_settings({"default": {**settings, **login}})["default"]
    return DatabaseWrapper(full, ALIAS)


def run(connection: DatabaseWrapper, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


def who(connection: DatabaseWrapper) -> str:
    return run(connection, "SELECT current_user")


def owner(connection: DatabaseWrapper) -> str:
    return run(connection, "SELECT session_user")


def test_the_app_role_reads_and_adds_but_never_changes_what_is_kept(shelf):
    assert who(shelf) == APP_ROLE != owner(shelf)
    run(shelf, "INSERT INTO kept DEFAULT VALUES")
    run(shelf, "INSERT INTO loose VALUES (1); UPDATE loose SET id = 2; DELETE FROM loose")
    assert run(shelf, "SELECT count(*) FROM kept") == 1
    forbidden = [
        "UPDATE kept SET id = 2",
        "DELETE FROM kept",
        "TRUNCATE kept",
        "TRUNCATE loose",
        "DROP TABLE kept",
    ]
    for sql in [*forbidden, "CREATE TABLE public.more ()", "ALTER TABLE kept DISABLE TRIGGER ALL"]:
        with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
            run(shelf, sql)
    with as_owner(shelf):
        run(shelf, "TRUNCATE kept")


def test_granting_again_leaves_what_is_kept_kept(shelf):
    grant_app_role(shelf, ("kept",))
    with pytest.raises(DatabaseError, match="permission denied"):
        run(shelf, "DELETE FROM kept")


def test_as_owner_nests_and_opens_a_closed_connection_as_the_owner(shelf):
    shelf.close()
    with as_owner(shelf):
        with as_owner(shelf):
            assert who(shelf) == owner(shelf)
        assert who(shelf) == owner(shelf)
        shelf.close()
        assert who(shelf) == owner(shelf)
    assert who(shelf) == APP_ROLE


def fail(connection: DatabaseWrapper) -> None:
    """Put the transaction in error."""
    run(connection, "INSERT INTO loose VALUES (1), (1)")


def owner_in_failed_transaction(connection: DatabaseWrapper) -> None:
    with transaction.atomic(ALIAS), as_owner(connection):
        fail(connection)


def owner_around_failed_transaction(connection: DatabaseWrapper) -> None:
    with as_owner(connection), transaction.atomic(ALIAS):
        fail(connection)


def owner_in_transaction_that_fails_later(connection: DatabaseWrapper) -> None:
    with transaction.atomic(ALIAS):
        run(connection, "SELECT 1")
        with as_owner(connection):
            assert who(connection) == owner(connection)
        assert who(connection) == APP_ROLE
        fail(connection)


def owner_before_any_statement_of_a_transaction_that_fails(connection: DatabaseWrapper) -> None:
    with transaction.atomic(ALIAS):
        with as_owner(connection):
            pass
        assert who(connection) == APP_ROLE
        fail(connection)


def owner_in_failed_savepoint(connection: DatabaseWrapper) -> None:
    with transaction.atomic(ALIAS):
        with pytest.raises(IntegrityError), transaction.atomic(ALIAS), as_owner(connection):
            fail(connection)
        assert who(connection) == APP_ROLE
        raise IntegrityError


def owner_left_before_rolling_back_to_a_savepoint_made_as_owner(connection: DatabaseWrapper) -> None:
    with transaction.atomic(ALIAS):
        with as_owner(connection):
            run(connection, "SELECT 1")
            savepoint = transaction.savepoint(ALIAS)
        transaction.savepoint_rollback(savepoint, ALIAS)
        assert who(connection) == APP_ROLE
        raise IntegrityError


def owner_around_a_failed_savepoint(connection: DatabaseWrapper) -> None:
    with transaction.atomic(ALIAS), as_owner(connection):
        with pytest.raises(IntegrityError), transaction.atomic(ALIAS):
            fail(connection)
        assert who(connection) == owner(connection)
        raise IntegrityError


def owner_left_in_a_failed_transaction_by_hand(connection: DatabaseWrapper) -> None:
    try:
        with as_owner(connection):
            connection.set_autocommit(False)
            fail(connection)
    finally:
        connection.rollback()
        assert who(connection) == APP_ROLE
        connection.rollback()
        connection.set_autocommit(True)


def owner_and_a_commit_that_fails(connection: DatabaseWrapper) -> None:
    with transaction.atomic(ALIAS), as_owner(connection):
        run(connection, "CREATE TABLE late (id int REFERENCES loose DEFERRABLE INITIALLY DEFERRED)")
        run(connection, "INSERT INTO late VALUES (7)")


@pytest.mark.parametrize(
    "story",
    [
        owner_in_failed_transaction,
        owner_around_failed_transaction,
        owner_in_transaction_that_fails_later,
        owner_before_any_statement_of_a_transaction_that_fails,
        owner_in_failed_savepoint,
        owner_left_before_rolling_back_to_a_savepoint_made_as_owner,
        owner_around_a_failed_savepoint,
        owner_left_in_a_failed_transaction_by_hand,
        owner_and_a_commit_that_fails,
    ],
)
def test_the_app_role_is_back_after(shelf, story: Callable[[DatabaseWrapper], None]):
    with pytest.raises(IntegrityError):
        story(shelf)
    assert who(shelf) == APP_ROLE
    assert shelf.get_autocommit()


def test_a_cut_connection_comes_back_as_the_app_role(shelf):
    def cut() -> None:
        with shelf._nodb_cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [shelf.connection.info.backend_pid])

    cut()
    with pytest.raises(OperationalError):
        who(shelf)
    shelf.close_if_unusable_or_obsolete()
    assert who(shelf) == APP_ROLE

    with pytest.raises(OperationalError), as_owner(shelf):
        cut()
        who(shelf)
    shelf.close_if_unusable_or_obsolete()
    assert who(shelf) == APP_ROLE


def test_the_maintenance_connection_stays_with_the_login(shelf):
    with shelf._nodb_cursor() as cursor:
        cursor.execute("SELECT current_user = session_user")
        assert cursor.fetchone() == (True,)


@pytest.fixture
def plain_login(shelf) -> Iterator[Callable[[str], DatabaseWrapper]]:
    """Make a login that is no superuser and owns nothing; return a connection with it."""
    name = f"plain_{os.getpid()}"
    made: list[DatabaseWrapper] = []

    def login(attribute: str) -> DatabaseWrapper:
        with as_owner(shelf):
            run(shelf, f"CREATE ROLE {name} LOGIN PASSWORD 'plain' {attribute}")
        made.append(connect(shelf.settings_dict, USER=name, PASSWORD="plain"))
        made[0].settings_dict.pop("EMBEDDED_VAR", None)  # which would fill in the embedded owner
        return made[0]

    yield login
    made[0].close()
    with as_owner(shelf):
        run(shelf, f"DROP ROLE {name}")


def test_a_login_that_may_not_become_the_app_role_is_told_what_to_ask_for(shelf, plain_login):
    login = plain_login("NOCREATEROLE")
    for attempt in (who, ensure_app_role):
        with pytest.raises(ImproperlyConfigured) as refusal:
            attempt(login)
        assert login.connection is None or attempt is ensure_app_role

    with as_owner(shelf):
        run(shelf, str(refusal.value).split("run once: ")[1].replace(f"CREATE ROLE {APP_ROLE} NOLOGIN; ", ""))
    assert who(login) == APP_ROLE


def test_two_logins_the_serving_one_can_never_be_the_owner(shelf, plain_login):
    serving = plain_login(f"IN ROLE {APP_ROLE}")
    assert who(serving) == APP_ROLE
    with as_owner(serving), pytest.raises(DatabaseError, match="permission denied"):
        run(serving, "DELETE FROM kept")


class TestBeforeTheFirstMigration:
    """On a server that has no app role yet."""

    @pytest.fixture(params=["embedded"])
    def database(self, request, var, django_db_blocker) -> Iterator[DatabaseWrapper]:
        with django_db_blocker.unblock():
            wrapper = connect({"ENGINE": "config.postgres", "EMBEDDED_VAR": str(var)})
            with wrapper._nodb_cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database WHERE datname !~ '^(template|postgres)'")
                for (name,) in cursor.fetchall():
                    other = connect({**wrapper.settings_dict, "NAME": name})
                    with as_owner(other):
                        run(
                            other,
                            f"DO $$ BEGIN DROP OWNED BY {APP_ROLE}; EXCEPTION WHEN OTHERS THEN NULL; END $$",
                        )
                    other.close()
                cursor.execute(f"DROP ROLE IF EXISTS {APP_ROLE}")
            yield wrapper
            wrapper.close()

    def test_a_connection_opens_as_the_owner_and_says_so_where_there_are_tables(self, database, caplog):
        assert who(database) == owner(database) == "screentrial_owner"
        assert caplog.text == ""  # whatever is asked of an empty database says itself that it is empty
        run(database, "CREATE TABLE django_migrations (id int)")
        database.close()
        assert who(database) == "screentrial_owner" and "manage.py migrate" in caplog.text
        run(database, "DROP TABLE django_migrations")
        assert database.settings_dict["HOST"].endswith("sockets")

        ensure_app_role(database)
        assert who(database) == APP_ROLE

    @pytest.mark.parametrize("attribute", ["CREATEROLE", "NOCREATEROLE"])
    def test_a_plain_login_makes_the_role_if_it_may(self, database, attribute):
        run(database, f"DROP ROLE IF EXISTS builder; CREATE ROLE builder LOGIN {attribute}")
        settings = {key: value for key, value in database.settings_dict.items() if key != "EMBEDDED_VAR"}
        login = connect(settings, USER="builder")
        if attribute == "CREATEROLE":
            ensure_app_role(login)
            assert who(login) == APP_ROLE
        else:
            with pytest.raises(ImproperlyConfigured, match=f"CREATE ROLE {APP_ROLE} NOLOGIN; GRANT"):
                ensure_app_role(login)
        login.close()

    def test_many_may_make_the_role_at_once(self, database, django_db_blocker):
        who(database)
        failures: list[BaseException] = []
        gate = threading.Barrier(8)

        def make() -> None:
            connections[ALIAS] = wrapper = connect(database.settings_dict)
            try:
                gate.wait()
                ensure_app_role(wrapper)
                assert who(wrapper) == APP_ROLE
                grant_app_role(wrapper, ())
            except BaseException as error:
                failures.append(error)
            finally:
                wrapper.close()

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


PROJECT = {
    "project.py": """
import json, os
SECRET_KEY = "only for this test"
USE_TZ = True
INSTALLED_APPS = ["config.apps.ProjectConfig", "shelf"]
DATABASES = {"default": json.loads(os.environ["DATABASE"])}
""",
    "shelf/__init__.py": "",
    "shelf/models.py": """
from django.db import models
class Book(models.Model):
    title = models.TextField()
class Loan(models.Model):
    book = models.ForeignKey(Book, models.CASCADE)
""",
    "shelf/migrations/__init__.py": "",
    "shelf/guards.py": 'KEPT_TABLES = ("shelf_book",)',
    "use.py": """
import django; django.setup()
from django.core.management import call_command
from django.db import DatabaseError, connection
from shelf.models import Book, Loan
book = Book.objects.create(title="Kept")
Loan.objects.create(book=book).delete()
try:
    book.delete()
except DatabaseError as error:
    print(error)
call_command("flush", interactive=False)
print(Book.objects.count())
""",
}


def test_migrate_and_flush_work_as_owner_and_the_rest_as_app(database, tmp_path):
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    keys = ("ENGINE", "EMBEDDED_VAR", "NAME", "USER", "PASSWORD", "HOST", "PORT")
    settings = {key: database.settings_dict[key] for key in keys if key in database.settings_dict}

    def manage(*words: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "project",
            "DATABASE": json.dumps(settings),
            "PATH": os.environ["PATH"],
        }
        return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True)

    django = ("-m", "django")
    assert "Create model Book" in manage(*django, "makemigrations", "shelf").stdout
    assert "Create model Book" in manage(*django, "migrate", "--plan").stdout
    migrated = manage(*django, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    used = manage(str(tmp_path / "use.py"))
    assert used.stdout.splitlines() == ["permission denied for table shelf_book", "0"], used.stderr

    (tmp_path / "shelf" / "guards.py").write_text('KEPT_TABLES = ("shelf_bok",)')
    wrong = manage(*django, "migrate")
    assert wrong.returncode == 1
    assert "shelf_bok" in wrong.stderr
    assert manage(*django, "migrate", "shelf", "zero").returncode == 0
