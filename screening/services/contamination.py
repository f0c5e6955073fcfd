"""That a participant was told a score: recorded of anybody alike; whether it contaminates, the arm alone says."""

from datetime import datetime

from screening.models import Disclosure
from screening.vocabulary import Told
from trial import audit
from trial.blinding import SCORE
from trial.models import Participant, Severity, User
from trial.roles import Permission
from trial.services import conduct
from trial.services.trials import Refused, require


def record_disclosure(
    participant: Participant,
    *,
    told: Told,
    told_by: str,
    how: str,
    by: User,
    occurred_at: datetime | None = None,
) -> Disclosure:
    """Record that a participant learned of a score, and open a major deviation; the arm isn't asked."""
    require(by, Permission.RECORD_DEVIATION, participant.trial, participant.site)
    if not (told_by.strip() and how.strip()):
        raise Refused("Write who told the participant and how it came out.")
    with audit.context(by=by, why=f"The participant was told: {told.words}"):
        made = Disclosure.objects.create(
            participant=participant,
            told=told,
            told_by=told_by.strip(),
            how=how.strip(),
            **conduct.stamp(participant.trial, occurred_at),
        )
        conduct.record_deviation(
            participant.trial,
            participant=participant,
            category=SCORE,
            severity=Severity.MAJOR,
            description=f"The participant was told {told.words}, by {made.told_by}: {made.how}",
            by=by,
            occurred_at=occurred_at,
        )
    return made
