"""Analysis plans, frozen datasets, what was signed of them, and the moment from which the arms are known."""

from django.db import models
from django.db.models.functions import Now

from analysis.plan import Plan, read
from trial.models import Clinical, ProtocolVersion, Trial, User, one_of, tracked
from trial.roles import Permission


class AnalysisMeaning(models.TextChoices):
    """What a signature says (21 CFR 11.50)."""

    PLAN = "plan", "the arms are to be compared as this plan says"
    FREEZE = "freeze", "this dataset is what is analyzed"


@tracked()
class AnalysisPlan(Clinical):
    """A statistical analysis plan as it was declared for a protocol version; a later number replaces it."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "protocol_version__trial"
    SITE_PATH = ""

    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="plans")
    number = models.PositiveIntegerField()
    text = models.TextField(help_text="YAML, as it was declared.")
    sha256 = models.CharField(max_length=64, help_text="Of the text.")
    declared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["protocol_version", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["protocol_version", "number"], name="a_plan_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.protocol_version} analysis plan {self.number}"

    @property
    def trial(self) -> Trial:
        """Return the trial whose arms the plan compares."""
        return self.protocol_version.trial

    @property
    def plan(self) -> Plan:
        """Return the plan, checked."""
        return read(self.text)


@tracked()
class AnalysisSignature(Clinical):
    """A signature under a plan or a freeze, bound to the hash of what was signed (21 CFR 11.70)."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="analysis_signatures")
    meaning = models.CharField(max_length=8, choices=AnalysisMeaning)
    subject_id = models.UUIDField(help_text="The plan or freeze that was signed.")
    content_sha256 = models.CharField(max_length=64, help_text="Of what was signed.")
    signer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When it was given (UTC).")

    class Meta:
        ordering = ["recorded_at"]
        constraints = [
            one_of("meaning", AnalysisMeaning, "analysis_signature_meaning_known"),
            models.UniqueConstraint(
                fields=["subject_id", "meaning", "signer"], name="an_analysis_signature_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signer.shown_name}: {self.get_meaning_display()}"


@tracked()
class Unblinding(Clinical):
    """That the arms are known to whoever reads the trial's reports, from this moment on."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.OneToOneField(Trial, on_delete=models.PROTECT, related_name="unblinding")
    plan = models.ForeignKey(AnalysisPlan, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=400)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.trial.code} unblinded"


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
    conduct = models.JSONField(
        default=dict, blank=True, help_text="Calls, deviations, fractures and the index test, counted."
    )
    people = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of the CSV.")
    audit_head = models.CharField(
        max_length=64, blank=True, default="", help_text="The head of the audit chain when it was frozen."
    )
    codebook = models.JSONField()
    code_version = models.CharField(max_length=40)
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="+")
    plan = models.ForeignKey(
        AnalysisPlan,
        on_delete=models.PROTECT,
        related_name="freezes",
        null=True,
        blank=True,
        help_text="The plan in force when it was frozen; without one every comparison is post hoc.",
    )
    checks = models.JSONField(
        default=list,
        help_text="What was asked of the record before, how much was open, and where it is seen.",
    )
    despite_findings = models.BooleanField(
        default=False, help_text="That something was open, and it was frozen all the same."
    )
    frozen_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["trial", "-number"]
        constraints = [models.UniqueConstraint(fields=["trial", "number"], name="a_freeze_number_once")]

    def __str__(self) -> str:
        return f"{self.trial.code} freeze {self.number}"
