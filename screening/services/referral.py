"""The offer of a scan: opened for the screening arm, called, booked, kept or missed, ended."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db.models import Q, QuerySet

from screening.models import Appointment, ContactAttempt, DxaExam, Referral
from screening.referrals import (
    EVENT_OF,
    IDENTITY_NOT_RECORDED,
    TRANSITIONS,
    AppointmentEvent,
    AppointmentState,
    ContactOutcome,
    IdentityCheck,
    Offer,
    ReferralEvent,
    ReferralState,
    Refusal,
    identity_fault,
    may_call,
    next_appointment_state,
    next_call,
    next_call_fault,
    next_referral_state,
    window_end,
)
from screening.services.scoring import keep_out
from trial import audit, bulk, clock
from trial.blinding import WINDOW
from trial.models import Allocation, Participant, Severity, Site, TrialKind, User
from trial.partial_dates import PartialDate
from trial.services import aftermath, conduct, people
from trial.services.calendars import calendar_of
from trial.services.registrations import of_one_person
from trial.services.trials import Refused, require_open
from trial.states import FINAL, AllocationFault, State


def open_all(allocations: Sequence[Allocation], *, by: User | None) -> list[Referral]:
    """Open a referral for each allocation that has none; the database refuses any but the screening arm."""
    known = set(Referral.objects.filter(allocation__in=allocations).values_list("allocation_id", flat=True))
    versions = {a.protocol_version_id: a.protocol_version for a in allocations}
    days = {pk: version.protocol.referral_window_days for pk, version in versions.items()}
    made = [
        Referral(
            allocation=a,
            window_ends_on=window_end(a.randomized_on, days[a.protocol_version_id]),
            occurred_at=a.occurred_at,
            protocol_version=a.protocol_version,
        )
        for a in allocations
        if a.pk not in known
    ]
    with audit.context(by=by, why="The scan is offered"):
        bulk.insert(made)
        _stop_unworkable(made)
    return made


def _stop_unworkable(made: Sequence[Referral]) -> None:
    """Stop at once the offers of people whom nobody may call, who objected before the draw.

    The offer is opened all the same: everybody of the arm has one, so that offers add up to the arm, and its
    history says that it was stopped, which is not that the scan was declined.
    """
    out = Q(do_not_call=True) | Q(state__in=[State.WITHDRAWN, State.DIED])
    people = Participant.objects.filter(out, allocation__in=[row.allocation_id for row in made])
    stopped = Referral.objects.filter(allocation__participant__in=people, state=ReferralState.OPEN)
    keys = list(stopped.values_list("pk", flat=True))
    Referral.objects.filter(pk__in=keys).update(state=ReferralState.STOPPED)
    for row in made:
        if row.pk in keys:
            row.state = ReferralState.STOPPED


def offer_of(referral: Referral) -> Offer:
    """Return what the rules of calling ask about a referral."""
    participant = referral.participant
    return Offer(
        state=ReferralState(referral.state),
        randomized_on=referral.allocation.randomized_on,
        window_ends_on=referral.window_ends_on,
        attempts=referral.attempts.count(),
        time_zone=participant.site.time_zone,
        do_not_call=participant.do_not_call,
        withdrawn=participant.state == State.WITHDRAWN,
        died=participant.state == State.DIED,
    )


def refusal(referral: Referral, *, at: datetime | None = None) -> Refusal | None:
    """Return why this participant may not be called at a moment (now), or None."""
    at = at or clock.now(referral.participant.trial)
    return may_call(offer_of(referral), referral.protocol_version.protocol.contact, at=at)


def record_attempt(
    referral: Referral,
    *,
    outcome: ContactOutcome,
    by: User,
    identity: IdentityCheck | None = None,
    occurred_at: datetime | None = None,
    next_call_at: datetime | None = None,
) -> ContactAttempt:
    """Record one try to reach a participant, how the person was identified, and what it leads to."""
    with audit.context(by=by, why="A contact attempt is recorded"):
        referral = locked(referral)
        stamp = stamp_of(referral, occurred_at)
        if no := refusal(referral, at=stamp["occurred_at"]):
            raise Refused(no.sentence)
        made, limit = referral.attempts.count() + 1, referral.protocol_version.protocol.contact.max_attempts
        attempt = ContactAttempt.objects.create(
            referral=referral,
            allocation_id=referral.allocation_id,
            caller=by,
            outcome=outcome,
            identity=_identified(referral, outcome, identity),
            next_call_at=_planned(referral, outcome, at=stamp["occurred_at"], chosen=next_call_at),
            **stamp,
        )
        _follow(referral, outcome, by, last=made >= limit)
    return attempt


def _identified(referral: Referral, outcome: ContactOutcome, identity: IdentityCheck | None) -> str:
    if identity is None and referral.participant.trial.kind == TrialKind.RECORDED:
        return IDENTITY_NOT_RECORDED
    if fault := identity_fault(outcome, identity):
        raise Refused(fault)
    return identity or ""


def _planned(
    referral: Referral, outcome: ContactOutcome, *, at: datetime, chosen: datetime | None
) -> datetime | None:
    """Return when to call next: as the caller chose, if that can be, or as the rule suggests."""
    offer, contact = offer_of(referral), referral.protocol_version.protocol.contact
    calendar = calendar_of(referral.participant.site, contact)
    if not chosen:
        return next_call(outcome, at=at, offer=offer, contact=contact, calendar=calendar)
    if EVENT_OF.get(outcome, ReferralEvent.ACCEPT) != ReferralEvent.ACCEPT:
        said = outcome.replace("_", " ")
        raise Refused(f"After “{said}” nobody calls again. Clear the next call, or choose another outcome.")
    if fault := next_call_fault(chosen, after=at, offer=offer, contact=contact, calendar=calendar):
        raise Refused(fault)
    return chosen


def _follow(referral: Referral, outcome: ContactOutcome, by: User, *, last: bool) -> None:
    """Do what a call leads to; who accepted is not given up for a call that nobody took."""
    if event := EVENT_OF.get(outcome):
        move(referral, event=event, by=by)
        if event != ReferralEvent.ACCEPT:
            _cancel_booked(referral, f"{outcome} on the telephone")
    elif last and (ReferralState(referral.state), ReferralEvent.GIVE_UP) in TRANSITIONS:
        move(referral, event=ReferralEvent.GIVE_UP, by=by)


def move(referral: Referral, *, event: ReferralEvent, by: User | None) -> Referral:
    """Move a referral along; raise TransitionRefused where nothing leads on."""
    with audit.context(by=by, why=f"Referral: {event.value.replace('_', ' ')}"):
        require_open(referral.participant.trial)
        referral.state = next_referral_state(ReferralState(referral.state), event)
        referral.save(update_fields=["state"])
    return referral


def settlements(referral: Referral) -> list[ReferralEvent]:
    """Return what is settled without a call: they ring back, the tries are used up, the window is over."""
    participant, state = referral.participant, ReferralState(referral.state)
    if clock.today(participant.site) > referral.window_ends_on:
        wanted = {ReferralEvent.EXPIRE}
    elif state in (ReferralState.DECLINED, ReferralState.NOT_REACHED):
        wanted = {ReferralEvent.ACCEPT} if participant.state == State.RANDOMIZED else set()
    else:
        max_attempts = referral.protocol_version.protocol.contact.max_attempts
        wanted = {ReferralEvent.GIVE_UP} if referral.attempts.count() >= max_attempts else set()
    return [event for event in wanted if (state, event) in TRANSITIONS]


def settle(
    referral: Referral, *, event: ReferralEvent, by: User, identity: IdentityCheck | None = None
) -> Referral:
    """Settle a referral without a call, where that is due; who rings back says first who they are."""
    if (event is ReferralEvent.ACCEPT) != bool(identity):
        raise Refused("Say by what whoever rang back was identified; of anything else leave it.")
    with audit.context(by=by, why=f"Referral settled: {event.value.replace('_', ' ')}"):
        referral = locked(referral)
        if event not in settlements(referral):
            raise Refused(f"“{event.value.replace('_', ' ')}” is not due here now. Load the page again.")
        if identity:
            referral.rang_back = identity
            referral.save(update_fields=["rang_back"])
        return move(referral, event=event, by=by)


def expire_over(offers: QuerySet[Referral], *, by: User) -> int:
    """Close those of these offers whose window is over, save where an appointment waits; return how many."""
    closing = [state for state, event in TRANSITIONS if event == ReferralEvent.EXPIRE]
    waiting = [AppointmentState.BOOKED, AppointmentState.ATTENDED]
    closed = 0
    with audit.context(by=by, why="The window is over"):
        sites = Site.objects.exclude(trial__state__in=FINAL)
        for site in sites.filter(participants__allocation__referral__in=offers).distinct():
            over = Referral.objects.filter(
                pk__in=offers.order_by().values("pk"),
                allocation__participant__site=site,
                window_ends_on__lt=clock.today(site),
                state__in=closing,
            ).exclude(appointments__state__in=waiting)
            keys = list(over.select_for_update(of=("self",)).values_list("pk", flat=True))
            closed += Referral.objects.filter(pk__in=keys).update(state=ReferralState.EXPIRED)
    return closed


def book(
    referral: Referral, *, scheduled_at: datetime, by: User, occurred_at: datetime | None = None
) -> Appointment:
    """Book the scan of somebody who accepted and consented, inside the window."""
    with audit.context(by=by, why="An appointment is booked"):
        referral = locked(referral)
        consented = conduct.has_consent_for_dxa(referral.participant)
        if fault := booking_fault(referral, scheduled_at, consented=consented):
            raise Refused(fault)
        return Appointment.objects.create(
            referral=referral, scheduled_at=scheduled_at, **stamp_of(referral, occurred_at)
        )


def booking_fault(referral: Referral, scheduled_at: datetime, *, consented: bool) -> str | None:
    """Return why no scan can be booked for a moment and what to do, or None."""
    participant = referral.participant
    if participant.state != State.RANDOMIZED:
        return f"This participant is {participant.state}: nothing is booked."
    if referral.state != ReferralState.ACCEPTED:
        return "Record the call in which the participant accepts, then book."
    if not consented:
        return "The protocol asks for consent to the scan. Record the consent, then book."
    if participant.do_not_call:
        return "This participant is not to be called: nothing is booked."
    day, ends = participant.site.local(scheduled_at).date(), referral.window_ends_on
    if not referral.allocation.randomized_on <= day <= ends:
        return f"The offer runs to {ends}; {day} is outside. Choose an earlier day, or close the referral."
    booked = referral.appointments.filter(state=AppointmentState.BOOKED).exists()
    return "An appointment is booked already. Move or cancel it first." if booked else None


def end_appointment(
    appointment: Appointment, *, event: AppointmentEvent, by: User, reason: str = ""
) -> Appointment:
    """Record that an appointment was kept, missed or cancelled."""
    with audit.context(by=by, why=f"Appointment: {event.value}"):
        referral = locked(appointment.referral)
        appointment = Appointment.objects.select_for_update().get(pk=appointment.pk)
        day = referral.participant.site.local(appointment.scheduled_at).date()
        # By the day: people come early.
        if event in (AppointmentEvent.ATTEND, AppointmentEvent.MISS) and day > clock.today(
            referral.participant.site
        ):
            raise Refused(f"This appointment is on {day}: not yet.")
        appointment.state = next_appointment_state(AppointmentState(appointment.state), event)
        appointment.reason = reason
        appointment.save(update_fields=["state", "reason"])
        if event == AppointmentEvent.ATTEND:
            _claim_scan(appointment, referral, day, by)
        if (
            event in (AppointmentEvent.MISS, AppointmentEvent.CANCEL)
            and referral.state == ReferralState.ACCEPTED
        ):
            move(referral, event=ReferralEvent.REOPEN, by=by)
    return appointment


def _claim_scan(appointment: Appointment, referral: Referral, day: date, by: User) -> None:
    """Give a kept appointment the scan of its day that was entered before it: their order tells no route."""
    scans = DxaExam.objects.filter(participant=referral.participant, appointment=None, exam_date=str(day))
    if scan := scans.order_by("recorded_at").first():
        scan.appointment = appointment
        scan.save(update_fields=["appointment"])
        close_with_scan(referral, on=day, by=by)


def close_with_scan(referral: Referral, *, on: date, by: User | None) -> None:
    """Close an offer with its scan; one after the window is recorded all the same, as a deviation."""
    # A stopped offer stays stopped, and the recorder learns nothing of it.
    if (ReferralState(referral.state), ReferralEvent.SCAN) in TRANSITIONS:
        move(referral, event=ReferralEvent.SCAN, by=by)
    if on > referral.window_ends_on:
        conduct.record_deviation(
            referral.participant.trial,
            participant=referral.participant,
            category=WINDOW,
            severity=Severity.MINOR,
            description=f"Scanned on {on}; the offer ended on {referral.window_ends_on}.",
            by=by,
        )


def move_appointment(
    appointment: Appointment, *, scheduled_at: datetime, by: User, reason: str = ""
) -> Appointment:
    """Move an appointment: the old one stays on record as moved, and a new one is booked."""
    with audit.context(by=by, why="An appointment is moved"):
        end_appointment(appointment, event=AppointmentEvent.MOVE, by=by, reason=reason)
        return book(appointment.referral, scheduled_at=scheduled_at, by=by)


def withdraw(
    participant: Participant,
    *,
    reason: str,
    by: User,
    occurred_at: datetime | None = None,
    no_more_data: bool = False,
) -> Participant:
    """Withdraw a participant and stop what is under way: calls, appointments, scoring."""
    with audit.context(by=by, why=reason or "Withdrawal"):
        participant = conduct.withdraw(
            participant, reason=reason, by=by, occurred_at=occurred_at, no_more_data=no_more_data
        )
        _stop(participant, by)
        keep_out(of_one_person(participant))
    return participant


def record_death(participant: Participant, *, died_on: PartialDate, by: User | None) -> Participant:
    """Record a death and stop what is under way."""
    with audit.context(by=by, why="A death is recorded"):
        participant = conduct.record_death(participant, died_on=died_on, by=by)
        _stop(participant, by)
    return participant


def approve_erasure(participant: Participant, *, by: User) -> None:
    """Approve and do an erasure; whom nobody can name any more nobody expects, so what is booked is cancelled.

    A trial whose data are final keeps its offers as they are: nobody is called from it.
    """
    asked = participant.erasures.filter(approved_by=None).first()
    with audit.context(by=by, why=asked.reason if asked else "An erasure is approved"):
        people.approve_erasure(participant, by=by)
        if participant.trial.state not in FINAL:
            _stop(participant, by)


def record_allocation_error(
    participant: Participant,
    *,
    fault: AllocationFault,
    reason: str,
    by: User,
    first: Participant | None = None,
) -> None:
    """Record what was wrong with an allocation; of a person randomized twice the later offer is stopped."""
    with audit.context(by=by, why=f"Allocation: {fault.words}"):
        aftermath.record_allocation_error(participant, fault=fault, reason=reason, by=by, first=first)
        if fault is AllocationFault.DUPLICATE:
            Participant.objects.filter(pk=participant.pk).update(do_not_call=True)
            _stop(participant, by)


def object_to_calls(participant: Participant, *, by: User, occurred_at: datetime | None = None) -> None:
    """Record an objection and stop calling at once."""
    with audit.context(by=by, why="An objection is recorded"):
        conduct.record_objection(participant, by=by, occurred_at=occurred_at)
        _stop(participant, by)


def _stop(participant: Participant, by: User | None) -> None:
    for referral in Referral.objects.filter(allocation__participant=participant).select_for_update(
        of=("self",)
    ):
        _cancel_booked(referral, "the offer was stopped")
        if (ReferralState(referral.state), ReferralEvent.STOP) in TRANSITIONS:  # else it had ended already
            move(referral, event=ReferralEvent.STOP, by=by)


def _cancel_booked(referral: Referral, reason: str) -> None:
    for appointment in referral.appointments.filter(state=AppointmentState.BOOKED):
        appointment.state = next_appointment_state(AppointmentState.BOOKED, AppointmentEvent.CANCEL)
        appointment.reason = reason
        appointment.save(update_fields=["state", "reason"])


def locked(referral: Referral) -> Referral:
    """Lock a participant and the offer, and return the offer as it stands now."""
    # The participant first, then the offer, then its appointments: everybody in this order, so that a call and
    # a withdrawal at the same moment wait for each other and never both.
    Participant.objects.select_for_update(of=("self",)).get(allocation=referral.allocation_id)
    rows = Referral.objects.select_for_update(of=("self",)).select_related(
        "allocation__participant__trial", "allocation__participant__site", "protocol_version"
    )
    locked = rows.get(pk=referral.pk)
    require_open(locked.participant.trial)
    return locked


def stamp_of(referral: Referral, occurred_at: datetime | None) -> dict:
    """Return when something about an offer happened and the protocol version in force."""
    return conduct.stamp(referral.participant.trial, occurred_at)
