"""Scoring films exactly once, whatever happens to workers and brokers; and summing up a person's films."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from screening.index_test import Answer, Image, IndexTest, Study
from screening.inference import NotScored
from screening.loading import load_test
from screening.manifests import ModelRefused
from screening.models import ModelVersion, Radiograph, Score, Standstill
from screening.risk import is_positive
from screening.sandbox import read_pixels
from screening.services import registry
from screening.vocabulary import FilmState, IntakeReason
from trial import audit, clock
from trial.models import Participant, Trial
from trial.services.registrations import of_one_person
from trial.services.trials import Refused
from trial.states import FINAL, State

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# A film not scored this long after it was enqueued was lost with its worker or its broker.
LOST_AFTER = timedelta(seconds=60)


def pinned_model(trial: Trial) -> tuple[ModelVersion, IndexTest]:
    """Return the test the protocol names, loaded; raise Refused when checksum, manifest or self-test don't agree."""
    named = trial.protocol.score
    version = ModelVersion.objects.filter(name=named.name, version=named.version).first()
    if version is None or version.sha256 != named.weights_sha256:
        raise Refused(_other_weights(trial))
    test = load_test(registry.path_of(version))
    here = asdict(test.manifest)
    # One registered by an earlier release has fewer entries; those it has must be the same.
    if any(here.get(entry) != value for entry, value in version.manifest.items()):
        raise Refused(_other_weights(trial))
    if (found := test.manifest.kind) != named.kind:
        raise Refused(f"Trial {trial.code} asks for a test of {named.kind}, and {version} is one of {found}.")
    return version, test


def _other_weights(trial: Trial) -> str:
    named = trial.protocol.score
    return (
        f"Trial {trial.code} is fixed to model {named.name} {named.version}, and the weights here are not those. "
        "No film was scored. Restore the weights the protocol names."
    )


def score_film(film_id: UUID) -> bool:
    """Score one film if it still waits for it; return whether a score was written. Safe to repeat."""
    film = _eligible().select_related("trial", "participant").filter(pk=film_id).first()
    if film is None or _keep_out(film):
        return False
    try:
        version, test = pinned_model(film.trial)
    except (Refused, ModelRefused) as error:
        stand_still(film.trial, error)  # the films wait; none is at fault
        return False
    go_on(film.trial)
    # Counted before the work: a film that kills its worker must not be tried for ever.
    if not _count_attempt(film):
        return False
    try:
        with film.file.open("rb") as file:
            answer = test.run(Study((Image(read_pixels(file.read())),)))
        if answer.probability is None:
            raise NotScored(" ".join(answer.reasons))
    except (NotScored, ValueError, OSError) as error:
        return _note_failure(film, error)
    return _write_score(film, version, answer.probability, answer)


def stand_still(trial: Trial, error: Exception) -> None:
    """Record that no score is made in a trial and why, and say so as loudly as a log can, once."""
    with audit.context(by=None, why="Scoring stands still"):
        _, new = Standstill.objects.get_or_create(
            trial=trial, ended_at=None, defaults={"reason": str(error)[:600]}
        )
    if new:
        logger.critical("no film of trial %s is scored: %s", trial, error)


def go_on(trial: Trial) -> None:
    """End a standstill, if there is one."""
    open_now = Standstill.objects.filter(trial=trial, ended_at=None)
    if open_now.exists():
        with audit.context(by=None, why="Scoring goes on"):
            open_now.update(ended_at=timezone.now())


def standstill(trial: Trial) -> Standstill | None:
    """Return why a trial's scoring stands still now; nothing when it doesn't."""
    return trial.standstills.filter(ended_at=None).first()


def _keep_out(film: Radiograph) -> bool:
    """Set a film aside whose owner has withdrawn since it came; tell whether it was."""
    registrations = of_one_person(film.participant) if film.participant else []
    if all(one.state != State.WITHDRAWN for one in registrations):
        return False
    with audit.context(by=None, why="A film of somebody who withdrew is not scored"):
        Radiograph.objects.filter(pk=film.pk, state=FilmState.ELIGIBLE).update(
            state=FilmState.SET_ASIDE, reason=IntakeReason.WITHDRAWN
        )
    return True


def keep_out(people: Sequence[Participant]) -> None:
    """Set aside the films of people who withdrew that still wait for a score."""
    waiting = Radiograph.objects.filter(state__in=[FilmState.RECEIVED, FilmState.ELIGIBLE])
    waiting.filter(participant__in=people).update(state=FilmState.SET_ASIDE, reason=IntakeReason.WITHDRAWN)


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


def _write_score(film: Radiograph, version: ModelVersion, mean: Decimal, answer: Answer) -> bool:
    protocol_version = film.trial.protocol_version
    threshold = protocol_version.protocol.score.threshold
    with audit.context(by=None, why="A film is scored"):
        locked = Radiograph.objects.select_for_update().get(pk=film.pk)
        if locked.state != FilmState.ELIGIBLE:  # another worker was first, or a person set it aside
            return False
        Score.objects.create(
            radiograph=locked,
            model_version=version,
            probabilities=[float(measured.value) for measured in answer.measurements],
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
