"""FRAX before and after DXA: who is counted, what is compared, and no figure where nobody has any."""

from datetime import UTC, datetime

import pytest
from scipy import stats

from analysis.consort import Intake
from analysis.figures import fracture_risks
from analysis.fracture_risk import fracture_risk
from analysis.services.documents import lay_out
from analysis.services.reports import make_report
from analysis.tables import fracture_risk_table
from tests.analysis.people import people, person

SCANNED = {"arm": "screening", "dxa": True, "dxa_trial": True}
YOUNG = {**SCANNED, "age": 60, "iscd_age_sex": False}
FRAX = {"frax_trial": True, "frax_model": "Taiwan 4.2"}
ROWS = [
    *(row._replace(frax_major=5.0, frax_major_bmd=5.0 * n, frax_hip=0.0, frax_hip_bmd=1.0)
      for n, row in enumerate(people(3, **YOUNG, **FRAX), 1)),
    *(row._replace(frax_major=10.0, frax_major_bmd=10.0 + 2 * n, frax_hip=2.0)
      for n, row in enumerate(people(2, **SCANNED, **FRAX))),
    *people(4, **SCANNED),
    # Neither a physician's FRAX nor the control arm's is counted.
    person(**SCANNED, frax_major=1.0, frax_major_bmd=90.0),
    person(arm="control", dxa=True, dxa_physician=True, frax_major=1.0, frax_major_bmd=90.0),
]  # fmt: skip


def test_each_person_s_risk_after_is_divided_by_the_risk_before():
    found = fracture_risk(ROWS)

    major, hip = found.changes
    assert (found.scanned, found.recorded, found.models) == (10, 5, ("Taiwan 4.2",))
    assert [(g.ratio.n, g.ratio.mean) for g in major.groups] == [(3, 2.0), (2, pytest.approx(1.1))]
    assert (major.groups[0].before.mean, major.groups[0].after.mean) == (5.0, 10.0)
    assert major.test.p == pytest.approx(stats.ttest_ind([1, 2, 3], [1.0, 1.2], equal_var=False).pvalue)
    # A risk of 0 before, and a pair that is not complete, have no ratio.
    assert [g.ratio.n for g in hip.groups] == [0, 0] and hip.test.p is None


def test_table_and_figure_say_how_many_have_values():
    found = fracture_risk(ROWS)
    table = fracture_risk_table(found)

    assert [row.cells for row in table.rows[:3]] == [
        ("", "", "", "", "0.258"),
        ("3", "5.0 ± 0.0", "10.0 ± 5.0", "2.00 ± 1.00", ""),
        ("2", "10.0 ± 0.0", "11.0 ± 1.4", "1.10 ± 0.14", ""),
    ]
    assert (
        "recorded for 5/10 (50.0%) of those scanned by the trial, as entered (Taiwan 4.2)"
        in table.footnotes[0]
    )
    drawn = fracture_risks(found.changes).decode()
    assert "Not meeting ISCD indication 2.00 ± 1.00 (n = 3)" in drawn and "p = 0.258" in drawn


def shown(rows: list) -> set[str]:
    made = make_report(rows, Intake(0, 0))
    blocks = lay_out(made, title="T", made=datetime(2024, 1, 1, tzinfo=UTC), told=()).blocks
    return {block.key for block in blocks if block.kind in ("drawing", "table")}


def test_the_report_has_it_where_somebody_has_values_and_not_a_word_of_it_elsewhere():
    rest = people(9, arm="control")

    assert "fracture_risk" in shown(ROWS + rest)
    assert "fracture_risk" not in shown(people(9, **SCANNED) + rest)
