"""Who, why and how of every change, exactly once, and nobody who serves can switch it off."""

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import World, add_film, make_participant, randomized, refusal, sql
from trial import audit
from trial.models import Baseline, Participant, Site, Trial
from trial.services import people

pytestmark = pytest.mark.django_db


def in_force() -> str:
    """Return the audit context as the database sees it now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(current_setting('pghistory.context_metadata', true), '')")
        return cursor.fetchone()[0]


def history(row) -> list:
    """Return the events of a row, oldest first."""
    return list(row.pgh_event_model.objects.filter(pgh_obj_id=row.pk).order_by("pgh_id"))


def test_an_event_says_who_why_and_how(world):
    with audit.entry("page"):
        people.record_baseline(
            make_participant(world), by=world.data_manager, why="From the chart", values={"bmi": "21.5"}
        )

    event = history(Baseline.objects.get())[-1]
    assert event.pgh_context == {"by": str(world.data_manager.pk), "why": "From the chart", "how": "page"}
    assert event.pgh_context_id is not None and event.pgh_created_at.utcoffset().total_seconds() == 0


def test_the_system_acts_in_its_own_name(world):
    with audit.entry("task"), audit.context(by=None, why="The sweep"):
        Trial.objects.update(title="By nobody")

    assert history(world.trial)[-1].pgh_context == {"by": "system", "why": "The sweep", "how": "task"}


def test_the_way_in_is_named_inside_only_and_the_nearest_wins(world):
    hows = []

    def note() -> None:
        with audit.context(by=None, why="Looking"):
            hows.append(in_force())

    with audit.entry("api"):
        with audit.entry("command"):
            note()
        note()
    note()

    assert [how for said in hows for how in ("command", "api", "code") if f'"how": "{how}"' in said] == [
        "command",
        "api",
        "code",
    ]


def test_contexts_nest_and_the_outer_one_comes_back(world):
    with audit.context(by=world.coordinator, why="Outer"):
        outer = in_force()
        with audit.context(by=world.caller, why="Inner"):
            assert "Inner" in in_force()
        assert in_force() == outer
    assert in_force() == ""


def test_a_context_ends_with_its_block_and_not_with_the_transaction(world):
    with transaction.atomic():
        with audit.context(by=None, why="Set up"):
            Trial.objects.update(title="Allowed")
        with pytest.raises(DatabaseError, match="audit context"), transaction.atomic():
            Trial.objects.update(title="Silent")

    assert Trial.objects.get().title == "Allowed"


def test_an_exception_takes_back_the_work_and_the_context(world):
    with audit.context(by=world.coordinator, why="Outer"):
        outer = in_force()
        with pytest.raises(RuntimeError), audit.context(by=None, why="Inner"):
            Trial.objects.update(title="Gone")
            raise RuntimeError
        assert in_force() == outer
        with pytest.raises(DatabaseError, match="too long"), audit.context(by=None, why="Inner"):
            Trial.objects.update(code="TRIALCODETOOLONG")
        assert in_force() == outer
        Trial.objects.update(title="Kept")

    assert in_force() == ""
    assert [event.title for event in history(world.trial)][-1] == "Kept"
    assert "Gone" not in [event.title for event in history(world.trial)]


def test_a_context_inside_a_savepoint_that_is_taken_back_leaves_nothing(world):
    before = len(history(world.trial))
    with audit.context(by=None, why="Outer"):
        savepoint = transaction.savepoint()
        with audit.context(by=None, why="Inner"):
            Trial.objects.update(title="Taken back")
        transaction.savepoint_rollback(savepoint)
        assert "Outer" in in_force()

    assert len(history(world.trial)) == before


def bulk_create(world: World, sites: list[Site]) -> None:
    Site.objects.bulk_create([Site(trial=world.trial, number=50 + n, name=f"New {n}") for n in range(3)])


def bulk_update(world: World, sites: list[Site]) -> None:
    for site in sites:
        site.name += " renamed"
    Site.objects.bulk_update(sites, ["name"])


def update(world: World, sites: list[Site]) -> None:
    Site.objects.filter(number__gt=1).update(name="Same for all")


def raw(world: World, sites: list[Site]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trial_site SET name = name || ' raw', enrolled = enrolled + 1 WHERE number > 2"
        )


@pytest.mark.parametrize("write", [bulk_create, bulk_update, update, raw])
def test_every_way_to_write_leaves_one_event_a_changed_row(world, write):
    with audit.context(by=None, why="Set up"):
        Site.objects.bulk_create([Site(trial=world.trial, number=n, name=f"Site {n}") for n in range(2, 6)])
    before = {site.pk: site.name for site in Site.objects.all()}
    seen = set(Site.pgh_event_model.objects.values_list("pgh_id", flat=True))

    with audit.context(by=world.coordinator, why="A test of writing"):
        write(world, list(Site.objects.filter(number__gt=1)))

    after = {site.pk: site.name for site in Site.objects.all()}
    changed = {pk for pk in after if after[pk] != before.get(pk)}
    events = Site.pgh_event_model.objects.exclude(pgh_id__in=seen)
    assert len(changed) >= 3
    assert sorted(str(e.pgh_obj_id) for e in events) == sorted(map(str, changed))
    assert {e.pgh_obj_id: e.name for e in events} == {pk: after[pk] for pk in changed}
    assert {e.pgh_context["why"] for e in events} == {"A test of writing"}
    # What stood before is in the event before.
    for pk in changed & set(before):
        assert [e.name for e in history(Site.objects.get(pk=pk))][-2:] == [before[pk], after[pk]]


def test_a_change_that_changes_nothing_leaves_no_event(world):
    before = len(history(world.trial))

    sql("UPDATE trial_trial SET title = title")

    assert len(history(world.trial)) == before


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["save", "update", "raw"]), st.sampled_from(["a", "b", "c"])), max_size=6
    )
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_audit_trail_tells_the_whole_story_of_a_row(world, steps):
    site = world.site
    told = [event.name for event in history(site)]
    for way, name in steps:
        with audit.context(by=None, why=name):
            if way == "save":
                site.name = name
                site.save(update_fields=["name"])
            elif way == "update":
                Site.objects.filter(pk=site.pk).update(name=name)
            else:
                with connection.cursor() as cursor:
                    cursor.execute("UPDATE trial_site SET name = %s WHERE id = %s", [name, site.pk])
        told += [name] * (name != told[-1])

    assert [event.name for event in history(site)] == told


# --- nobody who serves switches it off ----------------------------------------------------------------------


@pytest.mark.parametrize("ignored", ["{all}", "{trial_trial:update_update}", "{screening_score}"])
def test_pgtriggers_own_switch_stops_every_change(world, ignored):
    """django-pgtrigger lets any session switch its triggers off: here that switches writing off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [ignored])
        assert "never kept from the audit trail" in refusal("UPDATE trial_trial SET title = 'unseen'")
        cursor.execute("SELECT set_config('pgtrigger.ignore', '', true)")
    assert "never kept from the audit trail" in refusal(
        "WITH off AS (SELECT set_config('pgtrigger.ignore', '{all}', true))"
        " UPDATE trial_trial SET title = 'unseen' FROM off"
    )


def test_a_statement_can_not_take_its_own_context_away(world):
    assert "audit context" in refusal(
        "WITH off AS (SELECT set_config('pghistory.context_metadata', '', true))"
        " UPDATE trial_trial SET title = 'unseen' FROM off"
    )


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("SET session_replication_role = replica", "permission denied"),
        ("ALTER TABLE trial_trial DISABLE TRIGGER ALL", "must be owner"),
        ("ALTER TABLE trial_trial DISABLE TRIGGER audit_context", "must be owner"),
        ("DROP TRIGGER audit_context ON trial_trial", "must be owner"),
        ("DROP TABLE trial_trialevent CASCADE", "must be owner"),
        (
            "CREATE OR REPLACE FUNCTION require_audit_context() RETURNS trigger LANGUAGE sql AS ''",
            "permission denied",
        ),
        ("CREATE TABLE public.trial_other ()", "permission denied"),
        ("CREATE SCHEMA mine", "permission denied"),
    ],
)
def test_the_app_role_can_not_switch_a_trigger_off(statement, refused):
    assert refused in refusal(statement)


def test_a_temporary_table_of_the_same_name_deceives_no_trigger(world):
    sql("CREATE TEMPORARY TABLE trial_trialevent ON COMMIT DROP AS SELECT * FROM trial_trialevent LIMIT 0")
    sql("UPDATE trial_trial SET title = 'Hidden?'")
    sql("DROP TABLE pg_temp.trial_trialevent")

    assert [event.title for event in history(world.trial)][-1] == "Hidden?"


def test_copy_is_refused_like_any_other_way(world):
    """COPY, too, fires triggers: without a context not a line comes in."""
    with (
        connection.cursor() as cursor,
        pytest.raises(psycopg.Error, match="audit context"),
        cursor.copy("COPY trial_membership (id) FROM STDIN"),
    ):
        pass


def test_the_audit_trail_is_never_written_by_hand(world):
    """The app role may add to the audit tables, because the triggers run as it: only they get through."""
    person, table = make_participant(world), Participant.pgh_event_model._meta.db_table

    assert "never by hand" in refusal(
        f"INSERT INTO {table} SELECT (jsonb_populate_record(e, '{{\"pgh_id\": 999999}}')).* FROM {table} e"
    )
    assert [event.pgh_label for event in history(person)] == ["insert"]


def test_one_context_holds_together_what_happened_together(world):
    allocations = randomized(world, 2)
    events = {e.pgh_context_id for a in allocations for e in history(a)}
    film = add_film(world, make_participant(world))

    assert len(events) == 1
    assert {e.pgh_context_id for e in history(film)}.isdisjoint(events)
    assert Participant.pgh_event_model.objects.filter(pgh_context__isnull=True).count() == 0
