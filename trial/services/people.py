"""Registering people, reading who they are, erasing who they were."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from trial import audit, bulk, clock
from trial.crypto import Sealed, Unreadable, decrypt, encrypt, identity_hash, new_wrapped_key
from trial.models import Baseline, Erasure, Participant, Person, PersonKey, PersonMerge, Site, Trial, User
from trial.partial_dates import PartialDate
from trial.roles import Permission
from trial.services.registrations import merges_in
from trial.services.trials import Refused, require, require_open
from trial.statements import Read, run
from trial.study_numbers import study_number

FEW = 100
PERSONS = Read(Person, rest="WHERE it.identity_hash = ANY(%s)")
PERSONS_LOCKED = Read(
    Person, rest="WHERE it.identity_hash = ANY(%s) ORDER BY it.identity_hash FOR NO KEY UPDATE OF it"
)
SITE_LOCKED = Read(Site, "trial", rest="WHERE it.id = %s FOR NO KEY UPDATE OF it")
KEYS = Read(PersonKey, rest="WHERE it.person_id = ANY(%s)")
OF_PERSONS = Read(Participant, rest="WHERE it.trial_id = %s AND it.person_id = ANY(%s)")
access_log = logging.getLogger("screentrial.access")


@dataclass(frozen=True)
class NewPerson:
    """What is needed to register a person: who they are to the hospital, and what is known of them."""

    issuer: str
    number: str
    sex: str | None = None
    birth_date: PartialDate | None = None
    birth_bounds: tuple[date, date] | None = None
    name: str = ""
    phone: str = ""

    @property
    def bounds(self) -> tuple[date | None, date | None]:
        """Return the earliest and latest possible day of birth."""
        if self.birth_date:
            return self.birth_date.earliest, self.birth_date.latest
        return self.birth_bounds or (None, None)


@dataclass(frozen=True)
class Identity:
    """Who a participant is; for the eyes of named roles only."""

    issuer: str
    number: str
    name: str
    phone: str
    readable: bool = True  # not, once the person's key was erased or this installation's was replaced


def hash_in(trial: Trial, issuer: str, number: str) -> bytes:
    """Return by what a person is found in a trial; in a test trial the same number is another, made-up person."""
    return identity_hash(issuer, number, apart=str(trial.pk) if trial.is_test else "")


def numbered(number: str, *, issuers: Iterable[str], trials: Iterable[Trial]) -> Q:
    """Return the condition of being the participant for a hospital number, of any of these issuers and trials.

    For a number that was merged into another, that is whose number it was merged into.
    """
    hashes = {hash_in(trial, issuer, number) for trial, issuer in product(trials, issuers)}
    merges = PersonMerge.objects.standing()
    own = Q(person__identity_hash__in=hashes) & ~Q(pk__in=merges.values("participant"))
    return own | Q(pk__in=merges.filter(participant__person__identity_hash__in=hashes).values("into"))


def issuers_of(participants: QuerySet[Participant]) -> set[str]:
    """Return who issues these people's numbers, read from the first registration of each site; "" is not stated."""
    firsts = participants.order_by("site_id", "study_number").distinct("site_id")
    return {""} | {who.issuer for who in reveal_all(list(firsts), by=None).values()}


def as_spelled(issuer: str, known: Iterable[str]) -> str:
    """Return an issuer as it is spelled in what is known, whatever its capitals."""
    return next((name for name in known if name.casefold() == issuer.casefold()), issuer)


def known_before(trial: Trial, people: Sequence[NewPerson]) -> list[NewPerson]:
    """Keep those whom this installation knows already, perhaps from another trial or a film set aside."""
    by_hash = _by_hash(trial, people)
    return [by_hash[h] for h in _persons(by_hash)]


def ensure_person(trial: Trial, *, new: NewPerson, by: User | None) -> Person:
    """Return the person with this issuer and number, with a key of their own, made if need be."""
    return _ensure_persons(trial, [new], by)[hash_in(trial, new.issuer, new.number)]


def keys_of(persons: Sequence[UUID]) -> dict[UUID, Sealed]:
    """Return the wrapped keys of these persons, none for one whose identity was erased."""
    return {key.person_id: key.wrapped for key in KEYS(list(persons))}


def registered(trial: Trial, person: UUID) -> Participant | None:
    """Return the registration of a person in a trial under their own number, if there is one."""
    return next(iter(OF_PERSONS(trial.pk, [person])), None)


def register(
    site: Site, *, new: NewPerson, by: User | None, registered_at: datetime | None = None
) -> Participant:
    """Register one person in the site's trial; registering twice returns the first registration."""
    return register_all(site, people=[new], by=by, registered_at=registered_at)[0]


def register_all(
    site: Site, *, people: Sequence[NewPerson], by: User | None, registered_at: datetime | None = None
) -> list[Participant]:
    """Register people in the site's trial, in order; whoever is registered already is returned as they are.

    For a number that was merged into another, that is whose number it was merged into.
    """
    require_open(site.trial)
    with audit.context(by=by, why="People are registered"):
        # Persons first: who waits here for somebody else's new person must not hold the site meanwhile.
        persons = _ensure_persons(site.trial, people, by)
        # The lock serializes registration at a site, so that study numbers have no gaps; nobody else waits for it.
        (site,) = SITE_LOCKED(site.pk)
        hashes = [hash_in(site.trial, new.issuer, new.number) for new in people]
        known = {p.person_id: p for p in OF_PERSONS(site.trial.pk, [p.pk for p in persons.values()])}
        fresh = {
            persons[h].pk: new for h, new in zip(hashes, people, strict=True) if persons[h].pk not in known
        }
        created = _participants(site, fresh, registered_at or clock.now(site.trial))
        with bulk.together(created):
            bulk.insert(created)
            bulk.insert([Baseline(participant=p) for p in created])
            if created:
                run("UPDATE trial_site SET enrolled = enrolled + %s WHERE id = %s", len(created), site.pk)
        survivors = merges_in(site.trial).survivors if known else {}  # whoever is new was never merged
        known |= {p.person_id: p for p in created}
        found = [known[persons[h].pk] for h in hashes]
        return [survivors.get(p.pk, p) for p in found]


def _participants(site: Site, fresh: dict, registered_at: datetime) -> list[Participant]:
    return [
        Participant(
            trial=site.trial,
            site=site,
            person_id=person_id,
            study_number=study_number(site.trial.code, site.number, site.enrolled + place),
            sex=new.sex,
            birth_date=str(new.birth_date or ""),
            birth_earliest=new.bounds[0],
            birth_latest=new.bounds[1],
            registered_at=registered_at,
        )
        for place, (person_id, new) in enumerate(fresh.items(), 1)
    ]


def _by_hash(trial: Trial, people: Sequence[NewPerson]) -> dict[bytes, NewPerson]:
    return {hash_in(trial, new.issuer, new.number): new for new in people}


def _ensure_persons(trial: Trial, people: Sequence[NewPerson], by: User | None) -> dict[bytes, Person]:
    by_hash, of_test = _by_hash(trial, people), trial if trial.is_test else None
    with audit.context(by=by, why="People become known"):
        # Locked, so that nobody registers the same person at two sites of a trial at once.
        known = _persons(by_hash, lock=True)
        # In one order for everybody, so that two imports of the same people never wait for each other.
        fresh = {h: by_hash[h] for h in sorted(by_hash) if h not in known}
        keys = {h: new_wrapped_key() for h in fresh}
        made = [_sealed(Person(identity_hash=h, of_test=of_test), keys[h], new) for h, new in fresh.items()]
        _write_persons(made)
        stored = _persons(fresh)
        mine = {p.pk for p in made}
        bulk.insert([PersonKey(person=p, wrapped=keys[h]) for h, p in stored.items() if p.pk in mine])
    return known | stored


def _write_persons(made: Sequence[Person]) -> None:
    if (
        len(made) > FEW
    ):  # an import: should a film of one of them arrive right now, it fails whole and is run again
        bulk.insert(made)
    else:  # two films of a new person may arrive at once: the first row stands, and the second reads it
        Person.objects.bulk_create(made, ignore_conflicts=True)


def _persons(hashes: dict[bytes, NewPerson], *, lock: bool = False) -> dict[bytes, Person]:
    if not hashes:
        return {}
    return {bytes(p.identity_hash): p for p in (PERSONS_LOCKED if lock else PERSONS)(list(hashes))}


def _sealed(person: Person, key: bytes, new: NewPerson) -> Person:
    person.number_sealed = encrypt(key, f"{new.issuer}\x1f{new.number}", "number")
    person.name_sealed = encrypt(key, new.name, "name") if new.name else None
    person.phone_sealed = encrypt(key, new.phone, "phone") if new.phone else None
    return person


def update_identity(
    participant: Participant, *, by: User | None, why: str, name: str = "", phone: str = ""
) -> None:
    """Write a name or telephone number that was missing or wrong; an empty one changes nothing."""
    if not (name or phone):
        return
    require_open(participant.trial)
    held = PersonKey.objects.filter(person=participant.person_id).first()
    if held is None:
        raise Refused(f"The identity of {participant} was erased; nothing is written of it any more.")
    key = held.wrapped
    sealed = {
        f"{field}_sealed": encrypt(key, value, field)
        for field, value in (("name", name), ("phone", phone))
        if value
    }
    with audit.context(by=by, why=why):
        Person.objects.filter(pk=participant.person_id).update(**sealed)


def reveal(participant: Participant, *, by: User) -> Identity:
    """Decrypt who a participant is, and log that `by` looked."""
    access_log.info("identity of %s seen by user %s", participant.pk, by.pk)
    return reveal_all([participant], by=None)[participant.pk]


def reveal_all(participants: Sequence[Participant], *, by: User | None) -> dict:
    """Decrypt who these participants are, by participant key; an erased identity reads as 'erased'."""
    if by:
        access_log.info("identities of %d participants seen by user %s", len(participants), by.pk)
    keys = {
        k.person_id: k.wrapped
        for k in PersonKey.objects.filter(person__in=[p.person_id for p in participants])
    }
    persons = Person.objects.in_bulk([p.person_id for p in participants])
    return {p.pk: _identity(persons[p.person_id], keys.get(p.person_id)) for p in participants}


def identity_of(person: Person) -> Identity:
    """Decrypt who a person is, for a rule to go by; whoever shows it to somebody logs that."""
    held = PersonKey.objects.filter(person=person).first()
    return _identity(person, held.wrapped if held else None)


def _identity(person: Person, key: Sealed | None) -> Identity:
    if key is None:
        return Identity("", "erased", "erased", "", readable=False)
    try:
        issuer, _, number = (
            decrypt(key, person.number_sealed, "number").partition("\x1f")
            if person.number_sealed
            else ("", "", "")
        )
        name = decrypt(key, person.name_sealed, "name") if person.name_sealed else ""
        phone = decrypt(key, person.phone_sealed, "phone") if person.phone_sealed else ""
    except Unreadable:
        return Identity("", "unreadable", "unreadable", "", readable=False)
    return Identity(issuer, number, name, phone)


def request_erasure(participant: Participant, *, reason: str, by: User) -> Erasure:
    """Record that a participant asks to be forgotten; nothing is erased before a second person approves."""
    require(by, Permission.WITHDRAW, participant.trial, participant.site)
    if not reason.strip():
        raise Refused("Write what the participant asked for, and how.")
    if participant.erasures.filter(approved_by=None).exists():
        raise Refused(
            f"The erasure of {participant} is asked for already: a second person has to approve it."
        )
    with audit.context(by=by, why=reason):
        return Erasure.objects.create(
            participant=participant,
            reason=reason,
            requested_by=by,
            occurred_at=clock.now(participant.trial),
            protocol_version=participant.trial.protocol_version,
        )


def approve_erasure(participant: Participant, *, by: User) -> None:
    """Approve and do it: name, telephone and number become unreadable, in old audit rows too.

    The person's key is destroyed; that it was done, by whom and why stays on record, and so does every audit row.
    """
    require(by, Permission.APPROVE_ERASURE, participant.trial, participant.site)
    asked = participant.erasures.filter(approved_by=None).first()
    if asked is None:
        raise Refused(f"Nobody asked for the erasure of {participant}. Request it first.")
    if asked.requested_by_id == by.pk:
        raise Refused("You asked for this erasure. A second person must approve it.")
    with audit.context(by=by, why=asked.reason):
        asked.approved_by, asked.approved_at = by, timezone.now()
        asked.save()
        PersonKey.objects.filter(person=participant.person_id).delete()
        Person.objects.filter(pk=participant.person_id).update(
            number_sealed=None, name_sealed=None, phone_sealed=None
        )
        Participant.objects.filter(person=participant.person_id).update(do_not_call=True)
    participant.do_not_call = True


def correct_person(
    participant: Participant,
    *,
    by: User | None,
    why: str,
    sex: str | None = None,
    birth_date: PartialDate | None = None,
    birth_bounds: tuple[date, date] | None = None,
) -> Participant:
    """Correct sex, birth date or the bounds of an unknown one; what an allocation used stays as it was used."""
    require_open(participant.trial)
    if birth_date and birth_date.earliest > clock.today(participant.site):
        raise Refused(f"The birth date, {birth_date}, lies in the future. Correct it.")
    with audit.context(by=by, why=why):
        participant = Participant.objects.select_for_update().get(pk=participant.pk)
        participant.sex = sex or participant.sex
        if birth_date:
            participant.birth_date = str(birth_date)
            birth_bounds = birth_date.earliest, birth_date.latest
        if birth_bounds:
            participant.birth_earliest, participant.birth_latest = birth_bounds
        participant.save()
    return participant


def differences(participant: Participant, identity: Identity, new: NewPerson) -> list[str]:
    """Return what a person's registration lacks or says otherwise; what `new` leaves empty is no difference."""
    said = {
        "sex": (new.sex, participant.sex),
        "birth date": (str(new.birth_date or ""), participant.birth_date),
        "name": (new.name, identity.name),
        "telephone": (new.phone, identity.phone),
    }
    return [what for what, (stated, on_record) in said.items() if stated and stated != on_record]


def complete_all(known: Sequence[tuple[Participant, NewPerson]], *, by: User | None, why: str) -> int:
    """Write what registrations lack or say otherwise, in bulk; return how many people that were."""
    identities = reveal_all([p for p, _ in known], by=None)
    found = [(p, new, differences(p, identities[p.pk], new)) for p, new in known if identities[p.pk].readable]
    with audit.context(by=by, why=why):
        _correct_all([(p, new) for p, new, what in found if {"sex", "birth date"} & set(what)])
        _seal_all([(p, new) for p, new, what in found if {"name", "telephone"} & set(what)])
    return sum(bool(what) for *_, what in found)


def _correct_all(known: Sequence[tuple[Participant, NewPerson]]) -> None:
    for participant, new in known:
        participant.sex = new.sex or participant.sex
        if new.birth_date:
            participant.birth_date = str(new.birth_date)
            participant.birth_earliest, participant.birth_latest = new.bounds
    fields = ["sex", "birth_date", "birth_earliest", "birth_latest"]
    bulk.update([p for p, _ in known], fields)


def _seal_all(known: Sequence[tuple[Participant, NewPerson]]) -> None:
    persons = Person.objects.in_bulk([p.person_id for p, _ in known])
    keys = {k.person_id: k.wrapped for k in PersonKey.objects.filter(person__in=list(persons))}
    for participant, new in known:
        person, key = persons[participant.person_id], keys[participant.person_id]
        person.name_sealed = encrypt(key, new.name, "name") if new.name else person.name_sealed
        person.phone_sealed = encrypt(key, new.phone, "phone") if new.phone else person.phone_sealed
    bulk.update(list(persons.values()), ["name_sealed", "phone_sealed"])


def record_baselines(
    baselines: Sequence[Baseline], *, fields: Sequence[str], by: User | None, why: str
) -> None:
    """Write these fields of many participants' baseline variables."""
    if not baselines:
        return
    with audit.context(by=by, why=why):
        bulk.update(baselines, fields)


def record_baseline(participant: Participant, *, by: User | None, why: str, values: dict) -> Baseline:
    """Write baseline variables by name; unnamed ones stay."""
    require_open(participant.trial)
    with audit.context(by=by, why=why):
        Baseline.objects.filter(participant=participant).update(**values)
    return Baseline.objects.get(participant=participant)


def participants_by_number(
    trial: Trial, issuer_numbers: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Participant]:
    """Find the trial's participants by (issuer, hospital number), also by a number merged into theirs."""
    hashes = {hash_in(trial, issuer, number): (issuer, number) for issuer, number in issuer_numbers}
    found = Participant.objects.filter(trial=trial, person__identity_hash__in=list(hashes)).select_related(
        "person", "site"
    )
    survivors = merges_in(trial).survivors
    return {hashes[bytes(p.person.identity_hash)]: survivors.get(p.pk, p) for p in found}
