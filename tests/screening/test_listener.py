"""Devices send films by C-STORE to the listener's own process: accepted once, refused in words, never half taken."""

import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from psycopg import sql
from pydicom import dcmread
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AE

from screening import listener
from screening.models import Receipt, RefusedCaller
from screening.services import devices
from tests import dicom
from tests.browsing import browser, words
from tests.factories import make_world
from tests.senders import TITLE, answers, needs_dcmtk, run, storescu
from tests.senders import listener as listening
from trial.models import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def shared_listener(tmp_path_factory) -> Iterator[Callable[[], tuple[Path, int]]]:
    """A listener that outlives a test, for it takes longest to start; it remembers nothing between films."""
    var = tmp_path_factory.mktemp("listener")
    with ExitStack() as stack:
        started: list[int] = []

        def start() -> tuple[Path, int]:
            if not started:
                started.append(stack.enter_context(listening(var))[0])
            return var, started[0]

        yield start


@pytest.fixture
def at(transactional_db, shared_listener) -> tuple[Path, int]:
    """The listener's folder and port."""
    return shared_listener()


def add_device(world, title="ROOM1", address="127.0.0.1"):
    return devices.add_device(
        world.site, name="Room 1", ae_title=title, address=address, by=world.coordinator
    )


def written(folder: Path, name: str, **changes) -> Path:
    path = folder / f"{name}.dcm"
    path.write_bytes(dicom.chest_film(**changes))
    return path


def outcomes() -> list[tuple[str, str]]:
    return list(Receipt.objects.order_by("received_at").values_list("outcome", "reason"))


def associate(port: int, title: str = "ROOM1", kind=DigitalXRayImageStorageForPresentation, called=TITLE):
    caller = AE(ae_title=title)
    caller.add_requested_context(kind, ExplicitVRLittleEndian)
    return caller.associate("127.0.0.1", port, ae_title=called)


@needs_dcmtk
def test_a_refused_caller_is_shown_added_and_then_accepted(at, tmp_path, world):
    var, port = at
    film = written(tmp_path, "film")
    refused = storescu(port, film)
    echo = run("echoscu", "-aet", "ROOM1", "-aec", TITLE, "127.0.0.1", port)
    client = browser(world.coordinator)
    shown = words(client.get(reverse("devices")))
    caller = RefusedCaller.objects.get()
    form = client.get(reverse("device-add"), {"caller": caller.pk}).content.decode()
    added = client.post(
        reverse("device-add"),
        {"site": world.site.pk, "name": "Room 1", "ae_title": "ROOM1", "address": "127.0.0.1"},
    )
    accepted = storescu(port, film)
    again = storescu(port, film)
    heard = run("echoscu", "-v", "-aet", "ROOM1", "-aec", TITLE, "127.0.0.1", port)
    misled = storescu(port, film, called="OTHER")

    assert refused.returncode and "Calling AE Title Not Recognized" in refused.stdout and echo.returncode
    assert "ROOM1 127.0.0.1 is not on the list 2" in shown and "Add it" in shown
    assert 'value="ROOM1"' in form and 'value="127.0.0.1"' in form and added.status_code == 302
    assert (accepted.returncode, again.returncode, heard.returncode) == (0, 0, 0), accepted.stdout
    assert outcomes() == [("accepted", "to_be_scored"), ("already_received", "same_file")]
    assert set(Receipt.objects.values_list("device__name", "source")) == {("Room 1", "dicom")}
    assert misled.returncode and [c.reason for c in RefusedCaller.objects.all()] == ["wrong_title"]
    log = (var / "server.log").read_text()
    assert "refused ROOM1 at 127.0.0.1: unknown_device" in log
    assert not any(word in log for word in ("H-000123", "PHANTOM", "1.2.3.1"))


@needs_dcmtk
@pytest.mark.parametrize(
    ("tool", "option", "syntax"),
    [
        (["dcmcjpeg", "+e1"], "-xs", JPEGLosslessSV1),
        (["dcmcrle"], "-xr", RLELossless),
        (["dcmcjpls"], "-xt", JPEGLSLossless),
    ],
)
def test_compressed_films_come_as_they_are(at, tmp_path, world, tool, option, syntax):
    var, port = tmp_path, at[1]
    add_device(world)
    packed = var / "packed.dcm"
    assert run(*tool, written(var, "film"), packed).returncode == 0
    assert dcmread(packed).file_meta.TransferSyntaxUID == syntax

    sent = storescu(port, packed, options=(option,))

    assert sent.returncode == 0, sent.stdout
    assert outcomes() == [("accepted", "to_be_scored")]


@needs_dcmtk
def test_each_film_has_its_own_answer(at, tmp_path, world):
    var, port = tmp_path, at[1]
    add_device(world)
    lateral = written(var, "lateral", ViewPosition="LL", SOPInstanceUID="1.2.3.4")
    small = written(var, "small", stored=dicom.ramp(20, 20), SOPInstanceUID="1.2.3.5")
    ct = written(var, "ct", SOPClassUID=CTImageStorage, Modality="CT")

    aside, rejected, other = (storescu(port, film) for film in (lateral, small, ct))

    assert aside.returncode == 0, "a film set aside is safe here"
    assert "CannotUnderstand" in rejected.stdout and "No presentation context" in other.stdout
    assert outcomes() == [("set_aside", "lateral"), ("rejected", "image_size")]


def test_one_connection_to_the_database_lasts_an_association_and_no_longer(at, tmp_path, world):
    def others() -> set[int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return {pid for (pid,) in cursor.fetchall()}

    add_device(world)
    before = others()
    association = associate(at[1])
    seen = []
    for number in range(2):
        assert (
            association.send_c_store(
                dcmread(BytesIO(dicom.chest_film(SOPInstanceUID=f"1.2.{number + 1}")))
            ).Status
            == 0
        )
        seen.append(others() - before)
    association.release()
    assert seen[0] == seen[1] and len(seen[0]) == 1
    deadline = time.monotonic() + 10
    while others() - before:
        assert time.monotonic() < deadline, "the ended association left its connection behind"
        time.sleep(0.05)


def send_pdus(port: int) -> socket.socket:
    """Return the connection of an association on which half a film has been sent."""
    made = associate(port)
    assert made.is_established
    made._reactor_checkpoint.clear()  # from here on we write by hand
    wire = made.dul.socket.socket
    wire.sendall(struct.pack(">BBL", 4, 0, 50_000) + bytes(20_000))
    return wire


def test_19_an_association_that_breaks_off_leaves_nothing_and_holds_up_nobody(at, world):
    port = at[1]
    add_device(world)
    kept = set((at[0] / "media").rglob("*.dcm"))
    broken = send_pdus(port)
    broken.shutdown(socket.SHUT_RDWR)
    stranger = socket.create_connection(("127.0.0.1", port))
    stranger.sendall(struct.pack(">BBL", 1, 0, 2**32 - 1))
    cut_off = stranger.recv(1)
    after = associate(port)
    established = after.is_established
    after.release()

    assert cut_off == b"", "whoever announces four gigabytes is not listened to"
    assert established
    assert not Receipt.objects.exists() and not Person.objects.exists()
    assert set((at[0] / "media").rglob("*.dcm")) == kept


def test_18_what_comes_over_the_wire_is_counted(monkeypatch):
    near, far = socket.socketpair()
    wire = listener.Wire(near)
    far.sendall(b"abc")
    assert wire.recv(3) == b"abc"
    with pytest.raises(listener.TooMuch):
        wire.recv(listener.LARGEST_PDU + 1)

    monkeypatch.setattr(listener, "SILENCE", 0.05)
    far.sendall(b"a")
    with pytest.raises(TimeoutError):
        wire.recv(2)

    monkeypatch.setattr(listener, "LARGEST_FILE", 0)
    monkeypatch.setattr(listener, "HEADROOM", 4)
    wire.begin()
    far.sendall(b"abcdef")
    wire.recv(4)
    with pytest.raises(listener.TooMuch):
        wire.recv(1)
    wire.begin()
    assert wire.recv(2) == b"ef", "after a film the count begins anew"
    monkeypatch.setattr(listener, "SLOWEST_FILM", -1.0)
    with pytest.raises(listener.TooMuch):
        wire.recv(1)


@pytest.fixture
def full_disk(at) -> Iterator[Callable[[], None]]:
    """No film can be written, until somebody has seen to it: as root nothing stops a write but this."""
    media, away = at[0] / "media", at[0] / "away"
    media.mkdir(exist_ok=True)
    media.rename(away)
    media.write_text("where a folder should be")

    def mend() -> None:
        if away.exists():
            media.unlink()
            away.rename(media)

    yield mend
    mend()


@needs_dcmtk
def test_66_a_full_disk_is_no_acknowledgment(at, tmp_path, world, full_disk):
    add_device(world)
    film = written(tmp_path, "film")

    sent = storescu(at[1], film)
    nothing = not Receipt.objects.exists() and not Person.objects.exists()
    full_disk()
    again = storescu(at[1], film)

    assert "OutOfResources" in sent.stdout and nothing
    assert again.returncode == 0
    assert outcomes() == [("accepted", "to_be_scored")]


@contextmanager
def no_database() -> Iterator[None]:
    """Let nobody connect to the database any more, and end the connections of others than this test."""
    known = connection.settings_dict
    where = {"host": known["HOST"], "port": known["PORT"] or None, "user": known["USER"]}
    secret = {"password": known["PASSWORD"]} if known["PASSWORD"] else {}
    with psycopg.connect(dbname="postgres", autocommit=True, **where, **secret) as other:
        name = sql.Identifier(known["NAME"])
        other.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        connection.ensure_connection()
        other.execute(others, [known["NAME"], connection.connection.info.backend_pid])
        try:
            yield
        finally:
            other.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def test_68_without_a_database_nobody_is_answered_yes(at, world):
    add_device(world)
    film = dcmread(BytesIO(dicom.chest_film()))
    sender = associate(at[1])
    with no_database():
        refused = associate(at[1])
        lost = sender.send_c_store(film)
    found = sender.send_c_store(film)
    sender.release()

    assert refused.is_rejected and not RefusedCaller.objects.exists()
    assert (lost.Status, found.Status) == (0xA700, 0)
    assert outcomes() == [("accepted", "to_be_scored")]


def test_a_stopped_listener_ends_its_associations(tmp_path, world):
    var = tmp_path
    add_device(world)
    with listening(var) as (port, process):
        open_one = associate(port)
        os.kill(process.pid, signal.SIGTERM)
        code = process.wait(20)
        deadline = time.monotonic() + 5
        while not open_one.is_aborted and time.monotonic() < deadline:
            time.sleep(0.02)

    assert code == 0 and open_one.is_aborted and not answers(port)
    assert "still with its sender" in (var / "server.log").read_text()


def test_a_taken_port_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Can't listen at 127.0.0.1, port {port}"):
            call_command("dicom_listener", port=port)


def test_a_device_of_another_site_sends_for_its_own(at, world):
    port = at[1]
    other = make_world("OTHER")
    add_device(world)
    add_device(other, title="ROOM2")
    for title in ("ROOM1", "ROOM2"):
        sender = associate(port, title)
        sender.send_c_store(dcmread(BytesIO(dicom.chest_film())))
        sender.release()

    assert sorted(Receipt.objects.values_list("trial__code", "outcome")) == [
        ("DEMO", "accepted"),
        ("OTHER", "accepted"),
    ]
