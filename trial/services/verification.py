"""Replaying what was allocated: from the trial's keys, the lists that were uploaded and the log outside."""

from collections.abc import Iterator, Mapping
from typing import Any

from trial import allocation_log
from trial.chances import Margins, Tally
from trial.keys import trial_key
from trial.models import Allocation, Stratum, Trial
from trial.randomization import Draw
from trial.services.lists import counts_before, draw_again, uploaded_arms

SILENT_ENGINE = "hmac-sha256-1"  # drew as today's does, and recorded the arm alone


class Differs(Exception):
    """The record is not what key and history draw; the message says where, and names no arm."""


def verify(trial: Trial) -> int:
    """Draw every allocation of a trial again and return how many there are; raise Differs at the first difference."""
    trial_key(trial)  # absent or wrong, there is nothing to compare with, whether anybody was drawn or not
    seen, tallies = 0, dict[str, Tally]()
    for stratum in trial.strata.select_related("trial").order_by("label", "list_version"):
        seen += _verify_list(stratum, tallies)
    _compare_log(trial)
    return seen


def _verify_list(stratum: Stratum, tallies: dict[str, Tally]) -> int:
    """Draw the allocations of one list again; a stratum's lists follow each other and are counted on."""
    key = trial_key(stratum.trial, stratum.key_epoch)
    rows = stratum.allocations.select_related("participant", "stratum", "protocol_version")
    made = list(rows.order_by("sequence"))
    if stratum.drawn != len(made):
        raise Differs(f"Stratum {stratum.label}: {stratum.drawn} places are used, {len(made)} are on record.")
    uploaded: list[str] | None = None
    for place, row in enumerate(made, 1):
        plan = row.protocol_version.protocol.allocation
        uploaded = uploaded or uploaded_arms(stratum, plan, key)
        tally = tallies.setdefault(stratum.label, Tally(plan.arms))
        before = counts_before(plan, tally, row.strata_values)
        drawn = draw_again(stratum, plan, key=key, index=place, before=before, uploaded=uploaded)
        if fault := next(_faults(row, place, before, drawn), None):
            raise Differs(f"Stratum {stratum.label}, place {place} ({row.participant}): {fault}.")
        tally.add(row.arm, row.strata_values)
    return len(made)


def _faults(row: Allocation, place: int, before: Margins, drawn: Draw | None) -> Iterator[str]:
    """Say what differs between a row and the draw of its place."""
    if row.sequence != place:
        yield f"it is recorded as place {row.sequence}"
    if row.protocol_version.protocol.allocation.stratum_label(row.strata_values) != row.stratum.label:
        yield "the strata it was drawn by lead to another stratum"
    if row.engine_version != SILENT_ENGINE and row.counts_before != before:
        yield "the counts it was drawn by are not those of the people before"
    if drawn is None or row.arm != drawn.arm:
        yield "the key draws another arm"
    elif (row.uniform, row.probabilities) != (drawn.uniform, drawn.probabilities):
        yield "the key draws another number, or its chances were others"


def _compare_log(trial: Trial) -> None:
    recorded = recorded_lines(trial)
    logged = {str(line["id"]): line for line in allocation_log.lines(trial)}
    for pk in sorted(recorded.keys() | logged.keys()):
        if not agree(logged.get(pk), recorded.get(pk)):
            known = recorded.get(pk) or logged[pk]
            raise Differs(f"The log outside the database and the record differ about {known['participant']}.")


def recorded_lines(trial: Trial) -> dict[str, dict[str, Any]]:
    """Return, by allocation, what the log should say of everybody on record."""
    rows = Allocation.objects.filter(participant__trial=trial)
    rows = rows.select_related("participant__person", "stratum", "protocol_version")
    return {str(row.pk): _line_of(row) for row in rows}


def _line_of(row: Allocation) -> dict[str, Any]:
    line = allocation_log.line_of(row)
    if row.reconciliation_id and not row.cohort_id:
        del line["cohort"]  # it was lost with the rest, and only the log still names it
    return line


def agree(logged: Mapping[str, Any] | None, recorded: Mapping[str, Any] | None) -> bool:
    """Tell whether log and record say the same of an allocation, as far as both go: older lines say less."""
    if not logged or not recorded:
        return False
    return all(recorded.get(name, said) == said for name, said in logged.items())
