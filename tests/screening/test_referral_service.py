"""The offer of a scan, from the first call to the last day: what is recorded, and what follows from it."""

import threading
import time as clockwork
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from screening.models import Appointment, ContactAttempt, Referral
from screening.referrals import (
    AppointmentEvent,
    AppointmentState,
    ContactOutcome,
    IdentityCheck,
    ReferralEvent,
    ReferralState,
)
from screening.services import cohort, intake, scoring
from screening.services import referral as referrals
from screening.vocabulary import FilmState
from tests import dicom
from tests.factories import (
    World,
    end,
    forget,
    freeze_and_sign,
    high_risk,
    identity_for,
    in_arm,
    make_participant,
    make_world,
    randomized,
    referral_of,
    sql,
)
from trial import clock
from trial.models import Participant
from trial.partial_dates import parse
from trial.services import conduct, people
from trial.services.trials import Refused
from trial.states import TransitionRefused

pytestmark = pytest.mark.django_db
Said, S = ContactOutcome, ReferralState


@pytest.fixture
def offer(world: World) -> Referral:
    """The offer made to one participant, twenty days old."""
    return offered(world)


def offered(world: World, days_ago: int = 20) -> Referral:
    moment = clock.now(world.trial) - timedelta(days=days_ago)
    frozen_of(world)
    allocations = cohort.randomize_cohort(world.trial.cohorts.get(), by=world.coordinator, occurred_at=moment)
    return referral_of(in_arm(allocations, "screening"))


def frozen_of(world: World) -> None:
    high_risk(world, 2)
    freeze_and_sign(world)


def at(offer: Referral, day: int, hour: int = 10, minute: int = 0) -> datetime:
    """Return a time of a day of the offer, by the site's clock."""
    local = offer.allocation.randomized_on + timedelta(days=day)
    return datetime.combine(local, time(hour, minute), ZoneInfo(offer.participant.site.time_zone))


def call(
    world: World, offer: Referral, outcome: ContactOutcome, day: int = 1, hour: int = 10
) -> ContactAttempt:
    said = {"outcome": outcome, "identity": identity_for(outcome)}
    return referrals.record_attempt(offer, **said, by=world.caller, occurred_at=at(offer, day, hour))


def state(offer: Referral) -> str:
    offer.refresh_from_db()
    return offer.state


def accepted(world: World, offer: Referral) -> None:
    """Let the participant accept and consent on the telephone."""
    call(world, offer, Said.ACCEPTED)
    conduct.record_consent(
        offer.participant, form_version="1", scope="dxa", by=world.caller, occurred_at=at(offer, 1)
    )


def book(world: World, offer: Referral, day: int = 5, hour: int = 9) -> Appointment:
    return referrals.book(offer, scheduled_at=at(offer, day, hour), by=world.caller, occurred_at=at(offer, 1))


def history(offer: Referral) -> list[str]:
    """Return the states of a referral, in order, from its audit trail."""
    events = Referral.pgh_event_model.objects.filter(pgh_obj_id=offer.pk).order_by("pgh_id")
    return [event.state for event in events]


# --- opening ------------------------------------------------------------------------------------------------


def test_the_screening_arm_is_offered_a_scan_and_nobody_else(world):
    allocations = randomized(world, 4)
    again = referrals.open_all([a for a in allocations if a.arm == "screening"], by=world.coordinator)

    assert again == []
    assert {r.allocation.arm for r in Referral.objects.all()} == {
        "screening"
    } and Referral.objects.count() == 2


def test_the_window_is_180_days_of_the_sites_calendar(db):
    """At noon in London it is tomorrow in Kiritimati: the day of randomization is the site's."""
    world = make_world()
    sql("UPDATE trial_site SET time_zone = 'Pacific/Kiritimati'")
    moment = datetime(2023, 1, 20, 12, 0, tzinfo=ZoneInfo("UTC"))
    frozen_of(world)
    allocations = cohort.randomize_cohort(world.trial.cohorts.get(), by=world.coordinator, occurred_at=moment)

    assert {a.randomized_on for a in allocations} == {date(2023, 1, 21)}
    assert Referral.objects.get().window_ends_on == date(2023, 1, 21) + timedelta(days=180)


def test_who_objected_before_the_draw_has_an_offer_that_is_stopped_at_once(world):
    people = high_risk(world, 4)
    for person in people:
        conduct.record_objection(person, by=world.coordinator)
    frozen = freeze_and_sign(world)
    cohort.randomize_cohort(frozen, by=world.coordinator)

    offers = list(Referral.objects.all())
    assert [offer.state for offer in offers] == [S.STOPPED, S.STOPPED]
    assert history(offers[0]) == ["open", "stopped"]
    assert all(referrals.refusal(offer) for offer in offers)
    assert all(referrals.settlements(offer) == [] for offer in offers)


# --- calls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "leads_to"),
    [
        (Said.ACCEPTED, S.ACCEPTED),
        (Said.DECLINED, S.DECLINED),
        (Said.DIED, S.STOPPED),
        (Said.MOVED, S.STOPPED),
        (Said.NO_ANSWER, S.OPEN),
        (Said.CALL_BACK, S.OPEN),
        (Said.THINKING, S.OPEN),
        (Said.WRONG_NUMBER, S.OPEN),
    ],
)
def test_each_answer_leads_where_it_should(world, offer, outcome, leads_to):
    attempt = call(world, offer, outcome)

    assert state(offer) == leads_to
    assert (attempt.arm, attempt.allocation, attempt.caller) == ("screening", offer.allocation, world.caller)
    waits = outcome in (Said.NO_ANSWER, Said.CALL_BACK, Said.THINKING)
    assert (attempt.next_call_at is not None) == waits


def test_after_the_last_attempt_nobody_is_called_and_the_offer_is_given_up(world, offer):
    attempts = [call(world, offer, Said.NO_ANSWER, day) for day in range(1, 6)]

    assert state(offer) == S.NOT_REACHED
    assert [a.next_call_at is not None for a in attempts] == [True, True, True, True, False]
    with pytest.raises(Refused, match="not reached"):
        call(world, offer, Said.NO_ANSWER, 6)
    assert ContactAttempt.objects.count() == 5


def test_who_accepted_is_not_given_up_for_calls_that_nobody_took(world, offer):
    """Somebody accepted, and the calls to remind them went unanswered: the last one is recorded as well."""
    accepted(world, offer)
    for day in range(2, 6):
        call(world, offer, Said.NO_ANSWER, day)

    assert (state(offer), ContactAttempt.objects.count()) == (S.ACCEPTED, 5)
    assert book(world, offer, 7).state == AppointmentState.BOOKED


@pytest.mark.parametrize(
    ("day", "hour", "said"),
    [
        (-1, 10, "before randomization"),
        (1, 8, "Calls are allowed 09:00 to 20:00"),
        (1, 20, "Calls are allowed"),
        (21, 10, "lies in the future"),
    ],
)
def test_a_call_at_a_wrong_time_is_refused_in_words(world, offer, day, hour, said):
    with pytest.raises(Refused, match=said):
        call(world, offer, Said.NO_ANSWER, day, hour)

    assert not ContactAttempt.objects.exists()


def test_day_180_is_called_and_day_181_is_not(db):
    for days_ago, said in ((180, None), (181, "180 days ended")):
        world = make_world(f"DAY{days_ago}")
        sql("UPDATE trial_trial SET clock_offset_days = clock_offset_days - 300")
        world.trial.refresh_from_db()
        offer = offered(world, days_ago + 1)
        if said:
            with pytest.raises(Refused, match=said):
                call(world, offer, Said.NO_ANSWER, days_ago)
        else:
            call(world, offer, Said.NO_ANSWER, days_ago)


def test_nobody_is_called_who_withdrew_died_or_objected(db):
    acts = {
        "withdrew": lambda w, p: referrals.withdraw(p, reason="Moves", by=w.coordinator),
        "has died": lambda w, p: referrals.record_death(p, died_on=parse("2023-01"), by=w.coordinator),
        "asked not to be called": lambda w, p: referrals.object_to_calls(p, by=w.caller),
    }
    for number, (said, act) in enumerate(acts.items()):
        world = make_world(f"STOP{number}")
        offer = offered(world)
        act(world, offer.participant)

        with pytest.raises(Refused, match=said):
            call(world, Referral.objects.get(pk=offer.pk), Said.NO_ANSWER)
        assert state(offer) == S.STOPPED


# --- appointments -------------------------------------------------------------------------------------------


def test_a_scan_is_booked_after_acceptance_and_consent(world, offer):
    with pytest.raises(Refused, match="accepts, then book"):
        book(world, offer)
    call(world, offer, Said.ACCEPTED)
    with pytest.raises(Refused, match="consent to the scan"):
        book(world, offer)
    conduct.record_consent(offer.participant, form_version="1", scope="dxa", by=world.caller)

    booked = book(world, offer)

    assert (booked.state, booked.scheduled_at) == ("booked", at(offer, 5, 9))
    with pytest.raises(Refused, match="booked already"):
        book(world, offer, 6)


@pytest.mark.parametrize(
    ("day", "hour", "inside"), [(0, 0, True), (180, 23, True), (181, 0, False), (-1, 23, False)]
)
def test_a_scan_is_booked_inside_the_window_by_the_sites_calendar(world, offer, day, hour, inside):
    accepted(world, offer)

    if inside:
        assert book(world, offer, day, hour).state == "booked"
    else:
        with pytest.raises(Refused, match="is outside"):
            book(world, offer, day, hour)


def test_who_withdrew_consent_is_not_booked(world, offer):
    accepted(world, offer)
    conduct.record_objection(offer.participant, by=world.caller)

    with pytest.raises(Refused, match="consent to the scan"):
        book(world, offer)


def test_who_asked_to_be_forgotten_is_not_booked(world, offer):
    accepted(world, offer)
    forget(offer.participant, world)

    with pytest.raises(Refused, match="Record the call in which the participant accepts"):
        book(world, offer)


def test_an_erasure_cancels_what_is_booked_and_stops_the_offer(world, offer):
    accepted(world, offer)
    booked = book(world, offer)

    forget(offer.participant, world)

    booked.refresh_from_db()
    assert (booked.state, state(offer)) == ("cancelled", "stopped")


def test_an_erasure_goes_on_while_data_are_final(world, offer):
    people.request_erasure(offer.participant, reason="Asked to be forgotten", by=world.coordinator)
    end(world, "frozen")

    referrals.approve_erasure(Participant.objects.get(pk=offer.participant.pk), by=world.data_manager)

    assert people.reveal(offer.participant, by=world.caller).name == "erased" and state(offer) == "open"


def test_a_missed_appointment_brings_the_person_back_to_the_list(world, offer):
    accepted(world, offer)
    missed = book(world, offer)

    referrals.end_appointment(missed, event=AppointmentEvent.MISS, by=world.caller, reason="rain")

    missed.refresh_from_db()
    assert (missed.state, missed.reason, state(offer)) == ("no_show", "rain", "open")
    call(world, offer, Said.ACCEPTED, 7)
    assert book(world, offer, 9).state == "booked"
    with pytest.raises(TransitionRefused):
        referrals.end_appointment(missed, event=AppointmentEvent.ATTEND, by=world.caller)


def test_a_kept_appointment_leaves_the_offer_accepted_until_the_scan(world, offer):
    accepted(world, offer)
    kept = referrals.end_appointment(book(world, offer), event=AppointmentEvent.ATTEND, by=world.caller)

    assert (kept.state, state(offer)) == ("attended", "accepted")


def test_an_appointment_is_kept_or_missed_on_its_day_and_not_before(world, offer):
    """By the day, not by the minute: people come early."""
    accepted(world, offer)
    today = offer.participant.site.local(clock.now(world.trial)).date()
    day = (today - offer.allocation.randomized_on).days
    tomorrow = book(world, offer, day + 1)
    for event in (AppointmentEvent.ATTEND, AppointmentEvent.MISS):
        with pytest.raises(Refused, match="not yet"):
            referrals.end_appointment(tomorrow, event=event, by=world.caller)

    tonight = referrals.move_appointment(tomorrow, scheduled_at=at(offer, day, 23, 59), by=world.caller)

    assert (
        referrals.end_appointment(tonight, event=AppointmentEvent.ATTEND, by=world.caller).state == "attended"
    )


def test_a_moved_appointment_stays_on_record(world, offer):
    accepted(world, offer)
    first = book(world, offer)

    second = referrals.move_appointment(first, scheduled_at=at(offer, 8), by=world.caller, reason="a wedding")

    assert [(a.state, a.reason) for a in offer.appointments.order_by("scheduled_at")] == [
        ("moved", "a wedding"),
        ("booked", ""),
    ]
    with pytest.raises(Refused, match="is outside"):
        referrals.move_appointment(second, scheduled_at=at(offer, 181), by=world.caller)
    second.refresh_from_db()
    assert second.state == "booked", "a move that fails leaves the appointment as it was"


@pytest.mark.parametrize("outcome", [Said.DECLINED, Said.DIED, Said.MOVED])
def test_who_calls_off_has_no_appointment_left(world, offer, outcome):
    accepted(world, offer)
    booked = book(world, offer)

    call(world, offer, outcome, 2)

    booked.refresh_from_db()
    assert booked.state == "cancelled" and booked.reason.endswith("on the telephone")


def test_who_declined_may_ring_back_and_accept(world, offer):
    call(world, offer, Said.DECLINED)
    with pytest.raises(Refused, match="declined; nobody is to be called"):
        call(world, offer, Said.NO_ANSWER, 2)
    assert state(offer) == "declined" and referrals.settlements(offer) == [ReferralEvent.ACCEPT]

    with pytest.raises(Refused, match="by what whoever rang back was identified"):
        referrals.settle(offer, event=ReferralEvent.ACCEPT, by=world.caller)
    by_name = IdentityCheck.NAME_AND_BIRTH_DATE
    referrals.settle(offer, event=ReferralEvent.ACCEPT, by=world.caller, identity=by_name)

    assert history(offer)[0] == "open" and history(offer)[-1] == "accepted"
    assert Referral.objects.get(pk=offer.pk).rang_back == "name_and_birth_date"


def test_nothing_is_settled_that_is_not_due(world, offer):
    for event in (ReferralEvent.EXPIRE, ReferralEvent.GIVE_UP, ReferralEvent.ACCEPT):
        said = IdentityCheck.NAME_AND_NUMBER if event is ReferralEvent.ACCEPT else None
        with pytest.raises(Refused, match="not due"):
            referrals.settle(offer, event=event, by=world.caller, identity=said)


# --- the end ------------------------------------------------------------------------------------------------


def test_a_withdrawal_stops_calls_appointments_and_scoring(world):
    film = dicom.chest_film(PatientID="W-1", IssuerOfPatientID="TEST")
    person = make_participant(world, number="W-1", birth_date="1950-05-06")
    answer = intake.receive(film, site=world.site, source="test", by=world.radiology_it)
    offer = offered_now(world)
    accepted_now(world, offer)
    booked = referrals.book(offer, scheduled_at=clock.now(world.trial) + timedelta(days=3), by=world.caller)

    for participant in (person, offer.participant):
        referrals.withdraw(participant, reason="Does not want to", by=world.coordinator)

    booked.refresh_from_db()
    assert (booked.state, booked.reason, state(offer)) == ("cancelled", "the offer was stopped", "stopped")
    waiting = person.radiographs.get()
    assert (waiting.pk, waiting.state, waiting.reason) == (answer.film, FilmState.SET_ASIDE, "withdrawn")
    assert scoring.score_film(waiting.pk) is False and scoring.claim_waiting() == []
    assert offer.participant.allocation.arm == "screening"


def offered_now(world: World) -> Referral:
    """Randomize two people whose films are scored; a film that waits holds up a freeze."""
    sql("UPDATE screening_radiograph SET state = 'failed', reason = 'later' WHERE state = 'eligible'")
    offer = referral_of(in_arm(randomized(world, 2), "screening"))
    sql("UPDATE screening_radiograph SET state = 'eligible', reason = '' WHERE reason = 'later'")
    return offer


def accepted_now(world: World, offer: Referral) -> None:
    sql("UPDATE screening_referral SET state = 'accepted' WHERE id = %s", offer.pk)
    conduct.record_consent(offer.participant, form_version="1", scope="dxa", by=world.caller)


def test_a_death_stops_the_offer_and_is_no_scan(world, offer):
    accepted(world, offer)
    book(world, offer)

    referrals.record_death(offer.participant, died_on=parse("2023-01"), by=None)

    assert state(offer) == "stopped" and offer.appointments.get().state == "cancelled"
    with pytest.raises(Refused, match="died: nothing is booked"):
        book(world, Referral.objects.get(pk=offer.pk))


def test_an_objection_stops_an_offer_that_ended_already_no_second_time(world, offer):
    call(world, offer, Said.DIED)

    referrals.object_to_calls(offer.participant, by=world.caller)

    assert history(offer) == ["open", "stopped"]


@pytest.mark.django_db(transaction=True)
def test_a_call_and_a_withdrawal_at_the_same_moment_wait_for_each_other(transactional_db):
    """The withdrawal is first; the call finds it, and neither is thrown out for a deadlock."""
    world = make_world()
    offer = offered(world)
    waiting = threading.Event()

    def ring() -> str:
        waiting.set()
        try:
            return str(call(world, Referral.objects.get(pk=offer.pk), Said.NO_ANSWER).outcome)
        except Refused as no:
            return str(no)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            conduct.withdraw(offer.participant, reason="Moves", by=world.coordinator)
            ringing = pool.submit(ring)
            waiting.wait()
            clockwork.sleep(0.3)  # until the call waits for the participant
            referrals.object_to_calls(offer.participant, by=world.coordinator)
        assert "withdrew" in ringing.result(timeout=10)
    assert not ContactAttempt.objects.exists()
