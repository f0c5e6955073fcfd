"""Accrual against plan: how far behind or ahead, in words, table and figure, and nothing by arm."""

from datetime import UTC, date, datetime

import pytest

from analysis.accrual import accrual, planned_by
from analysis.consort import Intake
from analysis.figures import accrual_chart
from analysis.services import freezes, reports
from analysis.services.documents import lay_out
from analysis.services.reports import make_report
from tests.analysis.people import people
from tests.factories import activate, make_world, randomized
from trial.protocol import template

START, MIDDLE, END = date(2023, 1, 1), date(2023, 1, 11), date(2023, 1, 31)
PLAN = [(START, 0), (MIDDLE, 20), (END, 100)]
KEPT = {"planned": [[day.isoformat(), number] for day, number in PLAN]}


@pytest.mark.parametrize(
    ("day", "number"),
    [
        (date(2022, 12, 31), 0),
        (START, 0),
        (date(2023, 1, 6), 10),
        (MIDDLE, 20),
        (date(2023, 1, 21), 60),
        (END, 100),
    ],
)
def test_the_plan_is_a_straight_line_between_its_goals(day, number):
    assert planned_by(PLAN, day) == number
    assert planned_by(PLAN, date(2024, 1, 1)) == 100


@pytest.mark.parametrize(
    ("randomized", "said"),
    [
        (7, "7 randomized by 2023-01-11, 20 planned: 13 behind plan. In all, 100 by 2023-01-31."),
        (20, "20 randomized by 2023-01-11, 20 planned: as planned."),
        (23, "23 randomized by 2023-01-11, 20 planned: 3 ahead of plan."),
    ],
)
def test_who_is_ahead_is_said_in_words(randomized, said):
    found = accrual([date(2023, 1, 5)] * randomized + [END], PLAN, MIDDLE)

    assert found.words.startswith(said)  # who is randomized later is not counted yet
    assert said in accrual_chart(found).decode()


def test_nothing_is_compared_without_a_plan():
    assert accrual([START], [], END) is None
    assert "accrual" not in drawn(make_report(ROWS, Intake(0, 0)))


ROWS = people(30, arm="screening", randomized_on=date(2023, 1, 5), followed_to=date(2023, 1, 21))
ROWS += people(30, arm="control", randomized_on=date(2023, 1, 15), followed_to=date(2023, 1, 21))


def drawn(made) -> dict[str, str]:
    blocks = lay_out(made, title="T", made=datetime(2024, 1, 1, tzinfo=UTC), told=()).blocks
    return {block.key: block.svg for block in blocks if block.kind == "drawing"}


def test_the_report_shows_each_goal_that_is_over_and_the_day_it_is_made_of():
    made = make_report(ROWS, Intake(0, 0), conduct=KEPT)

    assert [(row.label, *row.cells) for row in made.tables["accrual"].rows] == [
        ("2023-01-11", "20", "30", "+10"),
        ("2023-01-21", "60", "60", "0"),
    ]
    assert "60 randomized by 2023-01-21, 60 planned: as planned." in drawn(made)["accrual"]


@pytest.mark.django_db
def test_a_freeze_keeps_the_plan_of_its_protocol():
    world = make_world()
    goals = [{"by": "2023-02-20", "randomized": 50}]
    activate(world, template("opscan").amended({"accrual": goals}, note="Ours."))
    randomized(world, 4)

    frozen = freezes.freeze(world.trial, purpose="a test", by=world.trial_statistician, despite_findings=True)

    assert frozen.conduct["planned"] == [["2023-01-01", 0], ["2023-02-20", 50]]
    assert reports.report(frozen).accrual.so_far == 4
