"""Two people sign a cohort, each with the password, for the list as it stands; nobody signs for another."""

import logging

import pytest
from django.db import DatabaseError, transaction

from screening.services import cohort
from tests.admin import do, page_of
from tests.browsing import browser, words
from tests.factories import PASSWORD, freeze_and_sign, high_risk, refusal
from trial import audit
from trial.models import Allocation, Signature
from trial.services import signatures
from trial.services.signatures import NotSigned
from trial.services.trials import Refused


@pytest.fixture
def frozen(world):
    high_risk(world, 4)
    return cohort.freeze_cohort(world.trial, by=world.coordinator)


def test_a_cohort_waits_for_two_different_people(world, frozen):
    def told():
        with pytest.raises(NotSigned) as no:
            cohort.randomize_cohort(frozen, by=world.coordinator)
        return str(no.value)

    assert "nobody has yet" in told()
    signatures.sign(frozen, by=world.coordinator, password=PASSWORD)
    signatures.sign(frozen, by=world.coordinator, password=PASSWORD)
    assert f"{world.coordinator.first_name} has" in told()
    assert not Allocation.objects.exists()
    signatures.sign(frozen, by=world.data_manager, password=PASSWORD)
    assert len(cohort.randomize_cohort(frozen, by=world.coordinator)) == 4


def test_a_signature_needs_the_password_again_and_the_permission(world, frozen, caplog):
    with (
        caplog.at_level(logging.WARNING, logger="screentrial.access"),
        pytest.raises(Refused, match="not your password"),
    ):
        signatures.sign(frozen, by=world.coordinator, password="guess")
    assert f"user {world.coordinator.pk}" in caplog.text and "guess" not in caplog.text
    with pytest.raises(Refused, match="sign cohort"):
        signatures.sign(frozen, by=world.caller, password=PASSWORD)
    assert not Signature.objects.filter(subject_id=frozen.pk).exists()


def test_the_page_asks_for_the_password_and_shows_who_signed_when_and_for_what(world, frozen):
    wrong = do(world.coordinator, "sign", frozen, password="guess")
    assert (
        wrong.status_code == 422
        and "not your password" in words(wrong)
        and "guess" not in wrong.content.decode()
    )
    assert "Another person has to sign too" in words(do(world.coordinator, "sign", frozen, password=PASSWORD))
    assert "It can be randomized" in words(do(world.investigator, "sign", frozen, password=PASSWORD))
    page = words(browser(world.monitor).get(page_of(frozen)))
    for signer in (world.coordinator, world.investigator):
        assert f"{signer.first_name}, 20" in page
    assert page.count("this list is to be randomized") == 2


def test_the_database_lets_nobody_sign_for_another_or_for_another_content(world, frozen):
    def give(by, **changes):
        row = {
            "trial": world.trial,
            "meaning": "cohort",
            "subject_id": frozen.pk,
            "content_sha256": frozen.sha256,
            "signer": world.coordinator,
        }
        with transaction.atomic(), audit.context(by=by, why="a test", how="test"):
            Signature.objects.create(**row | changes)

    with pytest.raises(DatabaseError, match="Only the signer"):
        give(world.investigator)
    with pytest.raises(DatabaseError, match="no such content"):
        give(world.coordinator, content_sha256="0" * 64)
    give(world.coordinator)
    assert "never" in refusal("UPDATE trial_signature SET meaning = meaning") or "denied" in refusal(
        "UPDATE trial_signature SET meaning = meaning"
    )


def test_the_database_allocates_no_unsigned_cohort(world):
    signed = freeze_and_sign(world) if high_risk(world, 2) else None
    made = cohort.randomize_cohort(signed, by=world.coordinator)
    late = high_risk(world, 1)[0]
    unsigned = cohort.freeze_cohort(world.trial, by=world.coordinator)
    fresh = Allocation.objects.get(pk=made[0].pk)
    fresh.pk, fresh.participant, fresh.sequence, fresh.cohort = None, late, 3, unsigned
    with (
        pytest.raises(DatabaseError, match="when two people have signed it"),
        transaction.atomic(),
        audit.context(by=None, why="a test", how="test"),
    ):
        fresh.save(force_insert=True)
