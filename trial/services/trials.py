"""Trials, sites, protocol versions, accounts: what must stand before the first film arrives."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from trial import audit
from trial.keys import ensure_key
from trial.models import Membership, ProtocolVersion, Site, Trial, TrialKind, User
from trial.protocol import Protocol, ProtocolError
from trial.protocol_table import SEALED
from trial.roles import Permission, Role, conflicts
from trial.states import (
    ProtocolEvent,
    ProtocolState,
    TrialEvent,
    TrialState,
    next_protocol_state,
    next_trial_state,
)


class Refused(Exception):
    """An act the rules don't allow; the message says what to do instead, the code is for programs."""

    code = "refused"


class NotNow(Refused):
    """An act that the present state of the trial or its list doesn't allow, whoever asks and for whom."""

    code = "not_now"


def require(user: User, permission: Permission, trial: Trial, site: Site | None = None) -> None:
    """Raise Refused unless `user` holds `permission` in the trial (and at the site)."""
    for grant in Membership.objects.granting(user, permission).filter(trial=trial):
        if grant.site_id is None or site is None or grant.site_id == site.pk:
            return
    raise Refused(f"Your roles in trial {trial.code} don't include: {permission.words}. Ask the coordinator.")


CLOSED: Mapping[str, str] = {
    TrialState.DRAFT: "has no protocol in force yet. Approve and activate one first",
    TrialState.LOCKED: "is locked: its data no longer change",
}


def require_open(trial: Trial) -> None:
    """Raise NotNow unless the trial takes data: from its first protocol in force until it is locked."""
    if why := CLOSED.get(Trial.objects.values_list("state", flat=True).get(pk=trial.pk)):
        raise NotNow(f"Trial {trial.code} {why}. Nothing was taken.")


def create_trial(
    code: str, *, title: str, by: User | None, kind: str = TrialKind.LIVE, clock_offset_days: int = 0
) -> Trial:
    """Create a draft trial with a sealed key of its own."""
    with audit.context(by=by, why=f"Trial {code} is set up"):
        return Trial.objects.create(
            code=code,
            title=title,
            kind=kind,
            clock_offset_days=clock_offset_days,
            key_fingerprint=ensure_key(code),
        )


def add_site(trial: Trial, *, number: int, name: str, time_zone: str, by: User | None) -> Site:
    """Add a site to a trial."""
    with audit.context(by=by, why=f"Site {number} joins"):
        site = Site(trial=trial, number=number, name=name, time_zone=time_zone)
        site.full_clean()
        site.save()
        return site


def draft_protocol(
    trial: Trial, *, protocol: Protocol, by: User, why: str = "A protocol version is drafted"
) -> ProtocolVersion:
    """Write a new draft version of the trial's protocol."""
    require(by, Permission.EDIT_PROTOCOL, trial)
    with audit.context(by=by, why=why):
        last = trial.versions.order_by("-number").first()
        return ProtocolVersion.objects.create(
            trial=trial,
            number=last.number + 1 if last else 1,
            definition=protocol.to_dict(),
            sha256=protocol.sha256(),
            drafted_by=by,
        )


def amend_protocol(
    version: ProtocolVersion, *, changes: Mapping[str, Any], why: str, by: User
) -> ProtocolVersion:
    """Draft a new version that differs from this one at dotted paths, and says of each why."""
    if SEALED & set(changes) and not may_open_seal(by, version.trial):
        raise Refused("The randomization statistician sets the block sizes, and nobody else sees them.")
    try:
        protocol = version.protocol.amended(changes, note=why)
    except ProtocolError as no:
        raise Refused(" ".join(map(str, no.problems))) from None
    return draft_protocol(version.trial, protocol=protocol, by=by, why=why)


def may_open_seal(user: User, trial: Trial) -> bool:
    """Tell whether the user may know what would foretell an allocation: block sizes, uploaded lists."""
    return Membership.objects.granting(user, Permission.UPLOAD_ALLOCATION_LIST).filter(trial=trial).exists()


def approve_protocol(version: ProtocolVersion, *, by: User) -> ProtocolVersion:
    """Approve a draft; a second person must do it, and the definition is frozen from here on."""
    require(by, Permission.APPROVE_PROTOCOL, version.trial)
    if by.pk == version.drafted_by_id:
        raise Refused("You wrote this version. A second person must approve it.")
    _require_complete(version)
    with audit.context(by=by, why=f"Protocol version {version.number} is approved"):
        version = ProtocolVersion.objects.select_for_update().get(pk=version.pk)
        version.state = next_protocol_state(ProtocolState(version.state), ProtocolEvent.APPROVE)
        version.approved_by, version.approved_at = by, timezone.now()
        version.save()
    return version


def _require_complete(version: ProtocolVersion) -> None:
    """Raise Refused while a place is open that only this trial can fill; one loaded from records is as it was."""
    if version.trial.kind != TrialKind.RECORDED and (places := version.protocol.approval_problems()):
        raise Refused(" ".join(["This version can't be approved yet.", *map(str, places)]))


def activate(version: ProtocolVersion, *, by: User) -> Trial:
    """Put an approved version in force and, the first time, open the trial."""
    require(by, Permission.RUN_TRIAL, version.trial)
    with audit.context(by=by, why=f"Protocol version {version.number} takes effect"):
        trial = Trial.objects.select_for_update().get(pk=version.trial_id)
        version = ProtocolVersion.objects.select_for_update().get(pk=version.pk)
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


def _refuse_other_allocation(trial: Trial, version: ProtocolVersion) -> None:
    """Raise Refused when another list would go on where one has been drawn from."""
    drawn = trial.strata.filter(drawn__gt=0).exists()
    if drawn and version.protocol.allocation != trial.protocol.allocation:
        raise Refused(
            f"Trial {trial.code} has allocated people by the version in force, and this one allocates otherwise: a "
            "list is never changed once it is drawn from. Draft a version with the same allocation."
        )


def move_trial(trial: Trial, *, event: TrialEvent, by: User) -> Trial:
    """Move a trial along its life: activate, pause, resume, close, lock."""
    require(by, Permission.RUN_TRIAL, trial)
    with audit.context(by=by, why=f"Trial: {event.value}"):
        trial = Trial.objects.select_for_update().get(pk=trial.pk)
        trial.state = next_trial_state(TrialState(trial.state), event)
        trial.save()
    return trial


def create_account(username: str, *, password: str, name: str, by: User | None) -> User:
    """Create an account without any role."""
    with audit.context(by=by, why="An account is created"):
        user = User(username=username, first_name=name)
        user.set_password(password)
        user.save()
        return user


def give_role(
    user: User,
    *,
    role: Role,
    trial: Trial | None,
    by: User | None,
    site: Site | None = None,
    until: datetime | None = None,
) -> Membership:
    """Give a user a role; refuse one that would end their blindness."""
    with audit.context(by=by, why=f"{user.username} becomes {role.words}"):
        held = [
            Role(r)
            for r in Membership.objects.active(user).filter(trial=trial).values_list("role", flat=True)
        ]
        if against := conflicts([*held, role]):
            raise Refused(" ".join(against))
        return Membership.objects.create(user=user, role=role, trial=trial, site=site, until=until)
