"""What follows a merge of two registrations, or its end, for allocations, offers and eligibility."""

from screening.services import cohort, referral
from trial import audit
from trial.models import Allocation, AllocationError, Participant, User
from trial.services import merges
from trial.states import AllocationFault, State

JUDGED = (State.ELIGIBLE, State.NOT_ELIGIBLE)


def merge(participant: Participant, *, into: Participant, reason: str, by: User) -> None:
    """Merge a participant into another; of a person randomized twice the later allocation is the duplicate."""
    with audit.context(by=by, why=f"{participant} is merged into {into}: {reason}"):
        merges.merge(participant, into=into, reason=reason, by=by)
        if _drawn_twice(participant):
            fault = AllocationFault.DUPLICATE
            referral.record_allocation_error(participant, fault=fault, reason=reason, by=by, first=into)
        _judge_again(participant, into, by=by)


def take_back(participant: Participant, *, reason: str, by: User) -> None:
    """Take a merge back; what is on record of a duplicate stays on record."""
    with audit.context(by=by, why=f"A merge is taken back: {reason}"):
        into = merges.take_back(participant, reason=reason, by=by).into
        _judge_again(participant, into, by=by)


def _drawn_twice(participant: Participant) -> bool:
    """Tell whether a merged participant is randomized, as the other is then, and that is not on record yet."""
    known = AllocationError.objects.filter(participant=participant, fault=AllocationFault.DUPLICATE)
    return Allocation.objects.filter(participant=participant).exists() and not known.exists()


def _judge_again(*people: Participant, by: User) -> None:
    for one in Participant.objects.filter(pk__in=[p.pk for p in people], state__in=JUDGED):
        cohort.assess(one, by=by)
