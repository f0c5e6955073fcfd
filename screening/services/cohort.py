"""From scores to people: who is eligible, who is at high risk, and the cohort that is randomized."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeGuard
from uuid import UUID

from django.db.models import Prefetch, Q

from screening.models import CovariateScore, Radiograph, RiskAssessment, Score
from screening.risk import RiskClass, is_positive, summarize
from screening.services import covariates, referral
from screening.services.scoring import pinned_model
from screening.vocabulary import COUNTING, DiagnosisCode, FilmState
from trial import allocation_log, audit, bulk, clock
from trial.eligibility import Eligibility, Facts, PriorEvent
from trial.models import Allocation, Arm, Cohort, Participant, ProtocolVersion, Trial, TrialKind, User
from trial.partial_dates import parse
from trial.protocol import Protocol
from trial.protocol_parts import Exclusion, ScoreKind
from trial.roles import Permission
from trial.services import allocation, conduct
from trial.services.allocation import Candidate
from trial.services.registrations import Merges, merges_in
from trial.services.trials import Refused, require
from trial.states import State

HISTORY = ("radiographs", "dxa_exams", "diagnoses", "treatments")  # what facts_of reads
SUMMED_UP = (
    "model_version",
    "films_counted",
    "films_positive",
    "risk_class",
    "films",
    "covariate_score",
    "occurred_at",
    "protocol_version",
)
EXCLUDING_DIAGNOSES = {
    DiagnosisCode.OSTEOPOROSIS: Exclusion.OSTEOPOROSIS,
    DiagnosisCode.OSTEOPOROTIC_FRACTURE: Exclusion.OSTEOPOROTIC_FRACTURE,
}


class NotEligible(Refused):
    """This participant does not meet the protocol's criteria; the message says which."""

    code = "not_eligible"


class CohortChanged(Refused):
    """Somebody of a frozen cohort is no longer what the freeze saw; the message says who."""

    code = "cohort_changed"


class NotHighRisk(Refused):
    """The patient rule does not put this participant at high risk, or no film of theirs counts."""

    code = "not_high_risk"


def facts_of(participant: Participant, protocol: Protocol, merges: Merges) -> Facts:
    """Gather what the criteria ask about one participant, from all registrations merged into theirs."""
    registrations = [participant, *merges.merged.get(participant.pk, ())]
    films = [film for one in registrations for film in _history(one, "radiographs")]
    days = [f.study_date for f in films if f.state in COUNTING and f.study_date]
    bounds = participant.birth_earliest, participant.birth_latest
    return Facts(
        has_film_in_window=any(map(protocol.film_window.contains, days)),
        birth=(bounds[0], bounds[1]) if bounds[0] and bounds[1] else None,
        died=parse(participant.died_on) if participant.died_on else None,
        events=tuple(event for one in registrations for event in _events(one)),
        merged=participant.pk in merges.survivors,
    )


def _history(participant: Participant, name: str) -> Iterable[Any]:
    read = getattr(participant, f"{name}_read", None)
    return getattr(participant, name).all() if read is None else read


def _whole_history() -> list[Prefetch]:
    """Read the history of many people into plain lists: a queryset for each of them takes twice as long."""
    return [Prefetch(name, to_attr=f"{name}_read") for name in HISTORY]


def _events(participant: Participant) -> Iterable[PriorEvent]:
    for exam in _history(participant, "dxa_exams"):
        yield PriorEvent(Exclusion.EARLIER_DXA, parse(exam.exam_date))
    for diagnosis in _history(participant, "diagnoses"):
        if kind := EXCLUDING_DIAGNOSES.get(DiagnosisCode(diagnosis.code)):
            yield PriorEvent(kind, parse(diagnosis.diagnosed_on))
    for treatment in _history(participant, "treatments"):
        yield PriorEvent(
            Exclusion.ANTI_OSTEOPOROTIC_DRUG, parse(treatment.started_on), drug=treatment.drug_class
        )


def assess(participant: Participant, *, by: User | None) -> Eligibility:
    """Judge one participant by the protocol in force."""
    facts = facts_of(participant, participant.trial.protocol, merges_in(participant.trial))
    return conduct.assess_participant(participant, facts=facts, by=by)


def unscored(trial: Trial) -> int:
    """Count films that still wait for a score."""
    return Radiograph.objects.filter(trial=trial, state__in=[FilmState.RECEIVED, FilmState.ELIGIBLE]).count()


def sum_up_films(
    trial: Trial,
    *,
    people: Sequence[Participant],
    by: User | None,
    version: ProtocolVersion | None = None,
    merges: Merges | None = None,
) -> dict[UUID, RiskAssessment]:
    """Apply the patient rule to the films, or facts, that count now; what an allocation rests on stays as it was."""
    version = version or trial.protocol_version
    rows = RiskAssessment.objects.filter(participant__in=people)
    rows = rows.select_related("model_version", "covariate_score")
    known = {r.participant_id: r for r in rows}
    frozen = set(Allocation.objects.filter(participant__in=people).values_list("participant_id", flat=True))
    frozen |= {pk for pk, risk in known.items() if risk.brought_along}
    open_people = [p for p in people if p.pk not in frozen]
    by_facts = version.protocol.score.kind is ScoreKind.COVARIATES
    if by_facts:
        now = _by_facts(version, trial, open_people, by)
    else:
        counted = _scores(version.protocol, open_people, merges or merges_in(trial))
        judged = counted.keys() | (known.keys() - frozen)
        now = {pk: _risk(version, trial, pk, counted[pk]) for pk in judged}
    new = [risk for pk, risk in now.items() if pk not in known]
    changed = [_with(known[pk], now[pk]) for pk in known.keys() & now.keys() if _moved(known[pk], now[pk])]
    with audit.context(by=by, why="The patient rule is applied"):
        bulk.insert(new)
        bulk.update(changed, SUMMED_UP)
    return known | {r.participant_id: r for r in new}


def _by_facts(
    version: ProtocolVersion, trial: Trial, people: Sequence[Participant], by: User | None
) -> dict[UUID, RiskAssessment]:
    scores = covariates.score_people(trial, people, version=version, by=by)
    return {pk: _risk_by_facts(version, trial, score) for pk, score in scores.items()}


def _risk_by_facts(version: ProtocolVersion, trial: Trial, score: CovariateScore) -> RiskAssessment:
    risk_class = RiskClass.NONE  # no probability is no low risk
    if score.probability is not None:
        positive = is_positive(score.probability, version.protocol.score.threshold)
        risk_class = RiskClass.HIGH if positive else RiskClass.LOW
    return RiskAssessment(
        participant_id=score.participant_id,
        model_version=score.model_version,
        films_counted=0,
        films_positive=0,
        risk_class=risk_class,
        covariate_score=score,
        occurred_at=clock.now(trial),
        protocol_version=version,
    )


def _moved(before: RiskAssessment, now: RiskAssessment) -> bool:
    return evidence(before) != evidence(now)


def _with(known: RiskAssessment, now: RiskAssessment) -> RiskAssessment:
    for name in SUMMED_UP:
        setattr(known, name, getattr(now, name))
    return known


def _scores(protocol: Protocol, people: Sequence[Participant], merges: Merges) -> dict[UUID, list[Score]]:
    """Return, by participant, the scores of the films that count for them, oldest first."""
    window, counts_for = protocol.film_window, {p.pk: p.pk for p in people if p.pk not in merges.survivors}
    counts_for |= {one.pk: pk for pk in list(counts_for) for one in merges.merged.get(pk, ())}
    scores = Score.objects.filter(
        radiograph__participant__in=list(counts_for),
        radiograph__state=FilmState.SCORED,
        radiograph__study_date__range=(window.first, window.last),
        model_version__name=protocol.score.name,
        model_version__version=protocol.score.version,
    ).select_related("radiograph", "model_version")
    counted: dict[UUID, list[Score]] = defaultdict(list)
    for score in scores.order_by("radiograph__study_date", "radiograph_id"):
        if owner := score.radiograph.participant_id:
            counted[counts_for[owner]].append(score)
    return counted


def _risk(
    version: ProtocolVersion, trial: Trial, participant_id: UUID, scores: Sequence[Score]
) -> RiskAssessment:
    protocol = version.protocol
    # By the threshold in force, which an amendment may have changed since the film was scored.
    positive = sum(is_positive(score.mean, protocol.score.threshold) for score in scores)
    return RiskAssessment(
        participant_id=participant_id,
        model_version=scores[0].model_version if scores else None,
        films_counted=len(scores),
        films_positive=positive,
        risk_class=summarize(positive, len(scores), protocol.high_risk) if scores else RiskClass.NONE,
        films=[str(score.radiograph_id) for score in scores],
        occurred_at=clock.now(trial),
        protocol_version=version,
    )


def recorded_facts(trial: Trial, people: Sequence[Participant]) -> dict[UUID, Facts]:
    """Gather what the criteria ask about people of a recorded trial, who had a film as it says."""
    protocol, merges = trial.protocol, merges_in(trial)
    rows = Participant.objects.filter(pk__in=[p.pk for p in people]).prefetch_related(*_whole_history())
    return {p.pk: replace(facts_of(p, protocol, merges), has_film_in_window=True) for p in rows}


def record_risks(trial: Trial, *, films: Mapping[UUID, tuple[int, int]], by: User | None) -> None:
    """Write what a recorded trial says of each participant's films, (counted, positive); its films are elsewhere."""
    if trial.kind != TrialKind.RECORDED:
        raise Refused(
            "Only a recorded trial brings its film counts along. Send the films, then freeze the cohort."
        )
    version = trial.protocol_version
    rule = version.protocol.high_risk
    stamped = conduct.stamp(trial, None)
    with audit.context(by=by, why="Film counts of a recorded trial"):
        bulk.insert(
            [
                RiskAssessment(
                    participant_id=participant_id,
                    films_counted=counted,
                    films_positive=positive,
                    risk_class=summarize(positive, counted, rule),
                    **stamped,
                )
                for participant_id, (counted, positive) in films.items()
            ]
        )


def is_high(risk: RiskAssessment | None) -> TypeGuard[RiskAssessment]:
    """Say whether the patient rule puts somebody at high risk."""
    return risk is not None and risk.risk_class == RiskClass.HIGH


def evidence(risk: RiskAssessment) -> dict[str, Any]:
    """Return, as plain values, why a participant is at high risk: kept in the allocation for ever."""
    by_facts = risk.covariate_score
    rests_on = {} if by_facts is None else {"covariate_score": {
        "id": str(by_facts.pk), "sha256": by_facts.covariates_sha256, "probability": str(by_facts.probability)
    }}  # fmt: skip
    return {
        "risk_class": risk.risk_class,
        "films_counted": risk.films_counted,
        "films_positive": risk.films_positive,
        "films": risk.films,
        "model": str(risk.model_version) if risk.model_version else None,
        "weights_sha256": risk.model_version.sha256 if risk.model_version else None,
    } | rests_on


def freeze_cohort(trial: Trial, *, by: User, occurred_at: datetime | None = None) -> Cohort:
    """Judge everybody, apply the patient rule, and freeze the eligible at high risk as a cohort."""
    require(by, Permission.RANDOMIZE, trial)
    if waiting := unscored(trial):
        raise Refused(f"{waiting} films still wait for their score. Wait until they are scored, then freeze.")
    if trial.kind != TrialKind.RECORDED:
        pinned_model(trial)
        assess_trial(trial, by=by)
    with audit.context(by=by, why="A cohort is frozen"):
        # Those judged before are summed up anew, for their films may have been set aside.
        undrawn = Participant.objects.filter(trial=trial, allocation=None)
        people = list(undrawn.filter(Q(state=State.ELIGIBLE) | Q(risk__isnull=False)))
        risks = sum_up_films(trial, people=people, by=by)
        high = [p for p in people if p.state == State.ELIGIBLE and is_high(risks.get(p.pk))]
        candidates = [Candidate(p, evidence(risks[p.pk])) for p in high]
        return allocation.freeze_cohort(trial, candidates=candidates, by=by, occurred_at=occurred_at)


def assess_trial(trial: Trial, *, by: User | None) -> None:
    """Judge everybody who is not allocated yet."""
    protocol, merges = trial.protocol, merges_in(trial)
    people = Participant.objects.filter(trial=trial).exclude(state__in=conduct.SETTLED)
    people = people.prefetch_related(*_whole_history())
    conduct.assess_all(trial, facts={p.pk: facts_of(p, protocol, merges) for p in people}, by=by)


def randomize_cohort(cohort: Cohort, *, by: User, occurred_at: datetime | None = None) -> list[Allocation]:
    """Judge a frozen cohort once more, randomize it and open the screening arm's referrals."""
    with audit.context(by=by, why="Randomization of a cohort"):
        if cohort.trial.kind != TrialKind.RECORDED:
            _refuse_changed(cohort, by=by)
        made = allocation.randomize_cohort(cohort, by=by, occurred_at=occurred_at)
        open_referrals(made, by=by)
    return made


def _refuse_changed(cohort: Cohort, *, by: User) -> None:
    """Raise CohortChanged unless everybody still to be drawn is as the freeze saw them."""
    frozen = {line["study_number"]: line["evidence"] for line in cohort.manifest}
    cohort_now = Participant.objects.filter(study_number__in=frozen)
    # Whoever draws from this cohort now is done before we go on.
    list(cohort_now.order_by("pk").select_for_update().values_list("pk"))
    waiting = cohort_now.filter(allocation=None).prefetch_related(*_whole_history())
    protocol, trial, merges = cohort.trial.protocol, cohort.trial, merges_in(cohort.trial)
    facts = {p.pk: facts_of(p, protocol, merges) for p in waiting}
    verdicts = conduct.assess_all(trial, facts=facts, by=by)
    risks = sum_up_films(trial, people=list(waiting), by=by)
    states = dict(Participant.objects.filter(pk__in=verdicts).values_list("pk", "state"))
    changed = [
        p.study_number
        for p in waiting
        if states[p.pk] != State.ELIGIBLE or evidence(risks[p.pk]) != frozen[p.study_number]
    ]
    if changed:
        shown = ", ".join(sorted(changed)[:10]) + (" and others" if len(changed) > 10 else "")
        raise CohortChanged(
            f"{len(changed)} of the cohort changed since it was frozen: {shown}. They left the trial, are no longer "
            "eligible, or other films of theirs count now. Nobody was randomized. Freeze the cohort again."
        )


def randomize(
    participant: Participant, *, by: User | None, occurred_at: datetime | None = None
) -> Allocation:
    """Randomize one participant at high risk; a second request returns the first allocation."""
    if known := Allocation.objects.filter(participant=participant).first():
        allocation_log.append(
            participant.trial, [known]
        )  # whoever was to be answered first may have died before
        return known
    with audit.context(by=by, why="Randomization"):
        version, merges = participant.trial.protocol_version, merges_in(participant.trial)
        allocation.require_one_by_one(version)  # first: whatever is refused later tells of the risk
        facts = facts_of(participant, version.protocol, merges)
        verdict = conduct.assess_participant(participant, facts=facts, by=by)
        if not verdict.eligible:
            raise NotEligible("Not randomized: " + " ".join(r.sentence for r in verdict.reasons))
        risks = sum_up_films(participant.trial, people=[participant], by=by, version=version, merges=merges)
        risk = risks.get(participant.pk)
        if not is_high(risk):
            raise NotHighRisk("Not randomized: only participants at high risk are. Nothing was drawn.")
        made = allocation.randomize(Candidate(participant, evidence(risk)), by=by, occurred_at=occurred_at)
        open_referrals([made], by=by)
    return made


def open_referrals(made: Sequence[Allocation], *, by: User | None) -> None:
    """Open a referral for each allocation to the screening arm that has none yet."""
    referral.open_all([a for a in made if a.arm == Arm.SCREENING], by=by)
