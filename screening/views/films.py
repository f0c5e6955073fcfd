"""Sending films by hand, and what became of every file that came in on a day."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from screening import arrivals
from screening.archives import ArchiveRefused, Entry, entries, is_archive
from screening.arrivals import LARGEST_BODY
from screening.dicom import LARGEST_FILE, file_sha256
from screening.forms import UploadForm
from screening.models import Radiograph, Receipt, Standstill
from screening.services import intake, scoring
from screening.services.devices import sites_to_send_for
from screening.steps import intake_sentence
from screening.vocabulary import FilmState, ReceiptOutcome
from trial.models import Membership, Site, Trial, TrialKind, User
from trial.pages import NOT_SAVED, SignedIn, page
from trial.partial_dates import PartialDateError, parse
from trial.roles import Permission
from trial.services.trials import Refused

SOURCE = "upload"
NOT_TAKEN = "not_taken"
TOO_LARGE = f"More than {LARGEST_BODY // 2**30} GB at once. Nothing was taken; send them in smaller parts."
WAITING = (FilmState.RECEIVED, FilmState.ELIGIBLE)


class Line(NamedTuple):
    """What was answered to one file. Its name is shown to the sender on this page and kept nowhere."""

    name: str
    outcome: str
    message: str


@csrf_exempt  # the token is checked below, when the files have been counted
@page(Permission.UPLOAD_FILMS)
def upload(request: SignedIn) -> HttpResponse:
    """Take radiographs and answer each."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
        return _upload_page(request, UploadForm(sites=sites_to_send_for(request.user)), error=TOO_LARGE)
    try:
        request.FILES  # noqa: B018  reads the request, which counts the files
    except TooManyFilesSent:
        return _upload_page(request, UploadForm(sites=sites_to_send_for(request.user)), error=_too_many())
    answer: HttpResponse = _upload(request)
    return answer


@csrf_protect
def _upload(request: SignedIn) -> HttpResponse:
    form = UploadForm(request.POST or None, sites=sites_to_send_for(request.user))
    if not form.is_bound:
        return _upload_page(request, form)
    files = request.FILES.getlist("films")
    if not form.is_valid() or not files:
        return _upload_page(request, form, error="" if files else "Choose the files to be sent.")
    lines = [line for file in files for line in _take(file, form.cleaned_data["site"], request.user)]
    return _upload_page(request, form, lines=lines)


def _take(file: UploadedFile, site: Site, user: User) -> Iterator[Line]:
    """Answer a film in one line, an archive in a line for each film in it."""
    name = file.name or ""
    if not is_archive(file):
        # One byte beyond the limit is enough to be refused; the rest of a huge file is never read.
        yield _answer(Entry(name, file.read(LARGEST_FILE + 1)), site, user)
        return
    archive = _sha256(file)
    try:
        packed = entries(file, most=settings.DATA_UPLOAD_MAX_NUMBER_FILES, whole=LARGEST_BODY)
        for number, entry in enumerate(packed):
            mark = file_sha256(f"{archive}/{number}".encode())
            yield _answer(entry._replace(name=f"{name}: {entry.name}"), site, user, mark)
    except ArchiveRefused as refused:
        yield _answer(Entry(name, problem=refused.reason), site, user, archive)


def _sha256(file: UploadedFile) -> str:
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def _answer(entry: Entry, site: Site, user: User, mark: str = "") -> Line:
    """Answer one file; `mark` is by what one that is refused unread is known."""
    try:
        if entry.problem:
            answer = intake.reject(entry.problem, mark=mark, site=site, source=SOURCE, by=user)
        else:
            answer = arrivals.take(entry.data, site=site, source=SOURCE, by=user)
    except Refused as refused:
        return Line(entry.name, NOT_TAKEN, str(refused))
    return Line(entry.name, answer.outcome, answer.message)


def _too_many() -> str:
    most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
    return f"More than {most} files at once. Nothing was taken; send them in smaller parts."


def _upload_page(
    request: SignedIn, form: UploadForm, *, error: str = "", lines: list[Line] | None = None
) -> HttpResponse:
    counts = Counter(line.outcome for line in lines or [])
    context = {
        "form": form,
        "error": error,
        "lines": lines,
        "counts": [(outcome, counts[outcome]) for outcome in (*ReceiptOutcome, NOT_TAKEN) if counts[outcome]],
        "most": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        "largest": LARGEST_FILE // 2**20,
        "largest_body": LARGEST_BODY,
        "may_see_intake": Membership.objects.granting(request.user, Permission.SEE_INTAKE).exists(),
    }
    refused = error or form.errors
    return render(request, "screening/upload.html", context, status=NOT_SAVED if refused else 200)


@dataclass(frozen=True)
class Intake:
    """The films of one trial that came in on one day, by the site's own calendar."""

    trial: Trial
    day: date
    zone: ZoneInfo

    @property
    def receipts(self) -> QuerySet[Receipt]:
        """Return what was answered to each file that day."""
        begin = datetime.combine(self.day, time(), self.zone)
        end = datetime.combine(self.day + timedelta(days=1), time(), self.zone)
        return self.trial.receipts.filter(received_at__gte=begin, received_at__lt=end).order_by()

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """Return how many files had each outcome; together they are all that came."""
        counts = dict(self.receipts.values_list("outcome").annotate(Count("pk")))
        return [(outcome.value, counts.get(outcome, 0)) for outcome in ReceiptOutcome]

    @property
    def total(self) -> int:
        """Return how many files came."""
        return sum(count for _, count in self.outcomes)

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """Return why files were not accepted: outcome, sentence, count."""
        rows = self.receipts.exclude(outcome=ReceiptOutcome.ACCEPTED).values_list("outcome", "reason")
        return [
            (o, intake_sentence(r), n) for o, r, n in rows.annotate(n=Count("pk")).order_by("outcome", "-n")
        ]

    @property
    def accepted(self) -> list[tuple[str, int]]:
        """Return what has become of the accepted films by now."""
        came = self.receipts.filter(outcome=ReceiptOutcome.ACCEPTED).values("radiograph")
        films = self.trial.radiographs.filter(pk__in=came).order_by()
        counts = dict(films.values_list("state").annotate(Count("pk")))
        waiting = sum(counts.pop(state, 0) for state in WAITING)
        return [("waiting", waiting), *((s, counts.get(s, 0)) for s in SETTLED_FILMS)]

    @property
    def waiting(self) -> int:
        """Return how many films wait for their score, whenever they came."""
        return Radiograph.objects.filter(trial=self.trial, state__in=WAITING).count()

    @property
    def standstill(self) -> Standstill | None:
        """Return why no score is made now; nothing when scoring goes on."""
        return scoring.standstill(self.trial)

    @property
    def last(self) -> datetime | None:
        """Return when the last file came, whatever the day."""
        return self.trial.receipts.order_by("-received_at").values_list("received_at", flat=True).first()


SETTLED_FILMS = tuple(s.value for s in (FilmState.SCORED, FilmState.FAILED, FilmState.SET_ASIDE))


@page(Permission.SEE_INTAKE)
def intake_of_day(request: SignedIn) -> HttpResponse:
    """Show, for each trial, what came in on a day and what became of it; never a score."""
    trials = Trial.objects.visible_to(request.user, Permission.SEE_INTAKE).order_by("code")
    trials = trials.exclude(kind=TrialKind.RECORDED)
    context = {
        "days": [intake_of(trial, request.GET.get("day", "")) for trial in trials],
        "may_decide": Membership.objects.granting(request.user, Permission.DECIDE_FILMS).exists(),
    }
    return render(request, "screening/intake.html", context)


def intake_of(trial: Trial, typed: str) -> Intake:
    """Return the films of a trial on the day that was typed, else today."""
    site = trial.sites.order_by("number").first()
    zone = ZoneInfo(site.time_zone if site else "UTC")
    try:
        day = parse(typed).exact
    except PartialDateError:
        day = None
    # Files arrive on the real calendar, also in a demonstration.
    return Intake(trial, day or timezone.now().astimezone(zone).date(), zone)
