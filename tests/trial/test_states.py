"""Every (state, event) pair of the three machines, as tables."""

from itertools import product

import pytest

from trial.states import (
    PROTOCOL_TRANSITIONS,
    TRANSITIONS,
    TRIAL_TRANSITIONS,
    Event,
    ProtocolEvent,
    ProtocolState,
    State,
    TransitionRefused,
    TrialEvent,
    TrialState,
    next_protocol_state,
    next_state,
    next_trial_state,
)

# Rows are states, columns events in their order of definition; "." is refused.
PARTICIPANT = """
               find_eligible find_not_eligible randomize  withdraw   die
registered     eligible      not_eligible      .          withdrawn  died
eligible       eligible      not_eligible      randomized withdrawn  died
not_eligible   eligible      not_eligible      .          withdrawn  died
randomized     .             .                 .          withdrawn  died
withdrawn      .             .                 .          .          died
died           .             .                 .          .          .
"""
PROTOCOL = """
            approve   return_to_draft  activate  supersede
draft       approved  .                .         .
approved    .         draft            active    .
active      .         .                .         superseded
superseded  .         .                .         .
"""
TRIAL = """
        activate  pause   resume  close   freeze  unfreeze  lock
draft   active    .       .       .       .       .         .
active  .         paused  .       closed  .       .         .
paused  .         .       active  closed  .       .         .
closed  .         .       .       .       frozen  .         .
frozen  .         .       .       .       .       closed    locked
locked  .         .       .       .       .       .         .
"""


def pairs(table, states, events):
    """Read a printed table into (state, event, expected) triples and check that it misses none."""
    header, *rows = [line.split() for line in table.strip().splitlines()]
    read = [
        (states(row[0]), events(event), None if cell == "." else states(cell))
        for row in rows
        for event, cell in zip(header, row[1:], strict=True)
    ]
    assert [(s, e) for s, e, _ in read] == list(product(states, events))
    return read


def behaves(move, state, event, expected):
    if expected is None:
        with pytest.raises(TransitionRefused):
            move(state, event)
    else:
        assert move(state, event) is expected


@pytest.mark.parametrize(("state", "event", "expected"), pairs(PARTICIPANT, State, Event))
def test_every_participant_pair(state, event, expected):
    behaves(next_state, state, event, expected)


@pytest.mark.parametrize(("state", "event", "expected"), pairs(PROTOCOL, ProtocolState, ProtocolEvent))
def test_every_protocol_version_pair(state, event, expected):
    behaves(next_protocol_state, state, event, expected)


@pytest.mark.parametrize(("state", "event", "expected"), pairs(TRIAL, TrialState, TrialEvent))
def test_every_trial_pair(state, event, expected):
    behaves(next_trial_state, state, event, expected)


def test_nothing_leads_back_from_an_allocation():
    after, seen = {State.RANDOMIZED}, set()
    while after:
        seen |= after
        after = {to for (start, _), to in TRANSITIONS.items() if start in after} - seen
    assert seen == {State.RANDOMIZED, State.WITHDRAWN, State.DIED}


@pytest.mark.parametrize("table", [TRANSITIONS, PROTOCOL_TRANSITIONS, TRIAL_TRANSITIONS])
def test_every_state_but_the_first_can_be_reached(table):
    states = list(type(next(iter(table.values()))))
    assert set(table.values()) >= set(states[1:])


def test_a_second_randomization_says_that_nothing_new_was_drawn():
    with pytest.raises(TransitionRefused) as refusal:
        next_state(State.RANDOMIZED, Event.RANDOMIZE)
    assert str(refusal.value) == (
        "This participant is randomized, so “randomize” is refused. "
        "The first allocation stands; nothing new was drawn. Allowed now: withdraw, die."
    )


def test_an_end_says_that_it_is_the_end():
    with pytest.raises(TransitionRefused, match="Nothing more can happen to it"):
        next_state(State.DIED, Event.DIE)
    with pytest.raises(TransitionRefused, match="locked, so “pause” is refused"):
        next_trial_state(TrialState.LOCKED, TrialEvent.PAUSE)


def test_an_active_protocol_asks_for_a_new_draft():
    with pytest.raises(TransitionRefused, match="Write the change as a new draft version"):
        next_protocol_state(ProtocolState.ACTIVE, ProtocolEvent.RETURN_TO_DRAFT)
