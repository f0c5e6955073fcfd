"""Who may open a page, and how a refusal is told."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpResponse
from django.test import RequestFactory

from tests.factories import appoint, make_user
from trial import audit
from trial.models import Site
from trial.pages import may, page, refusals
from trial.roles import Permission, Role
from trial.services import trials
from trial.services.trials import Refused
from trial.states import State, TransitionRefused


@page(Permission.RECORD_OUTCOME)
def record(request):
    """Rename a site; its audit row tells by what way."""
    with audit.context(by=request.user, why="a test"):
        Site.objects.filter(trial=request.trial).update(name="By page")
    return HttpResponse("done")


def ask(user, trial):
    request = RequestFactory().get("/")
    request.user, request.trial = user, trial
    return record(request)


def test_a_page_opens_for_the_permission_and_marks_its_changes(world):
    assert ask(world.outcome_recorder, world.trial).content == b"done"

    context = Site.pgh_event_model.objects.order_by("-pgh_created_at").first().pgh_context
    assert (context["how"], context["by"]) == ("page", str(world.outcome_recorder.pk))


@pytest.mark.parametrize("who", ["caller", "coordinator", "stranger"])
def test_it_stays_closed_to_others_and_says_what_is_needed(world, who):
    user = world.stranger if who == "stranger" else getattr(world, who)

    with pytest.raises(PermissionDenied, match="record outcome"):
        ask(user, world.trial)


def test_a_permission_at_one_site_is_none_at_another(world):
    other = trials.add_site(world.trial, number=2, name="Second", time_zone="UTC", by=None)
    user = make_user("at-second")
    appoint(world, user, Role.CALLER, other)

    assert may(user, Permission.RECORD_CALL, world.trial, other)
    assert not may(user, Permission.RECORD_CALL, world.trial, world.site)


def test_refusals_are_told_in_their_own_words():
    said = []
    for refused in (Refused("Not now."), TransitionRefused(f"{State.DIED} is the end.")):
        with refusals(tell=said.append):
            raise refused

    assert said == ["Not now.", "died is the end."]


def test_the_words_of_the_database_are_told_to_nobody():
    said = []
    with refusals(tell=said.append):
        raise IntegrityError("Failing row contains (control, H-4711)")

    assert said == ["The record has changed or does not allow this; nothing was saved. Load the page again."]


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError), refusals(tell=print):
        raise ZeroDivisionError
