"""Allocation: cohorts and signatures, keys, strata and lists, and every draw."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from trial.models.people import Participant
from trial.models.trials import Clinical, Happening, Trial, User, one_of, tracked
from trial.roles import Permission
from trial.streams import stream_label


@tracked()
class Cohort(Happening):
    """A frozen list of people to be randomized together; its manifest is hashed."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="cohorts")
    manifest = models.JSONField(help_text="Study numbers in the order of drawing, with the evidence of each.")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    frozen_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"cohort of {self.size} people"


class Meaning(models.TextChoices):
    """What a signature says (21 CFR 11.50: the meaning stands with the name and the moment)."""

    COHORT = "cohort", "this list is to be randomized"
    PROTOCOL = "protocol", "this protocol version is to take effect"
    DELEGATION = "delegation", "I delegate these tasks to this person"


@tracked()
class Signature(Clinical):
    """An electronic signature, bound to the content it was given for by its hash (21 CFR 11.70); never changed."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="signatures")
    meaning = models.CharField(max_length=20, choices=Meaning)
    subject_id = models.UUIDField(help_text="The row that was signed.")
    content_sha256 = models.CharField(
        max_length=64, help_text="Of what was signed; another content is not signed."
    )
    signer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When it was given (UTC).")

    class Meta:
        ordering = ["recorded_at"]
        constraints = [
            one_of("meaning", Meaning, "signature_meaning_known"),
            models.UniqueConstraint(
                fields=["subject_id", "content_sha256", "meaning", "signer"], name="a_signature_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signer.shown_name}: {self.get_meaning_display()}"


@tracked()
class KeyEpoch(Happening):
    """A further key of a trial: draws from here on are its own, on lists of their own. The first key has no row."""

    SEE = Permission.VERIFY_ALLOCATIONS
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="key_epochs")
    number = models.PositiveSmallIntegerField()
    key_fingerprint = models.CharField(max_length=16)
    reason = models.CharField(max_length=400)
    begun_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="a_key_epoch_once"),
            models.CheckConstraint(condition=Q(number__gte=2), name="the_first_key_is_the_trials_own"),
        ]


class Stratum(Clinical):
    """A cursor: how many draws of this stratum have been taken. Its row lock keeps draws in order.

    A stratum goes on with a further list when its list is used up and another was given, the key has changed
    or an arm was dropped.
    """

    SEE = Permission.VERIFY_ALLOCATIONS
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="strata")
    label = models.CharField(max_length=200)
    list_version = models.PositiveIntegerField(default=1)
    key_epoch = models.PositiveSmallIntegerField(default=1)
    drawn = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True, blank=True)
    arms = models.CharField(
        max_length=60,
        default="control,screening",
        help_text="The arms of this list, in the order of the alphabet; when one is dropped another list begins.",
    )

    # Arm and counts of the last draw, the latter as JSON, where they were read along.
    last_draw: tuple[str, str] | None = None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "label", "list_version"], name="a_stratum_once"),
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(drawn__lte=F("total")), name="no_draw_past_the_end"
            ),
        ]

    @property
    def stream(self) -> str:
        """Return the name of the keyed stream that this list is drawn from."""
        return stream_label(self.trial.code, self.list_version, self.label)


class UploadedList(models.Model):
    """An allocation list made elsewhere, sealed with the trial's key: no reader of the database can see it."""

    stratum = models.OneToOneField(
        Stratum, on_delete=models.PROTECT, primary_key=True, related_name="uploaded_list"
    )
    sealed = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    length = models.PositiveIntegerField()


class Arm(models.TextChoices):
    """The arms have names, from the database to the report."""

    SCREENING = "screening"
    CONTROL = "control"


@tracked()
class Reconciliation(Happening):
    """A restored database brought level with the log outside it: the allocations put back name it."""

    SEE = Permission.VERIFY_ALLOCATIONS
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="reconciliations")
    size = models.PositiveIntegerField(help_text="How many allocations were put back.")
    sha256 = models.CharField(max_length=64, help_text="Of the log's lines about them.")
    done_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")


@tracked()
class Allocation(Happening):
    """One draw, with everything needed to replay it; never updated, never deleted."""

    SEE = Permission.SEE_ARM

    drawn_now = False  # True on the object of the request that drew it; who asks again is given another

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="allocation")
    stratum = models.ForeignKey(Stratum, on_delete=models.PROTECT, related_name="allocations")
    sequence = models.PositiveIntegerField()
    arm = models.CharField(max_length=9, choices=Arm)
    randomized_on = models.DateField(help_text="The site's local date.")
    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, related_name="allocations", null=True, blank=True
    )
    reconciliation = models.ForeignKey(
        Reconciliation,
        on_delete=models.PROTECT,
        related_name="allocations",
        null=True,
        blank=True,
        help_text="What put it back after a restore; empty for a row as it was drawn.",
    )
    engine_version = models.CharField(max_length=20)
    strata_values = models.JSONField(
        default=dict, blank=True, help_text="Strata and minimization factors as used."
    )
    counts_before = models.JSONField(
        default=dict, blank=True, help_text="Who was allocated before, by arm, as far as the draw went by it."
    )
    uniform = models.FloatField(null=True, blank=True, help_text="The number drawn, from 0 to below 1.")
    probabilities = models.JSONField(null=True, blank=True, help_text="Each arm's chance in this draw.")
    evidence = models.JSONField(default=dict, blank=True, help_text="What made the participant high risk.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stratum", "sequence"], name="a_slot_is_used_once"),
            models.UniqueConstraint(fields=["id", "arm"], name="allocation_arm_key"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="slots_count_from_one"),
            models.CheckConstraint(
                condition=Q(uniform__isnull=True, probabilities__isnull=True)
                | Q(uniform__gte=0, uniform__lt=1, probabilities__isnull=False),
                name="a_draw_by_chances_is_whole",
            ),
            one_of("arm", Arm, "arm_known"),
        ]
