"""Real servers killed at the worst moment: a real worker, beat and broker on the test's own database."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlencode

import kombu.pools
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from config.celery import app
from config.embedded import lease
from config.embedded.valkey import Valkey, ensure_valkey
from screening import tasks
from screening.models import Radiograph, Score
from screening.services import intake, scoring
from screening.vocabulary import FilmState
from tests import dicom
from tests.factories import World, make_world
from trial import audit
from trial.processes import spawn_child

pytestmark = pytest.mark.django_db(transaction=True)

FILMS = 16
ROOT = Path(__file__).resolve().parent.parent


class Workplace:
    """A folder with a broker and a worker of its own, both of them for the database of the tests."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.broker = Valkey(var)
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a worker that sweeps too, in a session of its own, so that it can be killed with its children."""
        sweeping = ["--beat", "--schedule", str(self.var / "beat")]
        command = [sys.executable, "-m", "celery", "-A", "tests.faulty_worker", "worker", *sweeping]
        with self.log.open("ab") as log:
            self.worker = spawn_child(
                [*command, "--concurrency", "1", "--loglevel", "warning"],
                env=os.environ | self.environment(),
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def environment(self) -> dict[str, str]:
        """Return what makes a process work on the tests' database and films."""
        return {
            "SCREENTRIAL_VAR": str(self.var),
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": "",
            "DJANGO_SECRET_KEY": django_settings.SECRET_KEY,
            "SCREENTRIAL_IDENTITY_KEY": django_settings.IDENTITY_KEY,
            "POISON": str(self.poison),
        }

    @property
    def log(self) -> Path:
        return self.var / "worker.log"

    @property
    def poison(self) -> Path:
        """The file that names the film which kills its worker."""
        return self.var / "poison"

    def kill(self) -> None:
        """Kill the worker and its children, as a power cut would."""
        if self.worker:
            os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()
        self.worker = None

    def wait_until(self, happens: Callable[[], bool], seconds: float = 90) -> None:
        """Wait for something; a worker that ends by itself is started again, as a service manager would."""
        deadline = time.monotonic() + seconds
        while not happens():
            if self.worker and self.worker.poll() is not None:
                self.start()
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-4000:]
            time.sleep(0.02)

    def broker_process(self) -> int:
        """Return the process id of the broker."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.broker.socket))
            return int.from_bytes(
                client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], sys.byteorder
            )

    def empty_broker(self) -> None:
        """Kill the broker and throw away everything it had written down; its keeper starts it again."""
        killed = self.broker_process()
        shutil.rmtree(self.var / "valkey" / "appendonlydir")
        os.kill(killed, signal.SIGKILL)
        self.wait_until(lambda: self.broker.answers() and self.broker_process() != killed)


@pytest.fixture(scope="module")
def workplace() -> Iterator[Workplace]:
    """A workplace whose worker outlives a test, for it takes longest to start."""
    workplace = Workplace(Path(tempfile.mkdtemp(prefix="recovery-", dir="/tmp")))
    yield workplace
    workplace.kill()
    locks = workplace.var / "locks"
    if locks.exists():
        lease.release(locks / "valkey.lease")
        lease.take(locks / "keeper", 2)  # LOCK_EX: waits until the broker is down
    shutil.rmtree(workplace.var)


@pytest.fixture
def place(transactional_db, workplace: Workplace, settings) -> Iterator[Workplace]:
    settings.VAR, settings.CELERY_BROKER_URL = workplace.var, ""
    settings.STORAGES = settings.STORAGES | {
        "default": settings.STORAGES["default"] | {"OPTIONS": {"location": str(workplace.var / "media")}}
    }
    forget_broker()
    ensure_valkey(workplace.var)
    yield workplace
    forget_broker()


def database_url() -> str:
    """Return the address of the tests' database for another process, whatever server it is on."""
    connection.ensure_connection()
    known = connection.settings_dict
    login = quote(known["USER"]) + (f":{quote(known['PASSWORD'])}" if known["PASSWORD"] else "")
    where = urlencode({"host": known["HOST"], "port": known["PORT"] or 5432})
    return f"postgres://{login}@/{known['NAME']}?{where}"


def forget_broker() -> None:
    """Drop connections that an earlier test left, and what this process learned of its broker."""
    app.amqp._producer_pool = app._pool = None
    kombu.pools.reset()
    tasks._asked_again_at = 0.0


def receive(world: World, number: int) -> Radiograph:
    """Send the film of a new person through the intake."""
    picture = dicom.ramp()
    picture[0, :8] = [number >> bit & 1 for bit in range(8)]
    data = dicom.chest_film(picture, SOPInstanceUID=f"1.2.9.{number}", PatientID=f"R-{number}")
    answer = intake.receive(data, site=world.site, source="test", by=world.radiology_it)
    assert answer.to_score, answer
    return Radiograph.objects.get(pk=answer.film)


def send(world: World, number: int) -> Radiograph:
    """Receive a film and enqueue it, as every way in does."""
    film = receive(world, number)
    tasks.enqueue(film.pk)
    return film


def states() -> dict[str, int]:
    found = list(Radiograph.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in sorted(set(found))}


def age_the_queue() -> None:
    """Let a minute pass for the films that wait: the sweep takes them for lost after that."""
    with audit.context(by=None, why="A minute passes", how="test"):
        waiting = Radiograph.objects.filter(state=FilmState.ELIGIBLE, enqueued_at__isnull=False)
        waiting.update(enqueued_at=timezone.now() - scoring.LOST_AFTER - timedelta(seconds=1))


@pytest.fixture
def nobody_works(transactional_db, workplace: Workplace) -> Iterator[None]:
    """No worker sweeps meanwhile, and this process knows no broker yet."""
    workplace.kill()
    forget_broker()
    yield
    forget_broker()


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """The address of a broker that takes connections and never answers, as one whose disk hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://guest@127.0.0.1:1//", "silent"])
@pytest.mark.usefixtures("nobody_works")
def test_an_upload_does_not_wait_for_a_broker_that_is_away(world, settings, silent_broker, url):
    settings.CELERY_BROKER_URL = silent_broker if url == "silent" else url

    started = time.monotonic()
    films = [send(world, number) for number in range(3)]
    took = time.monotonic() - started

    assert took < 6, "three films, of which the first may wait a second for a broker that says nothing"
    assert states() == {"eligible": 3}
    assert sorted(scoring.claim_waiting()) == sorted(film.pk for film in films)


@pytest.mark.usefixtures("nobody_works")
def test_an_embedded_broker_that_can_not_start_holds_up_nobody_for_long(world, settings, tmp_path):
    settings.CELERY_BROKER_URL, settings.VAR = "", tmp_path / "file" / "var"
    (tmp_path / "file").write_text("where a folder should be")

    started = time.monotonic()
    send(world, 1)

    assert time.monotonic() - started < 6 and states() == {"eligible": 1}


def test_films_survive_a_killed_worker_and_an_emptied_broker(place):
    """The row is the queue: whatever dies, every film is scored, and scored once."""
    world = make_world()
    for number in range(FILMS):
        send(world, number)
    place.start()
    place.wait_until(lambda: Score.objects.count() >= 2)

    place.kill()
    left = FILMS - Score.objects.count()
    assert left > 0, "the worker was too quick to be killed in the middle"
    age_the_queue()
    place.start()
    place.wait_until(lambda: FILMS - Score.objects.count() <= left - 2)

    place.empty_broker()
    late = send(world, FILMS)  # perhaps before the worker knows of the new broker
    age_the_queue()
    place.wait_until(lambda: states() == {"scored": FILMS + 1})

    assert Score.objects.count() == Score.objects.values("radiograph").distinct().count() == FILMS + 1
    assert late.scores.exists()
    # A minute later nothing of it is done again.
    age_the_queue()
    assert scoring.claim_waiting() == []


def test_a_film_that_kills_its_worker_is_set_apart_and_the_others_are_scored(place):
    world = make_world()
    films = [receive(world, number) for number in range(100, 104)]
    place.poison.write_text(sha256(films[0].file.read()).hexdigest())
    for film in films:
        tasks.enqueue(film.pk)
    if place.worker is None:
        place.start()

    def bad() -> Radiograph:
        return Radiograph.objects.get(pk=films[0].pk)

    place.wait_until(lambda: bad().attempts == scoring.MAX_ATTEMPTS)
    age_the_queue()
    place.wait_until(lambda: states() == {"failed": 1, "scored": 3})

    assert (bad().state, bad().reason, bad().attempts) == ("failed", "worker_lost", scoring.MAX_ATTEMPTS)
    assert Score.objects.count() == 3 and not bad().scores.exists()
