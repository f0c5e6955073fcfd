"""Plans are declared, signed by two people before the arms are known, and stay; a report says which one it follows."""

import pytest
from django.db import DatabaseError, transaction

from analysis.models import AnalysisMeaning, AnalysisPlan, AnalysisSignature, Unblinding
from analysis.services import freezes, plans
from tests.analysis.plans import PLAN, SHORT
from tests.browsing import browser, words
from tests.factories import PASSWORD, World, activate, end, randomized, refusal
from trial import audit
from trial.protocol import template
from trial.services.trials import Refused
from trial.states import TrialState

pytestmark = pytest.mark.django_db


def declared(world: World, text: str = PLAN) -> AnalysisPlan:
    return plans.declare_plan(world.trial.protocol_version, text=text, by=world.trial_statistician)


def signed(world: World, text: str = PLAN) -> AnalysisPlan:
    plan = declared(world, text)
    for signer in (world.trial_statistician, world.investigator):
        plans.sign_plan(plan, by=signer, password=PASSWORD)
    return plan


def unblinded(world: World) -> Unblinding:
    end(world, TrialState.LOCKED)
    world.trial.refresh_from_db()
    return plans.unblind_results(
        world.trial, reason="Final analysis", by=world.investigator, password=PASSWORD
    )


# --- declared and signed ------------------------------------------------------------------------------------


def test_a_plan_holds_when_two_people_have_signed_it(world):
    plan = declared(world)
    version = plan.protocol_version

    assert plans.plan_in_force(version) is None
    for _ in range(2):
        plans.sign_plan(plan, by=world.trial_statistician, password=PASSWORD)
    assert plans.plan_in_force(version) is None and plans.signatures_of(plan).count() == 1
    plans.sign_plan(plan, by=world.investigator, password=PASSWORD)
    assert plans.plan_in_force(version) == plan


def test_a_plan_is_numbered_kept_and_replaced_until_it_is_signed(world):
    first, same, second = declared(world), declared(world), declared(world, SHORT)

    assert (first.pk, first.number, second.number) == (same.pk, 1, 2)
    with pytest.raises(Refused, match="took the place of this plan"):
        plans.sign_plan(first, by=world.investigator, password=PASSWORD)
    signed(world, SHORT)
    with pytest.raises(Refused, match="has a signed plan, and it stays"):
        declared(world)


def test_what_is_no_plan_is_not_saved_and_the_faults_are_told(world):
    with pytest.raises(Refused, match=r"nothing was saved.*'lungs' is not known"):
        declared(world, SHORT.replace("osteoporosis", "lungs"))
    assert not AnalysisPlan.objects.exists()


def test_a_plan_is_written_and_signed_by_whom_the_roles_say(world):
    plan = declared(world)

    with pytest.raises(Refused, match="include: write plan"):
        plans.declare_plan(plan.protocol_version, text=SHORT, by=world.investigator)
    with pytest.raises(Refused, match="include: sign plan"):
        plans.sign_plan(plan, by=world.monitoring_committee, password=PASSWORD)
    with pytest.raises(Refused, match="not your password"):
        plans.sign_plan(plan, by=world.investigator, password="guess")
    assert not AnalysisSignature.objects.exists()


def test_an_amended_protocol_has_a_plan_of_its_own(world):
    signed(world)
    activate(world, template("opscan").amended({"follow_up_end": "2024-06-30"}, note="Longer"))

    assert plans.plan_in_force(world.trial.protocol_version) is None
    assert signed(world, SHORT).number == 1


# --- what the database refuses ------------------------------------------------------------------------------


def refused(world, plan, signer, *, by=None, **changes):
    """Return what the database says of a signature that no service gives."""
    row = {
        "trial": world.trial,
        "meaning": "plan",
        "subject_id": plan.pk,
        "content_sha256": plan.sha256,
        "signer": signer,
    }
    with (
        pytest.raises(DatabaseError) as no,
        transaction.atomic(),
        audit.context(by=by or signer, why="a test"),
    ):
        AnalysisSignature.objects.create(**row | changes)
    return str(no.value)


def test_the_database_refuses_signatures_for_others_for_nothing_and_by_the_wrong_roles(world):
    plan = declared(world)
    statistician = world.trial_statistician

    assert "Only the signer" in refused(world, plan, statistician, by=world.investigator)
    assert "no such plan" in refused(world, plan, statistician, content_sha256="0" * 64)
    assert "no such dataset" in refused(world, plan, statistician, meaning="freeze")
    assert "signed by an investigator or the statistician" in refused(world, plan, world.caller)


def test_the_database_refuses_a_second_signed_plan_and_any_once_the_arms_are_known(world):
    older = declared(world, SHORT)
    plan = signed(world)
    assert "has a signed plan" in refused(world, older, world.trial_statistician)

    unblinded(world)

    version = plan.protocol_version
    with audit.context(by=world.investigator, why="a test"):
        late = AnalysisPlan.objects.create(
            protocol_version=version, number=9, text=SHORT, sha256="1" * 64, declared_by=world.investigator
        )
    assert "arms are known" in refused(world, late, world.investigator)
    with pytest.raises(Refused, match="what is planned now is post hoc"):
        plans.sign_plan(plan, by=world.investigator, password=PASSWORD)


def test_the_database_keeps_the_arms_unknown_until_lock_and_plan(world):
    insert = (
        "INSERT INTO analysis_unblinding (id, trial_id, plan_id, reason, by_id)"
        " VALUES (gen_random_uuid(), %s, %s, 'x', %s)"
    )
    plan = declared(world)
    with audit.context(by=world.investigator, why="a test"):
        assert "until the trial is locked" in refusal(insert, world.trial.pk, plan.pk, world.investigator.pk)
        end(world, TrialState.LOCKED)
        assert "until an analysis plan is signed" in refusal(
            insert, world.trial.pk, plan.pk, world.investigator.pk
        )


def test_plans_signatures_and_the_unblinding_are_never_changed_or_deleted(world):
    signed(world)
    unblinded(world)

    for table in ("analysisplan", "analysissignature", "unblinding"):
        for statement in (f"DELETE FROM analysis_{table}", f"UPDATE analysis_{table} SET id = id"):
            assert "never" in refusal(statement) or "permission denied" in refusal(statement)


# --- the arms -----------------------------------------------------------------------------------------------


def test_the_arms_are_made_known_once_by_the_investigator_of_a_locked_trial_with_a_plan(world):
    def ask(**changes):
        asked = {"reason": "Final", "by": world.investigator, "password": PASSWORD} | changes
        return plans.unblind_results(world.trial, **asked)

    with pytest.raises(Refused, match="Lock it first"):
        ask()
    with pytest.raises(Refused, match="include: unblind results"):
        ask(by=world.trial_statistician)
    with pytest.raises(Refused, match="Say why"):
        ask(reason=" ")
    signed(world)
    first = unblinded(world)
    with pytest.raises(Refused, match="include: unblind results"):
        ask(by=world.trial_statistician)
    assert ask() == first


def test_a_report_shows_the_arms_to_the_blind_only_once_they_are_known(world):
    randomized(world, 4)
    signed(world)
    frozen = freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician, despite_findings=True)
    page = f"/reports/{frozen.pk}/"
    statistician = browser(world.trial_statistician)

    assert frozen.plan and "screening arm" not in words(statistician.get(page))
    assert plans.sees_arms(world.monitoring_committee, frozen)
    unblinded(world)
    assert "in the screening arm" in words(statistician.get(page))
    assert not plans.sees_arms(world.caller, frozen)


def test_a_freeze_says_which_plan_was_in_force(world):
    randomized(world, 2)
    before = freezes.freeze(world.trial, purpose="Early", by=world.trial_statistician, despite_findings=True)
    plan = signed(world)
    after = freezes.freeze_if_changed(world.trial, purpose="Late", by=world.trial_statistician)

    assert (before.plan, after.plan) == (None, plan) and before.sha256 == after.sha256
    assert "every comparison is post hoc" in words(
        browser(world.monitoring_committee).get(f"/reports/{before.pk}/")
    )


def test_a_freeze_is_signed_as_it_stands(world):
    randomized(world, 2)
    frozen = freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician, despite_findings=True)

    plans.sign_freeze(frozen, by=world.trial_statistician, password=PASSWORD)

    given = plans.signatures_of(frozen).get()
    assert (given.meaning, given.content_sha256) == (AnalysisMeaning.FREEZE, frozen.sha256)


# --- the pages ----------------------------------------------------------------------------------------------


def test_a_plan_is_declared_signed_and_read_on_its_pages(world):
    statistician, investigator = browser(world.trial_statistician), browser(world.investigator)
    start = statistician.get("/reports/plans/")
    assert "plan: 1" in words(start) and "Declare the first one" in words(start)
    assert "Declare a plan" not in words(investigator.get("/reports/plans/"))

    wrong = statistician.post("/reports/plans/", {"trial": world.trial.pk, "text": "plan: 2"})
    assert "is a required property" in words(wrong) and "plan: 2" in words(wrong)
    page = statistician.post("/reports/plans/", {"trial": world.trial.pk, "text": PLAN}, follow=True)
    assert "nobody has signed it" in words(page) and "exclusion restriction" in words(page)

    address = page.redirect_chain[-1][0]
    assert "not your password" in words(investigator.post(address, {"sign": "", "sign-password": "guess"}))
    for reader in (statistician, investigator):
        page = reader.post(address, {"sign": "", "sign-password": PASSWORD}, follow=True)
    assert "This plan is in force" in words(page)
    assert "Your password" in words(page)  # of the investigator, who may make the arms known
    early = {"unblind": "", "unblind-reason": "Final", "unblind-password": PASSWORD}
    assert "Lock it first" in words(investigator.post(address, early))
