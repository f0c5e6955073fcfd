"""Films and scores in the admin, and what screening adds to participants, cohorts and trials."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from screening.import_admin import ImportPages
from screening.model_admin import ModelVersionAdmin  # noqa: F401  # its import puts it on the site
from screening.models import (
    Communication,
    Disclosure,
    FilmDecision,
    Radiograph,
    Receipt,
    Referral,
    RiskAssessment,
    Score,
)
from screening.offer_admin import said_of
from screening.outcome_admin import DiagnosisInline, ExamInline, TreatmentInline
from screening.participant_acts import (
    ACTIVATE,
    ADD_PEOPLE,
    DRAFT,
    FREEZE_COHORT,
    RANDOMIZE_COHORT,
    RECONCILE,
    SCREENING_ACTS,
    SIGN_COHORT,
)
from screening.services import explaining
from screening.services.site_intake import accepts_secondary_captures
from screening.site_acts import INTAKE_ACTS
from screening.steps import FILE_STEPS, FILM_STEPS, intake_sentence
from trial import admin as trial_admin
from trial import conduct_admin
from trial.conduct_admin import WHEN
from trial.history import NOTHING
from trial.models import Allocation, Arm, Cohort, Participant, ProtocolVersion, Site, Trial
from trial.role_admin import CodesFilter, RoleInline, RoleModelAdmin, StepFilter, of_seen
from trial.roles import Permission
from trial.services.trials import Refused

P = Permission


class FilmInline(RoleInline):
    """A participant's films, without scores."""

    model = Radiograph
    verbose_name_plural = "films"
    fields = ("study_date", "state", "reason", "view", "received_at")


class DisclosureInline(RoleInline):
    """What a participant was told of scores, in either arm."""

    model = Disclosure
    verbose_name_plural = "told of a score"
    fields = ("occurred_at", "told", "told_by", "how")


admin.site.unregister([Participant, Cohort, ProtocolVersion, Site, Trial])


@admin.register(Participant)
class ParticipantAdmin(trial_admin.ParticipantAdmin):
    """Participants with films, risk where it may be seen, and everything that is done to them."""

    list_display = (*trial_admin.ParticipantAdmin.list_display, "risk_class")
    fields = (*trial_admin.ParticipantAdmin.fields, "risk_class", "contamination", "after_the_scan")
    needs = trial_admin.ParticipantAdmin.needs | {
        "risk_class": P.SEE_SCORE,
        "contamination": P.SEE_ARM,
        "after_the_scan": P.SEE_WORKLIST,
    }
    inlines = (
        *trial_admin.ParticipantAdmin.inlines,
        FilmInline,
        ExamInline,
        DiagnosisInline,
        TreatmentInline,
        DisclosureInline,
    )
    acts = (*SCREENING_ACTS, *trial_admin.ParticipantAdmin.acts)

    def rows(self, user: Any) -> QuerySet:
        """Return the participants with the risk of those whose risk the user may see."""
        seen = RiskAssessment.objects.visible_to(user).filter(participant=OuterRef("pk"))
        return super().rows(user).annotate(shown_risk=Subquery(seen.values("risk_class")))

    @admin.display(
        description="risk"
    )  # not named `risk`: Django would show the relation of that name instead
    def risk_class(self, row: Any) -> str:
        return row.shown_risk or NOTHING

    @admin.display
    def contamination(self, row: Any) -> str:
        told = row.shown_arm == Arm.CONTROL and row.disclosures.exists()
        return "contaminated: a control participant who was told of a score" if told else NOTHING

    @admin.display
    def after_the_scan(self, row: Any) -> str:
        told = Communication.objects.filter(allocation__participant=row)
        return "; ".join(said_of(c) for c in told.select_related("told_by")) or NOTHING

    def get_urls(self) -> list[URLPattern]:
        slip = path(
            "<uuid:pk>/slip/", self.admin_site.admin_view(self.slip_view), name="trial_participant_slip"
        )
        return [slip, *super().get_urls()]

    def slip_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show the answer of a randomization, to be printed: the arm only to whoever may see it."""
        row: Any = self.get_object(request, str(pk))
        of_row = Allocation.objects.filter(participant=row)
        seen = of_row.visible_to(request.user, P.SEE_ALLOCATION).select_related("protocol_version").first()
        if seen is None:
            raise Http404
        context = self.admin_site.each_context(request) | {
            "title": f"Allocation of {row}",
            "allocation": seen,
            "local_time": f"{row.site.local(seen.occurred_at):%H:%M}",
            "arm": of_row.visible_to(request.user).values_list("arm", flat=True).first(),
            "offer": Referral.objects.visible_to(request.user).filter(allocation=seen).first(),
            "object": row,
            "called": str(row),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/slip.html", context)

    def page_links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        links = super().page_links(request, row)
        if row.shown_day:
            links = [("Allocation slip", reverse("admin:trial_participant_slip", args=[row.pk])), *links]
        return links


@admin.register(Cohort)
class CohortAdmin(conduct_admin.CohortAdmin):
    acts = (SIGN_COHORT, RANDOMIZE_COHORT)


@admin.register(Trial)
class TrialAdmin(ImportPages, trial_admin.TrialAdmin):
    acts = (DRAFT, FREEZE_COHORT, RECONCILE, ADD_PEOPLE, *trial_admin.TrialAdmin.acts)


@admin.register(ProtocolVersion)
class ProtocolVersionAdmin(trial_admin.ProtocolVersionAdmin):
    acts = (*trial_admin.ProtocolVersionAdmin.acts, ACTIVATE)


@admin.register(Site)
class SiteAdmin(trial_admin.SiteAdmin):
    """Sites, with what they may send."""

    fields = (*trial_admin.SiteAdmin.fields, "secondary_captures")
    acts = (*trial_admin.SiteAdmin.acts, *INTAKE_ACTS)

    @admin.display
    def secondary_captures(self, row: Any) -> str:
        return "taken" if accepts_secondary_captures(row) else "set aside"


class FilmSteps(StepFilter):
    steps = FILM_STEPS


class WithReason(RoleModelAdmin):
    """Films and files, with the reason of intake in a few words and as a sentence."""

    @admin.display(description="reason", ordering="reason")
    def short(self, row: Any) -> str:
        return row.reason.replace("_", " ") or NOTHING

    @admin.display(description="reason")
    def why(self, row: Any) -> str:
        return intake_sentence(row.reason) if row.reason else NOTHING


class DecisionInline(RoleInline):
    """What people decided of a held film."""

    model = FilmDecision
    verbose_name_plural = "looked at"
    fields = ("recorded_at", "held_for", "decision", "view", "reason", "decided_by")


@admin.register(Radiograph)
class RadiographAdmin(WithReason):
    """What became of each film, without its score."""

    list_display = ("__str__", "participant", "study_date", "view", "state", "short", "received_at")
    list_filter = (of_seen("trial"), FilmSteps, "state", ("reason", CodesFilter), "source")
    list_select_related = ("participant",)
    search_fields = ("participant__study_number",)
    search_help_text = "Study number, or part of it."
    fields = (
        *(
            "trial",
            "participant",
            "state",
            "why",
            "study_date",
            "patient_age",
            "modality",
            "view",
            "manufacturer",
        ),
        *("rows", "columns", "noticed", "source", "received_at", "attempts", "file_sha256"),
    )
    inlines = (DecisionInline,)

    @admin.display
    def noticed(self, row: Any) -> str:
        return ", ".join(flag.replace("_", " ") for flag in row.flags) or NOTHING


class FileSteps(StepFilter):
    steps = FILE_STEPS


@admin.register(Receipt)
class ReceiptAdmin(WithReason):
    """What was answered to each file that arrived."""

    list_display = ("received_at", "trial", "outcome", "short", "source", "radiograph")
    list_filter = (
        of_seen("trial"),
        FileSteps,
        "outcome",
        ("reason", CodesFilter),
        "source",
        "received_at",
    )
    list_select_related = ("trial", "radiograph")
    fields = ("trial", "received_at", "outcome", "why", "source", "radiograph", "file_sha256")

    def name_of(self, obj: Receipt) -> str:
        return f"of {obj.received_at:%Y-%m-%d %H:%M} UTC"


class OfScore(RoleModelAdmin):
    """Scores and risk: those of the screening arm, and the others' for two roles only."""

    ordering = ("-occurred_at",)


def _picture(score: Score) -> HttpResponse:
    """Answer with the picture; no page of the admin is kept by a cache."""
    try:
        picture = explaining.explain(score)
    except Refused as refused:
        return HttpResponse(str(refused), status=409, content_type="text/plain; charset=utf-8")
    return HttpResponse(picture, content_type="image/png")


@admin.register(Score)
class ScoreAdmin(OfScore):
    """The model's answer for one film."""

    list_display = ("participant", "film", "mean", "threshold", "positive", "model_version")
    list_filter = (of_seen("radiograph__participant__trial"), "positive")
    list_select_related = ("radiograph__participant", "model_version")
    search_fields = ("radiograph__participant__study_number",)
    fields = (
        "radiograph",
        "participant",
        "model_version",
        "mean",
        "threshold",
        "positive",
        "probabilities",
        *WHEN,
    )

    def name_of(self, obj: Score) -> str:
        return f"of {obj.radiograph}"

    def get_urls(self) -> list[URLPattern]:
        explained = path(
            "<uuid:pk>/saliency/",
            self.admin_site.admin_view(self.saliency_view),
            name="screening_score_saliency",
        )
        return [explained, *super().get_urls()]

    def saliency_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show what in the film moved the model, to whoever may see the score; each look is logged."""
        row: Any = self.get_object(request, str(pk))
        if "picture" in request.GET:
            return _picture(row)
        context = self.admin_site.each_context(request) | {
            "title": "What moved the model",
            "has_film": explaining.has_film(row),
            "no_film": explaining.NO_FILM,
            "object": row,
            "called": self.name_of(row),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/saliency.html", context)

    def page_links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        return [("What moved the model", reverse("admin:screening_score_saliency", args=[row.pk]))]

    @admin.display
    def participant(self, row: Score) -> str:
        return str(row.radiograph.participant)

    @admin.display
    def film(self, row: Score) -> str:
        return str(row.radiograph)


@admin.register(RiskAssessment)
class RiskAssessmentAdmin(OfScore):
    """A participant's films summed up."""

    list_display = ("participant", "risk_class", "films_positive", "films_counted", "occurred_at")
    list_filter = (of_seen("participant__trial"), "risk_class")
    list_select_related = ("participant",)
    search_fields = ("participant__study_number",)
    fields = (
        *("participant", "risk_class", "films_positive", "films_counted", "by_facts"),
        *("model_version", *WHEN),
    )

    def name_of(self, obj: RiskAssessment) -> str:
        return f"of {obj.participant}"

    @admin.display(description="by facts alone")
    def by_facts(self, row: RiskAssessment) -> str:
        score = row.covariate_score
        if score is None:
            return NOTHING
        known = ", ".join(
            f"{name.replace('_', ' ')} {said}" for name, said in score.covariates.items() if said
        )
        said = f"{score.probability}" if score.probability is not None else " ".join(score.reasons)
        return f"{said} ({known})"
