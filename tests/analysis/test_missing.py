"""Missing outcomes: the declared rule lies between the two extremes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.estimators import BadCounts, risk_difference
from analysis.missing import Known, Rule, scenarios

SCREENING, CONTROL = Known(20, 90, 10), Known(5, 95, 5)


@pytest.mark.parametrize(
    ("rule", "table"),
    [
        (Rule.NO_EVENT, (20, 100, 5, 100)),
        (Rule.EVENT, (30, 100, 10, 100)),
        (Rule.LEFT_OUT, (20, 90, 5, 95)),
    ],
)
def test_each_rule_says_whom_it_counts(rule, table):
    found = scenarios(SCREENING, CONTROL, rule)
    assert found["declared"].table == table
    assert found["best"].table == (30, 100, 5, 100)
    assert found["worst"].table == (20, 100, 10, 100)
    assert "missing" in found["declared"].label


arms = st.builds(
    lambda e, f, m: Known(e, e + f, m), st.integers(0, 50), st.integers(1, 50), st.integers(0, 50)
)


@given(arms, arms, st.sampled_from(Rule))
def test_every_rule_lies_between_worst_and_best(screening, control, rule):
    found = scenarios(screening, control, rule)
    worst, declared, best = (
        risk_difference(found[name].table).wald.value for name in ("worst", "declared", "best")
    )
    assert worst - 1e-12 <= declared <= best + 1e-12


def test_impossible_counts_are_refused():
    with pytest.raises(BadCounts, match="0 or more"):
        scenarios(Known(1, 2, -1), CONTROL, Rule.EVENT)
    with pytest.raises(BadCounts, match="events must lie"):
        scenarios(Known(3, 2, 0), CONTROL, Rule.LEFT_OUT)
