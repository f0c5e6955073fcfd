"""Frozen datasets and the reports made from them."""

from django.db import models
from django.db.models.functions import Now

from trial.models import Clinical, ProtocolVersion, Trial, User, tracked
from trial.roles import Permission


@tracked(exclude=["subjects"])
class Freeze(Clinical):
    """An immutable dataset: one row a registered person, its hash, and the code and protocol it came from."""

    SEE = Permission.SEE_REPORT_POOLED
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="freezes")
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=200)
    cut_off = models.DateTimeField(help_text="Facts recorded up to this moment are in.")
    subjects = models.BinaryField(help_text="The dataset: CSV, gzipped.")
    intake = models.JSONField(help_text="Counts of films by outcome and reason.")
    people = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of the CSV.")
    audit_head = models.CharField(
        max_length=64, blank=True, default="", help_text="The head of the audit chain when it was frozen."
    )
    codebook = models.JSONField()
    code_version = models.CharField(max_length=40)
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="+")
    frozen_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["trial", "-number"]
        constraints = [models.UniqueConstraint(fields=["trial", "number"], name="a_freeze_number_once")]

    def __str__(self) -> str:
        return f"{self.trial.code} freeze {self.number}"
