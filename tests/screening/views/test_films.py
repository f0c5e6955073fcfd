"""Radiology sends films by hand and reads what became of each."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from screening.models import Radiograph, Receipt, Score
from screening.steps import FILE_STEPS
from screening.views import films
from tests import dicom
from tests.browsing import browser, words
from tests.factories import make_world
from tests.screening.test_archives import packed
from trial.models import Participant
from trial.steps import condition

pytestmark = pytest.mark.django_db


def file(data, name):
    return SimpleUploadedFile(name, data, content_type="application/dicom")


def send(client, world, *files):
    return client.post(reverse("upload"), {"site": world.site.pk, "films": list(files)})


def test_each_file_is_answered_in_a_line_of_its_own(world):
    answer = send(
        browser(world.radiology_it),
        world,
        file(dicom.chest_film(), "Miller Anna.dcm"),
        file(dicom.chest_film(), "copy.dcm"),
        file(dicom.lateral_film(), "side.dcm"),
        file(dicom.text_file(), "letter.txt"),
    )

    said = words(answer)
    assert "Miller Anna.dcm ✓ accepted Received; it waits for its score." in said
    assert "copy.dcm = already received" in said
    assert "letter.txt ✕ rejected This is not a DICOM file" in said
    assert "side.dcm ◐ set aside This is a lateral view" in said
    assert "✓ accepted 1 = already received 1 ◐ set aside 1 ✕ rejected 1" in said
    assert Participant.objects.count() == 1
    assert Radiograph.objects.filter(state="eligible").count() == 1


def test_the_sender_s_file_name_is_kept_nowhere(world):
    send(browser(world.radiology_it), world, file(dicom.chest_film(), "Miller Anna.dcm"))

    kept = [*Radiograph.objects.values(), *Receipt.objects.values()]
    assert kept and "Miller" not in str(kept)


def test_sending_nothing_says_what_is_missing(world):
    answer = browser(world.radiology_it).post(reverse("upload"), {"site": world.site.pk})

    assert answer.status_code == 422
    assert "Choose the files to be sent." in words(answer)


def test_too_many_files_are_refused_with_the_limit(world, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2

    answer = send(browser(world.radiology_it), world, *(file(b"x", f"{i}.dcm") for i in range(3)))

    assert answer.status_code == 422
    assert "More than 2 files at once. Nothing was taken; send them in smaller parts." in words(answer)
    assert not Receipt.objects.exists()


def test_a_form_of_another_page_is_not_accepted(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.radiology_it)

    assert send(client, world, file(dicom.chest_film(), "a.dcm")).status_code == 403
    assert not Receipt.objects.exists()


def test_films_go_to_a_trial_of_one_s_own_only(world):
    other = make_world("OTHER")

    answer = send(browser(world.radiology_it), other, file(dicom.chest_film(), "a.dcm"))

    assert answer.status_code == 422
    assert not Receipt.objects.exists()


def test_the_day_s_files_add_up_and_no_score_is_told(world):
    client = browser(world.radiology_it)
    send(client, world, *(file(d, "f") for d in (dicom.chest_film(), dicom.chest_film(), dicom.text_file())))

    said = words(client.get(reverse("intake")))

    assert "✓ accepted 1 = already received 1 ◐ set aside 0 ✕ rejected 1 Together 3" in said
    assert "◔ waiting to be scored 1" in said
    assert "This is not a DICOM file; export the radiograph as DICOM." in said
    assert not Score.objects.exists()


def test_another_day_is_empty_and_says_when_the_last_file_came(world):
    client = browser(world.radiology_it)
    send(client, world, file(dicom.chest_film(), "f"))

    said = words(client.get(reverse("intake"), {"day": "2021-05-05"}))

    assert "Wednesday 5 May 2021 No file came on this day. The last one came on" in said


@pytest.mark.parametrize("who", ["caller", "outcome_recorder", "trial_statistician", "stranger"])
def test_others_neither_send_nor_see(world, who):
    client = browser(world.stranger if who == "stranger" else getattr(world, who))

    assert client.get(reverse("upload")).status_code == 403
    assert send(client, world, file(dicom.chest_film(), "a.dcm")).status_code == 403
    assert client.get(reverse("intake")).status_code == 403
    assert not Receipt.objects.exists()


def test_an_empty_zip_has_its_answer_and_each_refused_one_counts_once(world):
    me, torn = browser(world.radiology_it), packed({"a": dicom.chest_film()})
    assert "empty.zip ✕ rejected The zip file holds no file" in words(
        send(me, world, file(packed({}), "empty.zip"))
    )
    for data in (torn[:-40], torn[:-30], torn[:-40]):
        send(me, world, file(data, "torn.zip"))

    assert (
        Receipt.objects.count() == 4
        and Receipt.objects.filter(condition(FILE_STEPS, "rejected")).count() == 3
    )


def test_12_each_film_of_a_zip_has_its_line_and_hostile_ones_their_reason(world, tmp_path):
    entries = {
        "../../Miller.dcm": dicom.chest_film(),
        "inner.zip": packed({"a": b"x"}),
        "b": dicom.text_file(),
    }

    said = words(send(browser(world.radiology_it), world, file(packed(entries), "day.zip")))
    torn = words(send(browser(world.radiology_it), world, file(packed(entries)[:-40], "torn.zip")))

    assert "✓ accepted 1 ✕ rejected 2" in said
    assert "day.zip: ../../Miller.dcm ✓ accepted Received; it waits for its score." in said
    assert "day.zip: inner.zip ✕ rejected This is a zip file inside a zip file" in said
    assert "torn.zip ✕ rejected The zip file is damaged or not whole" in torn
    assert sorted(Receipt.objects.values_list("source", "reason")) == [
        ("upload", "not_dicom"),
        ("upload", "to_be_scored"),
        ("upload", "zip_damaged"),
        ("upload", "zip_nested"),
    ]
    assert not [path for path in tmp_path.rglob("*") if "Miller" in path.name]


def test_18_more_than_the_limits_is_refused_before_it_is_read(world, settings, monkeypatch):
    client, film = browser(world.radiology_it), file(dicom.chest_film(), "a.dcm")
    fields = {f"field{number}": "x" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    parts = client.post(reverse("upload"), {"site": world.site.pk, "films": film} | fields)
    monkeypatch.setattr(films, "LARGEST_BODY", 1000)
    film.seek(0)
    whole = send(client, world, film)

    assert (parts.status_code, whole.status_code) == (400, 422)
    assert "More than 4 GB at once. Nothing was taken; send them in smaller parts." in words(whole)
    assert not Receipt.objects.exists()
