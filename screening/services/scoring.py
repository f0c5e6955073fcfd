"""Scoring films exactly once, whatever happens to workers and brokers; and summing up a person's films."""

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from screening.inference import (
    DEMONSTRATION_MODEL,
    ModelRefused,
    NotScored,
    RiskModel,
    ScoreResult,
    load_model,
)
from screening.models import ModelVersion, Radiograph, Score
from screening.risk import is_positive
from screening.sandbox import read_pixels
from screening.vocabulary import FilmState, IntakeReason
from trial import audit, clock
from trial.models import Trial
from trial.services.trials import Refused
from trial.states import FINAL, State

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# A film not scored this long after it was enqueued was lost with its worker or its broker.
LOST_AFTER = timedelta(seconds=60)


def register_model(*, by: Any = None) -> ModelVersion:
    """Register the shipped demonstration model; its weights are checked by checksum as they load."""
    manifest = load_model(DEMONSTRATION_MODEL).manifest
    known = ModelVersion.objects.filter(name=manifest.name, version=manifest.version).first()
    if known and known.sha256 != manifest.sha256:
        raise Refused(
            f"Model {known} is registered with another checksum. Restore its weights or give a new version."
        )
    if known:
        return known
    with audit.context(by=by, why=f"Model {manifest.name} {manifest.version} is registered"):
        return ModelVersion.objects.create(
            name=manifest.name,
            version=manifest.version,
            sha256=manifest.sha256,
            preprocessing=manifest.preprocessing,
            manifest=vars(manifest),
        )


def pinned_model(trial: Trial) -> tuple[ModelVersion, RiskModel]:
    """Return the model the protocol names, loaded; raise Refused when the checksums don't agree."""
    named = trial.protocol.score
    version = ModelVersion.objects.filter(name=named.name, version=named.version).first()
    model = load_model(DEMONSTRATION_MODEL)
    if version is None or {version.sha256, model.manifest.sha256} != {named.weights_sha256}:
        raise Refused(
            f"Trial {trial.code} is fixed to model {named.name} {named.version}, and the weights here are not those. "
            "No film was scored. Restore the weights the protocol names."
        )
    return version, model


def score_film(film_id: UUID) -> bool:
    """Score one film if it still waits for it; return whether a score was written. Safe to repeat."""
    film = _eligible().select_related("trial", "participant").filter(pk=film_id).first()
    if film is None or _keep_out(film):
        return False
    try:
        version, model = pinned_model(film.trial)
    except (Refused, ModelRefused) as error:
        logger.error(
            "no film of trial %s is scored: %s", film.trial, error
        )  # the films wait; none is at fault
        return False
    # Counted before the work: a film that kills its worker must not be tried for ever.
    if not _count_attempt(film):
        return False
    try:
        with film.file.open("rb") as file:
            result = model.score(read_pixels(file.read()))
    except (NotScored, ValueError, OSError) as error:
        return _note_failure(film, error)
    return _write_score(film, version, result)


def _keep_out(film: Radiograph) -> bool:
    """Set a film aside whose owner has withdrawn since it came; tell whether it was."""
    if film.participant is None or film.participant.state != State.WITHDRAWN:
        return False
    with audit.context(by=None, why="A film of somebody who withdrew is not scored"):
        Radiograph.objects.filter(pk=film.pk, state=FilmState.ELIGIBLE).update(
            state=FilmState.SET_ASIDE, reason=IntakeReason.WITHDRAWN
        )
    return True


def _count_attempt(film: Radiograph) -> bool:
    """Count one more attempt; return False when none is left, and the sweep will say that the film failed."""
    with audit.context(by=None, why="Scoring is tried"):
        left = Radiograph.objects.filter(pk=film.pk, state=FilmState.ELIGIBLE, attempts__lt=MAX_ATTEMPTS)
        return left.update(attempts=F("attempts") + 1) == 1


def _note_failure(film: Radiograph, error: Exception) -> bool:
    logger.error("film %s not scored: %s", film.pk, type(error).__name__)
    with audit.context(by=None, why="Scoring failed"):
        stuck = Radiograph.objects.select_for_update().get(pk=film.pk)
        if stuck.state == FilmState.ELIGIBLE and stuck.attempts >= MAX_ATTEMPTS:
            stuck.state, stuck.reason = FilmState.FAILED, type(error).__name__.lower()[:40]
            stuck.save(update_fields=["state", "reason"])
    return False


def _write_score(film: Radiograph, version: ModelVersion, result: ScoreResult) -> bool:
    protocol_version = film.trial.protocol_version
    threshold, mean = protocol_version.protocol.score.threshold, Decimal(str(result.mean))
    with audit.context(by=None, why="A film is scored"):
        locked = Radiograph.objects.select_for_update().get(pk=film.pk)
        if locked.state != FilmState.ELIGIBLE:  # another worker was first, or a person set it aside
            return False
        Score.objects.create(
            radiograph=locked,
            model_version=version,
            probabilities=list(result.probabilities),
            mean=mean,
            threshold=threshold,
            positive=is_positive(mean, threshold),
            occurred_at=clock.now(film.trial),
            protocol_version=protocol_version,
        )
        locked.state = FilmState.SCORED
        locked.save(update_fields=["state"])
    return True


def waiting() -> QuerySet[Radiograph]:
    """Return films that wait for a score and were never enqueued, or so long ago that they were lost."""
    lost = Q(enqueued_at__isnull=True) | Q(enqueued_at__lt=timezone.now() - LOST_AFTER)
    return _eligible().filter(lost).order_by("received_at")


def _eligible() -> QuerySet[Radiograph]:
    """Return the films to score; those of a locked trial stay as they are."""
    return Radiograph.objects.filter(state=FilmState.ELIGIBLE).exclude(trial__state__in=FINAL)


def claim_waiting(limit: int = 500) -> list[UUID]:
    """Mark waiting films as enqueued and return them; films that used up their attempts fail, with the reason.

    No more than `limit` are on their way at once: in a long line each film would be taken for lost every minute.
    """
    with audit.context(by=None, why="Waiting films are enqueued"):
        free = waiting().select_for_update(skip_locked=True, of=("self",))
        spent = list(free.filter(attempts__gte=MAX_ATTEMPTS)[:limit])
        for film in spent:
            film.state, film.reason = FilmState.FAILED, "worker_lost"
            film.save(update_fields=["state", "reason"])
        on_their_way = Radiograph.objects.filter(
            state=FilmState.ELIGIBLE, enqueued_at__gte=timezone.now() - LOST_AFTER
        ).count()
        room = max(0, limit - on_their_way)
        films = list(free.values_list("pk", flat=True)[:room])
        Radiograph.objects.filter(pk__in=films).update(enqueued_at=timezone.now())
    return films
