"""Radiograph -> risk -> invitation -> DXA -> diagnosis and treatment: the tables of the screening itself."""

from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from screening.densitometry import MeasurementSite, MenopausalStatus
from screening.referrals import (
    IDENTITY_NOT_RECORDED,
    NOBODY_SPOKEN_TO,
    TOLD,
    AppointmentState,
    CommunicationKind,
    ContactOutcome,
    IdentityCheck,
    Means,
    ReferralState,
)
from screening.risk import RiskClass
from screening.vocabulary import (
    COUNTING,
    MODEL_SIGNERS,
    DiagnosisCode,
    DrugClass,
    FilmState,
    ModelMeaning,
    ReceiptOutcome,
    RefusalReason,
    Told,
)
from trial.models import (
    Allocation,
    Clinical,
    Happening,
    Participant,
    Person,
    ScopedQuerySet,
    Site,
    Trial,
    User,
    choices,
    one_of,
    tracked,
)
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
class Device(Clinical):
    """A machine that may send films over the network, known by its AE title and where it calls from."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "site__trial"
    SITE_PATH = "site"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="devices")
    name = models.CharField(max_length=60, help_text="As people at the site call it.")
    ae_title = models.CharField("AE title", max_length=16)
    address = models.CharField(max_length=43, help_text="An IP address, or a network such as 10.1.2.0/24.")
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Since when it may send no more.")

    class Meta:
        ordering = ["site", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["ae_title", "address"],
                condition=Q(ended_at__isnull=True),
                name="one_active_device_a_caller",
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(ae_title=""), name="a_device_has_its_names"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.ae_title}, {self.address})"


class RefusedCaller(models.Model):
    """Who called the DICOM listener and was turned away: not a record, only the newest are kept."""

    ae_title = models.CharField(max_length=16, blank=True)
    address = models.GenericIPAddressField()
    reason = models.CharField(max_length=20, choices=choices(RefusalReason))
    first_seen = models.DateTimeField(db_default=Now())
    last_seen = models.DateTimeField(db_default=Now())
    count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-last_seen"]
        constraints = [models.UniqueConstraint(fields=["ae_title", "address"], name="a_refused_caller_once")]

    def __str__(self) -> str:
        return f"{self.ae_title or 'no AE title'} at {self.address}"


@tracked()
class SiteIntake(Clinical):
    """What a site may send beyond what every site may; without a row, nothing."""

    SEE = Permission.SEE_INTAKE
    TRIAL_PATH = "site__trial"
    SITE_PATH = "site"

    site = models.OneToOneField(Site, on_delete=models.PROTECT, related_name="intake")
    secondary_capture = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"intake of {self.site}"


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


@tracked()
class Referral(Happening):
    """The offer of a DXA scan; the database lets only the screening arm have one."""

    SEE = Permission.SEE_WORKLIST
    TRIAL_PATH = "allocation__participant__trial"
    SITE_PATH = "allocation__participant__site"

    # The foreign key is on (allocation, arm), which the ORM can't say: see guards.py.
    allocation = models.OneToOneField(
        Allocation, on_delete=models.PROTECT, related_name="referral", db_constraint=False
    )
    arm = models.CharField(max_length=9, default="screening", editable=False)
    state = models.CharField(max_length=12, choices=choices(ReferralState), default=ReferralState.OPEN)
    window_ends_on = models.DateField(help_text="The last day of the offer, itself included.")
    rang_back = models.CharField(
        max_length=20,
        choices=choices(IdentityCheck),
        blank=True,
        default="",
        db_default="",
        help_text="By what whoever rang back and accepted was identified.",
    )

    class Meta:
        constraints = [
            one_of("rang_back", ["", *IdentityCheck], "identity_of_who_rang_back_known"),
            models.CheckConstraint(condition=Q(arm="screening"), name="only_screening_is_referred"),
            models.UniqueConstraint(fields=["id", "allocation", "arm"], name="referral_allocation_arm_key"),
            one_of("state", ReferralState, "referral_state_known"),
        ]

    @property
    def participant(self) -> Participant:
        """Return the person who is offered the scan."""
        return self.allocation.participant


@tracked()
class ContactAttempt(Happening):
    """One try to reach a participant; refused by the database for whoever must not be called."""

    SEE = Permission.SEE_WORKLIST
    TRIAL_PATH = "allocation__participant__trial"
    SITE_PATH = "allocation__participant__site"

    referral = models.ForeignKey(
        Referral, on_delete=models.PROTECT, related_name="attempts", db_constraint=False
    )
    allocation = models.ForeignKey(
        Allocation, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    arm = models.CharField(max_length=9, default="screening", editable=False)
    caller = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=12, choices=choices(ContactOutcome))
    identity = models.CharField(
        max_length=20,
        choices=choices([*IdentityCheck, IDENTITY_NOT_RECORDED]),
        blank=True,
        default="",
        db_default="",
        help_text="What the participant was asked and answered as on record, before anything was told.",
    )
    next_call_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["occurred_at"]
        constraints = [
            models.CheckConstraint(condition=Q(arm="screening"), name="only_screening_is_called"),
            one_of("outcome", ContactOutcome, "contact_outcome_known"),
            one_of("identity", ["", *IdentityCheck, IDENTITY_NOT_RECORDED], "identity_check_known"),
            models.CheckConstraint(
                condition=~Q(outcome__in=[str(o) for o in TOLD]) | ~Q(identity=""),
                name="told_only_to_who_was_identified",
            ),
            models.CheckConstraint(
                condition=~Q(outcome__in=[str(o) for o in NOBODY_SPOKEN_TO])
                | Q(identity__in=["", IDENTITY_NOT_RECORDED]),
                name="nobody_identified_who_was_not_spoken_to",
            ),
        ]


@tracked()
class Appointment(Happening):
    """A place and time for the trial's DXA scan."""

    SEE = Permission.SEE_WORKLIST
    TRIAL_PATH = "referral__allocation__participant__trial"
    SITE_PATH = "referral__allocation__participant__site"

    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="appointments")
    scheduled_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=choices(AppointmentState), default=AppointmentState.BOOKED)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["scheduled_at"]
        constraints = [
            one_of("state", AppointmentState, "appointment_state_known"),
            models.UniqueConstraint(
                fields=["referral"], condition=Q(state="booked"), name="one_open_appointment_a_referral"
            ),
        ]


@tracked()
class Communication(Happening):
    """That the result of the trial's scan was told, or that the participant was referred for treatment."""

    SEE = Permission.SEE_WORKLIST
    TRIAL_PATH = "allocation__participant__trial"
    SITE_PATH = "allocation__participant__site"

    referral = models.ForeignKey(
        Referral, on_delete=models.PROTECT, related_name="communications", db_constraint=False
    )
    allocation = models.ForeignKey(
        Allocation, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    arm = models.CharField(max_length=9, default="screening", editable=False)
    kind = models.CharField(max_length=9, choices=choices(CommunicationKind))
    means = models.CharField(max_length=9, choices=choices(Means), blank=True)
    identity = models.CharField(max_length=20, choices=choices(IdentityCheck), blank=True)
    referred_to = models.CharField(max_length=120, blank=True)
    told_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["occurred_at"]
        constraints = [
            models.CheckConstraint(condition=Q(arm="screening"), name="only_screening_is_told_a_result"),
            one_of("means", ["", *Means], "means_known"),
            one_of("identity", ["", *IdentityCheck], "identity_of_who_was_told_known"),
            models.CheckConstraint(
                condition=(Q(kind="result", referred_to="") & ~Q(means=""))
                | (Q(kind="treatment", means="") & ~Q(referred_to="")),
                name="a_communication_is_whole",
            ),
            models.CheckConstraint(
                condition=(Q(means="telephone") & ~Q(identity="")) | (~Q(means="telephone") & Q(identity="")),
                name="told_on_the_telephone_to_who_was_identified",
            ),
        ]


@tracked()
class Disclosure(Happening):
    """That a participant was told a score or that the film was judged; of a control it is a contamination."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="disclosures")
    told = models.CharField(max_length=11, choices=choices(Told))
    told_by = models.CharField(max_length=120, help_text="Who told the participant.")
    how = models.CharField(max_length=400, help_text="How it came out.")

    class Meta:
        ordering = ["occurred_at"]
        constraints = [one_of("told", Told, "what_was_told_known")]


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

    class Meta:
        ordering = ["exam_date"]


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
