"""Replaying what was allocated: from the trial's keys, the lists that were uploaded and the log outside."""

from collections.abc import Iterator, Mapping
from typing import Any

from trial import allocation_log
from trial.allocation_rules import Method
from trial.chances import Tally
from trial.keys import trial_key
from trial.models import Allocation, Stratum, Trial
from trial.randomization import Draw, ListExhausted, draw
from trial.services.lists import uploaded_arms
from trial.streams import RuleError, stream_label

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
    made = list(stratum.allocations.select_related("participant", "protocol_version").order_by("sequence"))
    if stratum.drawn != len(made):
        raise Differs(f"Stratum {stratum.label}: {stratum.drawn} places are used, {len(made)} are on record.")
    again = _Again(stratum, key)
    for place, row in enumerate(made, 1):
        tally = tallies.setdefault(stratum.label, Tally(row.protocol_version.protocol.allocation.arms))
        if fault := next(again.faults(row, place, tally), None):
            raise Differs(f"Stratum {stratum.label}, place {place} ({row.participant}): {fault}.")
        tally.add(row.arm, row.strata_values)
    return len(made)


class _Again:
    """One list, drawn again."""

    def __init__(self, stratum: Stratum, key: bytes) -> None:
        self.stratum, self.key = stratum, key
        self.label = stream_label(stratum.trial.code, stratum.list_version, stratum.label)
        self.uploaded = uploaded_arms(stratum, key)

    def faults(self, row: Allocation, place: int, tally: Tally) -> Iterator[str]:
        """Say what differs between a row and the draw of its place."""
        plan = row.protocol_version.protocol.allocation
        if row.sequence != place:
            yield f"it is recorded as place {row.sequence}"
        if plan.stratum_label(row.strata_values) != self.stratum.label:
            yield "the strata it was drawn by lead to another stratum"
        before = tally.margins([str(factor) for factor, _ in plan.factors], row.strata_values)
        if row.engine_version != SILENT_ENGINE and row.counts_before != before:
            yield "the counts it was drawn by are not those of the people before"
        drawn = self._drawn(row, place, before)
        if drawn is None or row.arm != drawn.arm:
            yield "the key draws another arm"
        elif (row.uniform, row.probabilities) != (drawn.uniform, drawn.probabilities):
            yield "the key draws another number, or its chances were others"

    def _drawn(self, row: Allocation, place: int, before: Mapping[str, Any]) -> Draw | None:
        plan = row.protocol_version.protocol.allocation
        rule = plan.rule(self.stratum.total)
        given = self.uploaded if plan.method is Method.UPLOADED_LIST else None
        try:
            return draw(rule, key=self.key, label=self.label, index=place, uploaded=given, before=before)
        except (ListExhausted, RuleError):
            return None


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
