"""The methods that give chances, against published examples and against exact enumeration."""

from collections import Counter
from fractions import Fraction
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.allocation_rules import AllocationRule, Method
from trial.chances import (
    Chances,
    Measure,
    biased_coin,
    big_stick,
    by_rank,
    by_ratio,
    imbalances,
    minimization,
    pick,
)
from trial.randomization import STRATUM, chances_of, draws

KEY = b"test-only-key-1"
TWO = (("S", 1), ("C", 1))
THREE = (("A1", 1), ("A2", 1), ("A3", 1))
# Pocock and Simon 1975, section 3.4: 50 people before, and a newcomer at F1=l1, F2=l2, F3=l2.
MARGINS = {
    "F1": {"A1": 9, "A2": 10, "A3": 9},
    "F2": {"A1": 9, "A2": 11, "A3": 9},
    "F3": {"A1": 4, "A2": 5, "A3": 3},
}
WEIGHTED, EQUAL = {"F1": 2, "F2": 1, "F3": 1}, {"F1": 1, "F2": 1, "F3": 1}


@pytest.mark.parametrize(
    ("weights", "measure", "expected"),
    [
        (WEIGHTED, Measure.RANGE, (6, 10, 5)),
        (EQUAL, Measure.RANGE, (5, 8, 4)),
        (WEIGHTED, Measure.VARIANCE, (3, 8, 2)),
        (WEIGHTED, Measure.STANDARD_DEVIATION, (3.3094, 5.5690, 2.7321)),
    ],
)
def test_the_worked_example_of_pocock_and_simon(weights, measure, expected):
    found = minimization(THREE, MARGINS, weights, measure, Fraction(2, 3))

    assert tuple(round(float(score), 4) for score in found.scores.values()) == expected
    assert found.probabilities == {"A1": Fraction(1, 6), "A2": Fraction(1, 6), "A3": Fraction(2, 3)}


def test_the_rank_rule_of_pocock_and_simon():
    expected = {"a": Fraction(4, 10), "b": Fraction(3, 10), "c": Fraction(2, 10), "d": Fraction(1, 10)}
    assert by_rank({"a": 1, "b": 2, "c": 3, "d": 4}, Fraction(1, 2)) == expected
    assert by_rank({"a": 1, "b": 2, "c": 2, "d": 4}, Fraction(1, 2)) == expected | {
        "b": Fraction(1, 4),
        "c": Fraction(1, 4),
    }


def test_a_factor_that_is_counted_twice_flips_the_answer():
    """Three to one, 5 v 3 people at the site and 5 v 1 men: the first arm is wanted with the site, not without."""
    arms, men, site = (("A", 3), ("B", 1)), {"A": 5, "B": 1}, {"A": 5, "B": 3}
    both = imbalances(arms, {"sex": men, "site": site}, {"sex": 1, "site": 1}, Measure.RANGE)
    sex_alone = imbalances(arms, {"sex": men}, {"sex": 1}, Measure.RANGE)

    assert min(both, key=both.get) == "A" and min(sex_alone, key=sex_alone.get) == "B"


def test_arms_that_are_equally_good_share_and_the_rest_is_split_by_the_ratio():
    p, even = Fraction(4, 5), {"sex": {"A1": 3, "A2": 3, "A3": 4}}
    assert minimization(THREE, even, {"sex": 1}, Measure.RANGE, p).probabilities == {
        "A1": Fraction(2, 5),
        "A2": Fraction(2, 5),
        "A3": Fraction(1, 5),
    }
    nobody = minimization(THREE, {}, {"sex": 1}, Measure.VARIANCE, p)
    assert set(nobody.probabilities.values()) == {Fraction(1, 3)}
    unequal = (("A", 3), ("B", 2), ("C", 1))
    behind = {"sex": {"A": 0, "B": 2, "C": 1}}
    assert minimization(unequal, behind, {"sex": 1}, Measure.RANGE, p).probabilities == {
        "A": Fraction(4, 5),
        "B": Fraction(2, 15),
        "C": Fraction(1, 15),
    }


def walk(step, n: int, start: int = 0) -> dict[int, Fraction]:
    """Return the distribution of the lead after n draws; `step` gives the chance that the lead rises."""
    now = {start: Fraction(1)}
    for _ in range(n):
        then: dict[int, Fraction] = Counter()
        for lead, probability in now.items():
            up = step(lead)
            then[lead + 1] += probability * up
            then[lead - 1] += probability * (1 - up)
        now = {lead: probability for lead, probability in then.items() if probability}
    return now


def rises(rule: AllocationRule):
    """Return the chance that the first arm's lead rises, as the engine gives it."""

    def step(lead: int) -> Fraction:
        counts = {"S": max(lead, 0), "C": max(-lead, 0)}
        return chances_of(rule, {STRATUM: counts}).probabilities["S"]

    return step


def guessed(rule: AllocationRule, n: int) -> Fraction:
    """Return the share of right guesses of who always bets on the arm that is behind."""
    step, right = rises(rule), Fraction(0)
    for draws_before in range(n):
        for lead, probability in walk(step, draws_before).items():
            up = step(lead)
            right += probability * (Fraction(1, 2) if lead == 0 else (up if lead < 0 else 1 - up))
    return right / n


def coin(p: Fraction) -> AllocationRule:
    return AllocationRule(Method.BIASED_COIN, TWO, p=p)


def stick(limit: int) -> AllocationRule:
    return AllocationRule(Method.BIG_STICK, TWO, limit=limit)


def deviation(leads: dict[int, Fraction]) -> float:
    return sqrt(sum(probability * lead**2 for lead, probability in leads.items()))


@pytest.mark.parametrize(
    ("p", "n", "even", "spread", "right"),
    [
        (Fraction(2, 3), 10, 0.5300, 1.801, 0.6107),
        (Fraction(2, 3), 80, 0.5000, 2.107, 0.6229),
        (Fraction(7, 10), 10, 0.5885, None, None),
        (Fraction(7, 10), 20, None, None, 0.6355),
        (Fraction(7, 10), 80, 0.5714, 1.745, 0.6410),
    ],
)
def test_efrons_biased_coin(p, n, even, spread, right):
    leads = walk(rises(coin(p)), n)

    assert even is None or float(leads[0]) == pytest.approx(even, abs=5e-5)
    assert spread is None or deviation(leads) == pytest.approx(spread, abs=5e-4)
    assert right is None or float(guessed(coin(p), n)) == pytest.approx(right, abs=5e-5)


@pytest.mark.parametrize(
    ("limit", "n", "certain", "right"),
    [
        (2, 20, 0.2250, 0.6125),
        (2, 80, 0.2437, 0.6219),
        (3, 20, 0.1444, 0.5722),
        (3, 80, 0.1611, 0.5806),
        (4, 20, 0.0875, 0.5438),
        (4, 80, 0.1156, 0.5578),
    ],
)
def test_the_big_stick(limit, n, certain, right):
    step = rises(stick(limit))
    sure = sum(p for before in range(n) for lead, p in walk(step, before).items() if step(lead) in (0, 1))

    assert float(sure / n) == pytest.approx(certain, abs=5.1e-5)
    assert float(guessed(stick(limit), n)) == pytest.approx(right, abs=5.1e-5)
    assert max(walk(step, n)) <= limit


def test_the_big_stick_in_the_long_run():
    leads = walk(rises(stick(3)), 600)
    assert float(leads[0]) == pytest.approx(1 / 3, abs=1e-6) and deviation(leads) == pytest.approx(
        1.633, abs=5e-4
    )


def test_simple_randomization():
    step = rises(AllocationRule(Method.SIMPLE, TWO))
    assert [round(float(walk(step, 30)[lead]), 4) for lead in (0, 2, 4)] == [0.1445, 0.1354, 0.1115]
    for n, expected in {4: 1.5, 10: 2.461, 100: 7.959}.items():
        assert float(sum(p * abs(lead) for lead, p in walk(step, n).items())) == pytest.approx(
            expected, abs=5e-4
        )
    assert comb(4912, 2456) / 2**4912 == pytest.approx(0.0114, abs=5e-5)


@given(st.floats(0, 1, exclude_max=True), st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_the_uniform_number_falls_into_the_part_of_one_arm(uniform, shares):
    arms = tuple((f"arm {n}", share) for n, share in enumerate(shares))
    chances = by_ratio(arms)
    before = list(chances.probabilities.values())[: list(dict(arms)).index(pick(chances, uniform))]

    assert sum(before) <= uniform < sum(before) + chances.probabilities[pick(chances, uniform)]


def test_an_arm_without_a_chance_is_never_drawn():
    sure = big_stick(TWO, {"S": 2, "C": 0}, 2)
    assert sure == Chances({"S": Fraction(0), "C": Fraction(1)})
    assert {pick(sure, u) for u in (0.0, 0.5, 1 - 2**-53)} == {"C"}
    assert biased_coin(TWO, {"C": 1}, Fraction(2, 3)).probabilities["S"] == Fraction(2, 3)


@pytest.mark.parametrize("rule", [AllocationRule(Method.SIMPLE, TWO), stick(2), coin(Fraction(2, 3))])
def test_draws_by_chances_come_as_often_as_their_chance(rule):
    n, ahead = 4000, Counter()
    for trial in range(20):
        made = draws(rule, key=KEY, label=f"trial {trial}", count=n // 20)
        assert [d.index for d in made] == list(range(1, n // 20 + 1))
        assert all(d.arm == pick(d.chances, d.uniform) for d in made)
        ahead[[d.arm for d in made].count("S") - n // 40] += 1
    # Twenty sums of 200 fair tosses deviate by 7 each; bound ones by far less.
    assert max(map(abs, ahead)) <= (25 if rule.method is Method.SIMPLE else 8)
