"""Whose film is this: what its header claims of its owner, held against what is registered."""

import json
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone
from pydicom import Dataset, dcmread

from screening.dicom import Film
from screening.headers import date_of
from screening.models import Radiograph
from screening.services.duplicates import Held
from screening.vocabulary import IntakeReason
from trial.ages import Bounds, birth_bounds, narrowed
from trial.crypto import decrypt
from trial.models import Participant, Person, PersonKey, Sex, Site, Trial, User
from trial.partial_dates import PartialDate
from trial.protocol_parts import UnknownPerson
from trial.services import people
from trial.services.registrations import of_one_person
from trial.states import State

SEXES: dict[str, str] = {"F": Sex.FEMALE, "M": Sex.MALE}
# Printed ages are rounded up by some systems, so an age contradicts a birth date only beyond a year.
SLACK = timedelta(days=366)
DAY = timedelta(days=1)  # a film may come from a place where it is tomorrow already
EARLIEST, LATEST = date.min + 2 * SLACK, date.max - 2 * SLACK


@dataclass(frozen=True)
class Claim:
    """What a film says of its owner beside the number; age is in completed years on the study date."""

    sex: str | None
    birth_date: date | None
    age: int | None
    study_date: date | None

    @classmethod
    def of(cls, film: Film) -> "Claim":
        """Return the claim of a film just read."""
        return cls(SEXES.get(film.sex), film.birth_date, film.patient_age, film.study_date)

    @classmethod
    def stored(cls, row: Radiograph) -> "Claim":
        """Return the claim of a stored film: sex from its file, birth date from its encrypted crosswalk."""
        with row.file.open("rb") as file:
            sex = SEXES.get(dcmread(file, stop_before_pixels=True).get("PatientSex", ""))
        return cls(sex, _birth_date_removed_from(row), row.patient_age, row.study_date)

    @property
    def partial_birth_date(self) -> PartialDate | None:
        """Return the birth date as registrations keep it."""
        return PartialDate.of(self.birth_date) if self.birth_date else None

    @property
    def age_bounds(self) -> Bounds | None:
        """Return the earliest and latest birth date that the printed age allows."""
        if self.age is None or self.study_date is None:
            return None
        return birth_bounds(self.age, self.study_date)

    def bounds(self) -> list[Bounds]:
        """Return what each header value allows of the birth date, printed ages with some slack."""
        exact = [(self.birth_date, self.birth_date)] if self.birth_date else []
        return exact + ([_slack(self.age_bounds)] if self.age_bounds else [])


def owner(
    claim: Claim, person: Person, *, new: people.NewPerson, trial: Trial, site: Site | None, by: User | None
) -> Participant:
    """Return whose film this is, registered now if the protocol lets a film do that; raise Held in doubt."""
    if claim.study_date and claim.study_date > timezone.now().date() + DAY:
        raise Held(IntakeReason.FUTURE_STUDY)
    known = people.registered(trial, person.pk)
    if contradicts(claim, known):
        raise Held(IntakeReason.IDENTITY_MISMATCH)
    if known is None:
        if site is None or trial.protocol.unknown_person == UnknownPerson.HOLD:
            raise Held(IntakeReason.UNKNOWN_PERSON)
        # Another film of theirs may register them at this moment, so what is registered is judged again.
        known = people.register(site, new=new, by=by)
    elif not new.issuer and known.site != site:
        raise Held(IntakeReason.ISSUER_NOT_STATED)
    return settled(claim, known, by)


def settled(claim: Claim, known: Participant, by: User | None) -> Participant:
    """Return the participant if the film may count for them, by all that is registered of them; raise Held if not."""
    registrations = of_one_person(known)
    if any(contradicts(claim, one) for one in registrations):
        raise Held(IntakeReason.IDENTITY_MISMATCH)
    if any(one.state == State.WITHDRAWN for one in registrations):
        raise Held(IntakeReason.WITHDRAWN)
    if len(people.keys_of([one.person_id for one in registrations])) < len(registrations):
        raise Held(IntakeReason.IDENTITY_ERASED)
    return learn(claim, known, by=by)


def contradicts(claim: Claim, known: Participant | None) -> bool:
    """Say whether a claim contradicts itself or what is registered; what is not known contradicts nothing."""
    if known and claim.sex and known.sex and claim.sex != known.sex:
        return True
    said = claim.bounds() + _registered(known)
    return any(narrowed(one, other) is None for one in said for other in said)


def learn(claim: Claim, known: Participant, *, by: User | None) -> Participant:
    """Fill in sex and birth date where registration left them open; nothing registered is replaced."""
    sex = None if known.sex else claim.sex
    birth_date = None if known.birth_date else claim.partial_birth_date
    closer = _closer(claim, known)
    if not (sex or birth_date or closer):
        return known
    return people.correct_person(
        known, by=by, why="A film's header says more", sex=sex, birth_date=birth_date, birth_bounds=closer
    )


def _closer(claim: Claim, known: Participant) -> Bounds | None:
    """Return tighter bounds of the birth date from a printed age, None when it tells nothing new."""
    if known.birth_date or claim.birth_date or claim.age_bounds is None:
        return None
    before = (known.birth_earliest, known.birth_latest)
    if not (before[0] and before[1]):
        return claim.age_bounds
    both = narrowed((before[0], before[1]), claim.age_bounds)
    return both if both != before else None


def _registered(known: Participant | None) -> list[Bounds]:
    if known is None or not (known.birth_earliest and known.birth_latest):
        return []
    bounds = (known.birth_earliest, known.birth_latest)
    return [bounds if known.birth_date else _slack(bounds)]


def _slack(bounds: Bounds) -> Bounds:
    return max(bounds[0], EARLIEST) - SLACK, min(bounds[1], LATEST) + SLACK


def _birth_date_removed_from(row: Radiograph) -> date | None:
    key = PersonKey.objects.filter(person=row.person_id).first()
    if key is None or not row.crosswalk_sealed:
        return None
    header = Dataset()
    removed = json.loads(decrypt(bytes(key.wrapped), bytes(row.crosswalk_sealed), "crosswalk"))
    header.PatientBirthDate = removed.get("PatientBirthDate", "")
    return date_of(header, "PatientBirthDate")
