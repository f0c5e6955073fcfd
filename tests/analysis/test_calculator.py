"""The calculator's answers: every method by name, plain JSON, and a reason for whatever is absent."""

import json
import math
from itertools import product

import pytest
from django.core.management import CommandError, call_command

from analysis.calculator import effect, read_arm, read_strata, read_table, strata
from analysis.estimators import BadCounts, two_by_two
from tests.analysis import published
from tests.analysis.test_estimators import PRIMARY

PAPER = published.load()
DERIVED = PAPER["derived_not_published"]
STRATA = ("117/751,6/761", "155/1705,21/1695")


def asked(capsys, *words):
    call_command(*words)
    return capsys.readouterr().out


def absent(answer, path=""):
    """Yield the place of each null among estimates and tests, with the reason beside it."""
    for key, value in answer.items():
        if isinstance(value, dict):
            yield from absent(value, f"{path}{key}.")
        elif isinstance(value, list):
            for item in value:
                yield from absent(item, f"{path}{key}.")
        elif (value is None and key in ("estimate", "lower", "upper")) or (key == "p" and value is None):
            yield f"{path}{key}", answer["why"]


def test_the_primary_endpoint_by_every_method(capsys):
    answer, known = json.loads(asked(capsys, "effect", "272/2456", "27/2456", "--json")), DERIVED["primary"]

    for measure, method, value, limits in (
        ("odds_ratio", "exact_conditional", "or_cond_mle", "or_exact95_true"),
        ("risk_ratio", "log", "rr", "rr_log95"),
        ("risk_difference", "wald", "risk_difference", "rd_wald95"),
        ("risk_difference", "newcombe", "risk_difference", "rd_newcombe95"),
        ("risk_difference", "miettinen_nurminen", "risk_difference", "rd_miettinen_nurminen95"),
        ("number_needed_to_invite", "wald", "nns", "nns95_wald"),
    ):
        found = answer[measure][method]
        assert found["estimate"] == pytest.approx(known[value], rel=1e-6)
        assert [found["lower"], found["upper"]] == pytest.approx(known[limits], rel=1e-6)
    woolf = answer["odds_ratio"]["woolf"]
    assert f"{woolf['estimate']:.2f} ({woolf['lower']:.2f}, {woolf['upper']:.2f})" == "11.20 (7.51, 16.71)"
    assert answer["p"]["pearson"] == pytest.approx(known["pearson_p"])
    assert answer["p"]["pearson_yates"] == pytest.approx(known["yates_p"])
    assert answer["p"]["fisher"] == pytest.approx(known["fisher_p"])
    assert answer["p"]["mid_p"] < answer["p"]["fisher"]
    assert answer["p"]["boschloo"] < answer["p"]["fisher"]
    assert set(answer["risk_ratio"]) == {"log", "koopman", "miettinen_nurminen"}
    assert set(answer["detection_rate"]["control"]) == {"events", "n", "wilson", "clopper_pearson"}


def test_the_trial_s_strata(capsys):
    answer = json.loads(asked(capsys, "strata", *STRATA, "--json"))

    common = answer["odds_ratio"]["mantel_haenszel"]
    expected = DERIVED["mantel_haenszel_or"]["osteoporosis_all"]
    assert [common["estimate"], common["lower"], common["upper"]] == pytest.approx(expected, rel=1e-6)
    known = DERIVED["interaction_alternatives"]["osteoporosis_all"]
    for name, key in (("breslow_day", "breslow_day"), ("interaction_wald", "wald")):
        assert answer["p"][name] == pytest.approx(known[key], abs=1e-5)
    assert answer["p"]["interaction_likelihood_ratio"] == pytest.approx(known["lrt"], abs=1e-5)
    assert answer["strata"] == [effect(read_table(text)) for text in STRATA]


def test_every_small_table_has_plain_json_and_a_reason_for_whatever_is_absent():
    for n, m in product(range(3), repeat=2):
        for a, c in product(range(n + 1), range(m + 1)):
            answer = effect(two_by_two(a, n, c, m))
            assert json.loads(json.dumps(answer, allow_nan=False)) == answer
            missing = dict(absent({**answer, "p": {}}))
            assert all(missing.values()), (a, n, c, m, missing)
            for name, p in answer["p"].items():
                assert p == answer["tests"][name]["p"]


def test_strata_of_any_kind_have_plain_json_and_reasons():
    tables = [two_by_two(*counts) for counts in ((0, 2, 0, 3), (0, 0, 1, 2), (2, 2, 1, 1), (1, 3, 0, 3))]
    for pair in product(tables, repeat=2):
        answer = strata(pair)
        json.dumps(answer, allow_nan=False)
        assert all(why for _, why in absent({**answer, "p": {}, "strata": []}))


def test_infinity_is_a_word_that_python_reads():
    answer = effect(two_by_two(315, 2456, 0, 2456))
    exact = answer["odds_ratio"]["exact_conditional"]
    assert (exact["estimate"], float(exact["upper"])) == ("Infinity", math.inf)
    assert exact["lower"] == pytest.approx(97.18218)
    assert "no event in the control arm" in answer["odds_ratio"]["woolf"]["why"]


def test_a_number_needed_through_infinity_says_so(capsys):
    needed = effect(two_by_two(5, 50, 4, 50))["number_needed_to_invite"]["newcombe"]
    assert needed["through_infinity"]
    assert needed["upper"] < 0 < needed["lower"] < needed["estimate"]
    assert "to Inf to -" in asked(capsys, "effect", "5/50", "4/50")
    assert effect(two_by_two(5, 50, 5, 50))["number_needed_to_invite"]["newcombe"]["estimate"] == "Infinity"


def test_scans_for_each_case_where_the_scans_are_given(capsys):
    words = ("effect", "272/2456", "27/2456")
    answer = json.loads(asked(capsys, *words, "--scans", "358", "36", "--json"))["scans_per_case"]
    assert answer["screening"]["estimate"] == pytest.approx(358 / 272)
    assert "how many were scanned" in effect(PRIMARY)["scans_per_case"]["control"]["why"]
    with pytest.raises(CommandError, match="a case needs a scan"):
        call_command(*words, "--scans", "358", "26")
    with pytest.raises(CommandError, match="2457 people scanned among 2456"):
        call_command(*words, "--scans", "2457", "36")


def test_on_a_console_every_line_names_its_method(capsys):
    lines = asked(capsys, "effect", "315/2456", "0/2456").splitlines()
    assert any("Inf (97.18 to Inf)" in line and "exact conditional" in line for line in lines)
    assert any("Inf (no interval)" in line and "Woolf" in line for line in lines)
    shown = asked(capsys, "strata", *STRATA)
    for name in (
        "Mantel-Haenszel",
        "Breslow-Day",
        "Wald chi-square",
        "likelihood ratio",
        "Stratum 2: 155/1705",
    ):
        assert name in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("effect", "5/3", "1/2"), "5 events among 3 people in the screening arm"),
        (("effect", "1/3", "4/2"), "in the control arm: events must lie between 0 and 2"),
        (("effect", "abc", "1/2"), "'abc' is not EVENTS/PEOPLE"),
        (("effect", "1/2/3", "1/2"), "such as 272/2456"),
        (("effect", "1/9999999", "1/2"), "up to 100,000"),
        (("effect", "١/٢", "1/2"), "is not EVENTS/PEOPLE"),
        (("strata", "1/2"), "is not a stratum"),
        (("strata", "1/2,3", "1/2,1/3"), "'3' is not EVENTS/PEOPLE"),
        (("strata", *["1/2,1/2"] * 51), "from 1 to 50"),
        (("strata", *["1/50000,1/50000"] * 2), "200000 people in all strata are too many"),
    ],
)
def test_counts_that_are_none_are_refused_with_what_to_write(words, why):
    with pytest.raises(CommandError, match=why):
        call_command(*words)


def test_reading_forgives_blanks_around_a_pair():
    assert read_arm(" 272/2456 ") == (272, 2456)
    assert read_strata(["1/2, 0/3"]) == [(1, 2, 0, 3)]
    with pytest.raises(BadCounts, match="0 strata"):
        read_strata([])
