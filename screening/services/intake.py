"""One way in for every film, whoever sends it: read, identify, de-identify, store, then answer."""

import hmac
import json
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from screening import sandbox
from screening.deidentification import keyed_uid
from screening.dicom import Film, file_sha256
from screening.models import Device, Radiograph, Receipt, RiskAssessment, film_path
from screening.quality import HOLDING, QUALITY_VERSION, Code
from screening.reasons import Reason, Rejected, SetAside
from screening.services.duplicates import Held, check_study, queue_up, twin_of
from screening.services.held_films import check_picture, reconsider
from screening.services.identification import Claim, owner
from screening.services.site_intake import accepts_secondary_captures
from screening.steps import intake_sentence
from screening.vocabulary import FilmState, IntakeReason, ReceiptOutcome
from trial import audit, bulk
from trial.crypto import derived_key, encrypt
from trial.models import Person, Site, Trial, TrialKind, User
from trial.protocol import Protocol
from trial.services import people
from trial.services.trials import Refused, require_open
from trial.statements import Read

LONGEST_SHIFT = 365  # days; dates in stored files move back by one number a person, so that intervals survive
LARGEST_SIDE = 65535  # Rows and Columns are 16 bit numbers; anything else in a header is nonsense
TRIES = 3
# No header's text holds this character, and it is no blank, so that nobody's number is taken for the want of one.
NO_NUMBER = "\x02"
SAME_FILE = Read(Radiograph, rest="WHERE it.trial_id = %s AND it.file_sha256 = %s")


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

    @cached_property
    def protocol(self) -> Protocol:
        return self.trial.protocol

    def known(self) -> list[Radiograph]:
        """Return the film that came in this very file before, if one did."""
        return SAME_FILE(self.trial.pk, self.sha256)

    def shared_by(self, film: Film) -> tuple[str, ...]:
        """Return by what other films may be like this one, which then wait for it; none like one that is not taken."""
        return (
            (film.pixel_sha256, film.sop_instance_uid, film.study_instance_uid) if film.pixel_sha256 else ()
        )

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
        return Answer(outcome, str(reason), message or intake_sentence(str(reason)), row.pk if row else None)


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


def reject(reason: Reason, *, mark: str, site: Site, source: str, by: User | None) -> Answer:
    """Record that a file was refused before it was read; raises Refused when the trial takes no films.

    `mark` is a SHA-256 by which the file is known when it comes again.
    """
    require_open(site.trial)
    delivery = _Delivery(site, source, by, mark)
    return delivery.answer(ReceiptOutcome.REJECTED, reason, None, reason.sentence)


def _receive(data: bytes, delivery: _Delivery) -> Answer:
    if not delivery.known():  # read before anybody is made to wait for it
        with sandbox.reading() as reading:
            return _read(data, reading, delivery)
    # durable: the answer must not leave while an outer transaction can still take the row back
    with transaction.atomic(durable=True):
        queue_up(delivery.trial, delivery.sha256)
        return _again(delivery.known()[0], delivery)


def _read(data: bytes, reading: sandbox.Reading, delivery: _Delivery) -> Answer:
    try:
        film, problem = _checked(data, reading, delivery), None
    except SetAside as doubt:
        film, problem = doubt.film, doubt
    except Rejected as refusal:
        return _reject(refusal, delivery)
    try:
        why = "A film is received and set aside" if problem else "A film is received"
        with audit.context(by=delivery.by, why=why, durable=True):
            queue_up(delivery.trial, delivery.sha256, *delivery.shared_by(film))
            if known := delivery.known():
                return _again(known[0], delivery)
            if problem:
                return _set_aside(problem, reading, delivery)
            return _take(film, reading, delivery)
    except Rejected as refusal:
        return _reject(refusal, delivery)


def _reject(refusal: Rejected, delivery: _Delivery) -> Answer:
    with transaction.atomic(durable=True):
        return delivery.answer(ReceiptOutcome.REJECTED, refusal.code, None, refusal.message)


def _checked(data: bytes, reading: sandbox.Reading, delivery: _Delivery) -> Film:
    views = frozenset(str(view) for view in delivery.protocol.views)
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


def _again(known: Radiograph, delivery: _Delivery) -> Answer:
    """Answer a file that came before; one held for lack of a registration may be taken in now."""
    if reconsider(known, by=delivery.by):
        return delivery.answer(ReceiptOutcome.ACCEPTED, IntakeReason.TO_BE_SCORED, known)
    return delivery.answer(ReceiptOutcome.ALREADY_RECEIVED, IntakeReason.SAME_FILE, known)


def _set_aside(problem: SetAside, reading: sandbox.Reading, delivery: _Delivery) -> Answer:
    film: Film = problem.film
    person = people.ensure_person(delivery.trial, new=_new_person(film), by=delivery.by)
    row = _row(film, delivery, person)
    before = Radiograph.objects.filter(
        trial=row.trial, person=person, sop_instance_hash=row.sop_instance_hash, reason=problem.code
    )
    if known := before.filter(pixel_sha256=row.pixel_sha256).first():
        return delivery.answer(ReceiptOutcome.ALREADY_RECEIVED, IntakeReason.SAME_IMAGE, known)
    row.participant = people.registered(delivery.trial, person.pk)
    if film.pixel_sha256:  # for a person to look at
        _look_at(row, reading, delivery)
        return _keep(row, film, reading, delivery, problem.code, problem.message)
    return _write(row, delivery, problem.code, problem.message)


def _take(film: Film, reading: sandbox.Reading, delivery: _Delivery) -> Answer:
    person = people.ensure_person(delivery.trial, new=_new_person(film), by=delivery.by)
    row = _row(film, delivery, person)
    _look_at(row, reading, delivery)
    held: IntakeReason | Code | None = None
    try:
        if twin := twin_of(row, delivery.by):
            reason, known = twin
            return delivery.answer(ReceiptOutcome.ALREADY_RECEIVED, reason, known)
        check_study(row, delivery.by)
        check_picture(row)
        new, site = _new_person(film), delivery.site
        row.participant = owner(Claim.of(film), person, new=new, trial=row.trial, site=site, by=delivery.by)
    except Held as doubt:
        held = doubt.reason
    return _keep(row, film, reading, delivery, held)


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
        site=delivery.site,
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


def _look_at(row: Radiograph, reading: sandbox.Reading, delivery: _Delivery) -> None:
    """Write on the row what is wrong with its picture, if the protocol wants it looked at."""
    if not delivery.protocol.looks_at_pictures:
        return
    found = reading.quality()
    row.findings, row.quality_version = {str(code): value for code, value in found.items()}, QUALITY_VERSION
    row.flags += [str(code) for code in found if code not in HOLDING]


def _side(pixels: int | None) -> int | None:
    return pixels if pixels is not None and 0 <= pixels <= LARGEST_SIDE else None


def _keep(
    row: Radiograph,
    film: Film,
    reading: sandbox.Reading,
    delivery: _Delivery,
    held: IntakeReason | Reason | Code | None,
    message: str = "",
) -> Answer:
    """Write the de-identified file, synced, then the row and the receipt; without the row, no file."""
    clean = _clean(row, film, reading)
    try:
        row.file.save("", ContentFile(clean), save=False)
        return _write(row, delivery, held, message)
    except BaseException:
        row.file.storage.delete(film_path(row, ""))
        raise


def _write(
    row: Radiograph, delivery: _Delivery, held: IntakeReason | Reason | Code | None, message: str = ""
) -> Answer:
    """Write row and receipt."""
    row.state, row.reason = (FilmState.SET_ASIDE, str(held)) if held else (FilmState.ELIGIBLE, "")
    bulk.insert([row])
    outcome = ReceiptOutcome.SET_ASIDE if held else ReceiptOutcome.ACCEPTED
    return delivery.answer(outcome, held or IntakeReason.TO_BE_SCORED, row, message)


def _clean(row: Radiograph, film: Film, reading: sandbox.Reading) -> bytes:
    """Return the de-identified file; put what it leaves out, encrypted, on the row."""
    of_uids = derived_key(f"uids:{row.trial_id}")
    uids = (film.sop_instance_uid, film.study_instance_uid, film.series_instance_uid)
    clean = reading.clean(
        uids={uid: keyed_uid(of_uids, uid) for uid in uids},  # the key itself stays here
        shift_days=-shift_days(row.person),
        subject=row.participant.study_number if row.participant else "HELD",
    )
    if key := people.keys_of([row.person_id]).get(row.person_id):
        row.crosswalk_sealed = encrypt(key, json.dumps(clean.removed), "crosswalk")
    return clean.file


def shift_days(person: Person) -> int:
    """Return by how many days the dates in this person's stored files lie back: 1 to 365, by keyed hash."""
    digest = hmac.digest(derived_key("date-shift"), bytes(person.identity_hash), "sha256")
    return 1 + int.from_bytes(digest[:8], "big") % LONGEST_SHIFT
