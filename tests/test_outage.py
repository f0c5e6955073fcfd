"""Listener, web server, worker and database killed at random while films come: none is lost, none scored twice.

`SCREENTRIAL_OUTAGE=2000 pytest -s tests/test_outage.py` makes it 2,000 films and 40 kills.
"""

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from django.db import connection
from django.test import Client
from pydicom import dcmread
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from pynetdicom import AE

from config.embedded import lease
from config.embedded.binaries import postgres_program
from config.embedded.postgres import Postgres, ensure_postgres
from config.postgres.roles import APP_ROLE
from tests import dicom
from tests.factories import World, make_world
from tests.screening.test_listener import add_device
from tests.screening.test_stow import CONTENT, body
from tests.senders import TITLE, answers, environment, free_port
from tests.test_rush import spread
from tests.workplace import ROOT
from trial.processes import spawn_child

FILMS = int(os.environ.get("SCREENTRIAL_OUTAGE", "24"))
KILLS = max(4, FILMS // 50)
SENDERS = 4
PATIENCE = 120 + FILMS  # seconds
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.proof,
    pytest.mark.timeout(2 * PATIENCE + 300),
]
LOST_AFTER = min(60, FILMS // 12)  # seconds; a minute is too long to wait for
TOKEN = "x" * 32
# Of each film: which it is, where it is stored, where it stands, how many scores it has, how often it was accepted.
ON_RECORD = """
    SELECT f.sop_instance_hash, f.file, f.state, (SELECT count(*) FROM screening_score s WHERE s.radiograph_id = f.id),
        (SELECT count(*) FROM screening_receipt r WHERE r.radiograph_id = f.id AND r.outcome = 'accepted')
    FROM screening_radiograph f"""


@dataclass
class Service:
    """A process of the project that is killed and started again."""

    command: list[str]
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = spawn_child(
                [sys.executable, *self.command], env=self.env, cwd=ROOT, stdout=out, stderr=out
            )

    def kill(self) -> None:
        """Kill it with its children, as a power cut would."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def restart(self) -> None:
        self.kill()
        self.start()


class Hospital:
    """All servers of an installation in a folder of their own, with a database that only they use."""

    def __init__(self, var: Path) -> None:
        self.var, self.database = var, Postgres(var)
        self.store, self.web = free_port(), free_port()
        embedded = {"DATABASE_URL": "", "CELERY_BROKER_URL": "", "POISON": str(var / "poison")}
        env = os.environ | environment(var) | embedded | {"LOST_AFTER": str(LOST_AFTER)}
        bind = ["--bind", f"127.0.0.1:{self.web}", "--threads", str(SENDERS), "--log-level", "warning"]
        sweeping = ["--beat", "--schedule", str(var / "beat"), "--concurrency", "1", "--loglevel", "warning"]
        commands = {
            "listener": ["manage.py", "dicom_listener", "--port", str(self.store)],
            "web": ["-m", "gunicorn", "config.wsgi", *bind],
            "worker": ["-m", "celery", "-A", "tests.faulty_worker", "worker", *sweeping],
        }
        self.services = {name: Service(c, env, var / f"{name}.log") for name, c in commands.items()}

    def open(self) -> None:
        """Take over the world that the test made, and start everything."""
        ensure_postgres(self.var)
        take_over(self.database)
        for service in self.services.values():
            service.start()
        self.wait_until(lambda: answers(self.store) and answers(self.web))

    def strike(self, victim: str) -> None:
        """Kill one of the servers; the keeper starts the database again, a service manager the others."""
        if victim == "database":
            os.kill(int((self.database.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            self.wait_until(self.database.answers)
        else:
            self.services[victim].restart()

    def on_record(self) -> list[tuple[Any, ...]]:
        """Return what the database says of each film."""
        with self.database.connect("screentrial") as known:
            return known.execute(ON_RECORD).fetchall()

    def all_scored(self) -> bool:
        return self.database.answers() and all(state == "scored" for _, _, state, *_ in self.on_record())

    def wait_until(self, happens: Callable[[], bool], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not happens():
            logs = {name: service.log.read_text()[-1500:] for name, service in self.services.items()}
            assert time.monotonic() < deadline, logs
            time.sleep(0.1)

    def close(self) -> None:
        """Kill what runs, and let the database and the broker go."""
        for service in self.services.values():
            service.kill()
        locks = self.var / "locks"
        lease.release(locks / "postgres.lease")
        lease.take(locks / "keeper", 2)  # LOCK_EX: waits until both are down


def take_over(database: Postgres) -> None:
    """Copy the tests' database as it is now into another server."""
    known = connection.get_connection_params()
    keys = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    login = {variable: str(known[key]) for key, variable in keys.items() if known.get(key)}
    with database.connect("screentrial") as server:
        server.execute(f"CREATE ROLE {APP_ROLE} NOLOGIN")
    there = ["--host", str(database.sockets), "--username", "screentrial_owner", "--dbname", "screentrial"]
    dump = [
        postgres_program("pg_dump"),
        "--format",
        "custom",
        "--compress",
        "0",
        "--no-owner",
        known["dbname"],
    ]
    restore = [postgres_program("pg_restore"), "--no-owner", "--exit-on-error", *there]
    copy = subprocess.run(dump, env=os.environ | login, check=True, capture_output=True).stdout
    subprocess.run(restore, input=copy, check=True)


@pytest.fixture
def hospital(transactional_db) -> Iterator[Hospital]:
    var = Path(tempfile.mkdtemp(prefix="outage-", dir="/tmp"))
    place = Hospital(var)
    yield place
    place.close()
    shutil.rmtree(var)


def film(number: int) -> bytes:
    """Return a small film of a new person; each picture is another."""
    picture = np.random.default_rng(number).integers(0, 255, (256, 256), dtype="u1")
    return dicom.chest_film(picture, SOPInstanceUID=f"1.2.8.{number}", PatientID=f"O-{number}")


def by_store(place: Hospital, data: bytes) -> bool:
    """Send a film as a device does; tell whether it was acknowledged."""
    caller = AE(ae_title="ROOM1")
    caller.connection_timeout = caller.acse_timeout = caller.dimse_timeout = caller.network_timeout = 10
    caller.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
    association = caller.associate("127.0.0.1", place.store, ae_title=TITLE)
    if not association.is_established:
        return False
    try:
        return association.send_c_store(dcmread(BytesIO(data))).get("Status") == 0
    except (RuntimeError, ValueError):
        return False
    finally:
        association.release()


def by_web(place: Hospital, data: bytes, cookies: dict[str, str]) -> bool:
    """Send a film by STOW-RS; tell whether it was acknowledged."""
    url, headers = f"http://127.0.0.1:{place.web}/dicom-web/studies", {"Content-Type": CONTENT}
    headers |= {"X-CSRFToken": TOKEN}
    try:
        answer = requests.post(url, body(data), headers=headers, cookies=cookies, timeout=10)
    except requests.RequestException:
        return False
    assert answer.status_code in (200, 503, 500), answer.text[:300]
    return answer.status_code == 200


def send_all(place: Hospital, films: list[bytes], cookies: dict[str, str]) -> tuple[Counter[str], int]:
    """Send each film until it is acknowledged, and kill servers meanwhile; return the kills and the resends."""
    chance, until = random.Random(FILMS), time.monotonic() + PATIENCE
    acknowledged, resends = threading.Semaphore(0), Counter[str]()

    def send(number: int) -> None:
        way = (
            (lambda data: by_web(place, data, cookies))
            if number % 2
            else (lambda data: by_store(place, data))
        )
        while not way(films[number]):
            resends["films"] += 1
            assert time.monotonic() < until, "the outage took too long"
            time.sleep(0.1)
        acknowledged.release()

    kinds = ["database", *place.services]
    victims = [kinds[number % len(kinds)] for number in range(KILLS)]
    chance.shuffle(victims)
    with ThreadPoolExecutor(SENDERS) as pool:
        futures: list[Future[None]] = [pool.submit(send, number) for number in range(len(films))]
        for victim, wait in zip(victims, spread(chance, len(films) - SENDERS, KILLS), strict=True):
            for _ in range(wait):
                assert acknowledged.acquire(timeout=max(until - time.monotonic(), 0))
            time.sleep(chance.random() / 10)
            place.strike(victim)
        for future in futures:
            future.result()
    return Counter(victims), resends["films"]


def cookies_of(world: World) -> dict[str, str]:
    client = Client()
    client.force_login(world.radiology_it)
    return {"sessionid": client.cookies["sessionid"].value, "csrftoken": TOKEN}


def test_every_acknowledged_film_is_scored_exactly_once_whatever_is_killed(hospital, caplog):
    caplog.set_level(logging.CRITICAL, "pynetdicom")  # it says a lot of a listener that is away
    world = make_world()
    add_device(world)
    cookies, films = cookies_of(world), [film(number) for number in range(FILMS)]
    hospital.open()

    started = time.monotonic()
    kills, resends = send_all(hospital, films, cookies)
    sent = time.monotonic() - started
    hospital.wait_until(hospital.all_scored)
    took = time.monotonic() - started

    print(
        f"{FILMS} films, sent in {sent:.0f} s, scored in {took:.0f} s; {resends} resends; killed: {dict(kills)}"
    )
    found = hospital.on_record()
    assert len(found) == len({uid for uid, *_ in found}) == FILMS, "lost, or there twice"
    assert {tuple(rest) for _, _, *rest in found} == {("scored", 1, 1)}
    assert all((hospital.var / "media" / stored).is_file() for _, stored, *_ in found)
