"""What the database refuses of films, scores, calls and scans, asked in plain SQL as the role that serves."""

import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from screening.models import Appointment, ContactAttempt, DxaExam, Radiograph, Referral, Score
from screening.services import referral as referrals
from tests.factories import (
    World,
    add_film,
    in_arm,
    make_participant,
    make_world,
    randomized,
    referral_of,
    refusal,
    sql,
)
from trial.partial_dates import PartialDate

pytestmark = pytest.mark.django_db
NOON = time(12)


def copy(row, **changes: object) -> tuple:
    """Return the statement that adds a copy of a row, changed."""
    table = row._meta.db_table
    changed = json.dumps({"id": str(uuid.uuid4())} | changes, default=str)
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(r, %s)).* FROM {table} r WHERE id = %s",
        changed,
        row.pk,
    )


@pytest.fixture
def offered(world: World) -> SimpleNamespace:
    """Two people who are offered a scan, one who is not, and the first call made."""
    allocations = randomized(world, 4)
    called, other = (referral_of(a.participant) for a in allocations if a.arm == "screening")
    control = in_arm(allocations, "control").allocation
    first = first_call(world, called)
    return SimpleNamespace(world=world, referral=called, other=other, attempt=first, control=control)


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


@pytest.mark.parametrize("days", [-1, 1])
def test_nobody_gets_an_offer_of_another_length(offered, days):
    assert "ends on" in refusal("UPDATE screening_referral SET window_ends_on = window_ends_on + %s", days)


def test_an_offer_is_made_once(offered):
    assert "unique" in refusal(*copy(offered.referral))


# --- scans --------------------------------------------------------------------------------------------------


@pytest.fixture
def appointment(offered) -> Appointment:
    """A booked appointment of the first person, put on record as it would be by another program."""
    row = Appointment(referral=offered.referral, scheduled_at=moment(offered.world, offered.referral, 3))
    sql(
        "INSERT INTO screening_appointment (id, referral_id, scheduled_at, state, reason, occurred_at,"
        " protocol_version_id) VALUES (%s, %s, %s, 'booked', '', now(), %s)",
        row.pk, row.referral_id, row.scheduled_at, offered.referral.protocol_version_id,
    )  # fmt: skip
    return row


def exam(offered, participant_id, appointment) -> tuple:
    return (
        "INSERT INTO screening_dxaexam (id, participant_id, appointment_id, exam_date, device,"
        " reference_database, menopausal_status, source, occurred_at, protocol_version_id)"
        " VALUES (gen_random_uuid(), %s, %s, '2023-02-04', '', '', '', 'test', now(), %s)",
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


# --- films --------------------------------------------------------------------------------------------------


def other_film(film: Radiograph, **same: object) -> tuple:
    """Return the statement that adds a film of the same person that shares only `same` with the first."""
    digest = sha256(b"another").hexdigest()
    fresh = {
        "sop_instance_hash": f"\\x{digest}",
        "file_sha256": digest,
        "pixel_sha256": digest,
        "state": "eligible",
    }
    return copy(film, **{name: value for name, value in (fresh | same).items() if value != "same"})


@pytest.mark.parametrize("shared", ["sop_instance_hash", "file_sha256", "pixel_sha256"])
def test_no_two_films_of_a_trial_count_for_the_same_picture(world, shared):
    film = add_film(world, make_participant(world))

    assert f"film_{'pixels_count' if shared == 'pixel_sha256' else f'{shared}_counts'}_once" in refusal(
        *other_film(film, **{shared: "same"})
    )
    sql(*other_film(film, **{shared: "same"}, state="set_aside", reason="held"))
    sql(*other_film(film))


def test_the_same_picture_may_count_in_another_trial(world):
    film = add_film(world, make_participant(world, number="H-1"))
    other = make_world("OTHER")
    again = add_film(other, make_participant(other, number="H-1"))

    sql(
        *copy(
            again,
            pixel_sha256=film.pixel_sha256,
            state="eligible",
            sop_instance_hash="\\x00",
            file_sha256="0",
        )
    )


def test_a_film_is_never_handed_to_another_person(world):
    film, other = add_film(world, make_participant(world)), make_participant(world)

    assert "patient number names" in refusal("UPDATE screening_radiograph SET participant_id = %s", other.pk)
    assert "never given another" in refusal(
        "UPDATE screening_radiograph SET participant_id = %s, person_id = %s", other.pk, other.person_id
    )
    for column in ("sop_instance_hash", "file_sha256", "pixel_sha256"):
        assert "never given another" in refusal(f"UPDATE screening_radiograph SET {column} = 'x'")
    assert "a_scored_film_has_owner" in refusal("UPDATE screening_radiograph SET participant_id = NULL")
    assert Radiograph.objects.get() == film


def test_a_scored_film_has_a_score(world):
    film = add_film(world, make_participant(world))
    sql(*other_film(film))

    assert "A scored film has a score" in refusal(*other_film(film, state="scored"))
    assert "A scored film has a score" in refusal("UPDATE screening_radiograph SET state = 'scored'")


def test_a_film_is_scored_once_by_a_model_and_for_good(world):
    score = add_film(world, make_participant(world)).scores.get()

    assert "a_film_is_scored_once_a_model" in refusal(*copy(score))
    assert "permission denied" in refusal("UPDATE screening_score SET mean = 0.1")
    assert "permission denied" in refusal("DELETE FROM screening_score")
    assert Score.objects.get().mean == score.mean


def test_a_score_says_positive_where_it_is(world):
    low = add_film(world, make_participant(world), mean="0.499999").scores.get()
    high = add_film(world, make_participant(world), mean="0.5").scores.get()

    assert (low.positive, high.positive) == (False, True)
    for row, wrong in ((low, True), (high, False)):
        with_other_film = add_film(world, make_participant(world))
        assert "positive_means" in refusal(*copy(row, radiograph_id=with_other_film.pk, positive=wrong))


def test_a_film_without_its_reason_or_owner_is_not_kept(world):
    film = add_film(world, make_participant(world), on=date(2022, 6, 1))

    assert "set_aside_has_a_reason" in refusal(*other_film(film, state="failed"))
    assert "a_scored_film_has_owner" in refusal(*other_film(film, participant_id=None))
    assert "a_scored_film_has_owner" in refusal(*other_film(film, file=""))


def test_findings_stay_with_whom_they_were_made_of(world):
    one, other = make_participant(world), make_participant(world)
    for table, column, code in (
        ("diagnosis", "diagnosed_on", "code"),
        ("treatment", "started_on", "drug_class"),
    ):
        value = {"code": "osteoporosis", "drug_class": "denosumab"}[code]
        sql(
            f"INSERT INTO screening_{table} (id, participant_id, {code}, {column}, source, occurred_at,"
            " protocol_version_id) VALUES (gen_random_uuid(), %s, %s, '2023-02', 'test', now(), %s)",
            one.pk, value, world.trial.protocol_version.pk,
        )  # fmt: skip
        assert "never given another" in refusal(f"UPDATE screening_{table} SET participant_id = %s", other.pk)
        assert "never deleted" in refusal(f"DELETE FROM screening_{table}")
