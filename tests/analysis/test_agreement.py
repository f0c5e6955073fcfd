"""A report whose numbers disagree is not made."""

from dataclasses import replace

import pytest

from analysis.agreement import ReportDisagrees, check_effects, check_flow, check_subgroups
from analysis.consort import Box
from analysis.effects import DETECTED, effect, effects, subgroup_effects
from analysis.estimators import Estimate
from analysis.services import reports
from tests.analysis.test_planned_report import NOTHING, ROWS, report

SOUND = effect(ROWS, DETECTED)


def broken(name, **changes):
    return replace(SOUND, **{name: getattr(SOUND, name)._replace(**changes)})


def test_sound_numbers_agree():
    check_effects(effects(ROWS))
    found = report()
    check_flow(found.flow, found.effects)
    check_subgroups(found.subgroups, found.effects)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (broken("odds_ratio", value=99.0), "outside its interval"),
        (broken("risk_ratio", low=0.5), "but the interval of"),
        (broken("risk_difference", low=-0.1), "but the interval of"),
        (broken("test", p=0.9), "p is 0.9, but the interval"),
        (
            broken("risk_difference", value=-0.2, low=-0.3, high=-0.1),
            "point in opposite directions",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_estimate_interval_and_p_that_disagree_stop_the_report(wrong, told):
    with pytest.raises(ReportDisagrees, match=told):
        check_effects([wrong])


def test_what_is_not_defined_disagrees_with_nothing():
    nothing = Estimate(None, None, None, "none", "nobody")
    check_effects([replace(SOUND, odds_ratio=nothing, test=SOUND.test._replace(p=None))])


def test_levels_that_do_not_add_up_stop_the_report():
    (group,) = subgroup_effects(ROWS, [DETECTED])

    with pytest.raises(ReportDisagrees, match="the levels have 121 people, not 120"):
        check_subgroups([replace(group, missing=group.missing + 1)], [SOUND])


def test_a_flow_that_counts_otherwise_stops_the_report(monkeypatch):
    whole = reports.flow

    def otherwise(rows, intake):
        found = whole(rows, intake)
        boxes = [
            box if box.key != "detected" else Box(box.key, box.label, 7) for box in found.arms["control"]
        ]
        return replace(found, arms={**found.arms, "control": tuple(boxes)})

    monkeypatch.setattr(reports, "flow", otherwise)
    with pytest.raises(ReportDisagrees, match="The flow counts"):
        reports.make_report(ROWS, NOTHING)
