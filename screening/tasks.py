"""Celery tasks: each wakes a service; the film's row, not the broker, is the queue."""

import logging
import time
from uuid import UUID

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from screening.services import automatic, kept_files, scoring
from trial import audit

logger = logging.getLogger(__name__)

# After a failure nobody waits for the broker again for this many seconds: a folder of films would wait for each.
PAUSE = 10.0
_asked_again_at = 0.0


@shared_task(acks_late=True, time_limit=120)
def score_film(film: str) -> None:
    """Score one film."""
    with audit.entry("task"):
        scoring.score_film(UUID(film))


@shared_task
def sweep() -> None:
    """Enqueue films that wait: new ones, and any that a killed worker or an emptied broker lost."""
    with audit.entry("task"):
        for film in scoring.claim_waiting():
            score_film.delay(film=str(film))


@shared_task
def randomize_ready() -> None:
    """Randomize whoever is ready, in trials whose protocol randomizes by itself."""
    with audit.entry("task"):
        automatic.randomize_ready()


@shared_task
def discard_old_files() -> None:
    """Remove files whose import was previewed and never committed."""
    kept_files.discard_old()


def enqueue(film: UUID) -> None:
    """Enqueue a received film once its row is durable; a broker that is away is left to the sweep."""

    def send() -> None:
        global _asked_again_at
        if time.monotonic() < _asked_again_at:
            return
        try:
            score_film.delay(film=str(film))
        except (OperationalError, OSError):
            _asked_again_at = time.monotonic() + PAUSE
            logger.warning("broker away: the sweep will enqueue film %s and those after it", film)

    transaction.on_commit(send)
