"""What is still open when a dataset is to be frozen: counted, with the list that shows it, and kept with the freeze."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from analysis import dataset
from analysis.subjects import SubjectRow
from trial.allocation_log import on_hold
from trial.models import DataQuery, ProtocolDeviation, Trial
from trial.services import audit_chain
from trial.services.trials import Refused


class Check(NamedTuple):
    """One question asked of the record: how much of it is open, and where that is seen."""

    key: str
    label: str
    found: int
    url: str = ""
    note: str = ""


class Unsettled(Refused):
    """Something is open, and nobody has said that the dataset is to be frozen all the same."""

    def __init__(self, findings: Sequence[Check]) -> None:
        super().__init__(
            "Something is still open; nothing was frozen. Settle it first, or freeze all the same: what is open is"
            f" then kept with the freeze. {'; '.join(f'{f.label}: {f.found}' for f in findings)}."
        )
        self.findings = tuple(findings)


def findings(asked: Sequence[Check]) -> list[Check]:
    """Return the checks that found something."""
    return [check for check in asked if check.found]


def of_record(trial: Trial, rows: Sequence[SubjectRow]) -> list[Check]:
    """Ask what of a trial's record is open, both arms together."""
    films, here = dataset.open_films(trial), {"trial__id__exact": str(trial.pk)}
    unanswered = ProtocolDeviation.objects.filter(trial=trial, corrective_action="").count()
    hold = on_hold(trial)
    return [
        Check("held_films", "films are held for a person", films["held_films"], reverse("held-films")),
        Check(
            *("identity_doubts", "of these, films of which it is in doubt whose they are"),
            *(films["identity_doubts"], reverse("held-films")),
        ),
        *(
            Check(
                f"films_{step}",
                label,
                films[f"films_{step}"],
                _listed("screening_radiograph", here, step=step),
            )
            for step, label in (
                ("waiting", "films wait for a score"),
                ("failed", "films could not be scored"),
            )
        ),
        Check(
            *("queries", "data queries are open"),
            DataQuery.objects.open().filter(participant__trial=trial).count(),
            _listed("trial_dataquery", {"participant__trial__id__exact": str(trial.pk)}, step="open"),
        ),
        Check(
            *("deviations", "protocol deviations without a corrective action", unanswered),
            _listed("trial_protocoldeviation", here),
        ),
        Check(
            *("missing_outcome", "people randomized of whom nothing is recorded since", _silent(rows)),
            _listed("trial_participant", here, step="randomized"),
            "No examination, treatment, withdrawal or death: the primary outcome may be missing, or there was none.",
        ),
        Check(
            *("on_hold", "the trial is on hold after a restore", int(bool(hold))),
            *(reverse("admin:trial_trial_change", args=[trial.pk]), hold),
        ),
    ]


def of_audit_chain() -> Check:
    """Walk the audit chain, which takes its time."""
    try:
        whole = audit_chain.verify()
    except audit_chain.Broken as broken:
        return Check("audit_chain", "the audit chain is broken", 1, note=str(broken))
    return Check(
        "audit_chain", "the audit chain is broken", 0, note=f"{whole.links} links walked, {whole.rows} rows."
    )


def _silent(rows: Sequence[SubjectRow]) -> int:
    """Count the randomized of whom no record tells how it went on; the same is asked of both arms."""
    return sum(
        row.arm is not None and not (row.dxa or row.osteoporosis or row.treated or row.withdrawn or row.died)
        for row in rows
    )


def _listed(model: str, here: Mapping[str, str], **asked: str) -> str:
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode({**here, **asked})}"
