"""What follows an allocation: errors are documented and stand, and one person's arm is told to one who may know."""

import logging

import pytest

from analysis.subjects import FAULT_CODES
from screening.models import Referral
from screening.services import referral
from tests.admin import do, page_of
from tests.browsing import browser, words
from tests.factories import PASSWORD, copy, high_risk, in_arm, make_participant, randomized, refusal
from trial.models import Allocation, AllocationError, CodeBreak, ProtocolDeviation
from trial.services import aftermath
from trial.services.trials import Refused
from trial.states import AllocationFault

pytestmark = pytest.mark.django_db


def test_an_error_is_documented_and_the_allocation_stands(world):
    made = randomized(world, 4)
    person, arm = made[0].participant, made[0].arm
    typed = {"fault": "wrong_stratum", "reason": "Registered as a man by mistake."}
    told = words(do(world.data_manager, "allocation-error", person, **typed))
    assert "The allocation stands" in told
    assert Allocation.objects.get(participant=person).arm == arm
    row = ProtocolDeviation.objects.get()
    assert (row.category, row.severity, row.participant) == ("allocation", "major", person)
    assert "wrong stratum" in row.description.lower()
    assert "Registered as a man" in words(browser(world.monitor).get(page_of(person)))
    again = do(world.data_manager, "allocation-error", person, **typed)
    assert again.status_code == 422 and "on record" in words(again)


def test_a_person_randomized_twice_keeps_the_first_and_the_later_offer_is_stopped(world):
    made = sorted(randomized(world, 4), key=lambda a: a.sequence)
    later = next(a for a in made[1:] if a.arm == "screening").participant
    first = made[0].participant
    typed = {"fault": "duplicate", "reason": "Two hospital numbers."}
    alone = do(world.coordinator, "allocation-error", later, **typed)
    assert alone.status_code == 422 and "name the participant randomized first" in words(alone)
    unknown = do(world.coordinator, "allocation-error", later, **typed, first="DEMO-01-000099-9")
    assert unknown.status_code == 422 and "Copy the study number again" in words(unknown)

    do(world.coordinator, "allocation-error", later, **typed, first=first.study_number)
    assert AllocationError.objects.get().first == first
    assert Referral.objects.get(allocation__participant=later).state == "stopped"
    assert Allocation.objects.count() == 4
    with pytest.raises(Refused, match="was not randomized before"):
        referral.record_allocation_error(
            first, fault=AllocationFault.DUPLICATE, reason="x", by=world.coordinator, first=later
        )


def test_who_is_not_randomized_has_no_allocation_error(world):
    person = make_participant(world)
    assert do(world.coordinator, "allocation-error", person, fault="wrong_arm", reason="x").status_code == 422
    made = sorted(randomized(world, 2), key=lambda a: a.sequence)
    earlier, later = made[0].participant, made[1].participant
    aftermath.record_allocation_error(
        earlier, fault=AllocationFault.WRONG_ARM, reason="x", by=world.coordinator
    )
    row = AllocationError.objects.get()
    assert "not randomized" in refusal(*copy(row, participant_id=person.pk))
    twice = copy(row, participant_id=earlier.pk, fault="duplicate", first_id=later.pk)
    assert "first allocation of a person stands" in refusal(*twice)
    assert "a_duplicate_names_the_first" in refusal(*copy(row, fault="duplicate"))


def test_the_code_is_broken_by_a_named_role_with_reason_and_password_and_told_once(world, caplog):
    person = in_arm(randomized(world, 4), "control")
    typed = {"category": "emergency", "reason": "Admitted with a fracture; the drug matters."}
    wrong = do(world.investigator, "break-code", person, **typed, password="guess")
    assert wrong.status_code == 422 and "not your password" in words(wrong)
    assert "control arm" not in words(wrong) and not CodeBreak.objects.exists()

    with caplog.at_level(logging.INFO):
        told = do(world.investigator, "break-code", person, **typed, password=PASSWORD)
    assert f"{person} is in the control arm" in words(told)
    assert "control" not in caplog.text and f"user {world.investigator.pk}" in caplog.text
    assert "control arm" not in words(browser(world.investigator).get(page_of(person)))
    seen = words(browser(world.monitor).get(page_of(CodeBreak.objects.get())))
    assert "Admitted with a fracture" in seen and "control arm" not in seen


def test_nobody_else_breaks_the_code_not_even_the_keeper_of_accounts(world):
    person = in_arm(randomized(world, 4), "screening")
    typed = {"category": "emergency", "reason": "x", "password": PASSWORD}
    for role in ("system_administrator", "coordinator", "data_manager", "monitor", "caller", "inspector"):
        user = getattr(world, role)
        assert do(user, "break-code", person, **typed).status_code in (403, 404)
        with pytest.raises(Refused, match="break code"):
            aftermath.break_code(person, category="emergency", reason="x", by=user, password=PASSWORD)
    assert not CodeBreak.objects.exists()
    unallocated = high_risk(world)[0]
    with pytest.raises(Refused, match="is not randomized"):
        aftermath.break_code(
            unallocated, category="emergency", reason="x", by=world.investigator, password=PASSWORD
        )


def test_the_report_names_every_fault():
    assert list(FAULT_CODES) == [str(fault) for fault in AllocationFault]
