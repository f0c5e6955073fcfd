"""The report by letter: whoever has which arm it is the same, and nothing in it follows from an arm."""

import re
from datetime import date

import pytest

from analysis.consort import Intake, flow
from analysis.models import Freeze
from analysis.scrambled import NotTold, lettered, lettered_tables, pooled_tables
from analysis.services import freezes
from analysis.services.blinded import blinded_document
from analysis.subjects import SubjectRow
from analysis.tables import Table, to_csv
from tests.analysis.test_planned_report import arm, numbered
from tests.analysis.test_plans import signed, unblinded
from tests.browsing import browser, words
from tests.factories import World, activate, end, randomized
from trial.protocol import template
from trial.services.trials import Refused
from trial.states import TrialState

KEY = b"a key"
OTHER = {"screening": "control", "control": "screening"}
ARM_WORDS = re.compile(r"screening|control|by the trial|by physicians|contaminat|called", re.IGNORECASE)


def described(rows: list[SubjectRow]) -> list[SubjectRow]:
    """Give everybody a baseline that has nothing to do with the arm."""
    return [
        row._replace(age=60 + n % 30, bmi=20.0 + n % 7 if n % 5 else None, fracture=n % 3 == 0, sex="female")
        for n, row in enumerate(rows)
    ]


ROWS = described(numbered(arm("screening", 60, 20, called=True, withdrawn=True) + arm("control", 60, 4)))


def text(tables: list[Table]) -> str:
    return "\n".join([table.title + to_csv(table) for table in tables])


def by_letter(rows: list[SubjectRow], key: bytes = KEY) -> str:
    return text(lettered_tables(rows, key, tested=True))


def test_whoever_has_which_arm_the_letters_are_the_same_to_the_byte():
    swapped = [row._replace(arm=OTHER[row.arm]) for row in ROWS]

    assert by_letter(swapped) == by_letter(ROWS) == by_letter(ROWS)
    assert len({by_letter(ROWS, f"key {n}".encode()) for n in range(9)}) == 2  # A and B, or B and A


def test_over_many_keys_either_arm_is_a_as_often():
    first = [lettered(ROWS, f"key {n}".encode())[0].arm for n in range(200)]  # of one and the same person

    assert 70 < first.count("screening") < 130


def test_nothing_that_follows_from_an_arm_changes_what_is_told_by_letter():
    followed = {"dxa": True, "dxa_trial": True, "osteoporosis": True, "called": True, "consented": True}
    followed |= {"withdrawn": True, "died": True, "treated": True, "drugs": frozenset({"serm"})}
    followed |= {"followed_to": date(2023, 3, 1), "dxa_on": date(2023, 2, 1), "score_told": True}
    followed |= {"allocation_error": "wrong_arm", "contact_outcome": "declined", "films_positive": 0}
    followed |= {"frax_major": 9.0, "frax_trial": True, "randomized_on": date(2023, 1, 20)}
    other = [row._replace(**followed) if row.arm == "screening" else row for row in ROWS]

    assert by_letter(other) == by_letter(ROWS)


def test_no_arm_is_named_and_no_line_is_of_one_arm_alone():
    record = {
        "calls": {"2023-01-16": 4},
        "deviations": [{"category": "allocation", "severity": "major", "arm": "control", "n": 2}],
        "fractures": {"screening": 1, "control": 2},
    }
    told = [*lettered_tables(ROWS, KEY, tested=True), *pooled_tables(ROWS, flow(ROWS, Intake(0, 0)), record)]

    assert [table.columns[1:3] for table in told[:2]] == [("A (n = 60)", "B (n = 60)"), ("A", "B")]
    names = [word for table in told for row in table.rows for word in (row.label, *row.cells)]
    names += [word for table in told for word in (table.title, *table.columns, *table.footnotes)]
    assert [word for word in names if ARM_WORDS.search(word)] == []
    cells = {row.label: row.cells for table in told[2:] for row in table.rows}
    assert cells["Allocation (major)"] == ("2", "0")
    assert cells["Osteoporotic fracture recorded"] == ("3/120 (2.5%)",)
    assert cells["Withdrawn"] == ("60/120 (50.0%)",)
    assert cells["2023-02-27"] == ("0", "0", "24", "120")


def test_what_few_share_or_what_differs_by_more_than_chance_is_not_told_by_letter():
    rows = [row._replace(multiple_myeloma=n in (1, 2, 70)) for n, row in enumerate(ROWS)]
    rows = [row._replace(bmi=None) if row.arm == "control" else row for row in rows]  # asked on the telephone

    baseline, missing = lettered_tables(rows, KEY, tested=False)

    labels = {row.label for row in (*baseline.rows, *missing.rows)}
    assert "Fracture" in labels and not labels & {"Multiple myeloma", "Body mass index (kg/m²)"}
    (note,) = [note for note in baseline.footnotes if "Not told by letter" in note]
    assert "Body mass index (kg/m²)" in note and "Multiple myeloma" in note
    assert "Share of films positive" not in text([baseline, missing])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "Nobody is randomized."),
        (ROWS[:60] + ROWS[60:90], "The arms differ in size"),
        (ROWS[:4] + ROWS[60:64], "Too few people"),
    ],
)
def test_no_letters_where_sizes_or_small_numbers_would_tell(rows, said):
    with pytest.raises(NotTold, match=said):
        lettered_tables(rows, KEY, tested=True)


# --- of a freeze ---------------------------------------------------------------------------------------------


def freeze(world: World) -> Freeze:
    return freezes.freeze(world.trial, purpose="a test", by=world.trial_statistician, despite_findings=True)


def locked(world: World) -> None:
    end(world, TrialState.LOCKED)
    world.trial.refresh_from_db()


@pytest.mark.django_db
def test_letters_are_told_of_the_first_freeze_of_a_locked_trial_until_the_arms_are_known(world):
    randomized(world, 12)
    early = freeze(world)
    signed(world)
    locked(world)
    first, second = freeze(world), freeze(world)
    reader = browser(world.trial_statistician)

    for frozen, said in ((early, "They are once the trial is locked"), (second, "They are in DEMO freeze 2")):
        page = words(reader.get(f"/reports/{frozen.pk}/"))
        assert f"The arms can't be told by letter. {said}" in page and "(n = 6)" not in page
        answer = reader.get(f"/reports/{frozen.pk}/files/blinded-report.pdf", follow=True)
        assert said in words(answer)
    page = reader.get(f"/reports/{first.pk}/").content.decode()
    assert "A (n = 6)" in page and "B (n = 6)" in page
    assert not re.search(r"screening arm|control arm", page, re.IGNORECASE)
    assert reader.get(f"/reports/{first.pk}/files/blinded-report.pdf").content[:4] == b"%PDF"
    assert blinded_document(first) == blinded_document(Freeze.objects.get(pk=first.pk))

    unblinded(world)
    assert "Screening arm" in words(reader.get(f"/reports/{first.pk}/"))


@pytest.mark.django_db
def test_a_trial_that_ever_allocated_unequal_shares_tells_no_letters(world):
    arms = [{"arm": "screening", "ratio": 2}, {"arm": "control", "ratio": 1}]
    activate(world, template("opscan").amended({"allocation.arms": arms}, note="A test."))
    randomized(world, 12)
    locked(world)

    with pytest.raises(Refused, match="unequal shares"):
        blinded_document(freeze(world))
