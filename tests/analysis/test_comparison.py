"""Two freezes row by row: what was added, removed and changed, and nothing of it that tells a blind reader an arm."""

import random
import re

import pytest

from analysis import dataset
from analysis.comparison import Change, compare, counted, to_csv
from analysis.masking import LEFT_OUT
from analysis.services import freezes
from screening.services import contamination
from screening.vocabulary import Told
from tests.analysis.people import people
from tests.analysis.test_report_service import scan
from tests.browsing import browser, words
from tests.factories import World, in_arm, make_participant, make_world, randomized

ONE, TWO, THREE = people(3, arm="screening")


def between(old, new, key=None):
    return compare(dataset.to_csv(old), dataset.to_csv(new), key)


def test_who_was_added_removed_and_changed_is_told_with_the_columns():
    later = TWO._replace(dxa=True, drugs=frozenset({"serm"}), arm="control")

    found = between([ONE, TWO], [later, THREE])

    assert [(person.name, person.what) for person in found] == [
        (ONE.study_number, "removed"),
        (TWO.study_number, "changed"),
        (THREE.study_number, "added"),
    ]
    assert found[1].changes == (
        Change("arm", "screening", "control"),
        Change("dxa", "False", "True"),
        Change("drugs", "", "serm"),
    )
    assert counted(found) == {"added": 1, "removed": 1, "changed": 1}
    assert to_csv(found).splitlines()[1:3] == [
        f"{ONE.study_number},removed,,,",
        f"{TWO.study_number},changed,arm,screening,control",
    ]


def test_the_same_rows_in_another_order_are_no_change():
    assert between([ONE, TWO], [TWO, ONE]) == []


def test_a_column_that_only_a_later_program_knows_is_empty_before():
    old = "study_number,site\nT01,North\n"

    assert compare(old, "study_number,site,age\nT01,North,70\n", None)[0].changes == (
        Change("age", "", "70"),
    )
    assert compare(old, "study_number\nT01\n", None)[0].changes == (Change("site", "North", ""),)


def test_a_blind_reader_is_told_the_same_to_the_byte_whoever_has_which_arm():
    """All that is left out changes for everybody in the screening arm, beside facts that a blind reader may have."""
    told = {"called": True, "contact_outcome": "accepted", "consented": True, "dxa_trial": True}
    old = people(8, arm="screening") + people(8, arm="control")
    new = [
        row._replace(dxa=n % 3 == 0, **(told if row.arm == "screening" else {})) for n, row in enumerate(old)
    ]
    arms = [row.arm for row in old]
    random.Random(1).shuffle(arms)
    others = [row._replace(arm=arm) for row, arm in zip(old, arms, strict=True)]
    turned = [
        row._replace(dxa=n % 3 == 0, **(told if row.arm == "screening" else {}))
        for n, row in enumerate(others)
    ]

    shown = to_csv(between(old, new, b"a key"))

    assert shown == to_csv(between(others, turned, b"a key")) != to_csv(between(old, new, b"another"))
    assert shown.count("dxa,False,True") == 6 and len(shown.splitlines()) == 7
    assert not [word for word in (*LEFT_OUT, "T01", "arm", "screening") if re.search(rf"\b{word}\b", shown)]


@pytest.fixture
def two(world: World) -> World:
    """Return a trial frozen twice, with a scan and a disclosure to a control between, and somebody new."""
    allocations = randomized(world, 4)
    control = in_arm(allocations, "control")
    by = {"by": world.trial_statistician, "despite_findings": True}
    first = freezes.freeze(world.trial, purpose="Interim", **by)
    scan(control)
    contamination.record_disclosure(
        control, told=Told.SCORE, told_by="A nurse", how="Asked.", by=world.coordinator
    )
    make_participant(world)
    second = freezes.freeze(world.trial, purpose="Final", **by)
    world.extra.update(first=first, second=second, control=control)
    return world


@pytest.mark.django_db
def test_freezes_are_compared_from_a_report_by_whoever_may_have_their_rows(two):
    first, second, control = (two.extra[name] for name in ("first", "second", "control"))
    page, analyst = f"/reports/{first.pk}/compare/{second.pk}/", browser(two.randomization_statistician)
    assert "Compare row by row" in words(analyst.get(f"/reports/{second.pk}/"))

    shown = analyst.get(f"/reports/{second.pk}/compare/", {"with": first.number}, follow=True)

    assert shown.redirect_chain[-1][0] == page
    assert "1 people added, 0 removed, 1 changed." in words(shown)
    assert control.study_number in words(shown) and "score_told : False → True" in words(shown)
    file = analyst.get(f"{page}rows.csv").content.decode()
    assert f"{control.study_number},changed,dxa,False,True" in file
    for nobody in (two.monitoring_committee, two.caller):
        assert browser(nobody).get(page).status_code == 403


@pytest.mark.django_db
def test_a_blind_reader_compares_without_arms_and_without_numbers(two):
    first, second, control = (two.extra[name] for name in ("first", "second", "control"))
    page, blind = f"/reports/{first.pk}/compare/{second.pk}/", browser(two.trial_statistician)

    for shown in (words(blind.get(page)), blind.get(f"{page}rows.csv").content.decode()):
        assert "dxa" in shown and "score_told" not in shown
        assert control.study_number not in shown
    assert "Columns that would tell an arm are left out" in words(blind.get(page))


@pytest.mark.django_db
def test_freezes_of_two_trials_are_not_compared(two):
    other = make_world("OTHER")
    foreign = freezes.freeze(other.trial, purpose="x", by=other.trial_statistician, despite_findings=True)
    page = f"/reports/{two.extra['first'].pk}/compare/{foreign.pk}/"

    assert browser(two.trial_statistician).get(page).status_code == 404
    report = f"/reports/{two.extra['first'].pk}/"
    for wrong in ("", "?with=x", "?with=99"):
        assert browser(two.trial_statistician).get(f"{report}compare/{wrong}").url == report
