"""Freezing datasets; analysis reads the trial's record and writes only what it makes of it."""

import gzip
import zlib
from typing import Any

from django.conf import settings
from django.utils import timezone

from analysis import dataset
from analysis.conduct_record import conduct_record
from analysis.models import Freeze
from analysis.services.plans import plan_in_force
from trial import anchors, audit
from trial.models import Trial, User
from trial.roles import Permission
from trial.services.trials import Refused, require


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
        version = trial.protocol_version
        plan = plan_in_force(version)
        conduct = conduct_record(trial, cut_off)
        made_of = (frozen.sha256, counts, conduct, plan)
        if unless_same and last and (last.sha256, last.intake, last.conduct, last.plan) == made_of:
            return last
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
