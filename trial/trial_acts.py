"""What may be done to a trial and to a version of its protocol."""

from collections.abc import Callable
from typing import Any

from trial.acts import Act
from trial.admin_forms import AmendmentForm, CalendarForm, DayForm, ListForm, ReasonForm, SignForm
from trial.allocation_rules import Method
from trial.models import ProtocolVersion, Site, Trial, User
from trial.roles import Permission
from trial.services import calendars, drafts, lists, protocols, signatures, trials
from trial.services.trials import Refused
from trial.services.verification import Differs, verify
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
    TrialEvent.FREEZE: "No data change while they are reviewed, and nobody is called. Whoever objects or withdraws is "
    "recorded once it is unfrozen; erasures go on. It can be taken back.",
    TrialEvent.UNFREEZE: "Data can be entered and corrected again, and a review of them begins anew.",
    TrialEvent.LOCK: "The data are final. There is no way back.",
}


def _move(event: TrialEvent) -> Callable[[Trial, dict[str, Any], User], str]:
    def run(trial: Trial, data: dict[str, Any], by: User) -> str:
        return f"Trial {trial} is {trials.move_trial(trial, event=event, by=by, **data).state}."

    return run


def _may(event: TrialEvent) -> Callable[[Trial], bool]:
    return lambda trial: (TrialState(trial.state), event) in TRIAL_TRANSITIONS


def _verify(trial: Trial, _: dict[str, Any], __: User) -> str:
    try:
        count = verify(trial)
    except Differs as found:
        raise Refused(
            f"{found} Nothing was changed; tell the sponsor before anybody else is randomized."
        ) from None
    return f"All {count} allocations of trial {trial} are what its key and history draw."


def _upload(trial: Trial, data: dict[str, Any], by: User) -> str:
    made = lists.upload_list(trial, **data, by=by)
    return f"A list of {made.length} is sealed for {made.stratum.label}. Its SHA-256 is {made.sha256}."


def _change_key(trial: Trial, data: dict[str, Any], by: User) -> str:
    epoch = lists.change_key(trial, **data, by=by)
    return f"Trial {trial} draws with key {epoch.number} from now on. Put the new key file into the backup."


def _brings_its_list(trial: Trial) -> bool:
    return trial.versions.filter(
        state=ProtocolState.ACTIVE, definition__allocation__method=Method.UPLOADED_LIST
    ).exists()


MOVES = tuple(
    Act(
        name=event.value,
        label=f"{event.value.capitalize()} the trial",
        permission=Permission.RUN_TRIAL,
        says=says,
        run=_move(event),
        form=ReasonForm,
        possible=_may(event),
    )
    for event, says in SAYS.items()
)

TRIAL_ACTS = (
    *MOVES,
    Act(
        name="verify",
        label="Verify allocations",
        permission=Permission.VERIFY_ALLOCATIONS,
        says="Every allocation is drawn again from the sealed key and compared with the record and with the log "
        "outside the database. Nothing is changed, and no arm is named.",
        run=_verify,
    ),
    Act(
        name="upload-list",
        label="Upload allocation list",
        permission=Permission.UPLOAD_ALLOCATION_LIST,
        says="The list is sealed with the trial's key and never shown again, to nobody. Allocations are taken "
        "from it in order. Keep the file where it can't be read by those who enroll.",
        run=_upload,
        form=ListForm,
        possible=_brings_its_list,
    ),
    Act(
        name="change-key",
        label="Change the key",
        permission=Permission.UPLOAD_ALLOCATION_LIST,
        says="A new sealed key is made, and every stratum goes on with a new list under it; what is left of a list "
        "made under the old key is never used. What was drawn stays, and the old key stays where it is, to verify it.",
        run=_change_key,
        form=ReasonForm,
        possible=lambda trial: trial.state in (TrialState.ACTIVE, TrialState.PAUSED),
    ),
)


def _name_calendar(site: Site, data: dict[str, Any], by: User) -> str:
    named = calendars.name_calendar(site, **data, by=by)
    return f"{named} goes by the public holidays of {named.calendar}."


def _set_day(site: Site, data: dict[str, Any], by: User) -> str:
    made = calendars.set_day(site, **data, by=by)
    return f"{site} is {made.opening} on {made.day}. Calls already planned stay as they are."


def _unlocked(site: Site) -> bool:
    return site.trial.state != TrialState.LOCKED


def _move_site(*, active: bool) -> Callable[[Site, dict[str, Any], User], str]:
    def run(site: Site, data: dict[str, Any], by: User) -> str:
        trials.move_site(site, active=active, reason=data["reason"], by=by)
        return f"{site}: {'its people are randomized again' if active else 'nobody of it is randomized'}."

    return run


SITE_ACTS = (
    Act(
        name="stop",
        label="Stop randomizing",
        permission=Permission.RUN_TRIAL,
        says="Nobody of this site is randomized until it goes on. Films, calls and results go on.",
        run=_move_site(active=False),
        form=ReasonForm,
        possible=lambda site: site.active and _unlocked(site),
    ),
    Act(
        name="go-on",
        label="Go on randomizing",
        permission=Permission.RUN_TRIAL,
        says="People of this site are randomized again.",
        run=_move_site(active=True),
        form=ReasonForm,
        possible=lambda site: not site.active and _unlocked(site),
    ),
    Act(
        name="day",
        label="Close or open on a day",
        permission=Permission.KEEP_CALENDAR,
        says="No call is planned on a day when the site is closed. A day on which it is open, such as a make-up "
        "working Saturday, is a working day whatever the calendar says. Entered again, the last word counts.",
        run=_set_day,
        form=DayForm,
        possible=_unlocked,
    ),
    Act(
        name="calendar",
        label="Name the calendar",
        permission=Permission.KEEP_CALENDAR,
        says="The public holidays of this calendar are days off at the site. Calls already planned stay as they are.",
        run=_name_calendar,
        form=CalendarForm,
        possible=_unlocked,
    ),
)


def _approve(version: ProtocolVersion, data: dict[str, Any], by: User) -> str:
    protocols.approve_protocol(version, by=by, password=data["password"])
    return f"{version} is approved, signed by you and frozen."


def _sign(version: ProtocolVersion, data: dict[str, Any], by: User) -> str:
    signatures.sign(version, by=by, password=data["password"])
    return f"You have signed {version}."


def version_can(event: ProtocolEvent) -> Callable[[ProtocolVersion], bool]:
    """Tell of a version whether an event may happen to it."""
    return lambda version: (ProtocolState(version.state), event) in PROTOCOL_TRANSITIONS


def _amend(version: ProtocolVersion, data: dict[str, Any], by: User) -> str:
    made = protocols.amend_protocol(version, **data, by=by)
    return f"{made} is drafted. A second person approves it on its own page."


def _try(version: ProtocolVersion, _: dict[str, Any], by: User) -> str:
    made = drafts.try_draft(version, by=by)
    return f"Trial {made} tries {version}. On its page you add made-up people; the worker scores their films."


def _of_no_test(version: ProtocolVersion) -> bool:
    return not version.trial.is_test


VERSION_ACTS = (
    Act(
        name="try",
        label="Try on test data",
        permission=Permission.EDIT_PROTOCOL,
        says="A test trial of its own is made of this version as it stands, with the same sites, the same people at "
        "work, and a key, a log and films of its own. Nothing in it is real, and it stays as evidence. Another version "
        "has to be tried anew.",
        run=_try,
        possible=lambda version: (
            _of_no_test(version) and version.state in (ProtocolState.DRAFT, ProtocolState.APPROVED)
        ),
    ),
    Act(
        name="amend",
        label="Draft an amendment",
        permission=Permission.EDIT_PROTOCOL,
        says="A new version is drafted from this one. Nothing changes for anybody until it is approved and put in "
        "force, and those allocated keep their allocation then too.",
        run=_amend,
        form=AmendmentForm,
        possible=_of_no_test,
    ),
    Act(
        name="amend-allocation",
        label="Draft the allocation",
        permission=Permission.UPLOAD_ALLOCATION_LIST,
        says="A new version is drafted with another method, block sizes or limit of the allocation, and nothing else. "
        "Block sizes and limits are shown to nobody but you.",
        run=_amend,
        form=AmendmentForm,
        possible=_of_no_test,
    ),
    Act(
        name="sign",
        label="Sign",
        permission=Permission.SIGN_PROTOCOL,
        says="With your name, the date and your password you confirm that this version, as it stands, is to take "
        "effect. Two people sign. Another content is not signed by it.",
        run=_sign,
        form=SignForm,
        possible=lambda version: version.state in (ProtocolState.DRAFT, ProtocolState.APPROVED),
    ),
    Act(
        name="approve",
        label="Approve",
        permission=Permission.APPROVE_PROTOCOL,
        says="You approve and sign this version as it stands below. It is frozen then; a change is a new version.",
        run=_approve,
        form=SignForm,
        possible=version_can(ProtocolEvent.APPROVE),
    ),
)
