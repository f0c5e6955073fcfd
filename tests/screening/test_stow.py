"""Films come by STOW-RS: one status an instance, and no acknowledgment of what is not safe here."""

import base64
import json
import logging

import pytest
import requests
from django.contrib.auth.hashers import make_password
from django.test import Client

from screening import stow
from screening.models import Radiograph, Receipt
from tests import dicom
from tests.factories import PASSWORD, appoint, make_user
from tests.screening.test_listener import no_database
from tests.senders import web
from trial import audit
from trial.models import Person, User
from trial.roles import Role
from trial.services import trials

pytestmark = pytest.mark.django_db

CONTENT = 'multipart/related; type="application/dicom"; boundary=edge'
SECOND = {"SOPInstanceUID": "1.2.3.9", "ViewPosition": "LL"}


def body(*films: bytes, kind: str = "application/dicom") -> bytes:
    header = f"\r\n--edge\r\nContent-Type: {kind}\r\n\r\n".encode()
    return b"".join(header + film for film in films) + b"\r\n--edge--"


def post(user, data: bytes, path: str = "/dicom-web/studies", content: str = CONTENT, **headers):
    """Post as a machine does, with name and password each time."""
    login = base64.b64encode(f"{user.username}:{PASSWORD}".encode()).decode()
    sent = {"Authorization": f"Basic {login}", "Accept": "application/dicom+json"} | headers
    return Client().post(path, data, content_type=content, headers=sent)


def codes(answer) -> dict[str, list[tuple[str, int]]]:
    """Return what became of each instance: the sequence, its UID, and the warning or failure."""
    found = {}
    for name, tag in (("stored", "00081199"), ("failed", "00081198"), ("other", "0008119A")):
        for item in answer.json().get(tag, {}).get("Value", []):
            uid = item.get("00081155", {}).get("Value", [""])[0]
            why = (item.get("00081196") or item.get("00081197") or {"Value": [0]})["Value"][0]
            found.setdefault(name, []).append((uid, why))
    return found


def test_every_instance_has_its_status(world):
    broken = dicom.chest_film(SOPInstanceUID="1.2.3.8")[:-100]

    answer = post(world.radiology_it, body(dicom.chest_film(), dicom.chest_film(**SECOND), broken, b"text"))

    assert answer.status_code == 202 and answer["Content-Type"] == "application/dicom+json"
    assert codes(answer) == {
        "stored": [("1.2.3.1", 0), ("1.2.3.9", 0xB007)],
        "failed": [("1.2.3.8", 0xC000)],
        "other": [("", 0xC000)],
    }
    assert set(Receipt.objects.values_list("source", flat=True)) == {"stow"}
    assert "H-000123" not in answer.content.decode() and "PHANTOM" not in answer.content.decode()


def test_all_stored_is_200_again_too_and_none_409(world):
    film, by = body(dicom.chest_film()), world.radiology_it

    assert [post(by, film).status_code for _ in range(2)] == [200, 200]
    assert post(by, body(b"text")).status_code == 409
    assert Radiograph.objects.count() == 1


def test_films_of_another_study_than_the_address_names_are_refused(world):
    by, film = world.radiology_it, body(dicom.chest_film())

    other = post(by, film, "/dicom-web/studies/1.2.3.77")
    aside = post(by, body(dicom.chest_film(**SECOND)), "/dicom-web/studies/1.2.3.77")
    same = post(by, film, "/dicom-web/studies/1.2.3.2")

    assert (other.status_code, codes(other)) == (409, {"failed": [("1.2.3.1", 0xA900)]})
    assert (aside.status_code, codes(aside)) == (409, {"failed": [("1.2.3.9", 0xA900)]})
    assert same.status_code == 200 and Person.objects.count() == 1


def test_who_may_not_send_sends_nothing(world):
    film = body(dicom.chest_film())
    wrong = base64.b64encode(b"demo-radiology_it:wrong").decode()

    assert Client().post("/dicom-web/studies", film, content_type=CONTENT).status_code == 401
    assert post(world.radiology_it, film, Authorization=f"Basic {wrong}").status_code == 401
    assert post(world.caller, film).status_code == 403
    assert not Receipt.objects.exists()


def test_a_password_is_not_checked_for_every_film_but_a_new_one_counts_at_once(world, settings):
    by, film = world.radiology_it, body(dicom.chest_film())
    assert post(by, film).status_code == 200

    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    ]  # fails whatever it checks
    assert post(world.caller, film).status_code == 401
    assert post(by, film).status_code == 200

    with audit.context(by=None, why="The account is closed, then opened with another password", how="test"):
        User.objects.filter(pk=by.pk).update(is_active=False)
        assert post(by, film).status_code == 401
        User.objects.filter(pk=by.pk).update(is_active=True, password=make_password("another one altogether"))
        assert post(by, film).status_code == 401


def test_the_site_is_the_accounts_only_one_or_the_one_it_names(world):
    second = trials.add_site(world.trial, number=2, name="Second", time_zone="Asia/Taipei", by=None)
    machine, film = make_user("pacs"), body(dicom.chest_film())
    appoint(world, machine, Role.RADIOLOGY_IT, site=second)

    unsaid = post(world.radiology_it, film)
    strange = post(world.radiology_it, film, **{stow.SITE_HEADER: "DEMO-07"})
    named = post(world.radiology_it, film, "/dicom-web/studies?site=DEMO-01")
    own = post(machine, film)

    assert unsaid.status_code == 400 and "of: DEMO-01, DEMO-02." in unsaid.json()["message"]
    assert strange.status_code == 404 and unsaid["Content-Type"] == "application/json"
    assert (named.status_code, own.status_code) == (200, 200)
    assert Radiograph.objects.get().participant.site.number == 1


def test_what_is_no_such_message_is_refused_with_what_is(world):
    by = world.radiology_it

    assert post(by, b"{}", content="application/json").status_code == 415
    assert post(by, body(), content=CONTENT.replace("dicom", "dicom+json")).status_code == 415
    assert post(by, body()).status_code == 400
    assert post(by, body(dicom.chest_film())[:-20]).status_code == 400
    assert codes(post(by, body(b"x", kind="image/jpeg"))) == {"other": [("", 0xC000)]}
    assert post(by, b"x", **{"Transfer-Encoding": "chunked"}).status_code == 411
    assert not Radiograph.objects.exists()


def test_18_too_many_and_too_large_are_refused(world, settings, monkeypatch):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    by, films = world.radiology_it, body(dicom.chest_film(), dicom.chest_film(**SECOND))

    many = post(by, films)
    monkeypatch.setattr(stow, "LARGEST_BODY", 1000)
    whole = post(by, films)

    assert many.status_code == 413 and "The first 1 were taken" in many.json()["message"]
    assert whole.status_code == 413 and Receipt.objects.count() == 1


def test_66_a_full_disk_is_no_acknowledgment(world, tmp_path, caplog):
    (tmp_path / "media").write_text("where a folder should be")
    films = body(dicom.chest_film(), dicom.chest_film(SOPInstanceUID="1.2.3.9", PatientID="H-2"))

    with caplog.at_level(logging.INFO):
        full = post(world.radiology_it, films)

    assert full.status_code == 503 and [code for _, code in codes(full)["failed"]] == [0xA700, 0xA700]
    assert not Receipt.objects.exists() and not Person.objects.exists()
    assert "Refused" in caplog.text and "1.2.3" not in caplog.text

    (tmp_path / "media").unlink()
    assert post(world.radiology_it, films).status_code == 202, "the same picture for two people"


@pytest.fixture
def machine(world, settings):
    """An account of a device, whose password a server of its own can check."""
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    user = make_user("pacs")
    appoint(world, user, Role.RADIOLOGY_IT)
    return user


@pytest.mark.django_db(transaction=True)
def test_68_without_a_database_nobody_is_answered_yes(tmp_path, world, machine):
    film, login = body(dicom.chest_film()), (machine.username, PASSWORD)
    with web(tmp_path) as address:

        def send() -> requests.Response:
            url = f"{address}/dicom-web/studies"
            return requests.post(url, film, headers={"Content-Type": CONTENT}, auth=login, timeout=30)

        with no_database():
            lost = send()
        found = send()

    assert lost.status_code == 503 and "send it again later" in json.loads(lost.text)["message"]
    assert found.status_code == 200 and Receipt.objects.count() == 1
