"""The receipt of a cohort is replayed by whoever holds the key, and no change of it goes unseen."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from screening.services import cohort
from tests.browsing import browser
from tests.factories import freeze_and_sign, high_risk, make_world
from trial.keys import key_path
from trial.protocol import template
from trial.receipts import ReceiptRefused, replay
from trial.services import lists
from trial.services.receipt import receipt_of
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db
BLOCKS = {"allocation.method": "permuted_blocks", "allocation.block_sizes": [4], "allocation.strata": ["sex"]}
COIN = {"allocation.method": "biased_coin", "allocation.p": "2/3"}
MINIMIZED = {
    "allocation.method": "minimization",
    "allocation.p": "4/5",
    "allocation.measure": "variance",
    "allocation.factors": {"sex": 2, "age_group": 1},
}


def drawn(changes, men=3, women=4):
    world = make_world(protocol=template("opscan").amended(changes, note="A test."))
    high_risk(world, men, sex="male")
    high_risk(world, women)
    frozen = freeze_and_sign(world)
    cohort.randomize_cohort(frozen, by=world.coordinator)
    return world, frozen


@pytest.mark.parametrize(
    "changes", [{}, BLOCKS, COIN, MINIMIZED], ids=["rule", "blocks", "coin", "minimization"]
)
def test_a_receipt_is_replayed_with_the_key_alone(changes, tmp_path, django_assert_num_queries):
    world, frozen = drawn(changes)
    receipt = receipt_of(frozen, by=world.randomization_statistician)
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(receipt))
    said = StringIO()
    with django_assert_num_queries(0):
        call_command("verify_receipt", path, key_file=key_path(world.trial.code), stdout=said)
    assert "All 7 draws are what the key gives" in said.getvalue()
    assert [s["signer"] for s in receipt["signatures"]] == [
        world.coordinator.first_name, world.investigator.first_name
    ]  # fmt: skip
    assert bytes.fromhex(key_path(world.trial.code).read_text()).hex() not in json.dumps(receipt)


def test_a_changed_receipt_or_another_key_is_found(tmp_path):
    world, frozen = drawn(COIN)
    receipt = receipt_of(frozen, by=world.randomization_statistician)
    key = bytes.fromhex(key_path(world.trial.code).read_text())
    assert list(replay(receipt, key=key)) == []

    swapped = json.loads(json.dumps(receipt))
    row = swapped["lists"][0]["draws"][2]
    row["arm"] = "control" if row["arm"] == "screening" else "screening"
    found = list(replay(swapped, key=key))
    assert "its checksum is another" in found[0] and row["participant"] in found[1]
    assert any("the key draws otherwise" in fault for fault in replay(receipt, key=b"another key" * 4))
    with pytest.raises(ReceiptRefused, match="no receipt"):
        list(replay({"kind": "a letter"}, key=key))

    path, other = tmp_path / "receipt.json", tmp_path / "other.key"
    path.write_text(json.dumps(receipt))
    other.write_text("ab" * 32)
    with pytest.raises(CommandError, match="another key than the one the receipt names"):
        call_command("verify_receipt", path, key_file=other)
    path.write_text("a letter")
    with pytest.raises(CommandError, match="not JSON"):
        call_command("verify_receipt", path, key_file=other)


def test_the_receipt_is_given_to_the_randomization_statistician_alone():
    world, frozen = drawn(BLOCKS)
    page = reverse("admin:trial_cohort_receipt", args=[frozen.pk])
    given = browser(world.randomization_statistician).get(page)
    receipt = given.json()
    assert receipt["cohort_sha256"] == frozen.sha256 and receipt["size"] == 7
    for role in ("coordinator", "investigator", "data_manager", "inspector", "monitor"):
        assert browser(getattr(world, role)).get(page).status_code == 404
    with pytest.raises(Refused, match="don't include"):
        receipt_of(frozen, by=world.coordinator)


def test_the_receipt_of_an_uploaded_list_names_the_file():
    world = make_world(protocol=template("opscan").amended({"allocation.method": "uploaded_list"}, note="x"))
    by = world.randomization_statistician
    given = lists.upload_list(world.trial, arms=["screening", "control"], by=by)
    high_risk(world, 2)
    frozen = freeze_and_sign(world)
    cohort.randomize_cohort(frozen, by=world.coordinator)
    key = bytes.fromhex(key_path(world.trial.code).read_text())
    with pytest.raises(ReceiptRefused, match=given.sha256):
        list(replay(receipt_of(frozen, by=by), key=key))


def test_before_the_draw_there_is_no_receipt(world):
    high_risk(world, 2)
    frozen = freeze_and_sign(world)
    told = browser(world.randomization_statistician).get(
        reverse("admin:trial_cohort_receipt", args=[frozen.pk]), follow=True
    )
    assert "there is no receipt" in told.content.decode()
