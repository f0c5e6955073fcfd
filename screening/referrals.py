"""The offer of a trial DXA: its window, its states, and who may be called when.

Source: the protocol. The window runs from the day of randomization (day 0, local to the site) to day 180,
itself inside; attempts and hours are the protocol's. Only the screening arm ever has a referral.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from trial.calendars import Calendar
from trial.protocol_parts import Contact
from trial.states import move


class ReferralState(StrEnum):
    """Where an offer stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    SCANNED = "scanned"
    DECLINED = "declined"
    NOT_REACHED = "not_reached"
    EXPIRED = "expired"
    STOPPED = "stopped"


class ReferralEvent(StrEnum):
    """What may happen to an offer; stop is for withdrawal, death, objection and moving away."""

    ACCEPT = "accept"
    DECLINE = "decline"
    REOPEN = "reopen"
    GIVE_UP = "give_up"
    SCAN = "scan"
    EXPIRE = "expire"
    STOP = "stop"


class ContactOutcome(StrEnum):
    """How an attempt to reach somebody ended."""

    ACCEPTED = "accepted"
    CALL_BACK = "call_back"
    THINKING = "thinking"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    WRONG_NUMBER = "wrong_number"
    DIED = "died"
    MOVED = "moved"


class IdentityCheck(StrEnum):
    """What the person on the telephone was asked and answered as on record."""

    NAME_AND_BIRTH_DATE = "name_and_birth_date"
    NAME_AND_NUMBER = "name_and_number"

    @property
    def words(self) -> str:
        """Return what is asked, as people say it."""
        asked = {"name_and_birth_date": "date of birth", "name_and_number": "hospital number"}
        return f"full name and {asked[self.value]}"


# Of a recorded trial, and of calls from before it was asked for.
IDENTITY_NOT_RECORDED = "not_recorded"


class CommunicationKind(StrEnum):
    """What a participant is told once the trial's scan has a result."""

    RESULT = "result"
    TREATMENT = "treatment"


class Means(StrEnum):
    """How a result is told."""

    TELEPHONE = "telephone"
    LETTER = "letter"
    IN_PERSON = "in_person"


class AppointmentState(StrEnum):
    """Where an appointment stands; a moved one is followed by a new one."""

    BOOKED = "booked"
    MOVED = "moved"
    ATTENDED = "attended"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"


class AppointmentEvent(StrEnum):
    """What may happen to an appointment."""

    MOVE = "move"
    ATTEND = "attend"
    MISS = "miss"
    CANCEL = "cancel"


class Attendance(StrEnum):
    """How an appointment ended."""

    ATTENDED = "attended"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"

    @property
    def event(self) -> AppointmentEvent:
        """Return what leads to this end."""
        return {"attended": AppointmentEvent.ATTEND, "no_show": AppointmentEvent.MISS}.get(
            self.value, AppointmentEvent.CANCEL
        )


class RefusalCode(StrEnum):
    """Why somebody may not be called now."""

    DIED = "died"
    WITHDRAWN = "withdrawn"
    DO_NOT_CALL = "do_not_call"
    REFERRAL_ENDED = "referral_ended"
    BEFORE_WINDOW = "before_window"
    WINDOW_OVER = "window_over"
    ATTEMPTS_USED_UP = "attempts_used_up"
    OUTSIDE_HOURS = "outside_hours"


S, E = ReferralState, ReferralEvent

TRANSITIONS: Mapping[tuple[ReferralState, ReferralEvent], ReferralState] = {
    (S.OPEN, E.ACCEPT): S.ACCEPTED,
    (S.OPEN, E.DECLINE): S.DECLINED,
    (S.OPEN, E.GIVE_UP): S.NOT_REACHED,
    (S.OPEN, E.SCAN): S.SCANNED,
    (S.OPEN, E.EXPIRE): S.EXPIRED,
    (S.OPEN, E.STOP): S.STOPPED,
    (S.ACCEPTED, E.ACCEPT): S.ACCEPTED,
    (S.ACCEPTED, E.DECLINE): S.DECLINED,
    # A missed or cancelled appointment puts the person back on the worklist.
    (S.ACCEPTED, E.REOPEN): S.OPEN,
    (S.ACCEPTED, E.SCAN): S.SCANNED,
    (S.ACCEPTED, E.EXPIRE): S.EXPIRED,
    (S.ACCEPTED, E.STOP): S.STOPPED,
    # People ring back, whatever they said first or whoever gave them up.
    (S.DECLINED, E.ACCEPT): S.ACCEPTED,
    (S.DECLINED, E.SCAN): S.SCANNED,
    (S.DECLINED, E.STOP): S.STOPPED,
    (S.NOT_REACHED, E.ACCEPT): S.ACCEPTED,
    (S.NOT_REACHED, E.REOPEN): S.OPEN,
    (S.NOT_REACHED, E.SCAN): S.SCANNED,
    (S.NOT_REACHED, E.EXPIRE): S.EXPIRED,
    (S.NOT_REACHED, E.STOP): S.STOPPED,
    # A scan after the window is recorded, with a protocol deviation.
    (S.EXPIRED, E.SCAN): S.SCANNED,
    (S.EXPIRED, E.STOP): S.STOPPED,
}

APPOINTMENT_TRANSITIONS: Mapping[tuple[AppointmentState, AppointmentEvent], AppointmentState] = {
    (AppointmentState.BOOKED, AppointmentEvent.MOVE): AppointmentState.MOVED,
    (AppointmentState.BOOKED, AppointmentEvent.ATTEND): AppointmentState.ATTENDED,
    (AppointmentState.BOOKED, AppointmentEvent.MISS): AppointmentState.NO_SHOW,
    (AppointmentState.BOOKED, AppointmentEvent.CANCEL): AppointmentState.CANCELLED,
}

# What an attempt does to the referral; the others leave it as it is.
EVENT_OF: Mapping[ContactOutcome, ReferralEvent] = {
    ContactOutcome.ACCEPTED: E.ACCEPT,
    ContactOutcome.DECLINED: E.DECLINE,
    ContactOutcome.DIED: E.STOP,
    ContactOutcome.MOVED: E.STOP,
}

TO_BE_CALLED = (S.OPEN, S.ACCEPTED)

# To whom the offer was told, and nobody else may have been: the person, who had said who they are.
TOLD = (ContactOutcome.ACCEPTED, ContactOutcome.THINKING, ContactOutcome.DECLINED)
NOBODY_SPOKEN_TO = (ContactOutcome.NO_ANSWER, ContactOutcome.WRONG_NUMBER)


@dataclass(frozen=True)
class Refusal:
    """Why a call may not be made: a stable code and a sentence to be shown."""

    code: RefusalCode
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What has to be known of a participant and the referral before a call."""

    state: ReferralState
    randomized_on: date
    window_ends_on: date
    attempts: int
    time_zone: str
    do_not_call: bool = False
    withdrawn: bool = False
    died: bool = False


def next_referral_state(state: ReferralState, event: ReferralEvent) -> ReferralState:
    """Return the referral's state after the event, or raise TransitionRefused."""
    return move(TRANSITIONS, "referral", state, event)


def next_appointment_state(state: AppointmentState, event: AppointmentEvent) -> AppointmentState:
    """Return the appointment's state after the event, or raise TransitionRefused."""
    return move(APPOINTMENT_TRANSITIONS, "appointment", state, event)


def window_end(randomized_on: date, days: int = 180) -> date:
    """Return the last day of the offer, itself inside: day 180 after the day of randomization."""
    return randomized_on + timedelta(days=days)


def day_of_window(randomized_on: date, day: date) -> int:
    """Return which day of the offer a date is; the day of randomization is day 0."""
    return (day - randomized_on).days


def may_call(offer: Offer, contact: Contact, *, at: datetime) -> Refusal | None:
    """Return why the person may not be called at a moment (with its zone), or None when they may."""
    local = at.astimezone(ZoneInfo(offer.time_zone))
    return _stopped(offer) or _outside_window(offer, local.date()) or _outside_rules(offer, contact, local)


def identity_fault(outcome: ContactOutcome, identity: IdentityCheck | None) -> str | None:
    """Return what is wrong with how the person was identified, or None."""
    said = outcome.replace("_", " ")
    if outcome in TOLD and not identity:
        return (
            f"“{said}” means that the offer was told. Confirm first who it is: ask for full name and date of birth, "
            "and go on only if both agree with the record."
        )
    if outcome in NOBODY_SPOKEN_TO and identity:
        return f"“{said}” means that the participant was not spoken to. Leave out that it was them."
    return None


def next_call(
    outcome: ContactOutcome, *, at: datetime, offer: Offer, contact: Contact, calendar: Calendar
) -> datetime | None:
    """Suggest the next call, in the site's time: the next working day at another time; None when none is due.

    Half of people prefer mornings and most are reached within three tries, so tries move through the day.
    ``offer`` is as it stood when this call was made.
    Somebody who is thinking gets three days; who asked to be called back, the same hour of the next working day.
    """
    local = at.astimezone(ZoneInfo(offer.time_zone))
    if outcome == ContactOutcome.NO_ANSWER:
        day, hour = local.date() + timedelta(days=1), _another_time(local.time(), contact)
    elif outcome in (ContactOutcome.CALL_BACK, ContactOutcome.THINKING):
        wait = 3 if outcome == ContactOutcome.THINKING else 1
        day, hour = local.date() + timedelta(days=wait), local.time().replace(second=0, microsecond=0)
    else:
        return None
    suggested = datetime.combine(calendar.working_day(day), hour, local.tzinfo)
    after = replace(offer, attempts=offer.attempts + 1)
    return None if may_call(after, contact, at=suggested) else suggested


def next_call_fault(
    chosen: datetime, *, after: datetime, offer: Offer, contact: Contact, calendar: Calendar
) -> str | None:
    """Return what is wrong with a next call that somebody chose, and what to choose instead; None when nothing is."""
    local = chosen.astimezone(ZoneInfo(offer.time_zone))
    said = f"The next call, {local:%Y-%m-%d %H:%M},"
    if chosen <= after:
        return f"{said} lies before this one. Choose a later time."
    if local.date() > offer.window_ends_on:
        return f"{said} lies after the offer's last day, {offer.window_ends_on}. Choose an earlier one."
    if not contact.hours_from <= local.time() < contact.hours_to:
        hours = f"{contact.hours_from:%H:%M} to {contact.hours_to:%H:%M}"
        return f"{said} is outside the hours in which people may be called, {hours}. Choose another time."
    if off := calendar.day_off(local.date()):
        working = calendar.working_day(local.date())
        return (
            f"{local.date()} is {off}: the next working day is {working:%A}, {working}. Choose a working day."
        )
    return None


def _stopped(offer: Offer) -> Refusal | None:
    if offer.died:
        return Refusal(RefusalCode.DIED, "This participant has died. Don't call.")
    if offer.withdrawn:
        return Refusal(RefusalCode.WITHDRAWN, "This participant withdrew. Don't call.")
    if offer.do_not_call:
        return Refusal(RefusalCode.DO_NOT_CALL, "This participant asked not to be called. Don't call.")
    if offer.state not in TO_BE_CALLED:
        state = offer.state.replace("_", " ")
        said = f"This referral is {state}; nobody is to be called. If they ring back, record that instead."
        return Refusal(RefusalCode.REFERRAL_ENDED, said)
    return None


def _outside_window(offer: Offer, day: date) -> Refusal | None:
    if day < offer.randomized_on:
        said = f"{day} is before randomization on {offer.randomized_on}. Correct the date of the call."
        return Refusal(RefusalCode.BEFORE_WINDOW, said)
    if day > offer.window_ends_on:
        length = day_of_window(offer.randomized_on, offer.window_ends_on)
        said = f"The {length} days ended on {offer.window_ends_on}. Close the referral."
        return Refusal(RefusalCode.WINDOW_OVER, said)
    return None


def _outside_rules(offer: Offer, contact: Contact, local: datetime) -> Refusal | None:
    if offer.attempts >= contact.max_attempts:
        accepted = offer.state == ReferralState.ACCEPTED
        then = "They accepted: go on with consent and the scan" if accepted else "Close it as not reached"
        said = f"{offer.attempts} attempts made (limit {contact.max_attempts}). {then}; if they ring back, record that."
        return Refusal(RefusalCode.ATTEMPTS_USED_UP, said)
    if not contact.hours_from <= local.time() < contact.hours_to:
        hours = f"{contact.hours_from:%H:%M} to {contact.hours_to:%H:%M}"
        said = (
            f"It is {local:%H:%M} at the site. Calls are allowed {hours}. Call then, or log an earlier call."
        )
        return Refusal(RefusalCode.OUTSIDE_HOURS, said)
    return None


def _another_time(last: time, contact: Contact) -> time:
    """Return the next of three times of day inside the call hours, after the evening the morning."""
    opens, closes = (hour.hour * 60 + hour.minute for hour in (contact.hours_from, contact.hours_to))
    thirds = (opens + (closes - opens) * part // 3 for part in range(3))
    starts = [time(*divmod(max(opens, third // 30 * 30), 60)) for third in thirds]
    return starts[sum(start <= last for start in starts) % 3]
