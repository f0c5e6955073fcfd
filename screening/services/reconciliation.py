"""After a restore: the lost allocations put back, with the risk each rests on and the offer that follows it."""

from collections.abc import Mapping, Sequence

from screening.models import CovariateScore, ModelVersion, RiskAssessment
from screening.services import covariates
from screening.services.cohort import SUMMED_UP, evidence, open_referrals
from trial import audit, bulk
from trial.models import Allocation, Trial, User
from trial.roles import Permission
from trial.services.reconciliation import lost_of, put_back, require_whole
from trial.services.trials import Refused, require


def reconcile(trial: Trial, *, by: User) -> list[Allocation]:
    """Put back what the log has and the database lost, all of it or nothing."""
    require(by, Permission.UPLOAD_ALLOCATION_LIST, trial)
    with audit.context(by=by, why="The record is reconciled with the allocation log"):
        Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
        rows = require_whole(lost_of(trial))
        if not rows:
            raise Refused("The record has every allocation of the log. There is nothing to put back.")
        _put_back_risks(rows)
        put_back(trial, rows, by=by)
        open_referrals(rows, by=by)
    return rows


def _put_back_risks(rows: Sequence[Allocation]) -> None:
    """Write what made each person high risk, from the evidence of the draw, where the record says otherwise."""
    people = [row.participant for row in rows]
    known = {r.participant_id: r for r in RiskAssessment.objects.filter(participant__in=people)}
    models = {model.sha256: model for model in ModelVersion.objects.all()}
    risks = [_risk(row, models) for row in rows]
    bulk.insert([r for r in risks if r.participant_id not in known])
    changed = [
        r for r in risks if r.participant_id in known and evidence(r) != evidence(known[r.participant_id])
    ]
    for risk in changed:
        risk.pk = known[risk.participant_id].pk
    bulk.update(changed, SUMMED_UP)


def _risk(row: Allocation, models: Mapping[str, ModelVersion]) -> RiskAssessment:
    said = row.evidence
    return RiskAssessment(
        participant=row.participant,
        model_version=models.get(said["weights_sha256"]),
        films_counted=said["films_counted"],
        films_positive=said["films_positive"],
        risk_class=said["risk_class"],
        films=said["films"],
        covariate_score=_score_of(row),
        occurred_at=row.occurred_at,
        protocol_version=row.protocol_version,
    )


def _score_of(row: Allocation) -> CovariateScore | None:
    """Return the score by facts that a draw rested on; where the restore lost it, the same facts give it again."""
    said = row.evidence.get("covariate_score")
    if said is None:
        return None
    version, person = row.protocol_version, row.participant
    if known := CovariateScore.objects.filter(pk=said["id"]).first():
        return known
    again = covariates.score_people(person.trial, [person], version=version, by=None).get(person.pk)
    if again is None or again.covariates_sha256 != said["sha256"]:
        raise Refused(
            f"The facts that put {person} at high risk were lost, and others are on record. Enter what was known "
            "on that day, then reconcile again. Nothing was put back."
        )
    return again
