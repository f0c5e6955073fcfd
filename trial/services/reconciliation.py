"""After a restore: what the log outside has and the database lost is put back, as it was drawn and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from trial import allocation_log, audit, bulk
from trial.allocation_rules import Method
from trial.canonical import checksum
from trial.chances import Tally
from trial.keys import current_epoch, trial_key
from trial.models import (
    Allocation,
    Consent,
    ConsentKind,
    Participant,
    ProtocolVersion,
    Reconciliation,
    Severity,
    Stratum,
    Trial,
    User,
)
from trial.roles import Permission
from trial.services import lists
from trial.services.allocation import waivers
from trial.services.conduct import change_states, record_deviation, stamp
from trial.services.trials import Refused, require
from trial.services.verification import agree, recorded_lines
from trial.states import Event, State

CATEGORY = "restore"
NAMED = 20  # people a deviation names; the reconciliation names all


@dataclass
class Lost:
    """An allocation that the log has and the database has not: as it was, or what keeps it from being put back."""

    line: Mapping[str, Any]
    row: Allocation | None = None
    obstacle: str = ""

    @property
    def place(self) -> dict[str, Any]:
        """Return who and which place, without the arm."""
        names = ("participant", "stratum", "list", "sequence", "randomized_on")
        return {name: self.line[name] for name in names}


def lost_of(trial: Trial) -> list[Lost]:
    """Compare the log with the record and return what differs, list by list in the order of drawing."""
    recorded = recorded_lines(trial)
    differing = [line for line in allocation_log.lines(trial) if not agree(line, recorded.get(line["id"]))]
    differing.sort(key=lambda line: (line["stratum"], line["list"], line["sequence"]))
    again = _Again(trial)
    return [again.judge(line, known=line["id"] in recorded) for line in differing]


class _Again:
    """The lost allocations of a trial, drawn again one after the other."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.versions = {v.sha256: v for v in trial.versions.order_by("number")}
        people = Participant.objects.filter(trial=trial).select_related("person", "site")
        self.people = {p.study_number: p for p in people}
        self.taken = set(
            Allocation.objects.filter(participant__trial=trial).values_list("participant", flat=True)
        )
        self.cohorts = {str(pk) for pk in trial.cohorts.values_list("pk", flat=True)}
        self.strata = {(s.label, s.list_version): s for s in trial.strata.select_related("trial")}
        self.tallies: dict[str, Tally] = {}
        self.epoch = current_epoch(trial)
        self.keys: dict[int, bytes] = {}

    def judge(self, line: Mapping[str, Any], *, known: bool) -> Lost:
        """Draw one again; say what stands against putting it back."""
        if known:
            return Lost(
                line, obstacle="The record has it otherwise. Compare the backups; one of them was changed."
            )
        try:
            return Lost(line, row=self._row(line))
        except Refused as no:
            return Lost(line, obstacle=str(no))

    def _row(self, line: Mapping[str, Any]) -> Allocation:
        if "occurred_at" not in line:
            raise Refused("An older version wrote this line and kept too little. Restore a later backup.")
        participant, version = self._person(line), self._version(line)
        stratum = self._stratum(line, version)
        row = Allocation(
            pk=line["id"],
            participant=participant,
            stratum=stratum,
            sequence=line["sequence"],
            arm=line["arm"],
            randomized_on=date.fromisoformat(line["randomized_on"]),
            occurred_at=datetime.fromisoformat(line["occurred_at"]),
            protocol_version=version,
            cohort_id=line["cohort"] if line["cohort"] in self.cohorts else None,
            engine_version=line["engine"],
            strata_values=line["strata_values"],
            evidence=line["evidence"],
        )
        self._draw(row)
        stratum.drawn += 1
        return row

    def _person(self, line: Mapping[str, Any]) -> Participant:
        found = self.people.get(line["participant"])
        if found is None:
            raise Refused(
                "Nobody has this study number: they were registered after the backup was made. Import everybody "
                "registered since, in the order of that time, and reconcile then. The place is kept for them."
            )
        if allocation_log.mark(found.person) != line["person"]:
            raise Refused(
                "This study number is now somebody else's. Restore the backup again and import everybody "
                "registered since in the order of that time: study numbers follow it."
            )
        if found.pk in self.taken:
            raise Refused("The record has another allocation of this person. Compare the backups.")
        self.taken.add(found.pk)
        return found

    def _version(self, line: Mapping[str, Any]) -> ProtocolVersion:
        if version := self.versions.get(line["protocol"]):
            return version
        raise Refused(
            "The protocol version it was drawn under is not on record. Draft, approve and activate it as it was."
        )

    def _stratum(self, line: Mapping[str, Any], version: ProtocolVersion) -> Stratum:
        """Return the list as it stood before this draw."""
        key = line["stratum"], line["list"]
        if line["key_epoch"] > self.epoch:
            raise Refused(
                "The key it was drawn with is not on record. Change the key again: its file is still there."
            )
        if key not in self.strata:
            if version.protocol.allocation.drawn_by is Method.UPLOADED_LIST:
                raise Refused("The list it was drawn from is not on record. Upload the list again.")
            self.strata[key] = Stratum(
                trial=self.trial,
                label=line["stratum"],
                list_version=line["list"],
                key_epoch=line["key_epoch"],
                total=line["total"],
                arms=lists.arms_of(version.protocol.allocation),
            )
        stratum = self.strata[key]
        if line["sequence"] != stratum.drawn + 1:
            raise Refused(
                f"It took place {line['sequence']}, and the next one to be put back is {stratum.drawn + 1}."
            )
        return stratum

    def _draw(self, row: Allocation) -> None:
        """Draw the arm again, and with it what the draw went by."""
        stratum, plan = row.stratum, row.protocol_version.protocol.allocation
        key = self._key(stratum.key_epoch)
        if stratum.label not in self.tallies:
            self.tallies[stratum.label] = lists.tally_of(stratum, plan)
        tally = self.tallies[stratum.label]
        before = lists.counts_before(plan, tally, row.strata_values)
        given = lists.uploaded_arms(stratum, plan, key)
        drawn = lists.draw_again(stratum, plan, key=key, index=row.sequence, before=before, uploaded=given)
        if drawn is None or drawn.arm != row.arm:
            raise Refused(
                "The key draws otherwise than the log says. One of the two was changed; nothing is put back."
            )
        row.counts_before, row.uniform, row.probabilities = before, drawn.uniform, drawn.probabilities
        tally.add(row.arm, row.strata_values)

    def _key(self, epoch: int) -> bytes:
        if epoch not in self.keys:
            self.keys[epoch] = trial_key(self.trial, epoch)
        return self.keys[epoch]


def require_whole(lost: Sequence[Lost]) -> list[Allocation]:
    """Return the rows to be put back; raise Refused while there is anybody who can't be."""
    hindered = [one for one in lost if one.obstacle]
    if hindered:
        first = hindered[0]
        raise Refused(
            f"{len(hindered)} of {len(lost)} can't be put back, so none was, and the trial stays on hold. First: "
            f"{first.line['participant']}. {first.obstacle}"
        )
    return [one.row for one in lost if one.row]


def put_back(trial: Trial, rows: Sequence[Allocation], *, by: User) -> Reconciliation:
    """Write lost allocations as they were drawn, in one act that the record keeps, with a deviation that says so."""
    require(by, Permission.UPLOAD_ALLOCATION_LIST, trial)
    with audit.context(by=by, why=f"{len(rows)} allocations lost by a restore are put back"):
        Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
        act = Reconciliation.objects.create(
            trial=trial, size=len(rows), sha256=_sha256(rows), done_by=by, **stamp(trial, None)
        )
        _write_lists(rows)
        for row in rows:
            row.reconciliation = act
        bulk.insert(rows)
        bulk.insert(waivers(_unwaived(rows)))
        _move_people(rows, by)
        record_deviation(trial, category=CATEGORY, severity=Severity.MAJOR, description=_told(rows), by=by)
    return act


def _sha256(rows: Sequence[Allocation]) -> str:
    return checksum([allocation_log.line_of(row) for row in rows])


def _write_lists(rows: Sequence[Allocation]) -> None:
    """Begin the lists that were begun since, and move every cursor to where it was."""
    for stratum in {row.stratum.pk: row.stratum for row in rows}.values():
        if stratum._state.adding:
            stratum.save(force_insert=True)
        else:
            Stratum.objects.filter(pk=stratum.pk).update(drawn=stratum.drawn)


def _unwaived(rows: Sequence[Allocation]) -> list[Allocation]:
    given = Consent.objects.filter(
        kind=ConsentKind.WAIVER, participant__in=[row.participant_id for row in rows]
    )
    known = set(given.values_list("participant_id", flat=True))
    return [row for row in rows if row.participant_id not in known]


def _move_people(rows: Sequence[Allocation], by: User) -> None:
    """Write the states again that led to each draw; who left meanwhile stays where they are."""
    open_to = [row for row in rows if row.participant.state not in (State.WITHDRAWN, State.DIED)]
    open_to.sort(key=lambda row: (row.occurred_at, row.protocol_version.number))
    for (at, _), made in groupby(open_to, key=lambda row: (row.occurred_at, row.protocol_version.number)):
        of_moment = list(made)
        stamped = {"occurred_at": at, "protocol_version": of_moment[0].protocol_version}
        people = [row.participant for row in of_moment]
        for event in (Event.FIND_ELIGIBLE, Event.RANDOMIZE):
            change_states(people, event=event, by=by, why="Put back after a restore", stamped=stamped)


def _told(rows: Sequence[Allocation]) -> str:
    numbers = sorted(row.participant.study_number for row in rows)
    named = ", ".join(numbers[:NAMED]) + (
        f" and {len(numbers) - NAMED} others" if len(numbers) > NAMED else ""
    )
    return (
        f"The database was restored to an earlier moment. {len(rows)} allocations made since were put back from the "
        f"allocation log, as the key draws them: {named}. Whatever else was entered since that moment is to be "
        "entered again."
    )
