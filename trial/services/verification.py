"""Replaying what was allocated: from the trial's key, the lists that were uploaded and the log outside."""

from collections.abc import Iterator, Sequence

from trial import allocation_log
from trial.keys import trial_key
from trial.models import Allocation, Stratum, Trial
from trial.protocol_parts import Allocation as Rule
from trial.randomization import ListExhausted, draw
from trial.services.allocation import uploaded_arms
from trial.streams import RuleError, stream_label


class Differs(Exception):
    """The record is not what key and history draw; the message says where, and names no arm."""


def verify(trial: Trial) -> int:
    """Draw every allocation of a trial again and return how many there are; raise Differs at the first difference."""
    key, seen = trial_key(trial), 0
    for stratum in trial.strata.select_related("trial").order_by("label", "list_version"):
        made = list(
            stratum.allocations.select_related("participant", "protocol_version").order_by("sequence")
        )
        if stratum.drawn != len(made):
            raise Differs(
                f"Stratum {stratum.label}: {stratum.drawn} places are used, {len(made)} are on record."
            )
        uploaded = uploaded_arms(stratum, key)
        for place, row in enumerate(made, 1):
            if fault := next(_faults(row, place, stratum, key, uploaded), None):
                raise Differs(f"Stratum {stratum.label}, place {place} ({row.participant}): {fault}.")
        seen += len(made)
    _compare_log(trial)
    return seen


def _faults(
    row: Allocation, place: int, stratum: Stratum, key: bytes, uploaded: Sequence[str] | None
) -> Iterator[str]:
    rule = row.protocol_version.protocol.allocation
    if row.sequence != place:
        yield f"it is recorded as place {row.sequence}"
    if rule.stratum_label(row.strata_values) != stratum.label:
        yield "the strata it was drawn by lead to another stratum"
    if row.arm != _drawn(rule, stratum, key, place, uploaded):
        yield "the key draws another arm"


def _drawn(
    rule: Rule, stratum: Stratum, key: bytes, place: int, uploaded: Sequence[str] | None
) -> str | None:
    label = stream_label(stratum.trial.code, stratum.list_version, stratum.label)
    try:
        return draw(rule.rule(stratum.total), key=key, label=label, index=place, uploaded=uploaded).arm
    except (ListExhausted, RuleError):
        return None


def _compare_log(trial: Trial) -> None:
    rows = Allocation.objects.filter(participant__trial=trial).select_related("participant", "stratum")
    recorded = {str(row.pk): allocation_log.line_of(row) for row in rows}
    logged = {str(line["id"]): line for line in allocation_log.lines(trial)}
    for pk in sorted(recorded.keys() | logged.keys()):
        if recorded.get(pk) != logged.get(pk):
            known = recorded.get(pk) or logged[pk]
            raise Differs(f"The log outside the database and the record differ about {known['participant']}.")
