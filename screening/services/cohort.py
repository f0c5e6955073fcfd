"""From scores to people: who is eligible, who is at high risk, and the cohort that is randomized."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from screening.models import Radiograph, RiskAssessment, Score
from screening.risk import RiskClass, summarize
from screening.services import referral
from screening.services.scoring import pinned_model
from screening.vocabulary import COUNTING, DiagnosisCode, DrugClass, FilmState
from trial import audit, clock
from trial.eligibility import Eligibility, Facts, PriorEvent
from trial.models import Allocation, Arm, Cohort, Participant, ProtocolVersion, Trial, User
from trial.partial_dates import parse
from trial.protocol import Protocol
from trial.protocol_parts import Exclusion
from trial.services import allocation, conduct
from trial.services.allocation import Candidate
from trial.services.trials import Refused
from trial.states import State

EXCLUDING_DIAGNOSES = {
    DiagnosisCode.OSTEOPOROSIS: Exclusion.OSTEOPOROSIS,
    DiagnosisCode.OSTEOPOROTIC_FRACTURE: Exclusion.OSTEOPOROTIC_FRACTURE,
}


def facts_of(participant: Participant, protocol: Protocol) -> Facts:
    """Gather what the criteria ask about one participant."""
    films = participant.radiographs.filter(state__in=COUNTING)
    bounds = participant.birth_earliest, participant.birth_latest
    return Facts(
        has_film_in_window=any(protocol.film_window.contains(f.study_date) for f in films if f.study_date),
        birth=(bounds[0], bounds[1]) if bounds[0] and bounds[1] else None,
        died=parse(participant.died_on) if participant.died_on else None,
        events=tuple(_events(participant)),
    )


def _events(participant: Participant) -> Iterable[PriorEvent]:
    for exam in participant.dxa_exams.all():
        yield PriorEvent(Exclusion.EARLIER_DXA, parse(exam.exam_date))
    for diagnosis in participant.diagnoses.all():
        if kind := EXCLUDING_DIAGNOSES.get(DiagnosisCode(diagnosis.code)):
            yield PriorEvent(kind, parse(diagnosis.diagnosed_on))
    for treatment in participant.treatments.all():
        yield PriorEvent(Exclusion.ANTI_OSTEOPOROTIC_DRUG, parse(treatment.started_on), drug=treatment.drug_class)


def assess(participant: Participant, *, by: User | None) -> Eligibility:
    """Judge one participant by the protocol in force."""
    facts = facts_of(participant, participant.trial.protocol)
    return conduct.assess_participant(participant, facts=facts, by=by)


def films_that_count(participant: Participant, protocol: Protocol) -> list[Score]:
    """Return the scores of the participant's films inside the film window, oldest first."""
    scores = Score.objects.filter(
        radiograph__participant=participant,
        radiograph__state=FilmState.SCORED,
        radiograph__study_date__range=(protocol.film_window.first, protocol.film_window.last),
        model_version__name=protocol.score.name,
        model_version__version=protocol.score.version,
    )
    return list(scores.order_by("radiograph__study_date", "radiograph_id"))


def unscored(trial: Trial) -> int:
    """Count films that still wait for a score."""
    return Radiograph.objects.filter(trial=trial, state__in=[FilmState.RECEIVED, FilmState.ELIGIBLE]).count()


def freeze_risk(participant: Participant, *, by: User | None) -> RiskAssessment | None:
    """Sum up a participant's films by the patient rule and freeze the answer with the films that counted."""
    known = RiskAssessment.objects.filter(participant=participant).first()
    if known:
        return known
    version: ProtocolVersion = participant.trial.protocol_version
    protocol = version.protocol
    scores = films_that_count(participant, protocol)
    if not scores:
        return None
    positive = sum(score.positive for score in scores)
    with audit.context(by=by, why="The patient rule is applied"):
        return RiskAssessment.objects.create(
            participant=participant,
            model_version=scores[0].model_version,
            films_counted=len(scores),
            films_positive=positive,
            risk_class=summarize(positive, len(scores), protocol.high_risk),
            films=[str(score.radiograph_id) for score in scores],
            occurred_at=clock.now(participant.trial),
            protocol_version=version,
        )


def evidence(risk: RiskAssessment) -> dict[str, Any]:
    """Return, as plain values, why a participant is at high risk: kept in the allocation for ever."""
    return {
        "risk_class": risk.risk_class,
        "films_counted": risk.films_counted,
        "films_positive": risk.films_positive,
        "films": risk.films,
        "model": str(risk.model_version) if risk.model_version else None,
        "weights_sha256": risk.model_version.sha256 if risk.model_version else None,
    }


def freeze_cohort(trial: Trial, *, by: User, occurred_at: datetime | None = None) -> Cohort:
    """Judge everybody, apply the patient rule, and freeze the eligible at high risk as a cohort."""
    if waiting := unscored(trial):
        raise Refused(f"{waiting} films still wait for their score. Wait until they are scored, then freeze.")
    pinned_model(trial)
    people = Participant.objects.filter(trial=trial, state__in=[State.REGISTERED, State.ELIGIBLE, State.NOT_ELIGIBLE])
    people = people.select_related("trial", "site").prefetch_related("radiographs", "dxa_exams", "diagnoses", "treatments")
    candidates = []
    for person in people:
        if not assess(person, by=by).eligible:
            continue
        risk = freeze_risk(person, by=by)
        if risk and risk.risk_class == RiskClass.HIGH:
            candidates.append(Candidate(person, evidence(risk)))
    return allocation.freeze_cohort(trial, candidates=candidates, by=by, occurred_at=occurred_at)


def randomize_cohort(cohort: Cohort, *, by: User, occurred_at: datetime | None = None) -> list[Allocation]:
    """Randomize a frozen cohort and open the screening arm's referrals."""
    with audit.context(by=by, why="Randomization of a cohort"):
        made = allocation.randomize_cohort(cohort, by=by, occurred_at=occurred_at)
        open_referrals(made, by=by)
    return made


def randomize(participant: Participant, *, by: User, occurred_at: datetime | None = None) -> Allocation:
    """Randomize one participant at high risk; a second request returns the first allocation."""
    if known := Allocation.objects.filter(participant=participant).first():
        return known
    with audit.context(by=by, why="Randomization"):
        verdict = assess(participant, by=by)
        if not verdict.eligible:
            raise Refused("Not randomized: " + " ".join(r.sentence for r in verdict.reasons))
        risk = freeze_risk(participant, by=by)
        if risk is None or risk.risk_class != RiskClass.HIGH:
            raise Refused("Not randomized: only participants at high risk are. Nothing was drawn.")
        made = allocation.randomize(Candidate(participant, evidence(risk)), by=by, occurred_at=occurred_at)
        open_referrals([made], by=by)
    return made


def open_referrals(made: Sequence[Allocation], *, by: User | None) -> None:
    """Open a referral for each allocation to the screening arm that has none yet."""
    referral.open_all([a for a in made if a.arm == Arm.SCREENING], by=by)

