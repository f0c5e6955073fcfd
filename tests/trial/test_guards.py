"""What the database itself refuses, whoever asks: no code of ours stands between these statements and it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from config.postgres.roles import as_owner
from screening.services import cohort
from tests.factories import (
    World,
    add_film,
    forget,
    high_risk,
    in_arm,
    make_participant,
    make_world,
    randomized,
    refusal,
    sql,
)
from trial import audit
from trial.models import Allocation, Participant, Stratum, TrialKind, User
from trial.protocol import template
from trial.services import accounts, conduct
from trial.states import TRANSITIONS, State

pytestmark = pytest.mark.django_db
ALLOCATE = (
    "INSERT INTO trial_allocation (id, occurred_at, participant_id, stratum_id, sequence, arm, randomized_on,"
    " engine_version, strata_values, counts_before, evidence, protocol_version_id)"
    " SELECT gen_random_uuid(), at, %s, %s, %s, 'screening', (at AT TIME ZONE 'Asia/Taipei')::date + %s, 'x',"
    " '{}', '{}', %s, %s FROM (SELECT now() - %s * interval '1 minute' AS at) now"
)
HIGH = '{"risk_class": "high"}'


def silently(statement: str) -> str:
    """Return what the database says to a statement that has no audit context."""
    with (
        pytest.raises(DatabaseError, match="audit context") as refused,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return str(refused.value)


def test_nobody_s_key_is_destroyed_in_silence(world):
    person = make_participant(world).person

    assert "trial_personkey" in silently("UPDATE trial_personkey SET wrapped = ''")
    assert "when a second person has approved it" in refusal("DELETE FROM trial_personkey")
    forget(person.participations.get(), world)
    assert not type(person).objects.filter(key__isnull=False).exists()


def test_an_account_is_closed_or_renamed_by_somebody_for_a_reason(world):
    caller = world.caller
    for change in ("is_active = false", "username = 'x' || id", "is_superuser = true", "email = 'x@y.z'"):
        assert "trial_user" in silently(f"UPDATE trial_user SET {change}")
    assert "never deleted" in refusal("DELETE FROM trial_user WHERE id = %s", world.stranger.pk)

    User.objects.get(pk=caller.pk).save()  # as Django writes an account whose password it hashes anew
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trial_user SET password = 'x', last_login = now() WHERE id = %s", [caller.pk])
    accounts.set_password(caller, password="a password of many words", by=world.system_administrator)

    told = [(e.pgh_label, e.pgh_context["why"]) for e in caller.events.order_by("pgh_id")]
    assert told == [("insert", "An account is created"), ("update", f"{caller} is given a new password")]
    assert not {"password", "last_login"} & {f.name for f in caller.events.model._meta.get_fields()}


def test_an_approved_protocol_is_never_edited(world):
    changed = (
        "UPDATE trial_protocolversion SET definition = jsonb_set(definition, '{referral_window_days}', '365')"
    )

    assert "frozen" in refusal(changed)
    assert "frozen" in refusal("UPDATE trial_protocolversion SET sha256 = repeat('0', 64)")
    for state in ("draft", "approved"):
        assert f"never goes from active to {state}" in refusal(
            "UPDATE trial_protocolversion SET state = %s, approved_at = CASE WHEN %s = 'draft' THEN NULL ELSE"
            " approved_at END, approved_by_id = CASE WHEN %s = 'draft' THEN NULL ELSE approved_by_id END",
            state, state, state,
        )  # fmt: skip


def test_an_approval_stays_as_it_was_given(world):
    for change in (f"approved_by_id = {world.investigator.pk}", "approved_at = now() - interval '1 year'"):
        assert "approval stays" in refusal(f"UPDATE trial_protocolversion SET {change}")
    assert "never given another" in refusal(
        "UPDATE trial_protocolversion SET drafted_by_id = %s", world.investigator.pk
    )


def draft(world: World, **values: object) -> tuple:
    """Return the statement that writes a protocol version of the next number."""
    row = {
        "id": "gen_random_uuid()",
        "number": "9",
        "definition": "'{}'",
        "sha256": "repeat('0', 64)",
        "reason": "''",
    }
    row |= {"trial_id": f"'{world.trial.pk}'", "state": "'draft'", "drafted_by_id": str(world.coordinator.pk)}
    row |= {name: str(value) for name, value in values.items()}
    return (f"INSERT INTO trial_protocolversion ({', '.join(row)}) VALUES ({', '.join(row.values())})",)


def test_a_protocol_version_begins_as_a_draft_and_is_approved_by_a_second_person(db):
    world = make_world(active=False)
    approval = {"approved_by_id": world.randomization_statistician.pk, "approved_at": "now()"}

    for state in ("approved", "active"):
        assert "begins as draft" in refusal(*draft(world, state=f"'{state}'", **approval))
    assert "a draft has none" in refusal(*draft(world, **approval))
    sql(*draft(world))

    # A draft may be signed, so that another content is another version.
    better = 'UPDATE trial_protocolversion SET definition = \'{"title": "better"}\''
    assert "never given another" in refusal(better)
    assert "approval of a second person" in refusal("UPDATE trial_protocolversion SET state = 'active'")
    own = "UPDATE trial_protocolversion SET state = 'approved', approved_at = now(), approved_by_id = %s"
    assert "approved_by_a_second_person" in refusal(own, world.coordinator.pk)
    sql(own, world.investigator.pk)
    assert "never goes from approved to superseded" in refusal(
        "UPDATE trial_protocolversion SET state = 'superseded'"
    )


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
        ("trial_participant SET recorded_at = now() - interval '1 year'", "never given another recorded_at"),
        ("trial_trial SET state = 'draft'", "never goes from active to draft"),
        ("trial_trial SET state = 'locked'", "never goes from active to locked"),
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


def step(world: World, person: Participant, *words: str) -> tuple:
    """Return the statement that puts a state change on record: from, event, to."""
    return (
        "INSERT INTO trial_statechange (id, occurred_at, recorded_at, from_state, event, to_state, reason,"
        " participant_id, protocol_version_id) VALUES (gen_random_uuid(), now(), '2000-01-01', %s, %s, %s, '', %s, %s)",
        *words,
        person.pk,
        world.trial.protocol_version.pk,
    )


@pytest.mark.django_db(transaction=True)
def test_an_old_state_change_moves_nobody_today(world):
    """The change of state and its record are written together: yesterday's record is no excuse."""
    person = make_participant(world)
    sql(*step(world, person, "registered", "find_eligible", "eligible"))

    assert "needs its state change" in refusal("UPDATE trial_participant SET state = 'eligible'")


def test_a_state_change_is_one_that_the_rules_know(world):
    person = make_participant(world)
    for words in (
        ("registered", "x", "eligible"),
        ("registered", "find_eligible", "randomized"),
        ("nowhere", "find_eligible", "eligible"),
        *(("randomized", event, "eligible") for event in ("find_eligible", "randomize", "withdraw")),
    ):
        assert "a_state_change_is_a_transition" in refusal(*step(world, person, *words))
    for (state, event), to_state in TRANSITIONS.items():
        sql(*step(world, person, state, event, to_state))
    back = {to for (state, _), to in TRANSITIONS.items() if state == State.RANDOMIZED}
    assert back == {State.WITHDRAWN, State.DIED}


def test_the_database_alone_says_when_something_was_entered(world):
    person, before = make_participant(world), timezone.now()
    sql(*step(world, person, "registered", "find_eligible", "eligible"))

    assert abs(person.state_changes.get().recorded_at - before) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "text", ["2023-02-31", "2023-13", "2023-00", "0000", "3000-01-01", "2023-2-1", "soon"]
)
def test_a_date_is_one_that_the_calendar_has(world, text):
    make_participant(world)

    for column in ("birth_date", "died_on"):
        assert f"{column}_form" in refusal(f"UPDATE trial_participant SET {column} = %s", text)
    sql("UPDATE trial_participant SET birth_date = '1948-02-29', died_on = '2023-04'")


def test_who_objected_last_is_not_put_back_on_the_list(world):
    person = make_participant(world)
    lifted = "UPDATE trial_participant SET do_not_call = false"
    conduct.record_objection(person, by=world.caller)

    assert "objected to calls" in refusal(lifted)
    conduct.record_consent(person, form_version="1", scope="calls", by=world.caller)
    sql(lifted)


def candidate(world: World) -> Participant:
    """Return somebody eligible at high risk, not randomized."""
    person = high_risk(world)[0]
    cohort.assess(person, by=world.coordinator)
    cohort.sum_up_films(world.trial, people=[person], by=world.coordinator)
    return person


def stratum(world: World) -> Stratum:
    with audit.context(by=None, why="a test's list", how="test"):
        return Stratum.objects.get_or_create(trial=world.trial, label="all")[0]


def allocate(
    world: World, person: Participant, *, sequence=1, minutes_ago=0, into=None, days=0, evidence=HIGH
) -> tuple:
    """Return the statement that allocates somebody, `days` after the day that it is at the site."""
    version, list_ = world.trial.protocol_version, into or stratum(world)
    return ALLOCATE, person.pk, list_.pk, sequence, days, evidence, version.pk, minutes_ago


def test_only_the_eligible_are_allocated(world):
    assert "this one is registered" in refusal(*allocate(world, make_participant(world)))

    sql(*allocate(world, candidate(world)))
    assert Allocation.objects.count() == 1


def test_nobody_is_allocated_from_another_trials_list(world):
    other = make_world("OTHER")

    assert "another trial" in refusal(*allocate(world, candidate(world), into=stratum(other)))


@pytest.mark.parametrize("days", [-1, 1])
def test_a_draw_is_of_the_day_it_is_at_the_site(world, days):
    assert "by the clock of the site" in refusal(*allocate(world, candidate(world), days=days))


def test_only_who_is_at_high_risk_is_allocated(world):
    person, low = candidate(world), make_participant(world)
    add_film(world, low, mean="0.1")
    cohort.assess(low, by=world.coordinator)
    unjudged = allocate(world, low)
    cohort.sum_up_films(world.trial, people=[low], by=world.coordinator)

    for attempt in (
        unjudged,
        allocate(world, low),
        allocate(world, person, evidence="{}"),
        allocate(world, person, evidence='{"risk_class": "low"}'),
    ):
        assert "Only a participant at high risk" in refusal(*attempt)


def test_nobody_is_allocated_twice(world):
    person = in_arm(randomized(world, 2), "control")
    assert "this one is randomized" in refusal(*allocate(world, person, sequence=3))

    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE trial_allocation DISABLE TRIGGER check_allocation")
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
