"""Offers of a scan, calls and appointments in the admin: of the screening arm only."""

from typing import Any

from django.contrib import admin

from screening.models import Appointment, Communication, ContactAttempt, Referral
from screening.steps import OFFER_STEPS
from trial.conduct_admin import WHEN, OfParticipant
from trial.role_admin import RoleInline, StepFilter, of_seen


class OfferSteps(StepFilter):
    steps = OFFER_STEPS


class OfReferral(OfParticipant):
    """Rows about the offer of a scan: of the screening arm only."""

    list_filter = (of_seen("allocation__participant__trial"),)
    list_select_related = ("allocation__participant",)
    search_fields = ("allocation__participant__study_number",)

    def name_of(self, obj: Any) -> str:
        return f"of {self.participant(obj)}"

    @admin.display
    def participant(self, row: Any) -> str:
        return str(row.allocation.participant)


class AttemptInline(RoleInline):
    model = ContactAttempt
    fk_name = "referral"
    fields = ("occurred_at", "outcome", "identity", "caller_name", "next_call_at")

    @admin.display(description="caller")
    def caller_name(self, row: ContactAttempt) -> str:
        return row.caller.shown_name


class AppointmentInline(RoleInline):
    model = Appointment
    fields = ("scheduled_at", "state", "reason")


def said_of(row: Communication) -> str:
    """Say what was told, how, when and by whom."""
    local, by = row.referral.participant.site.local(row.occurred_at), row.told_by.shown_name
    what = f"referred to {row.referred_to}" if row.referred_to else f"result told, {row.get_means_display()}"
    return f"{what}, {local:%Y-%m-%d}, {by}"


class CommunicationInline(RoleInline):
    model = Communication
    fk_name = "referral"
    verbose_name_plural = "after the scan"
    fields = ("occurred_at", "kind", "means", "identity", "referred_to", "by_name")

    @admin.display(description="by")
    def by_name(self, row: Communication) -> str:
        return row.told_by.shown_name


@admin.register(Referral)
class ReferralAdmin(OfReferral):
    """Offers of a scan, with their window, calls and appointments."""

    list_display = ("participant", "state", "window_ends_on", "calls")
    list_filter = (*OfReferral.list_filter, OfferSteps, "state", "window_ends_on")
    ordering = ("window_ends_on",)
    fields = ("participant", "state", "window_ends_on", "calls", *WHEN)
    inlines = (AttemptInline, AppointmentInline, CommunicationInline)

    @admin.display
    def calls(self, row: Referral) -> int:
        return row.attempts.count()


@admin.register(ContactAttempt)
class ContactAttemptAdmin(OfReferral):
    """Every try to reach somebody."""

    list_display = ("participant", "occurred_at", "outcome", "next_call_at")
    list_filter = (*OfReferral.list_filter, "outcome")
    fields = ("participant", "outcome", "identity", "next_call_at", *WHEN)


@admin.register(Appointment)
class AppointmentAdmin(OfReferral):
    """Appointments for the trial's scan."""

    list_display = ("participant", "scheduled_at", "state", "reason")
    list_filter = (of_seen("referral__allocation__participant__trial"), "state", "scheduled_at")
    list_select_related = ("referral__allocation__participant",)
    search_fields = ("referral__allocation__participant__study_number",)
    ordering = ("-scheduled_at",)
    fields = ("participant", "scheduled_at", "state", "reason", *WHEN)

    @admin.display
    def participant(self, row: Appointment) -> str:
        return str(row.referral.participant)
