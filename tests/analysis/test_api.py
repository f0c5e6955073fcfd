"""Reports by the API: everybody who reads reports sees the arms together, few see them apart."""

import pytest

from analysis.services import freezes
from tests.factories import randomized, signed_in
from trial.roles import MATRIX, Permission, Role

pytestmark = pytest.mark.django_db
REPORTS = "/api/v1/reports/"


@pytest.fixture
def frozen(world):
    """A freeze of a trial with six people randomized."""
    randomized(world, 6)
    return freezes.freeze(world.trial, purpose="a test", by=world.trial_statistician, despite_findings=True)


@pytest.mark.parametrize("role", [role for role in Role if Permission.SEE_REPORT_POOLED in MATRIX[role]])
def test_results_by_arm_are_for_those_who_may_see_them(world, frozen, role):
    report = signed_in(world.cast[role]).get(f"{REPORTS}{frozen.pk}/").json()

    assert (report["number"], report["people"], report["sha256"]) == (1, 6, frozen.sha256)
    assert [row["counted"] for row in report["pooled"]] == ["0/6 (0.0%)"] * 3
    assert ("by_arm" in report) == (Permission.SEE_REPORT_BY_ARM in MATRIX[role])


def test_results_by_arm_carry_counts_and_effects(world, frozen):
    report = signed_in(world.monitoring_committee).get(f"{REPORTS}{frozen.pk}/").json()

    detected = next(row for row in report["by_arm"] if row["key"] == "osteoporosis")
    assert detected["screening"] == detected["control"] == {"events": 0, "n": 3}
    assert detected["odds_ratio"]["value"] is None
    assert detected["odds_ratio"]["why"]


def test_the_list_has_no_results_and_other_roles_have_no_list(world, frozen):
    [row] = signed_in(world.monitoring_committee).get(REPORTS).json()["results"]
    caller = signed_in(world.caller).get(REPORTS)

    assert row["id"] == str(frozen.pk)
    assert not {"pooled", "by_arm", "subjects", "intake"} & set(row)
    assert (caller.status_code, caller.json()["code"]) == (403, "not_permitted")
