"""What may be done to a trial and to a version of its protocol."""

from collections.abc import Callable
from typing import Any

from trial.acts import Act
from trial.models import ProtocolVersion, Trial, User
from trial.roles import Permission
from trial.services import trials
from trial.states import (
    PROTOCOL_TRANSITIONS,
    TRIAL_TRANSITIONS,
    ProtocolEvent,
    ProtocolState,
    TrialEvent,
    TrialState,
)

SAYS = {
    TrialEvent.PAUSE: "Nobody is randomized until the trial is resumed. Films, calls and results go on.",
    TrialEvent.RESUME: "Randomization goes on.",
    TrialEvent.CLOSE: "Enrollment ends for good: nobody is randomized any more. Follow-up goes on.",
    TrialEvent.LOCK: "The data are final. There is no way back.",
}


def _move(event: TrialEvent) -> Callable[[Trial, dict[str, Any], User], str]:
    def run(trial: Trial, _: dict[str, Any], by: User) -> str:
        return f"Trial {trial} is {trials.move_trial(trial, event=event, by=by).state}."

    return run


def _may(event: TrialEvent) -> Callable[[Trial], bool]:
    return lambda trial: (TrialState(trial.state), event) in TRIAL_TRANSITIONS


TRIAL_ACTS = tuple(
    Act(
        name=event.value,
        label=f"{event.value.capitalize()} the trial",
        permission=Permission.RUN_TRIAL,
        says=says,
        run=_move(event),
        possible=_may(event),
    )
    for event, says in SAYS.items()
)


def _approve(version: ProtocolVersion, _: dict[str, Any], by: User) -> str:
    trials.approve_protocol(version, by=by)
    return f"{version} is approved and frozen."


def _activate(version: ProtocolVersion, _: dict[str, Any], by: User) -> str:
    trials.activate(version, by=by)
    return f"{version} is in force."


def _can(event: ProtocolEvent) -> Callable[[ProtocolVersion], bool]:
    return lambda version: (ProtocolState(version.state), event) in PROTOCOL_TRANSITIONS


VERSION_ACTS = (
    Act(
        name="approve",
        label="Approve",
        permission=Permission.APPROVE_PROTOCOL,
        says="You approve this version as it stands below. It is frozen then; a change is a new version.",
        run=_approve,
        possible=_can(ProtocolEvent.APPROVE),
    ),
    Act(
        name="activate",
        label="Put in force",
        permission=Permission.RUN_TRIAL,
        says="This version takes effect now and supersedes the one in force. Those allocated keep theirs.",
        run=_activate,
        possible=_can(ProtocolEvent.ACTIVATE),
    ),
)
