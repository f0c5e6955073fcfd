"""A watched folder: complete files only, nothing in it touched, nothing sent twice, and failures told and mended."""

import os
import signal
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from screening.management.commands.watch_folder import Memory, Watch
from screening.models import Receipt
from tests import dicom
from tests.factories import World
from tests.screening.test_listener import no_database
from tests.senders import running

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_var(settings, tmp_path: Path) -> None:
    settings.VAR = tmp_path / "var"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incoming" / "day 1").mkdir(parents=True)
    return tmp_path / "incoming"


def lay(folder: Path, name: str, number: int = 1) -> Path:
    """Lay a film of a new person in the folder."""
    film = dicom.chest_film(dicom.ramp() // number, PatientID=f"H-{number}", SOPInstanceUID=f"1.2.3.{number}")
    (folder / name).write_bytes(film)
    return folder / name


def once(world: World, folder: Path, **options) -> list[str]:
    """Watch once, and return what was said, without the folder."""
    out = StringIO()
    call_command(
        "watch_folder",
        str(folder),
        trial="DEMO",
        once=True,
        unchanged=0.01,
        stdout=out,
        stderr=out,
        **options,
    )
    return out.getvalue().replace(f"{folder}/", "").splitlines()


def test_each_file_is_answered_once_over_restarts_and_the_folder_stays_as_it_was(world, folder, settings):
    lay(folder, "Miller Anna.dcm")
    (folder / "day 1" / "letter.dcm").write_bytes(dicom.text_file())

    def state() -> dict[Path, tuple[int, int]]:
        return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in (folder, *folder.rglob("*"))}

    before = state()

    first, again = once(world, folder), once(world, folder)
    after = state()
    lay(folder, "Miller Anna.dcm", number=2)
    changed = once(world, folder)

    assert first == [
        "Miller Anna.dcm: accepted (to_be_scored): Received; it waits for its score.",
        "day 1/letter.dcm: rejected (not_dicom): This is not a DICOM file; export the radiograph as DICOM.",
        "2 files: 1 accepted, 0 already received, 0 set aside, 1 rejected.",
    ]
    assert again == ["0 files: 0 accepted, 0 already received, 0 set aside, 0 rejected."]
    assert changed[0].startswith("Miller Anna.dcm: accepted") and len(changed) == 2
    assert after == before
    assert set(Receipt.objects.values_list("source", flat=True)) == {"watch"}
    memory = (settings.VAR / "watched" / "DEMO-01").read_text()
    assert "Miller" not in memory and len(memory.split()) == 3


def test_only_complete_files_are_taken(world, folder, settings):
    watch = Watch(folder, Memory(world.site), unchanged=0.05)
    for name in ("film.dcm.part", "film.TMP", ".film.dcm"):
        (folder / name).write_bytes(dicom.chest_film())
    growing = lay(folder, "growing.dcm")

    def look() -> list[str]:
        time.sleep(0.06)
        return [file.path.name for file, _ in watch.look()]

    seen = [look()]
    for _ in range(2):
        growing.write_bytes(growing.read_bytes() + b"more")
        seen.append(look())
    seen.append(look())

    assert seen == [[], [], [], ["growing.dcm"]] and watch.waiting == 1


def test_links_that_lead_out_are_told_not_followed(world, folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "link.dcm").symlink_to(lay(outside, "secret.dcm"))
    (folder / "folder").symlink_to(outside)
    (folder / "nowhere.dcm").symlink_to(folder / "none")
    (folder / "same.dcm").symlink_to(lay(folder, "film.dcm", number=2))

    said = once(world, folder)

    assert said[:3] == [
        "film.dcm: accepted (to_be_scored): Received; it waits for its score.",
        "link.dcm: rejected (not_readable): This file can't be read here "
        "(it is a link that leads out of its folder; send the file itself).",
        "same.dcm: already_received (same_file): This file was received before; nothing changed.",
    ]
    assert said[4] == "1 more wait: they still change, or could not be taken."


def test_a_file_that_can_not_be_read_is_tried_again(world, folder):
    film = folder / "film.dcm"
    film.symlink_to(lay(folder.parent, "film.dcm"))

    with pytest.raises(CommandError, match="Every file was rejected"):
        once(world, folder)
    (folder.parent / "film.dcm").rename(film)

    assert once(world, folder)[0].startswith("film.dcm: accepted")


def test_while_nothing_can_be_taken_all_files_wait(world, folder, tmp_path):
    lay(folder, "film.dcm")
    (tmp_path / "media").write_text("where a folder should be")
    with pytest.raises(CommandError, match="can't be stored"):
        once(world, folder)
    (tmp_path / "media").unlink()

    assert once(world, folder)[0].startswith("film.dcm: accepted")


def test_what_is_wrong_with_the_call_is_told(world, folder):
    lay(folder, "film.dcm")

    with pytest.raises(CommandError, match="There is no folder"):
        once(world, folder / "none")
    with pytest.raises(CommandError, match="lacks the permission “upload films”"):
        once(world, folder, by=world.caller.username)
    assert not Receipt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_watch_outlives_the_database_and_ends_when_told(tmp_path, world, folder):
    command = [
        "manage.py",
        "watch_folder",
        str(folder),
        "--trial",
        "DEMO",
        "--poll",
        "0.1",
        "--unchanged",
        "0.1",
    ]
    log = tmp_path / "server.log"

    def said(text: str) -> bool:
        return text in log.read_text()

    def wait_for(text: str) -> None:
        deadline = time.monotonic() + 30
        while not said(text):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    with running(tmp_path, *command, until=lambda: log.exists() and said("Watching")) as process:
        lay(folder, "one.dcm")
        wait_for("one.dcm: accepted")
        with no_database():
            lay(folder, "two.dcm", number=2)
            wait_for("The database is away.")
        wait_for("two.dcm: accepted")
        os.kill(process.pid, signal.SIGTERM)
        code = process.wait(20)

    assert code == 0 and said("Stopped. 2 files: 2 accepted")
    assert log.read_text().count("is away") == 1
