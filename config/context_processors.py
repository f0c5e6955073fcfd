"""What every page's frame shows: where the user may go, and on which calendar their trials stand."""

from typing import Any

from django.http import HttpRequest

from config.navigation import links_for
from trial import clock
from trial.models import Membership, TrialKind
from trial.roles import Role


def house(request: HttpRequest) -> dict[str, Any]:
    """Return the navigation of the signed-in user and the trials they work in of which nothing is real."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    memberships = list(Membership.objects.active(user).select_related("trial"))
    trials = {m.trial for m in memberships if m.trial}
    return {
        "nav": links_for(memberships),
        "roles": sorted({Role(m.role).words for m in memberships}),
        "demonstrations": [(t, clock.now(t)) for t in trials if t.kind == TrialKind.DEMONSTRATION],
        "tests": sorted(t.code for t in trials if t.is_test),
    }
