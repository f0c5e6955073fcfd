"""The primary endpoint looked at otherwise: in other populations, and with what is missing supposed at its worst."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.effects import ENDPOINTS, Effect, Event, effect
from analysis.plan import Plan
from analysis.subjects import Arm, SubjectRow


@dataclass(frozen=True)
class Sensitivity:
    """One other look at the primary endpoint: what was done otherwise, and what came of it."""

    label: str
    definition: str
    effect: Effect


def sensitivity(rows: Sequence[SubjectRow], plan: Plan) -> list[Sensitivity]:
    """Estimate the effect on the primary endpoint in each further population, then in both extreme cases."""
    endpoint = next(e for e in ENDPOINTS if e.key == plan.primary)
    chosen = [plan.analysis_set(name) for name in plan.sensitivity]
    found = [
        Sensitivity(
            people.label,
            people.definition,
            effect(plan.counted(people.select(rows), endpoint), endpoint, plan.methods),
        )
        for people in chosen
    ]
    return found + (_extremes(rows, plan) if plan.best_and_worst else [])


def _extremes(rows: Sequence[SubjectRow], plan: Plan) -> list[Sensitivity]:
    """Suppose that of those who withdrew without the endpoint everybody in one arm had it, and nobody in the other."""
    endpoint = next(e for e in ENDPOINTS if e.key == plan.primary)
    members = plan.analysis_set(plan.population).select(rows)
    found = []
    cases: tuple[tuple[Arm, str], ...] = (("screening", "Best case"), ("control", "Worst case"))
    for arm, label in cases:
        supposed = endpoint._replace(happened=_supposing(endpoint.happened, arm))
        said = (
            f"everybody who withdrew from the {arm} arm without the endpoint had it, nobody of the other arm"
        )
        found.append(Sensitivity(label, said, effect(members, supposed, plan.methods)))
    return found


def _supposing(happened: Event, arm: Arm) -> Event:
    return lambda row: happened(row) or (row.withdrawn and row.arm == arm)
