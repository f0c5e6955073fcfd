"""Randomization by itself, where the protocol says so: whoever is ready is drawn, one after the other."""

import logging
from collections.abc import Iterable

from django.db.models import Count, F, Q, QuerySet

from screening.risk import RiskClass
from screening.services import cohort
from screening.vocabulary import FilmState
from trial.allocation_log import OnHold
from trial.keys import KeyUnusable
from trial.models import Participant, Trial
from trial.protocol_parts import ScoreKind, Timing
from trial.randomization import ListExhausted
from trial.services.registrations import Merges, merges_in
from trial.services.trials import NotNow, Refused
from trial.states import State, TransitionRefused, TrialState
from trial.streams import RuleError

logger = logging.getLogger(__name__)
WAITING = Q(radiographs__state__in=[FilmState.RECEIVED, FilmState.ELIGIBLE])
UP_FOR_IT = Q(state__in=[State.REGISTERED, State.ELIGIBLE], allocation=None)


def randomize_ready() -> int:
    """Randomize whoever is ready in the trials that randomize by themselves; return how many that were."""
    running = Trial.objects.filter(state=TrialState.ACTIVE)
    return sum(_randomize_in(t) for t in running if t.protocol.allocation.when is Timing.AUTOMATIC)


def _randomize_in(trial: Trial) -> int:
    merges = merges_in(trial)
    waiting = Participant.objects.filter(WAITING, pk__in=list(merges.survivors)).values_list("pk", flat=True)
    not_yet = [*merges.survivors, *(merges.survivors[pk].pk for pk in waiting)]
    here = Participant.objects.filter(UP_FOR_IT, trial=trial).exclude(WAITING).exclude(pk__in=not_yet)
    cohort.sum_up_films(trial, people=list(_to_be_judged(trial, here, merges)), by=None, merges=merges)
    high = here.filter(risk__risk_class=RiskClass.HIGH).order_by("registered_at", "study_number")
    for person in high.filter(state=State.REGISTERED):
        cohort.assess(person, by=None)
    return _draw(trial, high.filter(state=State.ELIGIBLE))


def _to_be_judged(trial: Trial, here: QuerySet[Participant], merges: Merges) -> Iterable[Participant]:
    """Return those whose films are others than when they were judged; or whose facts, or merged films, may be."""
    if trial.protocol.score.kind is ScoreKind.COVARIATES:
        return here.exclude(risk__risk_class=RiskClass.HIGH)
    scored = Count("radiographs", filter=Q(radiographs__state=FilmState.SCORED))
    merged = here.filter(pk__in=list(merges.merged))
    alone = here.exclude(pk__in=list(merges.merged)).annotate(scored=scored)
    return [*merged, *alone.exclude(scored=0).exclude(risk__films_counted=F("scored"))]


def _draw(trial: Trial, people: Iterable[Participant]) -> int:
    """Draw for people in order; who may not be randomized yet waits, and a list that can't be drawn from ends it."""
    drawn = 0
    for person in people:
        try:
            cohort.randomize(person, by=None)
            drawn += 1
        except (NotNow, ListExhausted, KeyUnusable, OnHold, RuleError) as stop:
            logger.error("trial %s randomizes nobody by itself now: %s", trial.code, stop)
            break
        except (Refused, TransitionRefused):
            continue
    return drawn
