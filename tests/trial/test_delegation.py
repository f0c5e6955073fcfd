"""The delegation log grants: nothing without an investigator's signature, nothing after the end, all of it kept."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from config.dashboard import boards
from config.postgres.roles import as_owner
from tests.admin import act_url, do, page_of
from tests.browsing import browser, words
from tests.factories import PASSWORD, appoint, copy, end, make_user, make_world, refusal, signed_in, sql
from trial import audit
from trial.models import Membership, Signature
from trial.roles import Role
from trial.services import accounts, delegation, trials
from trial.services.trials import Refused
from trial.states import TrialEvent, TrialState

# A page of each kind: admin, worklist, API, acts.
PLACES = (
    "/",
    "/admin/",
    "/admin/trial/participant/",
    "/calls/",
    "/films/",
    "/roles/",
    "/api/v1/participants/",
)


def enter(world, user, role=Role.COORDINATOR, **kwargs):
    """Enter a role that nobody has signed yet."""
    return trials.give_role(user, role=role, trial=world.trial, by=world.system_administrator, **kwargs)


def answers(user):
    """Return what somebody is answered everywhere."""
    return [signed_in(user).get(place).status_code for place in PLACES]


@pytest.fixture
def mei(world):
    return make_user("mei")


def test_an_entry_grants_from_the_signature_until_it_ends(world, mei):
    stranger, inside = answers(world.stranger), answers(world.coordinator)
    entry = enter(world, mei)
    assert answers(mei) == stranger != inside
    delegation.sign_entry(entry, by=world.investigator, password=PASSWORD)
    assert answers(mei) == inside
    delegation.end_entry(entry, reason="On leave.", by=world.investigator)
    assert answers(mei) == stranger
    with pytest.raises(Refused, match="don't include"):
        trials.require(mei, delegation.Permission.RANDOMIZE, world.trial)


def test_an_entry_that_has_not_begun_or_whose_time_is_over_grants_nothing(world, mei):
    now = timezone.now()
    for since, until in [
        (now + timedelta(hours=1), None),
        (now - timedelta(days=2), now - timedelta(days=1)),
    ]:
        with audit.context(by=None, why="a test", how="test"):
            entry = Membership.objects.create(
                user=mei, trial=world.trial, role=Role.COORDINATOR, since=since, until=until
            )
        if until is None:
            delegation.sign_entry(entry, by=world.investigator, password=PASSWORD)
        else:
            with pytest.raises(Refused, match="ended on"):
                delegation.sign_entry(entry, by=world.investigator, password=PASSWORD)
        assert answers(mei) == answers(world.stranger)


def test_whoever_waits_for_the_signature_is_told_so(world, mei):
    assert "No role yet" in words(browser(mei).get("/"))
    entry = enter(world, mei, Role.CALLER)
    told = words(browser(mei).get("/"))
    assert "Your role as caller in trial DEMO waits for the investigator's signature" in told
    delegation.sign_entry(entry, by=world.investigator, password=PASSWORD)
    assert browser(mei).get("/").status_code == 302


def test_only_an_investigator_of_the_place_signs_and_never_their_own_entry(world, mei):
    entry = enter(world, mei)
    for role in set(Role) - {Role.INVESTIGATOR}:
        assert do(world.cast[role], "sign", entry, password=PASSWORD).status_code in (403, 404), role
        with pytest.raises(Refused, match="An investigator of all sites of trial DEMO signs"):
            delegation.sign_entry(entry, by=world.cast[role], password=PASSWORD)
    elsewhere = make_world("OTHER").investigator
    with pytest.raises(Refused, match="and nobody else"):
        delegation.sign_entry(entry, by=elsewhere, password=PASSWORD)
    own = enter(world, world.investigator)
    with pytest.raises(Refused, match="Another investigator"):
        delegation.sign_entry(own, by=world.investigator, password=PASSWORD)
    second = make_user("second-investigator")
    assert Membership.objects.active(second).count() == 0
    appoint(world, second, Role.INVESTIGATOR)  # by the sponsor: nobody delegates it
    delegation.sign_entry(own, by=second, password=PASSWORD)
    assert Membership.objects.active(world.investigator).filter(role=Role.COORDINATOR).exists()
    with pytest.raises(Refused, match="nobody delegates this role"):
        delegation.sign_entry(second.memberships.get(), by=world.investigator, password=PASSWORD)


def test_an_investigator_of_one_site_signs_for_that_site_alone(world, mei):
    local = make_user("local-investigator")
    appoint(world, local, Role.INVESTIGATOR, world.site)
    with pytest.raises(Refused, match="all sites"):
        delegation.sign_entry(enter(world, mei, Role.CALLER), by=local, password=PASSWORD)
    there = enter(world, mei, Role.COORDINATOR, site=world.site)
    assert delegation.sign_entry(there, by=local, password=PASSWORD).signature.signer == local
    assert do(local, "end", world.caller.memberships.get(), reason="x").status_code == 404
    log = words(browser(local).get(page_of(world.trial, "delegation")))
    assert "Mei (mei) Coordinator" in log and "Monitor" not in log


def test_several_entries_are_signed_over_the_list_that_is_shown_with_the_password_again(world, mei):
    bo = make_user("bo")
    entries = [enter(world, mei), enter(world, bo, Role.CALLER)]
    investigator = browser(world.investigator)
    todo = next(n for n in boards(world.investigator)[0].tasks if "delegation log" in n.label)
    assert todo.number == 2 == investigator.get(todo.url).context["cl"].result_count
    log = words(investigator.get(page_of(world.trial, "delegation")))
    assert "Waiting for a signature (2)" in log and "Sign those marked" in log
    chosen = "&".join(f"row={entry.pk}" for entry in entries)
    asked = words(investigator.get(f"{act_url(Membership, 'sign')}?{chosen}"))
    assert "Caller: Phones the screening arm" in asked and "Mei (mei)" in asked

    wrong = words(do(world.investigator, "sign", *entries, password="guess"))
    assert wrong.count("not your password") == 2 and not Membership.objects.active(mei).exists()
    do(world.investigator, "sign", *entries, password=PASSWORD)
    assert {m.user for m in Membership.objects.in_force() if m.user in (mei, bo)} == {mei, bo}
    assert boards(world.investigator)[0].tasks[0].number == 0


def test_the_log_says_who_did_what_since_when_by_whose_signature_until_when_and_why(world, mei):
    entry = enter(world, mei)
    delegation.sign_entry(entry, by=world.investigator, password=PASSWORD)
    asked = words(browser(world.investigator).get(f"{act_url(Membership, 'end')}?row={entry.pk}"))
    assert "By this entry they can no longer" in asked and "register people" in asked
    do(world.investigator, "end", entry, reason="Moved to another hospital.")

    log = words(browser(world.monitor).get(page_of(world.trial, "delegation")))
    ended = log[log.index("Ended (1)") :]
    admin, investigator = world.system_administrator.first_name, world.investigator.first_name
    assert f"{admin} {investigator}, 20" in ended  # entered by, signed by
    assert f"{investigator}: Moved to another hospital." in ended
    assert "Sign those marked" not in log
    assert browser(world.caller).get(page_of(world.trial, "delegation")).status_code == 403
    assert browser(world.data_manager).get(page_of(world.trial, "delegation")).status_code == 404
    other = make_world("OTHER")
    assert browser(world.monitor).get(page_of(other.trial, "delegation")).status_code == 404


def test_a_role_that_waits_counts_when_another_would_end_its_blindness(world, mei):
    enter(world, mei, Role.OUTCOME_RECORDER)
    with pytest.raises(Refused, match="can't be outcome recorder and caller"):
        enter(world, mei, Role.CALLER)


def test_a_closed_account_leaves_no_entry_that_could_be_signed(world, mei):
    entry = enter(world, mei)
    accounts.close_account(mei, by=world.system_administrator)
    with pytest.raises(Refused, match="ended on"):
        delegation.sign_entry(entry, by=world.investigator, password=PASSWORD)


def test_an_inspector_of_a_locked_trial_is_let_in_by_the_signature(world, mei):
    end(world, TrialState.LOCKED)
    delegation.sign_entry(enter(world, mei, Role.INSPECTOR), by=world.investigator, password=PASSWORD)
    assert browser(mei).get(page_of(world.trial)).status_code == 200


def test_nobody_signs_in_a_live_trial_without_the_password(db):
    world = make_world("LIVE", kind="live")
    entry = enter(world, make_user("mei"))
    for password in (None, "guess"):
        with pytest.raises(Refused, match="not your password"):
            delegation.sign_entry(entry, by=world.investigator, password=password)


def test_an_entry_of_before_the_log_was_signed_stays_in_force_and_says_so(world, mei):
    entry = enter(world, mei)
    with (
        as_owner(connection),
        connection.cursor() as cursor,
    ):  # as the migration finds it: the app role can't claim it
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE trial_membership DISABLE TRIGGER USER")
        cursor.execute("UPDATE trial_membership SET carried_over = true WHERE id = %s", [entry.pk])
        cursor.execute("ALTER TABLE trial_membership ENABLE TRIGGER USER")
    assert browser(mei).get("/admin/").status_code == 200
    assert "in force before entries were signed" in words(browser(world.monitor).get(page_of(entry)))


# What the database refuses


def give_signature(entry, by, **changes):
    """Sign by hand, past the service."""
    row = {
        "trial": entry.trial,
        "meaning": "delegation",
        "subject_id": entry.subject_id,
        "content_sha256": entry.sha256,
        "signer": by,
    }
    with transaction.atomic(), audit.context(by=by, why="a test", how="test"):
        return Signature.objects.create(**row | changes)


def test_the_database_takes_the_signature_of_an_investigator_in_force_for_this_content_alone(world, mei):
    entry, own = enter(world, mei), enter(world, world.investigator)
    with pytest.raises(DatabaseError, match="no such content"):
        give_signature(entry, world.investigator, content_sha256="0" * 64)
    for signed, by in [(entry, world.coordinator), (entry, mei), (own, world.investigator)]:
        with pytest.raises(DatabaseError, match="by an investigator of its place, for another person"):
            give_signature(signed, by)
    appointed = make_user("second-investigator")
    undelegated = appoint(world, appointed, Role.INVESTIGATOR)
    with pytest.raises(DatabaseError, match="by an investigator of its place"):
        give_signature(undelegated, world.investigator)
    delegation.end_entry(undelegated, reason="left", by=world.system_administrator)
    with pytest.raises(DatabaseError, match="by an investigator of its place"):
        give_signature(entry, appointed)
    give_signature(entry, world.investigator)


def test_the_database_marks_no_entry_as_signed_but_by_its_own_signature(world, mei):
    entry, other = enter(world, mei), enter(world, make_user("bo"))
    update = "UPDATE trial_membership SET signature_id = %s WHERE id = %s"
    theirs = give_signature(other, world.investigator)
    cohort = Signature.objects.filter(meaning="protocol").first()
    for signature in (theirs, cohort):
        assert "bears the signature that was given for it" in refusal(update, signature.pk, entry.pk)
    sql(update, give_signature(entry, world.investigator).pk, entry.pk)
    for taken in (None, theirs.pk):
        assert "bears the signature that was given for it" in refusal(update, taken, entry.pk)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("user_id", "(SELECT id FROM trial_user WHERE username = 'demo-stranger')"),
        ("role", "'inspector'"),
        ("trial_id", "NULL"),
        ("site_id", "(SELECT id FROM trial_site LIMIT 1)"),
        ("since", "since - interval '1 year'"),
        ("until", "now() + interval '9 years'"),
        ("given_by_id", "NULL"),
        ("carried_over", "true"),
    ],
)
def test_the_database_changes_nothing_of_what_was_signed(world, mei, column, value):
    entry = enter(world, mei)
    changed = refusal(f"UPDATE trial_membership SET {column} = {value} WHERE id = %s", entry.pk)
    assert "are never given another user_id" in changed


def test_the_database_begins_no_entry_signed_ended_or_carried_over(world, mei):
    other = make_world("OTHER")
    for claimed in (
        {"carried_over": True},
        {"signature": Signature.objects.first()},
        {"ended_at": timezone.now(), "ended_by": mei, "end_reason": "x"},
        {"site": other.site},
    ):
        with (
            pytest.raises(DatabaseError, match=r"neither signed nor ended|belongs to another trial"),
            transaction.atomic(),
            audit.context(by=None, why="a test", how="test"),
        ):
            Membership.objects.create(user=mei, role=Role.CALLER, trial=world.trial, **claimed)


def test_the_database_ends_an_entry_now_once_and_for_a_reason_and_keeps_it(world, mei):
    entry = enter(world, mei)

    def end(**how):
        with transaction.atomic(), audit.context(by=world.investigator, why="a test", how="test"):
            Membership.objects.filter(pk=entry.pk).update(**how)

    now = {"ended_at": timezone.now(), "ended_by": world.investigator, "end_reason": "x"}
    for wrong, said in [
        ({"end_reason": ""}, "ended_by_somebody_for_a_reason"),
        ({"ended_by": None}, "ended_by_somebody_for_a_reason"),
        ({"ended_by": mei}, "ended now, by whoever does it"),
        ({"ended_at": timezone.now() - timedelta(days=1)}, "ended now, by whoever does it"),
    ]:
        with pytest.raises(DatabaseError, match=said):
            end(**now | wrong)
    end(**now)
    for again in ({"ended_at": None, "ended_by": None, "end_reason": ""}, {"end_reason": "another"}):
        with pytest.raises(DatabaseError, match="stays as it is"):
            end(**again)
    assert "never deleted" in refusal("DELETE FROM trial_membership WHERE id = %s", entry.pk)


def test_nobody_enters_a_role_in_a_trial_for_themself(world):
    admin = world.system_administrator
    with pytest.raises(Refused, match="Nobody gives themself a role"):
        trials.give_role(admin, role=Role.INVESTIGATOR, trial=world.trial, by=admin)
    entry = Membership.objects.get(user=world.investigator)
    assert "Nobody gives themself" in refusal(*copy(entry, id=10_000, user_id=admin.pk, given_by_id=admin.pk))


def test_a_role_at_one_site_does_nothing_to_the_whole_trial(world, mei):
    appoint(world, mei, Role.INVESTIGATOR, world.site)
    with pytest.raises(Refused, match="don't include: run trial"):
        trials.move_trial(world.trial, event=TrialEvent.PAUSE, by=mei, reason="A test.")


def test_who_answers_for_the_list_does_not_enroll(world, mei):
    trials.give_role(mei, role=Role.RANDOMIZATION_STATISTICIAN, trial=world.trial, by=None)
    for role in (Role.COORDINATOR, Role.CALLER):
        with pytest.raises(Refused, match="does not enroll"):
            trials.give_role(mei, role=role, trial=world.trial, by=None)
