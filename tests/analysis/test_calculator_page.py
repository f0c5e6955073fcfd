"""The calculator's page: an address is a question, its answer names its methods, and no trial is read."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.browsing import browser, words
from trial.pages import NOT_SAVED

pytestmark = pytest.mark.django_db
EFFECT = {"ask": "effect", "screening": "272/2456", "control": "27/2456"}
STRATA = {"ask": "strata", "strata": "117/751, 6/761\n155/1705,21/1695"}
LOOKS = {"ask": "boundaries", "kind": "spending obrien-fleming", "looks": 3, "alpha": 0.05, "power": 0.9}
SIZE = {"ask": "sample-size", "control": 0.011, "screening": 0.022, "power": 0.9, "ratio": 1, "alpha": 0.05}

ANSWERED = [
    (EFFECT, ["11.20 (7.51, 16.71)", "Woolf", "9.98 (8.71, 11.33)", "Boschloo", "272/2456 (11.1%)"]),
    (EFFECT | {"control": "0/2456"}, ["Inf (", "no event in the control arm"]),
    (STRATA, ["23.22 (10.15, 53.10)", "Mantel-Haenszel", "Breslow-Day", "0.027", "0.018"]),
    (LOOKS, ["3.7103", "2.5114", "1.9930", "Lan-DeMets spending, O'Brien-Fleming type", "1.0119 times"]),
    (LOOKS | {"information": "0.3; 0.6 1", "at": 1, "z": 1.5}, ["3.9286", "conditional power 82.0%"]),
    (LOOKS | {"kind": "classical pocock", "looks": 5}, ["2.4132", "Pocock, classical"]),
    (SIZE, ["2817", "5634", "Fleiss", "log odds ratio"]),
    (SIZE | {"screening": "", "odds_ratio": 2, "power": "", "people": 2456}, ["0.8442"]),
    (SIZE | {"control": 0.9, "screening": 0.9, "margin": 0.05}, ["Farrington-Manning"]),
]
REFUSED = [
    (EFFECT | {"control": "27 of 2456"}, "EVENTS/PEOPLE"),
    (EFFECT | {"control": "28/27"}, "events must lie between 0 and 27"),
    (EFFECT | {"control": "27/2000000"}, "too many"),
    (EFFECT | {"control": "27/200000"}, "takes up to 100,000"),
    ({"ask": "effect", "screening": "272/2456"}, "required"),
    (STRATA | {"strata": "117/751"}, "both arms with a comma"),
    (STRATA | {"strata": "1/9,2/9 " * 51}, "51 strata"),
    (STRATA | {"strata": "1/60000,2/9 1/60000,2/9"}, "120018 people"),
    (LOOKS | {"kind": "spending haybittle"}, "valid choice"),
    (LOOKS | {"information": "a, b"}, "0.3, 0.6, 1"),
    (LOOKS | {"information": "0.3, 1"}, "give one each"),
    (LOOKS | {"at": 3, "z": 1}, "before the last one"),
    (LOOKS | {"power": "nan"}, "Enter a number"),
    (SIZE | {"odds_ratio": 2}, "Give one: the risk"),
    (SIZE | {"people": 100}, "Give one: the power"),
    (SIZE | {"control": 1.1}, "such as 0.022"),
    (SIZE | {"icc": 0.1}, "without a cluster size"),
]


@pytest.fixture
def calculator(world):
    client = browser(world.trial_statistician)
    return lambda asked: client.get(reverse("calculator"), asked)


def test_the_statistician_finds_the_calculator_in_the_bar_and_a_caller_does_not(world):
    address = reverse("calculator")

    assert f'href="{address}"' in browser(world.trial_statistician).get(reverse("reports")).content.decode()
    assert browser(world.caller).get(address).status_code == 403
    assert f'href="{address}"' not in browser(world.caller).get(reverse("worklist")).content.decode()


def test_before_anything_is_typed_there_is_a_form_and_no_complaint(calculator):
    for asked in ({}, {"ask": "strata"}, {"ask": "boundaries"}, {"ask": "nothing"}):
        page = calculator(asked)

        assert page.status_code == 200
        assert "Compute" in words(page)
        assert "Please check" not in words(page)
        assert "Answer" not in words(page)


def test_an_address_is_a_question_and_its_answer_names_its_methods(calculator):
    for asked, said in ANSWERED:
        page = calculator(asked)

        assert page.status_code == 200, asked
        assert [part for part in said if part not in words(page)] == [], asked


def test_an_answer_is_drawn_in_the_ink_of_the_page(calculator):
    for asked in (EFFECT, STRATA, LOOKS | {"at": 1, "z": 1.5}):
        drawing = re.search(r"(?s)<figure.*?</figure>", calculator(asked).content.decode())[0]

        assert "currentColor" in drawing
        assert "<desc>" in drawing
        assert "style=" not in drawing


def test_what_has_no_answer_is_said_with_what_to_do_and_nothing_typed_is_lost(calculator):
    for asked, said in REFUSED:
        page = calculator(asked)

        assert page.status_code == NOT_SAVED, asked
        assert "Please check" in words(page)
        assert said in words(page), asked
        typed = {name: page.context["form"][name].data for name in asked.keys() - {"ask"}}
        assert typed == {name: str(asked[name]) for name in typed}


def test_an_answer_asks_the_database_nothing_that_an_empty_form_does_not(calculator):
    with CaptureQueriesContext(connection) as empty:
        calculator({"ask": "effect"})
    with CaptureQueriesContext(connection) as answered:
        calculator(EFFECT)

    assert len(answered) == len(empty)
    assert not [q["sql"] for q in answered if re.search("participant|allocation|freeze", q["sql"])]
