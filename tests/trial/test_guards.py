"""What the database itself refuses, whoever asks: no code of ours stands between these statements and it."""

import json

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from analysis import guards as analysis_guards
from config.postgres.roles import as_owner, kept_tables
from screening import guards as screening_guards
from screening.services import cohort
from tests.factories import World, high_risk, in_arm, make_participant, make_world, randomized, refusal, sql
from trial import guards
from trial.models import Allocation, Participant, Stratum, TrialKind
from trial.protocol import template

pytestmark = pytest.mark.django_db
OURS = ("trial", "screening", "analysis")
WRITTEN_ONCE = (*guards.APPEND_ONLY, *screening_guards.APPEND_ONLY, *analysis_guards.APPEND_ONLY)
CHANGING = (*guards.KEPT_BUT_CHANGING, *screening_guards.CHANGING)
GUARDED = sorted({*WRITTEN_ONCE, *CHANGING} - set(guards.UNTRACKED))
# Neither tracked nor guarded, each for a reason; a new model is one or the other, or stands here.
EXCEPTIONS = {
    "trial_user": "accounts; what they may do is in memberships, which are tracked",
    "trial_personkey": "deleting it must erase an identity in the audit trail too",
    "trial_stratum": "a cursor that only moves forward",
    "trial_uploadedlist": "written once, and sealed: an audit trail must not hold a second copy",
    "screening_receipt": "written once, and itself a log",
}
ALLOCATE = (
    "INSERT INTO trial_allocation (id, occurred_at, participant_id, stratum_id, sequence, arm, randomized_on,"
    " engine_version, strata_values, evidence, protocol_version_id)"
    " VALUES (gen_random_uuid(), now() - %s * interval '1 minute', %s, %s, %s, 'screening', current_date,"
    " 'x', '{}', '{}', %s)"
)


def models() -> list:
    return [m for m in apps.get_models() if m._meta.app_label in OURS]


def test_every_model_is_tracked_and_guarded_or_says_why_not():
    events = {
        m._meta.db_table: m.pgh_event_model._meta.db_table for m in models() if hasattr(m, "pgh_event_model")
    }
    plain = {m._meta.db_table for m in models() if not hasattr(m, "pgh_tracked_model")} - set(events)

    assert sorted(events) == GUARDED
    assert plain == set(EXCEPTIONS)
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
    wanted = {(table, "audit_context") for table in GUARDED}
    wanted |= {(table, "written_once") for table in kept_tables()}
    wanted |= {(guards.event_table(table), "by_trigger") for table in GUARDED}
    wanted |= {(table, "never_deleted") for table in CHANGING}
    wanted |= {(table, "stays") for table in (*guards.STAYS, *screening_guards.STAYS)}

    assert wanted - triggers() == set()


@pytest.mark.parametrize("table", kept_tables())
def test_the_app_role_never_changes_what_is_kept(table):
    for statement in ("UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with connection.cursor() as cursor:
            column = connection.introspection.get_table_description(cursor, table)[0].name
        assert "permission denied" in refusal(statement.format(table, column, column))


@pytest.mark.parametrize("table", GUARDED)
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
    filled = [t for t in (*WRITTEN_ONCE, *(guards.event_table(t) for t in GUARDED)) if has_rows(t)]
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


def test_an_approved_protocol_is_never_edited(world):
    changed = (
        "UPDATE trial_protocolversion SET definition = jsonb_set(definition, '{referral_window_days}', '365')"
    )

    assert "frozen" in refusal(changed)
    assert "frozen" in refusal("UPDATE trial_protocolversion SET sha256 = repeat('0', 64)")
    assert "never a draft again" in refusal("UPDATE trial_protocolversion SET state = 'draft'")
    assert "approved_by_a_second_person" in refusal(
        "UPDATE trial_protocolversion SET approved_by_id = drafted_by_id"
    )


def test_a_draft_can_be_edited_but_not_put_in_force(db):
    world = make_world(active=False)
    sql(
        "INSERT INTO trial_protocolversion (id, trial_id, number, definition, sha256, state, drafted_by_id)"
        " VALUES (gen_random_uuid(), %s, 1, '{}', repeat('0', 64), 'draft', %s)",
        world.trial.pk, world.coordinator.pk,
    )  # fmt: skip

    sql('UPDATE trial_protocolversion SET definition = \'{"title": "better"}\'')

    assert "approval of a second person" in refusal("UPDATE trial_protocolversion SET state = 'active'")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("trial_participant SET study_number = 'DEMO-01-000099-X'", "never change"),
        ("trial_participant SET state = 'withdrawn'", "needs its state change"),
        ("trial_participant SET sex = 'f'", "participant_sex_known"),
        ("trial_person SET identity_hash = sha256(identity_hash)", "never given another identity_hash"),
        ("trial_trial SET kind = 'recorded', clock_offset_days = 0", "never given another"),
        ("trial_trial SET key_fingerprint = repeat('0', 16)", "never given another"),
        ("trial_site SET number = 7", "never given another"),
    ],
)
def test_what_a_row_is_about_never_changes(world, change, refused):
    make_participant(world)

    assert refused in refusal(f"UPDATE {change}")


def test_a_baseline_is_never_handed_to_another_person(world):
    one, other = make_participant(world), make_participant(world)
    sql("UPDATE trial_baseline SET bmi = 22.5 WHERE participant_id = %s", one.pk)

    for taken in (
        "DELETE FROM trial_baseline WHERE participant_id = %s",
        "UPDATE trial_baseline SET participant_id = %s",
    ):
        assert "never" in refusal(taken, other.pk)


def test_an_old_state_change_moves_nobody_today(world):
    """The change of state and its record are written together: yesterday's record is no excuse."""
    person = make_participant(world)
    sql(
        "INSERT INTO trial_statechange (id, occurred_at, recorded_at, event, from_state, to_state, reason,"
        " participant_id, protocol_version_id) VALUES (gen_random_uuid(), now(), now() - interval '1 day',"
        " 'x', 'registered', 'eligible', '', %s, %s)",
        person.pk, world.trial.protocol_version.pk,
    )  # fmt: skip

    assert "needs its state change" in refusal("UPDATE trial_participant SET state = 'eligible'")


def candidate(world: World) -> Participant:
    """Return somebody eligible at high risk, not randomized."""
    person = high_risk(world)[0]
    cohort.assess(person, by=world.coordinator)
    return person


def stratum(world: World) -> Stratum:
    return Stratum.objects.get_or_create(trial=world.trial, label="all")[0]


def allocate(
    world: World, person: Participant, *, sequence: int = 1, minutes_ago: int = 0, into=None
) -> tuple:
    version = world.trial.protocol_version
    return ALLOCATE, minutes_ago, person.pk, (into or stratum(world)).pk, sequence, version.pk


def test_only_the_eligible_are_allocated(world):
    assert "this one is registered" in refusal(*allocate(world, make_participant(world)))

    sql(*allocate(world, candidate(world)))
    assert Allocation.objects.count() == 1


def test_nobody_is_allocated_from_another_trials_list(world):
    other = make_world("OTHER")

    assert "another trial" in refusal(*allocate(world, candidate(world), into=stratum(other)))


def test_nobody_is_allocated_twice(world):
    person = in_arm(randomized(world, 2), "control")
    sql("INSERT INTO trial_statechange (id, occurred_at, event, from_state, to_state, reason, participant_id,"
        " protocol_version_id) VALUES (gen_random_uuid(), now(), 'x', 'randomized', 'eligible', '', %s, %s)",
        person.pk, world.trial.protocol_version.pk)  # fmt: skip
    sql("UPDATE trial_participant SET state = 'eligible' WHERE id = %s", person.pk)

    assert "unique" in refusal(*allocate(world, person, sequence=3))


def test_a_paused_trial_allocates_nobody(world):
    person = candidate(world)
    sql("UPDATE trial_trial SET state = 'paused'")

    assert "paused, not active" in refusal(*allocate(world, person))


@pytest.mark.parametrize(("minutes", "refused"), [(4, False), (6, True), (-6, True)])
def test_a_live_trial_draws_now(db, minutes, refused):
    world = make_world("LIVE", kind=TrialKind.LIVE, protocol=template("opscan"))
    person = candidate(world)

    if refused:
        assert "randomizes now" in refusal(*allocate(world, person, minutes_ago=minutes))
    else:
        sql(*allocate(world, person, minutes_ago=minutes))


def test_a_list_never_moves_back_and_never_grows(world):
    randomized(world, 4)

    for change in ("drawn = 3", "total = 40", "label = 'other'", "list_version = 2"):
        assert "only moves forward" in refusal(f"UPDATE trial_stratum SET {change}")
    assert "no_draw_past_the_end" in refusal("UPDATE trial_stratum SET drawn = 5")
