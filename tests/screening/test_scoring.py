"""A film is scored once, by the model its protocol names, or not at all; and each film that waits is found again."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from screening.inference import load_model
from screening.manifests import DEMONSTRATION_MODEL
from screening.models import ModelVersion, Radiograph, Score
from screening.sandbox import read_pixels
from screening.services import intake, registry, scoring
from screening.vocabulary import FilmState
from tests import dicom
from tests.factories import World, activate, make_world, sql
from trial import audit
from trial.models import Trial
from trial.protocol import template
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db
at_the_same_time = pytest.mark.django_db(transaction=True)


def receive(world: World, number: int = 1) -> Radiograph:
    """Take in a film of a new person, whose picture differs from the others'."""
    picture = dicom.ramp()
    picture[0, :8] = [number >> bit & 1 for bit in range(8)]
    data = dicom.chest_film(picture, SOPInstanceUID=f"1.2.8.{number}", PatientID=f"S-{number}")
    answer = intake.receive(data, site=world.site, source="test", by=world.radiology_it)
    return Radiograph.objects.get(pk=answer.film)


def now(film: Radiograph) -> tuple[str, str, int]:
    film.refresh_from_db()
    return film.state, film.reason, film.attempts


# --- the model ----------------------------------------------------------------------------------------------


def test_a_model_is_registered_once_with_the_checksum_of_its_weights(world):
    weights = DEMONSTRATION_MODEL.with_suffix(".safetensors").read_bytes()

    assert registry.register_model() == world.model == ModelVersion.objects.get()
    assert world.model.sha256 == hashlib.sha256(weights).hexdigest()


def test_the_same_version_with_other_weights_is_refused(db):
    name, version = (getattr(load_model().manifest, field) for field in ("name", "version"))
    with audit.context(by=None, why="A test", how="test"):
        ModelVersion.objects.create(
            name=name, version=version, sha256="0" * 64, preprocessing="x", manifest={}
        )

    with pytest.raises(Refused, match="registered with another checksum"):
        registry.register_model()


def test_a_trial_fixed_to_other_weights_scores_nothing_and_blames_no_film(world, caplog):
    film = receive(world)
    other = ModelVersion(name=world.model.name, version=world.model.version, sha256="0" * 64, manifest={})
    activate(replace_model(world, other), template("opscan"))

    assert scoring.score_film(film.pk) is False

    assert "the weights here are not those" in caplog.text
    assert now(film) == ("eligible", "", 0)
    with pytest.raises(Refused, match="No film was scored"):
        scoring.pinned_model(world.trial)


def replace_model(world: World, model: ModelVersion) -> World:
    return World(world.trial, world.site, model, world.cast, world.stranger)


# --- one film -----------------------------------------------------------------------------------------------


def test_a_films_score_is_what_the_model_says_of_its_pixels(world):
    film = receive(world)

    assert scoring.score_film(film.pk) is True

    score = Score.objects.get()
    told = load_model().score(read_pixels(film.file.read()))
    assert (score.radiograph, score.model_version) == (film, world.model)
    assert score.probabilities == list(told.probabilities) and len(told.probabilities) == 10
    assert score.mean == Decimal(str(told.mean))
    assert (score.threshold, score.positive) == (Decimal("0.5"), told.mean >= 0.5)
    assert score.protocol_version == world.trial.protocol_version
    assert now(film) == ("scored", "", 1)


def test_a_film_is_scored_once_however_often_it_is_asked_for(world):
    film = receive(world)

    assert [scoring.score_film(film.pk) for _ in range(3)] == [True, False, False]

    assert Score.objects.count() == 1 and now(film) == ("scored", "", 1)


def test_nothing_is_scored_that_is_not_waiting(world):
    film = receive(world)
    for state in ("failed", "received", "set_aside"):
        sql("UPDATE screening_radiograph SET state = %s, reason = 'a reason'", state)
        assert scoring.score_film(film.pk) is False
    assert scoring.score_film(Trial.objects.get().pk) is False, "nor what is no film"

    assert not Score.objects.exists() and now(film)[2] == 0


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "filenotfounderror"),
        (lambda path: path.write_bytes(b""), "rejected"),
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "rejected"),
        (lambda path: path.write_bytes(b"not a film at all" * 50), "rejected"),
    ],
)
def test_a_film_damaged_in_the_store_fails_after_three_tries_with_a_reason(world, damage, reason):
    film, sound = receive(world), receive(world, 2)
    damage(Path(film.file.path))

    assert [scoring.score_film(film.pk) for _ in range(4)] == [False] * 4
    assert scoring.score_film(sound.pk) is True

    assert now(film) == ("failed", reason, scoring.MAX_ATTEMPTS)
    assert Score.objects.get().radiograph == sound


def test_a_passing_fault_costs_a_try_and_no_film(world):
    film = receive(world)
    path = Path(film.file.path)
    away = path.rename(path.with_suffix(".away"))
    assert scoring.score_film(film.pk) is False
    away.rename(path)

    assert scoring.score_film(film.pk) is True
    assert now(film) == ("scored", "", 2)


def test_what_happens_to_a_film_while_it_is_scored_counts_more(world, monkeypatch):
    """A person sets the film aside while the network works: no score is written."""
    film = receive(world)
    read = scoring.read_pixels

    def meanwhile(data: bytes):
        sql("UPDATE screening_radiograph SET state = 'set_aside', reason = 'withdrawn'")
        return read(data)

    monkeypatch.setattr(scoring, "read_pixels", meanwhile)

    assert scoring.score_film(film.pk) is False
    assert not Score.objects.exists() and now(film)[:2] == ("set_aside", "withdrawn")


@at_the_same_time
def test_workers_who_get_the_same_film_write_one_score(transactional_db):
    world = make_world()
    film = receive(world)
    start = threading.Barrier(3)

    def work(_: int) -> bool:
        start.wait()
        try:
            return scoring.score_film(film.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        written = list(pool.map(work, range(3)))

    assert sorted(written) == [False, False, True]
    assert Score.objects.count() == 1 and now(film)[0] == "scored"


# --- the queue ----------------------------------------------------------------------------------------------


def age(film: Radiograph, seconds: float) -> None:
    """Let a film have been enqueued some seconds ago."""
    sql(
        "UPDATE screening_radiograph SET enqueued_at = %s WHERE id = %s",
        timezone.now() - timedelta(seconds=seconds),
        film.pk,
    )


def test_a_film_is_claimed_when_nobody_has_it_and_again_when_it_was_lost(world):
    film = receive(world)
    limit = scoring.LOST_AFTER.total_seconds()

    assert scoring.claim_waiting() == [film.pk]
    assert scoring.claim_waiting() == []
    age(film, limit - 5)
    assert scoring.claim_waiting() == []
    age(film, limit + 5)
    assert scoring.claim_waiting() == [film.pk]
    scoring.score_film(film.pk)
    age(film, limit + 5)
    assert scoring.claim_waiting() == []


def test_a_film_whose_tries_are_used_up_by_its_workers_deaths_fails(world):
    film = receive(world)
    sql("UPDATE screening_radiograph SET attempts = 3")

    assert scoring.score_film(film.pk) is False, "it is not tried a fourth time"
    assert now(film) == ("eligible", "", 3)
    assert scoring.claim_waiting() == []
    assert now(film) == ("failed", "worker_lost", 3)


def test_a_sweep_takes_no_more_than_it_is_told(world):
    """Oldest first, and no more on their way at once: a long line is not enqueued again and again."""
    films = [receive(world, number).pk for number in range(3)]

    assert scoring.claim_waiting(limit=2) == films[:2]
    assert scoring.claim_waiting(limit=2) == []
    scoring.score_film(films[0])
    assert scoring.claim_waiting(limit=2) == films[2:]


@at_the_same_time
def test_two_sweeps_at_once_share_the_films(transactional_db):
    world = make_world()
    films = {receive(world, number).pk for number in range(4)}

    def sweep() -> list:
        try:
            return scoring.claim_waiting()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        mine = scoring.claim_waiting(limit=2)
        theirs = pool.submit(sweep).result(timeout=10)  # it waits for nobody

    assert {*mine, *theirs} == films and not {*mine} & {*theirs}
    assert Radiograph.objects.filter(state=FilmState.ELIGIBLE, enqueued_at__isnull=False).count() == 4
