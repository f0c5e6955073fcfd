"""What may be done to a participant without knowing what a radiograph is."""

from typing import Any

from trial import audit
from trial.acts import Act
from trial.admin_forms import (
    CodeBreakForm,
    ConsentForm,
    CorrectionForm,
    DeviationForm,
    QueryForm,
    ReasonForm,
    RegisterForm,
)
from trial.models import Allocation, Participant, Trial, User
from trial.roles import Permission
from trial.services import aftermath, conduct, people, queries
from trial.states import State


def alive_and_in(participant: Participant) -> bool:
    """Tell whether the participant is neither withdrawn nor known to have died."""
    return participant.state not in (State.WITHDRAWN, State.DIED)


def _register(_: None, data: dict[str, Any], by: User) -> str:
    # The form has read the person; registering somebody twice returns the first registration.
    new, trial = data["person"], data["site"].trial
    known = people.numbered(new.number, issuers=[new.issuer], trials=[trial])
    before = Participant.objects.filter(known, trial=trial).exists()
    participant = people.register(data["site"], new=new, by=by)
    return f"{participant.study_number} {'was registered before; nothing is changed' if before else 'is registered'}."


def _correct(participant: Participant, data: dict[str, Any], by: User) -> str:
    sex = data["sex"].value if data["sex"] else None
    why, name, phone = data["reason"], data["name"], data["phone"] or ""
    with audit.context(by=by, why=why):
        people.update_identity(participant, by=by, why=why, name=name, phone=phone)
        people.correct_person(participant, by=by, why=why, sex=sex, birth_date=data["birth_date"])
    return f"{participant} is corrected. Assess eligibility again: age and sex may count."


def _consent(participant: Participant, data: dict[str, Any], by: User) -> str:
    conduct.record_consent(participant, **data, by=by)
    return f"The consent of {participant} is recorded."


def _deviation(row: Participant | Trial, data: dict[str, Any], by: User) -> str:
    of = {"participant": row} if isinstance(row, Participant) else {}
    conduct.record_deviation(row.trial if isinstance(row, Participant) else row, **data, **of, by=by)
    return f"A protocol deviation is recorded for {row}."


def _query(participant: Participant, data: dict[str, Any], by: User) -> str:
    queries.ask(participant, **data, by=by)
    return (
        f"The query of {participant} is asked. It stands under Data queries until it is answered and closed."
    )


def _break(participant: Participant, data: dict[str, Any], by: User) -> str:
    arm = aftermath.break_code(participant, **data, by=by)
    return f"{participant} is in the {arm.lower()} arm. This is shown once; that you were told is on record."


def _request_erasure(participant: Participant, data: dict[str, Any], by: User) -> str:
    people.request_erasure(participant, **data, by=by)
    return f"The erasure of {participant} is asked for. A second person has to approve it."


REQUEST_ERASURE = Act(
    name="request-erasure",
    label="Request erasure",
    permission=Permission.WITHDRAW,
    says="The participant asks to be forgotten. Nothing is erased before a second person approves.",
    run=_request_erasure,
    form=ReasonForm,
    possible=lambda row: not row.erasures.exists(),
)

BREAK_CODE = Act(
    name="break-code",
    label="Break the code",
    permission=Permission.BREAK_CODE,
    says="You are told the arm of this one participant, once. That, when, by whom and why stays on record, and the "
    "trial's staff see it without the arm. Do it only where it has to be known.",
    run=_break,
    form=CodeBreakForm,
    possible=lambda row: Allocation.objects.filter(participant=row).exists(),
    told_once=True,
)

DEVIATION = Act(
    name="deviation",
    label="Record deviation",
    permission=Permission.RECORD_DEVIATION,
    says="A departure from the protocol is documented. Nothing else changes: an allocation is never undone.",
    run=_deviation,
    form=DeviationForm,
)

PARTICIPANT_ACTS = (
    Act(
        name="register",
        label="Register a person",
        permission=Permission.REGISTER_PEOPLE,
        says="The person gets a study number. What identifies them is encrypted with a key of their own.",
        run=_register,
        form=RegisterForm,
        alone=True,
    ),
    Act(
        name="consent",
        label="Record consent",
        permission=Permission.RECORD_CONSENT,
        says="You confirm that the participant consented, on this form, before you.",
        run=_consent,
        form=ConsentForm,
        possible=alive_and_in,
    ),
    Act(
        name="correct",
        label="Correct facts",
        permission=Permission.REGISTER_PEOPLE,
        says="What stood before stays in the history. What an allocation used stays as it was used.",
        run=_correct,
        form=CorrectionForm,
    ),
    DEVIATION,
    Act(
        name="query",
        label="Ask about the record",
        permission=Permission.ASK_QUERY,
        says="Somebody who keeps this record looks in the source and answers; whoever asks closes it. Until then it "
        "is open where a dataset is frozen.",
        run=_query,
        form=QueryForm,
    ),
    REQUEST_ERASURE,
    BREAK_CODE,
)
