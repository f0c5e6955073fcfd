"""Films on their way: made in child processes, sent through the real intake, scored by a real worker."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from subprocess import Popen

from django.conf import settings

from config.demo.console import progress
from config.demo.people import MadeUp, films_of
from screening.models import Radiograph
from screening.services import intake
from screening.tasks import enqueue
from screening.vocabulary import FilmState
from screening.worker import celery_process
from trial.models import Site, Trial, User

STALLED_AFTER = 90  # seconds without a new score


class Stalled(Exception):
    """No film was scored for too long."""


def start_workers() -> list["Popen[bytes]"]:
    """Start a Celery worker and beat that die with this process."""
    schedule = str(settings.VAR / "beat-schedule")
    return [
        celery_process("worker", "--concurrency", "2", log="worker.log"),
        celery_process("beat", "--schedule", schedule, log="beat.log"),
    ]


def send(people: Sequence[MadeUp], *, sites: Sequence[Site], by: User) -> Counter[str]:
    """Make everybody's films and send them in; return the answers counted."""
    answers: Counter[str] = Counter()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        made = pool.map(films_of, people, chunksize=4)
        for person, films in progress(zip(people, made, strict=True), "films made and received", len(people)):
            for data in films:
                answer = intake.receive(data, site=sites[person.place % len(sites)], source="folder", by=by)
                answers[answer.outcome] += 1
                if answer.to_score and answer.film:
                    enqueue(answer.film)
    return answers


def wait_until_scored(trial: Trial) -> None:
    """Wait for the worker, with a progress bar; raise Stalled when nothing moves."""
    films = Radiograph.objects.filter(trial=trial)
    waiting = films.filter(state__in=[FilmState.RECEIVED, FilmState.ELIGIBLE])
    total = films.filter(state__in=[FilmState.RECEIVED, FilmState.ELIGIBLE, FilmState.SCORED]).count()
    for _ in progress(_scored_so_far(waiting, total), "films scored", total):
        pass


def _scored_so_far(waiting, total: int) -> Iterator[int]:  # type: ignore[no-untyped-def]
    done, since = 0, time.monotonic()
    while done < total:
        now = total - waiting.count()
        if now > done:
            since = time.monotonic()
        yield from range(done, now)
        done = max(done, now)
        if time.monotonic() - since > STALLED_AFTER:
            raise Stalled(
                f"No film was scored for {STALLED_AFTER} s. See the logs under {settings.VAR / 'logs'}."
            )
        time.sleep(0.25)
