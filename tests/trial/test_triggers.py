"""Every table is guarded: nothing changes without who, why and how, and what is kept stays."""

import json

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from analysis import guards as analysis_guards
from config.postgres.roles import as_owner, kept_tables
from screening import guards as screening_guards
from tests.factories import randomized, refusal
from trial import guards
from trial.chain import LINKS, WAITING
from trial.triggers import CHAINED, UNTRACKED, event_table

pytestmark = pytest.mark.django_db
OURS = ("trial", "screening", "analysis")
WRITTEN_ONCE = (*guards.APPEND_ONLY, *screening_guards.APPEND_ONLY, *analysis_guards.APPEND_ONLY)
CHANGING = (*guards.KEPT_BUT_CHANGING, *screening_guards.CHANGING)
GUARDED = sorted({*WRITTEN_ONCE, *CHANGING} - set(UNTRACKED))
ASKED = sorted({*WRITTEN_ONCE, *CHANGING, "trial_personkey"})
# Without an audit table, each for a reason; a new model has one, or stands here.
EXCEPTIONS = {
    "trial_personkey": "deleting it must erase an identity in the audit trail too; who did it is with the person",
    "trial_stratum": "a cursor that only moves forward; the allocations tell each step",
    "trial_uploadedlist": "written once, and sealed: an audit trail must not hold a second copy",
    "screening_receipt": "written once, and itself a log; chained as an audit table is",
    "screening_refusedcaller": "no record: counts who knocked in vain, and forgets the oldest",
    "trial_auditlink": "the chain over the audit tables",
}


def models() -> list:
    return [m for m in apps.get_models() if m._meta.app_label in OURS]


def test_every_model_is_tracked_and_guarded_or_says_why_not():
    events = {
        m._meta.db_table: m.pgh_event_model._meta.db_table for m in models() if hasattr(m, "pgh_event_model")
    }
    plain = {m._meta.db_table for m in models() if not hasattr(m, "pgh_tracked_model")} - set(events)

    assert sorted(events) == GUARDED
    assert plain == set(EXCEPTIONS) == set(UNTRACKED)
    assert set(events.values()) | set(WRITTEN_ONCE) <= set(kept_tables())


def triggers() -> set[tuple[str, str]]:
    """Return (table, trigger) of every trigger that is there and switched on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgenabled = 'O'"
        )
        return set(cursor.fetchall())


def test_what_the_lists_say_is_installed():
    wanted = {(table, "audit_context") for table in ASKED}
    wanted |= {(table, "written_once") for table in kept_tables()}
    wanted |= {(event_table(table), "by_trigger") for table in GUARDED}
    wanted |= {(table, "never_deleted") for table in CHANGING}
    wanted |= {(table, "chained") for table in (*CHAINED, *(event_table(table) for table in GUARDED))}
    wanted |= {(LINKS, "by_trigger"), (WAITING, "by_trigger"), (WAITING, "linked")}
    wanted |= {(table, "stays") for table in (*guards.STAYS, *screening_guards.STAYS)}
    for model in models():
        names = {field.name for field in model._meta.concrete_fields}
        clock = names & {"recorded_at", "received_at"} if model._meta.db_table in ASKED else set()
        wanted |= {(model._meta.db_table, f"sets_{column}") for column in clock}

    assert wanted - triggers() == set()


@pytest.mark.parametrize("table", kept_tables())
def test_the_app_role_never_changes_what_is_kept(table):
    for statement in ("UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with connection.cursor() as cursor:
            column = connection.introspection.get_table_description(cursor, table)[0].name
        assert "permission denied" in refusal(statement.format(table, column, column))


@pytest.mark.parametrize("table", ASKED)
def test_no_guarded_table_changes_without_who_why_and_how(table):
    # Not a single row is written: asking is enough to be refused.
    with (
        pytest.raises(DatabaseError, match="audit context"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 0")


@pytest.mark.parametrize("missing", ["by", "why", "how"])
def test_a_context_that_lacks_a_part_is_none(missing):
    told = json.dumps({"by": "7", "why": "a reason", "how": "test"} | {missing: ""})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pghistory.context_metadata', %s, true)", [told])
        with pytest.raises(DatabaseError, match=r"who \(by\), why and how"), transaction.atomic():
            cursor.execute("UPDATE trial_trial SET title = 'x' WHERE false")


def test_even_the_owner_is_stopped_by_the_triggers(world):
    """A migration gone wrong, or a superuser in a hurry, meets the second lock behind the missing right."""
    randomized(world, 4)
    filled = [t for t in (*WRITTEN_ONCE, *(event_table(t) for t in GUARDED)) if has_rows(t)]
    assert {"trial_allocation", "trial_allocationevent", "screening_score", "trial_statechange"} <= set(
        filled
    )

    with as_owner(connection):
        for table in filled:
            column = "id" if table in WRITTEN_ONCE else "pgh_id"
            assert "never changed" in refusal(f"UPDATE {table} SET {column} = {column}")
            assert "never deleted" in refusal(f"DELETE FROM {table}")
        for table in filter(has_rows, CHANGING):
            assert "never deleted" in refusal(f"DELETE FROM {table}")


def has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")
        return cursor.fetchone()[0]
