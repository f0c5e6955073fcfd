"""What a plan asks beside the effects: an adjusted model, the effect among compliers, the time to an event."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.characteristics import BASELINE, Category
from analysis.compliance import ComplierEffect, complier_effect, exposures
from analysis.effects import ENDPOINTS, Endpoint
from analysis.plan import TIMED, Plan
from analysis.populations import by_arm
from analysis.regression import Adjusted, logistic
from analysis.significance import PValue
from analysis.subjects import LABELS, SubjectRow
from analysis.survival import Hazard, Times, cox, log_rank

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class TimeToEvent:
    """The time from randomization to an endpoint in both arms, in days."""

    endpoint: Endpoint
    screening: Times
    control: Times
    left_out: int
    hazard: Hazard
    test: PValue


@dataclass(frozen=True)
class Further:
    """Everything of a plan beyond the tables of effects; None or empty where the plan does not ask."""

    adjusted: Adjusted | None
    complier: ComplierEffect | None
    timed: tuple[TimeToEvent, ...]


def further(members: Sequence[SubjectRow], plan: Plan) -> Further:
    """Compute what the plan asks, among the people of its main population."""
    primary = _endpoint(plan.primary)
    people = plan.counted(members, primary)
    timed = tuple(time_to(members, _endpoint(key)) for key in plan.timed)
    return Further(
        _adjusted(people, primary, plan) if plan.covariates or plan.cluster else None,
        _complier(people, primary, plan.exposure) if plan.exposure else None,
        timed,
    )


def _endpoint(key: str) -> Endpoint:
    return next(endpoint for endpoint in ENDPOINTS if endpoint.key == key)


def _adjusted(people: Sequence[SubjectRow], primary: Endpoint, plan: Plan) -> Adjusted:
    variables = [variable for variable in BASELINE if variable.key in plan.covariates]
    return logistic(
        [primary.happened(row) for row in people],
        [row.arm == "screening" for row in people],
        strata={
            v.key: [v.value(row) or NOT_RECORDED for row in people]
            for v in variables
            if isinstance(v, Category)
        },
        covariates={
            v.key: [v.value(row) for row in people] for v in variables if not isinstance(v, Category)
        },
        clusters=[row.site for row in people] if plan.cluster else None,
    )


def _complier(people: Sequence[SubjectRow], primary: Endpoint, exposure: str) -> ComplierEffect:
    counted = exposures(people, lambda row: bool(getattr(row, exposure)), primary.happened)
    return complier_effect(counted["screening"], counted["control"], exposure=LABELS[exposure])


def time_to(members: Sequence[SubjectRow], endpoint: Endpoint) -> TimeToEvent:
    """Compare the time from randomization to an endpoint; who had it before that day counts on day 0.

    Who has no recorded day of randomization, or no end of follow-up, is left out and counted.
    """
    arms = by_arm(members)
    known = {
        arm: [row for row in rows if row.randomized_on and row.followed_to] for arm, rows in arms.items()
    }
    screening, control = (_times(known[arm], endpoint) for arm in ("screening", "control"))
    left_out = sum(map(len, arms.values())) - sum(map(len, known.values()))
    return TimeToEvent(
        endpoint, screening, control, left_out, cox(screening, control), log_rank(screening, control)
    )


def _times(people: Sequence[SubjectRow], endpoint: Endpoint) -> Times:
    days, happened = [], []
    for row in people:
        on = getattr(row, TIMED[endpoint.key])
        assert row.randomized_on and row.followed_to
        days.append(max(0, ((on or row.followed_to) - row.randomized_on).days))
        happened.append(on is not None)
    return Times(tuple(days), tuple(happened))
