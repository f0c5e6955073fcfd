"""Tables as a statistician gets them: on a console, and as CSV that no spreadsheet will run."""

import csv
import io

import pytest

from analysis.cascades import cascade
from analysis.characteristics import STEPS, baseline, uptake
from analysis.effects import effects, subgroup_effects
from analysis.tables import (
    Row,
    Table,
    baseline_table,
    cascade_table,
    effect_table,
    guarded,
    subgroup_table,
    to_csv,
    to_text,
    uptake_table,
)
from tests.analysis.people import people, person

FOUND = {"dxa": True, "dxa_trial": True, "osteoporosis": True, "osteoporosis_trial": True,
         "dxa_class_trial": "osteoporosis", "dxa_class_any": "osteoporosis"}  # fmt: skip
ROWS = [
    *people(12, arm="screening", **FOUND),
    *people(3, arm="screening", iscd_age_sex=False, **FOUND),
    *people(25, arm="screening", iscd_age_sex=False, sex="male"),
    *people(60, arm="screening"),
    *people(4, arm="control", dxa=True, dxa_physician=True, osteoporosis=True),
    *people(30, arm="control", iscd_age_sex=False),
    *people(66, arm="control"),
]


def line(table: Table, label: str) -> Row:
    return next(row for row in table.rows if row.label.startswith(label))


def test_effects_are_laid_out_in_groups_with_their_methods_and_population():
    table = effect_table(effects(ROWS))
    assert [row.label for row in table.rows if row.heading] == ["Examination", "Result", "Medication"]
    row = line(table, "New-onset osteoporosis (primary")
    assert row.cells[:3] == ("15/100 (15.0%)", "4/100 (4.0%)", "4.24 (1.35, 13.25)")
    assert "Intention to treat" in table.footnotes[0]
    assert "Woolf" in table.footnotes[1]


def test_an_infinite_odds_ratio_carries_its_reason_as_a_footnote():
    table = effect_table(effects(ROWS))
    cell = line(table, "DXA examination by the trial").cells[2]
    assert cell.startswith("Inf (")
    mark = cell.split()[-1]
    assert any(note.startswith(mark) and "exact conditional" in note for note in table.footnotes)
    assert line(table, "Denosumab").cells[2].startswith("not defined [")


def test_the_same_reason_is_noted_once():
    notes = [note for note in effect_table(effects(ROWS)).footnotes if note.startswith("[")]
    assert len(notes) == len({note.split("] ")[1] for note in notes})


def test_subgroups_show_both_interaction_tests_by_name():
    table = subgroup_table(subgroup_effects(ROWS))
    assert table.columns[-2:] == ("P, Wald", "P, likelihood ratio")
    row = line(table, "New-onset osteoporosis")
    assert row.heading
    assert row.cells[:3] == ("", "", "")
    assert any("Wald chi-square (1 df)" in note for note in table.footnotes)
    assert sum(row.label.startswith("Men aged") for row in table.rows) == 6


def test_baseline_and_uptake_have_a_row_for_every_level():
    table = baseline_table(baseline(ROWS), (100, 100))
    assert line(table, "Male").cells == ("25 (25.0%)", "0 (0.0%)")
    assert line(table, "Not recorded").cells == ("100", "100")
    assert "100" in table.columns[1]
    table = uptake_table(uptake([row for row in ROWS if row.arm == "screening"]), [s.label for s in STEPS])
    assert line(table, "Not meeting ISCD").cells[0] == "3/28 (10.7%)"
    nobody_scanned = uptake_table(uptake([person(arm="screening")]), [s.label for s in STEPS])
    assert line(nobody_scanned, "Sex").cells[0] == "p not defined [1]"
    assert nobody_scanned.footnotes[1] == "[1] a row or a column of the table is empty"


def test_a_cascade_is_a_table_too():
    bars = cascade([row for row in ROWS if row.arm == "screening"], "Screening arm", offered=True)
    table = cascade_table(bars, title="Screening arm")
    assert line(table, "DXA by the trial").cells == ("15", "15.0")


def test_csv_can_be_read_back_cell_by_cell():
    table = effect_table(effects(ROWS))
    lines = list(csv.reader(io.StringIO(to_csv(table))))
    assert tuple(lines[0]) == table.columns
    assert all(len(cells) == len(table.columns) for cells in lines[: len(table.rows) + 1])
    assert [cells[0] for cells in lines[1 : len(table.rows) + 1]] == [row.label for row in table.rows]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+A1", "@SUM(A1)", "\t=1", "\r=1", "-HYPERLINK(1)"]
)
def test_no_cell_starts_a_formula(cell):
    table = Table("t", "T", ("a", cell), (Row(cell, (cell,)),), (cell,))
    cells = [c for line in csv.reader(io.StringIO(to_csv(table), newline="")) for c in line]
    assert cells.count("'" + cell) == 4
    assert cell not in cells


@pytest.mark.parametrize("cell", ["-0.29 (-1.01, 0.43)", "-3", "11.20 (7.51, 16.71)", "< 0.001", "", "–"])
def test_plain_numbers_stay_as_they_are(cell):
    assert guarded(cell) == cell


def test_text_lines_up():
    lines = to_text(effect_table(effects(ROWS))).splitlines()
    assert lines[0] == "Effects by endpoint"
    found = [text for text in lines if "/100 (" in text]
    assert len({text.index("/100 (") + len("/100 (") for text in found if "(15.0%)" in text}) == 1
    assert any(text.startswith("    DXA examination by the trial") for text in lines)


def test_empty_tables_are_no_error():
    assert to_text(effect_table([])).startswith("Effects by endpoint")
    assert subgroup_table([]).rows == ()


def test_on_a_page_each_cell_knows_its_column_and_an_interval_stays_in_one_piece():
    table = effect_table(effects(ROWS))

    row, cells = next(found for found in table.named if found[0].label.startswith("All DXA"))

    assert [name for name, _ in cells] == list(table.columns[1:])
    assert [cell.replace("\u00a0", " ") for _, cell in cells] == list(row.cells)
    assert all(cell.count(" ") == 1 and " (" in cell for name, cell in cells if name != "P")
