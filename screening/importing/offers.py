"""Rows of what followed the offer in a recorded trial: calls and appointments, judged in the order of the file."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from screening.forms import RecordedAppointmentForm, RecordedCallForm
from screening.importing.plan import Entry, Kind, RowRefused, Track, Verdict
from screening.models import Referral
from screening.referrals import (
    EVENT_OF,
    TRANSITIONS,
    Attendance,
    Offer,
    ReferralEvent,
    ReferralState,
    identity_fault,
    may_call,
    next_referral_state,
)
from screening.services import recorded, referral
from trial import clock
from trial.forms import LocalForm, PageForm
from trial.models import Participant, User
from trial.roles import Permission
from trial.services import conduct
from trial.services.trials import Refused

NO_OFFER = "This participant has no offer of a scan."
IN_ORDER = (
    "The rows of one person stand in the order in which it happened: correct the time, or move the row."
)


class OfOffers(Kind):
    """What both kinds share: the offer that a row is about, as the rows before it leave it."""

    recorded_only = True
    moment: str
    form: LocalForm

    def load(self, participants: Sequence[Participant]) -> None:
        rows = Referral.objects.filter(allocation__participant__in=participants).prefetch_related("attempts")
        rows = rows.select_related(
            *("allocation__participant__trial", "allocation__participant__site", "protocol_version")
        )
        self.offers = {row.participant.pk: row for row in rows.prefetch_related("appointments")}
        self.seen: dict[UUID, list[datetime]] = defaultdict(list)

    def read(self, cells: dict[str, str], participant: Participant | None) -> dict[str, Any]:
        assert participant is not None
        self.form.site = participant.site
        return self.filled(cells)

    def key(self, entry: Entry) -> Hashable:
        return entry.participant, entry.fact[self.moment]

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        offer, at = self.offers.get(entry.who.pk), entry.fact[self.moment]
        if offer is None:
            raise RowRefused("no_offer", NO_OFFER)
        known = self.on_record(offer)
        if at in known:
            if known[at] != entry.fact["outcome"]:
                said = f"On record with another outcome: {known[at]}. An import doesn't change that."
                raise RowRefused("on_record", said)
            return Verdict.UNCHANGED, ""
        if at <= max([*known, *self.seen[offer.pk]], default=at - timedelta(1)):
            raise RowRefused("out_of_order", IN_ORDER)
        if at > clock.now(self.trial):
            raise RowRefused("invalid", f"{at:%Y-%m-%d %H:%M} lies in the future. Correct the date.")
        self.judge(offer, entry)
        self.seen[offer.pk].append(at)
        return Verdict.NEW, ""

    @abstractmethod
    def on_record(self, offer: Referral) -> dict[datetime, str]:
        """Return what is on record of an offer, by moment."""

    @abstractmethod
    def judge(self, offer: Referral, entry: Entry) -> None:
        """Raise RowRefused as the service would, and move the offer, in memory, as it would."""

    @abstractmethod
    def record(self, entry: Entry, by: User) -> None:
        """Write a row through the services."""

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        if by is None:
            raise Refused("Calls and appointments are recorded in somebody's name. Say in whose (--by).")
        for entry in track(new, "rows written"):
            self.record(entry, by)


class Calls(OfOffers):
    """Tries to reach somebody, by time and outcome."""

    name, moment = "call", "called_at"
    permission = Permission.RECORD_CALL

    def make_form(self) -> PageForm:
        return RecordedCallForm(site=self.site)

    def load(self, participants: Sequence[Participant]) -> None:
        super().load(participants)
        self.stands: dict[UUID, Offer] = {pk: referral.offer_of(row) for pk, row in self.offers.items()}

    def on_record(self, offer: Referral) -> dict[datetime, str]:
        return {attempt.occurred_at: attempt.outcome for attempt in offer.attempts.all()}

    def judge(self, offer: Referral, entry: Entry) -> None:
        now, outcome = self.stands[entry.who.pk], entry.fact["outcome"]
        contact = offer.protocol_version.protocol.contact
        if no := may_call(now, contact, at=entry.fact["called_at"]):
            raise RowRefused(no.code, no.sentence)
        if entry.fact["identity"] and (fault := identity_fault(outcome, entry.fact["identity"])):
            raise RowRefused("invalid", fault)
        last = now.attempts + 1 >= contact.max_attempts
        event = EVENT_OF.get(outcome) or (ReferralEvent.GIVE_UP if last else None)
        state = (
            next_referral_state(now.state, event)
            if event and (now.state, event) in TRANSITIONS
            else now.state
        )
        self.stands[entry.who.pk] = replace(now, attempts=now.attempts + 1, state=state)

    def record(self, entry: Entry, by: User) -> None:
        said = entry.fact
        told: Any = {
            "outcome": said["outcome"],
            "identity": said["identity"],
            "occurred_at": said["called_at"],
        }
        referral.record_attempt(self.offers[entry.who.pk], **told, by=by)


class Appointments(OfOffers):
    """Appointments for the trial's scan, and who came: by these an exam is the trial's own."""

    name, moment = "appointment", "scheduled_at"
    permission = Permission.BOOK_APPOINTMENT

    def make_form(self) -> PageForm:
        return RecordedAppointmentForm(site=self.site)

    def on_record(self, offer: Referral) -> dict[datetime, str]:
        return {booked.scheduled_at: booked.state for booked in offer.appointments.all()}

    def judge(self, offer: Referral, entry: Entry) -> None:
        consented = bool(entry.fact["form_version"]) or conduct.has_consent_for_dxa(entry.who)
        if fault := referral.booking_fault(offer, entry.fact["scheduled_at"], consented=consented):
            raise RowRefused("invalid", fault)
        if entry.fact["outcome"] is not Attendance.ATTENDED:
            offer.state = next_referral_state(ReferralState(offer.state), ReferralEvent.REOPEN)

    def record(self, entry: Entry, by: User) -> None:
        said = entry.fact
        recorded.record_appointment(
            self.offers[entry.who.pk],
            scheduled_at=said["scheduled_at"],
            outcome=said["outcome"],
            form_version=said["form_version"],
            by=by,
        )
