"""The report follows the plan: what it names, by its methods; the rest is marked post hoc."""

from datetime import date

import pytest

from analysis.consort import Intake
from analysis.figures import incidences
from analysis.plan import UNPLANNED, read
from analysis.services.reports import make_report
from tests.analysis.people import people
from tests.analysis.plans import PLAN, SHORT


def day(text):
    return date.fromisoformat(text)


def arm(name, n, found=0, **facts):
    """Return people of an arm, the first `found` of them examined by the trial's DXA and newly diagnosed."""
    known = {"arm": name, "risk_class": "high", "eligible": True, "films_counted": 1, "films_positive": 1}
    known |= {"randomized_on": day("2023-01-16"), "followed_to": day("2023-12-31"), "site": "01"}
    route = "dxa_trial" if name == "screening" else "dxa_physician"
    seen = {"dxa": True, route: True, "osteoporosis": True, "dxa_on": day("2023-03-01")}
    seen |= {"osteoporosis_trial": name == "screening"}
    seen |= {"osteoporosis_on": day("2023-03-01"), "dxa_lumbar_spine": True}
    return people(found, **known | seen | facts) + people(n - found, **known | facts)


def numbered(rows):
    return [row._replace(study_number=f"T-{number:04d}") for number, row in enumerate(rows)]


ROWS = numbered(arm("screening", 60, 20) + arm("control", 60, 4))
NOTHING = Intake(0, 0)


def report(plan=PLAN, rows=ROWS):
    return make_report(rows, NOTHING, read(plan) if plan else None)


def test_without_a_plan_everything_is_post_hoc():
    found = report(plan=None)

    assert (found.planned, found.plan) == (False, UNPLANNED)
    assert all("(post hoc)" in found.tables[name].title for name in ("effects", "subgroups", "sensitivity"))
    assert not found.tables["effects_post_hoc"].rows and not found.tables["further"].rows


def test_what_the_plan_does_not_name_is_marked():
    found = report(SHORT)

    assert [effect.key for effect in found.effects] == ["osteoporosis"] and len(found.post_hoc) == 13
    assert "(post hoc)" not in found.tables["effects"].title
    assert "(post hoc)" in found.tables["effects_post_hoc"].title
    assert any("no plan signed before" in note for note in found.tables["effects_post_hoc"].footnotes)
    assert not found.subgroups and found.primary_subgroups is None
    assert found.tables["baseline"].columns[-1] == "Difference"  # no tests of balance


@pytest.mark.parametrize(
    ("kind", "name", "method"),
    [
        ("odds_ratio", "firth", "Firth"),
        ("odds_ratio", "exact_conditional", "exact conditional"),
        ("risk_ratio", "koopman", "Koopman"),
        ("risk_difference", "newcombe", "Newcombe"),
        ("test", "boschloo", "Boschloo"),
    ],
)
def test_the_methods_are_the_plan_s(kind, name, method):
    found = report(SHORT + f"methods: {{{kind}: {name}}}\n")

    assert method in getattr(found.primary, kind).method
    assert any(method in note for note in found.tables["effects"].footnotes)


def test_other_populations_and_both_extremes_stand_beside_the_main_one():
    gone = arm("screening", 5, withdrawn=True) + arm("control", 3, withdrawn=True)
    found = report(rows=numbered(list(ROWS) + gone))

    looks = {look.label: look.effect.counts for look in found.sensitivity}
    assert found.primary.counts == (20, 65, 4, 63)
    assert looks["Per protocol"] == (20, 20, 4, 63)
    assert looks["Best case"] == (25, 65, 4, 63) and looks["Worst case"] == (20, 65, 7, 63)
    rule = "rule: leave_out_withdrawn"
    without = report(PLAN.replace("rule: no_record_is_no_event", rule), numbered(list(ROWS) + gone))
    assert without.primary.counts == (20, 60, 4, 60)


def test_the_adjusted_model_compliers_and_times_are_there_with_what_they_rest_on():
    found = report()
    table = found.tables["further"]

    told = " ".join([*(row.label for row in table.rows), *table.footnotes])
    assert found.further.adjusted.n == 120
    assert found.further.complier.estimate.value == pytest.approx((20 / 60 - 4 / 60) / (20 / 60))
    assert "Exclusion restriction" in told and "log-rank" in told and "hazard ratio" in told
    assert [timed.endpoint.key for timed in found.further.timed] == ["dxa", "osteoporosis"]


def test_time_runs_from_randomization_to_the_event_or_the_end():
    rows = numbered(
        arm("screening", 2, 1) + arm("control", 1) + arm("control", 1, followed_to=day("2023-02-01"))
        + arm("control", 1, randomized_on=None)
    )  # fmt: skip
    timed = report(rows=rows).further.timed[0]

    assert (timed.screening.days, timed.screening.happened) == ((44, 349), (True, False))
    assert (timed.control.days, timed.left_out) == ((349, 16), 1)
    drawn = incidences([timed]).decode()
    assert "Screening arm 50.0 % by day 349" in drawn and incidences([timed]).decode() == drawn
