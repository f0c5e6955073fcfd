"""Lists that are gone on with: by another one, under another key; and what a draw by chances leaves on record."""

from collections import Counter

import pytest
from django.db import DatabaseError, transaction

from screening.services import cohort
from tests.factories import copy, freeze_and_draw, high_risk, make_world, refusal
from trial import audit
from trial.allocation_rules import Method
from trial.keys import KeyUnusable, key_path
from trial.models import Allocation, KeyEpoch, Stratum
from trial.protocol import template
from trial.randomization import ListExhausted
from trial.services import lists, protocols, signatures
from trial.services.trials import Refused
from trial.services.verification import Differs, verify

MINIMIZED = {
    "allocation.method": "minimization",
    "allocation.p": "4/5",
    "allocation.measure": "range",
    "allocation.factors": {"sex": 1, "age_group": 1},
}


def running(changes, code="DEMO"):
    return make_world(code, protocol=template("opscan").amended(changes, note="A test."))


def one_by_one(world, people):
    return [cohort.randomize(person, by=world.coordinator) for person in people]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"allocation.method": "simple"},
        {"allocation.method": "big_stick", "allocation.limit": 2},
        {"allocation.method": "biased_coin", "allocation.p": "2/3", "allocation.strata": ["sex"]},
        MINIMIZED,
        MINIMIZED | {"allocation.factors": {"age_group": 2}, "allocation.strata": ["sex"]},
    ],
)
def test_a_draw_by_chances_is_recorded_whole_and_replayed(changes):
    world = running(changes)
    people = high_risk(world, 8)
    made = one_by_one(world, people)

    for row in made:
        row.refresh_from_db()
        assert row.uniform is not None and sum(row.probabilities.values()) == pytest.approx(1)
        assert set(row.strata_values) == {str(f) for f in world.trial.protocol.allocation.used}
    last = made[-1]
    assert sum(next(iter(last.counts_before.values())).values()) <= 7
    assert verify(world.trial) == 8


@pytest.mark.django_db(transaction=True)
def test_a_corrected_fact_changes_no_draw_of_the_past(world):
    world = running(MINIMIZED, "PAST")
    people = high_risk(world, 4)
    one_by_one(world, people)
    with audit.context(by=world.coordinator, why="typing error", how="test"):
        people[0].sex = "male"
        people[0].save(update_fields=["sex"])
    one_by_one(world, high_risk(world, 2))
    assert verify(world.trial) == 6
    assert Allocation.objects.get(participant=people[0]).strata_values["sex"] == "female"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("uniform", 0.123),
        ("counts_before", {"sex": {"screening": 9, "control": 0}}),
        ("probabilities", {"screening": 0.6, "control": 0.4}),
    ],
)
def test_a_forged_draw_differs(column, value):
    from django.db import connection

    from config.postgres.roles import as_owner

    world = running(MINIMIZED)
    one_by_one(world, high_risk(world, 3))
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE trial_allocation DISABLE TRIGGER USER")
        Allocation.objects.filter(sequence=3).update(**{column: value})
        cursor.execute("ALTER TABLE trial_allocation ENABLE TRIGGER USER")
    with pytest.raises(Differs, match="place 3"):
        verify(world.trial)


@pytest.mark.django_db(transaction=True)
def test_every_cohort_has_a_whole_list_of_its_own(world):
    first, second = high_risk(world, 6), None
    freeze_and_draw(world)
    second = high_risk(world, 4)
    made = freeze_and_draw(world)
    assert {a.participant for a in made} == set(second) and len(first) == 6
    assert [(s.list_version, s.drawn, s.total) for s in Stratum.objects.order_by("list_version")] == [
        (1, 6, 6),
        (2, 4, 4),
    ]
    assert Counter(a.arm for a in made) == {"screening": 2, "control": 2}
    assert verify(world.trial) == 10


@pytest.mark.django_db(transaction=True)
def test_an_uploaded_list_that_is_used_up_is_extended_never_edited():
    world = running({"allocation.method": Method.UPLOADED_LIST.value})
    by = world.randomization_statistician
    lists.upload_list(world.trial, arms=["screening", "control"], by=by)
    people = high_risk(world, 4)
    one_by_one(world, people[:2])
    with pytest.raises(ListExhausted):
        one_by_one(world, people[2:3])
    with pytest.raises(Refused, match="uploaded before"):
        lists.upload_list(world.trial, arms=["screening", "control"], by=by)
    with pytest.raises(Refused, match="no stratum 'sex=female'"):
        lists.upload_list(world.trial, arms=["control"] * 3 + ["screening"] * 3, by=by, label="sex=female")
    lists.upload_list(world.trial, arms=["control", "screening"], by=by)
    made = one_by_one(world, people[2:])
    assert [(a.stratum.list_version, a.sequence, a.arm) for a in made] == [
        (2, 1, "control"),
        (2, 2, "screening"),
    ]
    assert verify(world.trial) == 4


@pytest.mark.django_db(transaction=True)
def test_a_changed_key_begins_lists_of_its_own_and_the_past_is_still_verified():
    world = running({"allocation.method": "permuted_blocks", "allocation.block_sizes": [4]})
    people = high_risk(world, 5)
    one_by_one(world, people[:3])
    by = world.randomization_statistician
    with pytest.raises(Refused, match="Write why"):
        lists.change_key(world.trial, reason=" ", by=by)
    with pytest.raises(Refused, match="upload allocation list"):
        lists.change_key(world.trial, reason="seen", by=world.coordinator)
    epoch = lists.change_key(world.trial, reason="The file was seen.", by=by)
    assert epoch.number == 2 and epoch.key_fingerprint != world.trial.key_fingerprint

    made = one_by_one(world, people[3:])
    assert [(a.stratum.key_epoch, a.stratum.list_version, a.sequence) for a in made] == [(2, 2, 1), (2, 2, 2)]
    assert sum(made[0].counts_before["stratum"].values()) == 3
    assert verify(world.trial) == 5

    key_path(world.trial.code, 2).unlink()
    with pytest.raises(KeyUnusable, match="Nothing was drawn"):
        one_by_one(world, high_risk(world, 1))


def amended(world, changes):
    """Put an amendment in force, as far as it goes."""
    version = protocols.amend_protocol(
        world.trial.protocol_version, changes=changes, why="The committee advised it.", by=world.coordinator
    )
    version = protocols.approve_protocol(version, by=world.investigator)
    signatures.sign(version, by=world.coordinator, password=None)
    return protocols.activate(version, by=world.investigator)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"allocation.method": "permuted_blocks", "allocation.block_sizes": [4], "allocation.strata": ["sex"]},
        {"allocation.method": "big_stick", "allocation.limit": 2},
        MINIMIZED,
    ],
    ids=["blocks", "big stick", "minimization"],
)
def test_to_an_arm_that_was_dropped_nobody_more_is_allocated_and_the_past_stays(changes):
    world = running(changes)
    people = high_risk(world, 12)
    before = [(a.pk, a.arm, a.stratum.list_version) for a in one_by_one(world, people[:6])]
    assert {arm for _, arm, _ in before} == {"screening", "control"}

    amended(world, {"allocation.dropped": ["control"]})

    made = one_by_one(world, people[6:])
    assert {(a.arm, a.stratum.list_version, a.stratum.arms) for a in made} == {("screening", 2, "screening")}
    kept = Allocation.objects.filter(participant__in=people[:6]).order_by("occurred_at")
    assert [(a.pk, a.arm, a.stratum.list_version) for a in kept] == before
    assert verify(world.trial) == 12
    with pytest.raises(Refused, match="only an arm may be dropped"):
        amended(world, {"allocation.dropped": []})
    with pytest.raises(Refused, match="Close the trial to allocate nobody"):
        amended(world, {"allocation.dropped": ["control", "screening"]})


@pytest.mark.django_db(transaction=True)
def test_the_database_allocates_nobody_to_an_arm_that_was_dropped():
    world = running({"allocation.method": "simple"})
    people = high_risk(world, 10)
    first = one_by_one(world, people[:8])
    control = next(a for a in first if a.arm == "control")
    amended(world, {"allocation.dropped": ["control"]})
    made = one_by_one(world, people[8:9])[0]
    late = people[9]
    cohort.assess(late, by=world.coordinator)
    version = world.trial.protocol_version.pk
    for row, arm in ((made, "control"), (control, "control")):
        said = refusal(
            *copy(
                row,
                participant_id=late.pk,
                sequence=row.stratum.drawn + 1,
                arm=arm,
                protocol_version_id=version,
            )
        )
        assert "arm that was dropped" in said
    assert "only moves forward" in refusal(
        "UPDATE trial_stratum SET arms = 'control,screening' WHERE arms = 'screening'"
    )


def test_the_database_draws_from_no_list_of_an_earlier_key_and_keeps_every_epoch(world):
    high_risk(world, 4)
    one, *_ = freeze_and_draw(world)
    lists.change_key(world.trial, reason="seen", by=world.randomization_statistician)
    late = high_risk(world, 1)[0]
    cohort.assess(late, by=world.coordinator)
    with (
        pytest.raises(DatabaseError, match="made under key 1"),
        transaction.atomic(),
        audit.context(by=None, why="a test", how="test"),
    ):
        fresh = Allocation.objects.get(pk=one.pk)
        fresh.pk, fresh.participant, fresh.sequence = None, late, 5
        fresh.save(force_insert=True)
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        audit.context(by=None, why="a test", how="test"),
    ):
        KeyEpoch.objects.update(reason="other")
