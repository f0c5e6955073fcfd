"""The real films by all five ways in: whichever way brings a film first, it is one film with one score.

`SCREENTRIAL_WAYS=all pytest tests/test_ways_in.py` sends all sixty by each way; otherwise each film comes by two.
"""

import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pydicom import dcmread

from screening.models import Radiograph, Receipt, Score
from screening.services import scoring
from tests import dicom
from tests.browsing import browser
from tests.factories import PASSWORD, World, appoint, make_user
from tests.screening.test_listener import add_device
from tests.senders import listener, needs_dcmtk, storescu, web
from trial.roles import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
EACH_BY_ALL = os.environ.get("SCREENTRIAL_WAYS") == "all"
Films = Sequence[Path]


@pytest.fixture
def machine(world, settings):
    """An account of a device, whose password a server of its own can check."""
    hasher = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    settings.PASSWORD_HASHERS = [hasher, *settings.PASSWORD_HASHERS]
    user = make_user("pacs")
    appoint(world, user, Role.RADIOLOGY_IT)
    return user


def by_browser(world: World, client: Client, films: Films, archive: Path) -> None:
    """Send all in one zip file."""
    with zipfile.ZipFile(archive, "w") as packed:
        for film in films:
            packed.write(film, film.name)
    sent = SimpleUploadedFile("films.zip", archive.read_bytes())
    assert client.post(reverse("upload"), {"site": world.site.pk, "films": sent}).status_code == 200


def by_folder(films: Films, folder: Path) -> None:
    """Lay copies in the watched folder."""
    folder.mkdir(exist_ok=True)
    for film in films:
        shutil.copy(film, folder)
    call_command("watch_folder", str(folder), trial="DEMO", once=True, unchanged=0.01)


def by_store(films: Films, port: int) -> None:
    sent = storescu(port, *films, options=("-xr",))
    assert sent.returncode == 0, sent.stdout[-2000:]


def by_stow(films: Films, client: DICOMwebClient) -> None:
    answer = client.store_instances([dcmread(film) for film in films])
    assert len(answer.ReferencedSOPSequence) == len(films) and "FailedSOPSequence" not in answer


@needs_dcmtk
@dicom.needs_real_films
def test_sixty_real_films_by_five_ways_are_sixty_films_with_a_score_each(tmp_path, world, machine, settings):
    settings.VAR = tmp_path / "var"
    films = sorted(dicom.REAL_FILMS.glob("*.dcm"))
    add_device(world)
    client = browser(world.radiology_it)
    with web(tmp_path) as address, listener(tmp_path) as (port, _):
        session = create_session_from_user_pass(machine.username, PASSWORD)
        studies = DICOMwebClient(f"{address}/dicom-web", session=session)
        ways: dict[str, Callable[[Films], None]] = {
            "stow": lambda some: by_stow(some, studies),
            "dicom": lambda some: by_store(some, port),
            "watch": lambda some: by_folder(some, tmp_path / "incoming"),
            "upload": lambda some: by_browser(world, client, some, tmp_path / "films.zip"),
            "folder": lambda some: call_command("import_dicom", *map(str, some), trial="DEMO", wait=False),
        }
        shares = [films[number :: len(ways)] for number in range(len(ways))]
        for send, own in zip(ways.values(), shares, strict=True):
            send(own)
        for number, send in enumerate(ways.values()):
            others = films if EACH_BY_ALL else shares[number - 1]
            send([film for film in others if film not in shares[number]])

    came = Counter(Receipt.objects.values_list("source", "outcome"))
    again = 48 if EACH_BY_ALL else 12
    assert came == {(way, o): n for way in ways for o, n in (("accepted", 12), ("already_received", again))}
    waiting = list(Radiograph.objects.filter(state="eligible").values_list("pk", flat=True))
    assert [scoring.score_film(film) for film in waiting] == [True] * 60
    assert not any(scoring.score_film(film) for film in waiting)
    assert Score.objects.values("radiograph__participant").distinct().count() == Score.objects.count() == 60
