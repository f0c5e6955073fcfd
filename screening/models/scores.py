"""What the models said, and what it sums up to for a person."""

from typing import Any, Self

from django.db import models
from django.db.models import F, Q

from screening.models.films import Radiograph
from screening.models.registry import ModelVersion
from screening.risk import RiskClass
from trial.models import (
    Happening,
    Participant,
    ScopedQuerySet,
    User,
    choices,
    one_of,
    tracked,
)
from trial.roles import Permission


class ScoreQuerySet(ScopedQuerySet):
    """Scores: those of the screening arm by one permission, everybody else's by another."""

    def visible_to(self, user: User, permission: Permission | None = None) -> Self:
        model: Any = self.model
        of_screening = Q(**{f"{model.PARTICIPANT_PATH}__allocation__arm": "screening"})
        shown = super().visible_to(user, Permission.SEE_SCORE).filter(of_screening).values("pk")
        rest = super().visible_to(user, Permission.SEE_CONTROL_SCORE).values("pk")
        return self.filter(Q(pk__in=shown) | Q(pk__in=rest))


@tracked()
class Score(Happening):
    """The model's answer for one film; one a film and model, never changed."""

    SEE = Permission.SEE_SCORE
    TRIAL_PATH = "radiograph__participant__trial"
    SITE_PATH = "radiograph__participant__site"
    PARTICIPANT_PATH = "radiograph__participant"

    radiograph = models.ForeignKey(Radiograph, on_delete=models.PROTECT, related_name="scores")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="scores")
    probabilities = models.JSONField(help_text="Ten crops, each rounded to 6 decimals.")
    mean = models.DecimalField(max_digits=7, decimal_places=6)
    threshold = models.DecimalField(max_digits=7, decimal_places=6)
    positive = models.BooleanField()

    objects = ScoreQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base class: see visible_to

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["radiograph", "model_version"], name="a_film_is_scored_once_a_model"
            ),
            models.CheckConstraint(condition=Q(mean__gte=0, mean__lte=1), name="a_score_is_a_probability"),
            models.CheckConstraint(
                condition=Q(positive=True, mean__gte=F("threshold"))
                | Q(positive=False, mean__lt=F("threshold")),
                name="positive_means_at_or_above_threshold",
            ),
        ]


@tracked()
class CovariateScore(Happening):
    """What a model says of a participant by facts alone: a probability, or none and why; never changed.

    Other facts make another row; the one that counts was made of the facts on record now.
    """

    SEE = Permission.SEE_SCORE
    PARTICIPANT_PATH = "participant"

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="covariate_scores")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="covariate_scores")
    covariates = models.JSONField(help_text="The facts as they were asked; null is not known.")
    covariates_sha256 = models.CharField(max_length=64)
    probability = models.DecimalField(max_digits=7, decimal_places=6, null=True, blank=True)
    reasons = models.JSONField(default=list, blank=True, help_text="Why there is no probability.")

    objects = ScoreQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base class: see visible_to

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "model_version", "covariates_sha256"],
                name="facts_are_scored_once_a_model",
            ),
            models.CheckConstraint(
                condition=Q(probability__isnull=False, probability__gte=0, probability__lte=1, reasons=[])
                | (Q(probability__isnull=True) & ~Q(reasons=[])),
                name="a_probability_or_a_reason",
            ),
        ]


@tracked()
class RiskAssessment(Happening):
    """A participant's films, or facts, summed up; at randomization it is frozen with what counted."""

    SEE = Permission.SEE_SCORE
    PARTICIPANT_PATH = "participant"

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="risk")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    films_counted = models.PositiveIntegerField()
    films_positive = models.PositiveIntegerField()
    risk_class = models.CharField(max_length=4, choices=choices(RiskClass))
    films = models.JSONField(default=list, blank=True)
    covariate_score = models.ForeignKey(
        CovariateScore,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="What the risk rests on where the test asks for facts alone; then no film counts.",
    )

    @property
    def brought_along(self) -> bool:
        """Tell whether a recorded trial brought the counts along, its films being elsewhere."""
        return self.films_counted > 0 and self.model_version_id is None

    objects = ScoreQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base class: see visible_to

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(films_positive__lte=F("films_counted")), name="positives_among_counted"
            ),
            models.CheckConstraint(
                condition=Q(films_counted=0, risk_class="none")
                | Q(films_counted__gte=1, covariate_score__isnull=True, risk_class__in=["high", "low"])
                | Q(films_counted=0, covariate_score__isnull=False, risk_class__in=["high", "low"]),
                name="risk_class_by_films_or_facts",
            ),
            one_of("risk_class", RiskClass, "risk_class_known"),
            models.CheckConstraint(
                condition=Q(risk_class="none")
                | Q(covariate_score__isnull=False)
                | Q(risk_class="high", films_positive__gt=0)
                | Q(risk_class="low", films_positive__lt=F("films_counted")),
                name="no_risk_against_all_films",
            ),
        ]
