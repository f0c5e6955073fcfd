"""People: who they are, encrypted, and as participants with what was known of them at baseline."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from trial.models.trials import Clinical, Site, Trial, choices, one_of, tracked
from trial.states import State


@tracked()
class Person(models.Model):
    """A patient of a hospital; everything that identifies them is encrypted with a key of their own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    identity_hash = models.BinaryField(max_length=32, unique=True)
    number_sealed = models.BinaryField(null=True)
    name_sealed = models.BinaryField(null=True)
    phone_sealed = models.BinaryField(null=True)
    of_test = models.ForeignKey(
        Trial,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="The test trial to which this person belongs alone; empty for every other person.",
    )

    def __str__(self) -> str:
        return f"person {self.pk}"


class PersonKey(models.Model):
    """A person's data key, wrapped. Not tracked: deleting it must erase the identity in old audit rows too."""

    person = models.OneToOneField(Person, on_delete=models.PROTECT, primary_key=True, related_name="key")
    wrapped = models.BinaryField()

    def __str__(self) -> str:
        return f"key of {self.person_id}"


class Sex(models.TextChoices):
    """Sex as registered."""

    FEMALE = "female"
    MALE = "male"


@tracked()
class Participant(Clinical):
    """A person in a trial, from registration on."""

    TRIAL_PATH = "trial"
    SITE_PATH = "site"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="participants")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="participants")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="participations")
    study_number = models.CharField(max_length=24, unique=True)
    sex = models.CharField(max_length=6, choices=Sex, null=True, blank=True)
    birth_date = models.CharField(
        max_length=10, blank=True, help_text="YYYY, YYYY-MM or YYYY-MM-DD; partial stays partial."
    )
    # The bounds hold even without a birth date: PatientAge on StudyDate gives a range.
    birth_earliest = models.DateField(null=True, blank=True)
    birth_latest = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=choices(State), default=State.REGISTERED, editable=False)
    do_not_call = models.BooleanField(default=False)
    no_more_data = models.BooleanField(
        default=False,
        help_text="Withdrew from any further collection: what is on record stays, nothing is added.",
    )
    died_on = models.CharField(max_length=10, blank=True, help_text="YYYY, YYYY-MM or YYYY-MM-DD.")
    registered_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["study_number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "person"], name="a_person_once_in_a_trial"),
            one_of("state", State, "participant_state_known"),
            one_of("sex", Sex, "participant_sex_known"),
            models.CheckConstraint(
                condition=Q(birth_earliest__isnull=True, birth_latest__isnull=True)
                | Q(birth_earliest__lte=F("birth_latest")),
                name="birth_bounds_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.study_number


@tracked()
class Baseline(Clinical):
    """The baseline variables of the trial's Table 1, one row a participant; null means not known."""

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="baseline")
    bmi = models.DecimalField(
        "body mass index (kg/m²)", max_digits=4, decimal_places=1, null=True, blank=True
    )
    fracture = models.BooleanField("any previous fracture", null=True, blank=True)
    fracture_hip = models.BooleanField(null=True, blank=True)
    fracture_wrist = models.BooleanField(null=True, blank=True)
    fracture_vertebra = models.BooleanField(null=True, blank=True)
    fracture_shoulder = models.BooleanField(null=True, blank=True)
    fracture_lower_leg = models.BooleanField(null=True, blank=True)
    fracture_osteoporotic = models.BooleanField(null=True, blank=True)
    secondary_osteoporosis = models.BooleanField("a cause of secondary osteoporosis", null=True, blank=True)
    hyperparathyroidism = models.BooleanField(null=True, blank=True)
    hyperthyroidism = models.BooleanField(null=True, blank=True)
    multiple_myeloma = models.BooleanField(null=True, blank=True)
    cushing_disease = models.BooleanField(null=True, blank=True)
    celiac_disease = models.BooleanField(null=True, blank=True)
    rheumatoid_arthritis = models.BooleanField(null=True, blank=True)
    glucocorticoids = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(bmi__isnull=True) | Q(bmi__gte=10, bmi__lte=80), name="bmi_is_possible"
            ),
        ]
