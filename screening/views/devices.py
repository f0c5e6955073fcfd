"""Who sends films: what came from each device and by each other way, who is silent, who was turned away."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Count, Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from screening import silence
from screening.forms import DeviceEndForm, DeviceForm
from screening.models import Device, RefusedCaller
from screening.services import devices as service
from screening.steps import intake_sentence
from screening.views.films import WAITING, Intake, intake_of
from screening.vocabulary import ReceiptOutcome
from trial.models import Membership, Site, Trial, TrialKind, User
from trial.pages import NOT_SAVED, SignedIn, page, refusals
from trial.roles import Permission
from trial.services.calendars import calendar_of

WAYS = {
    "dicom": "DICOM",
    "stow": "STOW-RS",
    "api": "API",
    "upload": "page “Send films”",
    "folder": "files (import_dicom)",
    "watch": "folder (watch_folder)",
}
MACHINES = ("dicom", "stow")  # whose silence is noticed: people send when they have something


class Key(NamedTuple):
    """What tells one sender from another; machines that send by STOW-RS by their account."""

    source: str
    device: UUID | None
    account: str | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Key":
        """Read it from a row of receipts."""
        stow = row["source"] == "stow"
        return cls(row["source"], row["device"], row["received_from__username"] if stow else None)

    @property
    def filter(self) -> dict[str, Any]:
        """Return what finds the sender's receipts."""
        account = {"received_from__username": self.account} if self.account else {}
        return {"source": self.source, "device": self.device} | account


@dataclass
class Sender:
    """What came from one sender on one day."""

    key: Key
    device: Device | None = None
    counts: dict[str, int] = field(default_factory=dict)
    reasons: list[tuple[str, str, int]] = field(default_factory=list)
    last: datetime | None = None
    silent: bool = False

    @property
    def name(self) -> str:
        """Return how people know it."""
        way = WAYS.get(self.key.source, self.key.source)
        return self.device.name if self.device else f"{way}, {self.key.account}" if self.key.account else way

    @property
    def total(self) -> int:
        """Return how many files came."""
        return sum(self.counts.values())

    def add(self, row: dict[str, Any]) -> None:
        """Count some of what came."""
        became, count = _became(row["outcome"], row["radiograph__state"]), row["n"]
        self.counts[became] = self.counts.get(became, 0) + count
        if row["outcome"] in (ReceiptOutcome.SET_ASIDE, ReceiptOutcome.REJECTED):
            self.reasons.append((row["outcome"], intake_sentence(row["reason"]), count))


def _became(outcome: str, state: str | None) -> str:
    """Return what has become of a file by now: its answer, and of an accepted one the film's state."""
    if outcome != ReceiptOutcome.ACCEPTED:
        return outcome
    return "waiting" if state in WAITING else state or outcome


@dataclass(frozen=True)
class Day:
    """The senders of one trial on one day."""

    intake: Intake
    senders: list[Sender]


@page(Permission.SEE_INTAKE)
def devices(request: SignedIn) -> HttpResponse:
    """Show what each sender sent on a day; to who keeps the devices, also who was turned away."""
    trials = Trial.objects.visible_to(request.user, Permission.SEE_INTAKE).order_by("code")
    asked = request.GET.get("day", "")
    days = [_day(trial, asked, request.user) for trial in trials.exclude(kind=TrialKind.RECORDED)]
    keeps = Membership.objects.granting(request.user, Permission.KEEP_DEVICES).exists()
    context = {
        "days": days,
        "keeps": keeps,
        "callers": RefusedCaller.objects.all() if keeps else [],
    }
    return render(request, "screening/devices.html", context)


def _day(trial: Trial, asked: str, user: User) -> Day:
    intake = intake_of(trial, asked)
    # A device is there on days without a film too: that is when somebody wants to see it.
    known = Device.objects.visible_to(user).filter(site__trial=trial).select_related("site__trial")
    senders = {Key("dicom", d.pk, None): Sender(Key("dicom", d.pk, None), d) for d in known if not d.ended_at}
    of_site = {device.pk: device for device in known}
    by = ("source", "device", "received_from__username")
    for row in trial.receipts.order_by().values(*by).annotate(last=Max("received_at")):
        sender = senders.setdefault(Key.of(row), Sender(Key.of(row), of_site.get(row["device"])))
        sender.last = max(filter(None, (sender.last, row["last"])))
    rows = intake.receipts.values(*by, "outcome", "reason", "radiograph__state")
    for row in rows.annotate(n=Count("pk")).order_by("outcome", "-n"):
        senders[Key.of(row)].add(row)
    shown = [s for s in senders.values() if s.total or (s.key.source in MACHINES and _active(s))]
    for sender in shown:
        sender.silent = _active(sender) and sender.key.source in MACHINES and _silent(sender, trial)
    return Day(intake, sorted(shown, key=lambda sender: (sender.device is None, sender.name)))


def _active(sender: Sender) -> bool:
    return sender.device is None or sender.device.ended_at is None


def _silent(sender: Sender, trial: Trial) -> bool:
    site = sender.device.site if sender.device else trial.sites.order_by("number").first()
    now = timezone.now()
    recent = trial.receipts.filter(**sender.key.filter, received_at__gte=now - silence.LOOKS_BACK)
    arrivals = list(recent.order_by("received_at").values_list("received_at", flat=True))
    return site is not None and silence.is_unusual(arrivals, now, *_duty(site))


def _duty(site: Site) -> tuple[ZoneInfo, silence.WorkingDay]:
    """Return the site's time zone and which days it works."""
    calendar = calendar_of(site, site.trial.protocol.contact)
    return ZoneInfo(site.time_zone), lambda day: calendar.day_off(day) is None


@page(Permission.KEEP_DEVICES)
def add_device(request: SignedIn) -> HttpResponse:
    """Add a device, perhaps one that was turned away; the form itself is what asks once."""
    caller = RefusedCaller.objects.filter(pk=_number(request.GET.get("caller"))).first()
    known = {"ae_title": caller.ae_title, "address": caller.address} if caller else {}
    sites = service.sites_to_send_for(request.user, Permission.KEEP_DEVICES)
    form = DeviceForm(request.POST or None, initial=known, sites=sites)
    if form.is_bound and form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            added = service.add_device(**form.cleaned_data, by=request.user)
            messages.success(request, f"{added} may send films for {added.site}.")
            return redirect("devices")
    return _form_page(request, form, "A device that may send films", "Let it send films")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


@page(Permission.KEEP_DEVICES)
def end_device(request: SignedIn, pk: UUID) -> HttpResponse:
    """Ask why a device is to send no more; then end it."""
    mine = Device.objects.visible_to(request.user, Permission.KEEP_DEVICES).select_related("site__trial")
    device = get_object_or_404(mine, pk=pk)
    form = DeviceEndForm(request.POST or None)
    if form.is_bound and form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            service.end_device(device, reason=form.cleaned_data["reason"], by=request.user)
            messages.success(request, f"{device.name} sends no more.")
            return redirect("devices")
    return _form_page(request, form, f"{device} is to send no more", "Let it send no more")


def _form_page(request: SignedIn, form: Any, title: str, button: str) -> HttpResponse:
    context = {"form": form, "title": title, "button": button}
    return render(request, "screening/device_form.html", context, status=NOT_SAVED if form.is_bound else 200)
