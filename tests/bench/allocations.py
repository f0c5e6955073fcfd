"""Allocations per second by processes at once, and of a whole cohort, against bare writes; all is checked."""

import hashlib
import multiprocessing
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from threading import Barrier
from uuid import uuid4

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from config.postgres.roles import APP_ROLE, as_owner
from screening.models import Radiograph, Referral, Score
from screening.services import cohort
from screening.vocabulary import FilmState
from tests.bench.measuring import Bench, Measured, Pair, timed
from tests.factories import World, freeze_and_sign, make_world
from trial import audit
from trial.allocation_log import log_path
from trial.keys import trial_key
from trial.models import Arm, Participant, Stratum, User
from trial.partial_dates import parse
from trial.protocol import template
from trial.randomization import draws
from trial.services import allocation
from trial.services.allocation import Candidate
from trial.services.people import NewPerson, register_all
from trial.services.verification import verify

MANY, FEW = 16, 4  # client processes
ROUNDS = 8
EACH = 12  # allocations by a client in a round, judged and offered
EACH_ALONE = 50  # by a client that does nothing else
EACH_BARE = 200  # a bare INSERT is quick, so there are more of them
COHORT = 5_000
COHORTS = 3  # the first only warms up
PATIENCE = 120.0  # seconds
TABLE = f"""
CREATE TABLE bench_allocation (
    participant uuid PRIMARY KEY, sequence bigint GENERATED ALWAYS AS IDENTITY UNIQUE, arm text NOT NULL);
GRANT INSERT ON bench_allocation TO {APP_ROLE};
"""
BLOCKS = {
    "allocation.method": "permuted_blocks",
    "allocation.block_sizes": [4, 6],
}
TWO, SIX = ("sex",), ("sex", "age_group")  # strata of these factors
BORN = ("1965", "1952", "1940")  # one of each age group


@contextmanager
def database() -> Iterator[None]:
    """Migrate a database of its own beside the configured one, with the peer's table; drop it at the end."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with as_owner(connection), connection.cursor() as cursor:
            cursor.execute(TABLE)
        yield
    finally:
        connections.close_all()
        connection.creation.destroy_test_db(name, verbosity=0)


def at_once(work: Callable[[int], None], units: int, clients: int) -> Measured:
    """Let the clients, processes connected before, start together; measure until the last has finished."""
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    together = fork.Barrier(clients + 1, timeout=PATIENCE)
    working = [fork.Process(target=_client, args=(work, number, together)) for number in range(clients)]
    for client in working:
        client.start()
    together.wait()
    measured = timed(together.wait, units)
    for client in working:
        client.join()
    return measured


def _client(work: Callable[[int], None], number: int, together: Barrier) -> None:
    try:
        connection.ensure_connection()
        together.wait()
        work(number)
        together.wait()
    except BaseException:
        together.abort()  # so that nobody waits for this client
        raise


def high_risk(world: World, count: int) -> list[Participant]:
    """Register people, women and men in turn, with one positive film each."""
    new = [
        NewPerson(
            world.trial.code, f"{n:06d}", sex=("female", "male")[n % 2], birth_date=parse(BORN[n // 2 % 3])
        )
        for n in range(count)
    ]
    people = register_all(world.site, people=new, by=world.coordinator)
    films = [_film(world, participant) for participant in people]
    with audit.context(by=None, why="Films to measure with", how="bench"):
        Radiograph.objects.bulk_create(films)
        Score.objects.bulk_create([_score(world, film) for film in films])
        Radiograph.objects.filter(trial=world.trial).update(state=FilmState.SCORED)
    return people


def _film(world: World, participant: Participant) -> Radiograph:
    digest = hashlib.sha256(participant.study_number.encode())
    return Radiograph(
        trial=world.trial,
        person_id=participant.person_id,
        participant=participant,
        state=FilmState.ELIGIBLE,
        sop_instance_hash=digest.digest(),
        study_hash=digest.digest(),
        file_sha256=digest.hexdigest(),
        study_date=date(2022, 5, 4),
        file="radiographs/none.dcm",
        source="bench",
    )


def _score(world: World, film: Radiograph) -> Score:
    version = world.trial.protocol_version
    return Score(
        radiograph=film,
        model_version=world.model,
        probabilities=[0.9] * 10,
        mean=Decimal("0.9"),
        threshold=version.protocol.score.threshold,
        positive=True,
        occurred_at=timezone.now(),
        protocol_version=version,
    )


def judged(world: World, people: Sequence[Participant]) -> list[Candidate]:
    """Judge people and apply the patient rule, so that nothing but the draw is left to do."""
    cohort.assess_trial(world.trial, by=world.coordinator)
    risks = cohort.sum_up_films(world.trial, people=people, by=world.coordinator)
    return [Candidate(p, cohort.evidence(risks[p.pk])) for p in people]


def in_turn(verb: Callable, things: Sequence, by: User, clients: int) -> Measured:
    """Share things among the clients; each does one service call a thing."""

    def work(number: int) -> None:
        for thing in things[number::clients]:
            verb(thing, by=by)

    return at_once(work, len(things), clients)


def insert_bare(clients: int) -> Measured:
    """Insert rows that keep no order, no blocks, no secret and no trail; each is durable when answered."""

    def work(_number: int) -> None:
        for _ in range(EACH_BARE):
            arm = secrets.choice(("screening", "control"))
            statement = "INSERT INTO bench_allocation (participant, arm) VALUES (%s, %s)"
            connection.connection.execute(statement, (uuid4(), arm))

    return at_once(work, clients * EACH_BARE, clients)


def check(world: World, expected: int, *, offered: bool) -> None:
    """Replay every draw from the key, in order, without gaps; compare it with record, log and offers, if any."""
    rule, made = world.trial.protocol.allocation.rule(), []
    for stratum in Stratum.objects.filter(trial=world.trial):
        kept = list(stratum.allocations.order_by("sequence").values_list("sequence", "arm"))
        replayed = draws(rule, key=trial_key(world.trial), label=stratum.stream, count=len(kept))
        if kept != [(draw.index, draw.arm) for draw in replayed]:
            raise AssertionError(f"Stratum {stratum.label} is not what its key draws.")
        made += kept
    offers = Referral.objects.filter(allocation__participant__trial=world.trial).count()
    logged = len(log_path(world.trial).read_text().splitlines())
    found = (len(made), logged, offers)
    if found != (expected, expected, offered * sum(arm == Arm.SCREENING for _, arm in made)):
        raise AssertionError(f"{expected} were to be allocated; record, log and offers have {found}.")


def pairs(code: str, *, whole: bool, clients: int, strata: Sequence[str]) -> Iterator[Pair]:
    """Yield rounds of new people in a trial of their own; check all that was drawn after each."""
    share = clients * (EACH if whole else EACH_ALONE)
    rule = BLOCKS | {"allocation.strata": list(strata)}
    world = make_world(code, protocol=template("opscan").amended(rule, note="To measure it."))
    people = high_risk(world, ROUNDS * share)
    verb, things = (cohort.randomize, people) if whole else (allocation.randomize, judged(world, people))
    for start in range(0, len(people), share):
        ours = partial(in_turn, verb, things[start : start + share], world.coordinator, clients)
        yield ours, partial(insert_bare, clients)
        check(world, start + share, offered=whole)


def insert_rows(count: int) -> None:
    """Insert bare rows in one statement."""
    rows = "SELECT gen_random_uuid(), 'control' FROM generate_series(1, %s)"
    connection.connection.execute(f"INSERT INTO bench_allocation (participant, arm) {rows}", (count,))


def cohorts() -> Iterator[Pair]:
    """Yield cohorts, each frozen and signed in a trial of its own; replay the draws of each."""
    for number in range(COHORTS):
        world = make_world(f"COHORT{number}")
        high_risk(world, COHORT)
        frozen = freeze_and_sign(world)
        connection.ensure_connection()
        yield (
            partial(timed, partial(cohort.randomize_cohort, frozen, by=world.coordinator)),
            partial(timed, partial(insert_rows, COHORT)),
        )
        if verify(world.trial) != COHORT:
            raise AssertionError("Not everybody of the cohort was randomized.")


PEER = "a bare INSERT, just as durable, without lock, rule, blocks, audit trail, offer or log"
BENCHES = (
    Bench(
        title=f"Randomizing by {MANY} clients at once, two strata: eligibility, patient rule, draw, offer",
        unit="a second",
        ours="`screening.services.cohort.randomize`",
        peer=PEER,
        pairs=partial(pairs, "WHOLE", whole=True, clients=MANY, strata=TWO),
    ),
    *(
        Bench(
            title=f"Allocating by {FEW} processes at once, {number} strata, people judged before",
            unit="a second",
            ours="`trial.services.allocation.randomize`: gate, draw, record, audit trail, log",
            peer=PEER,
            pairs=partial(pairs, code, whole=False, clients=FEW, strata=strata),
        )
        for number, code, strata in (("two", "DRAW", TWO), ("six", "DRAW6", SIX))
    ),
    Bench(
        title=f"A cohort of {COHORT:,} in one transaction: judged again, drawn, offered, logged",
        unit="seconds",
        ours="`screening.services.cohort.randomize_cohort`",
        peer=f"{COHORT:,} bare rows by one INSERT, without lock, rule, audit trail, offer or log",
        pairs=cohorts,
        inverse=True,
    ),
)
SETTING = database
