"""What staff do again and again in these stories."""

from datetime import timedelta

from django.urls import reverse

from screening.referrals import AppointmentEvent, ContactOutcome, IdentityCheck
from screening.services import referral
from tests.browsing import browser
from tests.factories import referral_of
from trial import clock
from trial.services import conduct


def kept_appointment(world, participant, days_ago=5):
    """Let a participant accept, consent, come; return the day of the scan."""
    offer, day = referral_of(participant), clock.now(world.trial) - timedelta(days=days_ago)
    before = day - timedelta(days=1)
    referral.record_attempt(
        offer,
        outcome=ContactOutcome.ACCEPTED,
        identity=IdentityCheck.NAME_AND_BIRTH_DATE,
        by=world.caller,
        occurred_at=before,
    )
    conduct.record_consent(participant, form_version="1", scope="dxa", by=world.caller)
    booked = referral.book(offer, scheduled_at=day, by=world.caller)
    referral.end_appointment(booked, event=AppointmentEvent.ATTEND, by=world.caller)
    return f"{day:%Y-%m-%d}"


def add(user, participant, *, follow=False, **typed):
    """Send the DXA form."""
    values = {"exam_date": "2023-01-20", "menopausal_status": "postmenopausal", **typed}
    return browser(user).post(reverse("dxa-add", args=[participant.pk]), values, follow=follow)
