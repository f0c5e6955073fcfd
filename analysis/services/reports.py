"""The report of a freeze: everything that is shown, computed from the frozen rows alone, as the plan says."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from analysis import dataset
from analysis.accrual import Accrual
from analysis.agreement import check_effects, check_flow, check_subgroups
from analysis.cascades import Bar, cascade
from analysis.characteristics import PREDICTORS, STEPS, baseline, uptake
from analysis.conduct import Record, accrual_of, conduct_tables
from analysis.consort import Flow, Intake, flow
from analysis.effects import (
    DETECTED,
    ENDPOINTS,
    EXAMINED,
    SUBGROUPS,
    Effect,
    SubgroupEffect,
    effect,
    effects,
    subgroup_effect,
)
from analysis.fracture_risk import FractureRisk, fracture_risk
from analysis.further import Further, further
from analysis.models import Freeze
from analysis.plan import UNPLANNED, Plan, read
from analysis.populations import CONTROL_ARM, LOW_RISK, SCREENING_ARM, by_arm
from analysis.sensitivity import Sensitivity, sensitivity
from analysis.services.freezes import subjects_csv
from analysis.subjects import SubjectRow
from analysis.tables import (
    Table,
    baseline_table,
    cascade_table,
    effect_table,
    fracture_risk_table,
    further_table,
    sensitivity_table,
    subgroup_table,
    uptake_table,
)


@dataclass(frozen=True)
class Report:
    """Everything a report shows, computed from one freeze; without a signed plan all of it is post hoc."""

    rows: list[SubjectRow]
    plan: Plan
    planned: bool
    flow: Flow
    effects: list[Effect]
    post_hoc: list[Effect]
    sensitivity: list[Sensitivity]
    subgroups: list[SubgroupEffect]
    further: Further
    cascades: dict[str, list[Bar]]
    fracture_risk: FractureRisk
    accrual: Accrual | None
    tables: dict[str, Table]

    @property
    def primary(self) -> Effect:
        """Return the effect on the primary endpoint."""
        return next(e for e in self.effects if e.key == self.plan.primary)

    @property
    def primary_subgroups(self) -> SubgroupEffect | None:
        """Return the primary endpoint by the first subgroup, if the plan has one."""
        return next((s for s in self.subgroups if s.endpoint.key == self.plan.primary), None)


def report(frozen: Freeze) -> Report:
    """Compute the report of a freeze; a freeze never changes, so the last few are remembered."""
    text, intake = subjects_csv(frozen), tuple(sorted(_flat(frozen.intake).items()))
    conduct = json.dumps(frozen.conduct, sort_keys=True)
    return _report(frozen.sha256, text, intake, conduct, frozen.plan.text if frozen.plan else "")


def _flat(intake: dict) -> dict:
    return {k: tuple(sorted(v.items())) if isinstance(v, dict) else v for k, v in intake.items()}


@lru_cache(maxsize=4)
def _report(_sha256: str, text: str, intake: tuple, conduct: str, plan: str) -> Report:
    counts = dict(intake)
    counted = Intake(**counts | {"set_aside": dict(counts["set_aside"])})
    return make_report(dataset.from_csv(text), counted, read(plan) if plan else None, json.loads(conduct))


def make_report(
    rows: list[SubjectRow], intake: Intake, plan: Plan | None = None, conduct: Record = MappingProxyType({})
) -> Report:
    """Compute flow, effects, subgroups, cascades and tables; raise where the numbers don't add up or disagree."""
    planned, plan = plan is not None, plan or UNPLANNED
    counted, people = flow(rows, intake), plan.analysis_set(plan.population)
    members = people.select(rows)
    found, others = _effects(members, plan, planned=True), _effects(members, plan, planned=False)
    groups = _subgroups(members, plan)
    checks = effects(rows, (EXAMINED, DETECTED))
    check_effects([*found, *others])
    check_subgroups(groups, found)
    check_flow(counted, checks)
    tested, beyond = sensitivity(rows, plan), further(members, plan)
    cascades = {
        "screening": cascade(SCREENING_ARM.select(rows), SCREENING_ARM.label, offered=True),
        "control": cascade(CONTROL_ARM.select(rows), CONTROL_ARM.label, offered=False),
        "low_risk": cascade(LOW_RISK.select(rows), LOW_RISK.label, offered=False),
    }
    risks = fracture_risk(rows)
    tables = {
        "effects": effect_table(found, population=people.label, post_hoc=not planned),
        "effects_post_hoc": effect_table(others, population=people.label, post_hoc=True),
        "sensitivity": sensitivity_table(tested, post_hoc=not planned),
        "further": further_table(beyond, post_hoc=not planned),
        "subgroups": subgroup_table(groups, population=people.label, post_hoc=not planned),
        **_descriptions(rows, plan),
        "fracture_risk": fracture_risk_table(risks),
        **conduct_tables(rows, conduct, intake),
        **{f"cascade_{name}": cascade_table(bars, title=bars[0].label) for name, bars in cascades.items()},
    }
    return Report(
        rows,
        plan,
        planned,
        counted,
        found,
        others,
        tested,
        groups,
        beyond,
        cascades,
        risks,
        accrual_of(rows, conduct),
        tables,
    )


def _effects(members: Sequence[SubjectRow], plan: Plan, *, planned: bool) -> list[Effect]:
    chosen = [e for e in ENDPOINTS if (e.key in plan.endpoints) == planned]
    return [effect(plan.counted(members, endpoint), endpoint, plan.methods) for endpoint in chosen]


def _subgroups(members: Sequence[SubjectRow], plan: Plan) -> list[SubgroupEffect]:
    endpoints = [e for e in ENDPOINTS if e.key in plan.subgroup_endpoints]
    return [
        subgroup_effect(plan.counted(members, endpoint), endpoint, SUBGROUPS[key], plan.methods)
        for key in plan.subgroups
        for endpoint in endpoints
    ]


def _descriptions(rows: Sequence[SubjectRow], plan: Plan) -> dict[str, Table]:
    arms = by_arm(rows)
    predictors = [category for category in PREDICTORS if category.key in plan.predictors]
    steps = uptake(SCREENING_ARM.select(rows), predictors, STEPS)
    totals = (len(arms["screening"]), len(arms["control"]))
    return {
        "baseline": baseline_table(baseline(rows), totals, tested=plan.baseline_tests),
        "uptake": uptake_table(steps, [step.label for step in STEPS]),
    }
