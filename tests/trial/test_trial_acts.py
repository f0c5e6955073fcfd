"""What is done to a trial and its protocol on its pages: amended, given a list, verified."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.admin import act_url, do, page_of
from tests.browsing import browser, words
from tests.factories import PASSWORD, end, make_world, randomized, refusal
from trial import clock
from trial.keys import key_path
from trial.models import ProtocolVersion, UploadedList
from trial.protocol import template
from trial.services import delegation, protocols, signatures
from trial.services.trials import NotNow
from trial.states import TrialState

BLOCKS = {"allocation.method": "permuted_blocks", "allocation.block_sizes": [4]}


def test_an_amendment_is_drafted_shown_beside_what_it_changes_and_approved_by_another(world):
    first = world.trial.protocol_version
    typed = {"changes": 'referral window days = 170\nsubgroups = ["sex"]', "why": "Scanner away for repair."}
    told = do(world.coordinator, "amend", first, **typed)
    assert "version 2 is drafted" in words(told)

    second = ProtocolVersion.objects.get(number=2)
    assert second.protocol.referral_window_days == 170 and second.state == "draft"
    page = words(browser(world.investigator).get(page_of(second)))
    assert "170 (before: 180)" in page and "Scanner away for repair." in page
    assert do(world.coordinator, "approve", second).status_code == 404
    wrong = do(world.investigator, "approve", second, password="guess")
    assert wrong.status_code == 422 and "not your password" in words(wrong)
    do(world.investigator, "approve", second, password=PASSWORD)
    asked = words(browser(world.investigator).get(f"{act_url(second, 'activate')}?row={second.pk}"))
    assert "2 people have signed it not yet. 1 of 2 have signed" in asked
    alone = do(world.investigator, "activate", second)
    assert alone.status_code == 422 and "2 people have signed it: not yet" in words(alone)
    do(world.coordinator, "sign", second, password=PASSWORD)
    do(world.investigator, "activate", second)
    page = words(browser(world.monitor).get(page_of(second)))
    assert page.count("this protocol version is to take effect") == 2 and "Scanner away" in page
    assert world.trial.protocol.referral_window_days == 170


def test_what_can_not_be_is_refused_with_place_and_reason(world):
    first = world.trial.protocol_version
    for changes, said in [
        ("referral window days = many", "referral_window_days is 'many'"),
        ("referral windows = 3", "referral_windows"),
        ("allocation: colour: hue = 3", "about a field that exists"),
        ("referral window days", "says no value"),
    ]:
        told = do(world.coordinator, "amend", first, changes=changes, why="A test.")
        assert told.status_code == 422 and said in words(told), words(told)
    assert ProtocolVersion.objects.count() == 1


def test_an_amendment_takes_effect_on_its_day_and_not_before(world):
    first, today = world.trial.protocol_version, clock.now(world.trial).date()
    typed = {"changes": "referral window days = 170", "why": "Scanner away."}
    late = do(world.coordinator, "amend", first, **typed, effective_on=str(today - timedelta(days=1)))
    assert late.status_code == 422 and "is over" in words(late)
    do(world.coordinator, "amend", first, **typed, effective_on=str(today + timedelta(days=3)))
    second = ProtocolVersion.objects.get(number=2)
    do(world.investigator, "approve", second, password=PASSWORD)
    do(world.coordinator, "sign", second, password=PASSWORD)
    told = words(do(world.investigator, "activate", second))
    assert f"Its day has come: not yet. It holds from {second.effective_on}" in told
    assert world.trial.protocol.referral_window_days == 180


def test_a_live_trial_opens_with_its_staff_its_key_and_its_model(db):
    world = make_world("LIVE", kind="live")
    delegation.end_entry(
        world.caller.memberships.get(trial=world.trial), reason="left", by=world.investigator
    )
    key_path("LIVE").unlink()
    first = world.trial.protocol_version
    do(world.coordinator, "amend", first, changes='score: version = "9"', why="A test.")
    second = ProtocolVersion.objects.get(number=2)
    do(world.investigator, "approve", second, password=PASSWORD)
    told = words(do(world.investigator, "activate", second))
    for missing in (
        "There is a caller: not yet",
        "The sealed key is there and the right one: not yet",
        "Model demonstration 9 is registered and signed by an investigator and a statistician: not yet",
        "2 people have signed it: not yet",
    ):
        assert missing in told


def test_the_database_puts_no_unsigned_version_in_force(world):
    new = protocols.draft_protocol(world.trial, protocol=world.trial.protocol, by=world.coordinator)
    protocols.approve_protocol(new, by=world.investigator)
    said = refusal("UPDATE trial_protocolversion SET state = 'active' WHERE id = %s", new.pk)
    assert "when two people have signed it" in said
    assert "frozen" in refusal("UPDATE trial_protocolversion SET reason = 'x' WHERE id = %s", new.pk)


def test_the_randomization_statistician_drafts_the_allocation_and_nothing_else(world):
    first, by = world.trial.protocol_version, world.randomization_statistician
    method = "allocation: method = permuted_blocks\nallocation: block sizes = [4, 6]"
    other = do(by, "amend-allocation", first, changes="minimum age = 50", why="x")
    assert other.status_code == 422 and "don't include: edit protocol" in words(other)
    assert "is drafted" in words(do(by, "amend-allocation", first, changes=method, why="Less to guess."))
    page = browser(world.investigator).get(page_of(ProtocolVersion.objects.get(number=2)))
    assert "4, 6" not in words(page) and "randomization statistician alone" in words(page)


def test_block_sizes_are_set_by_nobody_who_enrolls(db):
    world = make_world(protocol=template("opscan").amended(BLOCKS, note="For a test."))
    typed = {"changes": "allocation: block sizes = [4, 6]", "why": "Less to guess."}
    told = do(world.coordinator, "amend", world.trial.protocol_version, **typed)
    assert told.status_code == 422 and "randomization statistician sets the block sizes" in words(told)
    assert (
        do(world.randomization_statistician, "amend", world.trial.protocol_version, **typed).status_code
        == 404
    )


def test_a_list_is_uploaded_by_whoever_may_know_it_and_shown_to_nobody(db):
    world = make_world(protocol=template("opscan").amended({"allocation.method": "uploaded_list"}, note="x"))
    statistician = world.randomization_statistician
    assert do(world.coordinator, "upload-list", world.trial).status_code == 404
    for content, said in [
        (b"screening\nplacebo\n", "name an unknown arm (line 2)"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
    ]:
        told = do(
            statistician,
            "upload-list",
            world.trial,
            label="all",
            arms=SimpleUploadedFile("list.txt", content),
        )
        assert told.status_code == 422 and said in words(told)
    text = b"screening\ncontrol\ncontrol\nscreening\n"
    told = do(
        statistician, "upload-list", world.trial, label="all", arms=SimpleUploadedFile("list.txt", text)
    )
    made = UploadedList.objects.get()
    assert f"A list of 4 is sealed for all. Its SHA-256 is {made.sha256}" in words(told)
    assert b"control" not in bytes(made.sealed)


def test_the_unblinded_statistician_verifies_on_a_page(world, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        randomized(world, 4)
    told = words(do(world.randomization_statistician, "verify", world.trial))
    assert "All 4 allocations of trial" in told and "are what its key and history draw" in told
    assert do(world.coordinator, "verify", world.trial).status_code == 404


def test_the_protocol_of_a_locked_trial_stays_as_it_is(world):
    draft = protocols.draft_protocol(world.trial, protocol=world.trial.protocol, by=world.coordinator)
    end(world, TrialState.LOCKED)
    with pytest.raises(NotNow, match="is locked"):
        protocols.draft_protocol(world.trial, protocol=world.trial.protocol, by=world.coordinator)
    with pytest.raises(NotNow, match="is locked"):
        signatures.sign(draft, by=world.coordinator, password=PASSWORD)
    with pytest.raises(NotNow, match="is locked"):
        protocols.activate(draft, by=world.investigator)
