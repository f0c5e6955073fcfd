"""Imports on the trial's page: what is previewed is what is written, once, and the file leaves no trace."""

import logging
import os
import re
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from screening import import_admin, tasks
from screening.importing.columns import columns_of, template_of
from screening.importing.kinds import KINDS
from screening.importing.plan import make_plan, untold
from screening.importing.table import read_table
from screening.models import Treatment
from screening.services import outcomes
from screening.vocabulary import DrugClass
from tests.factories import World, appoint, make_world
from tests.screening.importing.extracts import known, refusal
from trial.models import Participant, User
from trial.partial_dates import parse
from trial.roles import Role
from trial.services import trials

pytestmark = pytest.mark.django_db
DRUGS = b"issuer,number,drug_class,started_on\nTEST,A1,denosumab,2022\nTEST,A2,denosumab,2022\nTEST,A9,denosumab,2022"
PEOPLE = b"number,name,sex\nSECRET-1,PHANTOM^One,F\nSECRET-2,PHANTOM^Two,X"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def at(world: World, page: str = "import") -> str:
    return reverse(f"admin:trial_trial_{page}", args=[world.trial.pk])


def send(world: World, data: bytes, kind: str = "medication", user: User | None = None):
    """Choose a file on the page; return the client and the answer."""
    client = client_of(user or world.data_manager)
    file = SimpleUploadedFile("PHANTOM SECRET.csv", data)
    return client, client.post(at(world), {"kind": kind, "site": world.site.pk, "file": file})


def text(answer) -> str:
    return answer.content.decode()


def press(client: Client, address: str, shown: str):
    return client.post(address, {"plan": re.search(r'name="plan" value="(\w+)"', shown)[1]}, follow=True)


def kept() -> list[Path]:
    return list((Path(settings.MEDIA_ROOT) / "imports").glob("*"))


def test_what_was_previewed_is_written_and_a_second_press_finds_nothing_to_do(world):
    known(world, "A1", "A2")
    client, sent = send(world, DRUGS)
    shown = text(client.get(sent["Location"]))
    assert "Write 2 new rows; 1 row is left out" in shown and "Not registered: nobody" in shown
    assert not Treatment.objects.exists()

    written = press(client, sent["Location"], shown)
    again = press(client, sent["Location"], shown)

    assert "Written: 2 new rows, 0 changed; 1 row left out." in text(written)
    assert "This preview is no longer kept" in text(again) and Treatment.objects.count() == 2
    context = Treatment.pgh_event_model.objects.first().pgh_context
    assert context["by"] == str(world.data_manager.pk) and context["how"] == "admin"
    assert re.fullmatch("import of medication, file SHA-256 [0-9a-f]{64}", context["why"])
    client, sent = send(world, DRUGS)
    assert "There is nothing to write." in text(client.get(sent["Location"]))


def test_a_record_that_moved_on_is_shown_anew_and_not_written(world):
    first, _ = known(world, "A1", "A2")
    client, sent = send(world, DRUGS)
    shown = text(client.get(sent["Location"]))
    outcomes.record_treatment(first, drug_class=DrugClass.DENOSUMAB, started_on=parse("2022"), by=None)

    anew = press(client, sent["Location"], shown)

    assert anew.status_code == 422 and "The record has changed since this was shown." in text(anew)
    assert "Write 1 new row; 1 row is left out" in text(anew) and Treatment.objects.count() == 1
    press(client, sent["Location"], text(anew))
    assert Treatment.objects.count() == 2


def test_the_file_waits_sealed_until_it_is_written_or_a_day_is_over(world):
    client, sent = send(world, PEOPLE, "registration")
    (place,) = kept()
    assert b"SECRET" not in place.read_bytes() and b"PHANTOM" not in place.read_bytes()
    tasks.discard_old_files()
    assert kept() == [place]

    press(client, sent["Location"], text(client.get(sent["Location"])))
    assert kept() == [] and Participant.objects.count() == 1

    _, sent = send(world, PEOPLE, "registration")
    (place,) = kept()
    yesterday = time.time() - 25 * 3600
    os.utime(place, (yesterday, yesterday))
    tasks.discard_old_files()
    assert kept() == [] and "no longer kept" in text(client.get(sent["Location"], follow=True))


def test_a_kept_file_is_for_its_sender_alone_and_for_nobody_once_altered(world):
    appoint(world, world.stranger, Role.DATA_MANAGER)
    client, sent = send(world, PEOPLE, "registration")
    for page in (sent["Location"], sent["Location"].replace("preview", "problems")):
        assert "no longer kept" in text(client_of(world.stranger).get(page, follow=True))
    assert client_of(world.coordinator).get(sent["Location"]).status_code == 404

    (place,) = kept()
    place.chmod(0o600)
    place.write_bytes(place.read_bytes()[:-1] + b"x")

    assert "no longer kept" in text(client.get(sent["Location"], follow=True))


def test_problems_come_as_a_file_and_no_name_or_number_is_in_addresses_or_logs(world, caplog):
    caplog.set_level(logging.DEBUG)
    client, sent = send(world, PEOPLE, "registration")
    press(client, sent["Location"], text(client.get(sent["Location"])))
    client, sent = send(world, PEOPLE, "registration")

    problems = client.get(sent["Location"].replace("preview", "problems"))

    assert problems["Content-Disposition"] == 'attachment; filename="problems-registration.csv"'
    assert text(problems).splitlines()[0] == "line,reason,what_is_wrong"
    assert text(problems).splitlines()[1].startswith('3,invalid,"sex: “x” is none of')
    told = caplog.text + sent["Location"] + text(problems)
    assert not [word for word in ("SECRET", "PHANTOM") if word in told]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("number,name\nA1,測試".encode("big5"), "not written in UTF-8 (byte 0xB4 on line 2)"),
        (b"PK\x03\x04 and so on", "This is an Excel workbook or another packed file. Save it as CSV"),
        (b"number;sex\nA1;F", "The columns are separated by semicolons"),
        (b"number,birthdate\nA1,1950", "did you mean birth_date?"),
        (b"number\n" + b"A1\n" * 4, "The file has 4 rows; here at most 3. Split it"),
        (b"number\n" + b" " * 400, "This file is larger than"),
    ],
)
def test_a_file_that_can_not_be_read_is_told_of_at_once_and_not_kept(world, monkeypatch, data, said):
    monkeypatch.setattr(import_admin, "MOST_ROWS", 3)
    monkeypatch.setattr(import_admin, "LARGEST", 300)

    _, answer = send(world, data, "registration")

    assert answer.status_code == 422 and said in text(answer).replace("&#x27;", "'") and kept() == []


def test_every_kind_has_an_empty_file_that_it_reads_and_says_what_its_columns_hold(world):
    for name, kind in KINDS.items():
        made = kind(world.trial, world.site)
        assert all(column.says for column in columns_of(made))
        if kind.fits(world.trial):
            answer = client_of(world.data_manager).get(at(world, "import_template"), {"kind": name})
            assert text(answer) == template_of(made)
            assert make_plan(made, read_table(answer.content), track=untold).judgments == ()


@pytest.mark.parametrize("kind", ["films", "allocation", "call", "appointment"])
def test_a_trial_that_is_run_here_takes_no_allocations_or_film_counts_from_a_file(world, extract, kind):
    said = refusal(world, extract("number", "A1"), kind, commit=True)

    assert "Trial DEMO is demonstration" in said and "Only a recorded trial takes it from a file" in said
    _, answer = send(world, b"number\nA1", kind, world.randomization_statistician)
    assert answer.status_code == 404


def test_a_data_manager_of_one_site_has_no_imports_for_a_file_may_name_anybody(world):
    second = trials.add_site(world.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    appoint(world, world.stranger, Role.DATA_MANAGER, second)

    assert client_of(world.stranger).get(at(world)).status_code == 404


def test_a_draft_trial_takes_nothing_and_says_so(db):
    world = make_world(active=False)
    client, sent = send(world, b"number,sex\nA1,F", "registration")

    refused = press(client, sent["Location"], text(client.get(sent["Location"])))

    assert refused.status_code == 422 and "no protocol in force" in text(refused)
    assert not Participant.objects.exists()
