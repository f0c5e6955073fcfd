"""What else came of a film: the same picture, UID or study before, and whether they contradict each other."""

from typing import Any

from screening.models import Radiograph
from screening.quality import HOLDING, Code
from screening.reasons import Reason
from screening.vocabulary import COUNTING, FilmState, IntakeReason
from trial.models import Allocation, Severity, Trial, User
from trial.services import conduct, people
from trial.services.registrations import of_one_person
from trial.statements import Read, run, together

# Both films, or all of a study, are out of the count until a person has looked.
DISPUTED = {
    IntakeReason.PIXELS_OF_TWO_PEOPLE: "the picture of {} came for another person too",
    IntakeReason.STUDY_OF_TWO_PEOPLE: "a film of another person came in the study of {}",
}

ALIKE = {
    name: Read(
        Radiograph,
        rest=f"WHERE it.trial_id = %s AND it.{name} = %s AND it.id <> %s AND it.reason <> %s "
        "ORDER BY it.received_at DESC FOR UPDATE OF it",
    )
    for name in ("pixel_sha256", "sop_instance_hash", "study_hash")
}


class Held(Exception):
    """The film is kept, but out of the count until a person has looked."""

    def __init__(self, reason: IntakeReason | Code) -> None:
        self.reason = reason


def queue_up(trial: Trial, *things: str) -> None:
    """Wait while another film with the same file, picture or UID is on its way in, then hold the others up.

    In one order for everybody, or two films could wait for each other for ever.
    """
    with together():
        for thing in sorted(things):
            run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", f"{trial.pk}:{thing}")


def _others(row: Radiograph, alike: str) -> list[Radiograph]:
    """Return the films that share something with this one, those of nobody's left out; they wait until it is done."""
    return ALIKE[alike](row.trial_id, getattr(row, alike), row.pk, Reason.PATIENT_NOT_NAMED)


def _of_others(row: Radiograph, films: list[Radiograph]) -> list[Radiograph]:
    """Return those of these films that came for somebody else; two numbers that were merged are one person."""
    others = [film for film in films if film.person_id != row.person_id]
    known = people.registered(row.trial, row.person_id) if others else None
    same = {one.person_id for one in of_one_person(known)} if known else set()
    return [film for film in others if film.person_id not in same]


def twin_of(row: Radiograph, by: User | None) -> tuple[IntakeReason, Radiograph] | None:
    """Find the film that this one repeats; raise Held where the two contradict each other."""
    alike = _others(row, "pixel_sha256")
    disputed = _of_others(row, alike)
    for film in alike if disputed else []:
        _dispute(film, IntakeReason.PIXELS_OF_TWO_PEOPLE, by)
    for film in alike:
        if film not in disputed and _repeats(film, row):
            same = film.sop_instance_hash == row.sop_instance_hash
            return (IntakeReason.SAME_IMAGE if same else IntakeReason.SAME_PIXELS), film
    if disputed:
        raise Held(IntakeReason.PIXELS_OF_TWO_PEOPLE)
    # Films set aside by their header have no pixel hash: a corrected resend of theirs is no contradiction.
    named_alike = _others(row, "sop_instance_hash")
    if any(film.pixel_sha256 not in ("", row.pixel_sha256) for film in named_alike):
        raise Held(IntakeReason.UID_REUSED)
    return None


def check_study(row: Radiograph, by: User | None) -> None:
    """Raise Held where a study holds films of two people, and take all of them out of the count."""
    of_study = _others(row, "study_hash")
    if not _of_others(row, of_study):
        return
    for film in of_study:
        _dispute(film, IntakeReason.STUDY_OF_TWO_PEOPLE, by)
    raise Held(IntakeReason.STUDY_OF_TWO_PEOPLE)


def _repeats(film: Radiograph, row: Radiograph) -> bool:
    """Say whether an earlier film of the same picture and person stands in for this one."""
    if film.reason == IntakeReason.UID_REUSED:
        return film.sop_instance_hash == row.sop_instance_hash
    return film.state in COUNTING or film.reason in DISPUTED or film.reason in HOLDING


def _dispute(film: Radiograph, reason: IntakeReason, by: User | None) -> None:
    """Take a film out of the count because it may be somebody else's."""
    if film.state not in COUNTING:
        return
    move(film, FilmState.SET_ASIDE, reason)
    owners = of_one_person(film.participant) if film.participant else []
    for drawn in Allocation.objects.filter(participant__in=owners):
        # The allocation stands, with the films it was made from; what went wrong is documented.
        conduct.record_deviation(
            film.trial,
            participant=drawn.participant,
            category="film in doubt",
            severity=Severity.MAJOR,
            description=f"After randomization {DISPUTED[reason].format(film)}.",
            by=by,
        )


def move(row: Radiograph, state: FilmState, reason: Any) -> None:
    """Say where a film stands now, and why."""
    if (row.state, row.reason) != (state, str(reason)):
        row.state, row.reason = state, str(reason)
        row.save(update_fields=["state", "reason"])
