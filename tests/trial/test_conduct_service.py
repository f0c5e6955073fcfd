"""From registration to the end of the trial: judged, consented, withdrawn, died, deviated; never undone."""

from datetime import date, timedelta

import pytest

from screening.services import cohort
from tests.factories import World, days_later, in_arm, make_participant, make_world, randomized
from trial import clock
from trial.eligibility import Facts, PriorEvent
from trial.models import (
    Allocation,
    Consent,
    EligibilityAssessment,
    Participant,
    ProtocolDeviation,
    StateChange,
)
from trial.partial_dates import PartialDate, parse
from trial.protocol import template
from trial.protocol_parts import Exclusion
from trial.services import conduct, people, trials
from trial.services.trials import Refused
from trial.states import Event, TransitionRefused

pytestmark = pytest.mark.django_db

BORN = (date(1950, 6, 15), date(1950, 6, 15))
SOUND = Facts(has_film_in_window=True, birth=BORN)
TREATED = Facts(
    has_film_in_window=True,
    birth=BORN,
    events=(PriorEvent(Exclusion.ANTI_OSTEOPOROTIC_DRUG, parse("2020"), drug="denosumab"),),
)


def state(participant: Participant) -> str:
    participant.refresh_from_db()
    return participant.state


def moves(participant: Participant) -> list[str]:
    return [f"{c.from_state} > {c.to_state}" for c in participant.state_changes.order_by("recorded_at")]


def assess(world: World, participant: Participant, facts: Facts) -> list[str]:
    """Judge and return the codes of the reasons against."""
    verdict = conduct.assess_participant(participant, facts=facts, by=world.coordinator)
    return [str(reason.code) for reason in verdict.reasons]


def test_a_judgment_is_written_when_it_says_something_new(world):
    person = make_participant(world)

    said = [assess(world, person, facts) for facts in (SOUND, SOUND, TREATED, TREATED, SOUND)]

    assert said == [[], [], ["anti_osteoporotic_drug"], ["anti_osteoporotic_drug"], []]
    rows = EligibilityAssessment.objects.order_by("recorded_at")
    assert [row.eligible for row in rows] == [True, False, True]
    assert rows[1].reasons[0]["code"] == "anti_osteoporotic_drug" and "drug" in rows[1].reasons[0]["sentence"]
    assert rows[1].facts["events"] == [{"kind": "anti_osteoporotic_drug", "on": "2020", "drug": "denosumab"}]
    assert moves(person) == ["registered > eligible", "eligible > not_eligible", "not_eligible > eligible"]


def test_many_are_judged_together_each_by_their_own_facts(world):
    one, two, three = (make_participant(world) for _ in range(3))

    verdicts = conduct.assess_all(world.trial, facts={one.pk: SOUND, two.pk: TREATED}, by=None)

    assert {pk: v.eligible for pk, v in verdicts.items()} == {one.pk: True, two.pk: False}
    assert [state(p) for p in (one, two, three)] == ["eligible", "not_eligible", "registered"]


def test_who_is_allocated_is_judged_but_no_longer_moved(world):
    allocated = randomized(world, 2)[0].participant
    before = EligibilityAssessment.objects.count()

    assert assess(world, allocated, TREATED) == ["anti_osteoporotic_drug"]

    assert (state(allocated), EligibilityAssessment.objects.count()) == ("randomized", before)


def test_a_judgment_in_another_trial_touches_nobody_here(world):
    here, other = make_participant(world), make_world("OTHER")

    assert conduct.assess_all(other.trial, facts={here.pk: SOUND}, by=None) == {}
    assert state(here) == "registered"


def test_every_act_carries_its_moment_and_the_protocol_in_force(world):
    person = make_participant(world)
    earlier = clock.now(world.trial) - timedelta(days=3)

    consent = conduct.record_consent(
        person, form_version="2.1", scope="dxa", by=world.caller, occurred_at=earlier
    )
    consent.refresh_from_db()

    assert (consent.occurred_at, consent.protocol_version) == (earlier, world.trial.protocol_version)
    assert consent.recorded_at > earlier
    assert (consent.obtained_by, consent.form_version) == (world.caller, "2.1")


def test_nothing_happens_in_the_future(world):
    person = make_participant(world)
    tomorrow = clock.now(world.trial) + timedelta(days=1)

    for act in (
        lambda: conduct.record_consent(
            person, form_version="1", scope="dxa", by=world.caller, occurred_at=tomorrow
        ),
        lambda: conduct.record_objection(person, by=world.caller, occurred_at=tomorrow),
        lambda: conduct.withdraw(person, reason="Moves", by=world.coordinator, occurred_at=tomorrow),
        lambda: conduct.record_deviation(
            world.trial, category="x", severity="minor", description="y", by=None, occurred_at=tomorrow
        ),
        lambda: conduct.change_state(
            person, event=Event.FIND_ELIGIBLE, by=None, why="x", occurred_at=tomorrow
        ),
    ):
        with pytest.raises(Refused, match="lies in the future"):
            act()

    person.refresh_from_db()
    assert (person.state, person.do_not_call) == ("registered", False)
    assert not Consent.objects.exists() and not ProtocolDeviation.objects.exists()


def test_the_last_word_on_consent_counts_by_when_it_was_said(world):
    person, now = make_participant(world), clock.now(world.trial)
    assert not conduct.has_consent_for_dxa(person)

    conduct.record_objection(person, by=world.caller, occurred_at=now - timedelta(days=2))
    assert not conduct.has_consent_for_dxa(person)
    conduct.record_consent(
        person, form_version="1", scope="dxa", by=world.caller, occurred_at=now - timedelta(days=1)
    )
    assert conduct.has_consent_for_dxa(person)
    # Entered last, said first.
    conduct.record_objection(person, by=world.caller, occurred_at=now - timedelta(days=3))
    assert conduct.has_consent_for_dxa(person)
    conduct.record_objection(person, by=world.caller)
    assert not conduct.has_consent_for_dxa(person)


def test_an_objection_stops_calls_and_is_no_withdrawal(world):
    person = in_arm(randomized(world, 2), "screening")

    conduct.record_objection(person, by=world.caller)

    assert state(person) == "randomized" and person.do_not_call
    assert set(person.consents.values_list("kind", flat=True)) == {"waiver", "objection"}


def test_a_trial_that_asks_first_randomizes_nobody_unasked(db):
    protocol = template("opscan").amended(
        {"consent.policy": "before_randomization", "consent.waiver_reference": None},
        note="Consent comes first.",
    )
    world = make_world(protocol=protocol)

    with pytest.raises(Refused, match="has not consented"):
        randomized(world, 2)
    assert not Allocation.objects.exists()

    for person in Participant.objects.all():
        conduct.record_consent(person, form_version="1", scope="dxa", by=world.caller)
    assert len(cohort.randomize_cohort(world.trial.cohorts.get(), by=world.coordinator)) == 2


# --- withdrawal and death -----------------------------------------------------------------------------------


def test_who_withdraws_says_why_and_loses_nothing(world):
    person = in_arm(randomized(world, 2), "screening")
    with pytest.raises(Refused, match="Write why"):
        conduct.withdraw(person, reason="  ", by=world.coordinator)

    conduct.withdraw(person, reason="Moves to her daughter's", by=world.coordinator)

    assert state(person) == "withdrawn" and person.do_not_call
    assert person.allocation.arm == "screening"
    change = StateChange.objects.get(participant=person, event="withdraw")
    assert (change.from_state, change.reason) == ("randomized", "Moves to her daughter's")


def test_who_withdrew_withdraws_no_more_and_is_never_allocated(world):
    person = make_participant(world)
    conduct.withdraw(person, reason="Does not want to", by=world.coordinator)

    for event in (Event.WITHDRAW, Event.FIND_ELIGIBLE, Event.RANDOMIZE):
        with pytest.raises(TransitionRefused, match="withdrawn"):
            conduct.change_state(person, event=event, by=world.coordinator, why="Again")
    assert moves(person) == ["registered > withdrawn"]


def test_a_death_is_recorded_in_either_arm_and_after_a_withdrawal(world):
    allocations = randomized(world, 2)
    for arm in ("screening", "control"):
        conduct.record_death(in_arm(allocations, arm), died_on=parse("2023-01"), by=world.coordinator)
    gone = make_participant(world)
    conduct.withdraw(gone, reason="Moves", by=world.coordinator)
    conduct.record_death(gone, died_on=parse("2023"), by=world.coordinator)

    assert {state(a.participant) for a in allocations} == {"died"}
    assert {a.participant.died_on for a in allocations} == {"2023-01"}
    assert (state(gone), gone.died_on, moves(gone)) == (
        "died",
        "2023",
        ["registered > withdrawn", "withdrawn > died"],
    )


def test_a_date_of_death_may_be_made_exact_and_is_one_death(world):
    person = make_participant(world)

    for known in ("2023", "2023-01", "2023-01-05"):
        conduct.record_death(person, died_on=parse(known), by=world.coordinator)

    assert (state(person), person.died_on) == ("died", "2023-01-05")
    assert moves(person) == ["registered > died"]
    events = Participant.pgh_event_model.objects.filter(pgh_obj_id=person.pk).order_by("pgh_id")
    assert [e.died_on for e in events if e.died_on] == ["2023", "2023-01", "2023-01-05"]
    with pytest.raises(TransitionRefused):
        conduct.withdraw(person, reason="After all", by=world.coordinator)


def test_a_death_has_its_day_by_the_calendar_of_the_site(world):
    """Kiritimati is 25 hours ahead of Pago Pago, so that its today is always still to come over there."""
    east = trials.add_site(world.trial, number=2, name="East", time_zone="Pacific/Kiritimati", by=None)
    west = trials.add_site(world.trial, number=3, name="West", time_zone="Pacific/Pago_Pago", by=None)
    today = clock.today(east)
    there, here = (
        people.register(site, new=people.NewPerson("A", str(site.number)), by=None) for site in (east, west)
    )

    conduct.record_death(there, died_on=PartialDate.of(today), by=None)
    with pytest.raises(Refused, match=f"{today}, lies in the future"):
        conduct.record_death(here, died_on=PartialDate.of(today), by=None)
    with pytest.raises(Refused, match="future"):
        conduct.record_death(there, died_on=days_later(today, 1), by=None)

    assert (state(there), state(here)) == ("died", "registered")


# --- deviations ---------------------------------------------------------------------------------------------


def test_a_deviation_is_described_and_changes_nothing_else(world):
    person = in_arm(randomized(world, 2), "control")
    with pytest.raises(Refused, match="Describe what happened"):
        conduct.record_deviation(
            world.trial, category="x", severity="minor", description=" ", by=world.monitor
        )

    conduct.record_deviation(
        world.trial,
        participant=person,
        category="randomized in error",
        severity="major",
        description="Had a DXA in 2019 that nobody knew of.",
        by=world.coordinator,
    )

    deviation = ProtocolDeviation.objects.get()
    assert (deviation.participant, deviation.severity, state(person)) == (person, "major", "randomized")
    assert Allocation.objects.filter(participant=person).exists()


def test_the_same_state_twice_is_one_change(world):
    person = make_participant(world)

    for _ in range(2):
        conduct.change_state(person, event=Event.FIND_ELIGIBLE, by=world.coordinator, why="Judged")

    assert moves(person) == ["registered > eligible"]


def test_a_consent_to_something_else_is_none_to_the_scan(world):
    person = make_participant(world)
    for scope, consented in (("data", False), ("dxa", True), ("calls", True)):
        conduct.record_consent(person, form_version="1", scope=scope, by=world.coordinator)
        assert conduct.has_consent_for_dxa(person) is consented
    conduct.record_objection(person, by=world.coordinator)
    assert not conduct.has_consent_for_dxa(person)
