"""The only reader of the other apps' tables: the trial's record as one frozen row a registered person."""

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db.models import Q, QuerySet

from analysis.consort import Intake
from analysis.subjects import CODEBOOK, Sex, SubjectRow, Variable
from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus
from screening.endpoint import Exam, Findings, findings, in_period
from screening.indications import iscd_age_sex
from screening.models import (
    Communication,
    ContactAttempt,
    Diagnosis,
    Disclosure,
    DxaExam,
    DxaMeasurement,
    Radiograph,
    Receipt,
    RiskAssessment,
    Treatment,
)
from screening.services.cohort import EXCLUDING_DIAGNOSES
from screening.services.held_films import waiting
from screening.services.outcomes import age_at
from screening.steps import FILE_STEPS, FILM_STEPS
from screening.vocabulary import DiagnosisCode, IntakeReason
from trial.eligibility import PriorEvent
from trial.models import (
    Allocation,
    AllocationError,
    Baseline,
    Consent,
    EligibilityAssessment,
    Participant,
    PersonMerge,
    StateChange,
    Trial,
)
from trial.partial_dates import PartialDate, parse
from trial.protocol import Protocol
from trial.protocol_parts import Exclusion
from trial.states import AllocationFault, Event, State
from trial.steps import condition

BASELINE_FIELDS = [f.name for f in Baseline._meta.concrete_fields if f.name not in ("id", "participant")]
FOUND = set(SubjectRow._fields) & {f.name for f in fields(Findings)}
# A film held for one of these may be somebody else's.
IDENTITY_DOUBTS = (
    IntakeReason.UID_REUSED,
    IntakeReason.PIXELS_OF_TWO_PEOPLE,
    IntakeReason.STUDY_OF_TWO_PEOPLE,
    IntakeReason.IDENTITY_MISMATCH,
    IntakeReason.UNKNOWN_PERSON,
    IntakeReason.ISSUER_NOT_STATED,
)


class Frozen(NamedTuple):
    """A dataset as it is frozen: rows, what came in, and the CSV that is hashed."""

    rows: list[SubjectRow]
    intake: Intake
    csv: str

    @property
    def sha256(self) -> str:
        """Return the hash of the CSV's bytes."""
        return sha256_of(self.csv)


def sha256_of(text: str) -> str:
    """Return the hash of a dataset's bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def build(trial: Trial, cut_off: datetime) -> Frozen:
    """Read the trial's record up to a moment of entry; outcomes count by their own dates."""
    rows = subject_rows(trial, cut_off)
    return Frozen(rows, intake(trial, cut_off), to_csv(rows))


def intake(trial: Trial, cut_off: datetime) -> Intake:
    """Count films by what became of them, as the dashboard does; a file sent twice is one file."""
    came = {"trial": trial, "received_at__lte": cut_off}
    films, files = Radiograph.objects.filter(**came), Receipt.objects.filter(**came)
    scored, waiting = (films.filter(condition(FILM_STEPS, step)).count() for step in ("scored", "waiting"))
    reasons = (
        _reasons("set aside", films.filter(condition(FILM_STEPS, "set_aside")))
        + _reasons("failed", films.filter(condition(FILM_STEPS, "failed")))
        + _reasons("rejected", files.filter(condition(FILE_STEPS, "rejected")))
    )
    return Intake(scored + waiting + reasons.total(), scored, reasons, waiting)


def open_films(trial: Trial) -> dict[str, int]:
    """Count the films of a trial on which somebody has yet to decide, and those whose person is in doubt."""
    films = Radiograph.objects.filter(trial=trial)
    held = waiting(films)
    return {
        "held_films": held.count(),
        "identity_doubts": held.filter(reason__in=IDENTITY_DOUBTS).count(),
        "films_waiting": films.filter(condition(FILM_STEPS, "waiting")).count(),
        "films_failed": films.filter(condition(FILM_STEPS, "failed")).count(),
    }


def _reasons(what: str, rows: QuerySet[Radiograph] | QuerySet[Receipt]) -> Counter[str]:
    """Count rows by what became of them and why: "rejected: not DICOM"."""
    codes = rows.order_by().values_list("reason", flat=True)
    return Counter(f"{what}: {code.replace('_', ' ').replace('dicom', 'DICOM')}" for code in codes)


def subject_rows(trial: Trial, cut_off: datetime) -> list[SubjectRow]:
    """Return one row a registered person, ordered by study number."""
    protocol, facts = trial.protocol, _Facts(trial, cut_off)
    people = Participant.objects.filter(trial=trial, recorded_at__lte=cut_off).select_related(
        "site", "baseline"
    )
    return [
        _row(person, protocol, facts) for person in people.order_by("study_number").iterator(chunk_size=5000)
    ]


class _Facts:
    """Everything recorded of the trial's people, by participant, read with one query a table."""

    def __init__(self, trial: Trial, cut_off: datetime) -> None:
        def of(model: Any, path: str = "participant") -> Any:
            return model.objects.filter(**{f"{path}__trial": trial, "recorded_at__lte": cut_off})

        judgments = of(EligibilityAssessment).only("participant_id", "eligible", "reasons")
        self.cut_off = (
            cut_off - timedelta(days=trial.clock_offset_days)
        ).date()  # as the trial dates its facts
        self.assessments = _latest(judgments.order_by("occurred_at", "recorded_at"))
        self.risks = _latest(of(RiskAssessment).defer("films"))
        self.allocations = _latest(of(Allocation).defer("evidence"))
        attempts = of(ContactAttempt, "allocation__participant").order_by("occurred_at")
        self.contacts = dict(attempts.values_list("allocation__participant", "outcome"))
        self.consents = _latest(of(Consent).exclude(kind="waiver").order_by("occurred_at", "recorded_at"))
        told = of(Communication, "allocation__participant")
        self.communicated = set(told.values_list("allocation__participant", "kind"))
        self.disclosed = set(of(Disclosure).values_list("participant_id", flat=True))
        # Outcomes of a merged number are its person's; who was randomized twice keeps those of each.
        standing = Q(undone_at=None) | Q(undone_at__gt=cut_off)
        merged = of(PersonMerge).filter(standing, participant__allocation=None)
        self.counts_for = dict(merged.values_list("participant", "into"))
        self.exams = self._of_people(of(DxaExam))
        self.measurements = _grouped(
            DxaMeasurement.objects.filter(exam__participant__trial=trial), key=lambda m: m.exam_id
        )
        self.diagnoses = self._of_people(of(Diagnosis))
        self.treatments = self._of_people(of(Treatment))
        # The gravest where there are several: it is written last.
        order = {fault: rank for rank, fault in enumerate(AllocationFault)}
        errors = of(AllocationError).values_list("participant_id", "fault")
        self.errors = dict(sorted(errors, key=lambda row: order[row[1]], reverse=True))
        # Not the state of now: who withdrew and died later did both.
        left = of(StateChange).filter(event=Event.WITHDRAW)
        self.withdrawn = set(left.values_list("participant_id", flat=True))

    def _of_people(self, rows: Iterable[Any]) -> Mapping[UUID, list[Any]]:
        return _grouped(rows, key=lambda row: self.counts_for.get(row.participant_id, row.participant_id))


def _latest(rows: Iterable[Any]) -> dict[UUID, Any]:
    return {row.participant_id: row for row in rows}


def _grouped(
    rows: Iterable[Any], key: Callable[[Any], UUID] = lambda r: r.participant_id
) -> Mapping[UUID, list[Any]]:
    groups: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _row(person: Participant, protocol: Protocol, facts: _Facts) -> SubjectRow:
    age = age_at(person, PartialDate.of(protocol.index_date))
    died = parse(person.died_on) if person.died_on else None
    return SubjectRow(
        study_number=person.study_number,
        site=f"{person.site.number:02d}",
        sex=cast(Sex | None, person.sex),
        age=age,
        iscd_age_sex=iscd_age_sex(person.sex, age),
        withdrawn=person.pk in facts.withdrawn,
        died=died is not None and in_period(protocol, died) is not False,
        followed_to=min(protocol.follow_up_end, facts.cut_off, died.earliest if died else facts.cut_off),
        **_enrolment(person, facts),
        **_outcomes(person, protocol, facts),
        **_baseline(person),
    )


def _enrolment(person: Participant, facts: _Facts) -> dict[str, Any]:
    assessment, risk = facts.assessments.get(person.pk), facts.risks.get(person.pk)
    allocation, consent = facts.allocations.get(person.pk), facts.consents.get(person.pk)
    eligible = bool(assessment and assessment.eligible)
    return {
        "eligible": eligible,
        "ineligibility_reasons": tuple(r["code"] for r in assessment.reasons)
        if assessment
        else ("not_assessed",),
        "risk_class": risk.risk_class if risk and risk.risk_class != "none" else None,
        "films_counted": risk.films_counted if risk else 0,
        "films_positive": risk.films_positive if risk else 0,
        "arm": allocation.arm if allocation else None,
        "randomized_on": allocation.randomized_on if allocation else None,
        "not_randomized_reason": _why_not(person, eligible, risk, allocation),
        "allocation_error": facts.errors.get(person.pk),
        "called": person.pk in facts.contacts,
        "contact_outcome": facts.contacts.get(person.pk),
        "consented": bool(consent and consent.kind == "consent"),
        "result_told": (person.pk, "result") in facts.communicated,
        "treatment_referral": (person.pk, "treatment") in facts.communicated,
        "score_told": person.pk in facts.disclosed,
    }


def _why_not(person: Participant, eligible: bool, risk: Any, allocation: Any) -> str | None:
    if allocation or not eligible or not risk or risk.risk_class != "high":
        return None
    return {State.WITHDRAWN: "withdrew before", State.DIED: "died before"}.get(
        State(person.state), "not in the cohort"
    )


def _outcomes(person: Participant, protocol: Protocol, facts: _Facts) -> dict[str, Any]:
    exams = [_exam(person, row, facts.measurements[row.pk]) for row in facts.exams.get(person.pk, ())]
    drugs = [t for t in facts.treatments.get(person.pk, ()) if t.drug_class not in protocol.allowed_drugs]
    started = {t.drug_class for t in drugs if in_period(protocol, parse(t.started_on))}
    found = findings(protocol, exams, _history(person, drugs, facts))
    return {name: _day(getattr(found, name)) for name in FOUND} | {
        "treated": bool(started),
        "drugs": frozenset(started),
        **{name: None if value == "" else _number(value) for name, value in found.frax.columns.items()},
    }


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _day(value: Any) -> Any:
    """Return the first day that a date can be, where only its month or year is known."""
    return value.earliest if isinstance(value, PartialDate) else value


def _history(person: Participant, drugs: Sequence[Treatment], facts: _Facts) -> list[PriorEvent]:
    diagnoses = [
        PriorEvent(kind, parse(d.diagnosed_on))
        for d in facts.diagnoses.get(person.pk, ())
        if (kind := EXCLUDING_DIAGNOSES.get(DiagnosisCode(d.code)))
    ]
    return diagnoses + [
        PriorEvent(Exclusion.ANTI_OSTEOPOROTIC_DRUG, parse(t.started_on), drug=t.drug_class) for t in drugs
    ]


def _exam(person: Participant, row: DxaExam, measured: Sequence[DxaMeasurement]) -> Exam:
    on = parse(row.exam_date)
    return Exam(
        on=on,
        by_trial=row.appointment_id is not None,
        sex=person.sex,
        age=age_at(person, on),
        menopause=MenopausalStatus(row.menopausal_status) if row.menopausal_status else None,
        measurements=tuple(
            Measurement(MeasurementSite(m.site), m.t_score, m.z_score, m.bmd, m.vertebrae) for m in measured
        ),
        frax=row.frax,
    )


def _baseline(person: Participant) -> dict[str, Any]:
    known = getattr(person, "baseline", None)
    values = {name: getattr(known, name) if known else None for name in BASELINE_FIELDS}
    return {name: _number(value) for name, value in values.items()}


# --- the file ----------------------------------------------------------------------------------------------


def to_csv(rows: Iterable[SubjectRow]) -> str:
    """Write rows as CSV in the order of the codebook: the same rows give the same bytes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(variable.name for variable in CODEBOOK)
    writer.writerows([_written(getattr(row, v.name)) for v in CODEBOOK] for row in rows)
    return out.getvalue()


def from_csv(text: str) -> list[SubjectRow]:
    """Read what `to_csv` wrote; a freeze from before a column was there has its default."""
    lines = csv.reader(io.StringIO(text))
    places = {name: place for place, name in enumerate(next(lines, []))}
    columns = [(places[v.name], v.name, _Cells(v)) for v in CODEBOOK if v.name in places]
    return [SubjectRow(**{name: cells[line[place]] for place, name, cells in columns}) for line in lines]


class _Cells(dict[str, Any]):
    """What the texts of a column mean, each read once: a dataset says few things many times."""

    def __init__(self, variable: Variable) -> None:
        self.variable = variable

    def __missing__(self, text: str) -> Any:
        value = self[text] = _read(self.variable, text)
        return value


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, frozenset | tuple):
        return ";".join(sorted(value) if isinstance(value, frozenset) else value)
    return str(value)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "yes/no": lambda text: text == "True",
    "integer": int,
    "number": float,
    "date": date.fromisoformat,
    "list of text": lambda text: tuple(text.split(";")),
    "set of category": lambda text: frozenset(text.split(";")),
}
_EMPTY: Mapping[str, Any] = {"list of text": (), "set of category": frozenset()}


def _read(variable: Variable, text: str) -> Any:
    if text == "":
        return _EMPTY.get(variable.type)
    return _READERS.get(variable.type, str)(text)


def codebook() -> list[dict[str, Any]]:
    """Return the codebook as plain values."""
    return [v._asdict() | {"codes": dict(v.codes)} for v in CODEBOOK]
