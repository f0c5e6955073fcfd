"""Many at once on a real PostgreSQL, in threads of several processes: what must happen once happens once."""

import json
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from analysis.models import Freeze
from analysis.services import freezes
from screening.importing.facts import DxaExams
from screening.importing.plan import commit_shown, make_plan, untold
from screening.importing.table import read_table
from screening.models import Referral
from screening.services import cohort
from tests.factories import World, end, freeze_and_sign, high_risk, make_participant, make_world, sql
from trial import allocation_log
from trial.allocation_rules import Method
from trial.keys import trial_key
from trial.models import (
    Allocation,
    Baseline,
    Participant,
    Person,
    PersonKey,
    ProtocolDeviation,
    Site,
    Stratum,
    Trial,
)
from trial.protocol import template
from trial.protocol_parts import Factor
from trial.randomization import draws
from trial.services import conduct, lists, people, trials
from trial.statements import run
from trial.states import TrialEvent, TrialState
from trial.streams import KeyedStream, stream_label
from trial.study_numbers import study_number

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, THREADS = 4, 8
BLOCKS = (4, 6)
REQUESTS_A_PERSON = 2


@pytest.fixture
def blocks(transactional_db) -> World:
    """A trial in permuted blocks of 4 and 6 within each sex, and people at high risk of both."""
    protocol = template("opscan")
    method = replace(
        protocol.allocation, method=Method.PERMUTED_BLOCKS, block_sizes=BLOCKS, strata=(Factor.SEX,)
    )
    world = make_world(protocol=replace(protocol, allocation=method))
    world.extra["people"] = high_risk(world, 13, sex="female") + high_risk(world, 9, sex="male")
    return world


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make calls at one moment, each in a thread with a connection of its own; return answers and errors."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def in_processes(shares: Iterable[Sequence[Callable[[], Any]]]) -> list[Any]:
    """Share calls among forked processes, and in each among threads; return all answers."""
    connection.close()  # a fork must not write on its parent's connection
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    children = [
        fork.Process(target=lambda calls=calls: answers.put(at_once(calls)), daemon=True) for calls in shares
    ]
    for child in children:
        child.start()
    found = [answer for _ in children for answer in answers.get(timeout=60)]
    for child in children:
        child.join(timeout=10)
    return found


def ask(world: World, person: Participant) -> tuple[str, str, str, bool]:
    """Randomize a person and return what was answered, and whether it was drawn for this request."""
    made = cohort.randomize(Participant.objects.get(pk=person.pk), by=world.coordinator)
    return str(person.pk), str(made.pk), made.arm, made.drawn_now


def rush(world: World) -> list[Any]:
    """Ask twice for everybody, at once, in an order in which the two requests of a person stand far apart."""
    asked = [partial(ask, world, person) for person in world.extra["people"] * REQUESTS_A_PERSON]
    return in_processes(asked[n::PROCESSES] for n in range(PROCESSES))


def faults(world: World, answers: Sequence[Any]) -> list[str]:
    """Return everything that went wrong in a rush."""
    wanted = len(world.extra["people"])
    found = [f"refused: {a}" for a in answers if isinstance(a, Exception)]
    said = {a[:3] for a in answers if isinstance(a, tuple)}
    if not len(said) == len({person for person, *_ in said}) == len({made for _, made, _ in said}) == wanted:
        found.append(f"{len(said)} different answers for {wanted} people")
    if (first := sum(a[3] for a in answers if isinstance(a, tuple))) != wanted:
        found.append(f"{first} of {len(answers)} requests were told that they were the first")
    if Allocation.objects.count() != wanted:
        found.append(f"{Allocation.objects.count()} allocations for {wanted} people")
    return found + [fault for stratum in Stratum.objects.all() for fault in stratum_faults(world, stratum)]


def stratum_faults(world: World, stratum: Stratum) -> list[str]:
    made = list(stratum.allocations.order_by("recorded_at"))
    arms, label = [a.arm for a in made], stream_label(world.trial.code, 1, stratum.label)
    key, rule = trial_key(world.trial), world.trial.protocol.allocation.rule()
    found = []
    if [a.sequence for a in made] != list(range(1, stratum.drawn + 1)):
        found.append(f"{stratum.label}: out of order or with gaps: {[a.sequence for a in made]}")
    if arms != [d.arm for d in draws(rule, key=key, label=label, count=len(arms))]:
        found.append(f"{stratum.label}: not what the key gives")
    if any(
        arms_of.count("screening") * 2 != len(arms_of)
        for arms_of in full_blocks(arms, KeyedStream(key, label))
    ):
        found.append(f"{stratum.label}: a full block is not half and half")
    return found


def full_blocks(arms: list[str], stream: KeyedStream) -> Iterable[list[str]]:
    """Cut a list where the stream says that its blocks end; leave out the last one unless it is full."""
    place = 0
    while place + (size := BLOCKS[stream.below(len(BLOCKS))]) <= len(arms):
        yield arms[place : place + size]
        stream.shuffle([""] * size)  # the words that the block's own shuffle used
        place += size


def test_a_rush_of_requests_draws_once_a_person_in_the_lists_order(blocks):
    answers = rush(blocks)

    assert faults(blocks, answers) == []
    assert len(answers) == REQUESTS_A_PERSON * len(blocks.extra["people"])
    assert {s.label: s.drawn for s in Stratum.objects.all()} == {"sex=female": 13, "sex=male": 9}
    screening = Allocation.objects.filter(arm="screening")
    assert set(Referral.objects.values_list("allocation", flat=True)) == set(
        screening.values_list("pk", flat=True)
    )
    logged = [json.loads(line) for line in allocation_log.log_path(blocks.trial).read_text().splitlines()]
    assert Counter(line["id"] for line in logged) == Counter(str(a.pk) for a in Allocation.objects.all())


def test_without_the_lock_the_same_rush_goes_wrong(blocks, monkeypatch):
    """Shows that the test above can fail; the database still lets no slot be used twice."""

    def unlocked(trial, plan, *, label, epoch, cohort_size):
        stratum = Stratum.objects.get_or_create(trial=trial, label=label, list_version=1)[0]
        time.sleep(0.05)
        return stratum

    monkeypatch.setattr(lists, "list_in_use", unlocked)

    answers = rush(blocks)

    assert any("refused" in fault for fault in faults(blocks, answers))
    slots = list(Allocation.objects.values_list("stratum", "sequence"))
    assert len(slots) == len(set(slots)) < len(blocks.extra["people"])


def test_one_person_asked_for_by_everybody_is_drawn_once(blocks):
    person = blocks.extra["people"][0]

    answers = at_once([partial(ask, blocks, person)] * 12)

    assert len({answer[:3] for answer in answers}) == 1 and Allocation.objects.count() == 1


def test_a_cohort_randomized_twice_at_once_is_randomized_once(transactional_db):
    world = make_world()
    high_risk(world, 6)
    frozen = freeze_and_sign(world)

    answers = at_once([lambda: [a.pk for a in cohort.randomize_cohort(frozen, by=world.coordinator)]] * 3)

    assert answers[0] == answers[1] == answers[2] and len(answers[0]) == 6
    assert Counter(Allocation.objects.values_list("arm", flat=True)) == {"screening": 3, "control": 3}


# --- registration and freezes -------------------------------------------------------------------------------


def register(site: Site, *numbers: str) -> list[str]:
    new = [people.NewPerson("ST-ELSEWHERE", number) for number in numbers]
    return [p.study_number for p in people.register_all(site, people=new, by=None)]


def test_people_registered_at_once_have_numbers_without_gaps(world):
    answers = at_once([partial(register, world.site, f"N{n}", "SAME", f"M{n}") for n in range(8)])

    assert not [a for a in answers if isinstance(a, Exception)]
    assert len({numbers[1] for numbers in answers}) == 1
    given = sorted(
        int(number.split("-")[2]) for number in Participant.objects.values_list("study_number", flat=True)
    )
    assert given == list(range(1, 18))
    assert Person.objects.count() == PersonKey.objects.count() == Baseline.objects.count() == 17


@pytest.mark.parametrize("known", [False, True])
def test_a_person_registered_at_two_sites_at_once_is_one_participant(world, known):
    """The second site asks while the first has not answered yet; it waits, and gives the same answer."""
    south = trials.add_site(world.trial, number=2, name="South", time_zone="Asia/Taipei", by=None)
    if known:  # from another trial, or by a film that was set aside
        people.ensure_person(world.trial, new=people.NewPerson("ST-ELSEWHERE", "N1"), by=None)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            here = register(world.site, "N1")
            there = pool.submit(at_once, [partial(register, south, "N1")])
            with pytest.raises(TimeoutError):
                there.result(timeout=0.5)
        assert there.result(timeout=10) == [here]

    assert Participant.objects.count() == 1


def test_two_freezes_at_once_get_two_numbers(world):
    make_participant(world)

    def number() -> int:
        told = {"purpose": "Interim", "by": world.trial_statistician, "despite_findings": True}
        return freezes.freeze(world.trial, **told).number

    answers = at_once([number] * 2)

    assert sorted(answers) == [1, 2]
    assert sorted(Freeze.objects.values_list("number", flat=True)) == [1, 2]


def test_nobody_waits_for_a_freeze(world):
    """A freeze of a large trial takes a while; films and people come in meanwhile."""
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        frozen = freezes.freeze(
            world.trial, purpose="Interim", by=world.trial_statistician, despite_findings=True
        )
        there = pool.submit(at_once, [partial(register, world.site, "N1")])

        assert there.result(timeout=10) == [[study_number("DEMO", 1, 1)]]

    assert frozen.people == 0


# --- the log outside the database ---------------------------------------------------------------------------


def test_threads_that_read_the_log_at_once_read_each_line_once(tmp_path):
    """Every thread of a server looks into the log before a draw, and one writes to it meanwhile."""
    log = tmp_path / "log.jsonl"
    line = {"stratum": "all", "participant": "DEMO-01", "arm": "control"}
    said = [line | {"id": str(UUID(int=n)), "sequence": n} for n in range(1, 50_001)]
    log.write_text("".join(json.dumps(one) + "\n" for one in said))
    read = allocation_log._Read(log)

    answers = at_once([read.refresh] * 8)

    assert [(len(unseen), counts) for unseen, counts in answers] == [(50_000, {("all", 1): 50_000})] * 8
    assert read.offset == log.stat().st_size


def test_an_import_pressed_twice_at_one_moment_is_written_once(transactional_db):
    world = make_world()
    person = make_participant(world, number="A1")
    table = read_table(b"issuer,number,exam_date,femoral_neck_t\nTEST,A1,2022-05-04,-1.2")
    shown = make_plan(DxaExams(world.trial, world.site), table, track=untold).sha256

    def press() -> str:
        kind = DxaExams(Trial.objects.get(pk=world.trial.pk), Site.objects.get(pk=world.site.pk))
        return commit_shown(kind, table, shown=shown, by=world.data_manager, why="import").sha256

    answers = at_once([press] * 4)

    assert sorted(type(answer).__name__ for answer in answers) == ["MovedOn"] * 3 + ["str"]
    assert person.dxa_exams.count() == 1


FREEZINGS = {
    "service": lambda world: trials.move_trial(
        world.trial, event=TrialEvent.FREEZE, reason="A test.", by=world.investigator
    ),
    "sql": lambda world: sql("UPDATE trial_trial SET state = 'frozen' WHERE id = %s", world.trial.pk),
}


@pytest.fixture
def closed(transactional_db) -> World:
    """A trial that is closed and may be frozen."""
    world = make_world()
    end(world, TrialState.CLOSED)
    return world


def deviate(world: World) -> None:
    """Write something into the record."""
    conduct.record_deviation(
        world.trial, category="other", severity="minor", description="A test.", by=world.coordinator
    )


def in_a_thread(call: Callable[[], Any]) -> Future[Any]:
    """Make a call beside this one, on a connection of its own."""

    def work() -> Any:
        try:
            return call()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def waits_for_a_lock() -> bool:
    """Tell whether somebody comes to wait for a lock."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if run("SELECT pid FROM pg_locks WHERE NOT granted"):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("freeze", FREEZINGS.values(), ids=FREEZINGS)
def test_a_trial_is_frozen_once_what_is_being_written_is_there(closed, freeze):
    with transaction.atomic():
        deviate(closed)
        freezing = in_a_thread(partial(freeze, closed))
        assert waits_for_a_lock() and not freezing.done()
    freezing.result(timeout=10)

    assert Trial.objects.get(pk=closed.trial.pk).state == TrialState.FROZEN
    assert ProtocolDeviation.objects.count() == 1


@pytest.mark.parametrize("freeze", FREEZINGS.values(), ids=FREEZINGS)
def test_what_was_begun_before_a_trial_was_frozen_is_not_written_afterwards(closed, freeze):
    with transaction.atomic():
        freeze(closed)
        writing = in_a_thread(partial(deviate, closed))  # it sees a trial that is open, and waits
        assert waits_for_a_lock() and not writing.done()
    with pytest.raises(IntegrityError, match="is frozen: its data do not change"):
        writing.result(timeout=10)

    assert not ProtocolDeviation.objects.exists()
