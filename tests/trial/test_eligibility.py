"""The OPSCAN criteria applied to people, one story each."""

import json
from dataclasses import replace
from datetime import date

import pytest

from trial.ages import birth_bounds
from trial.eligibility import Facts, PriorEvent, ReasonCode, assess
from trial.partial_dates import PartialDate, parse
from trial.protocol import template
from trial.protocol_parts import Exclusion

OPSCAN = template("opscan")
SIXTY = (date(1962, 5, 1), date(1962, 5, 1))


def person(*events, birth=SIXTY, died=None, film=True):
    return Facts(has_film_in_window=film, birth=birth, died=died and parse(died), events=events)


def had(kind, on, drug=""):
    return PriorEvent(Exclusion(kind), on and parse(on), drug)


def codes(facts, protocol=OPSCAN):
    verdict = assess(protocol, facts)
    assert verdict.eligible == (not verdict.reasons)
    return [reason.code for reason in verdict.reasons]


def sentence(facts):
    (reason,) = assess(OPSCAN, facts).reasons
    return reason.sentence


def test_a_woman_of_sixty_with_a_film_and_no_history_is_eligible():
    assert codes(person()) == []


def test_forty_on_the_index_date_is_old_enough_and_a_day_younger_is_not():
    assert codes(person(birth=(date(1983, 1, 1),) * 2)) == []
    assert codes(person(birth=(date(1983, 1, 2),) * 2)) == ["too_young"]


def test_a_film_of_somebody_of_33_does_not_make_an_eligible_person():
    facts = person(birth=(date(1989, 6, 1),) * 2)
    assert sentence(facts) == "Age 33; the protocol asks for 40 or more on 2023-01-01."


def test_an_age_on_a_film_bounds_the_birth_date():
    assert codes(person(birth=birth_bounds(40, date(2022, 3, 1)))) == []
    assert codes(person(birth=birth_bounds(38, date(2022, 3, 1)))) == ["too_young"]
    undecided = person(birth=birth_bounds(39, date(2022, 3, 1)))
    assert codes(undecided) == ["age_not_established"]
    assert "Age 39 to 40" in sentence(undecided)
    assert "Add the birth date" in sentence(undecided)


def test_an_age_of_39_on_the_last_day_of_the_year_is_nearly_always_39():
    assert codes(person(birth=birth_bounds(39, date(2022, 12, 31)))) == ["age_not_established"]


def test_a_year_of_birth_may_or_may_not_settle_the_age():
    assert codes(person(birth=(parse("1982").earliest, parse("1982").latest))) == []
    # Born on 1 January 1983 or after it: 40 on one day only.
    assert codes(person(birth=(parse("1983").earliest, parse("1983").latest))) == ["age_not_established"]
    assert codes(person(birth=(parse("1984").earliest, parse("1984").latest))) == ["too_young"]


def test_without_any_age_nobody_is_eligible():
    assert codes(person(birth=None)) == ["age_not_established"]
    assert sentence(person(birth=None)).startswith("Neither birth date nor age is known")


def test_without_a_film_nobody_is_eligible():
    assert sentence(person(film=False)) == "No usable radiograph from 2022-01-01 to 2022-12-31."


@pytest.mark.parametrize(
    ("died", "expected"),
    [
        ("2022-12-31", ["died"]),
        ("2022", ["died"]),
        ("2023-01-01", []),
        ("2023", []),
        ("2023-06", []),
    ],
)
def test_alive_on_the_first_of_january(died, expected):
    assert codes(person(died=died)) == expected


def test_an_unclear_day_of_death_is_its_own_reason():
    later = OPSCAN.shifted(30)
    assert codes(person(died="2023-01"), later) == ["death_date_not_clear"]
    assert codes(person(died="2023"), later) == ["death_date_not_clear"]


@pytest.mark.parametrize("kind", list(Exclusion))
@pytest.mark.parametrize(
    ("on", "ending"),
    [
        ("2022-12-31", ""),
        ("2019", ""),
        ("2022-12", ""),
        (None, ""),
        ("2023-01-01", None),
        ("2023", None),
        ("2023-02", None),
    ],
)
def test_earlier_means_before_the_index_date(kind, on, ending):
    assert codes(person(had(kind, on))) == ([] if ending is None else [kind + ending])


@pytest.mark.parametrize("kind", list(Exclusion))
def test_an_event_that_may_have_been_earlier_excludes_for_a_reason_of_its_own(kind):
    later = OPSCAN.shifted(45)  # index date 15 February 2023
    assert codes(person(had(kind, "2023-02")), later) == [f"{kind}_date_not_clear"]
    assert codes(person(had(kind, "2023")), later) == [f"{kind}_date_not_clear"]
    assert codes(person(had(kind, "2023-01")), later) == [kind]


@pytest.mark.parametrize(
    ("drug", "expected"),
    [
        ("vitamin_d", []),
        ("calcium", []),
        ("denosumab", ["anti_osteoporotic_drug"]),
        ("", ["anti_osteoporotic_drug"]),
    ],
)
def test_vitamin_d_and_calcium_are_no_treatment(drug, expected):
    assert codes(person(had("anti_osteoporotic_drug", "2021-05", drug))) == expected


def test_a_protocol_that_does_not_exclude_fractures_takes_them():
    kept = [kind for kind in OPSCAN.to_dict()["exclusions"] if kind != "osteoporotic_fracture"]
    lenient = OPSCAN.amended({"exclusions": kept}, note="A test.")
    assert codes(person(had("osteoporotic_fracture", "2020")), lenient) == []


def test_all_reasons_are_given_at_once_each_kind_once():
    facts = person(
        had("osteoporosis", "2020"),
        had("osteoporosis", None),
        had("earlier_dxa", "2021-07-02"),
        birth=None,
        died="2022",
        film=False,
    )
    assert codes(facts) == ["no_film", "age_not_established", "died", "earlier_dxa", "osteoporosis"]


def test_sentences_say_what_when_and_the_limit():
    assert sentence(person(had("earlier_dxa", "2021-07"))) == (
        "History of a DXA exam, of 2021-07, before 2023-01-01."
    )
    assert sentence(person(had("anti_osteoporotic_drug", None, "denosumab"))) == (
        "History of an anti-osteoporotic drug (denosumab), of unknown date, counted as earlier, "
        "before 2023-01-01."
    )


def test_every_exclusion_has_both_codes():
    for kind in Exclusion:
        assert ReasonCode(kind.value)
        assert ReasonCode(f"{kind.value}_date_not_clear")


def test_who_is_merged_away_is_not_eligible_for_that_reason_first():
    assert codes(replace(person(died="2020"), merged=True)) == ["merged", "died"]


def test_facts_can_be_kept_beside_the_assessment():
    facts = person(had("anti_osteoporotic_drug", "2021", "calcium"), died="2023-05")
    assert json.loads(json.dumps(facts.to_dict())) == {
        "has_film_in_window": True,
        "birth": ["1962-05-01", "1962-05-01"],
        "died": "2023-05",
        "events": [{"kind": "anti_osteoporotic_drug", "on": "2021", "drug": "calcium"}],
        "merged": False,
    }
    assert PartialDate.of(date(2023, 5, 1)).exact == date(2023, 5, 1)
