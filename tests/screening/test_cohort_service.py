"""From scores to people: what a cohort rests on, and what happens when it changes before the draw."""

from datetime import date
from decimal import Decimal

import pytest

from screening.densitometry import Measurement, MeasurementSite
from screening.models import Radiograph, RiskAssessment
from screening.services import cohort, outcomes, referral
from screening.services.cohort import CohortChanged
from screening.vocabulary import FilmState
from tests.factories import (
    World,
    add_film,
    end,
    freeze_and_sign,
    high_risk,
    make_participant,
    randomized,
    refusal,
)
from trial import audit
from trial.models import Allocation, Cohort, Consent, Participant
from trial.partial_dates import parse
from trial.services import conduct, people, protocols, signatures
from trial.services.trials import NotNow, Refused
from trial.states import TrialState

pytestmark = pytest.mark.django_db


def freeze(world: World) -> Cohort:
    return freeze_and_sign(world)


def set_aside(person: Participant) -> None:
    with audit.context(by=None, why="Burned-in text", how="test"):
        Radiograph.objects.filter(participant=person).update(state=FilmState.SET_ASIDE, reason="lateral")


def risk_of(person: Participant) -> tuple[str, int, int]:
    risk = RiskAssessment.objects.get(participant=person)
    return risk.risk_class, risk.films_positive, risk.films_counted


def amend(world: World, **changes: object) -> None:
    """Put an amended protocol in force, by the people who may."""
    new = world.trial.protocol.amended(changes, note="An amendment.")
    version = protocols.draft_protocol(world.trial, protocol=new, by=world.coordinator)
    signatures.sign(version, by=world.coordinator, password=None)
    protocols.activate(protocols.approve_protocol(version, by=world.investigator), by=world.investigator)


# --- the cohort is judged once more when it is drawn ---------------------------------------------------------


def scan_before(world: World, person: Participant) -> None:
    neck = Measurement(MeasurementSite.FEMORAL_NECK, t_score=Decimal("-1.0"))
    outcomes.record_dxa(person, exam_date=parse("2021-05"), measurements=[neck], by=world.outcome_recorder)


def lose_film(world: World, person: Participant) -> None:
    set_aside(person)


def gain_film(world: World, person: Participant) -> None:
    add_film(world, person, mean="0.1", on=date(2022, 7, 1))


def leave(world: World, person: Participant) -> None:
    referral.withdraw(person, reason="moves away", by=world.coordinator)


def die(world: World, person: Participant) -> None:
    referral.record_death(person, died_on=parse("2022-11-01"), by=world.coordinator)


@pytest.mark.parametrize("change", [scan_before, lose_film, gain_film, leave, die])
def test_a_cohort_of_which_somebody_changed_is_not_drawn_and_says_who(world, change):
    changed, *others = high_risk(world, 4)
    frozen = freeze(world)
    change(world, changed)

    with pytest.raises(CohortChanged, match=f"1 of the cohort changed.*{changed.study_number}.*again"):
        cohort.randomize_cohort(frozen, by=world.coordinator)

    assert not Allocation.objects.exists()
    made = cohort.randomize_cohort(freeze(world), by=world.coordinator)
    assert {a.participant for a in made} == set(others)


def test_what_changes_after_the_draw_stands_in_no_way_of_the_same_answer(world):
    high_risk(world, 4)
    frozen = freeze(world)
    first = cohort.randomize_cohort(frozen, by=world.coordinator)
    leave(world, first[0].participant)

    assert cohort.randomize_cohort(frozen, by=world.coordinator) == first


# --- films are summed up anew until the draw, and then no more -----------------------------------------------


def test_films_that_come_later_count_until_their_owner_is_randomized(world):
    person = make_participant(world)
    add_film(world, person, mean="0.1")
    high_risk(world, 2)
    freeze(world)
    assert risk_of(person) == ("low", 0, 1)

    for month in range(1, 10):
        add_film(world, person, mean="0.9", on=date(2022, month, 2))
    frozen = freeze(world)
    assert risk_of(person) == ("high", 9, 10)
    assert person.study_number in [line["study_number"] for line in frozen.manifest]

    cohort.randomize_cohort(frozen, by=world.coordinator)
    add_film(world, person, mean="0.1", on=date(2022, 12, 1))
    cohort.sum_up_films(world.trial, people=[person], by=world.coordinator)
    assert risk_of(person) == ("high", 9, 10)


def test_who_has_no_film_left_that_counts_has_no_risk_class(world):
    person, *_ = high_risk(world, 3)
    freeze(world)
    set_aside(person)
    frozen = freeze(world)

    assert risk_of(person) == ("none", 0, 0)
    assert person.study_number not in [line["study_number"] for line in frozen.manifest]


def test_the_database_keeps_the_risk_that_a_draw_rested_on(world):
    person = randomized(world, 2)[0].participant
    lower = (
        "UPDATE screening_riskassessment SET films_positive = 0, risk_class = 'low' WHERE participant_id = %s"
    )

    assert "risk of a randomized participant is frozen" in refusal(lower, person.pk)
    untold = "INSERT INTO screening_riskassessment SELECT * FROM screening_riskassessment"
    assert "duplicate key" in refusal(untold)


def test_an_amended_threshold_holds_for_films_scored_before_it(world):
    person = make_participant(world)
    add_film(world, person, mean="0.6")
    high_risk(world, 2)
    assert freeze(world).size == 3

    amend(world, **{"score.threshold": "0.7"})

    assert freeze(world).size == 2
    assert risk_of(person) == ("low", 0, 1)


# --- lists ---------------------------------------------------------------------------------------------------


def test_a_list_that_was_drawn_from_is_never_changed_by_an_amendment(world):
    randomized(world, 2)
    blocks = {"allocation.method": "permuted_blocks", "allocation.block_sizes": [4, 6]}

    with pytest.raises(Refused, match="never changed once it is drawn from"):
        amend(world, **blocks)

    assert world.trial.protocol.allocation.method == "random_allocation_rule"
    amend(world, minimum_age=45)  # anything else may be
    assert world.trial.protocol.minimum_age == 45


def test_a_list_may_change_as_long_as_nobody_was_drawn(world):
    amend(world, **{"allocation.method": "permuted_blocks", "allocation.block_sizes": [4, 6]})
    assert world.trial.protocol.allocation.method == "permuted_blocks"


# --- who is randomized unasked -------------------------------------------------------------------------------


def test_everybody_randomized_without_consent_has_the_waiver_on_record(world):
    made = randomized(world, 4)

    waivers = Consent.objects.filter(kind="waiver")
    assert {w.participant for w in waivers} == {a.participant for a in made}
    assert {w.waiver_reference for w in waivers} == {"Test board 7"}
    assert not any(conduct.has_consent_for_dxa(a.participant) for a in made)


def test_only_who_may_freezes_a_cohort_and_drafts_a_protocol(world):
    high_risk(world, 2)
    with pytest.raises(Refused, match="don't include"):
        cohort.freeze_cohort(world.trial, by=world.caller)
    with pytest.raises(Refused, match="don't include: edit protocol"):
        protocols.draft_protocol(world.trial, protocol=world.trial.protocol, by=world.monitor)


def test_a_locked_trial_registers_and_corrects_nobody(world):
    person = make_participant(world)
    end(world, TrialState.LOCKED)

    for act in (
        lambda: make_participant(world),
        lambda: people.correct_person(person, by=world.coordinator, why="typing error", sex="male"),
        lambda: people.record_baseline(person, by=None, why="late", values={"bmi": "20"}),
    ):
        with pytest.raises(NotNow, match="is locked"):
            act()
    assert Participant.objects.get().sex == "female"
