"""A database really put back to an earlier moment: nobody is drawn, and no slot used twice, until it is reconciled."""

import json
from collections import Counter
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from psycopg import sql

from screening.models import Referral
from screening.services import cohort, referral
from tests.admin import act_url, do, page_of
from tests.browsing import browser, words
from tests.factories import (
    World,
    add_film,
    copy,
    freeze_and_draw,
    high_risk,
    make_participant,
    make_world,
    refusal,
)
from trial import allocation_log, statements
from trial.models import Allocation, Participant, ProtocolDeviation, Reconciliation, Stratum, TrialKind
from trial.protocol import template
from trial.services import people

pytestmark = pytest.mark.django_db(transaction=True)

BLOCKS = {
    "allocation.method": "permuted_blocks",
    "allocation.block_sizes": [4, 6],
    "allocation.strata": ["sex"],
}
MINIMIZATION = {
    "allocation.method": "minimization",
    "allocation.measure": "range",
    "allocation.p": "0.8",
    "allocation.factors": {"sex": 1, "age_group": 1},
}


class Backup:
    """The database of the tests as it was at one moment."""

    def __init__(self) -> None:
        connection.ensure_connection()
        self.name = connection.settings_dict["NAME"]
        self.copy = f"{self.name}_backup"
        self._run("DROP DATABASE IF EXISTS {}", self.copy)
        self._run("CREATE DATABASE {} TEMPLATE {}", self.copy, self.name)

    def restore(self) -> None:
        """Put the database back as it was."""
        self._run("DROP DATABASE {}", self.name)
        self._run("ALTER DATABASE {} RENAME TO {}", self.copy, self.name)

    def _run(self, statement: str, *names: str) -> None:
        known = connection.get_connection_params()
        connection.close()
        where = {key: known[key] for key in ("host", "port", "user", "password") if known.get(key)}
        with psycopg.connect(**where, dbname="postgres", autocommit=True) as server:
            server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def world_of(changes: dict[str, Any], kind: str = TrialKind.LIVE) -> World:
    return make_world(kind=kind, protocol=template("opscan").amended(changes, note="To restore it."))


def real(model: Any) -> Any:
    """Return the rows outside the test trial in which the protocol was tried before."""
    return model.objects.exclude(**{f"{model.TRIAL_PATH}__kind": TrialKind.TEST})


def draw(world: World, *participants: Participant) -> list[tuple[Any, ...]]:
    """Randomize people one after the other; return all that was answered."""
    made = [cohort.randomize(p, by=world.coordinator) for p in participants]
    return [(a.pk, a.participant.study_number, a.arm, a.sequence, a.occurred_at) for a in made]


def command(world: World, *arguments: str) -> str:
    out = StringIO()
    by = ("--by", world.randomization_statistician.username)
    call_command("reconcile_allocations", world.trial.code, *by, *arguments, stdout=out)
    return out.getvalue()


def verified(world: World) -> str:
    out = StringIO()
    call_command("verify_allocations", world.trial.code, stdout=out)
    return out.getvalue()


def on_record() -> list[tuple[Any, ...]]:
    rows = real(Allocation).values_list("pk", "participant__study_number", "arm", "sequence", "occurred_at")
    return sorted(rows, key=lambda row: row[1])


@pytest.mark.parametrize("method", [BLOCKS, MINIMIZATION], ids=["blocks", "minimization"])
def test_a_restored_trial_is_on_hold_until_what_it_lost_is_put_back(method):
    world = world_of(method)
    women, men = high_risk(world, 8), high_risk(world, 4, sex="male", birth_date="1940")
    draw(world, *women[:3])
    backup = Backup()
    draw(world, *women[3:6], *men[:2])
    before, offers = on_record(), sorted(real(Referral).values_list("allocation", flat=True))

    backup.restore()

    assert real(Allocation).count() == 3
    with pytest.raises(allocation_log.OnHold, match="has 5 more than the database") as held:
        draw(world, men[3])
    assert not {"screening", "control"} & set(str(held.value).split())
    preview = command(world)
    assert "5 allocations of the log are lost (a preview" in preview and women[4].study_number in preview
    assert "screening" not in preview and "control" not in preview and real(Allocation).count() == 3

    command(world, "--commit")

    assert on_record() == before and "All 8 allocations" in verified(world)
    assert sorted(real(Referral).values_list("allocation", flat=True)) == offers
    act = Reconciliation.objects.get()
    assert (act.size, act.done_by) == (5, world.randomization_statistician)
    assert set(act.allocations.values_list("pk", flat=True)) == {row[0] for row in before[3:]}
    assert "were put back" in ProtocolDeviation.objects.get(category="restore").description
    assert set(real(Participant).exclude(allocation=None).values_list("state", flat=True)) == {"randomized"}

    draw(world, *women[6:], *men[2:])  # and it goes on where it was

    assert "All 12 allocations" in verified(world)
    slots = Counter(real(Allocation).values_list("stratum", "sequence"))
    assert len(slots) == 12 and sum(real(Stratum).values_list("drawn", flat=True)) == 12
    assert "every allocation of the log" in command(world, "--commit")


def test_a_list_begun_since_the_backup_and_a_judgment_lost_with_it_come_back(transactional_db):
    world = world_of(BLOCKS)
    late = make_participant(world)
    backup = Backup()
    add_film(world, late)
    draw(world, late)
    before = on_record()

    backup.restore()
    assert real(Stratum).count() == 0 and real(Participant).get().state == "registered"
    command(world, "--commit")

    assert on_record() == before and "All 1 allocations" in verified(world)
    steps = late.state_changes.values_list("event", flat=True)
    assert set(steps) == {"find_eligible", "randomize"} and late.risk.risk_class == "high"


def test_a_cohort_lost_with_its_signatures_comes_back_without_them(transactional_db):
    world = make_world(kind=TrialKind.LIVE)
    high_risk(world, 4)
    backup = Backup()
    freeze_and_draw(world)
    before = on_record()

    backup.restore()
    command(world, "--commit")

    assert on_record() == before and "All 4 allocations" in verified(world)
    assert not real(Allocation).exclude(cohort=None).exists()


def register_again(world: World, *numbers: str) -> None:
    new = [people.NewPerson("TEST", number, sex="female") for number in numbers]
    people.register_all(world.site, people=new, by=world.coordinator)


def test_who_is_gone_with_the_restore_keeps_their_slot_until_they_are_registered_again(transactional_db):
    world = world_of(BLOCKS)
    backup = Backup()
    for number in ("N1", "N2"):
        draw(world, *high_risk(world, number=number))
    before = on_record()

    backup.restore()

    lost = StringIO()
    with pytest.raises(CommandError, match="2 of 2 can't be put back yet") as told:
        call_command("reconcile_allocations", "DEMO", "--json", stdout=lost)
    assert told.value.returncode == 1
    assert "registered after the backup was made" in json.loads(lost.getvalue())["lost"][0]["obstacle"]
    register_again(world, "N1")
    with pytest.raises(CommandError, match="1 of 2 can't be put back yet"):
        command(world, "--commit")
    with pytest.raises(allocation_log.OnHold):
        draw(world, high_risk(world, number="N2")[0])
    assert real(Allocation).count() == 0

    command(world, "--commit")

    assert [row[:4] for row in on_record()] == [row[:4] for row in before]
    assert "All 2 allocations" in verified(world)


def test_a_study_number_given_to_somebody_else_gets_nobody_s_arm(transactional_db):
    world = world_of(BLOCKS)
    backup = Backup()
    draw(world, *high_risk(world, number="N1"))

    backup.restore()
    register_again(world, "N2")

    out = StringIO()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("reconcile_allocations", "DEMO", stdout=out)
    assert "now somebody else's" in out.getvalue()


def test_who_withdrew_meanwhile_is_put_back_and_stays_withdrawn(transactional_db):
    world = world_of(BLOCKS)
    somebody = high_risk(world)[0]
    backup = Backup()
    draw(world, somebody)

    backup.restore()
    referral.withdraw(somebody, reason="no time", by=world.coordinator)
    command(world, "--commit")

    somebody.refresh_from_db()
    assert somebody.state == "withdrawn" and somebody.allocation.sequence == 1


def test_a_log_that_names_another_person_of_a_slot_holds_the_trial_and_is_not_believed(world):
    """The counts agree, and the record doesn't."""
    trial = world.trial
    high_risk(world, 2)
    freeze_and_draw(world)
    path = allocation_log.log_path(trial)
    said = [json.loads(line) for line in path.read_text().splitlines()]
    said[0]["participant"], said[1]["participant"] = said[1]["participant"], said[0]["participant"]
    path.write_text("".join(json.dumps(one) + "\n" for one in said))
    allocation_log._read.clear()  # as in a process started since

    with pytest.raises(allocation_log.OnHold, match="has 2 more than the database, or has them otherwise"):
        allocation_log.check(trial)
    with pytest.raises(CommandError, match="2 of 2 can't be put back"):
        command(world, "--commit")


def test_a_key_that_draws_otherwise_than_the_log_says_puts_nobody_back(transactional_db):
    world = world_of(BLOCKS)
    somebody = high_risk(world)[0]
    backup = Backup()
    draw(world, somebody)
    path = allocation_log.log_path(world.trial)
    other = {"screening": "control", "control": "screening"}
    line = json.loads(path.read_text())
    path.write_text(json.dumps(line | {"arm": other[line["arm"]]}) + "\n")

    backup.restore()

    out = StringIO()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("reconcile_allocations", "DEMO", stdout=out)
    assert "The key draws otherwise" in out.getvalue() and real(Allocation).count() == 0


def test_only_who_answers_for_the_list_puts_anybody_back(world):
    with pytest.raises(CommandError, match="don't include") as no:
        call_command("reconcile_allocations", "DEMO", "--commit", "--by", world.coordinator.username)
    assert no.value.returncode == 2
    with pytest.raises(CommandError, match="Say who answers for the list"):
        call_command("reconcile_allocations", "DEMO", "--commit")


def test_a_reconciliation_is_no_way_to_draw_back_in_time(transactional_db):
    """Neither by somebody else, nor by another act, nor later in the name of this one."""
    world = world_of(BLOCKS)
    somebody = high_risk(world)[0]
    backup = Backup()
    draw(world, somebody)
    backup.restore()
    command(world, "--commit")
    act, made = Reconciliation.objects.get(), real(Allocation).get()
    late = high_risk(world)[0]

    assert "Only who answers for the allocation list" in refusal(*copy(act))
    again = {"participant_id": late.pk, "sequence": 2, "occurred_at": timezone.now().replace(year=2024)}
    assert "by the reconciliation of its own trial, at once" in refusal(*copy(made, **again))
    assert "Only an eligible participant" in refusal(*copy(made, **again, reconciliation_id=None))


def test_the_look_into_the_log_asks_the_database_for_the_cursors_alone(world, monkeypatch):
    high_risk(world, 4)
    freeze_and_draw(world)
    asked = []

    def run(statement, *values):
        asked.append(statement)
        return statements.run(statement, *values)

    monkeypatch.setattr(allocation_log, "run", run)
    allocation_log.check(world.trial)
    assert asked == [allocation_log.DRAWN]
    allocation_log._read.clear()
    allocation_log.check(world.trial)
    assert asked[1:] == [allocation_log.DRAWN, allocation_log.SLOTS]


def test_the_page_of_the_trial_says_that_it_is_on_hold_and_puts_back_what_was_lost():
    world = world_of(BLOCKS, TrialKind.DEMONSTRATION)
    people_ = high_risk(world, 4)
    draw(world, people_[0])
    backup = Backup()
    draw(world, *people_[1:])
    before = on_record()
    assert "agrees with the record" in words(browser(world.monitor).get(page_of(world.trial)))
    assert "There is nothing to put back" in words(
        do(world.randomization_statistician, "reconcile", world.trial)
    )

    backup.restore()

    assert "has 3 more than the database" in words(browser(world.monitor).get(page_of(world.trial)))
    assert do(world.coordinator, "reconcile", world.trial).status_code == 404
    asked = browser(world.randomization_statistician).get(
        act_url(world.trial, "reconcile"), {"row": str(world.trial.pk)}
    )
    assert people_[3].study_number in words(asked) and "control" not in words(asked)
    told = words(do(world.randomization_statistician, "reconcile", world.trial))
    assert "3 allocations were put back" in told and on_record() == before
