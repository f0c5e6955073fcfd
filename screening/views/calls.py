"""The call sheet: whom to call, what to say, and what came of it, through to the scan."""

import re
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from screening.forms import (
    AppointmentForm,
    AttemptForm,
    ConsentForm,
    IdentityForm,
    ResultForm,
    TreatmentReferralForm,
)
from screening.models import Appointment, Referral
from screening.referrals import (
    NOBODY_SPOKEN_TO,
    TOLD,
    AppointmentEvent,
    ContactOutcome,
    IdentityCheck,
    ReferralEvent,
    ReferralState,
    RefusalCode,
)
from screening.services import communication
from screening.services import referral as referrals
from screening.views.worklist import card_of, offers
from trial import clock
from trial.blinding import arm_shown
from trial.models import Participant, User
from trial.pages import NOT_SAVED, SignedIn, may, page, refusals
from trial.roles import Permission
from trial.services import conduct
from trial.services.people import reveal

# How a button of the sheet reads, and what it looks like.
OUTCOMES = (
    (ContactOutcome.ACCEPTED, "Accepts the scan", "success"),
    (ContactOutcome.CALL_BACK, "Call back", "outline-primary"),
    (ContactOutcome.THINKING, "Thinking it over", "outline-primary"),
    (ContactOutcome.DECLINED, "Declines", "outline-danger"),
    (ContactOutcome.NO_ANSWER, "No answer", "outline-secondary"),
    (ContactOutcome.WRONG_NUMBER, "Wrong number", "outline-secondary"),
    (ContactOutcome.DIED, "Has died", "outline-secondary"),
    (ContactOutcome.MOVED, "Moved away", "outline-secondary"),
)
# Before it is known who speaks nothing can have been told; after it, somebody was reached.
UNTOLD = [button for button in OUTCOMES if button[0] not in TOLD]
REACHED = [button for button in OUTCOMES if button[0] not in (*NOBODY_SPOKEN_TO, ContactOutcome.DIED)]
# A call made while calls were allowed may still be written down after these.
SAME_CALL = timedelta(minutes=5)  # in which the same outcome by the same caller is the same call
LOGGED_LATER = (RefusalCode.OUTSIDE_HOURS, RefusalCode.WINDOW_OVER)
SETTLING = {
    ReferralEvent.ACCEPT: "Rang back and accepts",
    ReferralEvent.GIVE_UP: "Close as not reached",
    ReferralEvent.EXPIRE: "Close: the window is over",
}
ENDINGS = (AppointmentEvent.ATTEND, AppointmentEvent.MISS, AppointmentEvent.CANCEL)
AFTERWARDS = {
    ContactOutcome.DECLINED: "Nobody calls again. If they objected to calls as such, record the objection.",
    ContactOutcome.WRONG_NUMBER: "Ask the coordinator for another number.",
    ContactOutcome.DIED: "Calls have stopped. Tell the coordinator, who records the date of death.",
    ContactOutcome.MOVED: "Calls have stopped.",
}


@page(Permission.SEE_WORKLIST)
def call_sheet(request: SignedIn, pk: UUID) -> HttpResponse:
    """Show the sheet of one offer."""
    return _sheet(request, _offer(request, pk, Permission.SEE_WORKLIST))


@require_POST
@page(Permission.RECORD_CALL)
def record_attempt(request: SignedIn, pk: UUID) -> HttpResponse:
    """Record how a call ended; that somebody has died is asked once, for the button stands among others."""
    referral = _offer(request, pk, Permission.RECORD_CALL)
    form = _attempt_form(referral, request.POST)
    if form.is_valid() and form.cleaned_data["outcome"] == ContactOutcome.DIED and "sure" not in request.POST:
        return render(request, "screening/death.html", {"card": card_of(referral), "typed": request.POST})
    if form.is_valid() and (before := _same_call(referral, form, request.user)):
        form.add_error(None, before)
    if form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            attempt = referrals.record_attempt(referral, by=request.user, **form.cleaned_data)
    if form.errors:
        return _sheet(request, referral, attempt_form=form)
    messages.success(request, _recorded(referral, attempt))
    return redirect("call-sheet", pk) if attempt.outcome == ContactOutcome.ACCEPTED else redirect("worklist")


def _same_call(referral: Referral, form: AttemptForm, user: User) -> str:
    """Say that a call is on record already: the button was pressed again, perhaps after going back."""
    last = referral.attempts.order_by("recorded_at").last()
    if last is None or form.cleaned_data["occurred_at"] or timezone.now() - last.recorded_at > SAME_CALL:
        return ""
    if (last.caller_id, last.outcome) != (user.pk, form.cleaned_data["outcome"]):
        return ""
    at = referral.participant.site.local(last.occurred_at)
    return (
        f"This call is on record already: {last.get_outcome_display()}, {at:%H:%M}. Nothing was added. "
        "If there was another call, log it with its own time."
    )


def _recorded(referral: Referral, attempt: Any) -> str:
    words = [f"{referral.participant}: {attempt.outcome.replace('_', ' ')}, recorded."]
    if attempt.next_call_at:
        words.append(f"Next call {referral.participant.site.local(attempt.next_call_at):%a %d %b %Y, %H:%M}.")
    return " ".join([*words, AFTERWARDS.get(attempt.outcome, "")])


@require_POST
@page(Permission.RECORD_CONSENT)
def record_consent(request: SignedIn, pk: UUID) -> HttpResponse:
    """Record that the participant agreed to the scan."""
    referral = _offer(request, pk, Permission.RECORD_CONSENT)
    form = ConsentForm(request.POST)
    if form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            form_version = form.cleaned_data["form_version"]
            conduct.record_consent(
                referral.participant, form_version=form_version, scope="dxa", by=request.user
            )
    if form.errors:
        return _sheet(request, referral, consent_form=form)
    messages.success(request, "Consent recorded. Now book the scan.")
    return redirect("call-sheet", pk)


@require_POST
@page(Permission.BOOK_APPOINTMENT)
def book(request: SignedIn, pk: UUID) -> HttpResponse:
    """Book the scan, or move it where one is booked."""
    referral = _offer(request, pk, Permission.BOOK_APPOINTMENT)
    form = _appointment_form(referral, request.POST)
    if form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            appointment = _book(request, referral, form)
    if form.errors:
        return _sheet(request, referral, appointment_form=form)
    local = referral.participant.site.local(appointment.scheduled_at)
    messages.success(request, f"Booked for {local:%a %d %b %Y, %H:%M}. Repeat day and time once more.")
    return redirect("call-sheet", pk)


def _book(request: SignedIn, referral: Referral, form: AppointmentForm) -> Appointment:
    booked, when = card_of(referral).appointment, form.cleaned_data["scheduled_at"]
    if booked is None:
        return referrals.book(referral, scheduled_at=when, by=request.user)
    reason = form.cleaned_data["reason"]
    return referrals.move_appointment(booked, scheduled_at=when, by=request.user, reason=reason)


@require_POST
@page(Permission.BOOK_APPOINTMENT)
def end_appointment(request: SignedIn, pk: UUID, event: str) -> HttpResponse:
    """Record that an appointment was kept, missed or cancelled."""
    rows = Appointment.objects.visible_to(request.user, Permission.BOOK_APPOINTMENT)
    appointment = get_object_or_404(rows, pk=pk)
    if event not in ENDINGS:
        raise Http404
    with refusals(tell=partial(messages.error, request)):
        ended = referrals.end_appointment(appointment, event=AppointmentEvent(event), by=request.user)
        messages.success(request, f"Appointment: {ended.state.replace('_', ' ')}, recorded.")
    return redirect("call-sheet", appointment.referral_id)


@require_POST
@page(Permission.RECORD_CALL)
def tell_result(request: SignedIn, pk: UUID) -> HttpResponse:
    """Record that the result of the scan was told."""
    referral = _offer(request, pk, Permission.RECORD_CALL)
    form = ResultForm(request.POST, site=referral.participant.site)
    if form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            communication.tell_result(referral, by=request.user, **form.cleaned_data)
    if form.errors:
        return _sheet(request, referral, result_form=form)
    messages.success(request, f"{referral.participant}: that the result was told is recorded.")
    return redirect("call-sheet", pk)


@require_POST
@page(Permission.RECORD_CALL)
def refer_for_treatment(request: SignedIn, pk: UUID) -> HttpResponse:
    """Record that the participant was referred for treatment."""
    referral = _offer(request, pk, Permission.RECORD_CALL)
    form = TreatmentReferralForm(request.POST, site=referral.participant.site)
    if form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            communication.refer_for_treatment(referral, by=request.user, **form.cleaned_data)
    if form.errors:
        return _sheet(request, referral, treatment_form=form)
    messages.success(request, f"{referral.participant}: the referral for treatment is recorded.")
    return redirect("call-sheet", pk)


@require_POST
@page(Permission.RECORD_CALL)
def settle(request: SignedIn, pk: UUID, event: str) -> HttpResponse:
    """Settle an offer without a call."""
    referral = _offer(request, pk, Permission.RECORD_CALL)
    if event not in SETTLING:
        raise Http404
    with refusals(tell=partial(messages.error, request)):
        accepts = event == ReferralEvent.ACCEPT
        identity = _confirmed(request) if accepts else None
        settled = referrals.settle(referral, event=ReferralEvent(event), by=request.user, identity=identity)
        messages.success(request, f"{referral.participant}: {settled.state.replace('_', ' ')}, recorded.")
    return redirect("call-sheet", pk)


@require_POST
@page(Permission.RECORD_CALL)
def close_over(request: SignedIn) -> HttpResponse:
    """Close all offers whose window is over."""
    with refusals(tell=partial(messages.error, request)):
        closed = referrals.expire_over(offers(request.user, Permission.RECORD_CALL), by=request.user)
        messages.success(request, f"Offers closed because their window is over: {closed}.")
    return redirect("worklist")


@page(Permission.RECORD_CONSENT)
def objection(request: SignedIn, pk: UUID) -> HttpResponse:
    """Say what an objection does and ask once; then record it."""
    referral = _offer(request, pk, Permission.RECORD_CONSENT)
    if request.method != "POST":
        return render(request, "screening/objection.html", {"card": card_of(referral)})
    with refusals(tell=partial(messages.error, request)):
        referrals.object_to_calls(referral.participant, by=request.user)
        messages.success(request, f"{referral.participant}: objection recorded. Nobody calls any more.")
    return redirect("worklist")


def _offer(request: SignedIn, pk: UUID, permission: Permission) -> Referral:
    """Return an offer to act on; only for whoever sees the worklist, as to be on it is to be in the arm."""
    granted = Referral.objects.visible_to(request.user, permission)
    found = get_object_or_404(offers(request.user).filter(pk__in=granted.values("pk")), pk=pk)
    arm_shown(request.user, f"offer {pk}")
    return found


def _attempt_form(referral: Referral, data: Any = None) -> AttemptForm:
    site, working_day = referral.participant.site, card_of(referral).next_working_day
    return AttemptForm(data, site=site, working_day=working_day)


def _appointment_form(referral: Referral, data: Any = None) -> AppointmentForm:
    participant, last_day = referral.participant, referral.window_ends_on
    return AppointmentForm(data, site=participant.site, now=clock.now(participant.trial), last_day=last_day)


def _confirmed(request: SignedIn) -> IdentityCheck | None:
    """Return by what the person on the telephone was identified in the step before, if they were."""
    asked = IdentityForm(request.POST or request.GET)
    return asked.cleaned_data["identity"] if asked.is_valid() else None


def _dialed(phone: str) -> str:
    """Return what a telephone dials: digits and plus, without an extension."""
    return re.sub(r"[^\d+]", "", phone.partition("#")[0])


def _sheet(request: SignedIn, referral: Referral, **bound: Any) -> HttpResponse:
    """Show the sheet, with a form that was not saved if there is one; whoever looks at a name is logged."""
    participant, card = referral.participant, card_of(referral)
    refused, confirmed = referrals.refusal(referral), _confirmed(request)
    named = Participant.objects.visible_to(request.user, Permission.SEE_IDENTITY).filter(pk=participant.pk)
    card.identity = reveal(participant, by=request.user) if named.exists() else None
    context = {
        "card": card,
        "tel": _dialed(card.identity.phone) if card.identity else "",
        "refused": refused,
        "to_tell": card.result_untold and refused is not None and refused.code == RefusalCode.REFERRAL_ENDED,
        "confirmed": confirmed,
        "identity_form": IdentityForm(),
        "outcomes": OUTCOMES if refused else REACHED if confirmed else UNTOLD,
        "logged_later": refused is not None and refused.code in LOGGED_LATER,
        "settlements": [(event, SETTLING[event]) for event in referrals.settlements(referral)],
        "consented": conduct.has_consent_for_dxa(participant),
        "accepted": referral.state == ReferralState.ACCEPTED,
        "may_record": may(request.user, Permission.RECORD_CALL, participant.trial, participant.site),
        "attempt_form": _attempt_form(referral),
        "consent_form": ConsentForm(),
        "result_form": ResultForm(site=participant.site),
        "treatment_form": TreatmentReferralForm(site=participant.site),
        "appointment_form": _appointment_form(referral),
    } | bound
    return render(request, "screening/call_sheet.html", context, status=NOT_SAVED if bound else 200)
