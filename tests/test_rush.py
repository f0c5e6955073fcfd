"""64 clients at a web process that is killed at random: everybody is allocated once, in order, and the log knows all.

`SCREENTRIAL_RUSH=5000 pytest tests/test_rush.py` makes it 5,000 people, as many as a large trial randomizes.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from django.test import Client

from screening.models import Referral
from tests.bench.allocations import BLOCKS, high_risk
from tests.factories import World, make_world
from tests.test_concurrency import stratum_faults
from tests.workplace import ROOT, database_url
from trial.models import Allocation, Participant, Stratum
from trial.processes import spawn_child
from trial.protocol import template
from trial.services.verification import verify

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = int(os.environ.get("SCREENTRIAL_RUSH", "80"))
CLIENTS = 64
KILLS = max(3, PEOPLE // 500)
TWICE = 5  # every fifth is asked for twice, as by a double click
PATIENCE = 100 + PEOPLE / 5  # seconds
TOKEN = "x" * 32


class Answer(NamedTuple):
    """What a client was told about somebody, and how often it was told nothing."""

    participant: str
    status: int
    body: bytes
    cut: int


class Web:
    """The web server of the demonstration, on the tests' database."""

    def __init__(self, var: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.var, self.process = var, None
        self.start()

    def start(self) -> None:
        """Start it in a session of its own."""
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        with (self.var / "web.log").open("ab") as log:
            self.process: subprocess.Popen[bytes] | None = spawn_child(
                [*command, "--workers", "2", "--threads", "4", "--log-level", "warning"],
                env=os.environ | self.environment(),
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def environment(self) -> dict[str, str]:
        """Return what makes it work on the tests' database, keys and logs."""
        return {
            "SCREENTRIAL_VAR": str(self.var),
            "SCREENTRIAL_TRIAL_KEYS": str(settings.TRIAL_KEY_DIR),
            "SCREENTRIAL_ALLOCATION_LOGS": str(settings.ALLOCATION_LOG_DIR),
            "DATABASE_URL": database_url(),
            "DJANGO_SECRET_KEY": settings.SECRET_KEY,
            "SCREENTRIAL_IDENTITY_KEY": settings.IDENTITY_KEY,
        }

    def kill(self) -> None:
        """Kill it with its workers, as a power cut would."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def ask(self, path: str, cookies: str, until: float) -> tuple[int, bytes, int]:
        """Post until there is an answer; return its status, itself and how many requests were cut off."""
        for cut in count():
            assert time.monotonic() < until, "the rush took too long"
            connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("POST", path, headers={"Cookie": cookies, "X-CSRFToken": TOKEN})
                answer = connection.getresponse()
                return answer.status, answer.read(), cut
            except (OSError, HTTPException):
                time.sleep(0.1)  # it was killed
            finally:
                connection.close()
        raise AssertionError


@pytest.fixture
def web(transactional_db) -> Iterator[Web]:
    with tempfile.TemporaryDirectory(prefix="rush-", dir="/tmp") as folder:
        server = Web(Path(folder))
        yield server
        server.kill()


def cookies_of(world: World) -> str:
    client = Client()
    client.force_login(world.coordinator)
    return f"sessionid={client.cookies['sessionid'].value}; csrftoken={TOKEN}"


def rush(web: Web, world: World, people: Sequence[Participant]) -> list[Answer]:
    """Let all clients ask for everybody, and kill the server at random moments meanwhile."""
    asked = [p.study_number for p in people]
    asked += asked[::TWICE]
    chance = random.Random(PEOPLE)
    chance.shuffle(asked)
    cookies, until, answers = cookies_of(world), time.monotonic() + PATIENCE, list[Answer]()
    told = threading.Semaphore(0)

    def client(number: str) -> None:
        path = f"/api/v1/participants/{number}/randomize/"
        answers.append(Answer(number, *web.ask(path, cookies, until)))
        told.release()

    with ThreadPoolExecutor(CLIENTS) as pool:
        futures: list[Future[None]] = [pool.submit(client, number) for number in asked]
        # Between the first answer and the last.
        for wait in spread(chance, len(asked) - CLIENTS, KILLS):
            for _ in range(wait):
                assert told.acquire(timeout=until - time.monotonic())
            time.sleep(chance.random() / 10)
            web.kill()
            web.start()
        for future in futures:
            future.result()
    return answers


def spread(chance: random.Random, total: int, parts: int) -> list[int]:
    """Return after how many answers each kill comes, counted from the one before."""
    places = sorted(chance.sample(range(1, total), parts))
    return [here - before for before, here in zip([0, *places], places, strict=False)]


@pytest.mark.proof
def test_a_rush_through_killed_web_processes_allocates_everybody_once_and_in_order(web):
    world = make_world(protocol=template("opscan").amended(BLOCKS, note="To rush it."))
    people = high_risk(world, PEOPLE)

    started = time.monotonic()
    answers = rush(web, world, people)
    took = time.monotonic() - started

    print(
        f"{PEOPLE} people, {len(answers) / took:.0f} answers a second, {Counter(a.status for a in answers)}"
    )
    assert {a.status for a in answers} <= {200, 201}, next(a for a in answers if a.status not in (200, 201))
    assert sum(a.cut for a in answers) >= KILLS, "no request was under way when the server was killed"
    arms = dict(Allocation.objects.values_list("participant__study_number", "arm"))
    assert len(arms) == PEOPLE == len({a.participant for a in answers})
    assert all(f'"{arms[a.participant]}"'.encode() in a.body for a in answers)
    assert [fault for s in Stratum.objects.all() for fault in stratum_faults(world, s)] == []
    assert sum(Stratum.objects.values_list("drawn", flat=True)) == PEOPLE
    assert Referral.objects.count() == Counter(arms.values())["screening"]
    assert verify(world.trial) == PEOPLE
