"""What happens to a participant between registration and the end: judged, consented, withdrawn, died, deviated."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from trial import audit, bulk, clock
from trial.eligibility import Eligibility, Facts, assess
from trial.models import (
    Consent,
    ConsentKind,
    EligibilityAssessment,
    Participant,
    ProtocolDeviation,
    StateChange,
    Trial,
    User,
)
from trial.partial_dates import PartialDate
from trial.protocol import Protocol
from trial.protocol_parts import ConsentPolicy
from trial.services.registrations import require_counting
from trial.services.trials import Refused, require_open
from trial.statements import run
from trial.states import Event, State, next_state

# Once somebody is allocated, an assessment no longer moves them: errors are documented, not undone (Yelland 2015).
MOVE = "UPDATE trial_participant SET state = %s WHERE id = ANY(%s)"
SETTLED = (State.RANDOMIZED, State.WITHDRAWN, State.DIED)


def change_state(
    participant: Participant, *, event: Event, by: User | None, why: str, occurred_at: datetime | None = None
) -> Participant:
    """Move a participant, with the state change on record; raise TransitionRefused where none leads on."""
    with audit.context(by=by, why=why):
        participant = _locked(participant)
        change_states(
            [participant], event=event, by=by, why=why, stamped=stamp(participant.trial, occurred_at)
        )
    return participant


def change_states(
    people: Sequence[Participant], *, event: Event, by: User | None, why: str, stamped: dict
) -> None:
    """Move locked participants by one event; who is there already stays without a record."""
    moves = [(p, next_state(State(p.state), event)) for p in people]
    moves = [(p, to_state) for p, to_state in moves if to_state != p.state]
    with audit.context(by=by, why=why):
        bulk.insert(
            [
                StateChange(
                    participant=p,
                    event=event,
                    from_state=p.state,
                    to_state=to_state,
                    reason=why[:400],
                    **stamped,
                )
                for p, to_state in moves
            ]
        )
        for to_state in {to_state for _, to_state in moves}:
            moved = [p for p, towards in moves if towards == to_state]
            run(MOVE, to_state, [p.pk for p in moved])
            for p in moved:
                p.state = to_state


def assess_participant(participant: Participant, *, facts: Facts, by: User | None) -> Eligibility:
    """Judge a participant by the protocol in force; write the judgment only when it says something new."""
    return assess_all(participant.trial, facts={participant.pk: facts}, by=by)[participant.pk]


def assess_all(trial: Trial, *, facts: Mapping[UUID, Facts], by: User | None) -> dict[UUID, Eligibility]:
    """Judge many participants in one transaction, by participant key."""
    with audit.context(by=by, why="Eligibility is assessed"):
        stamped = stamp(trial, None)
        protocol = stamped["protocol_version"].protocol
        people = (
            Participant.objects.select_for_update().filter(trial=trial).order_by("pk").in_bulk(list(facts))
        )
        verdicts = {pk: assess(protocol, facts[pk]) for pk in people}
        open_to = {pk: p for pk, p in people.items() if p.state not in SETTLED}
        last = _last_judgments(open_to)
        new = [
            EligibilityAssessment(
                participant=p, facts=facts[pk].to_dict(), **_judgment(verdicts[pk]), **stamped
            )
            for pk, p in open_to.items()
            if last.get(pk) != _judgment(verdicts[pk])
        ]
        bulk.insert(new)
        for event in (Event.FIND_ELIGIBLE, Event.FIND_NOT_ELIGIBLE):
            moved = [
                p for pk, p in open_to.items() if verdicts[pk].eligible == (event is Event.FIND_ELIGIBLE)
            ]
            change_states(moved, event=event, by=by, why="Eligibility is assessed", stamped=stamped)
    return verdicts


def _judgment(verdict: Eligibility) -> dict:
    reasons = [{"code": str(r.code), "sentence": r.sentence} for r in verdict.reasons]
    return {"eligible": verdict.eligible, "reasons": reasons}


def _last_judgments(people: Mapping[UUID, Participant]) -> dict[UUID, dict]:
    rows = EligibilityAssessment.objects.filter(participant__in=list(people)).order_by(
        "occurred_at", "recorded_at"
    )
    return {row.participant_id: {"eligible": row.eligible, "reasons": row.reasons} for row in rows}


def record_consent(
    participant: Participant, *, form_version: str, scope: str, by: User, occurred_at: datetime | None = None
) -> Consent:
    """Record that a participant consented, to what, on which form, before whom."""
    with audit.context(by=by, why="Consent is recorded"):
        return Consent.objects.create(
            participant=participant,
            kind=ConsentKind.CONSENT,
            form_version=form_version,
            scope=scope,
            obtained_by=by,
            **stamp(participant.trial, occurred_at),
        )


def record_objection(participant: Participant, *, by: User, occurred_at: datetime | None = None) -> Consent:
    """Record that a participant objects: from now on nobody calls."""
    with audit.context(by=by, why="An objection is recorded"):
        participant = _counting(participant)
        participant.do_not_call = True
        participant.save(update_fields=["do_not_call"])
        return Consent.objects.create(
            participant=participant,
            kind=ConsentKind.OBJECTION,
            scope="calls",
            **stamp(participant.trial, occurred_at),
        )


def has_consent_for_dxa(participant: Participant) -> bool:
    """Tell whether the participant's last word on the scan is a consent; one to something else says nothing of it."""
    word = Q(kind=ConsentKind.OBJECTION) | Q(kind=ConsentKind.CONSENT, scope="dxa")
    said = participant.consents.filter(word).order_by("-occurred_at", "-recorded_at").first()
    return said is not None and said.kind == ConsentKind.CONSENT


def consent_missing_before_randomization(participant: Participant, protocol: Protocol) -> bool:
    """Tell whether the protocol asks for consent first and there is none."""
    asked_first = protocol.consent.policy == ConsentPolicy.BEFORE_RANDOMIZATION
    return asked_first and not has_consent_for_dxa(participant)


def withdraw(
    participant: Participant,
    *,
    reason: str,
    by: User,
    occurred_at: datetime | None = None,
    no_more_data: bool = False,
) -> Participant:
    """Withdraw a participant: calls and scoring stop at once, what was recorded stays and is analyzed.

    With `no_more_data` nothing is added to their record either (ICH E6(R3) 3.16.1(u): by scope).
    """
    if not reason.strip():
        raise Refused("Write why the participant withdraws, in their own words if you can.")
    with audit.context(by=by, why=reason):
        participant = change_state(
            _counting(participant), event=Event.WITHDRAW, by=by, why=reason, occurred_at=occurred_at
        )
        participant.do_not_call, participant.no_more_data = True, no_more_data
        participant.save(update_fields=["do_not_call", "no_more_data"])
    return participant


def record_death(participant: Participant, *, died_on: PartialDate, by: User | None) -> Participant:
    """Record a death; a later date corrects an earlier one."""
    if died_on.earliest > clock.today(participant.site):
        raise Refused(f"The date of death, {died_on}, lies in the future. Correct it.")
    if participant.birth_earliest and died_on.latest < participant.birth_earliest:
        raise Refused(f"The date of death, {died_on}, lies before the birth date. Correct one of the two.")
    with audit.context(by=by, why="A death is recorded"):
        participant = _counting(participant)
        # Of whoever is known to have died, the date may still be made exact.
        if participant.state != State.DIED:
            participant = change_state(participant, event=Event.DIE, by=by, why="A death is recorded")
        participant.died_on = str(died_on)
        participant.save(update_fields=["died_on"])
    return participant


def record_deviation(
    trial: Trial,
    *,
    category: str,
    severity: str,
    description: str,
    by: User | None,
    participant: Participant | None = None,
    impact: str = "",
    corrective_action: str = "",
    occurred_at: datetime | None = None,
) -> ProtocolDeviation:
    """Record a departure from the protocol."""
    if not description.strip():
        raise Refused("Describe what happened and how it differs from the protocol.")
    with audit.context(by=by, why="A protocol deviation is recorded"):
        return ProtocolDeviation.objects.create(
            trial=trial,
            participant=participant,
            category=category,
            severity=severity,
            description=description,
            impact=impact,
            corrective_action=corrective_action,
            **stamp(trial, occurred_at),
        )


def _locked(participant: Participant) -> Participant:
    rows = Participant.objects.select_for_update(of=("self",)).select_related("trial", "site")
    return rows.get(pk=participant.pk)


def _counting(participant: Participant) -> Participant:
    """Lock a participant of whom something is told; of whom another counts for, unless allocated, nothing is."""
    participant = _locked(participant)
    if participant.state not in SETTLED:
        require_counting(participant)
    return participant


def stamp(trial: Trial, occurred_at: datetime | None) -> dict:
    """Return when something happened and the protocol version in force.

    Raises NotNow while the trial takes no data, Refused for a moment in the future.
    """
    require_open(trial)
    now = clock.now(trial)
    if occurred_at and occurred_at > now:
        zone = occurred_at.tzname() or ""
        raise Refused(f"{occurred_at:%Y-%m-%d %H:%M} {zone} lies in the future. Correct the date.")
    return {"occurred_at": occurred_at or now, "protocol_version": trial.protocol_version}
