"""Steps of films and offers: lists are filtered and the dashboard counts by the same conditions."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q

from screening.models import Appointment, ContactAttempt, Radiograph, Receipt
from screening.quality import Code
from screening.reasons import Reason
from screening.referrals import AppointmentState, ContactOutcome, ReferralState
from screening.vocabulary import INTAKE_SENTENCES, FilmState, ReceiptOutcome
from trial import clock
from trial.models import Site
from trial.states import State
from trial.steps import Steps

SOON = timedelta(days=14)
UNDER_WAY = Q(state__in=[ReferralState.OPEN, ReferralState.ACCEPTED])


def _called() -> Q:
    return Q(Exists(ContactAttempt.objects.filter(referral=OuterRef("pk"))))


def _came() -> Q:
    return Q(Exists(Appointment.objects.filter(referral=OuterRef("pk"), state=AppointmentState.ATTENDED)))


def _told_to_have_died() -> Q:
    told = ContactAttempt.objects.filter(referral=OuterRef("pk"), outcome=ContactOutcome.DIED)
    return Q(Exists(told)) & ~Q(allocation__participant__state=State.DIED)


def _ending() -> Q:
    """Hold for offers under way whose last day is at most two weeks off, by the calendar of each site."""
    soon = Q(pk__in=[])
    for site in Site.objects.select_related("trial"):
        day = clock.today(site)
        soon |= Q(allocation__participant__site=site, window_ends_on__range=(day, day + SOON))
    return soon & UNDER_WAY


def _rejected() -> Q:
    """Hold for the first rejection of each file that never became a film: sent again, it is one file still."""
    same = {"trial": OuterRef("trial"), "file_sha256": OuterRef("file_sha256")}
    earlier = Q(received_at__lt=OuterRef("received_at")) | Q(
        received_at=OuterRef("received_at"), pk__lt=OuterRef("pk")
    )
    again = Receipt.objects.filter(earlier, outcome=ReceiptOutcome.REJECTED, **same)
    return Q(outcome=ReceiptOutcome.REJECTED) & ~Exists(again) & ~Exists(Radiograph.objects.filter(**same))


# The files received, each once, are the films of these four states and the files rejected.
FILM_STEPS: Steps = {
    "waiting": ("waiting for a score", Q(state__in=[FilmState.RECEIVED, FilmState.ELIGIBLE])),
    "scored": ("scored", Q(state=FilmState.SCORED)),
    "set_aside": ("set aside", Q(state=FilmState.SET_ASIDE)),
    "failed": ("could not be scored", Q(state=FilmState.FAILED)),
}
FILE_STEPS: Steps = {"rejected": ("rejected, each file once", _rejected)}
OFFER_STEPS: Steps = {
    "called": ("called", _called),
    "came": ("came for the scan", _came),
    "result": ("result recorded", Q(state=ReferralState.SCANNED)),
    "told_died": ("died, as a call told; not recorded yet", _told_to_have_died),
    "ending": ("ends within 14 days, no scan yet", _ending),
}
OF_RANDOMIZED = Q(participant__allocation__isnull=False, entered_in_error=False)
EXAM_STEPS: Steps = {"randomized": ("of people randomized", OF_RANDOMIZED)}


# Reason code of intake -> what it means and what to do.
SENTENCES = {
    **{str(reason): reason.sentence for reason in (*Reason, *Code)},
    **{str(reason): said for reason, said in INTAKE_SENTENCES.items()},
}


def intake_sentence(code: str) -> str:
    """Return a reason code of intake as a sentence."""
    return SENTENCES.get(code, code.replace("_", " "))
