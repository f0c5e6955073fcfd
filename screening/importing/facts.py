"""Rows about what happened to people: drugs, diagnoses, DXA exams."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from screening.densitometry import Measurement, MeasurementSite
from screening.forms import DiagnosisForm, DxaForm, MedicationForm
from screening.frax import Frax
from screening.importing.plan import WHY, Entry, Kind, RowRefused, Track, Verdict
from screening.measured_fields import measured_names
from screening.models import Diagnosis, DxaExam, DxaMeasurement, Treatment
from screening.services import extracts, outcomes
from screening.services.extracts import DatedFact, NewExam
from trial.forms import PageForm, plain
from trial.models import Participant, User
from trial.partial_dates import PartialDate
from trial.services.trials import Refused

SOURCE = "import"
DETAILS = ("device", "reference_database", "menopausal_status")
FRAX = tuple(f.name for f in fields(Frax))
VALUES = ("t_score", "z_score", "bmd", "vertebrae")
YES = ("yes", "y", "1", "true")
HOW_TO_CONFIRM = "If that is right, set the column confirmed to yes."


@contextmanager
def refusing_the_row() -> Iterator[None]:
    """Turn what a service would refuse into a refusal of the row."""
    try:
        yield
    except Refused as no:
        raise RowRefused("invalid", str(no)) from None


class Medications(Kind):
    """Drugs begun, by class; several rows a person."""

    name = "medication"
    what, code, day = "treatment", "drug_class", "started_on"

    def make_form(self) -> PageForm:
        return MedicationForm(today=None)  # type: ignore[arg-type]  # the day is set for each row

    def load(self, participants: Sequence[Participant]) -> None:
        # What was entered in error stays so: the same extract doesn't bring it back.
        rows = Treatment.with_errors.filter(participant__in=participants)
        self.on_record = set(rows.values_list("participant_id", self.code, self.day))

    def read(self, cells: dict[str, str], participant: Participant | None) -> DatedFact:
        assert participant is not None
        found = self.dated(cells, participant)
        fact = DatedFact(participant, found[self.code], found[self.day])
        with refusing_the_row():
            outcomes.check_date(participant, fact.day, self.what)
        return fact

    def key(self, entry: Entry) -> Hashable:
        return entry.fact.participant.pk, str(entry.fact.code), str(entry.fact.day)

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        return (Verdict.UNCHANGED if self.key(entry) in self.on_record else Verdict.NEW), ""

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        extracts.record_treatments([entry.fact for entry in new], by=by, source=SOURCE)


class Diagnoses(Medications):
    """Diagnoses, by whoever made them; several rows a person."""

    name = "diagnosis"
    what, code, day = "diagnosis", "code", "diagnosed_on"

    def make_form(self) -> PageForm:
        return DiagnosisForm(today=None)  # type: ignore[arg-type]

    def load(self, participants: Sequence[Participant]) -> None:
        rows = Diagnosis.with_errors.filter(participant__in=participants)
        self.on_record = set(rows.values_list("participant_id", self.code, self.day))

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        extracts.record_diagnoses([entry.fact for entry in new], by=by, source=SOURCE)


@dataclass(frozen=True)
class Exam:
    """What a row says of one exam."""

    day: PartialDate
    measurements: tuple[Measurement, ...]
    details: Mapping[str, str]
    frax: Frax
    confirmed: bool

    def values(self) -> dict[tuple[str, str], Any]:
        """Return everything stated, by site and name."""
        found: dict[tuple[str, str], Any] = {("", name): text for name, text in self.details.items() if text}
        found |= _stated("frax", FRAX, self.frax)
        for m in self.measurements:
            found |= _stated(m.site, VALUES, m)
        return found


class DxaExams(Kind):
    """DXA exams, the trial's and everybody else's alike; the route comes from the kept appointment."""

    name = "dxa"
    extra = ("confirmed",)
    form: DxaForm

    def make_form(self) -> PageForm:
        return DxaForm(today=None)  # type: ignore[arg-type]

    def any_of(self) -> Sequence[str]:
        return measured_names()

    def load(self, participants: Sequence[Participant]) -> None:
        self.on_record: dict[tuple[UUID, str], list[DxaExam]] = defaultdict(list)
        self.completes: dict[int, DxaExam] = {}
        exams = DxaExam.with_errors.filter(participant__in=participants).prefetch_related("measurements")
        for exam in exams.order_by("recorded_at", "pk"):
            self.on_record[exam.participant_id, exam.exam_date].append(exam)

    def read(self, cells: dict[str, str], participant: Participant | None) -> Exam:
        assert participant is not None
        self.form.sex = participant.sex
        found = self.dated(cells, participant)
        with refusing_the_row():
            outcomes.check_date(participant, found["exam_date"], "DXA")
        details = {name: str(found[name] or "") for name in DETAILS}
        confirmed = plain(cells.get("confirmed")).lower() in YES
        return Exam(found["exam_date"], tuple(self.form.measurements()), details, self.form.frax(), confirmed)

    def key(self, entry: Entry) -> Hashable:
        # A second scan of a day must be meant; once confirmed, rows of one day are exams of their own.
        values = frozenset(entry.fact.values().items()) if entry.fact.confirmed else None
        return entry.participant, str(entry.fact.day), values

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        exam: Exam = entry.fact
        known = self.on_record[entry.who.pk, str(exam.day)]
        stated, recorded = exam.values(), [(e, _recorded(e)) for e in known]
        # One entered in error stays so: the same extract doesn't bring it back.
        if any(stated.items() <= values.items() for _, values in recorded):
            return Verdict.UNCHANGED, ""
        self._ask(exam)
        recorded = [(e, values) for e, values in recorded if not e.entered_in_error]
        for on_record, values in recorded:
            if all(values.get(what, value) == value for what, value in stated.items()):
                self.completes[entry.line] = on_record
                return Verdict.CHANGED, ", ".join(_words(*what) for what in stated if what not in values)
        if recorded and not exam.confirmed:
            said = f"A DXA of {exam.day} is on record with other values. Correct it on the person's page;"
            raise RowRefused(
                "please_confirm", f"{said} or is this a second scan of that day? {HOW_TO_CONFIRM}"
            )
        return Verdict.NEW, ""

    def _ask(self, exam: Exam) -> None:
        with refusing_the_row():
            unusual = outcomes.check_measurements(exam.measurements, exam.frax)
        if unusual and not exam.confirmed:
            raise RowRefused("please_confirm", f"{' '.join(unusual)} {HOW_TO_CONFIRM}")

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        exams = [
            NewExam(e.who, e.fact.day, e.fact.measurements, e.fact.details, e.fact.frax, e.fact.confirmed)
            for e in new
        ]
        extracts.record_exams(exams, by=by, source=SOURCE)
        for entry in track(changed, "exams completed"):
            self._complete(self.completes[entry.line], entry.fact, by)

    def _complete(self, on_record: DxaExam, exam: Exam, by: User | None) -> None:
        merged: dict[str, dict[str, Any]] = defaultdict(dict)
        for (site, name), value in (_recorded(on_record) | exam.values()).items():
            merged[site][name] = value
        details, frax = merged.pop("", {}), merged.pop("frax", {})
        outcomes.change_dxa(
            on_record,
            exam_date=exam.day,
            measurements=[Measurement(MeasurementSite(site), **values) for site, values in merged.items()],
            frax=Frax(**frax),
            by=by,
            why=WHY,
            confirmed=exam.confirmed,
            **details,
        )


def _stated(of: str, names: Sequence[str], values: object) -> dict[tuple[str, str], Any]:
    return {(of, name): value for name in names if (value := getattr(values, name)) not in (None, "")}


def _recorded(exam: DxaExam) -> dict[tuple[str, str], Any]:
    """Return everything on record of an exam, in the form of `Exam.values`."""
    rows: list[DxaMeasurement] = list(exam.measurements.all())
    found = _stated("", DETAILS, exam) | _stated("frax", FRAX, exam.frax)
    for row in rows:
        found |= _stated(row.site, VALUES, row)
    return found


def _words(site: str, name: str) -> str:
    return f"{site} {name}".strip().replace("_", " ")
