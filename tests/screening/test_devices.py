"""Which devices may send, who was turned away, and what the page says of them."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from screening.models import Device, Receipt, RefusedCaller
from screening.services import devices, intake
from screening.vocabulary import RefusalReason
from tests import dicom
from tests.browsing import browser, words
from tests.factories import end, make_world, refusal
from tests.stage import unguarded
from trial.models import Site
from trial.services.trials import NotNow, Refused
from trial.states import TrialState

pytestmark = pytest.mark.django_db


def add(world, title="ROOM1", address="10.1.2.3", site: Site | None = None, **given) -> Device:
    given = {"name": "Room 1", "by": world.coordinator} | given
    return devices.add_device(site or world.site, ae_title=title, address=address, **given)


def test_a_caller_is_known_by_title_and_the_narrowest_network(world):
    room, house = add(world), add(world, address="10.1.0.0/16", name="House")

    assert devices.device_of("ROOM1", "10.1.2.3") == room
    assert devices.device_of("ROOM1", "::ffff:10.1.2.3") == room
    assert devices.device_of("ROOM1", "10.1.9.9") == house
    assert devices.device_of("ROOM1", "10.2.0.1") is None
    assert devices.device_of("ROOM2", "10.1.2.3") is None

    devices.end_device(room, reason="Sold", by=world.coordinator)
    assert devices.device_of("ROOM1", "10.1.2.3") == house
    assert devices.device_of("ROOM1", "10.1.2.3") != add(world, name="The next").pk


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": " "}, "is no AE title"),
        ({"title": "SEVENTEEN LETTERS"}, "is no AE title"),
        ({"title": "RÖNTGEN"}, "is no AE title"),
        ({"address": "10.1.2.300"}, "Write an IP address"),
        ({"address": "10.1.2.3/24"}, "has host bits set. Write an IP address"),
        ({"name": " "}, "Give the device a name"),
    ],
)
def test_what_is_no_device_is_refused_in_words(world, wrong, said):
    with pytest.raises(Refused, match=said):
        add(world, **wrong)


def test_a_device_is_added_once_by_who_may_and_while_the_trial_goes_on(world):
    other = make_world("OTHER")
    add(world)

    with pytest.raises(Refused, match="may send already"):
        add(other)
    with pytest.raises(Refused, match="keep devices"):
        add(world, title="ROOM2", by=world.radiology_it)
    with pytest.raises(Refused, match="keep devices"):
        add(world, title="ROOM2", site=other.site)
    end(world, TrialState.LOCKED)
    with pytest.raises(NotNow, match="is locked"):
        add(world, title="ROOM2")


def test_a_device_ends_once_and_for_a_reason(world):
    device = add(world)
    with pytest.raises(Refused, match="Write why"):
        devices.end_device(device, reason=" ", by=world.coordinator)
    devices.end_device(device, reason="Sold", by=world.coordinator)

    with pytest.raises(Refused, match="sends no more already"):
        devices.end_device(device, reason="Again", by=world.coordinator)


def test_the_database_keeps_a_device_as_it_is(world):
    device, other = add(world), make_world("OTHER")
    change = "UPDATE screening_device SET {} WHERE id = %s"

    assert "given another" in refusal(change.format("ae_title = 'OTHER'"), device.pk)
    assert "given another" in refusal(change.format("site_id = NULL"), device.pk)
    assert "never deleted" in refusal("DELETE FROM screening_device WHERE id = %s", device.pk)
    assert "device_address_form" in refusal(
        "INSERT INTO screening_device (id, site_id, name, ae_title, address, added_by_id)"
        " VALUES (gen_random_uuid(), %s, 'a', 'A', '10.1.2.3/24', %s)",
        world.site.pk,
        world.coordinator.pk,
    )
    devices.end_device(device, reason="Sold", by=world.coordinator)
    assert "changed after their end" in refusal(change.format("ended_at = NULL"), device.pk)
    assert "sends for another trial" in refusal(
        "INSERT INTO screening_receipt (id, trial_id, outcome, reason, file_sha256, source, device_id)"
        " VALUES (gen_random_uuid(), %s, 'rejected', 'x', '', 'dicom', %s)",
        other.trial.pk,
        device.pk,
    )


def test_who_is_turned_away_is_counted_and_the_table_never_fills_up(monkeypatch):
    monkeypatch.setattr(devices, "MOST_CALLERS", 3)
    for number in (1, 2, 3, 1, 4):
        devices.note_refusal(f"ROOM{number}", "10.1.2.3", reason=RefusalReason.UNKNOWN_DEVICE)
    devices.note_refusal("\x1b[31mRÖD\\" + "X" * 30, "10.1.2.3", reason=RefusalReason.UNKNOWN_DEVICE)

    found = dict(RefusedCaller.objects.values_list("ae_title", "count"))
    assert found == {"?[31mR?D?XXXXXXX": 1, "ROOM4": 1, "ROOM1": 2}


def test_the_page_says_what_became_of_each_senders_films(world):
    device = add(world)
    for data in (dicom.chest_film(), dicom.lateral_film(), dicom.text_file()):
        intake.receive(data, site=world.site, source="dicom", by=None, device=device)
    intake.receive(dicom.ct_slice(), site=world.site, source="stow", by=world.radiology_it)
    quiet = add(world, title="ROOM9", name="Room 9")

    page = browser(world.coordinator).get(reverse("devices"))
    said = words(page)

    assert "Room 1 ROOM1 at 10.1.2.3, DEMO-01 First site End" in said
    assert (
        "✕ rejected 1: This is not a DICOM file" in said and "◐ set aside 1: This is a lateral view" in said
    )
    assert "3 0 1 0 1 1 0 " in said, "received, scored, waiting, again, set aside, rejected, failed"
    assert "STOW-RS, demo-radiology_it ◐ set aside 1: This is not a projection radiograph" in said
    assert f"Room 9 ROOM9 at {quiet.address}" in said and "0 0 0 0 0 0 0 never" in said
    assert "Nobody was turned away." in said and "silent for longer" not in said
    # Whoever sees films but keeps no devices is shown neither callers nor what to do with devices.
    theirs = words(browser(world.radiology_it).get(reverse("devices")))
    assert "Room 1" in theirs and "turned away" not in theirs and "End" not in theirs


def test_a_device_that_sent_a_film_an_hour_and_then_none_for_ten_days_is_marked(world):
    device, now = add(world), timezone.now()
    came = [now - timedelta(days=10, hours=hour) for hour in range(16 * 24)]
    receipt = {"trial": world.trial, "outcome": "rejected", "reason": "not_dicom", "source": "dicom"}

    with unguarded("screening_receipt"):  # otherwise the database says when a film came
        Receipt.objects.bulk_create(Receipt(**receipt, device=device, received_at=at) for at in came)
        marked = words(browser(world.coordinator).get(reverse("devices")))
        Receipt.objects.create(**receipt, device=device, received_at=now)
        lively = words(browser(world.coordinator).get(reverse("devices")))

    assert "silent for longer than usual" in marked
    assert "silent for longer than usual" not in lively


def test_a_device_of_another_trial_is_nobody_elses(world):
    theirs = add(make_world("OTHER"), title="ROOM7")
    client = browser(world.coordinator)

    assert "ROOM7" not in words(client.get(reverse("devices")))
    assert client.post(reverse("device-end", args=[theirs.pk]), {"reason": "x"}).status_code == 404


def test_a_device_is_ended_on_its_page(world):
    device, client = add(world), browser(world.coordinator)
    form = client.get(reverse("device-end", args=[device.pk]))
    unsaid = client.post(reverse("device-end", args=[device.pk]), {"reason": ""})
    client.post(reverse("device-end", args=[device.pk]), {"reason": "Sold"})

    assert "ROOM1" in words(form) and unsaid.status_code == 422
    assert Device.objects.get().ended_at and not Receipt.objects.exists()


def test_a_fault_on_the_form_loses_nothing_typed(world):
    typed = {"site": world.site.pk, "name": "Room 1", "ae_title": "ROOM1", "address": "10.1.2.3/24"}
    answer = browser(world.coordinator).post(reverse("device-add"), typed)

    assert answer.status_code == 422 and "host bits" in words(answer)
    assert 'value="10.1.2.3/24"' in answer.content.decode()
