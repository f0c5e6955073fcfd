"""What pages share: who may open them, by what way their changes come, how a refusal is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from trial import audit
from trial.allocation_log import OnHold
from trial.keys import KeyUnusable
from trial.models import Membership, Site, Trial, User
from trial.randomization import ListExhausted
from trial.roles import Permission
from trial.services.trials import Refused, require
from trial.states import TransitionRefused

REFUSALS = (Refused, TransitionRefused, KeyUnusable, OnHold, ListExhausted)
NOT_SAVED = 422  # Unprocessable Content: the page shows again what was typed, and why it was not saved


class SignedIn(HttpRequest):
    """A request of somebody signed in; the middleware sees to it."""

    user: User


def page(permission: Permission) -> Callable[[Any], Any]:
    """Open a view to users with `permission` somewhere; its changes are marked as made on a page.

    Which rows they see there is for `visible_to` to say.
    """

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def opened(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponse:
            if not Membership.objects.granting(request.user, permission).exists():
                raise PermissionDenied(f"It needs: {permission.words}. Ask the coordinator if you need it.")
            with audit.entry("page"):
                return view(request, *args, **kwargs)

        opened.permission = permission  # type: ignore[attr-defined]  # read by the test of the role matrix
        return opened

    return wrap


@contextmanager
def refusals(tell: Callable[[str], Any]) -> Iterator[None]:
    """Tell a refusal of the rules to the user instead of failing; nothing was written."""
    try:
        yield
    except REFUSALS as refused:
        tell(str(refused))
    except IntegrityError:
        # The database's own words may quote the row, so nobody is shown them.
        tell("The record has changed or does not allow this; nothing was saved. Load the page again.")


def may(user: User, permission: Permission, trial: Trial, site: Site | None = None) -> bool:
    """Say whether `user` holds `permission` in the trial: at the site, or where none is named at all of them."""
    try:
        require(user, permission, trial, site)
    except Refused:
        return False
    return True
