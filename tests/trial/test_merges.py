"""Two hospital numbers of one person: merged, taken apart again, and no allocation ever moves."""

from functools import partial

import pytest
from django.utils import timezone

from analysis.dataset import subject_rows
from analysis.subjects import FAULT_CODES
from screening.models import Radiograph, Referral, RiskAssessment
from screening.services import cohort, merging, referral
from screening.services.automatic import randomize_ready
from screening.services.outcomes import record_treatment
from screening.vocabulary import DrugClass
from tests.admin import act_url, do, page_of
from tests.browsing import browser, words
from tests.factories import (
    World,
    add_film,
    copy,
    forget,
    freeze_and_draw,
    freeze_and_sign,
    high_risk,
    make_participant,
    make_world,
    randomized,
    refusal,
)
from tests.screening.test_automatic import AUTOMATIC
from tests.test_concurrency import at_once
from trial.models import Allocation, AllocationError, Participant, PersonMerge, ProtocolDeviation, TrialKind
from trial.partial_dates import parse
from trial.protocol import template
from trial.services import conduct, people
from trial.services.trials import Refused
from trial.states import AllocationFault, State

pytestmark = pytest.mark.django_db
WHY = "The hospital merged the two numbers."


def merge(world: World, one: Participant, into: Participant) -> PersonMerge:
    merging.merge(one, into=into, reason=WHY, by=world.coordinator)
    return PersonMerge.objects.standing().get(participant=one)


def take_back(world: World, one: Participant) -> None:
    merging.take_back(one, reason="Two sisters.", by=world.coordinator)


def state_of(person: Participant) -> str:
    return Participant.objects.get(pk=person.pk).state


def who_is(world: World, person: Participant) -> Participant:
    """Return whose number a participant's hospital number is now."""
    known = people.reveal(person, by=world.coordinator)
    found = people.participants_by_number(world.trial, [(known.issuer, known.number)])
    return found[known.issuer, known.number]


def drawn_in_order(world: World, count: int = 2) -> list[Participant]:
    return [made.participant for made in sorted(randomized(world, count), key=lambda made: made.sequence)]


def test_either_number_is_the_survivors_until_the_merge_is_taken_back(world):
    one, other = make_participant(world, number="A-1"), make_participant(world, number="B-2")
    typed = {"into": other.study_number, "reason": WHY}
    assert "From now on either number" in words(
        browser(world.coordinator).get(act_url(one, "merge"), {"row": str(one.pk)})
    )
    told = words(do(world.coordinator, "merge", one, **typed))
    assert f"{one} is merged into {other}" in told and WHY in told
    assert WHY in words(browser(world.monitor).get(page_of(other)))
    assert who_is(world, one) == who_is(world, other) == other
    again = people.NewPerson(issuer="TEST", number="A-1")
    assert people.register(world.site, new=again, by=world.coordinator) == other
    find = partial(browser(world.coordinator).post, "/admin/trial/participant/find/", follow=True)
    assert str(other) in words(find({"number": "A-1", "issuer": "TEST"}))

    told = words(do(world.coordinator, "unmerge", one, reason="Two sisters."))
    assert "counts for itself again" in told
    assert (who_is(world, one), who_is(world, other)) == (one, other)
    assert people.register(world.site, new=again, by=world.coordinator) == one


def test_films_count_once_for_the_survivor_and_each_for_its_own_after_the_end(world):
    one, other = high_risk(world, 2)
    cohort.assess_trial(world.trial, by=world.coordinator)
    merge(world, one, other)
    assert (state_of(one), state_of(other)) == (State.NOT_ELIGIBLE, State.ELIGIBLE)
    assert "Merged into another" in one.assessments.latest().reasons[0]["sentence"]

    frozen = cohort.freeze_cohort(world.trial, by=world.coordinator)
    assert [line["study_number"] for line in frozen.manifest] == [str(other)]
    assert RiskAssessment.objects.get(participant=other).films_counted == 2
    assert set(Radiograph.objects.values_list("participant", flat=True)) == {one.pk, other.pk}

    take_back(world, one)
    assert state_of(one) == State.ELIGIBLE
    made = freeze_and_draw(world)
    assert {(a.participant, a.evidence["films_counted"]) for a in made} == {(one, 1), (other, 1)}


def test_who_has_films_and_history_under_the_other_number_alone_is_judged_by_them(world):
    one, other = high_risk(world, 1)[0], make_participant(world)
    cohort.assess_trial(world.trial, by=world.coordinator)
    assert state_of(other) == State.NOT_ELIGIBLE
    merge(world, one, other)
    assert state_of(other) == State.ELIGIBLE
    take_back(world, one)
    assert state_of(other) == State.NOT_ELIGIBLE


def test_a_merge_after_the_freeze_stops_the_draw(world):
    one, other = high_risk(world, 2)
    frozen = freeze_and_sign(world)
    merge(world, one, other)
    with pytest.raises(cohort.CohortChanged, match="2 of the cohort changed"):
        cohort.randomize_cohort(frozen, by=world.coordinator)
    assert [a.participant for a in freeze_and_draw(world)] == [other]


def test_of_a_person_randomized_twice_both_allocations_stay_and_the_later_is_the_duplicate(world):
    first, *rest = drawn_in_order(world, 4)
    later = next(p for p in rest if Referral.objects.filter(allocation__participant=p).exists())
    before = list(Allocation.objects.order_by("sequence").values())
    with pytest.raises(Refused, match=f"Merge {later} into {first} instead"):
        merge(world, first, later)
    merge(world, later, first)

    assert list(Allocation.objects.order_by("sequence").values()) == before
    fault = AllocationError.objects.get(participant=later)
    assert (fault.fault, fault.first) == ("duplicate", first) and fault.fault in map(str, FAULT_CODES)
    assert ProtocolDeviation.objects.get().participant == later
    assert Referral.objects.get(allocation__participant=later).state == "stopped"
    take_back(world, later)
    assert list(Allocation.objects.order_by("sequence").values()) == before
    merge(world, later, first)
    assert AllocationError.objects.count() == 1


def test_an_allocation_by_merged_films_stays_when_the_merge_is_taken_back(world):
    one, other = high_risk(world, 2)
    merge(world, one, other)
    [made] = freeze_and_draw(world)
    take_back(world, one)
    assert Allocation.objects.get() == made and made.evidence["films_counted"] == 2
    assert RiskAssessment.objects.get(participant=other).films_counted == 2
    [fresh] = freeze_and_draw(world)
    assert (fresh.participant, fresh.evidence["films_counted"]) == (one, 1)


def test_the_dataset_has_what_was_found_under_either_number_in_one_row(world):
    drawn, late = drawn_in_order(world)[0], make_participant(world)
    record_treatment(late, drug_class=DrugClass.DENOSUMAB, started_on=parse("2023-01-31"), by=None)

    def treated() -> set[str]:
        return {row.study_number for row in subject_rows(world.trial, timezone.now()) if row.treated}

    assert treated() == {str(late)}
    merge(world, late, drawn)
    assert treated() == {str(drawn)}
    take_back(world, late)
    assert treated() == {str(late)}


def test_who_alone_was_randomized_is_who_the_other_is_merged_into(world):
    drawn, late = drawn_in_order(world)[0], make_participant(world)
    refused = do(world.coordinator, "merge", drawn, into=str(late), reason=WHY)
    assert refused.status_code == 422 and f"Merge {late} into {drawn} instead" in words(refused)
    merge(world, late, drawn)
    assert not AllocationError.objects.exists()


def test_what_speaks_against_a_merge_is_said_with_what_to_do(world):
    one, other = make_participant(world), make_participant(world, birth_date="1950-06-16")
    refused = do(world.coordinator, "merge", one, into=str(other), reason=WHY)
    said = words(refused)
    assert refused.status_code == 422 and "disagree" in said and "1950-06-16" in said and "Correct" in said
    nobody = do(world.coordinator, "merge", one, into="DEMO-01-000099-9", reason=WHY)
    assert nobody.status_code == 422 and "Copy the study number again" in words(nobody)
    people.correct_person(other, by=world.coordinator, why="A typing error", birth_date=parse("1950-06-15"))
    with pytest.raises(Refused, match="Name another registration"):
        merge(world, one, one)

    third = make_participant(world)
    conduct.withdraw(third, reason="No more.", by=world.coordinator)
    with pytest.raises(Refused, match=f"{third} withdrew, and {one} did not"):
        merge(world, third, one)
    erased = make_participant(world)
    forget(erased, world)
    with pytest.raises(Refused, match="erased"):
        merge(world, one, erased)
    assert not PersonMerge.objects.exists()


def test_what_happens_to_a_merged_person_is_told_of_the_registration_that_counts(world):
    one, other = make_participant(world), make_participant(world)
    merge(world, one, other)
    with pytest.raises(Refused, match=f"Record it of {other}"):
        referral.withdraw(one, reason="No more.", by=world.coordinator)
    with pytest.raises(Refused, match=f"Record it of {other}"):
        referral.object_to_calls(one, by=world.coordinator)
    assert state_of(one) == State.REGISTERED


def test_nobody_but_who_registers_people_merges_them(world):
    one, other = make_participant(world), make_participant(world)
    for role in ("caller", "data_manager", "monitor", "inspector", "investigator", "stranger"):
        user = getattr(world, role)
        assert do(user, "merge", one, into=str(other), reason=WHY).status_code in (403, 404)
        with pytest.raises(Refused, match="register people"):
            merging.merge(one, into=other, reason=WHY, by=user)
    row = merge(world, one, other)
    with pytest.raises(Refused, match="register people"):
        merging.take_back(one, reason=WHY, by=world.monitor)
    assert PersonMerge.objects.standing().get() == row


def test_people_of_a_recorded_trial_stay_as_they_were_recorded():
    world = make_world("REC", kind=TrialKind.RECORDED)
    one, other = make_participant(world), make_participant(world)
    with pytest.raises(Refused, match="recorded trial"):
        merge(world, one, other)


def test_the_database_makes_no_chain_no_circle_and_no_second_merge(world):
    one, other, third = (make_participant(world) for _ in range(3))
    row = merge(world, one, other)
    for wrong in (
        {"participant_id": other.pk, "into_id": one.pk},
        {"participant_id": other.pk, "into_id": third.pk},
        {"participant_id": third.pk, "into_id": one.pk},
    ):
        assert "Nobody is merged into who is merged away" in refusal(*copy(row, **wrong))
    for wrong_one, into, said in ((other, one, "already"), (third, one, "already"), (other, third, "Others")):
        with pytest.raises(Refused, match=said):
            merge(world, wrong_one, into)
    assert "merged_into_one_at_a_time" in refusal(*copy(row, into_id=third.pk))
    themself = copy(row, participant_id=third.pk, into_id=third.pk)
    assert "nobody_is_merged_into_themself" in refusal(*themself)
    assert "a_merge_has_a_reason" in refusal(*copy(row, participant_id=third.pk, reason=""))


def test_the_database_merges_nobody_who_differs_or_was_drawn_first(world):
    first, later = drawn_in_order(world)
    one, young = make_participant(world), make_participant(world, birth_date="1951")
    row = merge(world, one, later)
    differ = "with the same sex and birth date"
    assert differ in refusal(*copy(row, participant_id=young.pk))
    assert differ in refusal(*copy(row, into_id=make_participant(make_world("ELSE")).pk))
    fresh = make_participant(world)
    assert "randomized first stays" in refusal(*copy(row, participant_id=first.pk, into_id=fresh.pk))
    take_back(world, one)
    assert "randomized first stays" in refusal(*copy(row, participant_id=first.pk, into_id=later.pk))


def test_the_database_draws_nobody_who_is_merged_away(world):
    made = randomized(world, 2)[0]
    one, other = make_participant(world), make_participant(world)
    cohort.assess_trial(world.trial, by=world.coordinator)
    add_film(world, one)
    cohort.assess(one, by=world.coordinator)
    row = merge(world, one, other)
    conduct.change_state(one, event="find_eligible", by=world.coordinator, why="By hand")
    drawn = copy(made, participant_id=one.pk, sequence=made.stratum.drawn + 1)
    assert "merged into another" in refusal(*drawn)
    assert row.undone_at is None


def test_the_database_keeps_a_merge_as_it_was_and_lets_it_be_taken_back_once(world):
    one, other, third = (make_participant(world) for _ in range(3))
    row = merge(world, one, other)
    change = "UPDATE trial_personmerge SET "
    assert "given another" in refusal(change + "into_id = %s", third.pk)
    assert "taken_back_by_somebody" in refusal(change + "undone_at = now()")
    assert refusal("DELETE FROM trial_personmerge")
    take_back(world, one)
    assert "never changed after they were taken back" in refusal(change + "undone_reason = 'x'")
    with pytest.raises(Refused, match="not merged into anybody"):
        take_back(world, one)
    assert [event.pgh_label for event in row.events.order_by("pgh_id")] == ["insert", "update"]


@pytest.mark.django_db(transaction=True)
def test_two_merges_at_once_make_no_circle():
    world = make_world()
    one, other = make_participant(world), make_participant(world)
    answers = at_once([partial(merge, world, one, other), partial(merge, world, other, one)])
    assert sorted(isinstance(answer, Refused) for answer in answers) == [False, True], answers
    assert PersonMerge.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_trial_that_randomizes_by_itself_draws_one_person_once_by_all_films():
    world = make_world(protocol=template("opscan").amended(AUTOMATIC, note="A test."))
    one, other = high_risk(world, 1)[0], make_participant(world)
    merge(world, one, other)
    assert randomize_ready() == 1
    assert Allocation.objects.get().participant == other
    take_back(world, one)
    assert randomize_ready() == 1
    assert [a.participant for a in Allocation.objects.order_by("sequence")] == [other, one]


def test_a_duplicate_on_record_already_is_not_recorded_again(world):
    first, later = drawn_in_order(world)
    referral.record_allocation_error(
        later, fault=AllocationFault.DUPLICATE, reason=WHY, by=world.coordinator, first=first
    )
    merge(world, later, first)
    assert AllocationError.objects.count() == 1
