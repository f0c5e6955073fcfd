"""Films as they came, and what their senders were answered."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from screening.models.devices import Device
from screening.vocabulary import (
    COUNTING,
    FilmState,
    Look,
    ReceiptOutcome,
)
from trial.models import (
    Clinical,
    Participant,
    Person,
    Site,
    Trial,
    User,
    choices,
    one_of,
    tracked,
)
from trial.protocol_parts import View
from trial.roles import Permission


def once_a_trial(field: str) -> models.UniqueConstraint:
    """Let no two counting films of a trial share `field`."""
    return models.UniqueConstraint(
        fields=["trial", field],
        condition=Q(state__in=[str(s) for s in COUNTING]),
        name=f"film_{field}_counts_once",
    )


def film_path(film: "Radiograph", _name: str) -> str:
    """Return where a film is stored: random names only, never the sender's file name."""
    return f"radiographs/{film.trial_id}/{film.pk}.dcm"


@tracked()
class Radiograph(Clinical):
    """A chest radiograph as received, de-identified; the row is also its place in the scoring queue."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "trial"
    SITE_PATH = "participant__site"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="radiographs")
    site = models.ForeignKey(
        Site,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Where the film was sent; empty for films of earlier releases.",
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="radiographs")
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, related_name="radiographs", null=True, blank=True
    )
    state = models.CharField(max_length=9, choices=choices(FilmState), default=FilmState.RECEIVED)
    reason = models.CharField(max_length=40, blank=True)
    sop_instance_hash = models.BinaryField(max_length=32)
    study_hash = models.BinaryField(max_length=32)
    file_sha256 = models.CharField(max_length=64)
    pixel_sha256 = models.CharField(max_length=64, blank=True)
    study_date = models.DateField(
        null=True, blank=True, help_text="The true StudyDate; files carry a shifted one."
    )
    patient_age = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="PatientAge, completed years."
    )
    modality = models.CharField(max_length=16, blank=True)
    view = models.CharField(max_length=16, blank=True)
    manufacturer = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField(null=True, blank=True)
    columns = models.PositiveIntegerField(null=True, blank=True)
    file = models.FileField(upload_to=film_path, max_length=200, blank=True)
    flags = models.JSONField(
        default=list, blank=True, help_text="What is odd about the film, by code: see reasons.Flag."
    )
    findings = models.JSONField(
        default=dict,
        blank=True,
        help_text="What is wrong with the picture, by code: what was measured. See quality.Code.",
    )
    quality_version = models.CharField(
        max_length=40, blank=True, help_text="By what the picture was looked at; empty when it was not."
    )
    crosswalk_sealed = models.BinaryField(null=True)
    source = models.CharField(max_length=20)
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    enqueued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            models.Index(fields=["enqueued_at"], condition=Q(state="eligible"), name="films_to_score"),
            *(
                models.Index(fields=["trial", thing], name=f"films_by_{thing}"[:30])
                for thing in ("file_sha256", "pixel_sha256", "sop_instance_hash", "study_hash")
            ),
        ]
        constraints = [
            one_of("state", FilmState, "film_state_known"),
            once_a_trial("sop_instance_hash"),
            once_a_trial("file_sha256"),
            models.UniqueConstraint(
                fields=["trial", "pixel_sha256"],
                condition=Q(state__in=[str(s) for s in COUNTING]) & ~Q(pixel_sha256=""),
                name="film_pixels_count_once",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["eligible", "scored"]) | (Q(participant__isnull=False) & ~Q(file="")),
                name="a_scored_film_has_owner_and_file",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["set_aside", "rejected", "failed"]) | ~Q(reason=""),
                name="set_aside_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"film {str(self.pk)[:8]}"


@tracked()
class FilmDecision(Clinical):
    """What a person decided of a held film, and why; never changed."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "radiograph__trial"
    SITE_PATH = "radiograph__participant__site"

    radiograph = models.ForeignKey(Radiograph, on_delete=models.PROTECT, related_name="decisions")
    decision = models.CharField(max_length=8, choices=choices(Look))
    held_for = models.CharField(max_length=40, help_text="The film's reason then.")
    view = models.CharField(
        max_length=2, blank=True, choices=choices(View), help_text="As seen, where the header states none."
    )
    reason = models.CharField(max_length=400)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When (UTC).")

    class Meta:
        ordering = ["recorded_at"]
        constraints = [
            one_of("decision", Look, "film_decision_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="a_film_is_decided_for_a_reason"),
            models.CheckConstraint(
                condition=~Q(decision="take", held_for="view_unknown") | ~Q(view=""),
                name="a_film_without_view_is_given_one",
            ),
        ]


class Receipt(Clinical):
    """What was answered to one file that arrived: the daily equation adds these up."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="receipts")
    radiograph = models.ForeignKey(
        Radiograph, on_delete=models.PROTECT, related_name="receipts", null=True, blank=True
    )
    outcome = models.CharField(max_length=16, choices=choices(ReceiptOutcome))
    reason = models.CharField(max_length=40)
    file_sha256 = models.CharField(max_length=64)
    source = models.CharField(max_length=20)
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    received_from = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    device = models.ForeignKey(
        Device, on_delete=models.PROTECT, related_name="receipts", null=True, blank=True
    )

    class Meta:
        ordering = ["-received_at"]
        constraints = [one_of("outcome", ReceiptOutcome, "receipt_outcome_known")]
