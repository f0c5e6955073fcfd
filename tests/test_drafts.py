"""A draft is tried on test data: apart from everything real, marked, kept, and asked for before a live trial opens."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from analysis.services import freezes
from screening.manifests import DEMONSTRATION_MODEL
from screening.models import Radiograph
from screening.services import intake, setup
from tests import dicom
from tests.admin import do, list_of, page_of
from tests.browsing import browser, words
from tests.factories import (
    PASSWORD,
    World,
    add_film,
    approve_model,
    copy,
    draw_in_test,
    high_risk,
    in_arm,
    make_participant,
    make_world,
    pinned,
    referral_of,
    refusal,
    signed_in,
    try_out,
)
from trial import allocation_log
from trial.keys import key_path
from trial.models import Allocation, Participant, Person, ProtocolVersion, Trial, TrialKind
from trial.protocol import template
from trial.services import drafts, protocols, signatures, trials
from trial.services.trials import Refused

STRATIFIED = {
    "allocation.method": "permuted_blocks",
    "allocation.block_sizes": [2],
    "allocation.strata": ["site", "sex"],
}


def draft_of(world: World, changes: dict | None = None) -> ProtocolVersion:
    protocol = template("opscan").amended(changes or STRATIFIED, note="For a test.")
    return protocols.draft_protocol(world.trial, protocol=pinned(protocol, world.model), by=world.coordinator)


def approved(world: World, version: ProtocolVersion) -> ProtocolVersion:
    signatures.sign(version, by=world.coordinator, password=PASSWORD)
    return protocols.approve_protocol(version, by=world.investigator, password=PASSWORD)


@pytest.fixture
def planned(db) -> World:
    """A live trial with staff and a site whose protocol is still to be drafted."""
    world = make_world("PLAN", kind=TrialKind.LIVE, active=False)
    approve_model(world, DEMONSTRATION_MODEL)
    return world


def test_a_draft_is_tried_in_a_trial_of_its_own(planned):
    trials.add_site(planned.trial, number=2, name="South", time_zone="Asia/Tokyo", by=None)
    version = draft_of(planned)

    told = words(do(planned.coordinator, "try", version))

    test = Trial.objects.get(kind=TrialKind.TEST)
    assert "Trial TEST1PLAN tries PLAN version 1" in told
    assert (test.code, test.state, test.tries) == ("TEST1PLAN", "active", version)
    assert [str(site) for site in test.sites.all()] == ["TEST1PLAN-01 First site", "TEST1PLAN-02 South"]
    assert test.protocol == version.protocol and test.protocol_version.approved_by is None
    assert key_path(test.code).read_text() != key_path("PLAN").read_text()
    assert test.key_fingerprint != planned.trial.key_fingerprint
    assert allocation_log.log_path(test) != allocation_log.log_path(planned.trial)
    assert browser(planned.caller).get("/calls/").status_code == 200
    assert not Trial.objects.visible_to(planned.stranger).exists()
    assert drafts.try_draft(version, by=planned.coordinator).code == "TEST1BPLAN"


def test_only_who_edits_the_protocol_tries_it_and_only_what_is_whole(planned):
    version = draft_of(planned)
    with pytest.raises(Refused, match="edit protocol"):
        drafts.try_draft(version, by=planned.caller)
    assert do(planned.caller, "try", version).status_code in (403, 404)
    unfinished = protocols.draft_protocol(planned.trial, protocol=template("opscan"), by=planned.coordinator)
    with pytest.raises(Refused, match="can't be tried yet"):
        drafts.try_draft(unfinished, by=planned.coordinator)
    test = drafts.try_draft(version, by=planned.coordinator)
    with pytest.raises(Refused, match="tried here already"):
        drafts.try_draft(test.protocol_version, by=planned.coordinator)
    with pytest.raises(Refused, match="runs the version that it tries"):
        protocols.draft_protocol(test, protocol=template("opscan"), by=planned.coordinator)
    assert not Trial.objects.exclude(pk__in=[planned.trial.pk, test.pk]).exists()


def test_the_command_fills_every_combination_and_randomizes_by_the_draft_s_own_method(
    transactional_db, planned
):
    version, said = draft_of(planned), StringIO()

    call_command("try_protocol", "PLAN", "--by", planned.coordinator.username, "--people", "2", stdout=said)

    assert "Trial TEST1PLAN tries PLAN version 1" in said.getvalue()
    assert "4 made-up people, 4 films scored, 4 randomized." in said.getvalue()
    (found,) = drafts.tests_of(version)
    assert found.allocated == {"sex female, site 1": 2, "sex male, site 1": 2}
    assert found.holds and "every allocation verified" in said.getvalue()
    arms = Allocation.objects.order_by("stratum", "arm").values_list("arm", flat=True)
    assert list(arms) == ["control", "screening"] * 2
    assert {film.file.name.split("/")[1] for film in Radiograph.objects.all()} == {str(found.trial.pk)}
    assert not Radiograph.objects.filter(trial=planned.trial).exists()


def test_a_protocol_that_randomizes_its_cohort_together_is_tried_so(transactional_db, planned):
    draft_of(planned, {"minimum_age": 50})
    said = StringIO()

    call_command("try_protocol", "PLAN", "--by", planned.coordinator.username, "--people", "4", stdout=said)

    assert "4 allocated (all: 4); every allocation verified" in said.getvalue()


def test_what_can_not_be_tried_is_refused_before_anything_is_made(planned):
    for arguments, said in [
        (["NONE", "--by", "x"], "no trial 'NONE'"),
        (["PLAN", "--by", "x"], "no such draft"),
    ]:
        with pytest.raises(CommandError, match=said):
            call_command("try_protocol", *arguments)
    draft_of(planned, {"allocation.method": "uploaded_list"})
    for by, people, said in [
        ("nobody", "1", "no account 'nobody'"),
        (planned.caller.username, "1", "edit protocol"),
        (planned.coordinator.username, "21", "1 to 20"),
    ]:
        with pytest.raises(CommandError, match=said):
            call_command("try_protocol", "PLAN", "--by", by, "--people", people)
    assert not Trial.objects.filter(kind=TrialKind.TEST).exists()
    with pytest.raises(CommandError, match="Upload it first"):
        call_command("try_protocol", "PLAN", "--by", planned.coordinator.username, stdout=StringIO())


def test_a_live_trial_opens_when_this_very_definition_was_tried(planned):
    version = approved(planned, draft_of(planned))
    refused = words(do(planned.investigator, "activate", version))
    assert "tried on test data, 1 or more allocated in each of 2 combinations of strata: not yet" in refused

    test = drafts.try_draft(version, by=planned.coordinator)
    half = World(test, test.sites.get(), planned.model, planned.cast, planned.stranger)
    high_risk(half)
    draw_in_test(half)
    refused = words(do(planned.investigator, "activate", version))
    assert "sex male, site 1: 0" in refused and "1 of 2 combinations without an allocation" in refused

    high_risk(half, sex="male")
    draw_in_test(half)
    page = words(browser(planned.monitor).get(page_of(version)))
    assert "TEST1PLAN: 2 registered; 2 allocated (sex female, site 1: 1; sex male, site 1: 1)" in page
    assert f"SHA-256 {version.sha256[:12]}" in page
    setup.put_in_force(version, by=planned.investigator)

    changed = protocols.amend_protocol(
        version, changes={"referral_window_days": 170}, why="A test.", by=planned.coordinator
    )
    assert not any(item.met for item in protocols.checklist(changed) if "tried" in item.text)


def test_a_test_that_does_not_verify_opens_nothing(planned):
    version = draft_of(planned)
    test = try_out(planned, version)
    assert drafts.evidence_of(test.trial).holds
    key_path(test.trial.code).unlink()

    (item,) = [item for item in protocols.checklist(version) if "tried" in item.text]

    assert not item.met and "key of trial TEST1PLAN is missing" in item.remedy


def test_only_live_trials_have_to_be_tried(world):
    items = protocols.checklist(world.trial.protocol_version)
    assert not [item for item in items if "tried" in item.text]


def test_the_same_number_and_the_same_film_are_another_person_and_another_film(planned):
    version = draft_of(planned)
    test = try_out(planned, version).trial
    version = approved(planned, version)
    setup.put_in_force(version, by=planned.investigator)
    in_test = World(test, test.sites.get(), planned.model, planned.cast, planned.stranger)

    real, made = make_participant(planned, number="A-1"), make_participant(in_test, number="A-1")

    assert real.person != made.person and made.person.of_test == test and real.person.of_test is None
    film = dicom.chest_film(PatientID="A-1", IssuerOfPatientID="TEST", PatientBirthDate="19500615")
    answers = [
        intake.receive(film, site=site, source="test", by=planned.coordinator)
        for site in (planned.site, in_test.site)
    ]
    owners = {Radiograph.objects.get(pk=answer.film).person for answer in answers}
    assert owners == {real.person, made.person}
    found = browser(planned.coordinator).post(
        "/admin/trial/participant/find/", {"number": "A-1", "issuer": "TEST"}
    )
    assert found.url == page_of(real)


def test_the_database_keeps_test_and_live_apart(world):
    version = draft_of(world)
    test = try_out(world, version)
    person, tested = make_participant(world), test.trial.participants.first()
    assert tested

    kind = "UPDATE trial_trial SET kind = 'live', tries_id = NULL WHERE id = %s"
    assert "never given another" in refusal(kind, test.trial.pk)
    assert "never given another" in refusal(
        "UPDATE trial_trial SET kind = 'test', tries_id = %s WHERE id = %s", version.pk, world.trial.pk
    )
    assert "in it alone" in refusal(
        *copy(person, trial_id=test.trial.pk, site_id=test.site.pk, study_number="X")
    )
    assert "in it alone" in refusal(
        *copy(tested, trial_id=world.trial.pk, site_id=world.site.pk, study_number="X", state="registered")
    )
    film = add_film(world, person)
    moved = copy(film, trial_id=test.trial.pk, participant_id=None, state="set_aside", reason="x")
    assert "in it alone" in refusal(*moved)
    assert "never given another" in refusal("UPDATE trial_person SET of_test_id = NULL")
    drawn = Allocation.objects.filter(participant=tested).get()
    high = high_risk(world)[0]
    assert "another trial" in refusal(*copy(drawn, participant_id=high.pk))
    assert "another trial" in refusal(*copy(tested.state_changes.first(), protocol_version_id=version.pk))
    assert "never deleted" in refusal("DELETE FROM trial_trial WHERE id = %s", test.trial.pk)
    assert Person.objects.filter(of_test=test.trial).count() == test.trial.participants.count()


def test_the_database_lets_a_test_run_what_it_tries_and_nothing_else(world):
    version = draft_of(world)
    test = drafts.try_draft(version, by=world.coordinator)
    own = test.protocol_version

    assert "a_test_trial_tries_a_version" in refusal(*copy(test, code="TESTX", state="draft", tries_id=None))
    assert "a_test_trial_tries_a_version" in refusal(
        *copy(world.trial, code="LIVEX", state="draft", tries_id=version.pk)
    )
    assert "a_test_trial_says_so" in refusal(*copy(test, code="REAL", state="draft"))
    assert "no version of a test" in refusal(*copy(test, code="TESTX", state="draft", tries_id=own.pk))
    other = {"number": 9, "state": "draft", "sha256": "0" * 64}
    assert "very definition that it tries" in refusal(*copy(own, **other))
    assert "approval" in refusal(
        "UPDATE trial_protocolversion SET approved_by_id = %s, approved_at = now() WHERE id = %s",
        world.investigator.pk,
        own.pk,
    )


def test_test_data_say_so_wherever_they_are_shown(planned):
    test = try_out(planned, draft_of(planned))
    high_risk(test, 3)
    draw_in_test(test)
    screened = referral_of(in_arm(list(Allocation.objects.select_related("participant")), "screening"))
    number = screened.participant.study_number
    assert number.startswith("TEST1PLAN-01-")

    calls = words(browser(planned.caller).get("/calls/?section=new"))
    assert (
        "TEST: whatever bears the number of TEST1PLAN is test data" in calls
        and f"{number} TEST: don’t call" in calls
    )
    sheet = browser(planned.caller).get(f"/calls/{screened.pk}/")
    assert "TEST: call nobody" in words(sheet) and b"tel:" not in sheet.content
    assert "TEST: whatever bears" in words(browser(planned.investigator).get("/admin/"))
    frozen = freezes.freeze(
        test.trial, purpose="a test", by=planned.trial_statistician, despite_findings=True
    )
    report = browser(planned.trial_statistician).get(f"/reports/{frozen.pk}/")
    assert "TEST of PLAN version 1: nothing here is real" in words(report)
    codebook = browser(planned.trial_statistician).get(f"/reports/{frozen.pk}/files/codebook.csv")
    assert "(TEST),test data of PLAN version 1" in codebook.content.decode()
    assert "TEST1PLAN-freeze-1-codebook.csv" in codebook["Content-Disposition"]
    told = signed_in(planned.coordinator).get(f"/api/v1/participants/{number}/").json()
    assert told["trial"] == "TEST1PLAN"


def test_no_list_shows_test_data_among_real_ones(world):
    test = try_out(world, draft_of(world))
    make_participant(world)
    tested = test.trial.participants.get(sex="male")
    page, one_of_two = browser(world.coordinator), f"?trial__id__exact={test.trial.pk}"

    everybody = words(page.get(list_of(Participant)))
    assert " 1 participant " in everybody and str(tested) not in everybody and "TEST2DEMO" in everybody
    asked = words(page.get(list_of(Participant, one_of_two)))
    assert " 2 participants " in asked and str(tested) in asked
    assert page.get(page_of(tested)).status_code == 200


def test_whoever_looks_for_somebody_is_shown_who_is_real(world):
    test = try_out(world, draft_of(world))
    real, recorder = make_participant(world), browser(world.outcome_recorder)

    found = words(recorder.post("/people/", {"number": "DEMO-01-000001"}))
    assert f"Found: 1 {real}" in found and "TEST2DEMO-01" not in found
    found = words(recorder.post("/people/", {"number": "TEST2DEMO-01-000002"}))
    assert f"Found: 1 {test.trial.participants.get(sex='male')}" in found


def test_made_up_people_come_by_a_button_into_test_trials_alone(world):
    test = drafts.try_draft(draft_of(world), by=world.coordinator)

    told = words(do(world.coordinator, "add-people", test, each="1"))

    assert "2 made-up people are in trial TEST2DEMO" in told
    assert test.radiographs.filter(state="eligible").count() == 2
    assert "no test" in words(do(world.coordinator, "add-people", world.trial, each="1"))
    assert not world.trial.participants.exists()
