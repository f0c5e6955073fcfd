"""Who may enter, which arm, what happened, who did it: the tables of a trial's conduct."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Self, cast
from zoneinfo import ZoneInfo

import pghistory
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from trial.guards import SIGN_IN
from trial.links import AuditLink as AuditLink  # a table of this app: Django looks for it here
from trial.protocol import Protocol
from trial.roles import MATRIX, Permission, Role
from trial.states import AllocationFault, ProtocolState, State, TrialState


def choices(names: Any) -> list[tuple[str, str]]:
    """Return a StrEnum's values as Django choices, spelled with blanks."""
    return [(str(name), str(name).replace("_", " ")) for name in names]


def one_of(field: str, names: Any, name: str) -> models.CheckConstraint:
    """Let the database refuse a word outside the vocabulary."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": [str(n) for n in names]}), name=name)


def tracked(**options: Any) -> Callable[[type[models.Model]], type[models.Model]]:
    """Keep every insert, update and delete of a model in its audit table.

    The trackers are made anew for each model: as settings they are copied, and a copied operation equals none.
    """
    return pghistory.track(
        pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), **options
    )


class ScopedQuerySet(models.QuerySet):
    """Rows a user may read: one filter for pages, admin, API and exports alike."""

    def visible_to(self, user: "User", permission: Permission | None = None) -> Self:
        """Keep the rows of trials and sites where `user` holds `permission` (the model's own by default)."""
        model = cast(Any, self.model)
        seen = Q(pk__in=[])
        for grant in Membership.objects.granting(user, permission or model.SEE):
            # A role of the installation reaches every trial; an empty Q would be dropped from the sum.
            scope = Q(**{model.TRIAL_PATH: grant.trial_id}) if grant.trial_id else ~Q(pk__in=[])
            if grant.site_id and model.SITE_PATH:
                scope &= Q(**{model.SITE_PATH: grant.site_id})
            seen |= scope
        return self.filter(seen)


class Clinical(models.Model):
    """A row of the trial's record: random key, scoped reads."""

    SEE = Permission.SEE_PARTICIPANTS
    TRIAL_PATH = "participant__trial"
    SITE_PATH = "participant__site"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    objects = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True


class Happening(Clinical):
    """Something that happened: when it did, when it was entered, under which protocol version."""

    occurred_at = models.DateTimeField(help_text="When it happened (UTC).")
    recorded_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When it was entered (UTC)."
    )
    protocol_version = models.ForeignKey("trial.ProtocolVersion", on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


@tracked(exclude=[*SIGN_IN])
class User(AbstractUser):
    """A person with an account; what they may do comes from memberships alone."""

    # Passwords leave no trace, so that this one tells in the audit trail who gave a new one.
    access_restored_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When an administrator last gave them a password or lifted a lock.",
    )


class TrialKind(models.TextChoices):
    """Live trials run on the real clock; the other two carry the past."""

    LIVE = "live"
    RECORDED = "recorded"
    DEMONSTRATION = "demonstration"


@tracked()
class Trial(Clinical):
    """A randomized trial."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "pk"
    SITE_PATH = ""

    code = models.CharField(max_length=12, unique=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=13, choices=TrialKind, default=TrialKind.LIVE)
    state = models.CharField(max_length=8, choices=choices(TrialState), default=TrialState.DRAFT)
    key_fingerprint = models.CharField(max_length=16, editable=False)
    # A demonstration's calendar stands this many days behind today, so that its windows are open whenever it runs.
    clock_offset_days = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z][A-Z0-9]{1,11}$"), name="trial_code_form"),
            one_of("state", TrialState, "trial_state_known"),
            models.CheckConstraint(
                condition=Q(clock_offset_days=0) | Q(kind="demonstration"),
                name="only_a_demonstration_shifts_its_clock",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def protocol_version(self) -> "ProtocolVersion":
        """Return the protocol version in force."""
        return self.versions.get(state=ProtocolState.ACTIVE)

    @property
    def protocol(self) -> Protocol:
        """Return the protocol in force, validated."""
        return self.protocol_version.protocol


@tracked()
class ProtocolVersion(Clinical):
    """One version of a trial's protocol; its definition is frozen once approved."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = ""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=choices(ProtocolState), default=ProtocolState.DRAFT)
    drafted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=400, blank=True, help_text="Why the version before it is amended.")
    effective_on = models.DateField(null=True, blank=True, help_text="The day from which it may take effect.")

    class Meta:
        ordering = ["trial", "number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="protocol_version_number_once"),
            models.UniqueConstraint(
                fields=["trial"], condition=Q(state="active"), name="one_active_protocol_version_a_trial"
            ),
            one_of("state", ProtocolState, "protocol_state_known"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("drafted_by")),
                name="protocol_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, approved_at__isnull=True)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="protocol_approval_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial.code} version {self.number}"

    @property
    def protocol(self) -> Protocol:
        """Return the definition as the frozen Protocol, validated."""
        return _read_protocol(json.dumps(self.definition))


@lru_cache(maxsize=64)
def _read_protocol(text: str) -> Protocol:
    """Read a protocol; each version is checked once a process, for it is asked at every step."""
    return Protocol.from_dict(json.loads(text))


def validate_time_zone(name: str) -> None:
    """Refuse a name that the IANA time zone database doesn't know."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        raise ValidationError(f"{name!r} is not an IANA time zone. Use a name such as Asia/Taipei.") from None


@tracked()
class Site(Clinical):
    """A place where a trial runs."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "trial"
    SITE_PATH = "pk"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="sites")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="Asia/Taipei", validators=[validate_time_zone])
    enrolled = models.PositiveIntegerField(default=0, editable=False)  # counts study numbers given out

    class Meta:
        ordering = ["trial", "number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="site_number_once_a_trial"),
            models.CheckConstraint(condition=Q(number__gte=1, number__lte=99), name="site_number_two_digits"),
        ]

    def __str__(self) -> str:
        return f"{self.trial.code}-{self.number:02d} {self.name}"

    def local(self, moment: datetime) -> datetime:
        """Return `moment` in the site's own time."""
        return moment.astimezone(ZoneInfo(self.time_zone))


class MembershipQuerySet(models.QuerySet):
    """Memberships in force."""

    def active(self, user: User) -> Self:
        """Keep the user's memberships that have begun and have not ended."""
        now = timezone.now()
        return self.filter(Q(until__isnull=True) | Q(until__gt=now), user_id=user.pk, since__lte=now)

    def granting(self, user: User, permission: Permission) -> Self:
        """Keep the active memberships whose role carries `permission`."""
        if not user.is_active:
            return self.none()
        return self.active(user).filter(role__in=[str(r) for r, held in MATRIX.items() if permission in held])


@tracked()
class Membership(models.Model):
    """A role that a user holds in a trial, at one site or at all, for a time."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    trial = models.ForeignKey(
        Trial, on_delete=models.PROTECT, related_name="memberships", null=True, blank=True
    )
    site = models.ForeignKey(
        Site, on_delete=models.PROTECT, related_name="memberships", null=True, blank=True
    )
    role = models.CharField(max_length=32, choices=choices(Role))
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of("role", Role, "membership_role_known"),
            # Only the system administrator's work belongs to the installation rather than to a trial.
            models.CheckConstraint(
                condition=Q(trial__isnull=False) | Q(role="system_administrator", site__isnull=True),
                name="membership_names_its_trial",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")),
                name="membership_ends_after_it_began",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role.replace('_', ' ')}"


@tracked()
class Person(models.Model):
    """A patient of a hospital; everything that identifies them is encrypted with a key of their own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    identity_hash = models.BinaryField(max_length=32, unique=True)
    number_sealed = models.BinaryField(null=True)
    name_sealed = models.BinaryField(null=True)
    phone_sealed = models.BinaryField(null=True)

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


@tracked()
class EligibilityAssessment(Happening):
    """One judgment of a participant against the protocol's criteria, with its reasons."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="assessments")
    eligible = models.BooleanField()
    reasons = models.JSONField(default=list, blank=True)
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        get_latest_by = ["occurred_at", "recorded_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(eligible=False) | Q(reasons=[]), name="eligible_means_no_reason_against"
            ),
        ]


class ConsentKind(models.TextChoices):
    """What was given, waived or refused."""

    CONSENT = "consent"
    WAIVER = "waiver"
    OBJECTION = "objection"


@tracked()
class Consent(Happening):
    """A consent, an ethics waiver or an objection; none is ever edited, a later one counts."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="consents")
    kind = models.CharField(max_length=9, choices=ConsentKind)
    form_version = models.CharField(max_length=40, blank=True)
    scope = models.CharField(max_length=40, help_text="What it covers: dxa, calls, data.")
    obtained_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    waiver_reference = models.CharField(max_length=120, blank=True)

    class Meta:
        get_latest_by = ["occurred_at", "recorded_at"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="waiver") & ~Q(waiver_reference=""))
                | (~Q(kind="waiver") & Q(waiver_reference="")),
                name="a_waiver_has_its_reference",
            ),
            models.CheckConstraint(
                condition=~Q(kind="consent") | (Q(obtained_by__isnull=False) & ~Q(form_version="")),
                name="a_consent_names_form_and_person",
            ),
        ]


@tracked()
class StateChange(Happening):
    """One step of a participant through the trial; never updated, never deleted."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="state_changes")
    event = models.CharField(max_length=20)
    from_state = models.CharField(max_length=12, choices=choices(State))
    to_state = models.CharField(max_length=12, choices=choices(State))
    reason = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["occurred_at", "recorded_at"]


@tracked()
class AllocationError(Happening):
    """That an allocation should have been otherwise. The allocation stands, and is analyzed as it was drawn."""

    SEE = Permission.SEE_ALLOCATION

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="allocation_errors")
    fault = models.CharField(max_length=20, choices=choices(AllocationFault))
    reason = models.CharField(max_length=400)
    first = models.ForeignKey(
        Participant,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Of a person who was randomized twice: the participant whose allocation stands.",
    )

    class Meta:
        ordering = ["occurred_at"]
        constraints = [
            one_of("fault", AllocationFault, "allocation_fault_known"),
            models.UniqueConstraint(fields=["participant", "fault"], name="an_allocation_fault_once"),
            models.CheckConstraint(
                condition=(Q(fault="duplicate") & Q(first__isnull=False) & ~Q(first=F("participant")))
                | (~Q(fault="duplicate") & Q(first__isnull=True)),
                name="a_duplicate_names_the_first",
            ),
        ]


@tracked()
class Erasure(Happening):
    """That a participant asks for their identity to be erased; it is, once a second person approves."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="erasures")
    reason = models.CharField(max_length=400)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["occurred_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["participant"], condition=Q(approved_by=None), name="one_open_erasure_a_participant"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, approved_at__isnull=True)
                | (
                    Q(approved_by__isnull=False, approved_at__isnull=False)
                    & ~Q(approved_by=F("requested_by"))
                ),
                name="an_erasure_is_approved_by_a_second_person",
            ),
        ]


class BreakCategory(models.TextChoices):
    """Why the code is broken for one participant."""

    EMERGENCY = "emergency", "emergency: treatment depends on it"
    SAFETY_REPORT = "safety_report", "report to an authority or ethics board"
    PARTICIPANT = "participant", "the participant asks"
    ACCIDENT = "accident", "it came out by accident"


@tracked()
class CodeBreak(Happening):
    """That somebody was told the arm of one participant, and why; the arm itself is not in it."""

    SEE = Permission.SEE_ALLOCATION

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="code_breaks")
    category = models.CharField(max_length=13, choices=BreakCategory)
    reason = models.CharField(max_length=400)
    broken_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["occurred_at"]


class Severity(models.TextChoices):
    """Of a protocol deviation (ICH E3)."""

    MINOR = "minor"
    MAJOR = "major"


@tracked()
class ProtocolDeviation(Happening):
    """A departure from the protocol, documented and not corrected away."""

    TRIAL_PATH = "trial"
    SITE_PATH = "participant__site"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="deviations")
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, related_name="deviations", null=True, blank=True
    )
    category = models.CharField(max_length=40)
    severity = models.CharField(max_length=5, choices=Severity)
    description = models.TextField()
    corrective_action = models.TextField(blank=True)

    class Meta:
        ordering = ["-occurred_at"]


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


class Meaning(models.TextChoices):
    """What a signature says (21 CFR 11.50: the meaning stands with the name and the moment)."""

    COHORT = "cohort", "this list is to be randomized"
    PROTOCOL = "protocol", "this protocol version is to take effect"


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
        return f"{self.signer.first_name or self.signer.username}: {self.get_meaning_display()}"


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

    A stratum goes on with a further list when its list is used up and another was given, or the key has changed.
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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "label", "list_version"], name="a_stratum_once"),
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(drawn__lte=F("total")), name="no_draw_past_the_end"
            ),
        ]


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
