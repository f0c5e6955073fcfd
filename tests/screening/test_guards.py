"""What the database refuses of films, scores, calls and scans, asked in plain SQL as the role that serves."""

import uuid
from datetime import UTC, datetime, time, timedelta
from itertools import product
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from screening.models import Appointment, ContactAttempt, DxaExam, Referral
from screening.referrals import TRANSITIONS, ReferralState
from screening.services import referral as referrals
from tests.factories import (
    World,
    copy,
    in_arm,
    make_world,
    randomized,
    referral_of,
    refusal,
    sql,
)
from trial import clock
from trial.partial_dates import PartialDate

pytestmark = pytest.mark.django_db
NOON = time(12)


@pytest.fixture
def offered(world: World) -> SimpleNamespace:
    """Two people who are offered a scan, one who is not, and the first call made."""
    allocations = randomized(world, 4)
    called, other = (referral_of(a.participant) for a in allocations if a.arm == "screening")
    control = in_arm(allocations, "control").allocation
    later(world)
    first = first_call(world, called)
    return SimpleNamespace(world=world, referral=called, other=other, attempt=first, control=control)


def later(world: World) -> None:
    """Let the demonstration's calendar go on until every offer is over."""
    sql("UPDATE trial_trial SET clock_offset_days = clock_offset_days - 300 WHERE id = %s", world.trial.pk)


def first_call(world: World, referral: Referral) -> ContactAttempt:
    """Record a call of day 1 as another program would."""
    sql(
        "INSERT INTO screening_contactattempt (id, referral_id, allocation_id, arm, caller_id, outcome,"
        " occurred_at, protocol_version_id)"
        " VALUES (gen_random_uuid(), %s, %s, 'screening', %s, 'no_answer', %s, %s)",
        referral.pk, referral.allocation_id, world.caller.pk, moment(world, referral, 1),
        referral.protocol_version_id,
    )  # fmt: skip
    return referral.attempts.get()


def moment(world: World, referral: Referral, day: int, at: time = NOON) -> datetime:
    """Return a moment of a day of the offer, by the site's clock."""
    local = referral.allocation.randomized_on + timedelta(days=day)
    return datetime.combine(local, at, ZoneInfo(world.site.time_zone))


def call(offered: SimpleNamespace, day: int, at: time = NOON) -> tuple:
    return copy(offered.attempt, occurred_at=moment(offered.world, offered.referral, day, at))


# --- calls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "identity", "said"),
    [
        *((told, "", "told_only_to_who_was_identified") for told in ("accepted", "thinking", "declined")),
        *((none, "name_and_birth_date", "nobody_identified") for none in ("no_answer", "wrong_number")),
        ("thinking", "by voice", "identity_check_known"),
        ("accepted", "not_recorded", "Who was spoken to is recorded with the call."),
    ],
)
def test_the_offer_is_told_to_nobody_whose_identity_is_not_confirmed(offered, outcome, identity, said):
    assert said in refusal(*copy(offered.attempt, outcome=outcome, identity=identity))
    sql(*copy(offered.attempt, outcome="thinking", identity="name_and_number"))
    sql(*copy(offered.attempt, outcome="call_back", identity=""))


def test_no_way_leads_to_a_call_of_a_control_participant(offered):
    control, mine = offered.control.pk, offered.referral

    for changes in (
        {"allocation_id": control},
        {"allocation_id": control, "arm": "control"},
        {"referral_id": uuid.uuid4(), "allocation_id": control},
        {"arm": "control"},
    ):
        assert "constraint" in refusal(*copy(offered.attempt, **changes))
    for arm in ("screening", "control"):
        assert "constraint" in refusal(*copy(mine, allocation_id=control, arm=arm))
    assert "never given another allocation" in refusal(
        "UPDATE screening_referral SET allocation_id = %s WHERE id = %s", control, mine.pk
    )
    assert "constraint" in refusal("UPDATE screening_referral SET arm = 'control'")


def test_a_call_belongs_to_the_referral_of_its_own_allocation(offered):
    assert "attempt_referral_fk" in refusal(*copy(offered.attempt, allocation_id=offered.other.allocation_id))
    assert "attempt_referral_fk" in refusal(*copy(offered.attempt, referral_id=offered.other.pk))


@pytest.mark.parametrize(
    ("day", "at", "inside"),
    [
        (-1, time(23, 59, 59), False),
        (0, time(0), True),
        (180, time(23, 59, 59), True),
        (181, time(0), False),
    ],
)
def test_day_180_is_inside_by_the_sites_own_clock(offered, day, at, inside):
    if inside:
        sql(*call(offered, day, at))
    else:
        assert "is outside" in refusal(*call(offered, day, at))


def test_the_offer_ends_with_the_sites_day_not_with_greenwich(db):
    world = make_world("WEST")
    sql("UPDATE trial_site SET time_zone = 'America/Los_Angeles'")
    world.site.refresh_from_db()
    referral = referral_of(in_arm(randomized(world, 2), "screening"))
    last_minute = moment(world, referral, 180, time(23, 59))
    later(world)

    assert last_minute.astimezone(UTC).date() == referral.window_ends_on + timedelta(days=1)
    sql(*copy(first_call(world, referral), occurred_at=last_minute))


def test_nobody_who_withdrew_is_called(offered):
    referrals.withdraw(offered.referral.participant, reason="Moves away", by=offered.world.coordinator)

    assert "withdrawn: no contact" in refusal(*call(offered, 2))
    sql(*copy(offered.attempt, referral_id=offered.other.pk, allocation_id=offered.other.allocation_id))


def test_nobody_who_died_is_called(offered):
    referrals.record_death(
        offered.referral.participant, died_on=PartialDate(2023, 1), by=offered.world.coordinator
    )

    assert "died: no contact" in refusal(*call(offered, 2))


def test_nobody_who_objected_is_called(offered):
    referrals.object_to_calls(offered.referral.participant, by=offered.world.caller)

    assert "not to be called" in refusal(*call(offered, 2))


def test_a_call_stays_as_it_was_recorded(offered):
    for change in (
        "UPDATE screening_contactattempt SET outcome = 'accepted'",
        "DELETE FROM screening_contactattempt",
    ):
        assert "permission denied" in refusal(change)


def present(world: World) -> datetime:
    """Return what the trial's calendar says now."""
    world.trial.refresh_from_db()
    return clock.now(world.trial)


def test_a_call_to_come_is_not_on_record_yet(world):
    referral = referral_of(in_arm(randomized(world, 2), "screening"))
    sql("UPDATE trial_trial SET clock_offset_days = clock_offset_days - 2")
    attempt = first_call(world, referral)

    assert "lies in the future" in refusal(*copy(attempt, occurred_at=present(world) + timedelta(minutes=2)))
    sql(*copy(attempt, occurred_at=present(world) + timedelta(seconds=30)))


def put(referral: Referral, *states: str) -> None:
    """Lead an offer along by SQL."""
    for state in states:
        sql("UPDATE screening_referral SET state = %s WHERE id = %s", state, referral.pk)


@pytest.mark.parametrize("ended", ["declined", "scanned", "not_reached", "expired", "stopped"])
def test_nobody_is_called_or_booked_once_the_offer_has_ended(offered, ended):
    put(offered.referral, ended)

    assert f"This offer is {ended}, not open or accepted" in refusal(*call(offered, 2))
    assert f"This offer is {ended}, not accepted" in refusal(*booking(offered))


def test_an_offer_moves_as_its_rules_say(offered):
    for state, to_state in product(ReferralState, repeat=2):
        follows = (state, to_state) in {(s, to) for (s, _), to in TRANSITIONS.items()} or state == to_state
        moved = "UPDATE screening_referral SET state = %s WHERE id = %s"
        with transaction.atomic():
            sql(
                "UPDATE screening_referral SET rang_back = 'name_and_number' WHERE id = %s",
                offered.referral.pk,
            )
            put(offered.referral, *([] if state == "open" else [state]))
            if follows:
                sql(moved, to_state, offered.referral.pk)
            else:
                assert f"never goes from {state} to {to_state}" in refusal(
                    moved, to_state, offered.referral.pk
                )
            transaction.set_rollback(True)
    assert "begins as open" in refusal(*copy(offered.referral, state="stopped"))


def test_nobody_rings_back_and_accepts_who_was_not_identified(offered):
    put(offered.referral, "declined")

    accepts = "UPDATE screening_referral SET state = 'accepted', rang_back = %s WHERE id = %s"
    assert "whoever rang back was identified" in refusal(accepts, "", offered.referral.pk)
    assert "identity_of_who_rang_back_known" in refusal(accepts, "a friend", offered.referral.pk)
    sql(accepts, "name_and_birth_date", offered.referral.pk)


@pytest.mark.parametrize("days", [-1, 1])
def test_nobody_gets_an_offer_of_another_length(offered, days):
    assert "ends on" in refusal("UPDATE screening_referral SET window_ends_on = window_ends_on + %s", days)


def test_an_offer_is_made_once(offered):
    assert "unique" in refusal(*copy(offered.referral))


# --- scans --------------------------------------------------------------------------------------------------


def booking(offered, day: int = 3, at: time = NOON, **values: object) -> tuple:
    """Return the statement that books somebody for a day of their offer, as another program would."""
    row = {"id": uuid.uuid4(), "state": "booked"} | values
    return (
        "INSERT INTO screening_appointment (id, referral_id, scheduled_at, state, reason, occurred_at,"
        " protocol_version_id) VALUES (%s, %s, %s, %s, '', now(), %s)",
        row["id"],
        offered.referral.pk,
        moment(offered.world, offered.referral, day, at),
        row["state"],
        offered.referral.protocol_version_id,
    )


@pytest.fixture
def appointment(offered) -> Appointment:
    """A booked appointment of the first person."""
    put(offered.referral, "accepted")
    sql(*booking(offered))
    return offered.referral.appointments.get()


def test_nobody_is_booked_before_they_accept_or_outside_the_offer(offered):
    assert "This offer is open, not accepted" in refusal(*booking(offered))
    put(offered.referral, "accepted")

    for day, at in ((-1, time(23, 59)), (181, time(0))):
        assert "is outside" in refusal(*booking(offered, day, at))
    assert "begins as booked" in refusal(*booking(offered, state="attended"))
    sql(*booking(offered, 180, time(23, 59)))
    assert "never given another referral_id or scheduled_at" in refusal(
        "UPDATE screening_appointment SET scheduled_at = scheduled_at + interval '1 day'"
    )
    sql("UPDATE screening_appointment SET state = 'cancelled'")
    assert "never goes from cancelled to attended" in refusal(
        "UPDATE screening_appointment SET state = 'attended'"
    )


def test_nobody_is_booked_who_is_not_to_be_called(offered):
    person, by = offered.referral.participant, offered.world.coordinator
    put(offered.referral, "accepted")

    sql("UPDATE trial_participant SET do_not_call = true WHERE id = %s", person.pk)
    assert "not to be called" in refusal(*booking(offered))
    referrals.withdraw(person, reason="Moves away", by=by)
    assert "withdrawn: no contact" in refusal(*booking(offered))
    referrals.record_death(person, died_on=PartialDate(2023, 1), by=by)
    assert "died: no contact" in refusal(*booking(offered))


def exam(offered, participant_id, appointment) -> tuple:
    return (
        "INSERT INTO screening_dxaexam (id, participant_id, appointment_id, exam_date, device,"
        " reference_database, menopausal_status, frax_model, source, entered_in_error, occurred_at,"
        " protocol_version_id)"
        " VALUES (gen_random_uuid(), %s, %s, '2023-02-04', '', '', '', '', 'test', false, now(), %s)",
        participant_id,
        appointment.pk,
        offered.referral.protocol_version_id,
    )


def test_a_scan_of_the_trial_needs_a_kept_appointment_of_the_same_person(offered, appointment):
    mine, other = offered.referral.participant, offered.other.participant
    assert "kept appointment" in refusal(*exam(offered, mine.pk, appointment))

    sql("UPDATE screening_appointment SET state = 'attended'")

    assert "kept appointment of the same participant" in refusal(*exam(offered, other.pk, appointment))
    assert "kept appointment" in refusal(*exam(offered, offered.control.participant_id, appointment))
    sql(*exam(offered, mine.pk, appointment))
    assert "unique" in refusal(*exam(offered, mine.pk, appointment))
    assert "never given another" in refusal(
        "UPDATE screening_dxaexam SET participant_id = %s, appointment_id = NULL", other.pk
    )
    assert DxaExam.objects.get().participant == mine


def test_an_appointment_stays_with_its_offer(offered, appointment):
    assert "never given another" in refusal(
        "UPDATE screening_appointment SET referral_id = %s", offered.other.pk
    )
    assert "one_open_appointment" in refusal(*copy(appointment))
