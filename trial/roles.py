"""Roles in words, what each may do, and why: the printable role matrix.

Source: ICH E6(R3) 4.1 (blinding built into data flow), design page "Who uses it". A permission is given by
this table alone; a page, list, export or log may show less than the table says, never more.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a person is in a trial."""

    INVESTIGATOR = "investigator"
    COORDINATOR = "coordinator"
    CALLER = "caller"
    OUTCOME_RECORDER = "outcome_recorder"
    DATA_MANAGER = "data_manager"
    TRIAL_STATISTICIAN = "trial_statistician"
    RANDOMIZATION_STATISTICIAN = "randomization_statistician"
    MONITORING_COMMITTEE = "monitoring_committee"
    MONITOR = "monitor"
    INSPECTOR = "inspector"
    RADIOLOGY_IT = "radiology_it"
    SYSTEM_ADMINISTRATOR = "system_administrator"

    @property
    def words(self) -> str:
        """Return the role as people say it."""
        return self.value.replace("_", " ").replace("radiology it", "radiology IT")


class Permission(StrEnum):
    """What a role may do; MEANINGS says each in a sentence."""

    SEE_TRIAL = "see_trial"
    SEE_PARTICIPANTS = "see_participants"
    SEE_IDENTITY = "see_identity"
    SEARCH_PEOPLE = "search_people"
    REGISTER_PEOPLE = "register_people"
    RECORD_CONSENT = "record_consent"
    SEE_ARM = "see_arm"
    SEE_ALLOCATION = "see_allocation"
    SEE_SCORE = "see_score"
    SEE_CONTROL_SCORE = "see_control_score"
    RANDOMIZE = "randomize"
    SIGN_COHORT = "sign_cohort"
    UPLOAD_ALLOCATION_LIST = "upload_allocation_list"
    VERIFY_ALLOCATIONS = "verify_allocations"
    BREAK_CODE = "break_code"
    WITHDRAW = "withdraw"
    APPROVE_ERASURE = "approve_erasure"
    RECORD_DEVIATION = "record_deviation"
    ASK_QUERY = "ask_query"
    ANSWER_QUERY = "answer_query"
    SEE_WORKLIST = "see_worklist"
    RECORD_CALL = "record_call"
    BOOK_APPOINTMENT = "book_appointment"
    RECORD_OUTCOME = "record_outcome"
    SEE_OUTCOMES = "see_outcomes"
    IMPORT_CLINICAL = "import_clinical"
    UPLOAD_FILMS = "upload_films"
    SEE_INTAKE = "see_intake"
    DECIDE_FILMS = "decide_films"
    KEEP_DEVICES = "keep_devices"
    SET_INTAKE = "set_intake"
    KEEP_CALENDAR = "keep_calendar"
    EDIT_PROTOCOL = "edit_protocol"
    APPROVE_PROTOCOL = "approve_protocol"
    SIGN_PROTOCOL = "sign_protocol"
    SIGN_MODEL = "sign_model"
    RUN_TRIAL = "run_trial"
    FREEZE_DATASET = "freeze_dataset"
    DOWNLOAD_DATASET = "download_dataset"
    SEE_REPORT_POOLED = "see_report_pooled"
    SEE_REPORT_BY_ARM = "see_report_by_arm"
    WRITE_PLAN = "write_plan"
    SIGN_PLAN = "sign_plan"
    UNBLIND_RESULTS = "unblind_results"
    TAKE_LOOK = "take_look"
    RELEASE_RECOMMENDATION = "release_recommendation"
    SEE_AUDIT = "see_audit"
    SEE_DELEGATION = "see_delegation"
    SIGN_DELEGATION = "sign_delegation"
    END_DELEGATION = "end_delegation"
    MANAGE_ACCOUNTS = "manage_accounts"
    PRINT_ROLE_MATRIX = "print_role_matrix"

    @property
    def words(self) -> str:
        """Return the permission as people say it."""
        return self.value.replace("_", " ")


class Hidden(StrEnum):
    """What a protocol may keep from a role."""

    ARM = "arm"
    CONTROL_ARM = "control_arm"
    RISK = "risk"
    SCORE = "score"
    CONTROL_SCORE = "control_score"
    ROUTE = "route"
    RESULTS_BY_ARM = "results_by_arm"


R, P = Role, Permission

MEANINGS: Mapping[Permission, str] = {
    P.SEE_TRIAL: "See the trial: title, sites, state and protocol.",
    P.SEE_PARTICIPANTS: "See the list of participants by study number, with state, sex, age and history.",
    P.SEE_IDENTITY: "See name, telephone and hospital number.",
    P.SEARCH_PEOPLE: "Find any registered person of the trial, whatever the risk and the arm.",
    P.REGISTER_PEOPLE: "Register a person, correct baseline facts, and merge two registrations of one person.",
    P.RECORD_CONSENT: "Record consent, its scope, or an objection.",
    P.SEE_ARM: "See which arm a participant is in, on pages, lists, history and exports.",
    P.SEE_ALLOCATION: "See that, when and under which protocol somebody was randomized, without the arm.",
    P.SEE_SCORE: "See risk score and class of participants of the screening arm.",
    P.SEE_CONTROL_SCORE: "See risk score and class of everybody else: control, low risk, not yet randomized.",
    P.RANDOMIZE: "Freeze the cohort and randomize eligible participants.",
    P.SIGN_COHORT: "Sign a frozen cohort; two people must, before it is randomized.",
    P.UPLOAD_ALLOCATION_LIST: "Upload the allocation list of a trial that brings its own, and change the key.",
    P.VERIFY_ALLOCATIONS: "Replay every past allocation against the trial's key.",
    P.BREAK_CODE: "Be told the arm of one participant for a reason that stays on record.",
    P.WITHDRAW: "Record that a participant withdrew.",
    P.APPROVE_ERASURE: "Approve that an identity is erased, as somebody else asked; it is then erased.",
    P.RECORD_DEVIATION: "Record a protocol deviation.",
    P.ASK_QUERY: "Ask a question about a participant's record, and close it once it is answered.",
    P.ANSWER_QUERY: "Answer a question about a participant's record.",
    P.SEE_WORKLIST: "See the call worklist: the people of the screening arm who are to be called.",
    P.RECORD_CALL: "Record a contact attempt and its outcome.",
    P.BOOK_APPOINTMENT: "Book, move or cancel a DXA appointment and record who came.",
    P.RECORD_OUTCOME: "Record DXA exams, diagnoses and treatments.",
    P.SEE_OUTCOMES: "See DXA exams, diagnoses and treatments, without risk, arm or route.",
    P.IMPORT_CLINICAL: "Import clinical facts from CSV.",
    P.UPLOAD_FILMS: "Send radiographs.",
    P.SEE_INTAKE: "See what became of each file received, without its score.",
    P.DECIDE_FILMS: "See the picture of a film held for a person to look at, and take it or keep it out.",
    P.KEEP_DEVICES: "Say which devices may send films over the network, and see which callers were turned away.",
    P.SET_INTAKE: "Say which kinds of file a site may send, with the reason.",
    P.KEEP_CALENDAR: "Name a site's calendar of holidays, and the days on which it is closed or open out of turn.",
    P.EDIT_PROTOCOL: "Write a draft protocol version.",
    P.APPROVE_PROTOCOL: "Approve a protocol version written by somebody else.",
    P.SIGN_PROTOCOL: "Sign a protocol version; two people must, before it takes effect.",
    P.SIGN_MODEL: "Sign that a model version may be used, or must not; an investigator and a statistician have to.",
    P.RUN_TRIAL: "Activate, pause, close and lock the trial.",
    P.FREEZE_DATASET: "Freeze a dataset.",
    P.DOWNLOAD_DATASET: "Download a frozen dataset; arms are masked for whoever may not see them.",
    P.SEE_REPORT_POOLED: "See reports with both arms together.",
    P.SEE_REPORT_BY_ARM: "See reports that compare the arms.",
    P.WRITE_PLAN: "Declare a statistical analysis plan.",
    P.SIGN_PLAN: "Sign an analysis plan; two people must, before the arms are known.",
    P.UNBLIND_RESULTS: "Make the arms of a locked trial known to whoever reads its reports.",
    P.TAKE_LOOK: "Take an interim look: compare the arms before the end, as planned, and sign what was found.",
    P.RELEASE_RECOMMENDATION: "Release what the committee recommends after an interim look, without results.",
    P.SEE_AUDIT: "Read the audit trail; arms and scores are masked for whoever may not see them.",
    P.SEE_DELEGATION: "Read the delegation log: who holds which role, since when and by whose signature.",
    P.SIGN_DELEGATION: "Sign an entry of the delegation log; it grants nothing before, and nobody signs their own.",
    P.END_DELEGATION: "End an entry of the delegation log, with the reason.",
    P.MANAGE_ACCOUNTS: "Create and close accounts and enter roles into the delegation log.",
    P.PRINT_ROLE_MATRIX: "Print this table.",
}

DESCRIPTIONS: Mapping[Role, str] = {
    R.INVESTIGATOR: "Answers for the trial: approves the protocol, opens and closes it, knows no arm.",
    R.COORDINATOR: "Runs the trial day by day: registers, randomizes; never sees a control score.",
    R.CALLER: "Phones the screening arm from the worklist; knows no score and nothing of the control arm.",
    R.OUTCOME_RECORDER: "Records DXA, diagnosis and treatment of anybody, blind to risk, arm and route.",
    R.DATA_MANAGER: "Imports and cleans clinical facts and freezes datasets, blind to arm.",
    R.TRIAL_STATISTICIAN: "Writes the analysis blinded: pooled reports and datasets with the arms masked.",
    R.RANDOMIZATION_STATISTICIAN: "Answers for the list: verifies draws, sees arms and scores.",
    R.MONITORING_COMMITTEE: "Watches safety and benefit: reports by arm and interim looks, no person.",
    R.MONITOR: "Checks data against the source at the site, blind to arm.",
    R.INSPECTOR: "Reads everything, for an authority or an ethics board, and changes nothing.",
    R.RADIOLOGY_IT: "Sends radiographs and sees what became of each file, never a score.",
    R.SYSTEM_ADMINISTRATOR: "Keeps accounts and the machine; sees no clinical facts.",
}

_PEOPLE = (P.SEE_PARTICIPANTS, P.SEE_IDENTITY, P.SEARCH_PEOPLE)
_CALLS = (P.SEE_WORKLIST, P.RECORD_CALL, P.BOOK_APPOINTMENT, P.RECORD_CONSENT)
_CONDUCT = (P.RECORD_CONSENT, P.WITHDRAW, P.RECORD_DEVIATION, P.ANSWER_QUERY)
_UNBLINDED = (P.SEE_ARM, P.SEE_ALLOCATION, P.SEE_SCORE)
_REPORTS = (P.SEE_REPORT_POOLED, P.SEE_REPORT_BY_ARM)

# A control score is shown to two roles only: the randomization statistician, who must show that each
# allocation followed from the frozen scores, and the inspector, to whom nothing may be hidden.
_GRANTS: Mapping[Role, tuple[Permission, ...]] = {
    R.INVESTIGATOR: (
        *(*_PEOPLE, *_CONDUCT, P.SEE_ALLOCATION, P.SEE_OUTCOMES, P.BREAK_CODE, P.APPROVE_ERASURE),
        *(P.SIGN_COHORT, P.APPROVE_PROTOCOL, P.SIGN_PROTOCOL, P.SIGN_MODEL, P.RUN_TRIAL),
        *(P.SIGN_PLAN, P.UNBLIND_RESULTS, P.SEE_REPORT_POOLED),
        *(P.SEE_DELEGATION, P.SIGN_DELEGATION, P.END_DELEGATION),
    ),
    R.COORDINATOR: (
        *(*_PEOPLE, *_CONDUCT, *_CALLS, *_UNBLINDED, P.REGISTER_PEOPLE, P.RANDOMIZE, P.SIGN_COHORT),
        *(
            P.UPLOAD_FILMS,
            P.SEE_INTAKE,
            P.DECIDE_FILMS,
            P.KEEP_DEVICES,
            P.SET_INTAKE,
            P.KEEP_CALENDAR,
            P.EDIT_PROTOCOL,
            P.SIGN_PROTOCOL,
        ),
        *(P.SEE_REPORT_POOLED, P.SEE_DELEGATION),
    ),
    R.CALLER: (*_CALLS, P.SEE_IDENTITY),
    R.OUTCOME_RECORDER: (P.SEARCH_PEOPLE, P.SEE_IDENTITY, P.RECORD_OUTCOME, P.SEE_OUTCOMES),
    R.DATA_MANAGER: (
        *(*_PEOPLE, P.SEE_ALLOCATION, P.SEE_OUTCOMES, P.SEE_INTAKE, P.IMPORT_CLINICAL),
        *(
            P.SIGN_COHORT,
            P.APPROVE_ERASURE,
            P.RECORD_DEVIATION,
            P.ASK_QUERY,
            P.FREEZE_DATASET,
            P.SEE_REPORT_POOLED,
            P.SEE_AUDIT,
        ),
    ),
    R.TRIAL_STATISTICIAN: (
        *(P.WRITE_PLAN, P.SIGN_PLAN, P.FREEZE_DATASET, P.DOWNLOAD_DATASET, P.SEE_REPORT_POOLED),
        P.SIGN_MODEL,
    ),
    R.RANDOMIZATION_STATISTICIAN: (
        *(
            P.SEE_PARTICIPANTS,
            *_UNBLINDED,
            P.SEE_CONTROL_SCORE,
            *_REPORTS,
            P.APPROVE_PROTOCOL,
            P.SIGN_PROTOCOL,
            P.SIGN_MODEL,
        ),
        *(P.UPLOAD_ALLOCATION_LIST, P.VERIFY_ALLOCATIONS, P.FREEZE_DATASET, P.DOWNLOAD_DATASET),
        P.TAKE_LOOK,
    ),
    R.MONITORING_COMMITTEE: (*_REPORTS, P.TAKE_LOOK, P.RELEASE_RECOMMENDATION),
    R.MONITOR: (
        *(*_PEOPLE, P.SEE_ALLOCATION, P.SEE_OUTCOMES, P.SEE_INTAKE),
        *(P.RECORD_DEVIATION, P.ASK_QUERY, P.SEE_REPORT_POOLED, P.SEE_AUDIT, P.SEE_DELEGATION),
    ),
    R.INSPECTOR: (
        *(*_PEOPLE, *_UNBLINDED, P.SEE_CONTROL_SCORE, *_REPORTS, P.VERIFY_ALLOCATIONS),
        *(P.SEE_WORKLIST, P.SEE_OUTCOMES, P.SEE_INTAKE, P.SEE_AUDIT, P.DOWNLOAD_DATASET, P.SEE_DELEGATION),
    ),
    R.RADIOLOGY_IT: (P.UPLOAD_FILMS, P.SEE_INTAKE),
    R.SYSTEM_ADMINISTRATOR: (P.MANAGE_ACCOUNTS, P.SEE_DELEGATION, P.END_DELEGATION),
}

# Whom no investigator delegates: the sponsor appoints the investigator, and the machine is nobody's trial task.
UNDELEGATED = frozenset({R.INVESTIGATOR, R.SYSTEM_ADMINISTRATOR})

# The protocol and who may do what are no secret, so every role sees the trial and prints the table.
MATRIX: Mapping[Role, frozenset[Permission]] = {
    role: frozenset((*granted, P.SEE_TRIAL, P.PRINT_ROLE_MATRIX)) for role, granted in _GRANTS.items()
}

# What a protocol may hide from a role -> the permissions that would show it.
HIDDEN_BY: Mapping[Hidden, frozenset[Permission]] = {
    Hidden.ARM: frozenset({P.SEE_ARM, P.SEE_WORKLIST}),
    Hidden.CONTROL_ARM: frozenset({P.SEE_ARM}),
    Hidden.RISK: frozenset({P.SEE_SCORE, P.SEE_CONTROL_SCORE, P.SEE_WORKLIST}),
    Hidden.SCORE: frozenset({P.SEE_SCORE, P.SEE_CONTROL_SCORE}),
    Hidden.CONTROL_SCORE: frozenset({P.SEE_CONTROL_SCORE}),
    Hidden.ROUTE: frozenset({P.SEE_WORKLIST, P.BOOK_APPOINTMENT}),
    Hidden.RESULTS_BY_ARM: frozenset({P.SEE_REPORT_BY_ARM, P.TAKE_LOOK}),
}

# Roles whose blindness a second role would end, and what must stay hidden from them.
_BLIND: Mapping[Role, tuple[Hidden, ...]] = {
    R.OUTCOME_RECORDER: (Hidden.ARM, Hidden.RISK, Hidden.ROUTE, Hidden.RESULTS_BY_ARM),
    R.TRIAL_STATISTICIAN: (Hidden.ARM, Hidden.CONTROL_SCORE, Hidden.RESULTS_BY_ARM),
    R.CALLER: (Hidden.CONTROL_ARM, Hidden.CONTROL_SCORE),
}
# A caller who also coordinates learns the control arm by allocating it, not by calling: sites are small.
_TOLERATED = frozenset({frozenset({R.CALLER, R.COORDINATOR})})


# SPIRIT 2013 16a.
_ENROLLING = (R.COORDINATOR, R.CALLER)


def permissions_of(roles: Collection[Role | str]) -> frozenset[Permission]:
    """Return everything a person with these roles may do."""
    return frozenset().union(*(MATRIX[Role(role)] for role in roles))


def shown_to(role: Role, hidden: Hidden) -> frozenset[Permission]:
    """Return the role's permissions that would show what is to be hidden; empty means it is blind to it."""
    return MATRIX[role] & HIDDEN_BY[hidden]


def conflicts(roles: Collection[Role | str]) -> list[str]:
    """Return a sentence for each pair of roles that one person must not hold in one trial."""
    held = [Role(role) for role in roles]
    both = [f"Who answers for the allocation list does not enroll: one person can't be {role.words} as well."
            for role in _ENROLLING if role in held and R.RANDOMIZATION_STATISTICIAN in held]  # fmt: skip
    return both + [
        f"One person can't be {blind.words} and {other.words}: "
        f"the {other.words} may {_and(shown)}, from which the {blind.words} is kept blind."
        for blind in _BLIND
        if blind in held
        for other in held
        if (shown := _ends_blindness(blind, other))
    ]


def _ends_blindness(blind: Role, other: Role) -> list[str]:
    if blind is other or frozenset({blind, other}) in _TOLERATED:
        return []
    found = {permission for hidden in _BLIND[blind] for permission in shown_to(other, hidden)}
    return sorted(permission.words for permission in found)


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
