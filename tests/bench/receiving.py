"""Films received and stored per second beside Orthanc.

Orthanc is the one of Debian's packages `orthanc` and `orthanc-dicomweb`, on its own settings but for folder, ports and
sign-in. Real servers on both sides, the same films to both; what each has stored is counted after every round.
"""

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from io import BytesIO
from itertools import count, cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import requests
from django.conf import settings
from pydicom import dcmread

from screening import sandbox, storage
from screening.models import Radiograph, Receipt
from screening.services import devices, intake
from tests.bench.allocations import database
from tests.bench.films import REAL_FILMS
from tests.bench.measuring import Bench, Pair, timed
from tests.dicom import drawn_chest
from tests.factories import PASSWORD, World, make_world
from tests.senders import TITLE, answers, free_port, listener, web
from tests.workplace import Workplace, workplace

ORTHANC = Path("/usr/sbin/Orthanc")
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
ROUNDS, EACH = 8, 24  # films a round and side
TRIED = 30  # films for the share of each step
SERVING = 2  # processes of the web server
BOUNDARY = "a-film-begins"
HEADERS = {
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
    "Accept": "application/dicom+json",
}
Send = Callable[..., None]


def fresh_films() -> Iterator[bytes]:
    """Yield films without end, each of a person, a study and a picture of its own: real ones, or a drawn one."""
    sources = [file.read_bytes() for file in sorted(REAL_FILMS.glob("*.dcm"))] or [drawn_chest()]
    for number, source in zip(count(1), cycle(sources)):
        yield fresh(source, number)


def fresh(source: bytes, number: int) -> bytes:
    """Return a film with other UIDs, another patient number and four other pixels, in places as long as before."""
    header = dcmread(BytesIO(source), stop_before_pixels=True)
    data, patient = source, str(header.PatientID)
    for place, name in enumerate(("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")):
        uid = str(header[name].value)
        data = data.replace(uid.encode(), f"1.{3 * number + place + 10 ** (len(uid) - 3)}".encode())
    data = data.replace(patient.encode(), f"{number:0{len(patient)}d}".encode())
    at = _four_pixels(data, compressed=header.file_meta.TransferSyntaxUID.is_encapsulated)
    return data[:at] + number.to_bytes(4, "little") + data[at + 4 :]


def _four_pixels(data: bytes, *, compressed: bool) -> int:
    """Return where four pixels stand in the file as they are: in RLE in the first run of so many (PS3.5 annex G)."""
    at = data.index(b"\xe0\x7f\x10\x00O") + 12
    if not compressed:
        return at
    at += 8 + int.from_bytes(data[at + 4 : at + 8], "little") + 8 + 64  # offset table, item, header
    while not 3 <= data[at] < 128:
        at += 2 if data[at] >= 128 else 2 + data[at]
    return at + 1


@contextmanager
def place_of(code: str) -> Iterator[tuple[Workplace, World]]:
    """Make a trial that looks at pictures, on the disk of the databases, and a broker."""
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    ]  # a server of its own checks it
    with workplace(settings.VAR) as place:
        yield place, make_world(code, real_pictures=True)


@contextmanager
def orthanc(folder: Path) -> Iterator[tuple[int, int]]:
    """Run Orthanc on a folder of its own; give its ports for HTTP and DICOM."""
    http, dicom, folder = free_port(), free_port(), folder / "orthanc"
    folder.mkdir()
    options = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": http,
        "DicomPort": dicom,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [str(DICOMWEB)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(options))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([ORTHANC, folder / "orthanc.json"], stdout=log, stderr=log)
    try:
        while not (answers(http) and answers(dicom)):
            if process.poll() is not None:
                raise AssertionError((folder / "log").read_text())
            time.sleep(0.05)
        yield http, dicom
    finally:
        process.terminate()
        process.wait(60)


def by_stow(
    address: str, films: Sequence[bytes], *, clients: int, login: tuple[str, str] | None = None
) -> None:
    """Send each film in a request of its own; the clients share them."""
    with ThreadPoolExecutor(clients) as pool:
        sent = [pool.submit(_stow, address, films[n::clients], login) for n in range(clients)]
        for one in sent:
            one.result()


def _stow(address: str, films: Sequence[bytes], login: tuple[str, str] | None) -> None:
    with requests.Session() as session:
        session.auth = login
        for film in films:
            head, end = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n", f"\r\n--{BOUNDARY}--"
            answer = session.post(address, head.encode() + film + end.encode(), headers=HEADERS, timeout=60)
            if answer.status_code != 200 or answer.json().get("00081198", {}).get("Value"):
                raise AssertionError(f"A film was not stored: {answer.status_code} {answer.text[:500]}")


def by_store(port: int, folder: Path, *, called: str) -> None:
    """Send all films of a folder in one association, as a device does."""
    command = ["storescu", "-xr", "+sd", "-aet", "ROOM1", "-aec", called, "127.0.0.1", str(port), str(folder)]
    subprocess.run(command, check=True, timeout=120)


def stow_pairs(code: str, clients: int) -> Iterator[Pair]:
    """Yield rounds of the same films to both by STOW-RS."""
    with place_of(code) as (place, world), orthanc(place.var) as (http, _):
        served = web(place.var, "--workers", str(SERVING), CELERY_BROKER_URL="")
        login = (world.radiology_it.username, PASSWORD)
        with served as address:
            for films in _rounds(world, place, http):
                ours = partial(by_stow, f"{address}/dicom-web/studies", films, clients=clients, login=login)
                peer = partial(by_stow, f"http://127.0.0.1:{http}/dicom-web/studies", films, clients=clients)
                yield partial(timed, ours, EACH), partial(timed, peer, EACH)


def store_pairs() -> Iterator[Pair]:
    """Yield rounds of the same films to both by C-STORE, from one device."""
    with place_of("CSTORE") as (place, world), orthanc(place.var) as (http, dicom):
        devices.add_device(
            world.site, name="Room 1", ae_title="ROOM1", address="127.0.0.1", by=world.coordinator
        )
        with listener(place.var, CELERY_BROKER_URL="") as (port, _):
            for number, films in enumerate(_rounds(world, place, http)):
                folder = place.var / f"round-{number}"
                folder.mkdir()
                for name, film in enumerate(films):
                    (folder / f"{name}.dcm").write_bytes(film)
                ours = partial(by_store, port, folder, called=TITLE)
                peer = partial(by_store, dicom, folder, called="ORTHANC")
                yield partial(timed, ours, EACH), partial(timed, peer, EACH)


def _rounds(world: World, place: Workplace, http: int) -> Iterator[list[bytes]]:
    """Yield new films for a round; check after it that both sides have stored every one of all rounds."""
    films, rounds = fresh_films(), 0
    for rounds in range(1, ROUNDS + 1):
        yield [next(films) for _ in range(EACH)]
        peers = requests.get(f"http://127.0.0.1:{http}/statistics", timeout=10).json()["CountInstances"]
        found = {*_stored(world, place), peers}
        if found != {rounds * EACH}:
            raise AssertionError(
                f"{rounds * EACH} films were sent; receipts, rows, files or Orthanc have {found}."
            )


def _stored(world: World, place: Workplace) -> list[int]:
    rows = Radiograph.objects.filter(trial=world.trial, state__in=["eligible", "scored"])
    accepted = Receipt.objects.filter(trial=world.trial, outcome="accepted")
    files = [path for path in (place.var / "media").rglob("*.dcm") if path.stat().st_size > 2**17]
    return [rows.count(), accepted.count(), len(files)]


def why() -> str:
    """Tell what share of the time for one film each step takes, from its bytes to the answer, in one process."""
    took = Counter[str]()
    with place_of("WHY") as (_, world), ExitStack() as watched:
        for step, place, name in STEPS:
            watched.enter_context(patch.object(place, name, _watched(getattr(place, name), step, took)))
        films = fresh_films()
        for number in range(-3, TRIED):
            if number == 0:  # what was before only warmed up
                took.clear()
            start = time.perf_counter()
            intake.receive(next(films), site=world.site, source="bench", by=None)
            took["whole"] += time.perf_counter() - start
    whole = took.pop("whole")
    took["our own code around them"] = whole - sum(took.values())
    shares = ", ".join(f"{step} {share / whole:.0%}" for step, share in took.most_common())
    return f"`screening.services.intake.receive` takes {1000 * whole / TRIED:.0f} ms a film when alone: {shares}."


def _watched(work: Callable[..., Any], step: str, took: Counter[str]) -> Callable[..., Any]:
    """Return the same work that counts its time; a step within a step is not among those watched."""

    def timed_work(*args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return work(*args, **options)
        finally:
            took[step] += time.perf_counter() - start

    return timed_work


STEPS: tuple[tuple[str, Any, str], ...] = (
    ("a process of its own", sandbox, "_child"),
    ("parse, decode and check, there", sandbox.Reading, "check"),
    ("quality control, there", sandbox.Reading, "quality"),
    ("de-identify, there", sandbox.Reading, "clean"),
    ("write and sync", storage.DurableStorage, "_save"),
    ("waiting for the database", psycopg.Connection, "wait"),
)
PEER = "Debian's Orthanc with its SQLite index, which keeps what it is sent as it is"
RECEIVING = (
    Bench(
        title="Receiving by STOW-RS from one client, a film a request",
        unit="films a second",
        ours=f"the web server with {SERVING} processes: checked, looked at, de-identified, identified, stored",
        peer=PEER,
        pairs=partial(stow_pairs, "ONE", 1),
        why=why,
    ),
    Bench(
        title="Receiving by STOW-RS from four clients at once",
        unit="films a second",
        ours="the same",
        peer=PEER,
        pairs=partial(stow_pairs, "FOUR", 4),
    ),
    Bench(
        title="Receiving by C-STORE, all films in one association",
        unit="films a second",
        ours="`manage.py dicom_listener`, one process, from dcmtk's storescu",
        peer=PEER,
        pairs=store_pairs,
    ),
)
BENCHES: tuple[Bench, ...] = ()
if ORTHANC.exists() and DICOMWEB.exists() and shutil.which("storescu"):
    BENCHES = RECEIVING
else:
    print("Nothing is received beside Orthanc: install orthanc, orthanc-dicomweb and dcmtk.", file=sys.stderr)
SETTING = database
