"""The callers' worklist: who is to be called now, soon, later, and who was called today."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from screening.models import Appointment, Communication, ContactAttempt, DxaExam, Referral
from screening.referrals import (
    TO_BE_CALLED,
    AppointmentState,
    CommunicationKind,
    ContactOutcome,
    day_of_window,
)
from screening.services import referral as referrals
from screening.services.outcomes import age_at
from screening.worklist import Section, Standing, section_of
from trial import clock
from trial.blinding import arm_shown
from trial.calendars import Calendar
from trial.models import Membership, Participant, ProtocolVersion, Site, Trial, TrialKind, User
from trial.pages import SignedIn, page
from trial.partial_dates import PartialDate
from trial.protocol_parts import Contact
from trial.roles import Permission
from trial.services.calendars import calendar_of
from trial.services.people import Identity, reveal_all
from trial.states import FINAL, ProtocolState, State

PAGE_SIZE = 25
# Who has a result of the trial's scan and was not told it.
UNTOLD = Exists(DxaExam.objects.filter(appointment__referral=OuterRef("pk"))) & ~Exists(
    Communication.objects.filter(referral=OuterRef("pk"), kind=CommunicationKind.RESULT)
)
A_DAY = timedelta(days=1)


class Tab(NamedTuple):
    """A section of the list as it stands in the bar of tabs."""

    section: Section
    label: str
    empty: str
    total: int


LABELS = {
    Section.NOW: (
        "Now",
        "Nobody waits at this moment. Call-backs come here when they are due and calls are allowed; "
        "so do people to be booked, and appointments of which nobody has said whether they were kept.",
    ),
    Section.RESULT: (
        "Result to tell",
        "No result of a scan waits to be told. People come here when the result of their scan is recorded.",
    ),
    Section.ENDING: (
        "Window ending",
        "Nobody's offer ends within 14 days. Who is called late comes here before it is too late.",
    ),
    Section.NEW: ("New", "Nobody is new. People come here when they are randomized to screening."),
    Section.LATER: ("Later", "Nothing is planned: no call-back and no appointment."),
    Section.OVER: ("Window over", "No offer has run out without having been closed."),
    Section.DONE: ("Done today", "No call was recorded today."),
}


@dataclass
class Card:
    """One offer on the worklist, with what a caller needs to choose whom to call."""

    referral: Referral
    contact: Contact
    calendar: Calendar
    at: datetime
    identity: Identity | None = None

    @property
    def participant(self) -> Participant:
        """Return the person who is offered the scan."""
        return self.referral.participant

    @property
    def site(self) -> Site:
        """Return where the person is registered; its zone tells the times."""
        return self.participant.site

    @property
    def today(self) -> date:
        """Return the site's own day on the trial's calendar."""
        return self.site.local(self.at).date()

    @property
    def day_off(self) -> str | None:
        """Return why today is no working day at the site, if so."""
        return self.calendar.day_off(self.today)

    @property
    def next_working_day(self) -> date:
        """Return the next working day after today."""
        return self.calendar.working_day(self.today + A_DAY)

    @property
    def age(self) -> int | None:
        """Return the age today, the lowest it can be."""
        return age_at(self.participant, PartialDate.of(self.today))

    @property
    def day(self) -> int:
        """Return which day of the offer today is."""
        return day_of_window(self.referral.allocation.randomized_on, self.today)

    @property
    def window_days(self) -> int:
        """Return how many days the offer runs."""
        return day_of_window(self.referral.allocation.randomized_on, self.referral.window_ends_on)

    @property
    def days_left(self) -> int:
        """Return how many days of the offer are left; negative when it is over."""
        return self.window_days - self.day

    @property
    def attempts(self) -> list[ContactAttempt]:
        """Return the tries so far, oldest first."""
        return list(self.referral.attempts.all())

    @property
    def last(self) -> ContactAttempt | None:
        """Return the last try."""
        return self.attempts[-1] if self.attempts else None

    @property
    def appointment(self) -> Appointment | None:
        """Return the appointment that is booked."""
        booked = (a for a in self.referral.appointments.all() if a.state == AppointmentState.BOOKED)
        return next(booked, None)

    @property
    def came(self) -> bool:
        """Say whether an appointment was kept; what the scan showed is for outcome recorders."""
        return any(a.state == AppointmentState.ATTENDED for a in self.referral.appointments.all())

    @property
    def has_result(self) -> bool:
        """Say whether the trial's scan has a result on record; what it is, is for outcome recorders."""
        return DxaExam.objects.filter(appointment__referral=self.referral).exists()

    @property
    def told(self) -> list[Communication]:
        """Return what the participant was told after the scan, oldest first."""
        return list(self.referral.communications.all())

    @property
    def result_untold(self) -> bool:
        """Say whether a result waits to be told."""
        told = any(row.kind == CommunicationKind.RESULT for row in self.told)
        return not told and self.participant.state != State.DIED and self.has_result

    @property
    def section(self) -> Section | None:
        """Return where the card stands on the list."""
        last, booked = self.last, self.appointment
        standing = Standing(
            offer=referrals.offer_of(self.referral),
            last_attempt_at=last.occurred_at if last else None,
            last_outcome=ContactOutcome(last.outcome) if last else None,
            next_call_at=last.next_call_at if last else None,
            appointment_at=booked.scheduled_at if booked else None,
            came=self.came,
            day_off=self.day_off is not None,
            result_untold=self.came and self.result_untold,
        )
        return section_of(standing, self.contact, at=self.at)

    @property
    def order(self) -> tuple[datetime, date, str]:
        """Return by what cards are ordered: the moment that counts next, then the end of the window."""
        last, booked = self.last, self.appointment
        moment = booked.scheduled_at if booked else last.next_call_at if last else None
        return moment or self.at, self.referral.window_ends_on, self.participant.study_number


@page(Permission.SEE_WORKLIST)
def worklist(request: SignedIn) -> HttpResponse:
    """Show one section of the list, with the counts of all."""
    sections = _by_section(_cards(request.user))
    wanted = request.GET.get("section", "")
    shown = Section(wanted) if wanted in set(Section) else _first_filled(sections)
    cards = Paginator(sections[shown], PAGE_SIZE).get_page(request.GET.get("page"))
    _reveal(list(cards.object_list), request.user)
    arm_shown(request.user, "worklist")
    tabs = [Tab(section, *words, len(sections[section])) for section, words in LABELS.items()]
    context = {
        "cards": cards,
        "tabs": tabs,
        "shown": shown,
        "places": _places(request.user),
        "may_close": Membership.objects.granting(request.user, Permission.RECORD_CALL).exists(),
    }
    return render(request, "screening/worklist.html", context)


def card_of(referral: Referral) -> Card:
    """Return the card of one offer."""
    return _card(referral, referral.protocol_version.protocol.contact)


def offers(user: User, permission: Permission = Permission.SEE_WORKLIST) -> QuerySet[Referral]:
    """Return the offers a user may see (or act on), with everything a card shows.

    In a recorded trial everything has happened already, and in a frozen or locked one no call can be recorded: there
    is nobody to be called.
    """
    people = ("allocation__participant__trial", "allocation__participant__site__trial")
    return (
        Referral.objects.visible_to(user, permission)
        .exclude(allocation__participant__trial__kind=TrialKind.RECORDED)
        .exclude(allocation__participant__trial__state__in=FINAL)
        .select_related(*people)
        .defer("allocation__evidence", "allocation__strata_values")
        .prefetch_related(
            "attempts__caller",
            "appointments",
            "communications__told_by",
            "allocation__participant__site__days",
        )
    )


def _cards(user: User) -> list[Card]:
    rows = offers(user).filter(Q(state__in=TO_BE_CALLED) | Q(pk__in=_called_lately(user)) | UNTOLD)
    used = ProtocolVersion.objects.filter(pk__in=rows.order_by().values("protocol_version"))
    contacts = {version.pk: version.protocol.contact for version in used}
    return [_card(row, contacts[row.protocol_version_id]) for row in rows]


def _card(row: Referral, contact: Contact) -> Card:
    participant = row.participant
    return Card(row, contact, calendar_of(participant.site, contact), clock.now(participant.trial))


def _called_lately(user: User) -> Iterable:
    """Return the offers with a call in the last day of their own trial's calendar."""
    lately = Q(pk__in=[])
    for trial in Trial.objects.visible_to(user, Permission.SEE_WORKLIST):
        lately |= Q(allocation__participant__trial=trial, occurred_at__gt=clock.now(trial) - A_DAY)
    return ContactAttempt.objects.visible_to(user).filter(lately).values("referral")


def _by_section(cards: Iterable[Card]) -> dict[Section, list[Card]]:
    sections: dict[Section, list[Card]] = {section: [] for section in Section}
    for card in cards:
        if section := card.section:
            sections[section].append(card)
    for found in sections.values():
        found.sort(key=lambda card: card.order)
    return sections


def _first_filled(sections: dict[Section, list[Card]]) -> Section:
    filled = (
        section for section in (Section.NOW, Section.RESULT, Section.ENDING, Section.NEW) if sections[section]
    )
    return next(filled, Section.NOW)


def _reveal(cards: Sequence[Card], user: User) -> None:
    """Put the names on the cards of people whose names this user may see; each look is logged."""
    named = Participant.objects.visible_to(user, Permission.SEE_IDENTITY)
    people = named.filter(pk__in=[card.participant.pk for card in cards])
    identities = reveal_all(list(people), by=user)
    for card in cards:
        card.identity = identities.get(card.participant.pk)


class Place(NamedTuple):
    """A site with its own time, call hours and working days."""

    site: Site
    now: datetime
    contact: Contact
    calendar: Calendar

    @property
    def day_off(self) -> str | None:
        """Return why today is no working day there, if so."""
        return self.calendar.day_off(self.site.local(self.now).date())

    @property
    def working_day(self) -> date:
        """Return today, or the first working day after it."""
        return self.calendar.working_day(self.site.local(self.now).date())


def _places(user: User) -> list[Place]:
    """Return the sites where calls are made."""
    sites = Site.objects.visible_to(user, Permission.SEE_WORKLIST).select_related("trial")
    active = sites.filter(trial__versions__state=ProtocolState.ACTIVE).exclude(trial__kind=TrialKind.RECORDED)
    return [_place(site, site.trial.protocol.contact) for site in active.prefetch_related("days")]


def _place(site: Site, contact: Contact) -> Place:
    return Place(site, clock.now(site.trial), contact, calendar_of(site, contact))
