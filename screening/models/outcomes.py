"""What was found and done, in both arms and by any route."""

from functools import reduce
from operator import or_
from typing import Any

from django.db import models
from django.db.models import Q

from screening.densitometry import MeasurementSite, MenopausalStatus
from screening.frax import RISK_LIMITS, Frax
from screening.models.referrals import Appointment
from screening.vocabulary import (
    DiagnosisCode,
    DrugClass,
)
from trial.models import (
    Clinical,
    Happening,
    Participant,
    ScopedQuerySet,
    User,
    choices,
    one_of,
    tracked,
)
from trial.roles import Permission

PROBABILITIES = ("frax_major", "frax_hip", "frax_major_bmd", "frax_hip_bmd")


def probability(label: str) -> Any:
    """Return a column for a probability in percent with one decimal, if anybody entered it."""
    return models.DecimalField(label, max_digits=4, decimal_places=1, null=True, blank=True)


class Standing(models.Manager.from_queryset(ScopedQuerySet)):  # type: ignore[misc]
    """Outcomes that count: those entered in error stay on record and are not among them."""

    def get_queryset(self) -> ScopedQuerySet:
        """Leave out what was entered in error."""
        return super().get_queryset().filter(entered_in_error=False)


class Outcome(Happening):
    """A clinical fact about any registered person, whatever the arm; it counts by its own date."""

    SEE = Permission.SEE_OUTCOMES

    objects = Standing()  # type: ignore[misc]
    with_errors = ScopedQuerySet.as_manager()

    source = models.CharField(max_length=20, help_text="How it came in: screen, import, api.")
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    entered_in_error = models.BooleanField(
        default=False, help_text="Of another person or never so: it stays on record and counts for nothing."
    )

    class Meta:
        abstract = True


@tracked()
class DxaExam(Outcome):
    """One DXA examination. With a kept appointment it is the trial's; without, a physician's."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="dxa_exams")
    exam_date = models.CharField(max_length=10)
    appointment = models.OneToOneField(
        Appointment, on_delete=models.PROTECT, related_name="exam", null=True, blank=True, editable=False
    )
    device = models.CharField(max_length=80, blank=True)
    reference_database = models.CharField(max_length=80, blank=True)
    menopausal_status = models.CharField(max_length=16, choices=choices(MenopausalStatus), blank=True)
    frax_major = probability("FRAX major osteoporotic, without BMD (%)")
    frax_hip = probability("FRAX hip, without BMD (%)")
    frax_major_bmd = probability("FRAX major osteoporotic, with BMD (%)")
    frax_hip_bmd = probability("FRAX hip, with BMD (%)")
    frax_model = models.CharField(
        "FRAX model",
        max_length=60,
        blank=True,
        help_text="Country model and version, as printed. FRAX is recorded as entered, never computed here.",
    )

    class Meta:
        ordering = ["exam_date"]
        constraints = [
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__range": RISK_LIMITS}),
                    name=f"{name}_range",
                )
                for name in PROBABILITIES
            ),
            models.CheckConstraint(
                condition=Q(frax_model="")
                | reduce(or_, (Q(**{f"{name}__isnull": False}) for name in PROBABILITIES)),
                name="a_frax_model_gave_something",
            ),
        ]

    @property
    def frax(self) -> Frax:
        """Return what was entered of FRAX."""
        return Frax(*(getattr(self, name) for name in (*PROBABILITIES, "frax_model")))


@tracked()
class DxaMeasurement(Clinical):
    """BMD, T-score and Z-score of one site of measurement."""

    SEE = Permission.SEE_OUTCOMES
    TRIAL_PATH = "exam__participant__trial"
    SITE_PATH = "exam__participant__site"

    exam = models.ForeignKey(DxaExam, on_delete=models.PROTECT, related_name="measurements")
    site = models.CharField(max_length=16, choices=choices(MeasurementSite))
    vertebrae = models.CharField(
        max_length=16, blank=True, help_text="The lumbar vertebrae used, such as L1-L4."
    )
    bmd = models.DecimalField("BMD (g/cm²)", max_digits=5, decimal_places=3, null=True, blank=True)
    t_score = models.DecimalField(max_digits=3, decimal_places=1, null=True, blank=True)
    z_score = models.DecimalField(max_digits=3, decimal_places=1, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exam", "site"], name="a_site_once_an_exam"),
            one_of("site", MeasurementSite, "measurement_site_known"),
            models.CheckConstraint(
                condition=Q(t_score__isnull=True) | Q(t_score__range=(-8, 6)), name="t_score_range"
            ),
            models.CheckConstraint(
                condition=Q(z_score__isnull=True) | Q(z_score__range=(-8, 6)), name="z_score_range"
            ),
            models.CheckConstraint(
                condition=Q(bmd__isnull=True) | Q(bmd__range=("0.2", "2.5")), name="bmd_range"
            ),
            models.CheckConstraint(
                condition=Q(bmd__isnull=False) | Q(t_score__isnull=False) | Q(z_score__isnull=False),
                name="a_measurement_measures_something",
            ),
        ]


@tracked()
class Diagnosis(Outcome):
    """A diagnosis, by whoever made it."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="diagnoses")
    code = models.CharField(max_length=24, choices=choices(DiagnosisCode))
    diagnosed_on = models.CharField(max_length=10)

    class Meta:
        ordering = ["diagnosed_on"]
        verbose_name_plural = "diagnoses"
        constraints = [
            one_of("code", DiagnosisCode, "diagnosis_code_known"),
            models.UniqueConstraint(
                fields=["participant", "code", "diagnosed_on"],
                condition=Q(entered_in_error=False),
                name="a_diagnosis_once_a_day",
            ),
        ]


@tracked()
class Treatment(Outcome):
    """A drug begun, by class; several at once are several rows, and none needs a DXA."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="treatments")
    drug_class = models.CharField(max_length=24, choices=choices(DrugClass))
    started_on = models.CharField(max_length=10)

    class Meta:
        ordering = ["started_on"]
        constraints = [
            one_of("drug_class", DrugClass, "drug_class_known"),
            models.UniqueConstraint(
                fields=["participant", "drug_class", "started_on"],
                condition=Q(entered_in_error=False),
                name="a_drug_once_a_day",
            ),
        ]
