"""The report for whoever is blind: the arms named A and B, and nothing by letter that could say which is which.

By letter are told baseline characteristics and what of them was not recorded, for these were settled before anybody
was allocated. Everything that follows from an arm is told of both together or not at all: scans, calls, consent,
withdrawals, follow-up, deaths, deviations, contamination and every outcome, which in a trial that works would name
the arm by itself (11 % against 1 %). So who does find out a letter has learned the arm's baseline, and no result.

The letter is a lot, not a mark of the arm: A is the arm of the one person whom a keyed hash draws. Whoever has which
arm, the same partition of people gets the same letters, to the byte (`tests/analysis/test_scrambled.py`).

Left out by letter as well: a characteristic that fewer than FEWEST people of a letter share, for it would tell who is
in an arm with whom; one that differs by more than chance (p below UNEVEN), for it was recorded knowing the arm; and
the share of positive films, for a score of the control arm is for named roles alone.
"""

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any

from analysis.characteristics import (
    BASELINE,
    POSITIVE_FILMS,
    Category,
    CategoryByArm,
    Quantity,
    QuantityByArm,
    balance,
    baseline,
)
from analysis.conduct import Record, harms_table, missing_table, weeks_table
from analysis.consort import Flow
from analysis.formats import events_of
from analysis.masking import pooled
from analysis.populations import INTENTION_TO_TREAT, by_arm
from analysis.subjects import ARM_CODES, ARMS, Arm, SubjectRow
from analysis.tables import Row, Table, baseline_table

LETTERS = ("A", "B")
FEWEST = 5
UNEVEN = 0.001
TOGETHER = "Both arms"
Described = CategoryByArm | QuantityByArm


class NotTold(ValueError):
    """The arms can't be told by letter; the message says why."""


def lettered(rows: Iterable[SubjectRow], key: bytes) -> list[SubjectRow]:
    """Return the randomized with letter A in the place of the first arm and B in that of the second."""
    people = INTENTION_TO_TREAT.select(rows)
    if not people:
        raise NotTold("Nobody is randomized.")
    drawn = min(people, key=lambda row: _lot(row, key))
    places = {arm: ARMS[0] if arm == drawn.arm else ARMS[1] for arm in ARMS}
    return [row._replace(arm=places[row.arm]) for row in people if row.arm]


def _lot(row: SubjectRow, key: bytes) -> bytes:
    return hmac.digest(key, f"letters:{row.study_number}".encode(), "sha256")


def lettered_tables(rows: Iterable[SubjectRow], key: bytes, *, tested: bool) -> list[Table]:
    """Return what is told by letter; raise NotTold where sizes or small numbers would tell an arm."""
    people = lettered(rows, key)
    sizes = {arm: len(members) for arm, members in by_arm(people).items()}
    if abs(sizes[ARMS[0]] - sizes[ARMS[1]]) > 2 * sqrt(len(people)):
        raise NotTold("The arms differ in size, so that a letter would name its arm.")
    # In the order of study numbers, which no arm has a part in.
    found = baseline(people, [variable for variable in BASELINE if variable is not POSITIVE_FILMS])
    shown, hidden = [f for f in found if not _tells(f)], [_variable(f).label for f in found if _tells(f)]
    if not shown:
        raise NotTold("Too few people share any characteristic to tell one by letter.")
    first = baseline_table(shown, (sizes[ARMS[0]], sizes[ARMS[1]]), tested=tested, names=LETTERS)
    if hidden:
        why = f"fewer than {FEWEST} people of an arm, or more apart than chance: {'; '.join(hidden)}"
        first = replace(first, footnotes=(*first.footnotes, f"Not told by letter, for {why}."))
    lacking = _not_recorded(shown, sizes)
    return [first, lacking] if lacking.rows else [first]


def _variable(found: Described) -> Category | Quantity:
    return found.category if isinstance(found, CategoryByArm) else found.quantity


def _tells(found: Described) -> bool:
    """Say whether a characteristic names so few people, or differs so much, that it would tell more than itself."""
    groups = [tuple(found.missing[arm] for arm in ARMS)]
    if isinstance(found, CategoryByArm):
        recorded = [tuple(by[arm].n for arm in ARMS) for _, by in found.levels]
    else:
        recorded = [tuple(found.means[arm].n for arm in ARMS)]
    few = any(sum(group) and min(group) < FEWEST for group in (*groups, *recorded))
    sums = [sum(group[place] for group in recorded) for place in (0, 1)]
    tests = (found.test, balance([[n, missing] for n, missing in zip(sums, groups[0], strict=True)]))
    return few or any(test.p is not None and test.p < UNEVEN for test in tests)


def _not_recorded(found: Sequence[Described], sizes: Mapping[Arm, int]) -> Table:
    rows = [
        Row(_variable(f).label, tuple(events_of(f.missing[arm], sizes[arm]) for arm in ARMS))
        for f in found
        if any(f.missing.values())
    ]
    return Table("missing", "Baseline values not recorded", ("What", *LETTERS), tuple(rows))


def pooled_tables(rows: Sequence[SubjectRow], flow: Flow, record: Record) -> Iterator[Table]:
    """Return what is told of both arms together: flow, outcomes, and the conduct."""
    yield _flow_table(flow)
    lines = tuple(Row(label, (counted,)) for label, counted in pooled(rows))
    yield Table("outcomes", "Outcomes among everybody randomized", ("Outcome", TOGETHER), lines)
    yield _summed(
        weeks_table(rows, record.get("calls", {})), ("DXA, screening arm", "DXA, control arm"), "DXA"
    )
    yield _deviations(record.get("deviations", []))
    whole = [row._replace(arm=ARMS[0]) for row in rows if row.arm]
    broken: dict[str, int] = {ARMS[0]: sum(record.get("fractures", {}).values())}
    for table in (harms_table(whole, broken), missing_table(whole)):
        yield _first_column(table)


def _flow_table(flow: Flow) -> Table:
    def left(key: str) -> str:
        box = flow.left.get(key)
        return f"{box.label}: {box.n} ({', '.join(f'{p.label} {p.n}' for p in box.parts)})" if box else ""

    rows = tuple(Row(box.label, (str(box.n), left(box.key))) for box in flow.stem)
    return Table("flow", "Participant flow up to randomization", ("Step", "Number", "Left here"), rows)


def _summed(table: Table, apart: tuple[str, str], name: str) -> Table:
    """Put two columns of a table together where the first of them stands."""
    first, second = (table.columns.index(column) - 1 for column in apart)

    def together(cells: tuple[str, ...]) -> tuple[str, ...]:
        total = str(int(cells[first]) + int(cells[second]))
        return (*cells[:first], total, *(c for n, c in enumerate(cells) if n > first and n != second))

    columns = tuple(name if c == apart[0] else c for c in table.columns if c != apart[1])
    rows = tuple(replace(row, cells=together(row.cells)) for row in table.rows)
    return replace(table, columns=columns, rows=rows)


def _deviations(counted: Sequence[Mapping[str, Any]]) -> Table:
    found: Counter[tuple[str, str, bool]] = Counter()
    for line in counted:
        found[line["category"], line["severity"], line["arm"] is not None] += line["n"]
    kinds = sorted({(category, severity) for category, severity, _ in found})
    rows = tuple(
        Row(f"{c.capitalize()} ({s})", (str(found[c, s, True]), str(found[c, s, False]))) for c, s in kinds
    )
    columns = ("Protocol deviation", TOGETHER, "Nobody randomized")
    return Table("deviations", "Protocol deviations", columns, rows)


def _first_column(table: Table) -> Table:
    """Keep the first column of a table in which everybody was put into one arm."""
    assert table.columns[1:] == tuple(ARM_CODES[arm] for arm in ARMS)
    rows = tuple(replace(row, cells=row.cells[:1]) for row in table.rows)
    return replace(table, columns=(table.columns[0], TOGETHER), rows=rows)
