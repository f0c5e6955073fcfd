"""Clinical facts that come by the thousand: checked like those from the screens, written together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Model

from screening.densitometry import Measurement
from screening.frax import Frax
from screening.models import Appointment, Diagnosis, DxaExam, DxaMeasurement, Treatment
from screening.referrals import AppointmentState
from screening.services import outcomes
from screening.services.outcomes import check_date
from screening.vocabulary import DiagnosisCode, DrugClass
from trial import audit, bulk
from trial.models import Participant, User
from trial.partial_dates import PartialDate
from trial.services import conduct


class DatedFact(NamedTuple):
    """A drug begun or a diagnosis made, and when."""

    participant: Participant
    code: DrugClass | DiagnosisCode
    day: PartialDate


def record_treatments(facts: Sequence[DatedFact], *, by: User | None, source: str) -> None:
    """Record drugs begun; the database refuses one that is on record already."""

    def row(fact: DatedFact) -> dict[str, Any]:
        return {"drug_class": fact.code, "started_on": str(fact.day)}

    _record(Treatment, facts, row, "treatment", by, source)


def record_diagnoses(facts: Sequence[DatedFact], *, by: User | None, source: str) -> None:
    """Record diagnoses; the database refuses one that is on record already."""

    def row(fact: DatedFact) -> dict[str, Any]:
        return {"code": fact.code, "diagnosed_on": str(fact.day)}

    _record(Diagnosis, facts, row, "diagnosis", by, source)


def _record(
    model: type[Model],
    facts: Sequence[DatedFact],
    row: Callable[[DatedFact], dict[str, Any]],
    what: str,
    by: User | None,
    source: str,
) -> None:
    if not facts:
        return
    for fact in facts:
        check_date(fact.participant, fact.day, what)
    stamped = conduct.stamp(facts[0].participant.trial, None) | {"source": source, "recorded_by": by}
    rows = [model(participant=fact.participant, **row(fact), **stamped) for fact in facts]
    with audit.context(by=by, why=f"Facts from an extract are recorded: {what}"):
        bulk.insert(rows)


class NewExam(NamedTuple):
    """A DXA exam, and whether its unusual values were confirmed."""

    participant: Participant
    day: PartialDate
    measurements: Sequence[Measurement]
    details: Mapping[str, str]
    frax: Frax
    confirmed: bool


def record_exams(exams: Sequence[NewExam], *, by: User | None, source: str) -> None:
    """Record DXA exams: one by one where an appointment may be theirs, all others together."""
    if not exams:
        return
    with audit.context(by=by, why="DXA exams from an extract are recorded"):
        expected = _expected(exams)
        for exam in exams:
            if exam.participant.pk in expected:
                _record_one(exam, by, source)
        _record_together([e for e in exams if e.participant.pk not in expected], by, source)


def _expected(exams: Sequence[NewExam]) -> set[UUID]:
    """Return who kept an appointment whose exam is not on record yet."""
    kept = Appointment.objects.filter(state=AppointmentState.ATTENDED, exam__isnull=True)
    kept = kept.filter(referral__allocation__participant__trial=exams[0].participant.trial)
    return set(kept.values_list("referral__allocation__participant", flat=True))


def _record_one(exam: NewExam, by: User | None, source: str) -> None:
    outcomes.record_dxa(
        exam.participant,
        exam_date=exam.day,
        measurements=exam.measurements,
        by=by,
        source=source,
        frax=exam.frax,
        confirmed=exam.confirmed,
        **exam.details,
    )


def _record_together(exams: Sequence[NewExam], by: User | None, source: str) -> None:
    if not exams:
        return
    stamped = conduct.stamp(exams[0].participant.trial, None) | {"source": source, "recorded_by": by}
    rows, measured = [], []
    for exam in exams:
        check_date(exam.participant, exam.day, "DXA")
        unusual = outcomes.check_measurements(exam.measurements, exam.frax)
        outcomes.require_confirmed(unusual, exam.confirmed)
        told = {**exam.details, **exam.frax.columns, **stamped}
        row = DxaExam(participant=exam.participant, exam_date=str(exam.day), **told)
        rows.append(row)
        measured += [DxaMeasurement(exam=row, **vars(m)) for m in exam.measurements]
    bulk.insert(rows)
    bulk.insert(measured)
