"""Who may see what: the promises of blinding, read off the matrix."""

import pytest

from trial.roles import (
    DESCRIPTIONS,
    HIDDEN_BY,
    MATRIX,
    MEANINGS,
    UNDELEGATED,
    Hidden,
    Permission,
    Role,
    conflicts,
    permissions_of,
    shown_to,
)


def holders(permission):
    return {role for role, granted in MATRIX.items() if permission in granted}


def test_every_role_and_every_permission_is_told_in_one_sentence():
    assert set(DESCRIPTIONS) == set(MATRIX) == set(Role)
    assert set(MEANINGS) == set(Permission)
    for sentence in (*DESCRIPTIONS.values(), *MEANINGS.values()):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0


def test_whatever_can_be_hidden_names_the_permissions_that_would_show_it():
    assert set(HIDDEN_BY) == set(Hidden)


def test_every_permission_is_held_by_somebody():
    assert {permission for permission in Permission if not holders(permission)} == set()


def test_a_control_score_is_seen_by_two_named_roles_only():
    assert holders(Permission.SEE_CONTROL_SCORE) == {Role.RANDOMIZATION_STATISTICIAN, Role.INSPECTOR}


def test_only_the_coordinator_randomizes_and_neither_makes_nor_verifies_the_list():
    assert holders(Permission.RANDOMIZE) == {Role.COORDINATOR}
    assert not MATRIX[Role.COORDINATOR] & {Permission.UPLOAD_ALLOCATION_LIST, Permission.VERIFY_ALLOCATIONS}


def test_who_writes_a_protocol_does_not_approve_it():
    assert not holders(Permission.EDIT_PROTOCOL) & holders(Permission.APPROVE_PROTOCOL)


@pytest.mark.parametrize(
    ("role", "blind_to"),
    [
        (Role.CALLER, ["control_arm", "score", "control_score", "results_by_arm"]),
        (Role.OUTCOME_RECORDER, ["arm", "risk", "score", "control_score", "route", "results_by_arm"]),
        (Role.TRIAL_STATISTICIAN, ["arm", "risk", "score", "results_by_arm"]),
        (Role.DATA_MANAGER, ["arm", "risk", "score", "results_by_arm"]),
        (Role.INVESTIGATOR, ["arm", "risk", "score", "results_by_arm"]),
        (Role.MONITOR, ["arm", "risk", "score", "results_by_arm"]),
        (Role.COORDINATOR, ["control_score", "results_by_arm"]),
        (Role.RADIOLOGY_IT, list(Hidden)),
        (Role.SYSTEM_ADMINISTRATOR, list(Hidden)),
    ],
)
def test_a_blinded_role_has_no_way_to_see(role, blind_to):
    assert {hidden: shown_to(role, Hidden(hidden)) for hidden in blind_to} == dict.fromkeys(
        blind_to, frozenset()
    )


def test_the_caller_works_from_the_worklist_and_lists_no_participants():
    assert Permission.SEE_WORKLIST in MATRIX[Role.CALLER]
    assert not MATRIX[Role.CALLER] & {
        Permission.SEE_PARTICIPANTS,
        Permission.SEARCH_PEOPLE,
        Permission.SEE_ARM,
    }


def test_the_system_administrator_sees_no_clinical_facts():
    assert MATRIX[Role.SYSTEM_ADMINISTRATOR] == {
        Permission.MANAGE_ACCOUNTS,
        Permission.SEE_DELEGATION,
        Permission.END_DELEGATION,
        Permission.SEE_TRIAL,
        Permission.PRINT_ROLE_MATRIX,
    }


def test_the_inspector_reads_and_changes_nothing():
    verbs = {permission.split("_")[0] for permission in MATRIX[Role.INSPECTOR]}
    assert verbs == {"see", "search", "verify", "download", "print"}


def test_permissions_add_up_and_take_plain_words():
    both = permissions_of(["caller", Role.RADIOLOGY_IT])
    assert both == MATRIX[Role.CALLER] | MATRIX[Role.RADIOLOGY_IT]
    assert permissions_of([]) == frozenset()
    with pytest.raises(ValueError, match="owner"):
        permissions_of(["owner"])


def test_a_recorder_may_not_also_call():
    assert conflicts(["outcome_recorder", "caller"]) == [
        "One person can't be outcome recorder and caller: the caller may book appointment and see worklist, "
        "from which the outcome recorder is kept blind."
    ]


def test_a_blinded_statistician_may_not_also_sit_on_the_monitoring_committee():
    (said,) = conflicts(["monitoring_committee", "trial_statistician"])
    assert "see report by arm" in said


@pytest.mark.parametrize(
    "roles",
    [
        ["caller"],
        ["caller", "coordinator"],
        ["data_manager", "outcome_recorder"],
        ["monitor", "investigator"],
    ],
)
def test_roles_that_keep_each_other_blind_may_be_held_together(roles):
    assert conflicts(roles) == []


def test_names_read_as_words():
    assert Role.RADIOLOGY_IT.words == "radiology IT"
    assert Permission.SEE_CONTROL_SCORE.words == "see control score"


def test_the_investigator_alone_delegates():
    assert [role for role in Role if Permission.SIGN_DELEGATION in MATRIX[role]] == [Role.INVESTIGATOR]
    assert {role for role in Role if Permission.SEE_DELEGATION in MATRIX[role]} >= UNDELEGATED
