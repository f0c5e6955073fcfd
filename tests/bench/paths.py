"""The whole path of a film, from STOW-RS to its stored score, beside bare scoring of the same films."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch
from django.conf import settings

from screening.inference import RiskModel, read_model, save_model
from screening.models import Score
from screening.networks import FULL_WIDTH, initialized
from screening.pixels import Image
from screening.sandbox import read_pixels
from screening.services import registry
from tests.bench.allocations import database
from tests.bench.measuring import Bench, Pair, timed
from tests.bench.receiving import SERVING, Send, by_stow, fresh_films
from tests.factories import PASSWORD, World, activate, make_world
from tests.senders import web
from tests.workplace import Workplace, workplace
from trial.protocol import template

ROUNDS, EACH = 4, 36  # films a round and side: enough that the first film, on its way alone, hardly counts
NUMBERS_OF_CHANCE = {
    "version": "1",
    "threshold": 0.5,
    "threshold_rule": "any",
    "training_data": "none: its weights are of chance, and time does not depend on them",
    "intended_use": "to measure how long scoring takes",
    "license": "MIT",
    "performance": {},
}


class Scene(NamedTuple):
    """Where films go, the trial that they are of, and the model that it is pinned to."""

    place: Workplace
    world: World
    model: Path


@contextmanager
def full_width(code: str) -> Iterator[Scene]:
    """Make a trial that is pinned to a network of its own, as wide as the published one."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]  # the server's own
    with workplace(settings.VAR) as place:
        settings.MODEL_DIR = place.var / "models"
        path = place.var / "full-width-1.json"
        name = f"full-width-{code.lower()}"
        save_model(initialized(FULL_WIDTH, seed=len(code)), path, name=name, **NUMBERS_OF_CHANCE)
        world = make_world(code, active=False)
        world.model = registry.register(path, by=None)
        activate(world, template("opscan"))
        yield Scene(place, world, path)


def pairs(code: str, workers: int) -> Iterator[Pair]:
    """Yield rounds of films: sent until all scores are stored, and scored in a loop by this process alone."""
    with full_width(code) as scene:
        place, world, path = scene
        model = read_model(path)
        place.start(workers)
        with web(place.var, "--workers", str(SERVING), CELERY_BROKER_URL="") as address:
            login = (world.radiology_it.username, PASSWORD)
            way = partial(by_stow, f"{address}/dicom-web/studies", clients=2, login=login)
            films = fresh_films()
            for number in range(1, ROUNDS + 1):
                some = [next(films) for _ in range(EACH)]
                images, bare = [read_pixels(film) for film in some], dict[str, float]()
                yield (
                    partial(timed, partial(_to_scores, way, some, scene, number * EACH), EACH),
                    partial(timed, partial(_score, model, some, images, bare), EACH),
                )
                _check_scores(world, bare)


def _to_scores(way: Send, films: Sequence[bytes], scene: Scene, expected: int) -> None:
    way(films=films)
    stored = Score.objects.filter(radiograph__trial=scene.world.trial)
    scene.place.wait_until(lambda: stored.count() == expected)


def _score(model: RiskModel, films: Sequence[bytes], images: Sequence[Image], bare: dict[str, float]) -> None:
    torch.set_num_threads(1)
    for film, image in zip(films, images, strict=True):
        bare[sha256(film).hexdigest()] = model.score(image).mean


def _check_scores(world: World, bare: dict[str, float]) -> None:
    scored = Score.objects.filter(radiograph__trial=world.trial, radiograph__file_sha256__in=bare)
    stored = {sha: float(mean) for sha, mean in scored.values_list("radiograph__file_sha256", "mean")}
    if stored != bare:
        raise AssertionError("The stored scores are not those of bare scoring.")


BENCHES = tuple(
    Bench(
        title=f"The whole path, STOW-RS to stored score, 64 channels wide, {said}",
        unit="films a second",
        ours=f"the web server with {SERVING} processes and a worker with {workers}, until every score is stored",
        peer="bare scoring in one process: `screening.inference.RiskModel.score` over the same films, read before",
        pairs=partial(pairs, "PATH" + "S" * (workers - 1), workers),
    )
    for workers, said in ((1, "one scoring process"), (2, "two scoring processes"))
)
SETTING = database
