"""The order of a caller's day: which offers need something now, which soon, which later."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from screening.referrals import TO_BE_CALLED, ContactOutcome, Offer, ReferralState, may_call
from trial.protocol_parts import Contact

ENDING_WITHIN = 14  # days


class Section(StrEnum):
    """A part of the worklist, in the order of the page."""

    NOW = "now"
    RESULT = "result"
    ENDING = "ending"
    NEW = "new"
    LATER = "later"
    OVER = "over"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the worklist asks of an offer, beyond the rules of calling.

    `came` when an appointment was kept; `day_off` when today is no working day at the site.
    """

    offer: Offer
    last_attempt_at: datetime | None = None
    last_outcome: ContactOutcome | None = None
    next_call_at: datetime | None = None
    appointment_at: datetime | None = None
    came: bool = False
    day_off: bool = False
    result_untold: bool = False


def section_of(standing: Standing, contact: Contact, *, at: datetime) -> Section | None:
    """Return where an offer stands at a moment (with its zone); None when there is nothing to do."""
    offer, zone = standing.offer, ZoneInfo(standing.offer.time_zone)
    today = at.astimezone(zone).date()
    called = standing.last_attempt_at
    done = Section.DONE if called and called.astimezone(zone).date() == today else None
    days_left = (offer.window_ends_on - today).days
    if standing.result_untold:
        return Section.RESULT
    if _needs_nobody(standing):
        return done
    if days_left < 0 and not standing.appointment_at:
        return Section.OVER
    if _due(standing, contact, at):
        return Section.NOW
    if done or standing.appointment_at:
        return done or Section.LATER
    if days_left <= ENDING_WITHIN:
        return Section.ENDING
    return Section.LATER if offer.attempts else Section.NEW


def _needs_nobody(standing: Standing) -> bool:
    """Say whether callers have nothing more to do: it ended, it was stopped, or the person came to the scan."""
    offer = standing.offer
    stopped = offer.withdrawn or offer.died or offer.do_not_call
    waits_for_result = standing.came and not standing.appointment_at
    return stopped or waits_for_result or offer.state not in TO_BE_CALLED


def _due(standing: Standing, contact: Contact, at: datetime) -> bool:
    """Say whether somebody waits: for a call-back, for a booking, or for word whether they came."""
    if standing.appointment_at:
        return standing.appointment_at <= at
    if standing.offer.state == ReferralState.ACCEPTED:
        return True
    # Who had accepted and is open again missed or cancelled the appointment.
    promised = standing.next_call_at is None and standing.last_outcome == ContactOutcome.ACCEPTED
    planned = standing.next_call_at is not None and standing.next_call_at <= at
    return not standing.day_off and (promised or planned) and may_call(standing.offer, contact, at=at) is None
