"""Which entries about a participant would tell the arm, and to whom they are shown all the same.

In a single-consent (Zelen) trial only the screening arm is asked after randomization, so that the mere
presence of a later consent or objection, or of a deviation about calls and windows, unblinds its reader.
"""

import logging
from typing import Any

from django.db.models import F, Q, QuerySet

from trial.models import Allocation, Consent, ProtocolDeviation

access_log = logging.getLogger("screentrial.access")
CALLS, WINDOW, SCORE = "call or offer", "scan outside window", "film or score"
DEVIATION_CATEGORIES = (
    "eligibility",
    "consent",
    "allocation",
    SCORE,
    CALLS,
    WINDOW,
    "outcome",
    "other",
)


def arm_shown(user: Any, what: str) -> None:
    """Log that arms were shown: a read by somebody unblinded leaves a trace (ICH E6(R3) 4.1.4).

    `what` names no participant: that somebody has an offer is the arm, and the log is read by the blind too.
    """
    access_log.info("arm shown to user %s: %s", user.pk, what)


def consents_for(user: Any) -> QuerySet[Consent]:
    """Return the consents a user may see: after randomization only with the arm."""
    early = Q(occurred_at__lt=F("participant__allocation__occurred_at"))
    return Consent.objects.visible_to(user).filter(_open_to(user) | early)


def deviations_for(user: Any) -> QuerySet[ProtocolDeviation]:
    """Return the deviations a user may see: those about calls and windows only with the arm."""
    about_both_arms = Q(participant__isnull=True) | ~Q(category__in=[CALLS, WINDOW])
    return ProtocolDeviation.objects.visible_to(user).filter(_open_to(user) | about_both_arms)


def _open_to(user: Any) -> Q:
    unblinded = Allocation.objects.visible_to(user).values("participant")
    return Q(participant__isnull=False) & (
        Q(participant__allocation__isnull=True) | Q(participant__in=unblinded)
    )
