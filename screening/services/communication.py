"""After the trial's scan: that its result was told to the participant, and that they were referred for treatment."""

from datetime import datetime

from screening.models import Communication, DxaExam, Referral
from screening.referrals import CommunicationKind, IdentityCheck, Means
from screening.services.referral import locked, stamp_of
from trial import audit
from trial.models import User
from trial.services.trials import Refused
from trial.states import State


def tell_result(
    referral: Referral,
    *,
    means: Means,
    by: User,
    identity: IdentityCheck | None = None,
    occurred_at: datetime | None = None,
) -> Communication:
    """Record that the result of the trial's scan was told to the participant: when, how and by whom."""
    with audit.context(by=by, why="The result of the scan was told"):
        referral = locked(referral)
        stamp = stamp_of(referral, occurred_at)
        _require_result(referral, stamp["occurred_at"])
        if means is Means.TELEPHONE and referral.participant.do_not_call:
            raise Refused("This participant is not to be called. Tell the result by letter or in person.")
        if (means is Means.TELEPHONE) != bool(identity):
            raise Refused(
                "Say by what the participant was identified, if it was on the telephone; else leave it."
            )
        said = {"kind": CommunicationKind.RESULT, "means": means, "identity": identity or ""}
        return _create(referral, by, **said, **stamp)


def refer_for_treatment(
    referral: Referral, *, referred_to: str, by: User, occurred_at: datetime | None = None
) -> Communication:
    """Record that the participant was referred for treatment: when, and to what."""
    if not referred_to.strip():
        raise Refused("Write where the participant was referred to.")
    with audit.context(by=by, why="The participant was referred for treatment"):
        referral = locked(referral)
        stamp = stamp_of(referral, occurred_at)
        told = referral.communications.filter(kind=CommunicationKind.RESULT)
        if not told.filter(occurred_at__lte=stamp["occurred_at"]).exists():
            raise Refused("The result was not told by then. Record first when and how it was told.")
        said = {"kind": CommunicationKind.TREATMENT, "referred_to": referred_to.strip()}
        return _create(referral, by, **said, **stamp)


def _require_result(referral: Referral, at: datetime) -> None:
    if referral.participant.state == State.DIED:
        raise Refused("This participant has died: there is nobody to be told.")
    day = referral.participant.site.local(at).date()
    exams = DxaExam.objects.filter(appointment__referral=referral, exam_date__lte=str(day))
    if not exams.exists():
        raise Refused(f"There was no result of the trial's scan on {day}. It has to be recorded first.")


def _create(referral: Referral, by: User, **said: object) -> Communication:
    return Communication.objects.create(
        referral=referral, allocation_id=referral.allocation_id, told_by=by, **said
    )
