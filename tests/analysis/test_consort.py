"""The flow adds up, or there is no flow."""

from dataclasses import replace

import pytest

from analysis.consort import Box, Flow, FlowDoesNotAddUp, Intake, Part, check, flow, to_lines
from tests.analysis.people import people, person

SCANNED = {"called": True, "dxa": True, "dxa_trial": True}
INTAKE = Intake(received=400, scored=350, set_aside={"lateral view": 30, "not a chest": 15}, waiting=5)


def story():
    return [
        *people(40, arm="screening", called=True),
        *people(10, arm="screening", **SCANNED, osteoporosis=True, osteoporosis_trial=True),
        *people(2, arm="screening", dxa=True, dxa_physician=True, osteoporosis=True),
        *people(51, arm="control"),
        person(arm="control", died=True, withdrawn=True),
        *people(50, risk_class="low"),
        *people(3, risk_class=None),
        *people(2, not_randomized_reason="withdrawn before randomization"),
        person(eligible=False, ineligibility_reasons=("age below 40", "earlier DXA")),
        person(eligible=False, ineligibility_reasons=("earlier DXA",)),
        person(eligible=False),
    ]


def boxes(found):
    return {box.key: box.n for box in (*found.stem, *found.left.values())}


def test_everybody_and_every_film_is_somewhere():
    found = flow(story(), INTAKE)
    assert boxes(found) == {
        "received": 400, "scored": 350, "set_aside": 50, "registered": 162, "excluded": 3, "eligible": 159,
        "not_high_risk": 53, "high_risk": 106, "not_randomized": 2, "randomized": 104,
    }  # fmt: skip
    assert {arm: [box.n for box in column] for arm, column in found.arms.items()} == {
        "screening": [52, 50, 12, 12, 0, 52],
        "control": [52, 0, 0, 0, 1, 52],
    }


def test_who_has_several_reasons_counts_under_the_first():
    excluded = flow(story(), INTAKE).left["registered"]
    assert set(excluded.parts) == {("age below 40", 1), ("earlier DXA", 1), ("no reason recorded", 1)}


def test_an_error_of_randomization_stays_in_its_arm():
    rows = [
        *story(),
        person(arm="screening", eligible=False, risk_class=None, allocation_error="randomized_in_error"),
    ]
    found = flow(rows, INTAKE)
    assert found.arms["screening"][0].parts == (Part("as intended", 52), Part("Randomized in error", 1))
    assert found.stem[-1].n == 105


def test_films_that_vanish_are_noticed():
    with pytest.raises(FlowDoesNotAddUp, match=r"'Film files received' less what left it.* is 349, not 350"):
        flow(story(), replace(INTAKE, received=399))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"arm": "control", "called": True}, "'Called' in the control arm is 1, not 0"),
        ({"arm": "control", "osteoporosis": True}, "with osteoporosis but no DXA"),
        ({"arm": "control", "risk_class": "low"}, "randomized at no high risk"),
        ({"films_positive": 2}, "more positive films than films"),
        ({"dxa": True}, "a DXA of neither route"),
        ({"dxa_trial": True}, "a route without a DXA"),
    ],
)
def test_people_who_contradict_themselves_are_named(wrong, message):
    odd = person(**wrong)
    with pytest.raises(FlowDoesNotAddUp, match=message) as refused:
        flow([*story(), odd], INTAKE)
    assert odd.study_number in str(refused.value) or "control arm" in message


def test_nobody_is_counted_twice():
    rows = story()
    with pytest.raises(FlowDoesNotAddUp, match="registered more than once"):
        flow([*rows, rows[0]], INTAKE)


@pytest.mark.parametrize(
    ("where", "box", "message"),
    [
        (("stem", 4), Box("high_risk", "At high risk", 107), "'Eligible' less what left it"),
        (("stem", 5), Box("randomized", "Randomized", 105), "'At high risk' less what left it"),
        (("stem", 3), Box("eligible", "Eligible", 159, (Part("women", 9),)), "the parts of 'Eligible' is 9,"),
        (("screening", 0), Box("allocated", "Screening arm", 51), "'Analyzed' against 'Allocated'|two arms"),
        (("screening", 3), Box("detected", "Osteoporosis", 13), "'Osteoporosis' in the screening arm is 13"),
    ],
)  # fmt: skip
def test_every_box_is_checked(where, box, message):
    found = flow(story(), INTAKE)
    part, place = where
    column = list(found.stem if part == "stem" else found.arms[part])
    column[place] = box
    spoiled = (
        replace(found, stem=tuple(column))
        if part == "stem"
        else replace(found, arms={**found.arms, part: tuple(column)})
    )
    with pytest.raises(FlowDoesNotAddUp, match=message):
        check(spoiled)


def test_lines_for_a_console():
    lines = to_lines(flow(story(), INTAKE))
    assert lines[0] == "Film files received: 400"
    assert "        lateral view: 30" in lines
    assert "Screening arm: 52" in lines
    assert "  Called: 50" in lines


def test_where_no_film_file_came_the_flow_begins_with_people():
    found = flow(story(), Intake(0, 0))
    assert [box.key for box in found.stem] == ["registered", "eligible", "high_risk", "randomized"]
    assert "Film" not in " ".join(to_lines(found))


def test_an_empty_trial_has_an_empty_flow():
    found = flow([], Intake(0, 0))
    assert isinstance(found, Flow)
    assert not found.left
    assert found.stem[-1].n == 0


def test_a_code_of_exclusion_is_read_as_words():
    codes = ("earlier_dxa", "anti_osteoporotic_drug_date_not_clear", "too_young")
    rows = [person(eligible=False, ineligibility_reasons=(code,)) for code in codes]

    told = flow(rows, Intake(received=0, scored=0)).left["registered"]

    assert {part.label for part in told.parts} == {
        "earlier DXA",
        "anti-osteoporotic drug, date not clear",
        "too young",
    }
