"""Analysis plans, frozen datasets, interim looks, what was signed of them, and from when the arms are known."""

from django.db import models
from django.db.models.functions import Now

from analysis.plan import Plan, read
from trial.canonical import checksum
from trial.models import Clinical, ProtocolVersion, Trial, User, one_of, tracked
from trial.roles import Permission


class AnalysisMeaning(models.TextChoices):
    """What a signature says (21 CFR 11.50)."""

    PLAN = "plan", "the arms are to be compared as this plan says"
    FREEZE = "freeze", "this dataset is what is analyzed"
    LOOK = "look", "this is what the interim look found"
    RECOMMENDATION = "recommendation", "this is what the monitoring committee recommends"


class Course(models.TextChoices):
    """What a monitoring committee recommends."""

    CONTINUE = "continue", "continue"
    MODIFY = "modify", "modify"
    STOP = "stop", "stop"


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
    """A signature under what this app keeps, bound to the hash of what was signed (21 CFR 11.70)."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="analysis_signatures")
    meaning = models.CharField(max_length=14, choices=AnalysisMeaning)
    subject_id = models.UUIDField(help_text="The plan, freeze, look or recommendation that was signed.")
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


@tracked()
class InterimLook(Clinical):
    """A planned comparison of the arms before the end: what was found, and the boundary that was due."""

    SEE = Permission.SEE_REPORT_BY_ARM
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="looks")
    freeze = models.OneToOneField(Freeze, on_delete=models.PROTECT, related_name="look")
    plan = models.ForeignKey(AnalysisPlan, on_delete=models.PROTECT, related_name="looks")
    # In order through all plans of a trial: alpha that is spent stays spent when a plan is amended.
    number = models.PositiveSmallIntegerField()
    planned_looks = models.PositiveSmallIntegerField(
        help_text="How many the plan has, the last one included."
    )
    endpoint = models.CharField(max_length=40, help_text="The primary one, by its name in the plan.")
    people = models.PositiveIntegerField(
        help_text="Compared in both arms, by the plan's rule for missing outcomes."
    )
    people_planned = models.PositiveIntegerField(
        null=True, blank=True, help_text="All the people to be compared, if the plan says how many."
    )
    information = models.FloatField(
        help_text="The share of all information that was reached; 1 is the last look."
    )
    information_reason = models.CharField(
        max_length=400, blank=True, help_text="Why it is another share than that of the people."
    )
    alpha_spent = models.FloatField(help_text="Two-sided, with this look and all before.")
    boundary = models.FloatField(
        null=True, blank=True, help_text="The z to reach on either side; none if too little alpha is spent."
    )
    z = models.FloatField(help_text="Of the primary endpoint; positive if more events in the screening arm.")
    z_method = models.CharField(max_length=200)
    crossed = models.BooleanField(help_text="Whether z reached the boundary.")
    conditional_power = models.FloatField(
        null=True,
        blank=True,
        help_text="The chance to cross above later, if the effect is the one seen so far.",
    )
    sha256 = models.CharField(max_length=64, help_text="Of everything that was found.")
    taken_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["trial", "number"]
        constraints = [models.UniqueConstraint(fields=["trial", "number"], name="a_look_number_once")]

    def __str__(self) -> str:
        return f"{self.trial.code} look {self.number} of {self.planned_looks}"

    @property
    def content_sha256(self) -> str:
        """Return the hash of everything that was found, as it stands."""
        apart = ("id", "sha256", "recorded_at")
        said = {
            f.attname: getattr(self, f.attname) for f in self._meta.concrete_fields if f.name not in apart
        }
        return checksum({name: str(value) for name, value in said.items()})


@tracked()
class LookRecommendation(Clinical):
    """What the monitoring committee recommends after a look: all that others learn of it."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "look__trial"
    SITE_PATH = ""

    look = models.OneToOneField(InterimLook, on_delete=models.PROTECT, related_name="recommendation")
    course = models.CharField(max_length=8, choices=Course)
    words = models.TextField(max_length=2000, help_text="For the others, without results.")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64, help_text="Of look, course and words.")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["look"]
        constraints = [
            one_of("course", Course, "course_known"),
            models.CheckConstraint(condition=~models.Q(words=""), name="a_recommendation_has_words"),
        ]

    def __str__(self) -> str:
        return f"{self.look}: {self.get_course_display()}"

    @property
    def trial(self) -> Trial:
        """Return the trial that is looked at."""
        return self.look.trial

    @property
    def content_sha256(self) -> str:
        """Return the hash of what is recommended, as it stands."""
        return checksum([str(self.look_id), self.course, self.words, str(self.by_id)])
