"""A small trial in which something of everything has happened, and the same trial as it might have been."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from analysis import dataset
from analysis.conduct_record import conduct_record
from analysis.models import Freeze, InterimLook
from analysis.services import freezes, looks, plans
from config.postgres.roles import as_owner
from screening.densitometry import Measurement, MeasurementSite, parse_score
from screening.models import RiskAssessment, Score
from screening.referrals import AppointmentEvent, ContactOutcome, IdentityCheck, Means
from screening.services import cohort, communication, contamination, devices, intake, outcomes, referral
from screening.vocabulary import DiagnosisCode, DrugClass, Told
from tests.analysis.plans import INTERIM
from tests.dicom import chest_film, text_file
from tests.factories import (
    PASSWORD,
    World,
    add_film,
    freeze_and_sign,
    in_arm,
    make_participant,
    make_world,
    referral_of,
)
from trial.models import Allocation, BreakCategory, Participant
from trial.partial_dates import parse
from trial.services import aftermath, conduct, queries
from trial.states import AllocationFault

DAY = 20  # of January 2023, in the stage's own calendar: everybody is randomized
# What another world changes.
ARM_TABLES = ("trial_allocation", "analysis_freeze", "analysis_interimlook")
SCORE_TABLES = ("screening_score", "screening_riskassessment", *ARM_TABLES)
ALTERED = frozenset({*ARM_TABLES, *SCORE_TABLES})
NAME, PHONE, NUMBER = "Marigold Quill", "+886 555 010", "CANARY-"


@dataclass
class Stage:
    """A trial in which something of everything has happened, to one participant of each arm alike."""

    world: World
    screening: Participant
    control: Participant
    low: Participant
    late: Participant  # at high risk, but after the cohort was frozen
    held: UUID  # a film that waits for a person
    hidden_scores: list[str]  # of everybody outside the screening arm


def make_stage(code: str = "DEMO") -> Stage:
    """Play a small trial through the services."""
    world = make_world(code)
    means = ["0.654321", "0.754322", "0.854323", "0.954324", "0.123456"]
    people = [
        make_participant(world, name=f"{NAME} {i}", phone=f"{PHONE}{i}", number=f"{NUMBER}{i}")
        for i in range(len(means))
    ]
    for person, mean in zip(people, means, strict=True):
        add_film(world, person, mean=mean)
    intake.receive(text_file(), site=world.site, source="test", by=world.radiology_it)
    held = intake.receive(
        chest_film(ViewPosition=None), site=world.site, source="test", by=world.radiology_it
    ).film
    assert held
    pacs = {"name": "PACS", "ae_title": f"PACS-{code}", "address": "192.0.2.7"}
    devices.add_device(world.site, by=world.coordinator, **pacs)
    frozen = freeze_and_sign(world)
    made = cohort.randomize_cohort(frozen, by=world.coordinator, occurred_at=_noon(DAY))
    screened = {a.participant_id for a in made if a.arm == "screening"}
    hidden = [mean for person, mean in zip(people, means, strict=True) if person.pk not in screened]
    late = _latecomer(world, mean="0.976543")
    hidden.append("0.976543")
    stage = Stage(world, in_arm(made, "screening"), in_arm(made, "control"), people[-1], late, held, hidden)
    _call_and_scan(world, stage.screening)
    for person in (stage.screening, stage.control):
        _usual_care(world, person)
    communication.tell_result(
        referral_of(stage.screening), means=Means.LETTER, by=world.caller, occurred_at=_noon(DAY + 4)
    )
    _look(world)
    return stage


def _look(world: World) -> None:
    plan = plans.declare_plan(world.trial.protocol_version, text=INTERIM, by=world.trial_statistician)
    for signer in (world.trial_statistician, world.investigator):
        plans.sign_plan(plan, by=signer, password=PASSWORD)
    frozen = freezes.freeze(world.trial, purpose="a test", by=world.trial_statistician, despite_findings=True)
    look = looks.take_look(frozen, by=world.randomization_statistician, password=PASSWORD)
    said = {"course": "continue", "words": "Go on as planned."}
    looks.recommend(look, by=world.monitoring_committee, password=PASSWORD, **said)


def _latecomer(world: World, mean: str) -> Participant:
    person = make_participant(world, name=f"{NAME} 5", phone=f"{PHONE}5", number=f"{NUMBER}5")
    add_film(world, person, mean=mean)
    cohort.assess(person, by=world.coordinator)
    cohort.sum_up_films(world.trial, people=[person], by=world.coordinator)
    return person


def _noon(day: int) -> datetime:
    return datetime(2023, 1, day, 4, tzinfo=UTC)  # noon at the site


def _call_and_scan(world: World, person: Participant) -> None:
    offer, by = referral_of(person), world.caller
    referral.record_attempt(
        offer,
        outcome=ContactOutcome.ACCEPTED,
        identity=IdentityCheck.NAME_AND_BIRTH_DATE,
        by=by,
        occurred_at=_noon(DAY + 1),
    )
    conduct.record_consent(person, form_version="1", scope="dxa", by=by, occurred_at=_noon(DAY + 1))
    booked = referral.book(offer, scheduled_at=_noon(DAY + 3), by=by, occurred_at=_noon(DAY + 1))
    referral.end_appointment(booked, event=AppointmentEvent.ATTEND, by=by)


def _usual_care(world: World, person: Participant) -> None:
    day, by = parse(f"2023-01-{DAY + 3}"), world.outcome_recorder
    neck = Measurement(MeasurementSite.FEMORAL_NECK, t_score=parse_score("-2.8"))
    outcomes.record_dxa(person, exam_date=day, measurements=[neck], by=by)
    outcomes.record_diagnosis(person, code=DiagnosisCode.OSTEOPOROSIS, diagnosed_on=day, by=by)
    outcomes.record_treatment(person, drug_class=DrugClass.DENOSUMAB, started_on=day, by=by)
    told = {"reason": "A test.", "by": world.investigator}
    aftermath.break_code(person, category=BreakCategory.SAFETY_REPORT, password=PASSWORD, **told)
    aftermath.record_allocation_error(person, fault=AllocationFault.WRONG_STRATUM, **told)
    contamination.record_disclosure(
        person, told=Told.SCORE, told_by="A nurse", how="Asked at the desk.", by=world.coordinator
    )
    said = "A form was signed in the wrong place."
    conduct.record_deviation(
        world.trial,
        participant=person,
        category="other",
        severity="minor",
        description=said,
        by=world.coordinator,
    )
    queries.ask(person, question="Which date of birth is right?", by=world.monitor)


@contextmanager
def other_arms(stage: Stage) -> Iterator[None]:
    """Let the draw of the two people have gone the other way; calls, offer and appointment go with the arm."""
    one, other = (Allocation.objects.get(participant=p) for p in (stage.screening, stage.control))
    with unguarded(*ARM_TABLES):
        # By way of somebody without an allocation, for nobody may have two even for a moment.
        for row, person in ((one, stage.low), (other, stage.screening), (one, stage.control)):
            Allocation.objects.filter(pk=row.pk).update(participant=person)
        _freeze_again(stage)
        InterimLook.objects.update(z=2.5, crossed=True, conditional_power=None)
        yield


@contextmanager
def other_scores(stage: Stage) -> Iterator[None]:
    """Let the model have seen something else in the films of everybody outside the screening arm.

    The person at low risk and the latecomer change places, so that as many as before are at high risk.
    """
    others = Participant.objects.filter(trial=stage.world.trial).exclude(allocation__arm="screening")
    with unguarded(*SCORE_TABLES):
        with connection.cursor() as cursor:  # comes back with everything else that is undone
            cursor.execute("ALTER TABLE screening_riskassessment DROP CONSTRAINT no_risk_against_all_films")
        Score.objects.filter(radiograph__participant__in=others).update(
            mean=Decimal("0.500001"), probabilities=[0.500001] * 10, positive=True
        )
        RiskAssessment.objects.filter(participant__in=others).update(films_positive=0)
        for person, risk_class in ((stage.low, "high"), (stage.late, "low")):
            RiskAssessment.objects.filter(participant=person).update(risk_class=risk_class)
        for row in Allocation.objects.filter(participant__in=others):
            Allocation.objects.filter(pk=row.pk).update(evidence=row.evidence | {"films_positive": 0})
        _freeze_again(stage)
        yield


def _freeze_again(stage: Stage) -> None:
    """Let the trial's freeze have been made of the record as it stands now."""
    freeze = stage.world.trial.freezes.get()
    built = dataset.build(stage.world.trial, freeze.cut_off)
    content = {"subjects": gzip.compress(built.csv.encode()), "sha256": built.sha256}
    content |= {"conduct": conduct_record(stage.world.trial, freeze.cut_off)}
    Freeze.objects.filter(pk=freeze.pk).update(**content)


@contextmanager
def unguarded(*tables: str) -> Iterator[None]:
    """Lift the guards of tables, which only the owner can, and undo everything at the end."""
    with transaction.atomic(), as_owner(connection), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        transaction.set_rollback(True)
