"""What every table of a trial has in common; trials, protocol versions, sites, accounts and roles."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Self, cast
from zoneinfo import ZoneInfo

import pghistory
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from trial.calendars import Opening, public_holidays
from trial.guards import SIGN_IN
from trial.protocol import Protocol
from trial.roles import DESCRIPTIONS, MATRIX, UNDELEGATED, Permission, Role
from trial.states import ProtocolState, TrialState


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

    @property
    def shown_name(self) -> str:
        """Return the name as colleagues know it."""
        return self.first_name or self.username


class TrialKind(models.TextChoices):
    """Live trials run on the real clock, two kinds carry the past, and a test tries a draft: nothing in it is real."""

    LIVE = "live"
    RECORDED = "recorded"
    DEMONSTRATION = "demonstration"
    TEST = "test"


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
    tries = models.ForeignKey(
        "trial.ProtocolVersion",
        on_delete=models.PROTECT,
        related_name="tests",
        null=True,
        blank=True,
        help_text="The protocol version that a test trial tries; empty for every other trial.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z][A-Z0-9]{1,11}$"), name="trial_code_form"),
            one_of("state", TrialState, "trial_state_known"),
            models.CheckConstraint(
                # A test stands on the calendar of the trial that it is a test for.
                condition=Q(clock_offset_days=0) | Q(kind__in=["demonstration", "test"]),
                name="only_a_demonstration_shifts_its_clock",
            ),
            models.CheckConstraint(
                condition=Q(kind="test", tries__isnull=False) | (~Q(kind="test") & Q(tries__isnull=True)),
                name="a_test_trial_tries_a_version",
            ),
            # Study numbers, file names and answers of the API bear the code: so all of them say TEST.
            models.CheckConstraint(
                condition=~Q(kind="test") | Q(code__startswith="TEST"), name="a_test_trial_says_so"
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def is_test(self) -> bool:
        """Tell whether nothing in this trial is real."""
        return self.kind == TrialKind.TEST

    @property
    def takes_signatures(self) -> bool:
        """Tell whether two people have to sign here; records were signed elsewhere, and a test binds nobody."""
        return self.kind not in (TrialKind.RECORDED, TrialKind.TEST)

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
        if self.state == ProtocolState.DRAFT:
            return Protocol.from_dict(self.definition)
        return _approved(self.pk, self.sha256)


@lru_cache(maxsize=64)
def _approved(pk: uuid.UUID, _sha256: str) -> Protocol:
    """Read an approved protocol, once a process: its definition is frozen, and it is asked for at every step."""
    return Protocol.from_dict(ProtocolVersion.objects.values_list("definition", flat=True).get(pk=pk))


def validate_time_zone(name: str) -> None:
    """Refuse a name that the IANA time zone database doesn't know."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        raise ValidationError(f"{name!r} is not an IANA time zone. Use a name such as Asia/Taipei.") from None


def validate_calendar(code: str) -> None:
    """Refuse a code under which nobody publishes holidays."""
    try:
        public_holidays(code)
    except ValueError as fault:
        raise ValidationError(str(fault)) from None


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
    calendar = models.CharField(
        max_length=12,
        default="TW",
        validators=[validate_calendar],
        help_text="Whose public holidays count: a country such as TW, or a part of one such as DE-BY.",
    )
    enrolled = models.PositiveIntegerField(default=0, editable=False)  # counts study numbers given out
    active = models.BooleanField(
        "randomizes", default=True, editable=False, help_text="Whether people of this site are randomized."
    )

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


@tracked()
class SiteDay(Clinical):
    """A day on which one site is closed, or open, whatever its calendar says."""

    SEE = Permission.SEE_TRIAL
    TRIAL_PATH = "site__trial"
    SITE_PATH = "site"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="days")
    day = models.DateField()
    opening = models.CharField(max_length=6, choices=choices(Opening))
    reason = models.CharField(max_length=120)

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(fields=["site", "day"], name="a_day_once_a_site"),
            one_of("opening", Opening, "opening_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="a_day_out_of_turn_has_a_reason"),
        ]


def not_ended() -> Q:
    """Return the condition on an entry of the delegation log that it has not ended."""
    return Q(until__isnull=True, ended_at__isnull=True) | Q(until__gt=timezone.now(), ended_at__isnull=True)


def signed() -> Q:
    """Return the condition that an entry needs no signature any more, or never needed one, as in a test trial."""
    delegated = Q(signature__isnull=False) | Q(carried_over=True) | Q(trial__kind=TrialKind.TEST)
    return delegated | Q(role__in=sorted(map(str, UNDELEGATED)))


class MembershipQuerySet(ScopedQuerySet):
    """Entries of the delegation log; those in force grant, the others grant nothing."""

    def current(self) -> Self:
        """Keep the entries that have not ended, signed or not, begun or not."""
        return self.filter(not_ended())

    def waiting(self) -> Self:
        """Keep the entries that an investigator has yet to sign."""
        return self.current().exclude(signed())

    def in_force(self) -> Self:
        """Keep the entries that are signed, have begun and have not ended."""
        return self.current().filter(signed(), since__lte=timezone.now())

    def active(self, user: User) -> Self:
        """Keep the user's entries that are in force."""
        return self.in_force().filter(user_id=user.pk)

    def granting(self, user: User, permission: Permission) -> Self:
        """Keep the active entries whose role carries `permission`."""
        if not user.is_active:
            return self.none()
        return self.active(user).filter(role__in=[str(r) for r, held in MATRIX.items() if permission in held])


@tracked()
class Membership(models.Model):
    """An entry of the delegation log: a role that a user holds in a trial, at one site or at all, for a time."""

    SEE = Permission.SEE_DELEGATION
    TRIAL_PATH = "trial"
    SITE_PATH = "site"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    trial = models.ForeignKey(
        Trial, on_delete=models.PROTECT, related_name="memberships", null=True, blank=True
    )
    site = models.ForeignKey(
        Site, on_delete=models.PROTECT, related_name="memberships", null=True, blank=True
    )
    role = models.CharField(max_length=32, choices=choices(Role))
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True, help_text="As planned; part of what is signed.")
    given_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    signature = models.OneToOneField(
        "trial.Signature",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="The investigator's; without it the entry grants nothing.",
    )
    carried_over = models.BooleanField(
        default=False,
        editable=False,
        help_text="Entered before entries were signed; in force without a signature.",
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was ended before its time.")
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    end_reason = models.CharField(max_length=400, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = "entry of the delegation log"
        verbose_name_plural = "delegation log"
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
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True, end_reason="")
                | Q(ended_at__isnull=False, ended_by__isnull=False) & ~Q(end_reason=""),
                name="membership_is_ended_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {Role(self.role).words}"

    @property
    def tasks(self) -> str:
        """Return what is delegated, in words."""
        role = Role(self.role)
        return f"{role.words[0].upper()}{role.words[1:]}: {DESCRIPTIONS[role]}"

    @property
    def subject_id(self) -> uuid.UUID:
        """Return the entry's number as signatures name it."""
        return uuid.UUID(int=self.pk)

    @property
    def sha256(self) -> str:
        """Return the hash of what is signed: person, role, place and time; `entry_sha256` of the guards is the same."""
        moments = (
            "" if m is None else f"{m.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
            for m in (self.since, self.until)
        )
        said = [self.pk, self.user_id, self.role, self.trial_id or "", self.site_id or "", *moments]
        return sha256("\n".join(map(str, said)).encode()).hexdigest()
