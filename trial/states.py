"""States of a participant, a protocol version and a trial, and the only moves between them.

Source: Yelland 2015 (PMC4509880) for what follows an allocation: document errors, never undo them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar


class State(StrEnum):
    """Where a participant stands."""

    REGISTERED = "registered"
    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not_eligible"
    RANDOMIZED = "randomized"
    WITHDRAWN = "withdrawn"
    DIED = "died"


class Event(StrEnum):
    """What may happen to a participant."""

    FIND_ELIGIBLE = "find_eligible"
    FIND_NOT_ELIGIBLE = "find_not_eligible"
    RANDOMIZE = "randomize"
    WITHDRAW = "withdraw"
    DIE = "die"


class AllocationFault(StrEnum):
    """What went wrong with an allocation that stands all the same (Yelland 2015): documented, never undone."""

    RANDOMIZED_IN_ERROR = "randomized_in_error"
    DUPLICATE = "duplicate"
    WRONG_STRATUM = "wrong_stratum"
    WRONG_ARM = "wrong_arm"

    @property
    def words(self) -> str:
        """Return the fault as people say it."""
        return {
            self.RANDOMIZED_IN_ERROR: "randomized in error",
            self.DUPLICATE: "the same person twice; the first allocation stands",
            self.WRONG_STRATUM: "randomized in a wrong stratum",
            self.WRONG_ARM: "treated as the other arm",
        }[self]


class ProtocolState(StrEnum):
    """Where a protocol version stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    ACTIVE = "active"
    SUPERSEDED = "superseded"


class ProtocolEvent(StrEnum):
    """What may happen to a protocol version."""

    APPROVE = "approve"
    RETURN_TO_DRAFT = "return_to_draft"
    ACTIVATE = "activate"
    SUPERSEDE = "supersede"


class TrialState(StrEnum):
    """Where a trial stands; closed means closed to enrollment, follow-up goes on.

    Frozen means that no data change while they are reviewed, which can be taken back; locked is for good.
    """

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    CLOSED = "closed"
    FROZEN = "frozen"
    LOCKED = "locked"


class TrialEvent(StrEnum):
    """What may happen to a trial."""

    ACTIVATE = "activate"
    PAUSE = "pause"
    RESUME = "resume"
    CLOSE = "close"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    LOCK = "lock"


FINAL = (TrialState.FROZEN, TrialState.LOCKED)  # no data change here


class TransitionRefused(ValueError):
    """Raised when an event is not allowed in a state; the message is fit to be shown."""


S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

# A person not yet allocated may be assessed again and again, as birth date and history arrive late.
TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.REGISTERED, Event.FIND_ELIGIBLE): State.ELIGIBLE,
    (State.REGISTERED, Event.FIND_NOT_ELIGIBLE): State.NOT_ELIGIBLE,
    (State.REGISTERED, Event.WITHDRAW): State.WITHDRAWN,
    (State.REGISTERED, Event.DIE): State.DIED,
    (State.ELIGIBLE, Event.FIND_ELIGIBLE): State.ELIGIBLE,
    (State.ELIGIBLE, Event.FIND_NOT_ELIGIBLE): State.NOT_ELIGIBLE,
    (State.ELIGIBLE, Event.RANDOMIZE): State.RANDOMIZED,
    (State.ELIGIBLE, Event.WITHDRAW): State.WITHDRAWN,
    (State.ELIGIBLE, Event.DIE): State.DIED,
    (State.NOT_ELIGIBLE, Event.FIND_ELIGIBLE): State.ELIGIBLE,
    (State.NOT_ELIGIBLE, Event.FIND_NOT_ELIGIBLE): State.NOT_ELIGIBLE,
    (State.NOT_ELIGIBLE, Event.WITHDRAW): State.WITHDRAWN,
    (State.NOT_ELIGIBLE, Event.DIE): State.DIED,
    (State.RANDOMIZED, Event.WITHDRAW): State.WITHDRAWN,
    (State.RANDOMIZED, Event.DIE): State.DIED,
    # Vital status is followed in both arms whoever withdrew.
    (State.WITHDRAWN, Event.DIE): State.DIED,
}

PROTOCOL_TRANSITIONS: Mapping[tuple[ProtocolState, ProtocolEvent], ProtocolState] = {
    (ProtocolState.DRAFT, ProtocolEvent.APPROVE): ProtocolState.APPROVED,
    (ProtocolState.APPROVED, ProtocolEvent.RETURN_TO_DRAFT): ProtocolState.DRAFT,
    (ProtocolState.APPROVED, ProtocolEvent.ACTIVATE): ProtocolState.ACTIVE,
    (ProtocolState.ACTIVE, ProtocolEvent.SUPERSEDE): ProtocolState.SUPERSEDED,
}

TRIAL_TRANSITIONS: Mapping[tuple[TrialState, TrialEvent], TrialState] = {
    (TrialState.DRAFT, TrialEvent.ACTIVATE): TrialState.ACTIVE,
    (TrialState.ACTIVE, TrialEvent.PAUSE): TrialState.PAUSED,
    (TrialState.PAUSED, TrialEvent.RESUME): TrialState.ACTIVE,
    (TrialState.ACTIVE, TrialEvent.CLOSE): TrialState.CLOSED,
    (TrialState.PAUSED, TrialEvent.CLOSE): TrialState.CLOSED,
    (TrialState.CLOSED, TrialEvent.FREEZE): TrialState.FROZEN,
    (TrialState.FROZEN, TrialEvent.UNFREEZE): TrialState.CLOSED,
    (TrialState.FROZEN, TrialEvent.LOCK): TrialState.LOCKED,
}

# What to do instead, where the bare list of allowed events would leave the reader alone.
_ADVICE: Mapping[tuple[State, Event], str] = {
    (State.RANDOMIZED, Event.RANDOMIZE): "The first allocation stands; nothing new was drawn.",
    (
        State.RANDOMIZED,
        Event.FIND_ELIGIBLE,
    ): "Baseline corrections are kept beside the facts used at allocation.",
    (State.RANDOMIZED, Event.FIND_NOT_ELIGIBLE): "Keep the allocation and record a protocol deviation.",
    (
        State.NOT_ELIGIBLE,
        Event.RANDOMIZE,
    ): "Read the reasons of the assessment; correct the facts if they are wrong.",
    (State.REGISTERED, Event.RANDOMIZE): "Assess eligibility first.",
    (State.WITHDRAWN, Event.RANDOMIZE): "Who withdrew is never allocated.",
}


def next_state(state: State, event: Event) -> State:
    """Return the participant's state after the event, or raise TransitionRefused."""
    advice = _ADVICE.get((state, event), "")
    return move(TRANSITIONS, "participant", state, event, advice)


def next_protocol_state(state: ProtocolState, event: ProtocolEvent) -> ProtocolState:
    """Return the protocol version's state after the event, or raise TransitionRefused."""
    advice = "Write the change as a new draft version." if state == ProtocolState.ACTIVE else ""
    return move(PROTOCOL_TRANSITIONS, "protocol version", state, event, advice)


def next_trial_state(state: TrialState, event: TrialEvent) -> TrialState:
    """Return the trial's state after the event, or raise TransitionRefused."""
    return move(TRIAL_TRANSITIONS, "trial", state, event)


def move(table: Mapping[tuple[S, E], S], noun: str, state: S, event: E, advice: str = "") -> S:
    """Follow a table of (state, event) -> state, or raise TransitionRefused naming what is allowed."""
    try:
        return table[state, event]
    except KeyError:
        raise TransitionRefused(_refusal(table, noun, state, event, advice)) from None


def _refusal(table: Mapping[tuple[S, E], S], noun: str, state: S, event: E, advice: str) -> str:
    allowed = [_words(e) for s, e in table if s == state]
    said = f"This {noun} is {_words(state)}, so “{_words(event)}” is refused."
    rest = f"Allowed now: {', '.join(allowed)}." if allowed else "Nothing more can happen to it."
    return " ".join(part for part in (said, advice, rest) if part)


def _words(name: str) -> str:
    return str(name).replace("_", " ")
