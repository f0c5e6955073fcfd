"""What is done to a trial and its protocol on its pages: amended, given a list, verified."""

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.admin import do, page_of
from tests.browsing import browser, words
from tests.factories import make_world, randomized
from trial.models import ProtocolVersion, UploadedList
from trial.protocol import template

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
    do(world.investigator, "approve", second)
    do(world.investigator, "activate", second)
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
