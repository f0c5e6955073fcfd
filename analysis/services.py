"""Freezing datasets and making reports of them; analysis reads the trial's record and writes only this."""

import gzip
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from analysis import dataset
from analysis.cascades import Bar, cascade
from analysis.characteristics import PREDICTORS, STEPS, baseline, uptake
from analysis.consort import Flow, Intake, flow
from analysis.effects import DETECTED, Effect, SubgroupEffect, effects, subgroup_effects
from analysis.models import Freeze
from analysis.populations import CONTROL_ARM, INTENTION_TO_TREAT, LOW_RISK, SCREENING_ARM, by_arm
from analysis.subjects import SubjectRow
from analysis.tables import Table, baseline_table, cascade_table, effect_table, subgroup_table, uptake_table
from trial import anchors, audit
from trial.models import Trial, User
from trial.roles import Permission
from trial.services.trials import Refused, require


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


def freeze(trial: Trial, *, purpose: str, by: User) -> Freeze:
    """Freeze the trial's record as it stands: rows, hash, codebook, protocol and code version."""
    return _freeze(trial, purpose, by, unless_same=False)


def freeze_if_changed(trial: Trial, *, purpose: str, by: User) -> Freeze:
    """Freeze the record, or return the last freeze when nothing has changed since."""
    return _freeze(trial, purpose, by, unless_same=True)


def _freeze(trial: Trial, purpose: str, by: User, unless_same: bool) -> Freeze:
    require(by, Permission.FREEZE_DATASET, trial)
    if not purpose.strip():
        raise Refused("Say what this freeze is for, such as “interim report” or “final analysis”.")
    with audit.context(by=by, why=f"A dataset is frozen: {purpose}"):
        # Two freezes at once get two numbers; films and facts come in meanwhile.
        trial = Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
        cut_off = timezone.now()
        frozen = dataset.build(trial, cut_off)
        last = trial.freezes.order_by("-number").first()
        counts: dict[str, Any] = {"received": frozen.intake.received, "scored": frozen.intake.scored}
        counts |= {"set_aside": dict(frozen.intake.set_aside), "waiting": frozen.intake.waiting}
        if unless_same and last and (last.sha256, last.intake) == (frozen.sha256, counts):
            return last
        return Freeze.objects.create(
            trial=trial,
            number=last.number + 1 if last else 1,
            purpose=purpose,
            cut_off=cut_off,
            subjects=gzip.compress(frozen.csv.encode(), mtime=0),
            intake=counts,
            people=len(frozen.rows),
            sha256=frozen.sha256,
            audit_head=anchors.head_hash(),
            codebook=dataset.codebook(),
            code_version=settings.CODE_VERSION,
            protocol_version=trial.protocol_version,
            frozen_by=by,
        )


def subjects_csv(frozen: Freeze) -> str:
    """Return the frozen CSV, refused when it no longer matches its hash."""
    try:
        text = gzip.decompress(bytes(frozen.subjects)).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        text = ""  # damaged, and so not what was hashed
    if dataset.sha256_of(text) != frozen.sha256:
        raise Refused(f"{frozen} does not match its hash. Don't use it; tell the data manager.")
    return text


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
