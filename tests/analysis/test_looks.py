"""Interim looks: taken in order, signed, kept; results are for the committee, others learn what it recommends."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from analysis import interim, looks
from analysis.effects import DETECTED, effect
from analysis.methods import TESTS, Methods
from analysis.models import AnalysisMeaning, Freeze, InterimLook, LookRecommendation
from analysis.plan import Interim
from analysis.services import documents, freezes, plans
from analysis.services import looks as services
from config.postgres.roles import as_owner
from screening.densitometry import Measurement, MeasurementSite, parse_score
from screening.services import outcomes
from tests.analysis.people import people
from tests.analysis.plans import INTERIM, SHORT
from tests.browsing import browser, words
from tests.factories import PASSWORD, World, copy, end, make_world, randomized, refusal
from tests.stage import unguarded
from trial import audit
from trial.partial_dates import parse
from trial.roles import Role
from trial.services.trials import Refused
from trial.states import TrialState

pytestmark = pytest.mark.django_db
PLANNED = Interim((0.5, 1.0), "pocock", 0.05, 8)
SEERS = {Role.MONITORING_COMMITTEE, Role.RANDOMIZATION_STATISTICIAN, Role.INSPECTOR}
TELLING = ("2.0000", "2.1570", "0.031", "2.157", "SHA-256", "onditional", "Boundar", "rossed", "Information")


def frozen(world: World) -> Freeze:
    return freezes.freeze(world.trial, purpose="Interim", by=world.trial_statistician, despite_findings=True)


def planned(world: World, text: str = INTERIM) -> World:
    """Sign a plan, then find osteoporosis in both people of the screening arm and in none of the control arm."""
    plan = plans.declare_plan(world.trial.protocol_version, text=text, by=world.trial_statistician)
    for signer in (world.trial_statistician, world.investigator):
        plans.sign_plan(plan, by=signer, password=PASSWORD)
    neck = [Measurement(MeasurementSite.FEMORAL_NECK, t_score=parse_score("-2.8"))]
    for allocation in randomized(world, 4):
        if allocation.arm == "screening":
            outcomes.record_dxa(
                allocation.participant, exam_date=parse("2023-01-20"), measurements=neck, by=None
            )
    return world


def taken(world: World, at: Freeze | None = None, **given) -> InterimLook:
    by = world.randomization_statistician
    return services.take_look(at or frozen(world), by=by, password=PASSWORD, **given)


def recommended(world: World, look: InterimLook, **given) -> LookRecommendation:
    said = {"course": "continue", "words": "Go on as planned."} | given
    return services.recommend(look, by=world.monitoring_committee, password=PASSWORD, **said)


def unblinded(world: World) -> None:
    end(world, TrialState.LOCKED)
    world.trial.refresh_from_db()
    plans.unblind_results(world.trial, reason="Final", by=world.investigator, password=PASSWORD)


# --- the numbers --------------------------------------------------------------------------------------------


def found(events: int, n: int, control_events: int, control_n: int, test: str = "pearson"):
    rows = people(events, arm="screening", osteoporosis=True) + people(n - events, arm="screening")
    rows += people(control_events, arm="control", osteoporosis=True)
    rows += people(control_n - control_events, arm="control")
    return effect(rows, DETECTED, Methods(test=test))


def test_z_is_the_difference_over_its_standard_error_and_positive_for_more_in_the_screening_arm():
    z, method = looks.z_of(found(30, 100, 15, 100))
    assert z == pytest.approx(0.15 / math.sqrt(0.225 * 0.775 * 2 / 100), rel=1e-12)
    assert method == "signed root of: Pearson chi-square, no correction"
    assert looks.z_of(found(15, 100, 30, 100))[0] == -z
    assert looks.z_of(found(15, 100, 15, 100))[0] == 0


@pytest.mark.parametrize("test", TESTS)
def test_z_has_the_p_of_the_plan_s_test(test):
    seen = found(30, 100, 15, 100, test)
    z, method = looks.z_of(seen)

    assert interim.two_sided_p(z) == pytest.approx(seen.test.p, rel=1e-9)
    assert seen.test.method in method


def test_what_can_not_be_tested_yet_is_no_look():
    with pytest.raises(
        interim.BadDesign, match="can't be tested yet: a row or a column of the table is empty"
    ):
        looks.z_of(found(0, 10, 0, 10))


def test_a_boundary_is_that_of_the_information_reached_and_earlier_ones_stay_as_they_were():
    first = looks.design_at(replace(PLANNED, information=(0.5, 0.8, 1.0)), [], 0.3).looks
    assert [look.information for look in first] == [0.3, 0.8, 1.0]
    assert first[0].alpha_spent == pytest.approx(interim.pocock_spent(0.05, 0.3))

    later = replace(PLANNED, information=(0.5, 0.8, 1.0), spending="obrien-fleming")  # as amended
    second = looks.design_at(later, first[:1], 0.7).looks

    assert second[0] == first[0] and [look.information for look in second] == [0.3, 0.7, 1.0]
    same = interim.spending_design((0.3, 0.7, 1.0), spending="pocock")
    again = looks.design_at(replace(PLANNED, information=(0.5, 0.8, 1.0)), first[:1], 0.7)
    assert [look.z for look in again.looks] == pytest.approx([look.z for look in same.looks], abs=1e-7)
    # What is spent stays spent: the stricter function has nothing left to spend at 0.7 but what exceeds it.
    assert second[1].alpha_spent == max(
        first[0].alpha_spent, interim.obrien_fleming_spent(0.05, 0.7)
    ) and sum(interim.course(interim.Design("", 0.05, second), 0.0).above) == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize(("events", "crossed"), [(22, False), (30, True), (0, True)])
def test_a_boundary_is_crossed_on_either_side_and_then_nothing_is_left_to_expect(events, crossed):
    what = looks.find(found(events, 100, 15, 100), PLANNED, [], 0.5)

    assert (what.crossed, what.conditional_power is None) == (crossed, crossed)
    assert crossed == (abs(what.z) >= what.boundary)


def test_a_look_keeps_what_it_found_signed_and_bound_to_a_hash(world):
    look = InterimLook.objects.get(pk=taken(planned(world)).pk)
    design = interim.spending_design((0.5, 1.0), spending="pocock")

    assert (look.number, look.planned_looks, look.people, look.people_planned) == (1, 2, 4, 8)
    assert (look.information, look.z, look.endpoint) == (0.5, 2.0, "osteoporosis")
    assert (look.boundary, look.alpha_spent) == (design.looks[0].z, design.looks[0].alpha_spent)
    assert round(look.boundary, 3) == 2.157 and not look.crossed
    assert look.conditional_power == interim.conditional_power(design, 1, 2.0, 2 / math.sqrt(0.5))
    given = plans.signatures_of(look).get()
    assert (given.meaning, given.signer) == (AnalysisMeaning.LOOK, world.randomization_statistician)
    assert look.sha256 == look.content_sha256
    look.z = 2.1
    assert look.sha256 != look.content_sha256


# --- who, and when ------------------------------------------------------------------------------------------


def test_looks_are_taken_in_order_with_more_information_and_the_last_has_all_of_it(world):
    planned(world)
    early, late = frozen(world), frozen(world)
    first = taken(world, late)
    last = {"information": 1, "reason": "Nobody else is recruited."}

    for at, given, said in (
        (late, last, "was looked at: DEMO look 1 of 2"),
        (early, last, "older than the last look"),
        (frozen(world), {}, "the last of 2 looks: its information is 1"),
        (frozen(world), {"information": 1}, r"Say why the information is 1 \(4 of 8 are 0.5\)"),
    ):
        with pytest.raises(Refused, match=said):
            taken(world, at, **given)
    second = taken(world, **last)
    assert (second.number, second.alpha_spent, second.conditional_power) == (2, 0.05, None)
    assert services.design_of(second).looks[0].z == first.boundary
    with pytest.raises(Refused, match="All looks of the plan were taken"):
        taken(world)


def test_without_a_number_of_people_in_the_plan_the_information_is_declared_with_a_reason(world):
    planned(world, INTERIM.replace(", people: 8", ""))

    with pytest.raises(Refused, match="declare the share of the information"):
        taken(world)
    with pytest.raises(Refused, match=r"Say why .*the plan doesn't say"):
        taken(world, information=0.4)
    with pytest.raises(Refused, match="fractions lie above 0"):
        taken(world, information=1.5, reason="x")
    assert taken(world, information=0.4, reason="40 of 100 events").people_planned is None


def test_there_is_no_look_without_a_signed_plan_that_has_looks_nor_once_the_arms_are_known(world):
    before = frozen(world)
    planned(world)
    with pytest.raises(Refused, match="No signed analysis plan was in force"):
        taken(world, before)
    unblinded(world)
    with pytest.raises(Refused, match="nothing interim any more"):
        taken(world)

    other = planned(make_world("OTHER"), SHORT)
    with pytest.raises(Refused, match="has no interim looks"):
        taken(other)
    assert not InterimLook.objects.exists()


def test_the_committee_and_its_statistician_take_looks_and_the_committee_recommends(world):
    at = frozen(planned(world))
    for role, user in world.cast.items():
        if role not in SEERS - {Role.INSPECTOR}:
            with pytest.raises(Refused, match="include: take look"):
                services.propose(at, by=user)
    with pytest.raises(Refused, match="not your password"):
        services.take_look(at, by=world.monitoring_committee, password="guess")
    look = services.take_look(at, by=world.monitoring_committee, password=PASSWORD)

    said = {"course": "stop", "words": "Stop."}
    for role, user in world.cast.items():
        if role is not Role.MONITORING_COMMITTEE:
            with pytest.raises(Refused, match="include: release recommendation"):
                services.recommend(look, by=user, password=PASSWORD, **said)
    with pytest.raises(Refused, match="Write what the others are to read"):
        recommended(world, look, words=" ")
    released = recommended(world, look, **said)
    assert plans.signatures_of(released).get().meaning == "recommendation"
    with pytest.raises(Refused, match="it stays"):
        recommended(world, look)


# --- what the database refuses ------------------------------------------------------------------------------


def refused(by, statement: str, *values) -> str:
    """Return what the database says to a statement of this person, at the latest when it would be kept."""
    with (
        pytest.raises(DatabaseError) as no,
        transaction.atomic(),
        audit.context(by=by, why="a test"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return str(no.value)


def test_the_database_refuses_looks_by_others_out_of_order_or_of_impossible_numbers(world):
    unplanned = frozen(world)
    look = taken(planned(world))
    by, later = world.randomization_statistician, frozen(world)
    row = {"number": 2, "freeze_id": later.pk, "information": 1, "information_reason": "x"}
    row |= {"conditional_power": None}

    for changes, said in (
        ({"number": 1}, "the next one is look 2"),
        ({"number": 3}, "the next one is look 2"),
        ({"freeze_id": look.freeze_id}, "from a later dataset"),
        ({"freeze_id": unplanned.pk}, "by the plan that was in force"),
        ({"information": 0.5}, "more information"),
        ({"planned_looks": 1}, "a_look_of_a_plan_has_a_place_in_it"),
        ({"information": 0.9, "conditional_power": 0.5}, "a_look_of_a_plan_has_a_place_in_it"),
        ({"information_reason": ""}, "other_information_than_people_has_a_reason"),
        ({"crossed": True}, "crossed_is_having_reached_the_boundary"),
        ({"z": -9}, "crossed_is_having_reached_the_boundary"),
        ({"conditional_power": 0.5}, "power_where_something_is_left_to_expect"),
        ({"alpha_spent": 0}, "alpha_is_a_chance"),
        ({"taken_by_id": world.monitoring_committee.pk}, "by whoever signs it"),
        (
            {"trial_id": make_world("OTHER", active=False).trial.pk},
            "monitoring committee or its statistician",
        ),
        ({}, "This look is not signed"),
    ):
        assert said in refused(by, *copy(look, **row | changes)), changes
    stranger = copy(look, **row | {"taken_by_id": world.investigator.pk})
    assert "monitoring committee or its statistician" in refused(world.investigator, *stranger)
    unblinded(world)
    assert "arms are known" in refused(by, *copy(look, **row))
    # From now on whoever reads the trial's reports reads its looks, and nobody else.
    answers = [browser(user).get(f"/reports/looks/{look.pk}/") for user in (world.investigator, world.caller)]
    assert [answer.status_code for answer in answers] == [200, 404]


def test_the_database_takes_one_recommendation_a_look_of_the_committee_signed_by_itself(world):
    look = taken(planned(world))
    committee, by = world.monitoring_committee, world.randomization_statistician
    insert = (
        "INSERT INTO analysis_lookrecommendation (id, look_id, course, words, by_id, sha256)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, 'x')"
    )

    assert "is not signed" in refused(committee, insert, look.pk, "stop", "Stop.", committee.pk)
    assert "by whoever signs it" in refused(by, insert, look.pk, "stop", "Stop.", committee.pk)
    assert "by the monitoring committee" in refused(by, insert, look.pk, "stop", "Stop.", by.pk)
    assert "course_known" in refused(committee, insert, look.pk, "hurry", "Hurry.", committee.pk)
    assert "has_words" in refused(committee, insert, look.pk, "stop", "", committee.pk)
    recommended(world, look)
    assert "unique" in refused(committee, insert, look.pk, "stop", "Stop.", committee.pk)
    sign = (
        "INSERT INTO analysis_analysissignature (id, trial_id, meaning, subject_id, content_sha256, signer_id)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s)"
    )
    for meaning, signer, sha256 in (
        ("look", committee, look.sha256),
        ("look", by, "0" * 64),
        ("recommendation", by, look.sha256),
    ):
        assert "no such look or recommendation" in refused(
            signer, sign, world.trial.pk, meaning, look.pk, sha256, signer.pk
        )


def test_looks_and_recommendations_are_never_changed_or_deleted(world):
    recommended(world, taken(planned(world)))

    for table in ("interimlook", "lookrecommendation"):
        for statement in (f"DELETE FROM analysis_{table}", f"UPDATE analysis_{table} SET id = id"):
            assert "permission denied" in refusal(statement)
            with as_owner(connection):
                assert "never" in refusal(statement)


# --- who reads what -----------------------------------------------------------------------------------------


Readers = dict[Role, Client]


def pages(readers: Readers, look: InterimLook) -> dict[Role, list[str]]:
    """Return the words that every role is sent from the list and from the page of a look."""
    addresses = ("/reports/looks/", f"/reports/looks/{look.pk}/")
    return {role: [words(reader.get(page)) for page in addresses] for role, reader in readers.items()}


def test_others_read_the_recommendation_alone_once_it_is_released_and_the_same_whatever_was_found(world):
    look = taken(planned(world))
    readers = {role: browser(user) for role, user in world.cast.items()}
    for role, reader in readers.items():
        assert reader.get(f"/reports/looks/{look.pk}/").status_code == (200 if role in SEERS else 404), role
    assert "DEMO look" not in words(readers[Role.INVESTIGATOR].get("/reports/looks/"))

    recommended(world, look, course="modify", words="Widen the offer.")
    before = pages(readers, look)
    for role, (listed, shown) in before.items():
        sees = role in SEERS
        assert "DEMO look 1 of 2" in listed and "modify" in listed, role
        assert "recommends: modify Widen the offer." in shown, role
        assert ("z 2.0000 (signed root" in shown and "2.0000" in listed) == sees, role
        assert sees or not [word for word in TELLING if word in listed + shown], role

    with other_results():
        after = pages(readers, look)
    assert {role for role in readers if before[role] != after[role]} == SEERS
    assert "does not match its hash" in after[Role.INSPECTOR][1]


@contextmanager
def other_results() -> Iterator[None]:
    """Let the looks have found something else, which only the owner of the database can."""
    with unguarded("analysis_interimlook"):
        InterimLook.objects.update(z=-3, crossed=True, conditional_power=None, boundary=2.2)
        yield


def test_a_read_of_results_is_logged_and_a_read_of_a_recommendation_is_not(world, caplog):
    look = taken(planned(world))
    recommended(world, look)
    with caplog.at_level(logging.INFO, logger="screentrial.access"):
        for user in (world.monitoring_committee, world.investigator):
            for page in ("/reports/looks/", f"/reports/looks/{look.pk}/"):
                browser(user).get(page)

    seen = [line.getMessage() for line in caplog.records if "arm shown" in line.getMessage()]
    committee = world.monitoring_committee.pk
    assert seen == [
        f"arm shown to user {committee}: list of interim looks",
        f"arm shown to user {committee}: interim look {look.pk}",
    ]


def test_a_look_is_taken_and_its_recommendation_released_on_the_pages(world, caplog):
    at = frozen(planned(world))
    statistician, committee = browser(world.randomization_statistician), browser(world.monitoring_committee)
    assert "Take a look" in words(statistician.get("/reports/looks/"))
    assert "Take a look" not in words(browser(world.investigator).get("/reports/looks/"))
    take = "/reports/looks/take/"

    with caplog.at_level(logging.INFO, logger="screentrial.access"):
        shown = statistician.get(take, {"freeze": at.pk})
    assert "DEMO look 1 of 2: this will be stored" in words(shown) and "±2.1570" in words(shown)
    assert f"interim look at report {at.pk}" in caplog.text and not InterimLook.objects.exists()
    declared = statistician.get(take, {"freeze": at.pk, "information": "0.4"})
    assert "Say why the information is 0.4" in words(declared) and "this will be" not in words(declared)

    given = {"freeze": at.pk, "information": "0.4", "reason": "40 of 100 events"}
    wrong = statistician.post(take, given | {"sign-password": "guess"})
    assert "not your password" in words(wrong) and 'value="40 of 100 events"' in wrong.content.decode()
    page = statistician.post(take, given | {"sign-password": PASSWORD}, follow=True)
    assert "DEMO look 1 of 2 is taken" in words(page) and "0.4 (40 of 100 events)" in words(page)
    assert "Release the recommendation" not in words(page)

    address = page.redirect_chain[-1][0]
    assert "The blinded read it" in words(committee.get(address))
    said = {"course": "continue", "words": "Go on.", "password": PASSWORD}
    assert "not your password" in words(committee.post(address, said | {"password": "guess"}))
    assert "is released to everybody" in words(committee.post(address, said, follow=True))
    assert "All looks" in words(committee.post(address, said)) and LookRecommendation.objects.count() == 1


def test_a_report_tells_the_looks_before_it_and_what_is_significant_after_them(world):
    planned(world)
    look = taken(world, information=0.5, reason="Half of the people.")
    later = freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician, despite_findings=True)

    first, last = list(documents.interim_looks(later))
    design = interim.spending_design([0.5, 1.0], spending="pocock", alpha=0.05)

    assert str(look) in first.text and f"the boundary was {design.looks[0].z:.3f}" in first.text
    assert f"reaches {design.looks[1].z:.3f} (two-sided p of {design.looks[1].p:.4f})" in last.text
    assert last in documents.document(later).status
