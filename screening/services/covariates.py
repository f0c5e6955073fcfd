"""What an index test of facts alone says of people: asked of what is on record now, kept with what was asked."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from screening.index_test import Answer, Covariate, Study
from screening.models import CovariateScore
from screening.risk_scores import NO, YES
from screening.services.scoring import pinned_model
from trial import audit, bulk
from trial.ages import age_bounds
from trial.canonical import checksum
from trial.models import Baseline, Participant, ProtocolVersion, Trial, User
from trial.protocol import Protocol
from trial.services import conduct
from trial.states import State

YES_OR_NO = tuple(f.name for f in Baseline._meta.get_fields() if f.get_internal_type() == "BooleanField")
ASKED = (State.REGISTERED, State.ELIGIBLE, State.NOT_ELIGIBLE)  # nobody who left the trial is examined


def facts_of(
    participant: Participant, baseline: Baseline | None, protocol: Protocol
) -> dict[str, str | None]:
    """Return what is on record of a person, in words and digits; None is not known.

    The age counts on the protocol's index date, and is not known where the birth date leaves two.
    """
    bounds = participant.birth_earliest, participant.birth_latest
    ages = set(age_bounds((bounds[0], bounds[1]), protocol.index_date)) if bounds[0] and bounds[1] else set()
    bmi = baseline.bmi if baseline else None
    return {
        "age": str(ages.pop()) if len(ages) == 1 else None,
        "sex": participant.sex,
        "bmi": None if bmi is None else f"{bmi:.1f}",
    } | {name: _yes_or_no(getattr(baseline, name, None)) for name in YES_OR_NO}


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else YES if value else NO


def study_of(facts: dict[str, str | None]) -> Study:
    """Return a person's facts as the test is asked."""
    numbers = ("age", "bmi")
    asked: dict[str, Covariate] = dict(facts)
    return Study(covariates=asked | {n: Decimal(said) for n in numbers if (said := facts[n])})


def score_people(
    trial: Trial, people: Sequence[Participant], *, version: ProtocolVersion, by: User | None
) -> dict[UUID, CovariateScore]:
    """Return the score of each person by what is on record now; who has none of these very facts is examined."""
    model, test = pinned_model(trial)
    baselines = {b.participant_id: b for b in Baseline.objects.filter(participant__in=people)}
    facts = {p.pk: facts_of(p, baselines.get(p.pk), version.protocol) for p in people}
    hashes = {pk: checksum(said) for pk, said in facts.items()}
    rows = CovariateScore.objects.filter(participant__in=facts, model_version=model)
    known = {(row.participant_id, row.covariates_sha256): row for row in rows}
    new = [p.pk for p in people if (p.pk, hashes[p.pk]) not in known and p.state in ASKED]
    stamped: dict[str, Any] = conduct.stamp(trial, None) | {"model_version": model}
    with audit.context(by=by, why="People are scored by facts"):
        made = [
            CovariateScore(
                participant_id=pk,
                covariates=facts[pk],
                covariates_sha256=hashes[pk],
                **_said(test.run(study_of(facts[pk]))),
                **stamped,
            )
            for pk in new
        ]
        bulk.insert(made)
    known |= {(row.participant_id, row.covariates_sha256): row for row in made}
    return {pk: known[key] for pk in facts if (key := (pk, hashes[pk])) in known}


def _said(answer: Answer) -> dict[str, Any]:
    return {"probability": answer.probability, "reasons": list(answer.reasons)}
