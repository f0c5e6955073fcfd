"""DXA exams, diagnoses and treatments in the admin, to be read; which route an exam took is never shown."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from screening.frax import NO_FRAX
from screening.models import Diagnosis, DxaExam, DxaMeasurement, Treatment
from screening.steps import EXAM_STEPS
from trial.conduct_admin import WHEN, OfParticipant
from trial.history import NOTHING
from trial.role_admin import RoleInline, StepFilter


def measured(exam: DxaExam) -> str:
    """Return the T-scores (or Z-scores, or BMD) of an exam in a line."""
    return "; ".join(_value(m) for m in exam.measurements.order_by("site")) or NOTHING


def _value(m: DxaMeasurement) -> str:
    shown = {"T": m.t_score, "Z": m.z_score, "BMD": m.bmd}
    label, value = next((pair for pair in shown.items() if pair[1] is not None), ("", NOTHING))
    return f"{m.get_site_display()} {label} {value}"


class ExamInline(RoleInline):
    """DXA exams by any route; which one it was is not shown, for it tells the arm."""

    model = DxaExam
    verbose_name_plural = "DXA exams"
    fields = ("exam_date", "measured", "device")

    @admin.display
    def measured(self, row: DxaExam) -> str:
        return measured(row)


class DiagnosisInline(RoleInline):
    model = Diagnosis
    fields = ("diagnosed_on", "code")


class TreatmentInline(RoleInline):
    model = Treatment
    fields = ("started_on", "drug_class")


class MeasurementInline(RoleInline):
    model = DxaMeasurement
    fields = ("site", "vertebrae", "bmd", "t_score", "z_score")


class ExamSteps(StepFilter):
    steps = EXAM_STEPS


class OfOutcome(OfParticipant):
    """Outcomes, with those entered in error marked."""

    def rows(self, user: Any) -> QuerySet:
        """Return every row that a user may see, for nothing is taken off the record."""
        return self.model.with_errors.visible_to(user)  # type: ignore[attr-defined]


@admin.register(DxaExam)
class DxaExamAdmin(OfOutcome):
    """DXA exams of anybody, by any route; they are entered on their own page."""

    list_display = ("participant", "exam_date", "measured", "device", "source", "entered_in_error")
    list_filter = (*OfParticipant.list_filter, ExamSteps, "source")
    ordering = ("-exam_date",)
    fields = (
        "participant",
        "exam_date",
        "device",
        "reference_database",
        "menopausal_status",
        *NO_FRAX.columns,
        "source",
        "entered_in_error",
        *WHEN,
    )
    inlines = (MeasurementInline,)

    @admin.display
    def measured(self, row: DxaExam) -> str:
        return measured(row)


@admin.register(Diagnosis)
class DiagnosisAdmin(OfOutcome):
    """Diagnoses by whoever made them."""

    list_display = ("participant", "code", "diagnosed_on", "source", "entered_in_error")
    list_filter = (*OfParticipant.list_filter, "code", "source")
    ordering = ("-diagnosed_on",)
    fields = ("participant", "code", "diagnosed_on", "source", "entered_in_error", *WHEN)


@admin.register(Treatment)
class TreatmentAdmin(OfOutcome):
    """Drugs begun, by class."""

    list_display = ("participant", "drug_class", "started_on", "source", "entered_in_error")
    list_filter = (*OfParticipant.list_filter, "drug_class", "source")
    ordering = ("-started_on",)
    fields = ("participant", "drug_class", "started_on", "source", "entered_in_error", *WHEN)
