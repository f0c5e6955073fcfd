"""Clinical facts that come by the thousand: checked like those from the screens, written together."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db.models import Model

from screening.models import Diagnosis, Treatment
from screening.services.outcomes import check_date
from screening.vocabulary import DiagnosisCode, DrugClass
from trial import audit
from trial.models import Participant, User
from trial.partial_dates import PartialDate
from trial.services import conduct

BATCH = 2000


class DatedFact(NamedTuple):
    """A drug begun or a diagnosis made, and when."""

    participant: Participant
    code: DrugClass | DiagnosisCode
    day: PartialDate


def record_treatments(facts: Sequence[DatedFact], *, by: User | None, source: str) -> None:
    """Record drugs begun; one that is on record already stays as it is."""

    def row(fact: DatedFact) -> dict[str, Any]:
        return {"drug_class": fact.code, "started_on": str(fact.day)}

    _record(Treatment, facts, row, "treatment", by, source)


def record_diagnoses(facts: Sequence[DatedFact], *, by: User | None, source: str) -> None:
    """Record diagnoses; one that is on record already stays as it is."""

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
        model._default_manager.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
