"""One way in for every film, whoever sends it: read, identify, de-identify, store, then answer."""

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from screening import sandbox
from screening.deidentification import keyed_uid
from screening.dicom import Film, file_sha256
from screening.models import Device, Radiograph, Receipt, RiskAssessment, film_path
from screening.reasons import Reason, Rejected, SetAside
from screening.services.identification import Claim, contradicts, learn
from screening.services.site_intake import accepts_secondary_captures
from screening.vocabulary import COUNTING, INTAKE_SENTENCES, FilmState, IntakeReason, ReceiptOutcome
from trial import audit
from trial.crypto import derived_key, encrypt
from trial.models import Allocation, Participant, Person, PersonKey, Severity, Site, Trial, TrialKind, User
from trial.protocol_parts import UnknownPerson
from trial.services import conduct, people
from trial.services.trials import Refused, require_open
from trial.states import State

LONGEST_SHIFT = 365  # days; dates in stored files move back by one number a person, so that intervals survive
LARGEST_SIDE = 65535  # Rows and Columns are 16 bit numbers; anything else in a header is nonsense
TRIES = 3
DAY = timedelta(days=1)  # a film may come from a place where it is tomorrow already
# No header's text holds this character, and it is no blank, so that nobody's number is taken for the want of one.
NO_NUMBER = "\x02"
# Both films, or all of a study, are out of the count until a person has looked.
DISPUTED = {
    IntakeReason.PIXELS_OF_TWO_PEOPLE: "the picture of {} came for another person too",
    IntakeReason.STUDY_OF_TWO_PEOPLE: "a film of another person came in the study of {}",
}


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


@dataclass(frozen=True)
class _Delivery:
    """One file on its way in: where to, from where, by whom."""

    site: Site
    source: str
    by: User | None
    sha256: str
    device: Device | None = None
    study: str = ""  # the Study Instance UID that the sender says all its films have

    @property
    def trial(self) -> Trial:
        return self.site.trial

    def answer(
        self, outcome: ReceiptOutcome, reason: str, row: Radiograph | None, message: str = ""
    ) -> Answer:
        """Write the receipt and return what it says."""
        Receipt.objects.create(
            trial=self.trial,
            radiograph=row,
            outcome=outcome,
            reason=str(reason),
            file_sha256=self.sha256,
            source=self.source,
            received_from=self.by,
            device=self.device,
        )
        said = message or INTAKE_SENTENCES[IntakeReason(reason)]
        return Answer(outcome, str(reason), said, row.pk if row else None)


class _Held(Exception):
    """The film is kept, but out of the count until a person has looked."""

    def __init__(self, reason: IntakeReason) -> None:
        self.reason = reason


def _refuse_beside_counts(trial: Trial) -> None:
    """Raise Refused where a recorded trial brought its film counts along: a film would count beside them."""
    counts = RiskAssessment.objects.filter(participant__trial=trial, model_version=None, films_counted__gt=0)
    if trial.kind == TrialKind.RECORDED and counts.exists():
        raise Refused(
            f"Trial {trial.code} brought its film counts along and takes no films. Nothing was taken."
        )


def receive(
    data: bytes, *, site: Site, source: str, by: User | None, device: Device | None = None, study: str = ""
) -> Answer:
    """Take one file for the site's trial; the answer is given only when file and row are durable.

    A film of another `study` than the sender named is rejected. Must not run inside another transaction. Raises
    Refused when the trial takes no films or the film can't be stored; then nothing was taken.
    """
    require_open(site.trial)
    _refuse_beside_counts(site.trial)
    delivery = _Delivery(site, source, by, file_sha256(data), device, study)
    for left in reversed(range(TRIES)):
        try:
            return _receive(data, delivery)
        except IntegrityError:
            # The same picture or person came in twice at this moment: now the other one is there to be found.
            if not left:
                raise
        except sandbox.Unavailable as error:
            raise Refused("Films can't be read at this moment. Nothing was taken; send it again.") from error
        except OSError as error:
            raise Refused(
                f"The film can't be stored ({error.strerror or error}). Nothing was taken; "
                "see to the disk, then send it again."
            ) from error
    raise AssertionError("unreachable")


def reject(reason: Reason, *, site: Site, source: str, by: User | None) -> Answer:
    """Record that a file was refused before it was read; raises Refused when the trial takes no films."""
    require_open(site.trial)
    delivery = _Delivery(site, source, by, file_sha256(b""))
    return delivery.answer(ReceiptOutcome.REJECTED, reason, None, reason.sentence)


def _receive(data: bytes, delivery: _Delivery) -> Answer:
    # durable: the answer must not leave while an outer transaction can still take the row back
    with transaction.atomic(durable=True):
        _queue_up(delivery.trial, delivery.sha256)
        if known := Radiograph.objects.filter(trial=delivery.trial, file_sha256=delivery.sha256).first():
            return _again(known, delivery)
        with sandbox.reading() as reading:
            return _read(data, reading, delivery)


def _read(data: bytes, reading: sandbox.Reading, delivery: _Delivery) -> Answer:
    try:
        film = _checked(data, reading, delivery)
        with audit.context(by=delivery.by, why="A film is received"):
            return _take(film, reading, delivery)
    except Rejected as problem:
        return delivery.answer(ReceiptOutcome.REJECTED, problem.code, None, problem.message)
    except SetAside as problem:
        return _set_aside(problem, reading, delivery)


def _checked(data: bytes, reading: sandbox.Reading, delivery: _Delivery) -> Film:
    views = frozenset(str(view) for view in delivery.trial.protocol.views)
    captures = accepts_secondary_captures(delivery.site)
    try:
        film = reading.check(data, views=views, secondary_capture=captures)
    except SetAside as problem:
        _check_address(problem.film, delivery)
        raise
    _check_address(film, delivery)
    return film


def _check_address(film: Film, delivery: _Delivery) -> None:
    if delivery.study and film.study_instance_uid != delivery.study:
        raise Rejected(Reason.OTHER_STUDY)


def _queue_up(trial: Trial, *things: str) -> None:
    """Wait while another film with the same file, picture or UID is on its way in, then hold the others up.

    In one order for everybody, or two films could wait for each other for ever.
    """
    with connection.cursor() as cursor:
        for thing in sorted(things):
            name = f"{trial.pk}:{thing}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _again(known: Radiograph, delivery: _Delivery) -> Answer:
    """Answer a file that came before; one held for lack of a registration may be taken in now."""
    if reconsider(known, by=delivery.by):
        return delivery.answer(ReceiptOutcome.ACCEPTED, IntakeReason.TO_BE_SCORED, known)
    return delivery.answer(ReceiptOutcome.ALREADY_RECEIVED, IntakeReason.SAME_FILE, known)


def _set_aside(problem: SetAside, reading: sandbox.Reading, delivery: _Delivery) -> Answer:
    film: Film = problem.film
    with audit.context(by=delivery.by, why="A film is received and set aside"):
        person = people.ensure_person(delivery.trial, new=_new_person(film), by=delivery.by)
        row = _row(film, delivery, person)
        before = Radiograph.objects.filter(
            trial=row.trial, person=person, sop_instance_hash=row.sop_instance_hash, reason=problem.code
        )
        if known := before.filter(pixel_sha256=row.pixel_sha256).first():
            return delivery.answer(ReceiptOutcome.ALREADY_RECEIVED, IntakeReason.SAME_IMAGE, known)
        row.participant = Participant.objects.filter(trial=row.trial, person=person).first()
        if film.pixel_sha256:  # for a person to look at
            return _keep(row, film, reading, delivery, problem.code, problem.message)
        row.save()
        _move(row, FilmState.SET_ASIDE, problem.code)
        return delivery.answer(ReceiptOutcome.SET_ASIDE, problem.code, row, problem.message)


def _take(film: Film, reading: sandbox.Reading, delivery: _Delivery) -> Answer:
    _queue_up(delivery.trial, film.pixel_sha256, film.sop_instance_uid, film.study_instance_uid)
    person = people.ensure_person(delivery.trial, new=_new_person(film), by=delivery.by)
    row = _row(film, delivery, person)
    held = None
    try:
        if twin := _twin(row, delivery.by):
            reason, known = twin
            return delivery.answer(ReceiptOutcome.ALREADY_RECEIVED, reason, known)
        _check_study(row, delivery.by)
        row.participant = _owner(film, delivery, person)
    except _Held as doubt:
        held = doubt.reason
    return _keep(row, film, reading, delivery, held)


def _others(row: Radiograph, **alike: Any) -> list[Radiograph]:
    """Return the films that share something with this one, those of nobody's left out; they wait until it is done."""
    films = Radiograph.objects.filter(trial=row.trial, **alike).exclude(pk=row.pk)
    return list(films.exclude(reason=Reason.PATIENT_NOT_NAMED).select_for_update())


def _twin(row: Radiograph, by: User | None) -> tuple[IntakeReason, Radiograph] | None:
    """Find the film that this one repeats; raise _Held where the two contradict each other."""
    alike = _others(row, pixel_sha256=row.pixel_sha256)
    disputed = [film for film in alike if film.person_id != row.person_id]
    for film in alike if disputed else []:
        _dispute(film, IntakeReason.PIXELS_OF_TWO_PEOPLE, by)
    for film in alike:
        if film.person_id == row.person_id and _repeats(film, row):
            same = film.sop_instance_hash == row.sop_instance_hash
            return (IntakeReason.SAME_IMAGE if same else IntakeReason.SAME_PIXELS), film
    if disputed:
        raise _Held(IntakeReason.PIXELS_OF_TWO_PEOPLE)
    # Films set aside by their header have no pixel hash: a corrected resend of theirs is no contradiction.
    named_alike = _others(row, sop_instance_hash=row.sop_instance_hash)
    if any(film.pixel_sha256 not in ("", row.pixel_sha256) for film in named_alike):
        raise _Held(IntakeReason.UID_REUSED)
    return None


def _check_study(row: Radiograph, by: User | None) -> None:
    """Raise _Held where a study holds films of two people, and take all of them out of the count."""
    of_study = _others(row, study_hash=row.study_hash)
    if all(film.person_id == row.person_id for film in of_study):
        return
    for film in of_study:
        _dispute(film, IntakeReason.STUDY_OF_TWO_PEOPLE, by)
    raise _Held(IntakeReason.STUDY_OF_TWO_PEOPLE)


def _repeats(film: Radiograph, row: Radiograph) -> bool:
    """Say whether an earlier film of the same picture and person stands in for this one."""
    if film.reason == IntakeReason.UID_REUSED:
        return film.sop_instance_hash == row.sop_instance_hash
    return film.state in COUNTING or film.reason in DISPUTED


def _dispute(film: Radiograph, reason: IntakeReason, by: User | None) -> None:
    """Take a film out of the count because it may be somebody else's."""
    if film.state not in COUNTING:
        return
    _move(film, FilmState.SET_ASIDE, reason)
    if Allocation.objects.filter(participant=film.participant_id).exists():
        # The allocation stands, with the films it was made from; what went wrong is documented.
        conduct.record_deviation(
            film.trial,
            participant=film.participant,
            category="film in doubt",
            severity=Severity.MAJOR,
            description=f"After randomization {DISPUTED[reason].format(film)}.",
            by=by,
        )


def _owner(film: Film, delivery: _Delivery, person: Person) -> Participant:
    """Return whose film this is, registered now if the protocol lets a film do that."""
    claim = Claim.of(film)
    if film.study_date > timezone.now().date() + DAY:
        raise _Held(IntakeReason.FUTURE_STUDY)
    known = Participant.objects.filter(trial=delivery.trial, person=person).first()
    if contradicts(claim, known):
        raise _Held(IntakeReason.IDENTITY_MISMATCH)
    if known is None:
        if delivery.trial.protocol.unknown_person == UnknownPerson.HOLD:
            raise _Held(IntakeReason.UNKNOWN_PERSON)
        # Another film of theirs may register them at this moment, so what is registered is judged again.
        known = people.register(delivery.site, new=_new_person(film), by=delivery.by)
    elif not film.issuer and known.site_id != delivery.site.pk:
        raise _Held(IntakeReason.ISSUER_NOT_STATED)
    return _settled(claim, known, delivery.by)


def _settled(claim: Claim, known: Participant, by: User | None) -> Participant:
    """Return the participant if the film may count for them; raise _Held if not."""
    if contradicts(claim, known):
        raise _Held(IntakeReason.IDENTITY_MISMATCH)
    if known.state == State.WITHDRAWN:
        raise _Held(IntakeReason.WITHDRAWN)
    if not PersonKey.objects.filter(person=known.person_id).exists():
        raise _Held(IntakeReason.IDENTITY_ERASED)
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
            if _twin(row, by):
                return False
            _check_study(row, by)
            row.participant = _settled(Claim.stored(row), owner, by)
        except _Held as doubt:
            _move(row, FilmState.SET_ASIDE, doubt.reason)
            return False
        row.save(update_fields=["participant"])
        _move(row, FilmState.ELIGIBLE, "")
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


def _new_person(film: Film) -> people.NewPerson:
    claim = Claim.of(film)
    return people.NewPerson(
        issuer=film.issuer,
        number=film.patient_id or NO_NUMBER + film.sop_instance_uid,  # somebody whom this film alone knows
        sex=claim.sex,
        birth_date=claim.partial_birth_date,
        birth_bounds=claim.age_bounds,
        name=film.patient_name,
    )


def _row(film: Film, delivery: _Delivery, person: Person) -> Radiograph:
    key = derived_key(f"uids:{delivery.trial.pk}")
    return Radiograph(
        trial=delivery.trial,
        person=person,
        sop_instance_hash=hmac.digest(key, film.sop_instance_uid.encode(), "sha256"),
        study_hash=hmac.digest(key, film.study_instance_uid.encode(), "sha256"),
        file_sha256=film.file_sha256,
        pixel_sha256=film.pixel_sha256,
        flags=list(film.flags),
        study_date=film.study_date,
        patient_age=film.patient_age,
        modality=film.modality[:16],
        view=film.view[:16],
        manufacturer=film.manufacturer[:64],
        rows=_side(film.rows),
        columns=_side(film.columns),
        source=delivery.source,
    )


def _side(pixels: int | None) -> int | None:
    return pixels if pixels is not None and 0 <= pixels <= LARGEST_SIDE else None


def _keep(
    row: Radiograph,
    film: Film,
    reading: sandbox.Reading,
    delivery: _Delivery,
    held: IntakeReason | Reason | None,
    message: str = "",
) -> Answer:
    """Write the de-identified file, synced, then the row and the receipt; without the row, no file."""
    clean = _clean(row, film, reading)
    try:
        row.file.save("", ContentFile(clean), save=False)
        row.save()
        _move(row, FilmState.SET_ASIDE if held else FilmState.ELIGIBLE, held or "")
        outcome = ReceiptOutcome.SET_ASIDE if held else ReceiptOutcome.ACCEPTED
        return delivery.answer(outcome, held or IntakeReason.TO_BE_SCORED, row, message)
    except BaseException:
        row.file.storage.delete(film_path(row, ""))
        raise


def _clean(row: Radiograph, film: Film, reading: sandbox.Reading) -> bytes:
    """Return the de-identified file; put what it leaves out, encrypted, on the row."""
    key = derived_key(f"uids:{row.trial_id}")
    uids = (film.sop_instance_uid, film.study_instance_uid, film.series_instance_uid)
    clean = reading.clean(
        uids={uid: keyed_uid(key, uid) for uid in uids},  # the key itself stays here
        shift_days=-shift_days(row.person),
        subject=row.participant.study_number if row.participant else "HELD",
    )
    if held_key := PersonKey.objects.filter(person=row.person_id).first():
        removed = json.dumps(clean.removed)
        row.crosswalk_sealed = encrypt(bytes(held_key.wrapped), removed, "crosswalk")
    return clean.file


def shift_days(person: Person) -> int:
    """Return by how many days the dates in this person's stored files lie back: 1 to 365, by keyed hash."""
    digest = hmac.digest(derived_key("date-shift"), bytes(person.identity_hash), "sha256")
    return 1 + int.from_bytes(digest[:8], "big") % LONGEST_SHIFT


def _move(row: Radiograph, state: FilmState, reason: Any) -> None:
    if (row.state, row.reason) != (state, str(reason)):
        row.state, row.reason = state, str(reason)
        row.save(update_fields=["state", "reason"])
