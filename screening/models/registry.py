"""The registered risk models, who signed them, and when scoring stood still."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from screening.vocabulary import (
    MODEL_SIGNERS,
    ModelMeaning,
)
from trial.models import (
    Clinical,
    Trial,
    User,
    choices,
    one_of,
    tracked,
)
from trial.roles import Permission


@tracked()
class ModelVersion(models.Model):
    """A registered model: its numbers by checksum, the manifest that came with them, and what was checked."""

    name = models.CharField(max_length=60)
    version = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    preprocessing = models.CharField(max_length=60)
    manifest = models.JSONField()
    report = models.JSONField(default=list, blank=True, help_text="The checks of registration, all passed.")
    content_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Of manifest and checks: what is signed. Empty until the checks were run.",
    )
    registered_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="a_model_version_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@tracked()
class ModelSignature(Clinical):
    """That somebody, in a role of a trial, lets a model version be used or says that it must not be; never changed."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="signatures")
    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="+")
    signer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=32, choices=choices(MODEL_SIGNERS))
    meaning = models.CharField(max_length=8, choices=[(m.value, m.words) for m in ModelMeaning])
    content_sha256 = models.CharField(max_length=64, help_text="Of what was signed.")
    reason = models.CharField(max_length=400, blank=True)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When it was given (UTC).")

    class Meta:
        ordering = ["recorded_at"]
        constraints = [
            one_of("meaning", ModelMeaning, "model_signature_meaning_known"),
            one_of("role", MODEL_SIGNERS, "model_signature_role_known"),
            models.UniqueConstraint(
                fields=["model_version", "signer", "meaning"], name="a_model_signature_once"
            ),
            models.CheckConstraint(
                condition=~Q(meaning="refuse") | ~Q(reason=""), name="a_model_is_refused_for_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signer.shown_name}: {self.get_meaning_display()}"


@tracked()
class Standstill(Clinical):
    """That no score is made in a trial, from when to when, and why."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="standstills")
    reason = models.CharField(max_length=600)
    began_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-began_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial"], condition=Q(ended_at__isnull=True), name="one_open_standstill_a_trial"
            )
        ]
