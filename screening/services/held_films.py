"""Films that are kept but count for nobody until something is known or somebody has looked."""

from screening.models import Radiograph
from screening.quality import HOLDING, Code
from screening.services.duplicates import Held, check_study, move, twin_of
from screening.services.identification import Claim, contradicts, learn
from screening.vocabulary import FilmState, IntakeReason
from trial import audit
from trial.models import Participant, PersonKey, Trial, User
from trial.states import State


def check_picture(row: Radiograph) -> None:
    """Raise Held where something is wrong with the picture for which a person must look."""
    for code in Code:
        if code in HOLDING and code in row.findings:
            raise Held(code)


def settled(claim: Claim, known: Participant, by: User | None) -> Participant:
    """Return the participant if the film may count for them; raise Held if not."""
    if contradicts(claim, known):
        raise Held(IntakeReason.IDENTITY_MISMATCH)
    if known.state == State.WITHDRAWN:
        raise Held(IntakeReason.WITHDRAWN)
    if not PersonKey.objects.filter(person=known.person_id).exists():
        raise Held(IntakeReason.IDENTITY_ERASED)
    return learn(claim, known, by=by)


def reconsider(row: Radiograph, *, by: User | None) -> bool:
    """Take in a film that was held for lack of a registration, if it can count now; tell whether it does."""
    if row.state != FilmState.SET_ASIDE or row.reason not in (
        IntakeReason.UNKNOWN_PERSON,
        IntakeReason.IDENTITY_MISMATCH,
    ):
        return False
    owner = Participant.objects.filter(trial=row.trial, person=row.person_id).first()
    if owner is None:
        return False
    with audit.context(by=by, why="A held film is looked at again"):
        try:
            if twin_of(row, by):
                return False
            check_study(row, by)
            row.participant = settled(Claim.stored(row), owner, by)
        except Held as doubt:
            move(row, FilmState.SET_ASIDE, doubt.reason)
            return False
        row.save(update_fields=["participant"])
        move(row, FilmState.ELIGIBLE, "")
    return True


def release_held(trial: Trial, *, by: User | None) -> int:
    """Take in the films that were held for people who are registered by now; return how many."""
    held = Radiograph.objects.filter(
        trial=trial,
        state=FilmState.SET_ASIDE,
        reason=IntakeReason.UNKNOWN_PERSON,
        person__participations__trial=trial,
    )
    return sum(reconsider(film, by=by) for film in held.select_related("person"))
