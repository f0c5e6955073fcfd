"""A protocol version from draft to force: drafted, amended, signed, approved, checked, put in force."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from django.utils import timezone

from trial import audit, clock
from trial.keys import KeyUnusable, trial_key
from trial.models import Membership, ProtocolVersion, Trial, TrialKind, User
from trial.protocol import Protocol, ProtocolError
from trial.protocol_table import SEALED
from trial.roles import Permission, Role
from trial.services.drafts import combinations, tests_of
from trial.services.signatures import SIGNERS, sign, signatures_of
from trial.services.trials import Refused, move_trial, require, require_unlocked
from trial.states import (
    ProtocolEvent,
    ProtocolState,
    TrialEvent,
    TrialState,
    next_protocol_state,
)

# Without somebody in each of these a live trial is not conducted as its protocol says.
NEEDED = (
    Role.INVESTIGATOR,
    Role.COORDINATOR,
    Role.CALLER,
    Role.OUTCOME_RECORDER,
    Role.TRIAL_STATISTICIAN,
    Role.RANDOMIZATION_STATISTICIAN,
)


class Item(NamedTuple):
    """A point of the checklist before a version takes effect: what must be so, whether it is, what to do."""

    text: str
    met: bool
    remedy: str


def draft_protocol(trial: Trial, *, protocol: Protocol, by: User) -> ProtocolVersion:
    """Write a new draft version of the trial's protocol."""
    require(by, Permission.EDIT_PROTOCOL, trial)
    return _draft(trial, protocol, by, "A protocol version is drafted")


def _draft(trial: Trial, protocol: Protocol, by: User, why: str, **further: Any) -> ProtocolVersion:
    require_unlocked(trial)
    if trial.is_test:
        raise Refused(f"Trial {trial} runs the version that it tries, {trial.tries}. Amend that one.")
    with audit.context(by=by, why=why):
        last = trial.versions.order_by("-number").first()
        return ProtocolVersion.objects.create(
            trial=trial,
            number=last.number + 1 if last else 1,
            definition=protocol.to_dict(),
            sha256=protocol.sha256(),
            drafted_by=by,
            **further,
        )


def amend_protocol(
    version: ProtocolVersion,
    *,
    changes: Mapping[str, Any],
    why: str,
    by: User,
    effective_on: date | None = None,
) -> ProtocolVersion:
    """Draft a new version that differs from this one at dotted paths, says why, and from which day it is to hold.

    Whoever edits the protocol may change all but what is sealed; the randomization statistician the allocation.
    """
    trial = version.trial
    if not (may_open_seal(by, trial) and all(path.startswith("allocation.") for path in changes)):
        require(by, Permission.EDIT_PROTOCOL, trial)
        if SEALED & set(changes):
            raise Refused("The randomization statistician sets the block sizes, and nobody else sees them.")
    if effective_on and effective_on < clock.now(trial).date():
        raise Refused(f"{effective_on} is over: an amendment holds from today or a later day.")
    try:
        protocol = version.protocol.amended(changes, note=why)
    except ProtocolError as no:
        raise Refused(" ".join(map(str, no.problems))) from None
    return _draft(trial, protocol, by, why, reason=why, effective_on=effective_on)


def may_open_seal(user: User, trial: Trial) -> bool:
    """Tell whether the user may know what would foretell an allocation: block sizes, uploaded lists."""
    grants = Membership.objects.granting(user, Permission.UPLOAD_ALLOCATION_LIST).filter(site=None)
    # A test trial has the sealed values of the trial it is for.
    return grants.filter(trial=trial.tries.trial if trial.tries else trial).exists()


def approve_protocol(version: ProtocolVersion, *, by: User, password: str | None = None) -> ProtocolVersion:
    """Approve and sign a draft; a second person must do it, and the definition is frozen from here on."""
    require(by, Permission.APPROVE_PROTOCOL, version.trial)
    if by.pk == version.drafted_by_id:
        raise Refused("You wrote this version. A second person must approve it.")
    _require_complete(version)
    with audit.context(by=by, why=f"Protocol version {version.number} is approved"):
        version = ProtocolVersion.objects.select_for_update().get(pk=version.pk)
        version.state = next_protocol_state(ProtocolState(version.state), ProtocolEvent.APPROVE)
        version.approved_by, version.approved_at = by, timezone.now()
        version.save()
        sign(version, by=by, password=password)
    return version


def _require_complete(version: ProtocolVersion) -> None:
    """Raise Refused while a place is open that only this trial can fill; one loaded from records is as it was."""
    if version.trial.kind != TrialKind.RECORDED and (places := version.protocol.approval_problems()):
        raise Refused(" ".join(["This version can't be approved yet.", *map(str, places)]))


def checklist(version: ProtocolVersion) -> list[Item]:
    """Return what must be so before a version takes effect, each point computed from what is on record.

    A live trial also needs its staff; what was recorded elsewhere was signed elsewhere.
    """
    trial = version.trial
    approved = version.state == ProtocolState.APPROVED
    items = [
        Item("The version is approved", approved, "Let a second person approve it."),
        Item("There is a site", trial.sites.exists(), "Add the sites."),
        Item("The sealed key is there and the right one", _key_is_there(trial), "Put the key file back."),
        Item("Its day has come", _is_due(version), f"It holds from {version.effective_on}."),
    ]
    if trial.kind != TrialKind.RECORDED:
        signed = signatures_of(version).count()
        said = f"{signed} of {SIGNERS} have signed: let another person sign it."
        items += [
            Item("Nothing is left to be entered", not version.protocol.approval_problems(), "Draft it anew."),
            Item(f"{SIGNERS} people have signed it", signed >= SIGNERS, said),
        ]
    if trial.kind == TrialKind.LIVE:
        items.append(_tried(version))
        items += [
            Item(
                f"There is a {role.words}",
                _is_held(role, trial),
                "Give the role; it counts once it is signed.",
            )
            for role in NEEDED
        ]
    return items


def _tried(version: ProtocolVersion) -> Item:
    """Say whether a test of this very definition allocated somebody in every combination, verifiably."""
    tests = tests_of(version)
    held = max((test.least for test in tests if test.holds), default=0)
    count = len(combinations(version.trial, version.protocol))
    said = (
        f"It was tried on test data, {held or 1} or more allocated in each of {count} combinations of strata"
    )
    return Item(said, held > 0, " ".join(f"{test}." for test in tests) or "Try it on test data.")


def _key_is_there(trial: Trial) -> bool:
    try:
        return bool(trial_key(trial))
    except KeyUnusable:
        return False


def _is_due(version: ProtocolVersion) -> bool:
    return version.effective_on is None or version.effective_on <= clock.now(version.trial).date()


def _is_held(role: Role, trial: Trial) -> bool:
    held = Membership.objects.in_force().filter(trial=trial, site=None, role=role, user__is_active=True)
    return held.exists()


def activate(version: ProtocolVersion, *, by: User, further: Sequence[Item] = ()) -> Trial:
    """Put an approved version in force and, the first time, open the trial; `further` are others' checks."""
    require(by, Permission.RUN_TRIAL, version.trial)
    require_unlocked(version.trial)
    if missing := [item for item in (*checklist(version), *further) if not item.met]:
        said = " ".join(f"{item.text}: not yet. {item.remedy}" for item in missing)
        raise Refused(f"This version can't take effect yet. {said}")
    with audit.context(by=by, why=f"Protocol version {version.number} takes effect"):
        trial = Trial.objects.select_for_update().get(pk=version.trial_id)
        version = ProtocolVersion.objects.select_for_update().get(pk=version.pk)
        _refuse_older(trial, version)
        _refuse_other_allocation(trial, version)
        for old in trial.versions.filter(state=ProtocolState.ACTIVE):
            old.state = next_protocol_state(ProtocolState(old.state), ProtocolEvent.SUPERSEDE)
            old.save()
        version.state = next_protocol_state(ProtocolState(version.state), ProtocolEvent.ACTIVATE)
        version.activated_at = timezone.now()
        version.save()
        if trial.state == TrialState.DRAFT:
            move_trial(trial, event=TrialEvent.ACTIVATE, by=by)
    return trial


def _refuse_older(trial: Trial, version: ProtocolVersion) -> None:
    if newer := trial.versions.filter(state=ProtocolState.ACTIVE, number__gt=version.number).first():
        raise Refused(f"{newer} is in force and newer than this one. To go back, amend it once more.")


def _refuse_other_allocation(trial: Trial, version: ProtocolVersion) -> None:
    """Raise Refused when another list would go on where one has been drawn from; only an arm may be dropped."""
    if not trial.strata.filter(drawn__gt=0).exists():
        return
    new, old = version.protocol.allocation, trial.protocol.allocation
    if replace(new, dropped=old.dropped) != old or not set(old.dropped) <= set(new.dropped):
        raise Refused(
            f"Trial {trial.code} has allocated people by the version in force, and this one allocates otherwise: a "
            "list is never changed once it is drawn from. Draft a version with the same allocation; only an arm may be "
            "dropped."
        )
