"""What happened to participants, and the cohorts they were drawn in: lists and pages to be read."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse

from trial.blinding import arm_shown, consents_for, deviations_for
from trial.history import NOTHING
from trial.models import (
    Allocation,
    AllocationError,
    CodeBreak,
    Cohort,
    Consent,
    EligibilityAssessment,
    PersonMerge,
    ProtocolDeviation,
    ProtocolVersion,
    StateChange,
)
from trial.pages import refusals
from trial.role_admin import RoleInline, RoleModelAdmin, of_seen
from trial.roles import Permission
from trial.services.receipt import receipt_of
from trial.services.signatures import given_under

P = Permission
WHEN = ("occurred_at", "recorded_at", "protocol_version")


def signed_by(row: Cohort | ProtocolVersion) -> str:
    """Return who signed, when and what it says."""
    given = [f"{s['signer']}, {s['at']}: {s['meaning']}" for s in given_under(row)]
    return "; ".join(given) or "nobody yet; two people sign"


def verdict_of(row: EligibilityAssessment) -> str:
    """Return the judgment with the reasons against, as sentences."""
    return "eligible" if row.eligible else " ".join(["not eligible.", *(r["sentence"] for r in row.reasons)])


class OfParticipant(RoleModelAdmin):
    """Rows about a participant, newest first."""

    list_filter: tuple = (of_seen("participant__trial"),)
    list_select_related = ("participant", "protocol_version__trial")
    search_fields = ("participant__study_number",)
    search_help_text = "Study number, or part of it."
    ordering = ("-occurred_at",)

    def name_of(self, obj: Any) -> str:
        return f"of {obj.participant or obj.trial}, {obj.occurred_at:%Y-%m-%d %H:%M} UTC"


@admin.register(Allocation)
class AllocationAdmin(OfParticipant):
    """Past draws, for roles that know the arms. Those to come are nowhere."""

    list_display = ("participant", "randomized_on", "arm", "stratum_label", "sequence")
    list_filter = (*OfParticipant.list_filter, "arm", "randomized_on")
    list_select_related = ("participant", "stratum")
    fields = (
        "participant",
        "randomized_on",
        "arm",
        "stratum_label",
        "sequence",
        "cohort",
        "engine_version",
        *WHEN,
    )

    @admin.display(description="stratum")
    def stratum_label(self, row: Allocation) -> str:
        return row.stratum.label


@admin.register(StateChange)
class StateChangeAdmin(OfParticipant):
    """Every step of every participant."""

    list_display = ("participant", "occurred_at", "from_state", "to_state", "reason")
    list_filter = (*OfParticipant.list_filter, "to_state")
    fields = ("participant", "event", "from_state", "to_state", "reason", *WHEN)


@admin.register(EligibilityAssessment)
class EligibilityAssessmentAdmin(OfParticipant):
    """Judgments, each with its reasons and the facts it rests on."""

    list_display = ("participant", "occurred_at", "verdict")
    list_filter = (*OfParticipant.list_filter, "eligible")
    fields = ("participant", "verdict", "facts_used", *WHEN)

    @admin.display
    def verdict(self, row: EligibilityAssessment) -> str:
        return verdict_of(row)

    @admin.display(description="facts it rests on")
    def facts_used(self, row: EligibilityAssessment) -> str:
        return render_to_string("admin/facts.html", {"facts": row.facts})


@admin.register(Consent)
class ConsentAdmin(OfParticipant):
    """Consents, waivers and objections."""

    list_display = ("participant", "occurred_at", "kind", "scope", "form_version")
    list_filter = (*OfParticipant.list_filter, "kind")
    fields = ("participant", "kind", "scope", "form_version", "obtained", "waiver_reference", *WHEN)

    def rows(self, user: Any) -> QuerySet:
        return consents_for(user)

    @admin.display(description="obtained by")
    def obtained(self, row: Consent) -> str:
        return row.obtained_by.shown_name if row.obtained_by else NOTHING


@admin.register(AllocationError)
class AllocationErrorAdmin(OfParticipant):
    """What was wrong with allocations that stand."""

    list_display = ("participant", "occurred_at", "fault", "reason")
    list_filter = (*OfParticipant.list_filter, "fault")
    fields = ("participant", "fault", "reason", "first", *WHEN)


class MergeInline(RoleInline):
    """Into whom a participant was merged."""

    model = PersonMerge
    fk_name = "participant"
    verbose_name_plural = "merged into"
    fields = ("occurred_at", "into", "reason", "undone_at", "undone_reason")


class MergedInline(MergeInline):
    """Who was merged into a participant."""

    fk_name = "into"
    verbose_name_plural = "merged into this one"
    fields = ("occurred_at", "participant", "reason", "undone_at", "undone_reason")


@admin.register(CodeBreak)
class CodeBreakAdmin(OfParticipant):
    """Who was told an arm, when and why; the arm is not told here."""

    list_display = ("participant", "occurred_at", "category", "told_to")
    list_filter = (*OfParticipant.list_filter, "category")
    list_select_related = ("participant", "broken_by")
    fields = ("participant", "category", "reason", "told_to", *WHEN)

    @admin.display(description="told to")
    def told_to(self, row: CodeBreak) -> str:
        return row.broken_by.shown_name


@admin.register(ProtocolDeviation)
class ProtocolDeviationAdmin(OfParticipant):
    """Departures from the protocol; recorded from a participant's or a trial's page."""

    list_display = ("occurred_at", "trial", "participant", "category", "severity", "description")
    list_filter = (of_seen("trial"), "category", "severity")
    list_select_related = ("trial", "participant")
    fields = (
        "trial",
        "participant",
        "category",
        "severity",
        "description",
        "impact",
        "corrective_action",
        *WHEN,
    )

    def rows(self, user: Any) -> QuerySet:
        return deviations_for(user)


@admin.register(Cohort)
class CohortAdmin(RoleModelAdmin):
    """Frozen cohorts. Their manifest holds risk, so only the study numbers in it are shown."""

    list_display = ("trial", "occurred_at", "size", "frozen_by_name")
    list_filter = (of_seen("trial"),)
    list_select_related = ("trial", "frozen_by")
    ordering = ("-occurred_at",)
    fields = ("trial", "size", "sha256", "frozen_by_name", "signed", *WHEN, "people")
    needs = {"people": P.SEE_PARTICIPANTS}

    def name_of(self, obj: Cohort) -> str:
        return f"of {obj.size} in {obj.trial}"

    @admin.display(description="frozen by")
    def frozen_by_name(self, row: Cohort) -> str:
        return row.frozen_by.shown_name

    def get_urls(self) -> list[URLPattern]:
        receipt = path(
            "<uuid:pk>/receipt/", self.admin_site.admin_view(self.receipt_view), name="trial_cohort_receipt"
        )
        return [receipt, *super().get_urls()]

    def receipt_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Hand out the receipt, with arms and block sizes, to whoever may know them; each look is logged."""
        row: Any = self.get_object(request, str(pk))
        if not self.holds_over(request, P.UPLOAD_ALLOCATION_LIST, row):
            raise Http404
        told: list[str] = []
        with refusals(told.append):
            content = receipt_of(row, by=request.user)
            arm_shown(request.user, f"receipt of cohort {pk}")
            name = f"{row.trial.code}-cohort-{row.sha256[:12]}-receipt.json"
            told_by = {"Content-Disposition": f'attachment; filename="{name}"'}
            return HttpResponse(
                json.dumps(content, indent=1), content_type="application/json", headers=told_by
            )
        messages.warning(request, told[0])
        return redirect("admin:trial_cohort_change", pk)

    def page_links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        if not self.holds_over(request, P.UPLOAD_ALLOCATION_LIST, row):
            return []
        return [("Receipt of the randomization", reverse("admin:trial_cohort_receipt", args=[row.pk]))]

    @admin.display(description="signed by")
    def signed(self, row: Cohort) -> str:
        return signed_by(row)

    @admin.display(description="study numbers")
    def people(self, row: Cohort) -> str:
        return ", ".join(entry["study_number"] for entry in row.manifest)
