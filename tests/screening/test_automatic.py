"""Trials that randomize by themselves: whoever is ready is drawn, once; everybody else waits."""

import logging

import pytest

from screening.models import Referral, RiskAssessment
from screening.services.automatic import randomize_ready
from screening.tasks import randomize_ready as task
from screening.vocabulary import FilmState
from tests.factories import add_film, high_risk, make_participant, make_world
from trial import audit
from trial.keys import key_path
from trial.models import Allocation, StateChange
from trial.protocol import template
from trial.services import conduct, trials
from trial.services.verification import verify
from trial.states import TrialEvent

pytestmark = pytest.mark.django_db(transaction=True)
AUTOMATIC = {
    "allocation.method": "permuted_blocks",
    "allocation.block_sizes": [4],
    "allocation.timing": "automatic",
}
ASKED_FIRST = AUTOMATIC | {"consent.policy": "before_randomization", "consent.waiver_reference": None}


def running(changes=AUTOMATIC):
    return make_world(protocol=template("opscan").amended(changes, note="A test."))


def test_whoever_is_ready_is_randomized_once_in_order_and_by_nobody(caplog):
    world = running()
    ready = high_risk(world, 4)
    low = make_participant(world)
    add_film(world, low, mean="0.1")
    young = make_participant(world, birth_date="1990-01-01")
    add_film(world, young)
    waiting = make_participant(world)
    film = add_film(world, waiting)
    with audit.context(by=None, why="a test", how="test"):
        film.state = FilmState.ELIGIBLE
        film.save()

    assert randomize_ready() == 4
    drawn = [a.participant for a in Allocation.objects.order_by("sequence")]
    assert drawn == ready
    assert Referral.objects.count() == Allocation.objects.filter(arm="screening").count() == 2
    assert RiskAssessment.objects.get(participant=low).risk_class == "low"
    young.refresh_from_db()
    assert young.state == "not_eligible"
    context = StateChange.pgh_event_model.objects.filter(event="randomize").first().pgh_context
    assert context["by"] == "system"

    assert randomize_ready() == 0
    task()
    assert Allocation.objects.count() == 4
    assert verify(world.trial) == 4


def test_who_has_not_consented_waits_until_they_have():
    world = running(ASKED_FIRST)
    one, other = high_risk(world, 2)
    conduct.record_consent(one, form_version="1", scope="dxa", by=world.coordinator)
    assert randomize_ready() == 1
    conduct.record_consent(other, form_version="1", scope="dxa", by=world.coordinator)
    assert randomize_ready() == 1


def test_a_trial_that_is_asked_or_paused_draws_nobody_by_itself():
    asked = running(AUTOMATIC | {"allocation.timing": None})
    high_risk(asked, 1)
    assert randomize_ready() == 0

    paused = make_world("PAUSED", protocol=template("opscan").amended(AUTOMATIC, note="A test."))
    high_risk(paused, 1)
    trials.move_trial(paused.trial, event=TrialEvent.PAUSE, by=paused.investigator, reason="A test.")
    assert randomize_ready() == 0


def test_a_missing_key_stops_it_and_says_so(caplog):
    world = running()
    high_risk(world, 2)
    key_path(world.trial.code).unlink()
    with caplog.at_level(logging.ERROR):
        assert randomize_ready() == 0
    assert caplog.text.count("randomizes nobody by itself now") == 1
    assert not Allocation.objects.exists()
