"""Replaying a trial's draws: silent where all is as it was, and loud at the first difference."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config.postgres.roles import as_owner
from screening.services import cohort
from tests.factories import World, high_risk, make_world, randomized
from trial import allocation_log
from trial.keys import key_path
from trial.models import Allocation, Trial
from trial.protocol import template
from trial.services import lists

pytestmark = pytest.mark.django_db(transaction=True)  # the log is written after the commit
BLOCKS = {
    "allocation.method": "permuted_blocks",
    "allocation.block_sizes": [4, 6],
    "allocation.strata": ["sex"],
}
LISTED = {"allocation.method": "uploaded_list"}


def said(trial: Trial) -> str:
    out = StringIO()
    call_command("verify_allocations", trial.code, stdout=out)
    return out.getvalue()


def tamper(statement: str, *values: object) -> None:
    """Change the record as whoever owns the database could."""
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE trial_allocation DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        cursor.execute("ALTER TABLE trial_allocation ENABLE TRIGGER USER")


def by_blocks() -> World:
    world = make_world(protocol=template("opscan").amended(BLOCKS, note="Blocks."))
    for person in high_risk(world, 7) + high_risk(world, 5, sex="male"):
        cohort.randomize(person, by=world.coordinator)
    return world


def by_list() -> World:
    world = make_world(protocol=template("opscan").amended(LISTED, note="A list."))
    arms = ["screening", "control", "control", "screening"]
    lists.upload_list(world.trial, arms=arms, by=world.randomization_statistician)
    randomized(world, 4)
    return world


def by_rule() -> World:
    world = make_world()
    randomized(world, 6)
    return world


@pytest.mark.parametrize(("made", "count"), [(by_blocks, 12), (by_list, 4), (by_rule, 6)])
def test_what_was_drawn_is_drawn_again(db, made, count):
    assert f"All {count} allocations of trial DEMO" in said(made().trial)


@pytest.mark.parametrize("made", [by_blocks, by_list, by_rule])
def test_one_changed_arm_is_found(db, made):
    trial = made().trial
    # Of the control arm, for an offer hangs on every other.
    row = Allocation.objects.filter(arm="control").order_by("sequence").last()
    tamper("UPDATE trial_allocation SET arm = 'screening' WHERE id = %s", row.pk)

    with pytest.raises(CommandError, match="the key draws another arm") as found:
        said(trial)

    assert found.value.returncode == 1
    assert not {"screening", "control"} & set(str(found.value).replace(".", "").split())


def test_a_line_missing_from_the_log_is_found(world):
    randomized(world, 4)
    path = allocation_log.log_path(world.trial)
    kept = path.read_text().splitlines()[:-1]
    path.write_text("\n".join(kept) + "\n")

    with pytest.raises(CommandError, match="log outside the database and the record differ about DEMO-01"):
        said(world.trial)


def test_a_line_of_the_log_that_says_otherwise_is_found(world):
    randomized(world, 4)
    path = allocation_log.log_path(world.trial)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["sequence"] = 9
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    with pytest.raises(CommandError, match="differ about DEMO-01"):
        said(world.trial)


def test_without_its_key_nothing_is_verified_and_an_unknown_trial_is_told(world):
    randomized(world, 2)
    key_path(world.trial.code).unlink()
    with pytest.raises(CommandError, match="missing or unreadable"):
        said(world.trial)
    with pytest.raises(CommandError, match=r"There is no trial 'NONE'. Trials: DEMO"):
        call_command("verify_allocations", "NONE")
