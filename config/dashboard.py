"""How each trial stands, in numbers that a role may see: pooled over the arms, each a link to its list."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, Model, Q
from django.urls import reverse
from django.utils.safestring import mark_safe

from analysis.accrual import Accrual, accrual, plan_of
from analysis.figures import accrual_chart
from screening.models import DxaExam, Radiograph, Receipt, Referral, RiskAssessment, Standstill
from screening.risk import RiskClass
from screening.services import held_films, scoring
from screening.steps import EXAM_STEPS, FILE_STEPS, FILM_STEPS, OFFER_STEPS, intake_sentence
from trial import clock
from trial.blinding import deviations_for
from trial.models import (
    Allocation,
    CodeBreak,
    DataQuery,
    Membership,
    Participant,
    ProtocolDeviation,
    ProtocolVersion,
    Trial,
    User,
)
from trial.roles import Permission
from trial.services.delegation import ENTRY_STEPS
from trial.services.queries import QUERY_STEPS
from trial.states import ProtocolState
from trial.steps import PARTICIPANT_STEPS, Steps, condition

P = Permission
BAR = 100  # width of the longest bar; the drawing is scaled to its place


class Number(NamedTuple):
    """A count with the list behind it; no list where the count is shown but not who is in it."""

    label: str
    number: int
    url: str
    note: str = ""
    bar: float = 0


class Board(NamedTuple):
    """One trial as its user sees it."""

    trial: Trial
    version: ProtocolVersion | None
    films: list[Number]
    people: list[Number]
    tasks: list[Number]
    accrual: Accrual | None  # against what the protocol in force planned
    set_aside: list[Number]
    last_film: datetime | None
    standstill: Standstill | None  # why no score is made now

    @property
    def accrual_drawing(self) -> str:
        """Return accrual against plan as a drawing of ours."""
        return mark_safe(_drawing(self.accrual)) if self.accrual else ""  # noqa: S308


@lru_cache(maxsize=16)
def _drawing(found: Accrual) -> str:
    return accrual_chart(found).decode()


class Step(NamedTuple):
    """A number of the flow: its rows, who may see it, and how its list is filtered."""

    label: str
    model: type[Model]
    permission: Permission
    steps: Steps = {}
    step: str = ""
    note: str = ""


FILMS = (
    *(Step(FILM_STEPS[step][0], Radiograph, P.SEE_INTAKE, FILM_STEPS, step) for step in FILM_STEPS),
    Step("rejected", Receipt, P.SEE_INTAKE, FILE_STEPS, "rejected"),
)
PEOPLE = (
    Step("registered", Participant, P.SEE_PARTICIPANTS),
    Step("eligible", Participant, P.SEE_PARTICIPANTS, PARTICIPANT_STEPS, "eligible"),
    Step("at high risk", RiskAssessment, P.SEE_PARTICIPANTS, note="both arms together"),
    Step(
        "randomized", Participant, P.SEE_PARTICIPANTS, PARTICIPANT_STEPS, "randomized", "both arms together"
    ),
    Step("called", Referral, P.SEE_WORKLIST, OFFER_STEPS, "called"),
    Step("came for the DXA", Referral, P.SEE_WORKLIST, OFFER_STEPS, "came"),
    Step("result recorded", Referral, P.SEE_WORKLIST, OFFER_STEPS, "result"),
    Step(
        *("DXA exams by any route", DxaExam, P.SEE_OUTCOMES, EXAM_STEPS, "randomized"),
        "of people randomized, both arms together",
    ),
)


TASKS = (
    Step(
        *("entries of the delegation log wait for your signature", Membership, P.SIGN_DELEGATION),
        *(ENTRY_STEPS, "waiting"),
    ),
    Step("films wait for a score", Radiograph, P.SEE_INTAKE, FILM_STEPS, "waiting"),
    Step("films could not be scored", Radiograph, P.SEE_INTAKE, FILM_STEPS, "failed"),
    Step("files were rejected", Receipt, P.SEE_INTAKE, FILE_STEPS, "rejected"),
    Step(
        "deaths were told on the telephone: record the dates",
        Referral,
        P.SEE_WORKLIST,
        OFFER_STEPS,
        "told_died",
    ),
    Step("offers end within 14 days without a scan", Referral, P.SEE_WORKLIST, OFFER_STEPS, "ending"),
    Step("data queries wait for an answer", DataQuery, P.ANSWER_QUERY, QUERY_STEPS, "unanswered"),
    Step("data queries are answered: close them", DataQuery, P.ASK_QUERY, QUERY_STEPS, "answered"),
    Step("codes were broken", CodeBreak, P.SEE_ALLOCATION),
    Step("protocol deviations are on record", ProtocolDeviation, P.SEE_PARTICIPANTS),
)


def boards(user: User) -> list[Board]:
    """Return a board for each trial the user works in, test trials last."""
    trials = sorted(Trial.objects.visible_to(user), key=lambda trial: (trial.is_test, trial.code))
    return [_board(user, trial) for trial in trials]


def _board(user: User, trial: Trial) -> Board:
    here = Q(trial=trial) | Q(trial__isnull=True)
    held = {p for p in Permission if Membership.objects.granting(user, p).filter(here).exists()}
    version = trial.versions.filter(state=ProtocolState.ACTIVE).first()
    last = Radiograph.objects.visible_to(user).filter(trial=trial).order_by("-received_at").first()
    return Board(
        trial=trial,
        version=version,
        films=_with_total(_numbers(user, trial, FILMS, held)),
        accrual=_accrual(user, version) if version else None,
        set_aside=_reasons(user, trial),
        last_film=last.received_at if last else None,
        standstill=scoring.standstill(trial) if P.SEE_INTAKE in held else None,
        people=_numbers(user, trial, PEOPLE, held),
        tasks=[*_held_films(user, trial, held), *_numbers(user, trial, TASKS, held)],
    )


def _accrual(user: User, version: ProtocolVersion) -> Accrual | None:
    """Compare the trial's accrual with its plan; who sees one site alone sees no part of a whole."""
    trial = version.trial
    whole = Membership.objects.granting(user, P.SEE_PARTICIPANTS).filter(trial=trial, site__isnull=True)
    if not version.protocol.accrual or not whole.exists():
        return None
    days = Allocation.objects.filter(participant__trial=trial).values_list("randomized_on", flat=True)
    return accrual(days, plan_of(version.protocol), clock.now(trial).date())


def _numbers(user: User, trial: Trial, flow: tuple[Step, ...], held: set[Permission]) -> list[Number]:
    return _drawn([_number(user, trial, step, held) for step in flow if step.permission in held])


def _with_total(films: list[Number]) -> list[Number]:
    """Put above the films what came in: each file is in one of the numbers."""
    received = Number("files received", sum(n.number for n in films), "", "each once; those below, together")
    return _drawn([received, *films]) if films else []


def _drawn(numbers: list[Number]) -> list[Number]:
    """Give each number the length of its bar; the largest has the longest."""
    longest = max((n.number for n in numbers), default=0) or 1
    return [n._replace(bar=round(BAR * n.number / longest, 1)) for n in numbers]


def _number(user: User, trial: Trial, step: Step, held: set[Permission]) -> Number:
    model: Any = step.model
    if model is RiskAssessment:
        return _high_risk(user, trial, step, held)
    seen = deviations_for(user) if model is ProtocolDeviation else model.objects.visible_to(user)
    rows = seen.filter(**{model.TRIAL_PATH: trial})
    if step.step:
        rows = rows.filter(condition(step.steps, step.step))
    asked = {"step": step.step} if step.step else {}
    return Number(step.label, rows.count(), _list_of(model, trial, asked), step.note)


def _high_risk(user: User, trial: Trial, step: Step, held: set[Permission]) -> Number:
    """Count people at high risk whatever their arm; who they are is for roles that see everybody's score."""
    people = Participant.objects.visible_to(user).filter(trial=trial, risk__risk_class=RiskClass.HIGH)
    url = _list_of(RiskAssessment, trial, {"risk_class__exact": RiskClass.HIGH.value})
    return Number(step.label, people.count(), url if P.SEE_CONTROL_SCORE in held else "", step.note)


def _held_films(user: User, trial: Trial, held: set[Permission]) -> list[Number]:
    """Count the films that wait for this user's look; their list is a page of its own."""
    if P.DECIDE_FILMS not in held:
        return []
    films = held_films.to_decide(user).filter(trial=trial)
    return [Number("films wait for a look", held_films.waiting(films).count(), reverse("held-films"))]


def _reasons(user: User, trial: Trial) -> list[Number]:
    """Return why films were set aside, the most frequent reason first."""
    films = Radiograph.objects.visible_to(user).filter(condition(FILM_STEPS, "set_aside"), trial=trial)
    counted = films.order_by().values_list("reason").annotate(n=Count("pk")).order_by("-n", "reason")
    return _drawn(
        [Number(intake_sentence(code), n, _list_of(Radiograph, trial, _aside(code))) for code, n in counted]
    )


def _aside(reason: str) -> dict[str, str]:
    return {"step": "set_aside", "reason": reason}


def _list_of(model: Any, trial: Trial, asked: Mapping[str, str]) -> str:
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{page}?{urlencode({f'{model.TRIAL_PATH}__id__exact': str(trial.pk), **asked})}"
