"""Celery tasks: each wakes a service; the film's row, not the broker, is the queue."""

import logging
from uuid import UUID

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from screening.services import scoring
from trial import audit

logger = logging.getLogger(__name__)


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


def enqueue(film: UUID) -> None:
    """Enqueue a received film once its row is durable; a broker that is away is left to the sweep."""

    def send() -> None:
        try:
            score_film.delay(film=str(film))
        except (OperationalError, OSError):
            logger.warning("broker away: the sweep will enqueue film %s", film)

    transaction.on_commit(send)
