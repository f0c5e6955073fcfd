"""The dashboard: numbers a role may see, each equal to the list it opens, and nothing by arm."""

import pytest
from django.utils import timezone

from analysis import dataset
from config.dashboard import boards
from screening.models import Radiograph
from screening.referrals import ContactOutcome
from screening.services import intake, referral
from screening.vocabulary import FilmState
from tests.admin import noon, under_way
from tests.browsing import browser, words
from tests.factories import activate, add_film, appoint, in_arm, make_participant, make_world, referral_of
from trial import audit
from trial.models import Participant
from trial.partial_dates import parse
from trial.roles import Role
from trial.services import conduct

INDEX = "/admin/"
PEOPLE = ["registered", "eligible", "at high risk", "randomized"]
CALLS = ["called", "came for the DXA", "result recorded"]
FILMS = ["files received", "waiting for a score", "scored", "set aside", "could not be scored", "rejected"]
INSIDE = tuple(
    role
    for role in Role
    if role.value not in ("caller", "outcome_recorder", "trial_statistician", "monitoring_committee")
)


@pytest.fixture
def busy(world):
    """A trial with randomized people, one of them called, a film set aside and a deviation."""
    screening = in_arm(under_way(world), "screening")
    offer, called = referral_of(screening), noon(21)
    referral.record_attempt(offer, outcome=ContactOutcome.NO_ANSWER, by=world.caller, occurred_at=called)
    film = add_film(world, make_participant(world))
    with audit.context(by=None, why="a test", how="test"):
        film.state, film.reason = FilmState.SET_ASIDE, "lateral"
        film.save()
    conduct.record_deviation(
        world.trial,
        category="call or offer",
        severity="minor",
        description="x",
        by=None,
        participant=screening,
    )
    return world


def numbers(user):
    """Return every number of the dashboard by its label."""
    return {
        n.label: n
        for board in boards(user)
        for n in (*board.people, *board.films, *board.tasks, *board.set_aside)
    }


def test_the_files_add_up_and_are_those_of_the_report(busy):
    for _ in range(2):  # one broken file, sent twice
        intake.receive(b"no film", site=busy.site, source="test", by=None)
    lines = boards(busy.coordinator)[0].films
    films = {line.label: line.number for line in lines}
    report = dataset.intake(busy.trial, timezone.now())

    assert films["files received"] == sum(films.values()) - films["files received"] == report.received == 8
    assert films["rejected"] == 1 and films["scored"] == report.scored == 6
    assert report.set_aside == {"rejected: not DICOM": 1, "set aside: lateral": 1}
    opened = browser(busy.coordinator).get(lines[-1].url)
    assert opened.context["cl"].result_count == 1


def test_a_recorded_trial_is_not_told_to_send_films(busy):
    recorded = make_world("RECORDED", kind="recorded")
    shown = words(browser(recorded.coordinator).get(INDEX))
    assert "loaded from outside" in shown and "Radiology sends them" not in shown


def test_each_number_is_that_of_the_list_it_opens(busy):
    for role in INSIDE:
        page = browser(busy.cast[role])
        for number in numbers(busy.cast[role]).values():
            if number.url:
                opened = page.get(number.url)
                assert opened.status_code == 200, (role, number)
                listed = (
                    opened.context["cl"].result_count
                    if "cl" in opened.context
                    else len(opened.context["films"])
                )
                assert listed == number.number, (role, number)


def test_the_coordinator_sees_how_the_trial_stands(busy):
    seen = numbers(busy.coordinator)
    counts = {
        label: seen[label].number for label in (*PEOPLE, *CALLS, "files received", "scored", "set aside")
    }
    assert list(counts.values()) == [7, 6, 6, 6, 1, 0, 0, 7, 6, 1]
    assert seen["protocol deviations are on record"].number == 1
    shown = words(browser(busy.coordinator).get(INDEX))
    assert "DEMO" in shown and "protocol version 1" in shown and "a demonstration" in shown
    assert "a frontal one is needed" in shown and "Last film" in shown


def test_a_death_told_on_the_telephone_is_a_task_until_it_is_recorded(world):
    person = in_arm(under_way(world), "screening")
    told = {"outcome": ContactOutcome.DIED, "by": world.caller, "occurred_at": noon(21)}
    referral.record_attempt(referral_of(person), **told)
    task = numbers(world.coordinator)["deaths were told on the telephone: record the dates"]
    assert task.number == 1
    assert str(person) in words(browser(world.coordinator).get(task.url))
    referral.record_death(person, died_on=parse("2023-01"), by=world.coordinator)
    assert numbers(world.coordinator)[task.label].number == 0


def test_each_role_sees_its_share_of_the_numbers(busy):
    films, exams = FILMS, ["DXA exams by any route"]
    share = {
        "investigator": PEOPLE + exams,
        "coordinator": PEOPLE + CALLS + films,
        "data_manager": PEOPLE + exams + films,
        "randomization_statistician": PEOPLE,
        "monitor": PEOPLE + exams + films,
        "inspector": PEOPLE + CALLS + exams + films,
        "radiology_it": films,
        "system_administrator": [],
    }
    for role, labels in share.items():
        found = boards(busy.cast[Role(role)])
        assert [n.label for board in found for n in (*board.people, *board.films)] == labels, role


def test_who_is_at_high_risk_is_listed_for_roles_that_see_every_score(busy):
    for role in ("coordinator", "data_manager", "investigator", "monitor"):
        assert numbers(busy.cast[Role(role)])["at high risk"].url == ""
    for role in ("randomization_statistician", "inspector"):
        assert "riskassessment" in numbers(busy.cast[Role(role)])["at high risk"].url


def test_the_blinded_dashboard_tells_nothing_of_the_arms(busy):
    for role in ("data_manager", "investigator", "monitor"):
        shown = words(browser(busy.cast[Role(role)]).get(INDEX))
        assert "control" not in shown and "called" not in shown
        assert numbers(busy.cast[Role(role)])["protocol deviations are on record"].number == 0


def test_offers_that_end_within_two_weeks_without_a_scan_are_to_be_looked_at(busy):
    label = "offers end within 14 days without a scan"
    assert numbers(busy.coordinator)[label].number == 0
    with audit.context(by=None, why="the demonstration's calendar moves on", how="test"):
        type(busy.trial).objects.filter(pk=busy.trial.pk).update(
            clock_offset_days=busy.trial.clock_offset_days - 160
        )
    seen = numbers(busy.coordinator)[label]
    assert seen.number == 3
    assert browser(busy.coordinator).get(seen.url).context["cl"].result_count == 3


def test_an_empty_trial_says_what_will_come(world):
    shown = words(browser(world.coordinator).get(INDEX))
    assert "Nobody is registered yet" in shown and "No film has come yet" in shown
    draft = words(browser(make_world("DRAFT", active=False).coordinator).get(INDEX))
    assert "No protocol version is in force yet" in draft


def test_a_trial_of_others_is_not_on_the_board(busy):
    make_world("OTHER")
    assert [board.trial.code for board in boards(busy.coordinator)] == ["DEMO"]
    assert Participant.objects.exists() and Radiograph.objects.exists()
    administrator = browser(busy.system_administrator).get(INDEX)
    assert not [
        n for board in administrator.context["boards"] for n in (*board.people, *board.films, *board.tasks)
    ]


def test_lists_of_films_and_files_give_reasons_in_words(busy):
    intake.receive(b"no film", site=busy.site, source="test", by=None)
    listed = words(browser(busy.coordinator).get("/admin/screening/receipt/"))
    assert "not dicom" in listed and "not_dicom" not in listed


def test_accrual_is_compared_with_the_plan_for_whoever_sees_all_sites(busy):
    assert boards(busy.coordinator)[0].accrual is None  # nothing is planned
    goals = [{"by": "2023-02-20", "randomized": 50}]
    activate(busy, busy.trial.protocol.amended({"accrual": goals}, note="Ours."))

    page = browser(busy.coordinator).get(INDEX)

    randomized = Participant.objects.filter(allocation__isnull=False).count()
    assert f"{randomized} randomized by" in words(page) and "behind plan. In all, 50 by 2023-02-20." in words(
        page
    )
    assert b"Accrual against plan, all arms together</title>" in page.content
    assert boards(busy.caller)[0].accrual is None
    appoint(busy, busy.stranger, Role.MONITOR, busy.site)
    assert boards(busy.stranger)[0].accrual is None
