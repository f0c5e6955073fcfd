"""Where an offer stands in a caller's day."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from screening.referrals import ContactOutcome, Offer, ReferralState
from screening.worklist import Section, Standing, section_of
from trial.protocol_parts import Contact

CONTACT = Contact(5, time(9), time(20))
NOON = datetime(2023, 3, 15, 12, tzinfo=ZoneInfo("Asia/Taipei"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEW = Offer(
    state=ReferralState.OPEN,
    randomized_on=date(2023, 1, 10),
    window_ends_on=date(2023, 7, 9),
    attempts=0,
    time_zone="Asia/Taipei",
)
CALLED = replace(NEW, attempts=1)
ACCEPTED = replace(CALLED, state=ReferralState.ACCEPTED)
LATE = replace(NEW, window_ends_on=date(2023, 3, 29))
OVER = replace(NEW, window_ends_on=date(2023, 3, 14))


def standing(offer, **kwargs):
    return Standing(offer=offer, **kwargs)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (standing(NEW), Section.NEW),
        (standing(CALLED, last_attempt_at=NOON - DAY, next_call_at=NOON - HOUR), Section.NOW),
        (standing(CALLED, last_attempt_at=NOON - DAY, next_call_at=NOON), Section.NOW),
        (standing(CALLED, last_attempt_at=NOON - DAY, next_call_at=NOON + HOUR), Section.LATER),
        (standing(CALLED, last_attempt_at=NOON - DAY), Section.LATER),
        (standing(CALLED, last_attempt_at=NOON - HOUR, next_call_at=NOON + DAY), Section.DONE),
        (standing(CALLED, last_attempt_at=NOON - 2 * HOUR, next_call_at=NOON - HOUR), Section.NOW),
        (standing(ACCEPTED, last_attempt_at=NOON - HOUR), Section.NOW),
        (standing(ACCEPTED, last_attempt_at=NOON - DAY, appointment_at=NOON + DAY), Section.LATER),
        (standing(ACCEPTED, last_attempt_at=NOON - DAY, appointment_at=NOON - HOUR), Section.NOW),
        (
            standing(CALLED, last_attempt_at=NOON - DAY, last_outcome=ContactOutcome.ACCEPTED),
            Section.NOW,
        ),
        (standing(LATE), Section.ENDING),
        (standing(replace(LATE, window_ends_on=date(2023, 3, 30))), Section.NEW),
        (standing(replace(LATE, window_ends_on=date(2023, 3, 15))), Section.ENDING),
        (standing(OVER), Section.OVER),
        (standing(replace(OVER, state=ReferralState.ACCEPTED)), Section.OVER),
        (standing(replace(OVER, state=ReferralState.ACCEPTED), appointment_at=NOON - DAY), Section.NOW),
        (standing(ACCEPTED, last_attempt_at=NOON - DAY, came=True), None),
        (standing(ACCEPTED, last_attempt_at=NOON - HOUR, came=True), Section.DONE),
        (standing(ACCEPTED, came=True, appointment_at=NOON + DAY), Section.LATER),
        (standing(replace(NEW, state=ReferralState.DECLINED)), None),
        (standing(replace(CALLED, state=ReferralState.DECLINED), last_attempt_at=NOON), Section.DONE),
        (standing(replace(NEW, do_not_call=True)), None),
        (standing(replace(NEW, withdrawn=True)), None),
        (standing(replace(NEW, died=True)), None),
    ],
)
def test_where_an_offer_stands_at_noon(case, expected):
    assert section_of(case, CONTACT, at=NOON) == expected


def test_at_night_nobody_is_to_be_called_but_word_of_the_day_is_still_due():
    night = NOON + 9 * HOUR
    due = standing(CALLED, last_attempt_at=NOON - DAY, next_call_at=NOON)
    came = standing(ACCEPTED, last_attempt_at=NOON - DAY, appointment_at=NOON)

    assert section_of(due, CONTACT, at=night) == Section.LATER
    assert section_of(came, CONTACT, at=night) == Section.NOW


def test_today_is_the_site_s_day():
    last = datetime(2023, 3, 15, 0, 30, tzinfo=ZoneInfo("Asia/Taipei"))  # still the 14th in UTC
    case = standing(CALLED, last_attempt_at=last, next_call_at=NOON + DAY)

    assert section_of(case, CONTACT, at=NOON) == Section.DONE


def test_nobody_is_due_on_a_day_off_and_a_booking_still_is():
    due = standing(CALLED, last_attempt_at=NOON - DAY, next_call_at=NOON)

    assert section_of(due, CONTACT, at=NOON) is Section.NOW
    assert section_of(replace(due, day_off=True), CONTACT, at=NOON) is Section.LATER
    assert section_of(standing(ACCEPTED, day_off=True), CONTACT, at=NOON) is Section.NOW
