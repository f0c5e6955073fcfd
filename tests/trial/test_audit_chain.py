"""The chain over the audit trail: whatever is altered behind the triggers is found, and said where."""

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from analysis.downloads import DOWNLOADS
from analysis.services import freezes
from config.postgres.roles import as_owner
from screening.models import Receipt
from screening.vocabulary import ReceiptOutcome
from tests.factories import World, forget, make_participant, make_world, randomized, refusal, sql
from tests.test_concurrency import at_once, in_processes
from trial import anchors, audit, bulk, chain
from trial.links import AuditLink
from trial.models import Allocation, Participant, Site, StateChange, Trial
from trial.protocol import template
from trial.services import people
from trial.services.audit_chain import Broken, Link, Whole, _chained, _read_links, verify
from trial.services.lists import upload_list

pytestmark = pytest.mark.django_db
TAMPERINGS = 200
LISTED = {"allocation.method": "uploaded_list"}


@pytest.fixture
def record(world: World) -> World:
    """A trial with people, draws and history, linked as it is after each commit, and anchored."""
    for allocation in randomized(world, 6):
        name = f"Ward {allocation.sequence}"
        sql("UPDATE trial_site SET name = %s WHERE id = %s", name, world.site.pk)
    listed = make_world("LISTED", protocol=template("opscan").amended(LISTED, note="A list."))
    upload_list(listed.trial, arms=["screening", "control"], by=listed.randomization_statistician)
    with audit.context(by=None, why="Two files"):
        for outcome in (ReceiptOutcome.ACCEPTED, ReceiptOutcome.REJECTED):
            Receipt.objects.create(trial=world.trial, outcome=outcome, file_sha256="0" * 64, source="test")
    link()
    anchors.anchor()
    return world


def link() -> None:
    """Link what was written in the test's own transaction, as its commit would."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def rows(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def fault() -> Broken:
    """Return what the verification finds; fail when it finds nothing."""
    with pytest.raises(Broken) as found:
        verify()
    return found.value


# --- an honest database --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_after_ordinary_work_every_row_is_linked_and_the_head_is_anchored(world):
    allocations = randomized(world, 4)
    forget(allocations[0].participant, world)

    whole = verify()

    audited = sum(rows(f"SELECT count(*) FROM {table}")[0][0] for table in _chained())
    assert (whole.rows, whole.links) == (audited, AuditLink.objects.count())
    assert whole.anchored == whole.links > 20 and whole.anchors > 5
    assert rows(f"SELECT count(*) FROM {chain.WAITING}") == [(0,)]


def test_what_a_savepoint_takes_back_is_not_linked(record):
    before = AuditLink.objects.count()
    with transaction.atomic(), audit.context(by=None, why="Outer"):
        Site.objects.update(name="Kept")
        point = transaction.savepoint()
        Site.objects.update(name="Taken back")
        transaction.savepoint_rollback(point)
    link()

    assert AuditLink.objects.count() == before + 1
    assert verify().links == before + 1


def test_a_row_reads_the_same_whatever_the_session_prefers(record):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Taipei'; SET LOCAL bytea_output = 'escape'")
        cursor.execute("SET LOCAL extra_float_digits = -5")
        make_participant(record, name="Somebody")
        link()

    assert verify().rows > 0


def test_rows_that_were_there_before_the_chain_become_its_first_links(record):
    rows_before = verify().rows
    with triggers_off():
        rows(f"DELETE FROM {chain.LINKS}")
        rows("COMMENT ON FUNCTION require_audit_context IS 'guards of last year'")
    anchors.anchor_path().unlink()

    call_command("migrate", verbosity=0, stdout=StringIO())
    link()

    assert verify().rows == rows_before
    assert AuditLink.objects.count() == len(_chained())  # one a table


def test_a_row_with_no_link_is_not_taken_into_the_chain_by_the_next_migrate(record):
    with triggers_off():
        copied = a_copy("trial_siteevent", "pgh_id")
        rows("COMMENT ON FUNCTION require_audit_context IS 'guards of last year'")

    call_command("migrate", verbosity=0, stdout=StringIO())
    link()

    assert (fault().table, fault().key) == ("trial_siteevent", copied)


def test_a_column_added_later_changes_no_hash_and_no_comparison(record):
    with as_owner(connection):
        rows("ALTER TABLE trial_site ADD COLUMN added timestamptz NOT NULL DEFAULT clock_timestamp()")
        rows("ALTER TABLE trial_siteevent ADD COLUMN added timestamptz NOT NULL DEFAULT '2000-01-01'")

    assert verify().links


# --- many at once, and much at once --------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_make_one_chain(world):
    participants = [make_participant(world) for _ in range(4)]

    def work(number: int) -> None:
        for turn in range(6):
            one = Participant.objects.get(pk=participants[(number + turn) % 4].pk)
            people.record_baseline(
                one, by=world.data_manager, why="A rush", values={"bmi": f"{20 + number}.{turn}"}
            )
            people.register(
                world.site, new=people.NewPerson("RUSH", f"{number}-{turn}"), by=world.coordinator
            )

    answers = in_processes([[partial(work, 4 * n + m) for m in range(4)] for n in range(3)])

    assert answers == [None] * 12
    whole = verify()
    assert whole.anchored == whole.links > 100
    assert list(AuditLink.objects.order_by("number").values_list("number", flat=True)) == list(
        range(1, whole.links + 1)
    )


@pytest.mark.django_db(transaction=True)
def test_nobody_holds_the_chain_while_a_foreign_key_waits(world):
    """A row waits at its commit for somebody's participant, while that one's act wants to be linked."""
    person = make_participant(world)

    def touch() -> None:
        with audit.context(by=None, why="A site and a change of state"):
            Site.objects.update(name="First, so that there is something to link")
            bulk.insert([state_change(world, person)])

    with ThreadPoolExecutor(1) as pool:
        with audit.context(by=None, why="Somebody locked"):
            Participant.objects.select_for_update().get(pk=person.pk)
            there = pool.submit(at_once, [touch])
            with pytest.raises(TimeoutError):
                there.result(timeout=1)
            Trial.objects.update(title="Linked while the other waits")
        assert there.result(timeout=10) == [None]

    assert verify().links


def state_change(world: World, person: Participant) -> StateChange:
    version = world.trial.protocol_version
    return StateChange(
        participant=person,
        event="find_eligible",
        from_state="registered",
        to_state="eligible",
        occurred_at=person.registered_at,
        protocol_version=version,
    )


def test_a_load_of_thousands_is_one_link_a_statement(record):
    before = AuditLink.objects.count()
    with audit.context(by=None, why="A load"):
        bulk.insert([Site(trial=record.trial, number=n % 98 + 2, name="S") for n in range(98)])
        sql("UPDATE trial_site SET name = name || '!' FROM generate_series(1, 50)")
    link()

    whole = verify()
    assert whole.links == before + 2
    assert len(AuditLink.objects.get(number=whole.links).row_hashes) == Site.objects.count() > 98


# --- who is allowed nothing ----------------------------------------------------------------------------------


def test_the_chain_is_written_by_triggers_alone(record):
    copied = f"INSERT INTO {chain.LINKS} SELECT number + 1000, hash, made_at, table_name, column_count,"
    assert "never by hand" in refusal(f"{copied} row_hashes, previous FROM {chain.LINKS}")
    assert "never by hand" in refusal(f"DELETE FROM {chain.WAITING}")
    waiting = f"INSERT INTO {chain.WAITING} (transaction, table_name, column_count, row_hashes)"
    assert "never by hand" in refusal(f"{waiting} VALUES (1, 'trial_siteevent', 3, '{{}}')")
    with as_owner(connection):
        assert "never changed" in refusal(f"UPDATE {chain.LINKS} SET number = number")
        assert "never deleted" in refusal(f"DELETE FROM {chain.LINKS}")


# --- a superuser ---------------------------------------------------------------------------------------------


@contextmanager
def triggers_off() -> Iterator[None]:
    """Act as a superuser for whom no trigger runs and no foreign key holds."""
    with as_owner(connection):
        if rows("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") != [(True,)]:
            pytest.skip("this server's login is no superuser, who alone goes behind the triggers")
        rows("SET session_replication_role = replica")
        yield
        rows("SET session_replication_role = origin")


Place = tuple[str, str] | None  # what the verification has to name, where only one place can be meant
OTHER = {
    "text": "CASE left({0}, 1) WHEN 'x' THEN 'y' ELSE 'x' END || substr({0}, 2)",
    "varchar": "CASE left({0}, 1) WHEN 'x' THEN 'y' ELSE 'x' END || substr({0}, 2)",
    "timestamptz": "{0} + interval '1 microsecond'",
    "date": "{0} + 1",
    "bool": "NOT {0}",
    "uuid": "gen_random_uuid()",
    "jsonb": "jsonb_build_object('forged', {0})",
    "bytea": "{0} || '\\x00'",
    **dict.fromkeys(("int2", "int4", "int8", "numeric"), "{0} + 1"),
}


def pick(chance: random.Random, *, of: int = 1) -> tuple[str, str, list[str]]:
    """Return a chained table, its key, and keys of some of its rows."""
    filled = [(t, pk.column) for t, pk in _chained().items() if rows(f"SELECT count(*) FROM {t}")[0][0] >= of]
    table, key = chance.choice(sorted(filled))
    keys = [k for (k,) in rows(f"SELECT {key}::text FROM {table} ORDER BY {key}")]
    return table, key, chance.sample(keys, of)


def change_something(chance: random.Random, table: str, key: str, row: str) -> None:
    columns = rows(
        "SELECT attname, typname FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    filled = [
        (c, kind)
        for c, kind in columns
        if c != key and rows(f"SELECT 1 FROM {table} WHERE {key}::text = %s AND {c} IS NOT NULL", row)
    ]
    column, kind = chance.choice(filled)
    rows(f"UPDATE {table} SET {column} = {OTHER[kind].format(column)} WHERE {key}::text = %s", row)


def a_copy(table: str, key: str) -> str:
    """Add a copy of a table's first row under a key of its own; return that."""
    new = {"pgh_id": 10**6} if key == "pgh_id" else {key: "00000000-0000-4000-8000-000000000000"}
    rows(
        f"INSERT INTO {table} SELECT (jsonb_populate_record(t, %s)).* FROM {table} t ORDER BY {key} LIMIT 1",
        json.dumps(new),
    )
    return str(new[key])


def a_row_is_changed(chance: random.Random) -> Place:
    table, key, [row] = pick(chance)
    with triggers_off():
        change_something(chance, table, key, row)
    return table, row


def a_row_is_deleted(chance: random.Random) -> Place:
    table, key, [row] = pick(chance)
    with triggers_off():
        rows(f"DELETE FROM {table} WHERE {key}::text = %s", row)
    return table, row


def a_row_is_added(chance: random.Random) -> Place:
    table, key, _ = pick(chance)
    with triggers_off():
        return table, a_copy(table, key)


def two_rows_change_places(chance: random.Random) -> Place:
    table, key, (one, other) = pick(chance, of=2)
    with triggers_off():
        made_up = -1 if key == "pgh_id" else "00000000-0000-4000-8000-000000000001"
        for old, new in ((one, made_up), (other, one), (made_up, other)):
            rows(f"UPDATE {table} SET {key} = %s WHERE {key}::text = %s", new, str(old))
    return None  # the one that was linked first


def a_table_is_emptied(chance: random.Random) -> Place:
    table, _, _ = pick(chance)
    with as_owner(connection):
        rows(f"TRUNCATE {table}")
    return None


def the_record_is_changed(chance: random.Random) -> Place:
    model = chance.choice([Allocation, Participant, StateChange])
    row = chance.choice(sorted(model.objects.values_list("pk", flat=True), key=str))
    column, value = {Allocation: ("engine_version", "0"), Participant: ("sex", "male")}.get(
        model, ("reason", "forged")
    )
    with triggers_off():
        rows(f"UPDATE {model._meta.db_table} SET {column} = %s WHERE id = %s", value, row)
    return model._meta.db_table, str(row)


def links() -> list[Link]:
    return [link for chunk in _read_links() for link in chunk]


def write(*made: Link) -> None:
    for link in made:
        statement = f"INSERT INTO {chain.LINKS} (number, previous, made_at, table_name, column_count, row_hashes, hash)"
        rows(f"{statement} VALUES (%s, %s, %s, %s, %s, %s, %s)", *link)


def chained_anew(made: list[Link]) -> list[Link]:
    """Return links with numbers and hashes as an honest chain would have them."""
    previous, new = chain.START, []
    for number, link in enumerate(made, 1):
        link = link._replace(number=number, previous=previous)
        new.append(link._replace(hash=link.computed()))
        previous = new[-1].hash
    return new


def a_link_is_changed(chance: random.Random) -> Place:
    number = chance.choice(links()).number
    with triggers_off():
        change_something(chance, chain.LINKS, "number", str(number))
    return None  # the link, or the one that follows


def a_link_is_deleted(chance: random.Random) -> Place:
    number = chance.choice(links()).number
    with triggers_off():
        rows(f"DELETE FROM {chain.LINKS} WHERE number = %s", number)
    return chain.LINKS, str(number)


def a_row_goes_with_its_link(chance: random.Random) -> Place:
    link = chance.choice([link for link in links() if link.rows])
    with triggers_off():
        rows(f"DELETE FROM {chain.LINKS} WHERE number = %s", link.number)
        key = _chained()[link.table].column
        rows(f"DELETE FROM {link.table} WHERE {key}::text = ANY(%s)", list(link.rows))
    return chain.LINKS, str(link.number)


def two_links_change_places(chance: random.Random) -> Place:
    one, other = sorted(chance.sample(links(), 2))
    with triggers_off():
        for old, new in ((one.number, -1), (other.number, one.number), (-1, other.number)):
            rows(f"UPDATE {chain.LINKS} SET number = %s WHERE number = %s", new, old)
    return chain.LINKS, str(one.number)


def the_tail_is_cut(chance: random.Random) -> Place:
    made = links()
    tail = made[-chance.randint(1, 5) :]
    with triggers_off():
        rows(f"DELETE FROM {chain.LINKS} WHERE number >= %s", tail[0].number)
        for link in tail:
            key = _chained()[link.table].column
            rows(f"DELETE FROM {link.table} WHERE {key}::text = ANY(%s)", list(link.rows))
    return chain.LINKS, str(tail[0].number)


def a_link_of_no_row_is_added(chance: random.Random) -> Place:
    made = links()
    forged = made[-1]._replace(table=chance.choice([link.table for link in made]), said="{}")
    with triggers_off():
        write(chained_anew([*made, forged])[-1])
    return chain.LINKS, str(len(made) + 1)


def a_link_is_repeated(chance: random.Random) -> Place:
    made = links()
    forged = chance.choice([link for link in made if link.rows])
    with triggers_off():
        write(chained_anew([*made, forged])[-1])
    return forged.table, min(forged.rows)


def make_anew(link: Link, row: str, alter: Callable[[], None]) -> None:
    """Do the most that a superuser can: alter a row, and compute its hash and all links from there on anew."""
    table, pk = link.table, _chained()[link.table].column
    with triggers_off():
        alter()
        said = {key: value for key, value in link.rows.items() if key != row}
        query = f"SELECT {chain.sha256_of('to_jsonb(t)::text')} FROM {table} t WHERE {pk}::text = %s"
        said.update((row, value) for (value,) in rows(query, row))  # none, where the row was taken out
        [(text,)] = rows("SELECT %s::jsonb::text", json.dumps(said))
        made = [link._replace(said=text) if old == link else old for old in links()]
        rows(f"DELETE FROM {chain.LINKS}")
        write(*chained_anew([link for link in made if link.rows]))


def the_chain_is_made_anew(chance: random.Random) -> Place:
    link = chance.choice([link for link in links() if link.rows])
    table, pk, row = link.table, _chained()[link.table].column, chance.choice(sorted(link.rows))
    forge = partial(change_something, chance, table, pk, row)
    remove = partial(rows, f"DELETE FROM {table} WHERE {pk}::text = %s", row)
    make_anew(link, row, chance.choice([forge, remove]))
    return None  # nothing in the database tells where


def forge_first_site() -> None:
    """Say of an old audit row that somebody else did it, and make the chain anew."""
    link = next(link for link in links() if link.table == "trial_siteevent" and link.rows)
    row = min(link.rows)
    forged = "jsonb_build_object('by', '1', 'why', 'forged', 'how', 'page')"
    update = f"UPDATE trial_siteevent SET pgh_context = {forged} WHERE pgh_id = %s"
    make_anew(link, row, partial(rows, update, row))


WAYS: list[Callable[[random.Random], Place]] = [
    *(a_row_is_changed, a_row_is_deleted, a_row_is_added, two_rows_change_places, a_table_is_emptied),
    *(a_link_is_changed, a_link_is_deleted, a_row_goes_with_its_link, two_links_change_places),
    *(the_tail_is_cut, a_link_of_no_row_is_added, a_link_is_repeated),
    *(the_record_is_changed, the_chain_is_made_anew),
]


@pytest.mark.slow
def test_two_hundred_tamperings_are_found_and_named(record):
    """Seeded, so that what is found once is found again; each is taken back before the next."""
    whole, missed = verify(), []
    for number in range(TAMPERINGS):
        way = WAYS[number % len(WAYS)]
        with transaction.atomic():
            place = way(random.Random(number))
            try:
                missed.append((number, way.__name__, verify()))
            except Broken as found:
                if place and (found.table, found.key) != place:
                    missed.append((number, way.__name__, place, str(found)))
            transaction.set_rollback(True)

    assert missed == []
    assert verify() == whole


def test_only_the_anchors_outside_find_a_chain_that_was_made_anew(record):
    """So they are worth keeping where whoever administers the database can't write."""
    forge_first_site()
    assert "made anew" in str(fault())

    anchors.anchor_path().unlink()
    assert isinstance(verify(), Whole)


def test_a_restored_database_is_told_from_a_whole_one_and_what_to_do_is_said(record):
    the_tail_is_cut(random.Random(1))

    assert "If a backup was restored on purpose, put" in str(fault())


# --- anchors and exports -------------------------------------------------------------------------------------


def test_an_anchor_cut_short_by_a_crash_spoils_no_other(record):
    anchors.anchor_path().write_text('{"number": 3, "ha')
    anchors.anchor()
    anchors.anchor(sync=True)  # nothing new: not a line more

    assert [a.number for a in anchors.anchors()] == [AuditLink.objects.count()]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_has_not_asked_the_database_yet_anchors_too(world):
    make_participant(world)
    anchors.anchor_path().unlink()
    connection.close()

    anchors.anchor(sync=True)

    assert [a.number for a in anchors.anchors()] == [AuditLink.objects.count()]


def test_an_act_stands_though_its_anchor_could_not_be_written(record, settings, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    settings.ALLOCATION_LOG_DIR = tmp_path / "file"

    audit._anchor()

    assert "the audit chain was not anchored" in caplog.text


def test_a_frozen_dataset_bears_the_head_of_the_chain(record):
    frozen = freezes.freeze(
        record.trial, purpose="Interim", by=record.trial_statistician, despite_findings=True
    )
    again = freezes.freeze(record.trial, purpose="Again", by=record.trial_statistician, despite_findings=True)

    link()

    assert frozen.audit_head == AuditLink.objects.get(number=anchors.anchors()[-1].number).hash
    assert frozen.sha256 == again.sha256
    assert frozen.audit_head in DOWNLOADS["codebook.csv"].make(frozen)
    assert verify(heads=[frozen.audit_head]).anchors == 2
    forge_first_site()
    anchors.anchor_path().unlink()
    with pytest.raises(Broken, match="no link has this hash"):
        verify(heads=[frozen.audit_head])


# --- the command ---------------------------------------------------------------------------------------------


def said(*options: str) -> str:
    out = StringIO()
    call_command("verify_audit", *options, stdout=out)
    return out.getvalue()


def test_the_command_says_what_it_compared(record):
    whole = verify()

    assert f"All {whole.rows} audit rows are as they were written" in said()
    assert f"up to link {whole.links}" in said()
    assert json.loads(said("--json")) == {"whole": True} | whole._asdict()
    anchors.anchor_path().unlink()
    assert "No anchor was there" in said()


def test_the_command_names_the_first_broken_row_and_exits_with_1(record):
    with triggers_off():
        rows("UPDATE trial_siteevent SET name = 'Forged' WHERE pgh_id > 1")
    first = str(rows("SELECT min(pgh_id) FROM trial_siteevent WHERE name = 'Forged'")[0][0])

    with pytest.raises(CommandError, match=f"^trial_siteevent {first}: the row was changed after link") as no:
        said()
    assert no.value.returncode == 1
    with pytest.raises(CommandError):
        call_command("verify_audit", "--json", stdout=(out := StringIO()))
    told = json.loads(out.getvalue())
    assert (told["whole"], told["table"], told["key"]) == (False, "trial_siteevent", first)
