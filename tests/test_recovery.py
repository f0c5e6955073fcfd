"""Real servers killed at the worst moment: a real worker, beat and broker on the test's own database."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from django.utils import timezone

from screening import tasks
from screening.models import Radiograph, Score
from screening.services import intake, scoring
from screening.vocabulary import FilmState
from tests import dicom
from tests.factories import World, make_world
from tests.workplace import Workplace, forget_broker
from trial import audit

pytestmark = pytest.mark.django_db(transaction=True)

FILMS = 16
ROOT = Path(__file__).resolve().parent.parent


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
