"""Every address of the installation, asked by everybody.

An address without an object to be asked about, or a new kind of placeholder, stops the walk: extend it here.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from http.cookies import SimpleCookie
from itertools import product
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admindocs.views import simplify_regex
from django.core import mail
from django.db import connection, transaction
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.client import ClientHandler
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from analysis.downloads import DATASETS, DOWNLOADS
from analysis.models import AnalysisPlan, Freeze, InterimLook
from screening.models import Appointment, Device, DxaExam, ModelVersion, Radiograph, Referral
from screening.views.calls import ENDINGS, SETTLING
from screening.views.outcomes import KINDS
from tests.documents import file_words
from tests.stage import ALTERED, NUMBER, Stage, make_stage, other_arms, other_scores
from trial.keys import key_path
from trial.models import Membership, Participant, Trial, User
from trial.roles import MATRIX, Hidden, Permission, Role, shown_to

ANONYMOUS, NO_ROLE = "anonymous", "no role"
EVERYBODY = (ANONYMOUS, NO_ROLE, *(role.value for role in Role))
# Who must not be able to tell the two arms apart from anything they are sent.
BLIND = (
    ANONYMOUS,
    NO_ROLE,
    *(r.value for r in Role if not shown_to(r, Hidden.ARM) and not shown_to(r, Hidden.RESULTS_BY_ARM)),
)
# Who must not learn anything of a score outside the screening arm.
WITHOUT_CONTROL_SCORE = (
    ANONYMOUS,
    NO_ROLE,
    *(r.value for r in Role if Permission.SEE_CONTROL_SCORE not in MATRIX[r]),
)
# The baseline table sums up each arm's films for whoever compares the arms; that is no person's score.
SUMMED_UP = {
    (Role.MONITORING_COMMITTEE.value, f"/reports/<uuid:pk>/{page}")
    for page in ("", "files/baseline.csv", "files/report.pdf", "files/report.docx", "files/report.xlsx")
}
# These pages of the admin answer POST as they answer GET, or not at all.
READ_ONLY = re.compile(r"/admin/((trial|screening|analysis)/(\w+/)?(<path:object_id>/(history/)?)?)?$")
SIGN_IN = ("/accounts/login/?next=", "/admin/login/?next=")


class Address(NamedTuple):
    """A route with its words filled in, as the table names it, and the same with a real object."""

    route: str
    url: str


# Whose objects stand behind a placeholder, by the start of the route; the admin's routes name their model.
OBJECTS: Mapping[str, type[Model]] = {
    "/calls/": Referral,
    "/appointments/": Appointment,
    "/people/": Participant,
    "/dxa/": DxaExam,
    **{f"/outcomes/{kind}/": model for kind, model in KINDS.items()},
    "/films/devices/": Device,
    "/reports/plans/": AnalysisPlan,
    "/reports/looks/": InterimLook,
    "/reports/": Freeze,
    "/api/v1/participants/": Participant,
    "/api/v1/radiographs/": Radiograph,
    "/api/v1/referrals/": Referral,
    "/api/v1/dxa-exams/": DxaExam,
    "/api/v1/reports/": Freeze,
}
# Words that choose among pages, by the placeholder and the start of the route.
WORDS: Mapping[tuple[str, str], list[str]] = {
    ("<str:event>", "/calls/"): [event.value for event in SETTLING],
    ("<str:event>", "/appointments/"): [event.value for event in ENDINGS],
    ("<str:kind>", "/outcomes/"): list(KINDS),
    ("<str:name>", "/reports/"): [*DOWNLOADS, *DATASETS],
    ("<str:study>", "/dicom-web/"): ["1.2.3"],
    ("<app_label>", "/admin/"): ["trial", "screening", "analysis"],
    ("<url>", "/admin/"): ["nowhere"],
}
READING = re.compile(r"SELECT (?!set_config)")
NO_ACT = SimpleNamespace(name="nothing", alone=True)
KEYS = ("<uuid:pk>", "<uuid:other>", "<path:object_id>", "<pk>", "<study_number>", "<id>")


def routes() -> list[str]:
    """Return every route of the installation, with words filled in and placeholders for objects."""
    found = [simplify_regex(pattern) for pattern in _patterns(get_resolver())]
    return sorted({filled for route in found for filled in _fill(route)})


def _patterns(resolver: URLResolver, start: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield start + str(entry.pattern)
        else:
            yield from _patterns(entry, start + str(entry.pattern))


def _fill(route: str) -> list[str]:
    if "<slug:name>" in route:  # an act of the admin
        acts = admin.site.get_model_admin(_admin_model(route)).acts or [NO_ACT]
        return [route.replace("<slug:name>", act.name) for act in acts]
    for (placeholder, start), words in WORDS.items():
        if placeholder in route and route.startswith(start):
            return [route.replace(placeholder, word) for word in words]
    return [route]


def _admin_model(route: str) -> type[Model]:
    app, model = route.split("/")[2:4]
    return apps.get_model(app, model)


def address(route: str, stage: Stage, person: Participant) -> Address:
    """Put a real object, of this person where it is anybody's, in the place of the route's placeholder."""
    url = route
    if "/act/" in route and not _act(route).alone:
        url = f"{route}?row={_object(_admin_model(route), stage, person).pk}"
    for placeholder in re.findall("<[^>]+>", route):
        assert placeholder in KEYS, f"{route}: say in tests/walk.py what stands for {placeholder}"
        key = stage.held if route.startswith("/films/held/") else None
        key = key or _key(_object(_model(route), stage, person), placeholder)
        url = url.replace(placeholder, str(key))
    return Address(route, url)


def _act(route: str) -> Any:
    acts = admin.site.get_model_admin(_admin_model(route)).acts
    return next((act for act in acts if act.name == route.split("/")[5]), NO_ACT)


def _model(route: str) -> type[Model]:
    if re.match(r"/admin/\w+/\w+/<", route):
        return _admin_model(route)
    return next(model for start, model in OBJECTS.items() if route.startswith(start))


def _key(row: Any, placeholder: str) -> Any:
    if placeholder == "<study_number>":
        return row.participant.study_number if isinstance(row, Referral) else row.study_number
    return row.pk


def _object(model: Any, stage: Stage, person: Participant) -> Model:
    """Return a row of the model: the person's own where rows belong to people, else the trial's."""
    if model is ModelVersion:
        return stage.world.model
    if model is Trial:
        return stage.world.trial
    if model is User:
        return stage.world.caller
    if model is Device:
        return Device.objects.get(site=stage.world.site)
    if model is Membership:
        return stage.world.caller.memberships.get()
    if model.__name__ == "Receipt" or not model.SITE_PATH or model.SITE_PATH == "pk":
        row = model.objects.filter(**{model.TRIAL_PATH: stage.world.trial}).first()
    else:
        owner = model.SITE_PATH.removesuffix("site").removesuffix("__") or "pk"
        row = model.objects.filter(**{owner: person.pk}).first()
    assert row is not None, f"the stage has no {model.__name__} of {person}: extend tests/walk.py"
    return row


# Questions beyond the plain addresses: searches, filters and orders that might answer by the arm or the score.
QUESTIONS = (
    "/nowhere/",
    "/admin/?unknown=1",
    "/admin/trial/participant/?q={number}",
    "/admin/trial/participant/?o=1.2.3.4.5",
    "/admin/trial/participant/?allocation__arm=control",
    "/admin/trial/participant/?allocation__arm__exact=control",
    "/admin/trial/participant/?risk__risk_class=high",
    "/admin/trial/participant/?state__exact=randomized",
    "/admin/trial/consent/?participant__study_number={number}",
    "/admin/screening/radiograph/?q={number}",
    "/admin/screening/score/?mean__gt=0.5",
    "/admin/screening/dxaexam/?appointment__isnull=False",
    "/people/?q={number}",
    "/calls/?q={number}",
    "/api/v1/participants/?arm=control",
    "/api/v1/participants/?ordering=allocation__arm",
    "/api/v1/participants/?state=randomized",
    "/api/v1/dxa-exams/?appointment__isnull=true",
    "/api/v1/dxa-exams/?study_number={number}",
)
# What has to be sent for a page to do anything at all.
FORMS = {"/admin/trial/participant/find/": {"issuer": "TEST", "number": f"{NUMBER}0"}}

Bodies = dict[tuple[str, str], str]


class Browser(RequestFactory):
    """Sends requests through all middleware, as the test client does, and keeps nothing of the answers."""

    handler = ClientHandler(enforce_csrf_checks=False)

    def request(self, **request: Any) -> Any:
        """Send a request, answer it."""
        return self.handler(self._base_environ(**request))


@dataclass
class Ask:
    """Asks an address, each from the same sign-in; whatever an answer changed is undone."""

    sessions: dict[str, str]
    key: str  # of the trial, to be found in an answer
    browser: Browser = field(default_factory=Browser)
    # (who, route) of the answers for which a table was read that another world changes.
    touching: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, who: str, method: str, place: Address) -> HttpResponse:
        """Return what somebody is answered."""
        self.browser.cookies = SimpleCookie({settings.SESSION_COOKIE_NAME: self.sessions[who]})
        form = urlencode(FORMS.get(place.route, {})) if method == "POST" else ""
        with undone() as statements:
            response = self.browser.generic(method, place.url, form, "application/x-www-form-urlencoded")
        if any(f'"{table}"' in statement for statement in statements for table in ALTERED):
            self.touching.add((who, place.route))
        return response


def asking(stage: Stage) -> Ask:
    """Return ask(who, method, address) for the cast of a stage."""
    users = {NO_ROLE: stage.world.stranger} | {role.value: user for role, user in stage.world.cast.items()}
    sessions = {who: _session(user) for who, user in users.items()}
    return Ask({ANONYMOUS: "", **sessions}, key_path(stage.world.trial.code).read_text().strip())


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def undone() -> Iterator[list[str]]:
    """Undo what is written inside, and give the statements; who only reads, as most do, costs no savepoint."""
    statements: list[str] = []
    marks: list[str] = []

    def note(execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
        statements.append(str(sql))
        if not marks and not READING.match(str(sql)):
            marks.append("")  # for making the savepoint comes by here too
            marks[0] = transaction.savepoint()
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield statements
    if marks:
        transaction.savepoint_rollback(marks[0])
        transaction.set_rollback(False)


def answer_of(response: HttpResponse) -> str:
    """Return an answer as the table writes it: its status, or that one is sent to sign in."""
    if response.status_code in (301, 302):
        # With a page to come back to: a sign-out leads to the same place, without.
        return "login" if response["Location"].startswith(SIGN_IN) else "302"
    return str(response.status_code)


def body_of(response: HttpResponse, key: str) -> str:
    """Return everything that was sent but what changes from one request to the next, which a key does not."""
    headers = {name: value for name, value in response.headers.items() if name != "Expires"}
    told = file_words(response.content) or response.content.decode(errors="replace")
    sent = f"{response.status_code} {headers} {told}"
    changing = re.compile(r"[A-Za-z0-9]{64}|[0-9a-f]{12}…")
    return changing.sub(lambda found: key if found[0] == key else "TOKEN", sent)


@dataclass
class Walked:
    """What everybody was answered everywhere, and what was logged meanwhile."""

    answers: dict[tuple[str, str], dict[str, str]]  # (method, route) -> who -> answer
    bodies: Bodies  # (who, route) -> what GET sent
    bodies_in_other_arms: Bodies
    bodies_with_other_scores: Bodies
    log: list[str]
    mails: list[str]
    key: str  # of the trial, which is nobody's to see
    stage: Stage


def walk() -> Walked:
    """Ask everything of everybody, and the same again as if arms and scores were other ones.

    Only what was answered from a table that another world changes is asked again: the rest can't differ.
    """
    stage = make_stage()
    ask = asking(stage)
    places = [address(route, stage, stage.screening) for route in routes()]
    key_path(stage.world.trial.code).unlink()  # so that no page can know a draw to come
    mail.outbox = []
    with logged() as log, still():
        answers, bodies = _ask_all(ask, places)
        bodies |= read(ask, product(EVERYBODY, questions(stage)))
        again = [
            (who, place)
            for who, place in product(EVERYBODY, [*places, *questions(stage)])
            if (who, place.route) in ask.touching
        ]
        with other_arms(stage):
            in_other_arms = read(ask, [(who, place) for who, place in again if who in BLIND])
        with other_scores(stage):
            scored = [(who, place) for who, place in again if who in WITHOUT_CONTROL_SCORE]
            with_other_scores = read(
                ask, [pair for pair in scored if (pair[0], pair[1].route) not in SUMMED_UP]
            )
    return Walked(answers, bodies, in_other_arms, with_other_scores, log, mails(), ask.key, stage)


def mails() -> list[str]:
    """Return what was sent by e-mail, heads and all."""
    return [message.message().as_string() for message in mail.outbox]


def _ask_all(ask: Ask, places: Collection[Address]) -> tuple[dict, Bodies]:
    answers: dict[tuple[str, str], dict[str, str]] = {}
    bodies: Bodies = {}
    for place in places:
        for method in ("GET",) if READ_ONLY.match(place.route) else ("GET", "POST"):
            got = {who: ask(who, method, place) for who in EVERYBODY}
            answers[method, place.route] = {who: answer_of(response) for who, response in got.items()}
            if method == "GET":
                bodies |= {(who, place.route): body_of(response, ask.key) for who, response in got.items()}
    return answers, bodies


def read(ask: Ask, asked: Iterable[tuple[str, Address]]) -> Bodies:
    """Return what each is sent from each address."""
    return {(who, place.route): body_of(ask(who, "GET", place), ask.key) for who, place in asked}


def questions(stage: Stage) -> list[Address]:
    """Return the questions, asked about the participant of the screening arm."""
    number = stage.screening.study_number
    return [Address(question, question.format(number=number)) for question in QUESTIONS]


@contextmanager
def still() -> Iterator[None]:
    """Stop the clock that pages read, so that they differ by what they tell and not by when."""
    moment = timezone.now()

    class Still(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return moment.astimezone(tz)

    with ExitStack() as stack:
        stack.enter_context(patch("django.utils.timezone.now", lambda: moment))
        for module in ("django.contrib.humanize.templatetags.humanize", "django.template.defaulttags"):
            stack.enter_context(patch(f"{module}.datetime", Still))
        yield


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect everything that is logged, with the words of exceptions, in place of the usual handlers."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(
                f"{record.name}: {record.getMessage()} {record.exc_info[1] if record.exc_info else ''}"
            )

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = [Collector()]
    root.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.handlers = handlers
        root.setLevel(level)
