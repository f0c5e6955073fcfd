"""The offer of a scan: calls, appointments, and what was told to whom."""

from django.db import models
from django.db.models import Q

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
from screening.vocabulary import (
    Told,
)
from trial.models import (
    Allocation,
    Happening,
    Participant,
    User,
    choices,
    one_of,
    tracked,
)
from trial.roles import Permission


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
