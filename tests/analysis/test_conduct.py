"""The conduct of a trial as it was counted at a freeze, and its tables."""

from datetime import date

import pytest

from analysis.conduct import NOT_VERIFIED, conduct_tables, performance_table, weeks_table
from analysis.conduct_record import conduct_record, monday
from analysis.consort import Intake
from analysis.services import freezes, reports
from tests.analysis.test_planned_report import ROWS, arm, numbered
from tests.browsing import browser, words
from tests.stage import make_stage


def cells(table, label):
    return next(row.cells for row in table.rows if row.label.startswith(label))


def test_weeks_are_whole_in_order_and_sum_up():
    rows = numbered(arm("screening", 2, 1) + arm("control", 1, randomized_on=date(2023, 1, 30)))

    table = weeks_table(rows, {"2023-01-23": 4})

    assert [row.label for row in table.rows] == [
        *("2023-01-16", "2023-01-23", "2023-01-30"), *("2023-02-06", "2023-02-13", "2023-02-20", "2023-02-27")
    ]  # fmt: skip
    assert [row.cells for row in table.rows[:3]] == [
        ("2", "0", "0", "0", "2"),
        ("0", "4", "0", "0", "2"),
        ("1", "0", "0", "0", "3"),
    ]
    assert table.rows[-1].cells == ("0", "0", "1", "0", "3")
    assert monday(date(2023, 1, 22)) == "2023-01-16"


def test_sensitivity_and_specificity_are_refused_with_the_reason():
    table = performance_table(ROWS)

    assert cells(table, "Positive predictive value")[0].startswith("20/20 (100.0%), 95% CI 83.9 to 100.0")
    assert cells(table, "Sensitivity") == cells(table, "Specificity") == ("refused",)
    assert table.footnotes == (NOT_VERIFIED,)


def test_who_left_and_what_was_not_recorded_is_counted_by_arm():
    rows = numbered(
        [*ROWS, *arm("control", 1, withdrawn=True, died=True, followed_to=date(2023, 2, 1), bmi=20.0)]
    )
    found = conduct_tables(rows, {"fractures": {"control": 2}}, Intake(0, 0))

    assert cells(found["missing"], "Withdrawn") == ("0/60 (0.0%)", "1/61 (1.6%)")
    assert cells(found["missing"], "Followed for less") == ("0/60 (0.0%)", "1/61 (1.6%)")
    assert cells(found["missing"], "Body mass index (kg") == ("60/60 (100.0%)", "60/61 (98.4%)")
    assert cells(found["harms"], "Died") == ("0/60 (0.0%)", "1/61 (1.6%)")
    assert cells(found["harms"], "Osteoporotic fracture") == ("0/60 (0.0%)", "2/61 (3.3%)")


@pytest.mark.django_db
def test_a_freeze_counts_the_conduct_and_the_report_shows_it():
    stage = make_stage()
    trial = stage.world.trial
    trial.refresh_from_db()
    frozen = freezes.freeze(trial, purpose="a test", by=stage.world.trial_statistician, despite_findings=True)

    record, found = frozen.conduct, reports.report(frozen).tables
    assert record == conduct_record(trial, frozen.cut_off)
    assert sum(record["calls"].values()) == 1 == sum(int(row.cells[1]) for row in found["weeks"].rows)
    (version,) = record["versions"]
    assert version["sha256"] == stage.world.model.sha256 and version["films"] == sum(
        month["films"] for month in record["months"]
    )
    checksums = [row for row in found["index_test"].rows if row.label.endswith("SHA-256")]
    assert [row.cells[1] for row in checksums] == [version["sha256"]]
    assert {line["arm"] for line in record["deviations"]} >= {"screening", "control"}
    assert int(cells(found["deviations"], "Allocation (major)")[0]) >= 1
    assert "not DICOM" in " ".join(row.cells[1] for row in found["index_test"].rows)

    page = words(browser(stage.world.monitoring_committee).get(f"/reports/{frozen.pk}/"))
    assert "Scores by month" in page and "5(iii)" in page
    pooled = words(browser(stage.world.trial_statistician).get(f"/reports/{frozen.pk}/"))
    assert "Protocol deviation Both arms Nobody randomized" in pooled
    assert "Screening arm" not in pooled and "Control arm" not in pooled and "Scores by month" not in pooled
