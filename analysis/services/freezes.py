"""Freezing datasets; analysis reads the trial's record and writes only what it makes of it."""

import gzip
import zlib
from typing import Any

from django.conf import settings
from django.utils import timezone

from analysis import dataset
from analysis.conduct_record import conduct_record
from analysis.models import Freeze
from analysis.services import prechecks
from analysis.services.plans import plan_in_force
from analysis.services.prechecks import Check, Unsettled
from trial import anchors, audit
from trial.models import Trial, User
from trial.roles import Permission
from trial.services.trials import Refused, require


def freeze(trial: Trial, *, purpose: str, by: User, despite_findings: bool = False) -> Freeze:
    """Freeze the trial's record as it stands: rows, hash, codebook, protocol and code version.

    Raises Unsettled where something is open, unless it is to be frozen despite that.
    """
    _require(trial, purpose, by)
    chain = prechecks.of_audit_chain()  # before anything is written: it sees the database at one moment
    return _freeze(trial, purpose, by, [chain], despite_findings)


def freeze_if_changed(trial: Trial, *, purpose: str, by: User) -> Freeze:
    """Freeze the record whatever is open, or return the last freeze when nothing has changed since.

    For commands, which load whole trials: the audit chain is not walked.
    """
    _require(trial, purpose, by)
    return _freeze(trial, purpose, by, [], despite_findings=True, unless_same=True)


def _require(trial: Trial, purpose: str, by: User) -> None:
    require(by, Permission.FREEZE_DATASET, trial)
    if not purpose.strip():
        raise Refused("Say what this freeze is for, such as “interim report” or “final analysis”.")


def _freeze(
    trial: Trial,
    purpose: str,
    by: User,
    checks: list[Check],
    despite_findings: bool,
    unless_same: bool = False,
) -> Freeze:
    with audit.context(by=by, why=f"A dataset is frozen: {purpose}"):
        # Two freezes at once get two numbers; films and facts come in meanwhile.
        trial = Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
        cut_off = timezone.now()
        frozen = dataset.build(trial, cut_off)
        last = trial.freezes.order_by("-number").first()
        counts: dict[str, Any] = {"received": frozen.intake.received, "scored": frozen.intake.scored}
        counts |= {"set_aside": dict(frozen.intake.set_aside), "waiting": frozen.intake.waiting}
        version = trial.protocol_version
        plan = plan_in_force(version)
        conduct = conduct_record(trial, cut_off)
        made_of = (frozen.sha256, counts, conduct, plan)
        if unless_same and last and (last.sha256, last.intake, last.conduct, last.plan) == made_of:
            return last
        checks = [*prechecks.of_record(trial, frozen.rows), *checks]
        if (found := prechecks.findings(checks)) and not despite_findings:
            raise Unsettled(found)
        return Freeze.objects.create(
            trial=trial,
            number=last.number + 1 if last else 1,
            purpose=purpose,
            cut_off=cut_off,
            subjects=gzip.compress(frozen.csv.encode(), mtime=0),
            intake=counts,
            conduct=conduct,
            people=len(frozen.rows),
            sha256=frozen.sha256,
            audit_head=anchors.head_hash(),
            codebook=dataset.codebook(),
            code_version=settings.CODE_VERSION,
            protocol_version=version,
            plan=plan,
            checks=[check._asdict() for check in checks],
            despite_findings=bool(found),
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
