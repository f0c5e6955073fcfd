"""Simulated trials: the engine's own draws come out as theory says, and no trial's key is touched."""

import json
import sys
from fractions import Fraction
from io import StringIO
from math import comb
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from tests.factories import make_participant, make_world, randomized
from trial.allocation_rules import AllocationRule, Method
from trial.chances import Measure
from trial.expectations import expected, of_list, why_unknown
from trial.keys import key_path, trial_key
from trial.protocol import template
from trial.protocol_parts import Allocation, Factor
from trial.randomization import blocks, draws
from trial.recruitment import Recruitment, RecruitmentRefused
from trial.services import protocols
from trial.simulation import Simulation
from trial.streams import KeyedStream, stream_label

TWO = (("screening", 1), ("control", 1))
TWO_TO_ONE = (("screening", 2), ("control", 1))
LEVELS = {
    "site": {"1": 30, "2": 10},
    "sex": {"female": 0, "male": 0},
    "age_group": {"<65": 3, "65-74": 2, ">=75": 1},
}
WOMEN = Recruitment.read({"sex": {"female": 3, "male": 1}}, LEVELS)


def plan(method, arms=TWO, **parts):
    return Allocation(method=method, arms=arms, **{"block_sizes": (), "total": None, "strata": ()} | parts)


def simulated(allocation, *, people=120, runs=150, seed=1):
    simulation = Simulation(allocation, WOMEN, people=people, seed=seed)
    for number in range(runs):
        simulation.run(number)
    return simulation.answer()


def off(figure, value=None):
    """Return by how many standard errors a figure differs from theory, or from another value."""
    value = figure["theoretical"] if value is None else value
    apart = abs(figure["mean"] - value)
    return apart / figure["standard_error"] if figure["standard_error"] else apart * 1e9


def blocks_of(*sizes, arms=TWO):
    return AllocationRule(Method.PERMUTED_BLOCKS, arms, sizes)


# --- theory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "correct", "certain", "apart"),
    [
        (2, 3 / 2, 1, (1, 0)),
        (4, 17 / 6, 4 / 3, (1, 2 / 3, 1, 0)),
        (6, 41 / 10, 3 / 2, (1, 4 / 5, 6 / 5, 4 / 5, 1, 0)),
        (8, 373 / 70, 8 / 5, (1, 6 / 7, 9 / 7, 36 / 35, 9 / 7, 6 / 7, 1, 0)),
        (10, 823 / 126, 5 / 3, None),
        (20, 20 * 0.616887, 20 / 11, None),
    ],
)
def test_blocks_are_as_the_literature_has_them(size, correct, certain, apart):
    found, n = expected(blocks_of(size), 3 * size), size // 2
    assert found.correct[size] == pytest.approx(correct, abs=1e-4)
    assert found.correct[size] == pytest.approx(n + 2 ** (size - 1) / comb(size, n) - 1 / 2)
    assert found.certain[size] == pytest.approx(certain) == pytest.approx(2 * n / (n + 1))
    assert found.correct[3 * size] == pytest.approx(3 * correct, abs=1e-3)
    assert apart is None or found.apart[1 : size + 1] == pytest.approx(apart)
    whole = of_list(AllocationRule(Method.RANDOM_ALLOCATION_RULE, TWO, total=size), size, size)
    assert whole == pytest.approx((found.correct[size], found.best[size], found.certain[size], 0))


@pytest.mark.parametrize(("sizes", "rate"), [((2, 4, 6), 0.7028), ((4, 6, 8), 0.6812)])
def test_blocks_of_random_size_are_as_the_literature_has_them(sizes, rate):
    assert expected(blocks_of(*sizes), 6000).correct[-1] / 6000 == pytest.approx(rate, abs=1e-4)


@pytest.mark.parametrize(("size", "certain"), [(3, 0.444), (6, 0.289), (9, 0.214)])
def test_blocks_of_two_to_one_are_as_enumeration_says(size, certain):
    assert expected(blocks_of(size, arms=TWO_TO_ONE), size).certain[-1] / size == pytest.approx(
        certain, abs=5e-4
    )


def test_other_methods_of_two_arms_are_as_the_literature_has_them():
    coin = expected(AllocationRule(Method.BIASED_COIN, TWO, p=Fraction(7, 10)), 1000)
    assert [round(coin.correct[n] / n, 4) for n in (20, 80, 300)] == [0.6355, 0.6410, 0.6424]
    assert (coin.correct[1000] - coin.correct[998]) / 2 == pytest.approx(0.5 + 0.4 / 2.8)  # in the long run
    stick = expected(AllocationRule(Method.BIG_STICK, TWO, limit=3), 400)
    assert (round(stick.correct[20] / 20, 4), round(stick.certain[80] / 80, 4)) == (0.5722, 0.1611)
    assert (stick.correct[400] - stick.correct[398]) / 2 == pytest.approx(0.5 + 1 / 12)
    simple = expected(AllocationRule(Method.SIMPLE, TWO), 100)
    assert [round(simple.apart[n], 3) for n in (4, 10, 100)] == [1.5, 2.461, 7.959]
    assert simple.correct[100] == pytest.approx(50) and simple.certain[100] == 0


def test_an_odd_total_is_a_block_whose_last_draw_nobody_makes():
    rule = AllocationRule(Method.RANDOM_ALLOCATION_RULE, TWO, total=13)
    assert of_list(rule, 13, 13) == pytest.approx([column[13] for column in expected(rule, 13)])


def test_where_there_is_no_theory_it_is_said_why():
    assert "who comes" in why_unknown(plan(Method.MINIMIZATION).rule())
    assert "two arms" in why_unknown(AllocationRule(Method.SIMPLE, (*TWO, ("third", 1))))
    assert why_unknown(blocks_of(4)) == ""


# --- simulation ---------------------------------------------------------------------------------------------

PLANS = [
    plan(Method.SIMPLE, strata=(Factor.SEX,)),
    plan(Method.PERMUTED_BLOCKS, block_sizes=(4,)),
    plan(Method.PERMUTED_BLOCKS, block_sizes=(4, 6), strata=(Factor.SITE, Factor.SEX)),
    plan(Method.PERMUTED_BLOCKS, TWO_TO_ONE, block_sizes=(3, 6), strata=(Factor.SEX,)),
    plan(Method.RANDOM_ALLOCATION_RULE),
    plan(Method.RANDOM_ALLOCATION_RULE, total=150),
    plan(Method.RANDOM_ALLOCATION_RULE, strata=(Factor.SEX, Factor.AGE_GROUP)),
    plan(Method.BIG_STICK, limit=2, strata=(Factor.SEX,)),
    plan(Method.BIASED_COIN, p=Fraction(2, 3)),
]


def figures(answer):
    """Yield every figure of an answer that has a theoretical value."""
    inside = [answer["imbalance"], answer["predictability"]]
    while inside:
        part = inside.pop()
        if "theoretical" not in part:
            inside += part.values()
        elif part["theoretical"] is not None:
            yield part


@pytest.mark.parametrize("allocation", PLANS, ids=lambda p: f"{p.method} {len(p.strata)}")
def test_what_is_drawn_is_what_theory_expects(allocation):
    answer = simulated(allocation)
    for guess in answer["predictability"].values():
        assert off(guess) < 3
    compared = list(figures(answer))
    assert len(compared) >= 4
    assert sum(off(figure) < 3 for figure in compared) >= len(compared) - 1  # one in 370 strays by chance


def test_blocks_of_four_are_guessed_seventy_point_eight_percent():
    guessed = simulated(plan(Method.PERMUTED_BLOCKS, block_sizes=(4,)))["predictability"]
    assert off(guessed["correct_guesses"], 17 / 24) < 3
    assert off(guessed["certain_allocations"], 1 / 3) < 3
    of_six = simulated(plan(Method.PERMUTED_BLOCKS, block_sizes=(6,)))["predictability"]
    assert off(of_six["correct_guesses"], 17 / 24) > 10  # other blocks would be found out


def test_a_shuffle_that_is_not_uniform_is_found_out(monkeypatch):
    def careless(self, items):
        other = self.below(len(items))  # one exchange where there should be one a place
        items[-1], items[other] = items[other], items[-1]
        return items

    monkeypatch.setattr(KeyedStream, "shuffle", careless)
    guessed = simulated(plan(Method.PERMUTED_BLOCKS, block_sizes=(4,)))["predictability"]
    assert off(guessed["best_guesses"]) > 3


def test_what_is_simulated_is_what_the_engine_draws():
    rule = blocks_of(4, 6)
    made = blocks(KeyedStream(b"key", stream_label("simulation", 1, "all")), TWO, (4, 6))
    arms = [arm for _ in range(20) for arm in next(made)][:80]
    replayed = draws(rule, key=b"key", label=stream_label("simulation", 1, "all"), count=80)
    assert arms == [d.arm for d in replayed]


def test_minimization_balances_its_factors_and_is_foreseen_by_who_knows_them():
    factors = ((Factor.SITE, 1), (Factor.SEX, 1))
    minimized = plan(Method.MINIMIZATION, p=Fraction(4, 5), measure=Measure.RANGE, factors=factors)
    answer, tossed = simulated(minimized, runs=40), simulated(plan(Method.SIMPLE), runs=40)
    men = [a["imbalance"]["factors"]["sex"]["male"]["mean"] for a in (answer, tossed)]
    assert men[0] < men[1] / 2
    guesses = answer["predictability"]
    assert guesses["best_guesses"]["mean"] > guesses["correct_guesses"]["mean"] > 0.55
    assert (
        guesses["best_guesses"]["theoretical"] is None and "who comes" in guesses["best_guesses"]["why_none"]
    )


def test_the_seed_repeats_a_simulation_and_another_seed_does_not():
    allocation = plan(Method.SIMPLE)
    once, again, other = (simulated(allocation, runs=5, seed=seed) for seed in (7, 7, 8))
    assert once == again != other


def test_people_come_with_the_shares_that_were_given():
    came = list(WOMEN.people(KeyedStream(b"key", "recruitment"), 4000))
    women = sum(WOMEN.kinds[kind]["sex"] == "female" for kind in came)
    assert abs(women - 3000) < 3 * (4000 * 3 / 16) ** 0.5
    recorded = Recruitment.read({"recorded": ["site"]}, LEVELS)
    assert recorded.shares["site"] == {"1": 0.75, "2": 0.25} and recorded.shares["sex"]["male"] == 0.5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sex": {"woman": 1}}, "sex.woman is 1; it must be absent. Known here: female, male"),
        ({"site": {"1": -1}}, "site.1 is -1; it must be a whole number from 0"),
        ({"site": {"1": 0}}, "site has nobody"),
        ({"recorded": ["sex"]}, "sex has nobody"),
        ({"recorded": ["height"]}, "recorded is"),
        ({"weight": {}}, "weight is {}; it must be absent"),
    ],
)
def test_wrong_shares_are_told(values, said):
    with pytest.raises(RecruitmentRefused, match=said):
        Recruitment.read(values, LEVELS)


# --- the command --------------------------------------------------------------------------------------------

BLOCKS = {
    "allocation.method": "permuted_blocks",
    "allocation.block_sizes": [4],
    "allocation.strata": ["sex"],
}


@pytest.fixture
def by_blocks(db):
    return make_world(protocol=template("opscan").amended(BLOCKS, note="Blocks."))


def run(code="DEMO", **options):
    out = StringIO()
    call_command("simulate_trial", code, stdout=out, **{"seed": 1, "runs": 20} | options)
    return out.getvalue()


def test_the_command_tells_programs_everything_under_plain_keys(by_blocks):
    answer = json.loads(run(json=True, people=80))

    assert (answer["trial"], answer["method"], answer["runs"], answer["people"]) == (
        "DEMO",
        "permuted_blocks",
        20,
        80,
    )
    assert answer["arms"] == {"screening": 1, "control": 1} and answer["seconds"] >= 0
    assert answer["recruitment"]["sex"] == {"female": 0.5, "male": 0.5}
    assert set(answer["imbalance"]["strata"]) == {"sex=female", "sex=male"}
    assert set(answer["imbalance"]["factors"]["age_group"]) == {"<65", "65-74", ">=75"}
    assert set(answer["predictability"]) == {"correct_guesses", "best_guesses", "certain_allocations"}
    assert off(answer["predictability"]["correct_guesses"]) < 3


def test_the_command_tells_people_and_names_no_block_size(by_blocks):
    told = run(people=80)
    assert "20 runs of 80 made-up people" in told and "sex=female" in told and "in theory" in told
    assert "correct guesses" in told and "No theoretical value: the lists are balanced" in told
    for said in (told, run(json=True)):
        assert "block_sizes" not in said and "block sizes" not in said and "[4]" not in said


def test_people_are_as_many_as_the_cohort_and_sites_as_recorded(world, tmp_path):
    randomized(world, 6)
    make_participant(world, sex="male", birth_date="1990")
    (tmp_path / "who.json").write_text('{"recorded": ["sex", "age_group"]}')
    answer = json.loads(run(json=True, recruitment=tmp_path / "who.json"))
    assert answer["people"] == 6
    assert answer["recruitment"]["sex"] == pytest.approx({"female": 6 / 7, "male": 1 / 7})
    assert answer["recruitment"]["age_group"]["<65"] == pytest.approx(1 / 7)


def test_a_draft_is_simulated_before_it_is_in_force(db):
    world = make_world(active=False)
    with pytest.raises(CommandError, match="no protocol yet"):
        run()
    protocols.draft_protocol(world.trial, protocol=template("opscan"), by=world.coordinator)
    assert json.loads(run(json=True))["people"] == 500


def test_what_can_not_be_simulated_is_told(db, tmp_path):
    with pytest.raises(CommandError, match="There is no trial 'NONE'"):
        run("NONE")
    make_world("LIST", protocol=template("opscan").amended({"allocation.method": "uploaded_list"}, note="-"))
    with pytest.raises(CommandError, match="no method to simulate"):
        run("LIST")
    make_world("WHOLE", protocol=template("opscan").amended({"allocation.total": 50}, note="-"))
    with pytest.raises(CommandError, match="ends at 50: 60 people are too many"):
        run("WHOLE", people=60)
    (tmp_path / "who.json").write_text("{")
    with pytest.raises(CommandError, match=r"who.json: is not JSON"):
        run("WHOLE", recruitment=tmp_path / "who.json")
    with pytest.raises(CommandError, match="No such file"):
        run("WHOLE", recruitment=tmp_path / "nobody.json")
    with pytest.raises(CommandError, match="0 is not a whole number from 1"):
        call_command("simulate_trial", "WHOLE", "--runs", "0")


@pytest.fixture(scope="module")
def opened():
    """The files that were opened while it was watched; an audit hook can't be taken off again."""
    watch = SimpleNamespace(files=None)

    def hook(event, args):
        if event == "open" and watch.files is not None:
            watch.files.append(str(args[0]))

    sys.addaudithook(hook)
    yield watch
    watch.files = None


def test_no_trials_key_is_opened(by_blocks, opened):
    key = str(key_path("DEMO"))
    opened.files = []
    trial_key(by_blocks.trial)
    assert key in opened.files  # the watch sees a key that is read

    opened.files = []
    run()
    assert key not in opened.files
    key_path("DEMO").unlink()
    run()
