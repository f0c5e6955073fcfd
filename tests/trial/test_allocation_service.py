"""Randomizing through the service: order, idempotence, refusals, and what the database itself forbids."""

import json
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection

from screening.services import cohort
from tests.admin import do
from tests.factories import (
    copy,
    freeze_and_draw,
    high_risk,
    in_arm,
    make_participant,
    make_world,
    randomized,
    refusal,
)
from trial import allocation_log
from trial.keys import KeyUnusable, key_path
from trial.models import Allocation, Stratum
from trial.protocol import template
from trial.services.trials import NotNow, Refused

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_cohort_is_split_in_half_and_asked_twice_answers_the_same(world):
    allocations = randomized(world, 10)

    again = cohort.randomize_cohort(allocations[0].cohort, by=world.coordinator)

    assert sorted(a.arm for a in allocations) == ["control"] * 5 + ["screening"] * 5
    assert [a.pk for a in again] == [a.pk for a in allocations]
    assert sorted(a.sequence for a in Allocation.objects.all()) == list(range(1, 11))


def test_every_allocation_is_in_the_log_outside_the_database(world):
    allocations = randomized(world, 4)

    lines = allocation_log.log_path(world.trial).read_text().splitlines()

    assert len(lines) == 4
    assert all(any(str(a.pk) in line and a.arm in line for line in lines) for a in allocations)


def test_a_database_older_than_the_log_allocates_nobody(world):
    randomized(world, 4)
    path = allocation_log.log_path(world.trial)
    lost = json.loads(path.read_text().splitlines()[-1]) | {"id": str(uuid4()), "sequence": 5}
    path.write_text(path.read_text() + json.dumps(lost) + "\n")
    high_risk(world)

    with pytest.raises(allocation_log.OnHold, match="on hold"):
        freeze_and_draw(world)

    assert Allocation.objects.count() == 4


def test_nobody_joins_a_cohort_that_was_drawn(world):
    randomized(world, 4)
    late = high_risk(world)[0]

    with pytest.raises(NotNow, match="Nothing was drawn") as refused:
        cohort.randomize(late, by=world.coordinator)

    assert "screening" not in str(refused.value) and "control" not in str(refused.value)


def test_without_its_key_a_trial_draws_nothing(world):
    high_risk(world, 2)
    key_path(world.trial.code).write_text("00" * 32)

    with pytest.raises(KeyUnusable, match="not the one"):
        freeze_and_draw(world)
    key_path(world.trial.code).unlink()
    with pytest.raises(KeyUnusable, match="missing"):
        freeze_and_draw(world)

    assert Allocation.objects.count() == 0


def test_nobody_at_low_risk_or_unassessed_is_randomized(db):
    one_by_one = {"allocation.method": "permuted_blocks", "allocation.block_sizes": [4]}
    nobody = make_participant(make_world(protocol=template("opscan").amended(one_by_one, note="x")))

    with pytest.raises(Refused, match="No usable radiograph"):
        cohort.randomize(nobody, by=None)


def test_where_a_cohort_is_drawn_together_nobody_s_risk_is_told_by_asking_for_one(world):
    (high,), unassessed = high_risk(world, 1), make_participant(world)

    for person in (high, unassessed):
        with pytest.raises(NotNow, match="randomizes its frozen cohort together"):
            cohort.randomize(person, by=world.coordinator)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE trial_allocation SET arm = 'control'", "permission denied"),
        ("DELETE FROM trial_allocation", "permission denied"),
        ("UPDATE trial_statechange SET reason = 'edited'", "permission denied"),
        ("DELETE FROM trial_statechange", "permission denied"),
        ("UPDATE trial_allocationevent SET arm = 'control'", "permission denied"),
        ("DELETE FROM trial_allocationevent", "permission denied"),
        ("TRUNCATE trial_allocation CASCADE", "permission denied"),
        ("UPDATE trial_stratum SET drawn = 0", "no draw is taken back"),
        ("DELETE FROM trial_stratum", "never deleted"),
        ("UPDATE trial_participant SET state = 'eligible'", "needs its state change"),
        ("DELETE FROM trial_participant", "never deleted"),
    ],
)
def test_sql_can_not_undo_an_allocation(world, statement, said):
    randomized(world, 4)

    assert said in refusal(statement)

    assert Allocation.objects.count() == 4
    assert Stratum.objects.get().drawn == 4


def test_sql_can_not_use_a_slot_twice_or_skip_one(world):
    randomized(world, 4)
    stratum, late = Stratum.objects.get(), high_risk(world)[0]
    cohort.assess(late, by=world.coordinator)
    row = Allocation.objects.first()

    for sequence in (4, 6):
        assert "next slot of this stratum is 5" in refusal(
            "INSERT INTO trial_allocation (id, occurred_at, participant_id, stratum_id, sequence, arm,"
            " randomized_on,"
            " engine_version, strata_values, counts_before, evidence, protocol_version_id)"
            " VALUES (gen_random_uuid(), now(), %s, %s, %s, 'screening', current_date, 'x', '{}', '{}', '{}', %s)",
            late.pk, stratum.pk, sequence, row.protocol_version_id,
        )  # fmt: skip


def test_sql_can_not_open_a_referral_for_a_control_participant(world):
    allocations = randomized(world, 4)
    control = in_arm(allocations, "control").allocation

    for arm, said in (("screening", "referral_allocation_arm_fk"), ("control", "only_screening_is_referred")):
        assert said in refusal(
            "INSERT INTO screening_referral"
            " (id, occurred_at, allocation_id, arm, state, window_ends_on, protocol_version_id)"
            " SELECT gen_random_uuid(), now(), id, %s, 'open', randomized_on + 180, protocol_version_id"
            " FROM trial_allocation WHERE id = %s",
            arm, control.pk,
        )  # fmt: skip


def test_a_change_without_who_why_and_how_is_refused(world):
    with pytest.raises(DatabaseError, match="audit context"), connection.cursor() as cursor:
        cursor.execute("UPDATE trial_trial SET title = 'silently'")


def test_nobody_of_a_site_that_is_stopped_is_randomized_until_it_goes_on():
    world = make_world(protocol=template("opscan").amended({"allocation.method": "simple"}, note="A test."))
    first, second = high_risk(world, 2)
    made = cohort.randomize(first, by=world.coordinator)
    do(world.investigator, "stop", world.site, reason="The monitor found no consents.")
    with pytest.raises(NotNow, match="is stopped: nobody of it is randomized"):
        cohort.randomize(second, by=world.coordinator)
    cohort.assess(second, by=world.coordinator)
    row = Allocation.objects.get(pk=made.pk)
    assert "site is stopped" in refusal(*copy(row, participant_id=second.pk, sequence=2))
    do(world.investigator, "go-on", world.site, reason="They were found.")
    assert cohort.randomize(second, by=world.coordinator).sequence == 2
