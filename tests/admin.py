"""The admin from outside: a trial to look at, the address of a row's page, an act confirmed."""

import re
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from screening.referrals import ContactOutcome, IdentityCheck
from screening.services import cohort, referral
from tests.browsing import browser
from tests.factories import World, freeze_and_sign, high_risk, in_arm, referral_of
from trial.models import Allocation, Participant, User
from trial.services import conduct


def noon(day: int) -> datetime:
    """Return noon at the site on a day of January 2023; a world's calendar stands at the 31st."""
    return datetime(2023, 1, day, 4, tzinfo=UTC)


def under_way(world: World, count: int = 6) -> list[Allocation]:
    """Randomize a cohort on the 20th, so that calls since then fall into call hours whenever tests run."""
    high_risk(world, count)
    frozen = freeze_and_sign(world)
    return cohort.randomize_cohort(frozen, by=world.coordinator, occurred_at=noon(20))


def booked(world: World) -> Participant:
    """Return a participant of the screening arm who was called, consented and has an appointment."""
    person = in_arm(under_way(world), "screening")
    offer, since = referral_of(person), noon(21)
    referral.record_attempt(
        offer,
        outcome=ContactOutcome.ACCEPTED,
        identity=IdentityCheck.NAME_AND_BIRTH_DATE,
        by=world.caller,
        occurred_at=since,
    )
    conduct.record_consent(person, form_version="1", scope="dxa", by=world.caller, occurred_at=since)
    referral.book(offer, scheduled_at=noon(23), by=world.caller, occurred_at=since)
    return person


def page_of(row: Any, page: str = "change") -> str:
    """Return the address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def list_of(model: Any, query: str = "") -> str:
    """Return the address of a model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + query


def act_url(model: Any, name: str) -> str:
    """Return the address of an act."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_act", args=[name])


def do(user: User, act: str, /, *rows: Any, model: Any = None, **typed: Any) -> HttpResponse:
    """Confirm an act on rows, with what is typed, and follow to where it leads."""
    data = {"confirmed": "yes", "row": [str(row.pk) for row in rows], **typed}
    return browser(user).post(act_url(model or rows[0], act), data, follow=True)


def masked(response: HttpResponse, *rows: Any) -> str:
    """Return a page without what tells one row from another: numbers, keys, times and form tokens."""
    page = response.content.decode()
    for row in rows:
        page = page.replace(str(row.pk), "KEY").replace(str(row), "ROW")
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "TOKEN", page)
    page = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "KEY", page)
    return re.sub(r"\d\d:\d\d(:\d\d)?", "TIME", page)
