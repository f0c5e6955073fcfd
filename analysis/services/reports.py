"""The report of a freeze: everything that is shown, computed from the frozen rows alone."""

from dataclasses import dataclass
from functools import lru_cache

from analysis import dataset
from analysis.cascades import Bar, cascade
from analysis.characteristics import PREDICTORS, STEPS, baseline, uptake
from analysis.consort import Flow, Intake, flow
from analysis.effects import DETECTED, Effect, SubgroupEffect, effects, subgroup_effects
from analysis.models import Freeze
from analysis.populations import CONTROL_ARM, INTENTION_TO_TREAT, LOW_RISK, SCREENING_ARM, by_arm
from analysis.services.freezes import subjects_csv
from analysis.subjects import SubjectRow
from analysis.tables import Table, baseline_table, cascade_table, effect_table, subgroup_table, uptake_table


@dataclass(frozen=True)
class Report:
    """Everything a report shows, computed from one freeze."""

    rows: list[SubjectRow]
    flow: Flow
    effects: list[Effect]
    subgroups: list[SubgroupEffect]
    cascades: dict[str, list[Bar]]
    tables: dict[str, Table]

    @property
    def primary(self) -> Effect:
        """Return the effect on the primary endpoint."""
        return next(e for e in self.effects if e.key == DETECTED.key)

    @property
    def primary_subgroups(self) -> SubgroupEffect:
        """Return the primary endpoint by the age-and-sex subgroup."""
        return next(s for s in self.subgroups if s.endpoint.key == DETECTED.key)


def report(frozen: Freeze) -> Report:
    """Compute the report of a freeze; a freeze never changes, so the last few are remembered."""
    return _report(frozen.sha256, subjects_csv(frozen), tuple(sorted(_flat(frozen.intake).items())))


def _flat(intake: dict) -> dict:
    return {k: tuple(sorted(v.items())) if isinstance(v, dict) else v for k, v in intake.items()}


@lru_cache(maxsize=4)
def _report(_sha256: str, text: str, intake: tuple) -> Report:
    counts = dict(intake)
    return make_report(dataset.from_csv(text), Intake(**counts | {"set_aside": dict(counts["set_aside"])}))


def make_report(rows: list[SubjectRow], intake: Intake) -> Report:
    """Compute flow, effects, subgroups, cascades and tables; raise where the numbers don't add up."""
    counted, found, groups = flow(rows, intake), effects(rows), subgroup_effects(rows)
    cascades = {
        "screening": cascade(SCREENING_ARM.select(rows), SCREENING_ARM.label, offered=True),
        "control": cascade(CONTROL_ARM.select(rows), CONTROL_ARM.label, offered=False),
        "low_risk": cascade(LOW_RISK.select(rows), LOW_RISK.label, offered=False),
    }
    arms = by_arm(INTENTION_TO_TREAT.select(rows))
    steps = uptake(SCREENING_ARM.select(rows), PREDICTORS, STEPS)
    tables = [
        effect_table(found),
        subgroup_table(groups),
        baseline_table(baseline(rows), (len(arms["screening"]), len(arms["control"]))),
        uptake_table(steps, [step.label for step in STEPS]),
        *(cascade_table(bars, title=bars[0].label) for bars in cascades.values()),
    ]
    return Report(rows, counted, found, groups, cascades, dict(zip(_TABLES, tables, strict=True)))


_TABLES = (
    "effects",
    "subgroups",
    "baseline",
    "uptake",
    "cascade_screening",
    "cascade_control",
    "cascade_low_risk",
)
