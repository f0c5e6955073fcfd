"""Walking the audit chain: every link, the rows it is about, the anchors outside, and the record it tells of."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.apps import apps
from django.db import DataError, connection, models, transaction

from trial import chain
from trial.anchors import Anchor, anchor_path, anchors
from trial.triggers import CHAINED

AT_ONCE = 2000  # links read with one query
REMEDY = (
    "Change nothing more; keep this database and the anchors as they are, look in a backup for what stood there,"
    " and tell the data manager."
)


Seen = dict[str, dict[str, int]]  # rows met by table and key, with the number of columns they had


class Broken(Exception):
    """A row is not what was written; the message says which, what is wrong and what to do."""

    def __init__(self, table: str, key: object, wrong: str, remedy: str = REMEDY) -> None:
        self.table, self.key, self.wrong = table, str(key), wrong
        super().__init__(f"{table} {key}: {wrong}. {remedy}")


def _restored() -> str:
    return (
        f"If a backup was restored on purpose, put {anchor_path()} away where it is kept, with a note; the next act"
        f" begins a new one. If not: {REMEDY}"
    )


class Whole(NamedTuple):
    """What was walked without a fault."""

    rows: int
    links: int
    head: str
    anchors: int
    anchored: int  # the last link that an anchor confirms; what came later may be cut off unnoticed


class Link(NamedTuple):
    """A link as it is read."""

    number: int
    previous: str
    made_at: str
    table: str
    columns: int
    said: str
    hash: str

    @property
    def rows(self) -> dict[str, str]:
        """Return the hash of each row by its key."""
        return json.loads(self.said)

    def computed(self) -> str:
        """Return the hash that the link should have."""
        return hashlib.sha256(chain.SEPARATOR.join(map(str, self[:-1])).encode()).hexdigest()


def verify(*, heads: Sequence[str] = (), progress: Callable[[int], object] = lambda links: None) -> Whole:
    """Compare chain, audit rows, anchors and record; raise Broken at the first row that is not what was written.

    `heads` are hashes that left with exports; `progress` is told how many links were walked on.
    """
    kept = anchors()  # read before the database: an anchor is written after its link
    with _one_moment():
        walk = _Walk(kept)
        for links in _read_links():
            walk.over(links)
            progress(len(links))
        walk.reach(heads)
        _find_row_without_link(walk.seen)
        _compare_record(walk.seen)
    rows = sum(map(len, walk.seen.values()))
    return Whole(rows, walk.number, walk.hash, len(kept) + len(heads), walk.anchored)


@contextmanager
def _one_moment() -> Iterator[None]:
    """See the database as it is now, whatever is written meanwhile."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name, value in chain.READING.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        yield


def _query(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


# --- the chain ---------------------------------------------------------------------------------------------


class _Walk:
    """How far the walk has come, and which rows it has met."""

    def __init__(self, kept: Iterable[Anchor]) -> None:
        self.number, self.hash, self.anchored = 0, chain.START, 0
        self.tables = _chained()
        self.seen: Seen = {}
        self.anchors: dict[int, list[Anchor]] = defaultdict(list)
        for anchor in kept:
            self.anchors[anchor.number].append(anchor)

    def over(self, links: Sequence[Link]) -> None:
        """Check links, and the rows of those before the first that is broken."""
        sound: list[Link] = []
        try:
            for link in links:
                self._step(link)
                sound.append(link)
        finally:
            _compare_rows(sound, self.tables)

    def _step(self, link: Link) -> None:
        if link.number != self.number + 1:
            raise Broken(
                chain.LINKS, self.number + 1, f"the link is gone: after {self.number} comes {link.number}"
            )
        if link.previous != self.hash:
            raise Broken(chain.LINKS, link.number, f"the link does not follow link {self.number}")
        if link.computed() != link.hash:
            raise Broken(chain.LINKS, link.number, f"the link about {link.table} was changed")
        for anchor in self.anchors[link.number]:
            if anchor.hash != link.hash:
                raise Broken(chain.LINKS, link.number, self._made_anew(anchor), _restored())
            self.anchored = link.number
        self._meet(link)
        self.number, self.hash = link.number, link.hash

    def _made_anew(self, anchor: Anchor) -> str:
        return (
            f"the chain was made anew: {anchor_path().name} has another link {anchor.number}, of {anchor.made_at}."
            f" What was altered is in the links from {self.anchored + 1} on"
        )

    def _meet(self, link: Link) -> None:
        rows = link.rows
        if link.table not in self.tables:
            raise Broken(chain.LINKS, link.number, f"the link is about {link.table!r}, which is not chained")
        if not rows and link.table in self.seen:  # only where a table's chain begins
            raise Broken(chain.LINKS, link.number, f"the link is about no row of {link.table}")
        seen = self.seen.setdefault(link.table, {})
        if twice := seen.keys() & rows.keys():
            raise Broken(link.table, min(twice), f"the row is linked once more, by link {link.number}")
        seen.update(dict.fromkeys(rows, link.columns))

    def reach(self, heads: Sequence[str]) -> None:
        """Ask for every anchor that the chain should have passed, and for the heads that left with exports."""
        if (last := max(self.anchors, default=0)) > self.number:
            wrong = f"the chain ends with link {self.number}, but {anchor_path().name} has link {last}"
            raise Broken(chain.LINKS, self.number + 1, wrong, _restored())
        for head in heads:
            if not _query(f"SELECT 1 FROM {chain.LINKS} WHERE hash = %s", head):
                raise Broken(chain.LINKS, head, "no link has this hash: the chain was cut short or made anew")


def _read_links() -> Iterator[list[Link]]:
    statement = (
        f"SELECT number, previous, {chain.MOMENT.format('made_at')}, table_name, column_count, row_hashes::text, hash"
        f" FROM {chain.LINKS} WHERE number > %s ORDER BY number LIMIT {AT_ONCE}"
    )
    last = -(2**63)
    while links := [Link(*row) for row in _query(statement, last)]:
        yield links
        last = links[-1].number


# --- the rows ----------------------------------------------------------------------------------------------


def _chained() -> dict[str, Any]:
    """Return the primary key of every table whose rows are chained."""
    return {
        model._meta.db_table: model._meta.pk
        for model in apps.get_models()
        if hasattr(model, "pgh_tracked_model") or model._meta.db_table in CHAINED
    }


def _compare_rows(links: Iterable[Link], tables: dict[str, Any]) -> None:
    links = list(links)
    wanted: dict[tuple[str, int], list[str]] = defaultdict(list)
    for link in links:
        wanted[link.table, link.columns] += link.rows
    found = {
        (table, key): value
        for (table, columns), keys in wanted.items()
        for key, value in _hashes(table, tables[table], columns, keys).items()
    }
    for link in links:
        for key, value in link.rows.items():
            if (now := found.get((link.table, key))) != value:
                wrong = "the row was changed after" if now else "the row is gone that"
                raise Broken(link.table, key, f"{wrong} link {link.number} of {link.made_at}")


def _hashes(table: str, pk: models.Field, columns: int, keys: list[str]) -> dict[str, str]:
    """Hash rows as they are now, without columns that are younger than they."""
    names = _columns(table)
    if len(names) < columns:
        raise Broken(table, min(keys, default=""), f"the table had {columns} columns and has {len(names)}")
    said = chain.sha256_of("(to_jsonb(t) - %s::text[])::text")
    chosen = f"{pk.column} = ANY(%s::{pk.db_type(connection)}[])"
    query = f"SELECT {pk.column}::text, {said} FROM {table} t WHERE {chosen}"
    try:
        with transaction.atomic():
            return dict(_query(query, names[columns:], keys))
    except DataError:
        raise Broken(table, min(keys), "a link is about a row with a key that no row can have") from None


def _columns(table: str) -> list[str]:
    query = (
        f"SELECT attname FROM pg_attribute WHERE {chain.COLUMNS.format('to_regclass(%s)')} ORDER BY attnum"
    )
    return [name for (name,) in _query(query, table)]


def _find_row_without_link(seen: Seen) -> None:
    for table, pk in _chained().items():
        linked = seen.get(table, {})
        if _query(f"SELECT count(*) FROM {table}")[0][0] == len(linked):
            continue
        for (key,) in _query(f"SELECT {pk.column}::text FROM {table} ORDER BY {pk.column}"):
            if key not in linked:
                raise Broken(
                    table, key, "the row has no link: it was added past the triggers, or its link is gone"
                )


# --- the record --------------------------------------------------------------------------------------------


def _compare_record(seen: Seen) -> None:
    """Compare every row on record with the last that its audit trail tells of it."""
    for event in apps.get_models():
        if model := getattr(event, "pgh_tracked_model", None):
            _compare_with_trail(model._meta, event._meta, seen)


def _compare_with_trail(record: Any, trail: Any, seen: Seen) -> None:
    table, told_in = record.db_table, f"its last audit row is in {trail.db_table}"
    columns = _columns(trail.db_table)
    for key, event, *both in _query(_differing(record, trail)):
        now, told = (json.loads(said) if said else None for said in both)
        if told is None or told["pgh_label"] == "delete":
            raise Broken(table, key, "the row was added past the triggers: its audit trail has none")
        if now is None:
            raise Broken(table, key, f"the row is gone; {told_in}")
        # A column that is younger than the audit row may begin with other values in each of the two tables.
        known = [name for name in columns[: seen[trail.db_table][event]] if name in now]
        if any(now[name] != told[name] for name in known):
            raise Broken(table, key, f"the row is not what its audit trail tells of it; {told_in}, {event}")


def _differing(record: Any, trail: Any) -> str:
    names = [field.column for field in trail.concrete_fields if not field.name.startswith("pgh_")]
    now, told = (", ".join(f'{row}."{name}"' for name in names) for row in "re")
    return f"""
    SELECT COALESCE(r.{record.pk.column}, e.pgh_obj_id)::text, e.pgh_id::text, to_jsonb(r), to_jsonb(e)
      FROM {record.db_table} r
      FULL JOIN (SELECT DISTINCT ON (pgh_obj_id) * FROM {trail.db_table} ORDER BY pgh_obj_id, pgh_id DESC) e
        ON e.pgh_obj_id = r.{record.pk.column}
     WHERE CASE WHEN r.{record.pk.column} IS NULL THEN e.pgh_label <> 'delete'
                ELSE COALESCE(e.pgh_label, 'delete') = 'delete' OR ROW({now}) IS DISTINCT FROM ROW({told}) END"""
