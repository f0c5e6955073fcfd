"""The calculator's commands about a trial to be planned: answers a program reads, and tables for people."""

import json

import pytest
from django.core.management import CommandError, call_command

from analysis.design import Plan, sizes_for
from analysis.interim import course, drift_for, spending_design
from analysis.planning import boundaries, boundaries_table, sample_size, sample_size_table
from analysis.tables import to_text

SPENDING = ("--spending", "obrien-fleming")
RISKS = ("--control", "0.011", "--screening", "0.022")


@pytest.fixture
def ask(capsys):
    """Return ask(*words) for what a command prints; these tests have no database, so it can ask none."""

    def run(*words: str) -> str:
        call_command(*words)
        return capsys.readouterr().out

    return run


def answer(ask, *words: str) -> dict:
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(ask(*words, "--json"), parse_constant=refuse)


def test_boundaries_are_told_in_full_precision(ask):
    found = answer(ask, "boundaries", "--looks", "3", *SPENDING)
    design = spending_design((1 / 3, 2 / 3, 1), spending="obrien-fleming")

    assert [look["z"] for look in found["looks"]] == [look.z for look in design.looks]
    assert found["looks"][2]["power_so_far"] == pytest.approx(0.9)
    assert found["drift"] == drift_for(design, 0.9)
    assert found["expected_information_without_effect"] == course(design, 0.0).expected_information
    assert found["seen"] is None


def test_unequal_information_may_be_given_with_or_without_its_number(ask):
    times = ("--information", "0.3,0.6,1")

    with_number = answer(ask, "boundaries", "--looks", "3", *times, *SPENDING)

    assert [look["information"] for look in with_number["looks"]] == [0.3, 0.6, 1]
    assert with_number == answer(ask, "boundaries", *times, *SPENDING)


def test_where_no_alpha_can_be_spent_the_boundary_is_null_with_the_reason(ask):
    first = answer(ask, "boundaries", "--information", "0.01,1", *SPENDING)["looks"][0]
    shown = ask("boundaries", "--information", "0.01,1", *SPENDING)

    assert (first["z"], first["p"]) == (None, None)
    assert "no result is extreme enough" in first["why"]
    assert "– [1]" in shown and f"[1] {first['why']}" in shown


def test_a_z_that_was_seen_gives_conditional_power_until_the_boundary_is_reached(ask):
    seen = ("boundaries", "--looks", "3", "--classical", "pocock", "--at", "2", "--z")
    hoping, done = answer(ask, *seen, "1.5")["seen"], answer(ask, *seen, "2.5")["seen"]

    powers = hoping["conditional_power"]
    expected = (
        powers["no_effect"],
        powers["current_trend"],
        hoping["predictive_power"],
        powers["design_effect"],
    )
    assert expected == tuple(sorted(expected))
    assert set(done["conditional_power"].values()) == {done["predictive_power"]} == {None}
    assert "has reached the boundary 2.2895" in done["why"]
    assert f"conditional power {powers['current_trend']:.1%} under the current trend" in ask(*seen, "1.5")
    assert done["why"] in ask(*seen, "2.5")


def test_the_sample_size_is_told_by_each_method_the_usual_one_first(ask):
    found = answer(ask, "sample_size", *RISKS, "--power", "0.9")
    usual = sizes_for(Plan(0.011, 0.022), 0.9)[0]

    assert (found["control"], found["screening"], found["total"]) == (2817, 2817, 5634)
    assert found["control_unrounded"] == usual.unrounded
    assert found["exact_power"] == usual.exact_power
    assert [method["total"] for method in found["methods"]][:2] == [5634, 5992]
    assert all((method["exact_power"] is None) == bool(method["why"]) for method in found["methods"])


def test_the_power_of_given_people_is_told(ask):
    found = answer(
        ask, "sample_size", "--control", "0.011", "--odds-ratio", "2", "--n", "2456", "--ratio", "2"
    )

    assert (found["asked"], found["control"], found["screening"]) == ("power", 2456, 4912)
    assert found["odds_ratio"] == pytest.approx(2)
    assert 0.9 < found["power"] < 1
    assert found["control_unrounded"] is None


def test_clusters_dropout_and_a_margin_are_shown_with_what_they_assume(ask):
    shown = ask(
        "sample_size", "--control", "0.9", "--screening", "0.9", "--margin", "0.05", "--power", "0.9",
        "--cluster-size", "20", "--icc", "0.02", "--dropout", "0.1",
    )  # fmt: skip

    assert "People needed: is the screening arm's risk lower by less than 0.05?" in shown
    assert "60 + 60" in shown
    assert "design effect 1.3800" in shown
    assert "of whom 10.0% are lost" in shown


def test_tables_name_their_methods():
    looks = to_text(boundaries_table(boundaries(looks=2, classical="obrien-fleming")))
    people = to_text(sample_size_table(sample_size(Plan(0.1, 0.2), power=0.8)))

    assert "O'Brien-Fleming, classical boundaries, two-sided alpha 0.05" in looks
    assert "recursive numerical integration" in looks
    assert "Fleiss, Tytun and Ury" in people


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("boundaries", *SPENDING), "Say how many looks"),
        (("boundaries", "--looks", "2", "--information", "0.5", *SPENDING), "give one each"),
        (("boundaries", "--looks", "21", *SPENDING), "plan from 1 to 20"),
        (("boundaries", "--information", "half,1", *SPENDING), "write them as 0.3,0.6,1"),
        (("boundaries", "--looks", "2"), "--spending --classical is required"),
        (("boundaries", "--looks", "2", *SPENDING, "--at", "1"), "Give both"),
        (("boundaries", "--looks", "2", *SPENDING, "--at", "2", "--z", "1"), "before the last one"),
        (("boundaries", "--looks", "2", *SPENDING, "--at", "0", "--z", "1"), "before the last one"),
        (("boundaries", "--looks", "2", *SPENDING, "--alpha", "nan"), "Alpha nan"),
        (("sample_size", *RISKS), "--power --n is required"),
        (("sample_size", "--control", "0.1", "--power", "0.9"), "--screening --odds-ratio is required"),
        (("sample_size", "--control", "1.1", "--screening", "0.2", "--power", "0.9"), "below 1, such as"),
        (("sample_size", "--control", "0.1", "--odds-ratio", "-2", "--n", "100"), "above 0, such as 2"),
        (("sample_size", *RISKS, "--power", "inf"), "Power inf"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(ask, words, said):
    with pytest.raises(CommandError, match=said):
        ask(*words)
