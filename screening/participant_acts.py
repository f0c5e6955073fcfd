"""What is done to participants and cohorts once films, risk and referrals are known of."""

from collections.abc import Mapping
from typing import Any

from django.forms import ModelChoiceField

from screening.forms import DisclosureForm
from screening.models import ModelVersion
from screening.services import cohort, contamination, made_up, merging, referral, setup
from screening.services.reconciliation import reconcile
from screening.vocabulary import FilmState
from trial.acts import Act
from trial.admin_forms import (
    AllocationErrorForm,
    DeathForm,
    DraftForm,
    MadeUpPeopleForm,
    MergeForm,
    ObjectionForm,
    SignForm,
    UnmergeForm,
    WithdrawalForm,
)
from trial.allocation_log import OnHold, on_hold
from trial.keys import KeyUnusable
from trial.models import Allocation, Cohort, Participant, PersonMerge, ProtocolVersion, Trial, TrialKind, User
from trial.participant_acts import alive_and_in
from trial.protocol_parts import Timing
from trial.roles import Permission
from trial.services import protocols, signatures
from trial.services.reconciliation import lost_of
from trial.services.trials import Refused
from trial.states import ProtocolEvent, State, TrialState
from trial.trial_acts import version_can

UNSETTLED = (State.REGISTERED, State.ELIGIBLE, State.NOT_ELIGIBLE)


def together(trial: Trial) -> bool:
    """Tell whether the trial randomizes a frozen cohort rather than one participant after another."""
    return trial.protocol.allocation.when is Timing.COHORT


def evidence_of(row: Participant) -> Mapping[str, str]:
    """Return what is known of eligibility, to be read before drawing."""
    bounds = f"between {row.birth_earliest} and {row.birth_latest}" if row.birth_earliest else "not known"
    return {
        "Sex": row.sex or "not known",
        "Birth date": row.birth_date or bounds,
        "Films scored": str(row.radiographs.filter(state=FilmState.SCORED).count()),
        "Eligibility": _last_judgment(row),
    }


def _last_judgment(row: Participant) -> str:
    last = row.assessments.order_by("-occurred_at", "-recorded_at").first()
    if last is None:
        return "not assessed yet; it is, before anything is drawn"
    said = "eligible" if last.eligible else " ".join(reason["sentence"] for reason in last.reasons)
    return f"{said} (assessed {last.occurred_at:%Y-%m-%d %H:%M} UTC, and again before drawing)"


def _assess(row: Participant, _: dict[str, Any], by: User) -> str:
    verdict = cohort.assess(row, by=by)
    if verdict.eligible:
        return f"{row} is eligible."
    return f"{row} is not eligible: " + " ".join(reason.sentence for reason in verdict.reasons)


def _randomize(row: Participant, _: dict[str, Any], by: User) -> str:
    if known := Allocation.objects.filter(participant=row).first():
        at = f"{known.recorded_at:%Y-%m-%d at %H:%M:%S} UTC"
        return f"{row} was randomized on {at} already; nothing new was drawn."
    cohort.randomize(row, by=by)
    return f"{row} is randomized."


def _withdraw(row: Participant, data: dict[str, Any], by: User) -> str:
    referral.withdraw(row, **data, by=by)
    return f"{row} is withdrawn: nobody calls them, and nothing more is booked or scored."


def _death(row: Participant, data: dict[str, Any], by: User) -> str:
    referral.record_death(row, died_on=data["died_on"], by=by)
    return f"The death of {row} is recorded: nobody calls them."


def _object(row: Participant, data: dict[str, Any], by: User) -> str:
    referral.object_to_calls(row, **data, by=by)
    return f"The objection of {row} is recorded: nobody calls them."


def _erase(row: Participant, _: dict[str, Any], by: User) -> str:
    referral.approve_erasure(row, by=by)
    return f"Name, telephone and hospital number of {row} are erased for good."


def _erasure_asked(row: Participant) -> Mapping[str, str]:
    asked = row.erasures.select_related("requested_by").filter(approved_by=None).first()
    return {f"Asked for by {asked.requested_by.first_name}": asked.reason} if asked else {}


def _merged_away(row: Participant) -> bool:
    return PersonMerge.objects.standing().filter(participant=row).exists()


def _merge(row: Participant, data: dict[str, Any], by: User) -> str:
    merging.merge(row, **data, by=by)
    return f"{row} is merged into {data['into']}, whose registration counts for both from now on."


def _unmerge(row: Participant, data: dict[str, Any], by: User) -> str:
    merging.take_back(row, **data, by=by)
    return f"{row} counts for itself again, with the films of its own number."


def _error(row: Participant, data: dict[str, Any], by: User) -> str:
    referral.record_allocation_error(row, **data, by=by)
    return f"It is on record of {row}, with a protocol deviation. The allocation stands and is analyzed."


def _disclose(row: Participant, data: dict[str, Any], by: User) -> str:
    contamination.record_disclosure(row, **data, by=by)
    return f"It is on record of {row}, with a major protocol deviation. Tell nobody else."


def _freeze(trial: Trial, _: dict[str, Any], by: User) -> str:
    made = cohort.freeze_cohort(trial, by=by)
    return f"A cohort of {made.size} is frozen. Open it under Cohorts to randomize it."


def _sign(row: Cohort, data: dict[str, Any], by: User) -> str:
    signatures.sign(row, by=by, password=data["password"])
    given = signatures.signatures_of(row).count()
    missing = "It can be randomized." if given >= signatures.SIGNERS else "Another person has to sign too."
    return f"You have signed the cohort of {row.size}. {missing}"


def _randomize_cohort(row: Cohort, _: dict[str, Any], by: User) -> str:
    before = row.allocations.count()
    made = cohort.randomize_cohort(row, by=by)
    if before == len(made):
        return f"All {before} were randomized already; nothing new was drawn."
    return f"{len(made) - before} participants are randomized."


SCREENING_ACTS = (
    Act(
        "randomize",
        "Randomize",
        Permission.RANDOMIZE,
        "Eligibility is judged once more, then the next place of the list is drawn. There is no way back: "
        "an allocation is never changed or deleted. Asking twice gives the first answer.",
        _randomize,
        possible=lambda row: (
            row.state in UNSETTLED and row.trial.state == TrialState.ACTIVE and not together(row.trial)
        ),
        facts=evidence_of,
        together=True,
        then="slip",
    ),
    Act(
        "assess",
        "Assess eligibility",
        Permission.RANDOMIZE,
        "Every criterion of the protocol in force is judged by what is on record now.",
        _assess,
        possible=lambda row: row.state in UNSETTLED,
        together=True,
    ),
    Act(
        "withdraw",
        "Withdraw",
        Permission.WITHDRAW,
        "Calls, appointments and scoring stop at once. What was recorded stays and is analyzed.",
        _withdraw,
        WithdrawalForm,
        possible=alive_and_in,
    ),
    Act(
        "object",
        "Record objection",
        Permission.RECORD_CONSENT,
        "Nobody calls from now on, and a booked appointment is canceled. The participant stays in the trial.",
        _object,
        ObjectionForm,
        possible=alive_and_in,
    ),
    Act(
        "allocation-error",
        "Record an allocation error",
        Permission.RECORD_DEVIATION,
        "What was wrong is documented, a protocol deviation is opened, and the report's flow shows it. The allocation "
        "stands: it is neither undone nor used again. Of a person randomized twice the later offer is stopped.",
        _error,
        AllocationErrorForm,
        possible=lambda row: Allocation.objects.filter(participant=row).exists(),
    ),
    Act(
        "merge",
        "Merge into another registration",
        Permission.REGISTER_PEOPLE,
        "The hospital found that two of its numbers are one person. From now on either number is the person named "
        "below: films, results and imports of this one count for them, and this one is neither judged eligible nor "
        "drawn. No allocation moves: of a person randomized twice this later one is recorded as a duplicate, and its "
        "offer is stopped. It can be taken back.",
        _merge,
        MergeForm,
        possible=lambda row: row.trial.kind != TrialKind.RECORDED and not _merged_away(row),
        facts=lambda row: {"Sex": row.sex or "not known", "Birth date": row.birth_date or "not known"},
    ),
    Act(
        "unmerge",
        "Take back the merge",
        Permission.REGISTER_PEOPLE,
        "They are two people after all. Each registration counts for itself again, with the films that came under its "
        "own number, and both are judged anew. No allocation moves, and what is on record of a duplicate stays: if "
        "somebody was randomized by films of the other, record that as an allocation error.",
        _unmerge,
        UnmergeForm,
        possible=_merged_away,
    ),
    Act(
        "score-told",
        "Record that a score was told",
        Permission.RECORD_DEVIATION,
        "Somebody told the participant a risk score or that the film was judged, otherwise than the protocol says. "
        "That, by whom and how it came out is documented, and a major protocol deviation is opened. Don't find out "
        "the arm for it: the report says what follows.",
        _disclose,
        DisclosureForm,
    ),
    Act(
        "erase",
        "Approve erasure",
        Permission.APPROVE_ERASURE,
        "The key of this person is destroyed: name, telephone and hospital number can't be read any more, in old "
        "audit rows and in every other trial too, and calls and appointments stop. There is no way back. Study data "
        "and history stay, without identity.",
        _erase,
        possible=lambda row: row.erasures.filter(approved_by=None).exists(),
        facts=_erasure_asked,
    ),
    Act(
        "death",
        "Record death",
        Permission.WITHDRAW,
        "Calls and appointments stop at once. A later date corrects an earlier one.",
        _death,
        DeathForm,
    ),
)


class ModelDraftForm(DraftForm):
    """A draft with the model of its index test."""

    model = ModelChoiceField(
        label="Model version",
        queryset=ModelVersion.objects.order_by("name", "version"),
        required=False,
        empty_label="the demonstration's",
        help_text="A live trial needs one that is approved, under Model versions.",
    )


def _draft(trial: Trial, data: dict[str, Any], by: User) -> str:
    protocol = setup.from_template(data["template"], waiver=data["waiver"], model=data["model"])
    return f"{protocols.draft_protocol(trial, protocol=protocol, by=by)} is drafted."


def _add_people(trial: Trial, data: dict[str, Any], by: User) -> str:
    return f"{made_up.add_people(trial, **data, by=by)} made-up people are in trial {trial}."


def _put_in_force(version: ProtocolVersion, _: dict[str, Any], by: User) -> str:
    setup.put_in_force(version, by=by)
    return f"{version} is in force."


def _checklist(version: ProtocolVersion) -> Mapping[str, str]:
    return {item.text: "yes" if item.met else f"not yet. {item.remedy}" for item in setup.checklist(version)}


ACTIVATE = Act(
    "activate",
    "Put in force",
    Permission.RUN_TRIAL,
    "This version takes effect now and supersedes the one in force. Those allocated keep theirs. Every point below "
    "has to be met.",
    _put_in_force,
    possible=version_can(ProtocolEvent.ACTIVATE),
    facts=_checklist,
)

DRAFT = Act(
    "draft",
    "Draft the protocol",
    Permission.EDIT_PROTOCOL,
    "The first version is drafted from a template, fixed to the registered model. Nothing is in force until a second "
    "person has approved it and two have signed.",
    _draft,
    ModelDraftForm,
    possible=lambda trial: not trial.versions.exists(),
)

FREEZE_COHORT = Act(
    "freeze-cohort",
    "Freeze the cohort",
    Permission.RANDOMIZE,
    "Everybody is judged, the films of each are summed up, and the eligible at high risk become the list "
    "to be randomized together. The list is hashed and never changed.",
    _freeze,
    possible=lambda trial: trial.state == TrialState.ACTIVE,
)


def _lost(trial: Trial) -> dict[str, str]:
    """Return who was randomized by the log and not by the record, without the arm, and what keeps them from it."""
    try:
        lost = lost_of(trial)
    except (KeyUnusable, OnHold) as no:
        return {"allocation log": str(no)}
    words = "randomized {randomized_on}, {stratum}, list {list}, place {sequence}"
    return {one.place["participant"]: f"{words.format(**one.place)}. {one.obstacle}".strip() for one in lost}


def _reconcile(trial: Trial, _: dict[str, Any], by: User) -> str:
    try:
        return f"{len(reconcile(trial, by=by))} allocations were put back. Now verify the allocations."
    except (KeyUnusable, OnHold) as no:
        raise Refused(str(no)) from None


RECONCILE = Act(
    "reconcile",
    "Reconcile with the allocation log",
    Permission.UPLOAD_ALLOCATION_LIST,
    "The database was restored to an earlier moment, and the log outside it has allocations that it lost. Each is "
    "drawn again from the key and put back as it was, with the offer that follows: all of them or none. A deviation "
    "says so.",
    _reconcile,
    facts=_lost,
    possible=lambda trial: bool(on_hold(trial)),
)

ADD_PEOPLE = Act(
    "add-people",
    "Add made-up people",
    Permission.REGISTER_PEOPLE,
    "People are made up in every combination of strata, each with a phantom film, as if a hospital had sent them; the "
    "worker scores the films. Then freeze, sign and randomize as in a trial that is none. Many take a minute.",
    _add_people,
    MadeUpPeopleForm,
    possible=lambda trial: trial.is_test and trial.state == TrialState.ACTIVE,
)

SIGN_COHORT = Act(
    "sign",
    "Sign the cohort",
    Permission.SIGN_COHORT,
    "With your name, the date and your password you confirm that the people on this list, and nobody else, are to "
    "be randomized. Two people sign. The signature holds for this list with this hash alone.",
    _sign,
    SignForm,
    possible=lambda row: row.trial.state == TrialState.ACTIVE and row.allocations.count() < row.size,
)

RANDOMIZE_COHORT = Act(
    "randomize",
    "Randomize the cohort",
    Permission.RANDOMIZE,
    "Everybody on the list who is not yet randomized is, in one go, and the screening arm is put on the "
    "call list. There is no way back.",
    _randomize_cohort,
    possible=lambda row: row.trial.state == TrialState.ACTIVE and row.allocations.count() < row.size,
)
