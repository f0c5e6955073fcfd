"""The offer: every move, the last day, and every reason not to call."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from screening.referrals import (
    APPOINTMENT_TRANSITIONS,
    EVENT_OF,
    AppointmentEvent,
    AppointmentState,
    ContactOutcome,
    Offer,
    ReferralEvent,
    ReferralState,
    day_of_window,
    may_call,
    next_appointment_state,
    next_call,
    next_call_fault,
    next_referral_state,
    window_end,
)
from trial.calendars import Calendar
from trial.protocol import template
from trial.protocol_parts import Contact, Weekday
from trial.states import TransitionRefused

REFERRAL = """
             accept    decline   reopen  give_up      scan     expire   stop
open         accepted  declined  .       not_reached  scanned  expired  stopped
accepted     accepted  declined  open    .            scanned  expired  stopped
scanned      .         .         .       .            .        .        .
declined     accepted  .         .       .            scanned  .        stopped
not_reached  accepted  .         open    .            scanned  expired  stopped
expired      .         .         .       .            scanned  .        stopped
stopped      .         .         .       .            .        .        .
"""
APPOINTMENT = """
           move   attend    miss     cancel
booked     moved  attended  no_show  cancelled
moved      .      .         .        .
attended   .      .         .        .
no_show    .      .         .        .
cancelled  .      .         .        .
"""
RANDOMIZED = date(2023, 1, 10)
TAIPEI = ZoneInfo("Asia/Taipei")
CONTACT = template("opscan").contact
EVERY_DAY = Calendar(tuple(Weekday), "TW")
TAIWAN = Calendar(CONTACT.days, "TW")


def pairs(table, states, events):
    header, *rows = [line.split() for line in table.strip().splitlines()]
    read = [
        (states(row[0]), events(event), None if cell == "." else states(cell))
        for row in rows
        for event, cell in zip(header, row[1:], strict=True)
    ]
    assert [(s, e) for s, e, _ in read] == list(product(states, events))
    return read


def offer(**changed):
    usual = {
        "state": ReferralState.OPEN,
        "randomized_on": RANDOMIZED,
        "window_ends_on": window_end(RANDOMIZED),
        "attempts": 0,
        "time_zone": "Asia/Taipei",
    }
    return Offer(**usual | changed)


def taipei(day, hour=10, minute=0):
    return datetime.combine(day, time(hour, minute), TAIPEI)


NOON = taipei(RANDOMIZED + timedelta(days=3), 12)


@pytest.mark.parametrize(("state", "event", "expected"), pairs(REFERRAL, ReferralState, ReferralEvent))
def test_every_referral_pair(state, event, expected):
    if expected:
        assert next_referral_state(state, event) is expected
    else:
        with pytest.raises(TransitionRefused, match=f"This referral is {state.replace('_', ' ')}"):
            next_referral_state(state, event)


@pytest.mark.parametrize(
    ("state", "event", "expected"), pairs(APPOINTMENT, AppointmentState, AppointmentEvent)
)
def test_every_appointment_pair(state, event, expected):
    if expected:
        assert next_appointment_state(state, event) is expected
    else:
        with pytest.raises(TransitionRefused, match="This appointment is"):
            next_appointment_state(state, event)


def test_states_from_the_database_are_plain_words_and_work_too():
    assert next_referral_state("open", "accept") == "accepted"
    with pytest.raises(TransitionRefused, match="Allowed now: move, attend, miss, cancel"):
        next_appointment_state("booked", "accept")
    assert len(APPOINTMENT_TRANSITIONS) == 4


def test_what_an_attempt_does_to_the_offer():
    after = {outcome: EVENT_OF.get(outcome) for outcome in ContactOutcome}
    assert after == {
        "accepted": "accept",
        "call_back": None,
        "thinking": None,
        "declined": "decline",
        "no_answer": None,
        "wrong_number": None,
        "died": "stop",
        "moved": "stop",
    }


def test_day_180_is_inside_and_day_181_is_not():
    last = window_end(RANDOMIZED)
    assert last == date(2023, 7, 9)
    assert day_of_window(RANDOMIZED, RANDOMIZED) == 0
    assert day_of_window(RANDOMIZED, last) == 180
    assert may_call(offer(), CONTACT, at=taipei(RANDOMIZED)) is None
    assert may_call(offer(), CONTACT, at=taipei(last)) is None
    refusal = may_call(offer(), CONTACT, at=taipei(last + timedelta(days=1)))
    assert refusal.code == "window_over"
    assert refusal.sentence == "The 180 days ended on 2023-07-09. Close the referral."


def test_the_last_day_is_that_of_the_site():
    """Ten in the evening of day 180 in London is day 181 in Taipei, and the hours are Taipei's as well."""
    long_hours = Contact(5, time(0, 0), time(23, 59))
    moment = datetime(2023, 7, 9, 21, 0, tzinfo=UTC)
    assert may_call(offer(), long_hours, at=moment).code == "window_over"
    assert may_call(offer(time_zone="Europe/London"), long_hours, at=moment) is None


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"died": True}, "died", "This participant has died. Don't call."),
        ({"withdrawn": True}, "withdrawn", "This participant withdrew. Don't call."),
        ({"do_not_call": True}, "do_not_call", "asked not to be called"),
        (
            {"state": ReferralState.DECLINED},
            "referral_ended",
            "This referral is declined; nobody is to be called.",
        ),
        ({"state": ReferralState.NOT_REACHED}, "referral_ended", "This referral is not reached"),
        ({"attempts": 5}, "attempts_used_up", "5 attempts made (limit 5). Close it as not reached"),
        (
            {"randomized_on": date(2023, 2, 1)},
            "before_window",
            "2023-01-13 is before randomization on 2023-02-01",
        ),
    ],
)
def test_reasons_not_to_call(changed, code, said):
    refusal = may_call(offer(**changed), CONTACT, at=NOON)
    assert refusal.code == code
    assert said in refusal.sentence


def test_the_gravest_reason_is_said_first():
    everything = offer(died=True, withdrawn=True, do_not_call=True, attempts=9, state=ReferralState.EXPIRED)
    assert may_call(everything, CONTACT, at=taipei(date(2024, 1, 1), 3)).code == "died"


@pytest.mark.parametrize("state", [ReferralState.OPEN, ReferralState.ACCEPTED])
def test_who_is_to_be_called_may_be_called(state):
    assert may_call(offer(state=state, attempts=4), CONTACT, at=NOON) is None


@pytest.mark.parametrize(
    ("hour", "minute", "allowed"),
    [(8, 59, False), (9, 0, True), (19, 59, True), (20, 0, False), (20, 40, False)],
)
def test_call_hours_are_those_of_the_site(hour, minute, allowed):
    local = taipei(NOON.date(), hour, minute)
    for moment in (local, local.astimezone(UTC)):
        refusal = may_call(offer(), CONTACT, at=moment)
        assert (refusal is None) is allowed
    if not allowed:
        assert refusal.sentence.startswith(
            f"It is {hour:02}:{minute:02} at the site. Calls are allowed 09:00 to 20:00"
        )


@pytest.mark.parametrize(("hour", "then"), [(9, time(12, 30)), (13, time(16)), (17, time(9))])
def test_nobody_answered_so_try_tomorrow_at_another_time(hour, then):
    suggested = next_call(
        ContactOutcome.NO_ANSWER,
        at=taipei(NOON.date(), hour),
        offer=offer(),
        contact=CONTACT,
        calendar=EVERY_DAY,
    )
    assert suggested == datetime.combine(NOON.date() + timedelta(days=1), then, TAIPEI)


@pytest.mark.parametrize(("outcome", "days"), [(ContactOutcome.CALL_BACK, 1), (ContactOutcome.THINKING, 3)])
def test_who_answered_is_called_at_the_same_hour(outcome, days):
    suggested = next_call(
        outcome, at=NOON.astimezone(UTC), offer=offer(), contact=CONTACT, calendar=EVERY_DAY
    )
    assert suggested == NOON + timedelta(days=days)
    assert suggested.tzinfo == TAIPEI


@pytest.mark.parametrize("outcome", sorted(set(ContactOutcome) - {"no_answer", "call_back", "thinking"}))
def test_other_outcomes_ask_for_no_call(outcome):
    assert next_call(outcome, at=NOON, offer=offer(), contact=CONTACT, calendar=EVERY_DAY) is None


def test_no_call_is_suggested_that_would_be_refused():
    assert (
        next_call(
            ContactOutcome.NO_ANSWER, at=NOON, offer=offer(attempts=4), contact=CONTACT, calendar=EVERY_DAY
        )
        is None
    )
    assert next_call(
        ContactOutcome.NO_ANSWER, at=NOON, offer=offer(attempts=3), contact=CONTACT, calendar=EVERY_DAY
    )
    last_day = taipei(window_end(RANDOMIZED))
    assert (
        next_call(ContactOutcome.NO_ANSWER, at=last_day, offer=offer(), contact=CONTACT, calendar=EVERY_DAY)
        is None
    )


def test_short_hours_still_give_a_time_inside():
    half_hour = Contact(5, time(9, 10), time(9, 40))
    suggested = next_call(
        ContactOutcome.NO_ANSWER,
        at=taipei(NOON.date(), 9, 10),
        offer=offer(),
        contact=half_hour,
        calendar=EVERY_DAY,
    )
    assert time(9, 10) <= suggested.time() < time(9, 40)


# --- working days -------------------------------------------------------------------------------------------

FRIDAY = datetime(2023, 3, 17, 10, tzinfo=TAIPEI)
BEFORE_NEW_YEAR = datetime(2023, 1, 19, 10, tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("outcome", "at", "then"),
    [
        (ContactOutcome.NO_ANSWER, FRIDAY, datetime(2023, 3, 20, 12, 30, tzinfo=TAIPEI)),
        (ContactOutcome.CALL_BACK, FRIDAY, datetime(2023, 3, 20, 10, tzinfo=TAIPEI)),
        (ContactOutcome.CALL_BACK, BEFORE_NEW_YEAR, datetime(2023, 1, 30, 10, tzinfo=TAIPEI)),
        (ContactOutcome.THINKING, FRIDAY - timedelta(days=1), datetime(2023, 3, 20, 10, tzinfo=TAIPEI)),
    ],
)
def test_the_next_call_is_suggested_for_a_working_day(outcome, at, then):
    assert next_call(outcome, at=at, offer=offer(), contact=CONTACT, calendar=TAIWAN) == then


def test_no_call_is_suggested_after_the_window_when_its_last_day_is_a_day_off():
    ends_on_sunday = offer(window_ends_on=date(2023, 3, 19))
    asked = {"at": FRIDAY, "offer": ends_on_sunday, "contact": CONTACT}

    assert next_call(ContactOutcome.CALL_BACK, calendar=TAIWAN, **asked) is None
    assert next_call(ContactOutcome.CALL_BACK, calendar=EVERY_DAY, **asked)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (datetime(2023, 1, 26, 10, tzinfo=TAIPEI), "2023-01-26 is Chinese New Year"),
        (datetime(2023, 1, 28, 10, tzinfo=TAIPEI), "2023-01-28 is a Saturday"),
    ],
)
def test_a_next_call_on_a_day_off_is_refused_with_the_reason_and_the_next_working_day(chosen, said):
    fault = next_call_fault(chosen, after=BEFORE_NEW_YEAR, offer=offer(), contact=CONTACT, calendar=TAIWAN)
    assert fault.startswith(said)
    assert fault.endswith("the next working day is Monday, 2023-01-30. Choose a working day.")


@pytest.mark.parametrize(("hour", "allowed"), [(8, False), (9, True), (19, True), (20, False)])
def test_a_next_call_is_chosen_inside_the_hours(hour, allowed):
    chosen = datetime(2023, 3, 20, hour, tzinfo=TAIPEI)
    fault = next_call_fault(chosen, after=FRIDAY, offer=offer(), contact=CONTACT, calendar=TAIWAN)
    assert (fault is None) is allowed
