"""One way in for every film, whoever sends it: read, identify, de-identify, store, then answer."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import IntegrityError

from screening.dicom import Film, Rejected, SetAside, crosswalk, deidentify, file_sha256, keyed_uid, pixel_sha256, read_film
from screening.models import Radiograph, Receipt
from screening.vocabulary import COUNTING, INTAKE_SENTENCES, FilmState, IntakeReason, ReceiptOutcome
from trial import audit
from trial.ages import birth_bounds, narrowed
from trial.crypto import derived_key, encrypt
from trial.models import Participant, Person, PersonKey, Site, Trial, User
from trial.partial_dates import PartialDate
from trial.protocol_parts import UnknownPerson
from trial.services import people
from trial.states import State

SEXES: Mapping[str, str] = {"F": "female", "M": "male"}
LONGEST_SHIFT = 365  # days; dates in stored files move back by one number a person, so that intervals survive


@dataclass(frozen=True)
class Answer:
    """What the sender of one file is told."""

    outcome: ReceiptOutcome
    reason: str
    message: str
    film: UUID | None = None

    @property
    def to_score(self) -> bool:
        """Tell whether the film now waits for a score."""
        return self.outcome == ReceiptOutcome.ACCEPTED


class _Held(Exception):
    """The film is kept, but out of the count until a person has looked."""

    def __init__(self, reason: IntakeReason) -> None:
        self.reason = reason


def receive(data: bytes, *, site: Site, source: str, by: User | None) -> Answer:
    """Take one file for the site's trial; the answer is given only when file and row are durable."""
    try:
        return _receive(data, site, source, by)
    except IntegrityError:
        # The same film came in twice at this moment: now the other one is there to be found.
        return _receive(data, site, source, by)


def _receive(data: bytes, site: Site, source: str, by: User | None) -> Answer:
    trial, sha256 = site.trial, file_sha256(data)
    if known := Radiograph.objects.filter(trial=trial, file_sha256=sha256).first():
        return _answer(trial, sha256, source, by, ReceiptOutcome.ALREADY_RECEIVED, IntakeReason.SAME_FILE, known)
    try:
        film = read_film(data, views=frozenset(str(v) for v in trial.protocol.views))
    except Rejected as problem:
        return _answer(trial, sha256, source, by, ReceiptOutcome.REJECTED, problem.code, None, problem.message)
    except SetAside as problem:
        return _set_aside(problem, site, source, by)
    with audit.context(by=by, why="A film is received"):
        return _take(film, site, source, by)


def _set_aside(problem: SetAside, site: Site, source: str, by: User | None) -> Answer:
    film: Film = problem.film
    with audit.context(by=by, why="A film is received and set aside"):
        person = people.ensure_person(_new_person(film), by=by)
        row = _row(film, site.trial, person, source)
        row.participant = Participant.objects.filter(trial=site.trial, person=person).first()
        row.save()
        _move(row, FilmState.SET_ASIDE, problem.code)
        return _answer(
            site.trial, film.file_sha256, source, by, ReceiptOutcome.SET_ASIDE, problem.code, row, problem.message
        )


def _take(film: Film, site: Site, source: str, by: User | None) -> Answer:
    trial = site.trial
    person = people.ensure_person(_new_person(film), by=by)
    row = _row(film, trial, person, source)
    row.pixel_sha256 = pixel_sha256(film.dataset)
    try:
        if twin := _twin(row):
            reason, known = twin
            return _answer(trial, film.file_sha256, source, by, ReceiptOutcome.ALREADY_RECEIVED, reason, known)
        row.participant = _owner(film, site, person, by)
        held = None
    except _Held as doubt:
        held = doubt.reason
    _store(row, film, person)
    _move(row, FilmState.SET_ASIDE if held else FilmState.ELIGIBLE, held or "")
    outcome = ReceiptOutcome.SET_ASIDE if held else ReceiptOutcome.ACCEPTED
    return _answer(trial, film.file_sha256, source, by, outcome, held or IntakeReason.TO_BE_SCORED, row)


def _twin(row: Radiograph) -> tuple[IntakeReason, Radiograph] | None:
    """Find the film that this one repeats; raise _Held where the two contradict each other."""
    counting = Radiograph.objects.filter(trial=row.trial, state__in=COUNTING).select_for_update()
    if same := counting.filter(sop_instance_hash=row.sop_instance_hash).first():
        if same.pixel_sha256 == row.pixel_sha256 and same.person_id == row.person_id:
            return IntakeReason.SAME_IMAGE, same
        raise _Held(IntakeReason.UID_REUSED)
    if same := counting.filter(pixel_sha256=row.pixel_sha256).first():
        if same.person_id == row.person_id:
            return IntakeReason.SAME_PIXELS, same
        _move(same, FilmState.SET_ASIDE, IntakeReason.PIXELS_OF_TWO_PEOPLE)
        raise _Held(IntakeReason.PIXELS_OF_TWO_PEOPLE)
    return None


def _owner(film: Film, site: Site, person: Person, by: User | None) -> Participant:
    """Return whose film this is, registered now if the protocol lets a film do that."""
    known = Participant.objects.filter(trial=site.trial, person=person).first()
    if known is None:
        if site.trial.protocol.unknown_person == UnknownPerson.HOLD:
            raise _Held(IntakeReason.UNKNOWN_PERSON)
        return people.register(site, new=_new_person(film), by=by)
    if _contradicts(known, film):
        raise _Held(IntakeReason.IDENTITY_MISMATCH)
    if known.state == State.WITHDRAWN:
        raise _Held(IntakeReason.WITHDRAWN)
    return known


def _contradicts(known: Participant, film: Film) -> bool:
    sex, (earliest, latest) = SEXES.get(film.sex), _new_person(film).bounds
    if sex and known.sex and sex != known.sex:
        return True
    if earliest and latest and known.birth_earliest and known.birth_latest:
        return narrowed((earliest, latest), (known.birth_earliest, known.birth_latest)) is None
    return False


def _new_person(film: Film) -> people.NewPerson:
    return people.NewPerson(
        issuer=film.issuer,
        number=film.patient_id,
        sex=SEXES.get(film.sex),
        birth_date=PartialDate.of(film.birth_date) if film.birth_date else None,
        birth_bounds=birth_bounds(film.patient_age, film.study_date) if film.patient_age is not None else None,
        name=film.patient_name,
    )


def _row(film: Film, trial: Trial, person: Person, source: str) -> Radiograph:
    key = derived_key(f"uids:{trial.pk}")
    return Radiograph(
        trial=trial,
        person=person,
        sop_instance_hash=hmac.digest(key, film.sop_instance_uid.encode(), "sha256"),
        study_hash=hmac.digest(key, film.study_instance_uid.encode(), "sha256"),
        file_sha256=film.file_sha256,
        study_date=film.study_date,
        patient_age=film.patient_age,
        modality=film.modality[:16],
        view=film.view[:16],
        manufacturer=film.manufacturer[:64],
        rows=film.rows,
        columns=film.columns,
        source=source,
    )


def _store(row: Radiograph, film: Film, person: Person) -> None:
    """Write the de-identified file, synced, and what was taken out of it, encrypted; then the row."""
    key = derived_key(f"uids:{row.trial_id}")
    clean = deidentify(
        film.dataset,
        uid_of=lambda uid: keyed_uid(key, uid),
        shift_days=-shift_days(person),
        subject=row.participant.study_number if row.participant else "HELD",
    )
    wrapped = PersonKey.objects.get(person=person).wrapped
    row.crosswalk_sealed = encrypt(wrapped, json.dumps(crosswalk(film.dataset)), "crosswalk")
    row.file.save("", ContentFile(clean), save=False)
    try:
        row.save()
    except BaseException:
        row.file.storage.delete(row.file.name)
        raise


def shift_days(person: Person) -> int:
    """Return by how many days the dates in this person's stored files lie back: 1 to 365, by keyed hash."""
    digest = hmac.digest(derived_key("date-shift"), bytes(person.identity_hash), "sha256")
    return 1 + int.from_bytes(digest[:8], "big") % LONGEST_SHIFT


def _move(row: Radiograph, state: FilmState, reason: str) -> None:
    row.state, row.reason = state, str(reason)
    row.save(update_fields=["state", "reason"])


def _answer(
    trial: Trial,
    sha256: str,
    source: str,
    by: User | None,
    outcome: ReceiptOutcome,
    reason: str,
    row: Radiograph | None,
    message: str = "",
) -> Answer:
    Receipt.objects.create(
        trial=trial,
        radiograph=row,
        outcome=outcome,
        reason=str(reason),
        file_sha256=sha256,
        source=source,
        received_from=by,
    )
    return Answer(outcome, str(reason), message or INTAKE_SENTENCES[IntakeReason(reason)], row.pk if row else None)
