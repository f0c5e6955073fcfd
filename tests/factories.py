"""A small trial with its cast, built through the services that the pages call."""

import hashlib
import itertools
import json
import uuid
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.test import TestCase
from django.utils import timezone
from rest_framework.test import APIClient

from screening.manifests import DEMONSTRATION_MODEL
from screening.models import ModelVersion, Radiograph, Referral, Score
from screening.referrals import TOLD, IdentityCheck
from screening.services import cohort, made_up, registry
from screening.services import referral as referrals
from screening.services.setup import pin_model, with_waiver
from screening.vocabulary import FilmState
from trial import audit
from trial.models import (
    Allocation,
    Cohort,
    Membership,
    Participant,
    ProtocolVersion,
    Site,
    Trial,
    TrialKind,
    User,
)
from trial.partial_dates import PartialDate, parse
from trial.protocol import Protocol, template
from trial.protocol_parts import QualityControl, ScoreKind
from trial.roles import UNDELEGATED, Role
from trial.services import delegation, drafts, people, protocols, signatures, trials
from trial.states import TRIAL_TRANSITIONS, TrialEvent, TrialState

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


@dataclass
class World:
    """A trial, its site, its model and one user a role (plus a stranger without any)."""

    trial: Trial
    site: Site
    model: ModelVersion
    cast: dict[Role, User]
    stranger: User
    extra: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        """Return the user of a role by its name: world.coordinator."""
        try:
            return self.__dict__["cast"][Role(name)]
        except (KeyError, ValueError):
            raise AttributeError(name) from None


def make_user(username: str) -> User:
    """Make an account that signs in with PASSWORD."""
    return trials.create_account(
        username, password=PASSWORD, name=username.replace("-", " ").title(), by=None
    )


def pinned(protocol: Protocol, model: ModelVersion, threshold: str = "0.5") -> Protocol:
    """Return the protocol with a model and, where it needs one, a waiver of its own."""
    protocol = pin_model(protocol, model, threshold=Decimal(threshold))
    return with_waiver(protocol, "Test board 7") if protocol.consent.waiver_reference else protocol


def make_world(
    code: str = "DEMO",
    *,
    kind: str = TrialKind.DEMONSTRATION,
    protocol: Protocol | None = None,
    active: bool = True,
    real_pictures: bool = False,
) -> World:
    """Make a trial from the OPSCAN template, on a calendar that stands thirty days after its index date.

    Films of tests are no chests, so their pictures are taken as they are unless `real_pictures` is said.
    """
    protocol = protocol or template("opscan")
    if not real_pictures:
        protocol = replace(protocol, quality_control=QualityControl.OFF)
    offset = (timezone.now().date() - protocol.index_date).days - 30 if kind == TrialKind.DEMONSTRATION else 0
    trial = trials.create_trial(code, title="A trial", kind=kind, clock_offset_days=offset, by=None)
    site = trials.add_site(trial, number=1, name="First site", time_zone="Asia/Taipei", by=None)
    cast = {}
    for role in Role:
        cast[role] = make_user(f"{code.lower()}-{role.value}")
    world = World(trial, site, registry.register_model(), cast, make_user(f"{code.lower()}-stranger"))
    for role, user in cast.items():  # the investigator is the first, and signs the others
        appoint(world, user, role)
    if active:
        activate(world, protocol)
    return world


def appoint(world: World, user: User, role: Role, site: Site | None = None) -> Membership:
    """Give a user a role of the trial, signed by its investigator where it has to be."""
    where = None if role is Role.SYSTEM_ADMINISTRATOR else world.trial
    entry = trials.give_role(user, role=role, trial=where, site=site, by=None)
    if role in UNDELEGATED:
        return entry
    return delegation.sign_entry(entry, by=world.investigator, password=PASSWORD)


def activate(world: World, protocol: Protocol) -> None:
    """Draft, approve and activate a protocol version by the people who may."""
    version = protocols.draft_protocol(
        world.trial, protocol=pinned(protocol, world.model), by=world.coordinator
    )
    if world.trial.kind == TrialKind.LIVE:
        approve_model(world, DEMONSTRATION_MODEL)
        try_out(world, version)
    signatures.sign(version, by=world.coordinator, password=PASSWORD)
    version = protocols.approve_protocol(version, by=world.randomization_statistician, password=PASSWORD)
    world.trial = protocols.activate(version, by=world.investigator)
    world.site.refresh_from_db()


def approve_model(world: World, manifest: Path) -> ModelVersion:
    """Have a model checked and signed by the two people it takes, who hold their roles in a live trial."""
    version = registry.register(manifest, by=None)
    for signer in (world.investigator, world.randomization_statistician):
        registry.sign_model(version, by=signer, password=PASSWORD)
    return version


def try_out(world: World, version: ProtocolVersion) -> World:
    """Try a version on test data, somebody allocated in each combination; return the test trial's world."""
    trial = drafts.try_draft(version, by=world.coordinator)
    test = replace(world, trial=trial, site=trial.sites.get(number=world.site.number))
    if trial.protocol.score.kind is ScoreKind.COVARIATES:
        made_up.add_people(trial, each=1, by=world.coordinator)
    for asked in drafts.combinations(trial, trial.protocol):
        on_site = replace(test, site=trial.sites.get(number=asked.get("site", test.site.number)))
        high_risk(on_site, sex=asked.get("sex", "female"), birth_date=_born(trial.protocol, asked))
    draw_in_test(test)
    return test


def draw_in_test(test: World) -> None:
    """Randomize who may be in a test trial; the log outside is written at once, also where a test never commits."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        made_up.randomize_all(test.trial, by=test.coordinator)


def _born(protocol: Protocol, asked: drafts.Combination) -> str:
    group = asked.get("age_group", protocol.age_group(72))
    age = next(age for age in (72, *range(protocol.minimum_age, 100)) if protocol.age_group(age) == group)
    return f"{protocol.index_date.year - age}-01-01"


def make_participant(
    world: World,
    *,
    sex: str = "female",
    birth_date: str = "1950-06-15",
    name: str = "",
    phone: str = "",
    number: str = "",
) -> Participant:
    """Register somebody new."""
    new = people.NewPerson(
        issuer="TEST",
        number=number or f"T{next(_numbers):06d}",
        sex=sex,
        birth_date=parse(birth_date),
        name=name,
        phone=phone,
    )
    return people.register(world.site, new=new, by=world.coordinator)


def add_film(
    world: World, participant: Participant, *, mean: str = "0.9", on: date = date(2022, 5, 4)
) -> Radiograph:
    """Put a scored film on record without a file (for the film's own path see test_intake)."""
    mark = f"film {next(_numbers)}"
    digest = hashlib.sha256(mark.encode())
    with audit.context(by=None, why="a test's film", how="test"):
        film = Radiograph.objects.create(
            trial=world.trial,
            person=participant.person,
            participant=participant,
            state=FilmState.ELIGIBLE,
            sop_instance_hash=digest.digest(),
            study_hash=digest.digest(),
            file_sha256=digest.hexdigest(),
            pixel_sha256=digest.hexdigest(),
            study_date=on,
            view="PA",
            modality="DX",
            file="radiographs/none.dcm",
            source="test",
        )
        version = world.trial.protocol_version
        threshold = version.protocol.score.threshold
        Score.objects.create(
            radiograph=film,
            model_version=world.model,
            probabilities=[float(mean)] * 10,
            mean=Decimal(mean),
            threshold=threshold,
            positive=Decimal(mean) >= threshold,
            occurred_at=timezone.now(),
            protocol_version=version,
        )
        film.state = FilmState.SCORED
        film.save()
    return film


def high_risk(world: World, count: int = 1, **kwargs: Any) -> list[Participant]:
    """Register people with one positive film each."""
    made = [make_participant(world, **kwargs) for _ in range(count)]
    for participant in made:
        add_film(world, participant)
    return made


def randomized(world: World, count: int = 6) -> list[Allocation]:
    """Freeze and randomize a cohort of `count` people, half and half."""
    high_risk(world, count)
    return freeze_and_draw(world)


def freeze_and_sign(world: World) -> Cohort:
    """Freeze everybody who is at high risk now, and let two people sign the list."""
    frozen = cohort.freeze_cohort(world.trial, by=world.coordinator)
    for signer in (world.coordinator, world.investigator):
        signatures.sign(frozen, by=signer, password=PASSWORD)
    return frozen


def freeze_and_draw(world: World, occurred_at: datetime | None = None) -> list[Allocation]:
    """Freeze, sign and randomize everybody who is at high risk now."""
    frozen = freeze_and_sign(world)
    return cohort.randomize_cohort(frozen, by=world.coordinator, occurred_at=occurred_at)


def forget(participant: Participant, world: World) -> None:
    """Erase an identity, by the two people it takes."""
    people.request_erasure(participant, reason="Asked to be forgotten", by=world.coordinator)
    referrals.approve_erasure(participant, by=world.data_manager)


def in_arm(allocations: list[Allocation], arm: str) -> Participant:
    """Return the first participant of an arm."""
    return next(a.participant for a in allocations if a.arm == arm)


def identity_for(outcome: str) -> IdentityCheck | None:
    """Return how somebody is identified in a call that ends so: as the rules ask."""
    return IdentityCheck.NAME_AND_BIRTH_DATE if outcome in TOLD else None


def referral_of(participant: Participant) -> Referral:
    """Return the referral of a participant of the screening arm."""
    return Referral.objects.get(allocation__participant=participant)


def days_later(day: date, days: int) -> PartialDate:
    """Return a whole date some days after another."""
    return PartialDate.of(day + timedelta(days=days))


def signed_in(user: User) -> APIClient:
    """Return a client that speaks JSON, signed in as `user`."""
    client = APIClient()
    client.default_format = "json"
    client.force_login(user)
    return client


def sql(statement: str, *values: Any) -> None:
    """Run SQL as the app role, with an audit context."""
    with audit.context(by=None, why="a test", how="test"), connection.cursor() as cursor:
        cursor.execute(statement, values)


def copy(row: Any, **changes: object) -> tuple:
    """Return the statement that adds a copy of a row, changed."""
    table = row._meta.db_table
    changed = json.dumps({"id": str(uuid.uuid4())} | changes, default=str)
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(r, %s)).* FROM {table} r WHERE id = %s",
        changed,
        row.pk,
    )


def refusal(statement: str, *values: Any) -> str:
    """Return what the database says when it refuses a statement; fail when it does not."""
    try:
        with transaction.atomic():
            sql(statement, *values)
    except DatabaseError as error:
        return str(error)
    raise AssertionError(f"not refused: {statement}")


def end(world: World, state: TrialState) -> None:
    """Close a trial, freeze its data and lock it, as far as `state`."""
    for event in (TrialEvent.CLOSE, TrialEvent.FREEZE, TrialEvent.LOCK):
        trial = Trial.objects.get(pk=world.trial.pk)
        if trial.state != state and (trial.state, event) in TRIAL_TRANSITIONS:
            trials.move_trial(trial, event=event, by=world.investigator, reason="A test.")
