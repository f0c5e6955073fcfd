"""What happens to a participant: judged, asked, moved on; errors, code breaks, erasures, deviations."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from trial.models.people import Participant
from trial.models.trials import Happening, ScopedQuerySet, Trial, User, choices, one_of, tracked
from trial.roles import Permission
from trial.states import AllocationFault, State


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


class MergeQuerySet(ScopedQuerySet):
    """Merges, by whether they stand."""

    def standing(self) -> Self:
        """Keep the merges that were not taken back."""
        return self.filter(undone_at=None)


@tracked()
class PersonMerge(Happening):
    """That two registrations are one person: the first is merged into the second, until that is taken back."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="merges")
    into = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="merged_in")
    reason = models.CharField(max_length=400)
    merged_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    undone_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    undone_at = models.DateTimeField("taken back at", null=True, blank=True)
    undone_reason = models.CharField("why it was taken back", max_length=400, blank=True)

    objects = MergeQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["occurred_at"]
        verbose_name = "merge of two registrations"
        verbose_name_plural = "merges of registrations"
        constraints = [
            models.UniqueConstraint(
                fields=["participant"], condition=Q(undone_at=None), name="merged_into_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(into=F("participant")), name="nobody_is_merged_into_themself"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="a_merge_has_a_reason"),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undone_by__isnull=True, undone_reason="")
                | Q(undone_at__isnull=False, undone_by__isnull=False) & ~Q(undone_reason=""),
                name="a_merge_is_taken_back_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant} into {self.into}"


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
    impact = models.TextField(blank=True, help_text="On the participant, and on the result of the trial.")
    corrective_action = models.TextField(blank=True)

    class Meta:
        ordering = ["-occurred_at"]


class QueryQuerySet(ScopedQuerySet):
    """Data queries, by whether they are closed."""

    def open(self) -> Self:
        """Keep the queries that nobody has closed."""
        return self.filter(closed_at=None)


@tracked()
class DataQuery(Happening):
    """A question about a participant's record, its answer, and that who asks is satisfied (ICH E6(R3) 4.2.3, 4.2.4)."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="queries")
    question = models.CharField(max_length=400)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=400, blank=True)
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = QueryQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-occurred_at"]
        verbose_name = "data query"
        verbose_name_plural = "data queries"
        constraints = [
            models.CheckConstraint(condition=~Q(question=""), name="a_query_asks_something"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answered_by__isnull=True, answer="")
                | Q(answered_at__isnull=False, answered_by__isnull=False) & ~Q(answer=""),
                name="an_answer_is_somebody_s",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False, answered_at__isnull=False),
                name="a_query_is_closed_by_somebody_when_it_is_answered",
            ),
        ]

    def __str__(self) -> str:
        return f"query about {self.participant}"
