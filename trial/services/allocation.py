"""Freezing a cohort, drawing in order under a lock, and answering twice with the first answer."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from trial import allocation_log, audit, bulk, clock
from trial.ages import age_bounds
from trial.canonical import checksum
from trial.keys import EPOCH, trial_key
from trial.models import (
    Allocation,
    Cohort,
    Consent,
    ConsentKind,
    Participant,
    ProtocolVersion,
    Stratum,
    Trial,
    TrialKind,
    User,
)
from trial.protocol import Protocol
from trial.protocol_parts import Timing
from trial.randomization import ENGINE_VERSION
from trial.services import lists
from trial.services.conduct import SETTLED, change_states, consent_missing_before_randomization
from trial.services.signatures import require_signed
from trial.services.trials import NotNow, Refused
from trial.statements import Read, run, send, together
from trial.states import Event, State, TrialState, next_state

# In one order, so that nobody waits for somebody who waits for them.
LOCKED = Read(Participant, "site", "person", rest="WHERE it.id = ANY(%s) ORDER BY it.id FOR UPDATE OF it")
IN_FORCE = Read(
    ProtocolVersion,
    "trial",
    without=["definition"],
    also={"epoch": EPOCH % "it.trial_id"},
    rest="WHERE it.trial_id = %s AND it.state = 'active'",
)


class Candidate(NamedTuple):
    """A participant to be randomized, with the plain values that made them high risk."""

    participant: Participant
    evidence: dict[str, Any]


def freeze_cohort(
    trial: Trial, *, candidates: Sequence[Candidate], by: User, occurred_at: datetime | None = None
) -> Cohort:
    """Freeze the list of people to be randomized together, with a hash over list and evidence."""
    manifest = [
        {"study_number": c.participant.study_number, "evidence": c.evidence}
        for c in sorted(candidates, key=lambda c: c.participant.study_number)
    ]
    if not manifest:
        raise Refused(
            "Nobody who is not randomized yet is eligible and at high risk: there is no cohort to freeze."
        )
    with audit.context(by=by, why=f"A cohort of {len(manifest)} is frozen"):
        return Cohort.objects.create(
            trial=trial,
            manifest=manifest,
            sha256=manifest_sha256(manifest),
            size=len(manifest),
            frozen_by=by,
            occurred_at=occurred_at or clock.now(trial),
            protocol_version=trial.protocol_version,
        )


def manifest_sha256(manifest: list) -> str:
    """Hash a cohort's manifest (canonical JSON, in ASCII as the first cohorts were hashed)."""
    return checksum(manifest, ascii_only=True)


def randomize_cohort(cohort: Cohort, *, by: User, occurred_at: datetime | None = None) -> list[Allocation]:
    """Randomize a frozen cohort in one transaction, in the order of its manifest; twice is once."""
    if manifest_sha256(cohort.manifest) != cohort.sha256:
        raise Refused(
            "The cohort's manifest does not match its hash. Nothing was drawn; tell the data manager."
        )
    require_signed(cohort)
    by_number = Participant.objects.in_bulk(
        [m["study_number"] for m in cohort.manifest], field_name="study_number"
    )
    candidates = [Candidate(by_number[m["study_number"]], m["evidence"]) for m in cohort.manifest]
    return _randomize(cohort.trial, candidates, by, occurred_at, cohort)


def randomize(candidate: Candidate, *, by: User | None, occurred_at: datetime | None = None) -> Allocation:
    """Randomize one participant; a second request returns the first allocation and draws nothing."""
    return _randomize(candidate.participant.trial, [candidate], by, occurred_at, None)[0]


def record(
    trial: Trial, *, candidates: Sequence[Candidate], by: User, occurred_at: datetime
) -> list[Allocation]:
    """Take down, in this order, who was randomized at a moment of a recorded trial; its lists are sealed before."""
    if trial.kind != TrialKind.RECORDED:
        raise Refused("Only a recorded trial brings its allocations along. Nothing was recorded.")
    together = trial.protocol.allocation.when is Timing.COHORT
    with audit.context(by=by, why="Recorded allocations"):
        cohort = (
            freeze_cohort(trial, candidates=candidates, by=by, occurred_at=occurred_at) if together else None
        )
        return _randomize(trial, candidates, by, occurred_at, cohort)


def _randomize(
    trial: Trial,
    candidates: Sequence[Candidate],
    by: User | None,
    occurred_at: datetime | None,
    cohort: Cohort | None,
) -> list[Allocation]:
    if occurred_at and trial.kind == TrialKind.LIVE:
        raise Refused("A live trial randomizes now; a draw is never dated back.")
    logged = allocation_log.read(trial)
    with audit.context(by=by, why="Randomization"):
        people, version, cursors = _lock(trial, candidates)
        allocation_log.compare(trial, logged, cursors)
        known = _allocated(people.values())
        fresh = [
            c._replace(participant=people[c.participant.pk])
            for c in candidates
            if c.participant.pk not in known
        ]
        made = _draw(trial, version, fresh, by, occurred_at or clock.now(trial), cohort) if fresh else []
        # Before the answer leaves, and only if the database kept it.
        transaction.on_commit(partial(allocation_log.append, trial, made))
    known |= {a.participant_id: a for a in made}
    return [known[c.participant.pk] for c in candidates]


def _lock(
    trial: Trial, candidates: Sequence[Candidate]
) -> tuple[dict[UUID, Participant], ProtocolVersion | None, list[tuple[str, int, int]]]:
    """Lock participants; read, then, the protocol version in force and how far each list is drawn."""
    with together():
        people, versions = LOCKED.send([c.participant.pk for c in candidates]), IN_FORCE.send(trial.pk)
        cursors = send(allocation_log.DRAWN, trial.pk)
    in_force = next(iter(IN_FORCE.rows(versions)), None)
    return {p.pk: p for p in LOCKED.rows(people)}, in_force, cursors.fetchall()


def _allocated(people: Iterable[Participant]) -> dict[UUID, Allocation]:
    """Return the allocations of locked participants; only who went on from being eligible can have one."""
    if not (maybe := [p for p in people if p.state in SETTLED]):
        return {}
    rows = Allocation.objects.filter(participant__in=maybe)
    rows = rows.select_related("participant__site", "stratum", "protocol_version")
    return {a.participant_id: a for a in rows}


def require_one_by_one(version: ProtocolVersion) -> None:
    """Raise NotNow where the protocol randomizes a frozen cohort together."""
    if version.protocol.allocation.when is Timing.COHORT:
        raise NotNow(
            f"Trial {version.trial} randomizes its frozen cohort together. Open the trial and freeze the cohort. "
            "Nothing was drawn."
        )


class _Act(NamedTuple):
    """What all draws of one act share."""

    version: ProtocolVersion
    at: datetime
    epoch: int
    key: bytes


def _draw(
    trial: Trial,
    version: ProtocolVersion | None,
    fresh: list[Candidate],
    by: User | None,
    at: datetime,
    cohort: Cohort | None,
) -> list[Allocation]:
    version, epoch = _require_active(trial, version)
    act, protocol = _Act(version, at, epoch, trial_key(version.trial, epoch)), version.protocol
    if cohort is None:
        require_one_by_one(version)
    for candidate in fresh:
        _check(candidate.participant, protocol)
    groups: dict[str, list[tuple[Candidate, dict]]] = defaultdict(list)
    for candidate in fresh:
        values = strata_values(candidate.participant, protocol)
        groups[_label(protocol, values)].append((candidate, values))
    made = []
    for label in sorted(groups):
        made += _take_all(trial, label, groups[label], act, cohort)
    with bulk.together(made):
        _write(made, by)
    return made


def _label(protocol: Protocol, values: dict[str, str | None]) -> str:
    try:
        return protocol.allocation.stratum_label(values)
    except ValueError as missing:
        raise Refused(str(missing)) from None


def _require_active(trial: Trial, version: ProtocolVersion | None) -> tuple[ProtocolVersion, int]:
    """Return the protocol version in force and the number of the key in use; raise NotNow where nobody is drawn."""
    state = version.trial.state if version else TrialState.DRAFT
    if version is None or state != TrialState.ACTIVE:
        raise NotNow(f"Trial {trial.code} is {state}: nobody is randomized. Nothing was drawn.")
    return version, version.epoch  # type: ignore[attr-defined]  # read along


def _check(participant: Participant, protocol: Protocol) -> None:
    next_state(State(participant.state), Event.RANDOMIZE)
    if not participant.site.active:
        raise NotNow(f"{participant.site} is stopped: nobody of it is randomized. Nothing was drawn.")
    if consent_missing_before_randomization(participant, protocol):
        raise Refused(
            f"{participant} has not consented, and the protocol asks for consent first. Nothing was drawn."
        )


def strata_values(participant: Participant, protocol: Protocol) -> dict[str, str | None]:
    """Return a participant's strata and minimization factors as they are used now."""
    all_values = {
        "site": str(participant.site.number),
        "sex": participant.sex,
        "age_group": _age_group(participant, protocol),
    }
    return {str(f): all_values[f] for f in protocol.allocation.used}


def _age_group(participant: Participant, protocol: Protocol) -> str | None:
    """Return the age group, where all that is known of the birth date leads to one."""
    if not (participant.birth_earliest and participant.birth_latest):
        return None
    ages = age_bounds((participant.birth_earliest, participant.birth_latest), protocol.index_date)
    groups = {protocol.age_group(age) for age in ages}
    return groups.pop() if len(groups) == 1 else None


def _take_all(
    trial: Trial, label: str, group: list[tuple[Candidate, dict]], act: "_Act", cohort: Cohort | None
) -> list[Allocation]:
    """Draw for everybody of a stratum, from as many of its lists as it takes."""
    plan, made = act.version.protocol.allocation, []
    while group:
        size = len(group) if cohort else None
        stratum = lists.list_in_use(trial, plan, label=label, epoch=act.epoch, cohort_size=size)
        room = len(group) if stratum.total is None else max(1, stratum.total - stratum.drawn)
        made += _take(stratum, group[:room], act, cohort)
        if group := group[room:]:
            _keep_cursor(stratum)  # by which the next list is found
    return made


def _take(
    stratum: Stratum, group: list[tuple[Candidate, dict]], act: "_Act", cohort: Cohort | None
) -> list[Allocation]:
    plan = act.version.protocol.allocation
    uploaded = lists.uploaded_arms(stratum, plan, act.key)
    tally, made = lists.tally_of(stratum, plan), []
    for index, (candidate, values) in enumerate(group, stratum.drawn + 1):
        before = lists.counts_before(plan, tally, values)
        drawn = lists.draw_place(stratum, plan, key=act.key, index=index, before=before, uploaded=uploaded)
        tally.add(drawn.arm, values)
        made.append(
            Allocation(
                participant=candidate.participant,
                stratum=stratum,
                sequence=drawn.index,
                arm=drawn.arm,
                randomized_on=candidate.participant.site.local(act.at).date(),
                occurred_at=act.at,
                protocol_version=act.version,
                cohort=cohort,
                engine_version=ENGINE_VERSION,
                strata_values=values,
                counts_before=before,
                uniform=drawn.uniform,
                probabilities=drawn.probabilities,
                evidence=candidate.evidence,
            )
        )
        made[-1].drawn_now = True
    stratum.drawn += len(group)
    return made


def _keep_cursor(stratum: Stratum) -> None:
    run("UPDATE trial_stratum SET drawn = %s WHERE id = %s", stratum.drawn, stratum.pk)


def _write(made: list[Allocation], by: User | None) -> None:
    for stratum in {a.stratum_id: a.stratum for a in made}.values():
        _keep_cursor(stratum)
    bulk.insert(made)
    bulk.insert(waivers(made))
    stamped = {"occurred_at": made[0].occurred_at, "protocol_version": made[0].protocol_version}
    change_states(
        [a.participant for a in made], event=Event.RANDOMIZE, by=by, why="Randomization", stamped=stamped
    )


def waivers(made: Sequence[Allocation]) -> list[Consent]:
    """Return, for people who are randomized unasked, the waiver that allows it."""
    versions = {a.protocol_version_id: a.protocol_version for a in made}
    references = {pk: version.protocol.consent.waiver_reference for pk, version in versions.items()}
    return [
        Consent(
            participant=a.participant,
            kind=ConsentKind.WAIVER,
            waiver_reference=reference,
            occurred_at=a.occurred_at,
            protocol_version=a.protocol_version,
        )
        for a in made
        if (reference := references[a.protocol_version_id])
    ]
