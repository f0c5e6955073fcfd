"""What follows an allocation that went wrong or has to be known: documented, told to one, never undone."""

import logging

from trial import audit
from trial.models import (
    Allocation,
    AllocationError,
    BreakCategory,
    CodeBreak,
    Participant,
    Severity,
    User,
)
from trial.roles import Permission
from trial.services import conduct
from trial.services.signatures import require_password
from trial.services.trials import Refused, require
from trial.states import AllocationFault

ALLOCATION = "allocation"  # the category of a deviation
access_log = logging.getLogger("screentrial.access")


def record_allocation_error(
    participant: Participant,
    *,
    fault: AllocationFault,
    reason: str,
    by: User,
    first: Participant | None = None,
) -> AllocationError:
    """Record that an allocation should have been otherwise, and open a deviation; the allocation stands.

    Source: Yelland 2015. Of a person randomized twice the first allocation stands, and the later one names it.
    """
    require(by, Permission.RECORD_DEVIATION, participant.trial, participant.site)
    _require_allocated(participant)
    if not reason.strip():
        raise Refused("Write what happened and how it was found.")
    if (fault is AllocationFault.DUPLICATE) != (first is not None):
        raise Refused("For the same person twice, and for it alone, name the participant randomized first.")
    if first:
        _require_earlier(first, participant)
    with audit.context(by=by, why=f"Allocation: {fault.words}"):
        if AllocationError.objects.filter(participant=participant, fault=fault).exists():
            raise Refused(f"This is on record of {participant} already.")
        made = AllocationError.objects.create(
            participant=participant,
            fault=fault,
            reason=reason,
            first=first,
            **conduct.stamp(participant.trial, None),
        )
        conduct.record_deviation(
            participant.trial,
            participant=participant,
            category=ALLOCATION,
            severity=Severity.MAJOR,
            description=f"{fault.words.capitalize()}: {reason}",
            by=by,
        )
    return made


def break_code(
    participant: Participant, *, category: BreakCategory, reason: str, by: User, password: str
) -> str:
    """Return the arm of one participant to a named role that gives its reason and password; each look is recorded.

    No role of the installation and no flag of an account opens it.
    """
    require(by, Permission.BREAK_CODE, participant.trial, participant.site)
    _require_allocated(participant)
    if not reason.strip():
        raise Refused("Write why the arm has to be known.")
    require_password(by, password, "Nothing was told")
    with audit.context(by=by, why=f"The code is broken: {BreakCategory(category).label}"):
        CodeBreak.objects.create(
            participant=participant,
            category=category,
            reason=reason,
            broken_by=by,
            **conduct.stamp(participant.trial, None),
        )
    access_log.warning("code of %s broken by user %s", participant.pk, by.pk)
    return str(Allocation.objects.get(participant=participant).get_arm_display())


def _require_allocated(participant: Participant) -> None:
    if not Allocation.objects.filter(participant=participant).exists():
        raise Refused(f"{participant} is not randomized. Correct the facts instead; nothing was recorded.")


def _require_earlier(first: Participant, later: Participant) -> None:
    order = list(
        Allocation.objects.filter(participant__in=[first, later], participant__trial=later.trial)
        .order_by("recorded_at", "sequence", "id")
        .values_list("participant", flat=True)
    )
    if order != [first.pk, later.pk]:
        raise Refused(
            f"{first} was not randomized before {later} in this trial. Record the error with the later one."
        )
