"""Trials, sites, protocol versions, accounts: what must stand before the first film arrives."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trial import audit
from trial.keys import ensure_key
from trial.models import Membership, ProtocolVersion, Site, Trial, TrialKind, User
from trial.roles import Permission, Role, conflicts
from trial.statements import run
from trial.states import (
    FINAL,
    TrialEvent,
    TrialState,
    next_trial_state,
)


class Refused(Exception):
    """An act the rules don't allow; the message says what to do instead, the code is for programs."""

    code = "refused"


class NotNow(Refused):
    """An act that the present state of the trial or its list doesn't allow, whoever asks and for whom."""

    code = "not_now"


def require(user: User, permission: Permission, trial: Trial, site: Site | None = None) -> None:
    """Raise Refused unless `user` holds `permission` in the trial: at this site, or where none is named at all."""
    for grant in Membership.objects.granting(user, permission).filter(trial=trial):
        if grant.site_id is None or (site and grant.site_id == site.pk):
            return
    raise Refused(f"Your roles in trial {trial.code} don't include: {permission.words}. Ask the coordinator.")


CLOSED: Mapping[str, str] = {
    TrialState.DRAFT: "has no protocol in force yet. Approve and activate one first",
    TrialState.FROZEN: "is frozen: its data don't change while they are reviewed. Unfreeze it first",
    TrialState.LOCKED: "is locked: its data no longer change",
}


def require_open(trial: Trial) -> None:
    """Raise NotNow unless the trial takes data: from its first protocol in force until it is locked."""
    ((state,),) = run("SELECT state FROM trial_trial WHERE id = %s", trial.pk)
    if why := CLOSED.get(state):
        raise NotNow(f"Trial {trial.code} {why}. Nothing was taken.")


def require_unlocked(trial: Trial) -> None:
    """Raise NotNow while the trial is frozen or locked: neither its data nor its protocol change."""
    if (state := Trial.objects.values_list("state", flat=True).get(pk=trial.pk)) in FINAL:
        raise NotNow(f"Trial {trial.code} {CLOSED[state]}. Nothing was done.")


def create_trial(
    code: str,
    *,
    title: str,
    by: User | None,
    kind: str = TrialKind.LIVE,
    clock_offset_days: int = 0,
    tries: ProtocolVersion | None = None,
) -> Trial:
    """Create a draft trial with a sealed key of its own."""
    with audit.context(by=by, why=f"Trial {code} is set up"):
        return Trial.objects.create(
            code=code,
            title=title,
            kind=kind,
            clock_offset_days=clock_offset_days,
            tries=tries,
            key_fingerprint=ensure_key(code),
        )


def add_site(
    trial: Trial, *, number: int, name: str, time_zone: str, by: User | None, **further: Any
) -> Site:
    """Add a site to a trial; `further` are other columns, such as its calendar."""
    with audit.context(by=by, why=f"Site {number} joins"):
        site = Site(trial=trial, number=number, name=name, time_zone=time_zone, **further)
        site.full_clean()
        site.save()
        return site


def move_site(site: Site, *, active: bool, reason: str, by: User) -> Site:
    """Stop randomizing people of one site, or go on with it; calls and results go on either way."""
    require(by, Permission.RUN_TRIAL, site.trial, site)
    require_unlocked(site.trial)
    if not reason.strip():
        raise Refused("Write why.")
    with audit.context(by=by, why=f"{site} {'goes on' if active else 'stops'}: {reason.strip()}"):
        site = Site.objects.select_for_update(of=("self",)).select_related("trial").get(pk=site.pk)
        site.active = active
        site.save(update_fields=["active"])
    return site


def move_trial(trial: Trial, *, event: TrialEvent, by: User, reason: str = "") -> Trial:
    """Move a trial along its life: activate, pause, resume, close, freeze, lock.

    All but the first needs a reason; the first has the signatures under the protocol.
    """
    require(by, Permission.RUN_TRIAL, trial)
    if event is not TrialEvent.ACTIVATE and not reason.strip():
        raise Refused("Write why. It stays in the trial's history.")
    with audit.context(by=by, why=": ".join(filter(None, (f"Trial: {event.value}", reason.strip())))):
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
    """Enter a user's role into the delegation log, to be signed; refuse one that would end their blindness.

    Nobody enters a role in a trial for themself.
    """
    if by and by.pk == user.pk and trial:
        raise Refused("Nobody gives themself a role in a trial. Let another system administrator do it.")
    with audit.context(by=by, why=f"{user.username} is entered as {role.words}"):
        held = Membership.objects.current().filter(user=user, trial=trial).values_list("role", flat=True)
        if against := conflicts([*held, role]):
            raise Refused(" ".join(against))
        return Membership.objects.create(
            user=user, role=role, trial=trial, site=site, until=until, given_by=by
        )
