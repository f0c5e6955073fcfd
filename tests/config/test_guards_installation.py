"""Guards of an older version give way to today's at the next migrate, and nothing else does."""

from io import StringIO

from django.core.management import call_command
from django.db import connection

from config.postgres.roles import as_owner

TRIGGERS = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
CHECKS = "SELECT conrelid::regclass::text, conname FROM pg_constraint ORDER BY 1, 2"


def rows(query: str) -> list:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_an_older_database_gets_todays_guards_and_loses_none(db):
    triggers, checks = rows(TRIGGERS), rows(CHECKS)
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("COMMENT ON FUNCTION require_audit_context IS 'guards of last year'")
        cursor.execute("DROP TRIGGER check_allocation ON trial_allocation")
        cursor.execute("ALTER TABLE trial_participant DROP CONSTRAINT died_on_form")
        cursor.execute(
            "CREATE TRIGGER of_last_year BEFORE DELETE ON trial_site FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )

    call_command("migrate", verbosity=0, stdout=StringIO())

    assert rows(TRIGGERS) == triggers
    assert rows(CHECKS) == checks


def test_guards_that_are_there_are_left_alone(db):
    before = rows("SELECT oid, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")

    call_command("migrate", verbosity=0, stdout=StringIO())

    assert rows("SELECT oid, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1") == before
