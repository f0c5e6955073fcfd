"""The coordinators' place: trials, participants and what happened to them. `screening` adds to it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from trial import clock
from trial.account_admin import signed_by as delegated_by
from trial.admin_forms import FindForm
from trial.ages import age_bounds
from trial.allocation_log import on_hold
from trial.blinding import consents_for, deviations_for
from trial.conduct_admin import MergedInline, MergeInline, signed_by, verdict_of
from trial.forms import CONDITIONS, plain
from trial.history import NOTHING
from trial.models import (
    Allocation,
    AllocationError,
    CodeBreak,
    Consent,
    EligibilityAssessment,
    Membership,
    Participant,
    ProtocolDeviation,
    ProtocolVersion,
    Site,
    SiteDay,
    StateChange,
    Trial,
)
from trial.participant_acts import DEVIATION, PARTICIPANT_ACTS
from trial.protocol_table import ProtocolLine, compared, protocol_lines
from trial.query_admin import QueryInline
from trial.role_admin import RoleInline, RoleModelAdmin, StepFilter, holds, of_seen
from trial.roles import Permission
from trial.services import drafts, people
from trial.services.delegation import ENTRY_STEPS
from trial.states import ProtocolState
from trial.steps import PARTICIPANT_STEPS, condition
from trial.trial_acts import SITE_ACTS, TRIAL_ACTS, VERSION_ACTS

P = Permission


NOT_FOUND = (
    "Nobody in your trials has this number. Check it, and the hospital: films name it (Issuer of Patient ID)."
)


class SiteInline(RoleInline):
    model = Site
    fields = ("number", "name", "time_zone", "enrolled")


class VersionInline(RoleInline):
    model = ProtocolVersion
    fields = ("version", "state", "activated_at")

    @admin.display(description="version")
    def version(self, row: ProtocolVersion) -> str:
        address = reverse("admin:trial_protocolversion_change", args=[row.pk])
        return format_html_join("", '<a href="{}">version {}</a>', [(address, row.number)])


@admin.register(Trial)
class TrialAdmin(RoleModelAdmin):
    """Trials and their life."""

    list_display = ("code", "title", "kind", "state", "in_force")
    list_filter = ("kind", "state")
    fields = ("code", "title", "kind", "tries", "state", "in_force", "calendar", "key_fingerprint", "log")
    inlines = (SiteInline, VersionInline)
    acts = (*TRIAL_ACTS, DEVIATION)

    @admin.display(description="protocol version in force")
    def in_force(self, trial: Trial) -> str:
        version = trial.versions.filter(state=ProtocolState.ACTIVE).first()
        return f"version {version.number}" if version else "none yet"

    @admin.display
    def calendar(self, trial: Trial) -> str:
        behind = trial.clock_offset_days
        return f"stands {behind} days behind today (demonstration)" if behind else "real time"

    @admin.display(description="allocation log outside the database")
    def log(self, trial: Trial) -> str:
        return on_hold(trial) or "agrees with the record"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.delegation_view)
        return [path("<uuid:pk>/delegation/", view, name="trial_trial_delegation"), *super().get_urls()]

    def page_links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        if not self.holds_over(request, P.SEE_DELEGATION, row):
            return []
        return [("Delegation log", reverse("admin:trial_trial_delegation", args=[row.pk]))]

    def delegation_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show the trial's delegation log for reading and printing, what waits for a signature first."""
        row: Any = self.get_object(request, str(pk))
        if not self.holds_over(request, P.SEE_DELEGATION, row):
            raise Http404
        context = self.admin_site.each_context(request) | {
            "title": f"Delegation log of {row}",
            "parts": [
                (step, said[0], _entries(row, step, request.user)) for step, said in ENTRY_STEPS.items()
            ],
            "signs": self.holds_over(request, P.SIGN_DELEGATION, row),
            "object": row,
            "called": str(row),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/delegation_log.html", context)


def _entries(trial: Trial, step: str, user: Any) -> list[tuple[Membership, str]]:
    """Return the entries of a trial's delegation log that are at a step, each with by whose signature."""
    seen = Membership.objects.visible_to(user).filter(condition(ENTRY_STEPS, step), trial=trial)
    rows = seen.order_by("user__first_name", "since").select_related(
        *("user", "site__trial", "given_by", "ended_by", "signature__signer")
    )
    return [(entry, delegated_by(entry)) for entry in rows]


@admin.register(ProtocolVersion)
class ProtocolVersionAdmin(RoleModelAdmin):
    """Protocol versions, each value with who gave it."""

    list_display = ("__str__", "state", "drafted", "approved", "activated_at")
    list_filter = (of_seen("trial"), "state")
    fields = (
        "trial",
        "number",
        "state",
        "drafted",
        "approved",
        "approved_at",
        "signed",
        "tried",
        "reason",
        "effective_on",
        "activated_at",
        "sha256",
        "protocol",
    )
    list_select_related = ("trial", "drafted_by", "approved_by")
    acts = VERSION_ACTS

    @admin.display(description="drafted by")
    def drafted(self, version: ProtocolVersion) -> str:
        return version.drafted_by.shown_name

    @admin.display(description="approved by")
    def approved(self, version: ProtocolVersion) -> str:
        by = version.approved_by
        return by.shown_name if by else "nobody yet"

    @admin.display(description="signed by")
    def signed(self, version: ProtocolVersion) -> str:
        return signed_by(version)

    @admin.display(description="tried on test data")
    def tried(self, version: ProtocolVersion) -> str:
        said = [(f"{test} (SHA-256 {test.sha256[:12]}…)",) for test in drafts.tests_of(version)]
        return format_html_join(mark_safe("<br>"), "{}", said) or "not yet"

    def rows(self, user: Any) -> QuerySet:
        """Return the versions, each with whether this user may know what is sealed in it."""
        opens = Membership.objects.granting(user, Permission.UPLOAD_ALLOCATION_LIST).filter(site=None)
        own = Coalesce(
            "trial__tries__trial", "trial"
        )  # a test trial has the sealed values of the trial it is for
        rows = super().rows(user).annotate(own=own)
        return rows.annotate(opens_seal=Exists(opens.filter(trial=OuterRef("own"))))

    @admin.display
    def protocol(self, version: Any) -> str:
        lines = self._lines(version, sealed=not version.opens_seal)
        if earlier := version.trial.versions.filter(number=version.number - 1).first():
            lines = compared(lines, self._lines(earlier, sealed=not version.opens_seal))
        return render_to_string("admin/protocol.html", {"lines": lines})

    def _lines(self, version: ProtocolVersion, *, sealed: bool) -> list[ProtocolLine]:
        return protocol_lines(version.protocol.to_dict(), sealed=sealed)


class SiteDayInline(RoleInline):
    model = SiteDay
    verbose_name_plural = "days closed or open out of turn"
    fields = ("day", "opening", "reason")


@admin.register(Site)
class SiteAdmin(RoleModelAdmin):
    """Sites, with their calendar."""

    list_display = ("__str__", "time_zone", "calendar", "enrolled", "active")
    list_filter = (of_seen("trial"),)
    fields = ("trial", "number", "name", "time_zone", "calendar", "enrolled", "active")
    inlines = (SiteDayInline,)
    acts = SITE_ACTS


class AssessmentInline(RoleInline):
    model = EligibilityAssessment
    verbose_name_plural = "judgments of eligibility"
    fields = ("occurred_at", "verdict", "protocol_version")

    @admin.display
    def verdict(self, row: EligibilityAssessment) -> str:
        return verdict_of(row)


class StateChangeInline(RoleInline):
    model = StateChange
    fields = ("occurred_at", "from_state", "to_state", "reason")


class ConsentInline(RoleInline):
    model = Consent
    fields = ("occurred_at", "kind", "scope", "form_version", "waiver_reference")

    def rows(self, user: Any) -> QuerySet:
        return consents_for(user)


class DeviationInline(RoleInline):
    model = ProtocolDeviation
    fields = ("occurred_at", "category", "severity", "description", "impact", "corrective_action")

    def rows(self, user: Any) -> QuerySet:
        return deviations_for(user)


class AllocationErrorInline(RoleInline):
    model = AllocationError
    fk_name = "participant"
    verbose_name_plural = "errors of the allocation"
    fields = ("occurred_at", "fault", "reason", "first")


class CodeBreakInline(RoleInline):
    model = CodeBreak
    fields = ("occurred_at", "category", "reason", "told_to")

    @admin.display(description="told to")
    def told_to(self, row: CodeBreak) -> str:
        return row.broken_by.shown_name


class ParticipantSteps(StepFilter):
    steps = PARTICIPANT_STEPS


@admin.register(Participant)
class ParticipantAdmin(RoleModelAdmin):
    """Participants: by study number, never by name; arm and date of randomization as roles allow."""

    change_list_template = "admin/participant_list.html"
    list_display = ("study_number", "site", "sex", "age", "state", "randomized_on", "arm")
    list_filter = (of_seen("trial"), of_seen("site"), ParticipantSteps, "state", "sex")
    list_select_related = ("site", "trial")
    search_fields = ("study_number",)
    search_help_text = "Study number, or part of it."
    ordering = ("study_number",)
    fields = (
        *(
            "study_number",
            "trial",
            "site",
            "sex",
            "birth",
            "age",
            "state",
            "collection",
            "died_on",
            "registered_at",
        ),
        *("randomized_on", "arm", "calls", "baseline_facts"),
    )
    # An objection to calls comes from a call: it tells the arm.
    needs = {"randomized_on": P.SEE_ALLOCATION, "arm": P.SEE_ARM, "calls": P.SEE_ARM}
    tells = {"birth": "birth_date", "calls": "do_not_call", "collection": "no_more_data"}
    inlines = (
        *(AssessmentInline, StateChangeInline, ConsentInline, DeviationInline),
        *(AllocationErrorInline, CodeBreakInline, MergeInline, MergedInline, QueryInline),
    )
    acts = PARTICIPANT_ACTS

    def rows(self, user: Any) -> QuerySet:
        """Return the participants with arm and date of randomization where the user may see them."""
        mine = Allocation.objects.filter(participant=OuterRef("pk"))
        return (
            super()
            .rows(user)
            .annotate(
                shown_day=Subquery(mine.visible_to(user, P.SEE_ALLOCATION).values("randomized_on")),
                shown_arm=Subquery(mine.visible_to(user, P.SEE_ARM).values("arm")),
            )
        )

    @admin.display
    def randomized_on(self, row: Any) -> str:
        return row.shown_day or NOTHING

    @admin.display
    def arm(self, row: Any) -> str:
        return row.shown_arm or NOTHING

    @admin.display
    def calls(self, row: Participant) -> str:
        return "not to be called" if row.do_not_call else "no objection"

    @admin.display(description="collection of data")
    def collection(self, row: Participant) -> str:
        return "withdrawn from: nothing is added" if row.no_more_data else "goes on"

    @admin.display(description="birth date")
    def birth(self, row: Participant) -> str:
        if row.birth_date or not row.birth_earliest:
            return row.birth_date or "not known"
        return f"between {row.birth_earliest} and {row.birth_latest}, by the age on a film"

    @admin.display
    def age(self, row: Participant) -> str:
        """Return the present age; two where the birth date leaves it open."""
        if not (row.birth_earliest and row.birth_latest):
            return NOTHING
        low, high = age_bounds((row.birth_earliest, row.birth_latest), clock.today(row.site))
        return str(low) if low == high else f"{low} to {high}"

    @admin.display(description="known at baseline")
    def baseline_facts(self, row: Participant) -> str:
        baseline = getattr(row, "baseline", None)
        answers = {words: getattr(baseline, name, None) for name, words in CONDITIONS.items()}
        said = [f"{words}: {'yes' if yes else 'no'}" for words, yes in answers.items() if yes is not None]
        bmi = [f"body mass index: {baseline.bmi} kg/m²"] if baseline and baseline.bmi else []
        return "; ".join([*bmi, *said]) or "nothing yet"

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("find/", guarded(self.find_view), name="trial_participant_find"),
            path("<uuid:pk>/identity/", guarded(self.identity_view), name="trial_participant_identity"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        find = FindForm() if holds(request, P.SEE_IDENTITY) else None
        return super().changelist_view(request, {"find": find} | (extra_context or {}))

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Open the participant with a hospital number; POST keeps the number out of addresses and logs."""
        form = FindForm(request.POST)
        if not form.is_valid() or not holds(request, P.SEE_IDENTITY):
            raise Http404
        issuer, number = plain(form.cleaned_data["issuer"]), plain(form.cleaned_data["number"])
        trials = Trial.objects.visible_to(request.user, P.SEE_IDENTITY)
        found = self.granted(request.user, P.SEE_IDENTITY).filter(pk__in=self.rows(request.user).values("pk"))
        known = people.issuers_of(found)
        issuers = {people.as_spelled(issuer, known)} if issuer else known
        found = list(found.filter(people.numbered(number, issuers=issuers, trials=trials)))
        # Who bears the same number in a test trial is somebody else, of whom nobody thinks first.
        found = [row for row in found if not row.trial.is_test] or found[-1:]
        if not found:
            messages.warning(request, NOT_FOUND)
        if len(found) == 1:
            return redirect("admin:trial_participant_change", found[0].pk)
        # A person may be in several trials: the list then shows them by study number.
        query = f"?q={found[0].study_number}" if found else ""
        return redirect(reverse("admin:trial_participant_changelist") + query)

    def identity_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show who a participant is, to roles that may know; each look is logged."""
        row = self.get_object(request, str(pk))
        if not self.holds_over(request, P.SEE_IDENTITY, row):
            raise Http404
        context = self.admin_site.each_context(request) | {
            "title": f"Who is {row}",
            "identity": people.reveal(row, by=request.user),
            "object": row,
            "called": str(row),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/identity.html", context)

    def page_links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        if not self.holds_over(request, P.SEE_IDENTITY, row):
            return []
        return [("Who is this?", reverse("admin:trial_participant_identity", args=[row.pk]))]
