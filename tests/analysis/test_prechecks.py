"""What is open is asked before a freeze, shown with its list, and kept with what was frozen all the same."""

import json
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from analysis import dataset
from analysis.models import Freeze
from analysis.services import freezes, plans, prechecks
from analysis.services.prechecks import Unsettled
from config.postgres.roles import as_owner
from screening.services import intake
from tests.analysis.people import people, person
from tests.analysis.test_report_service import scan
from tests.browsing import browser, words
from tests.dicom import chest_film, drawn_chest
from tests.factories import PASSWORD, World, randomized, refusal
from trial import audit
from trial.allocation_log import log_path
from trial.models import Participant
from trial.services import conduct, queries

pytestmark = pytest.mark.django_db


def settled(world: World) -> World:
    """Return the trial with an outcome of everybody randomized, and every row linked as a commit would."""
    for allocation in randomized(world, 2):
        scan(allocation.participant)
    link()
    return world


def link() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def found(world: World) -> dict[str, int]:
    """Return what is open of the record as it stands."""
    rows = dataset.build(world.trial, freezes.timezone.now()).rows
    return {check.key: check.found for check in prechecks.of_record(world.trial, rows) if check.found}


def test_nothing_is_open_and_the_freeze_says_so(world):
    settled(world)

    frozen = freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician)

    assert not frozen.despite_findings and {check["found"] for check in frozen.checks} == {0}
    assert [check["key"] for check in frozen.checks] == [
        *("held_films", "identity_doubts", "films_waiting", "films_failed"),
        *("queries", "deviations", "missing_outcome", "on_hold", "audit_chain"),
    ]
    assert "links walked" in frozen.checks[-1]["note"]


def test_what_is_open_stops_a_freeze_until_it_is_owned_up_to(world):
    settled(world)
    conduct.record_deviation(
        world.trial, category="other", severity="minor", description="A form.", by=world.coordinator
    )
    link()

    with pytest.raises(Unsettled, match="deviations without a corrective action: 1"):
        freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician)
    assert not Freeze.objects.exists()
    frozen = freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician, despite_findings=True)

    assert frozen.despite_findings
    assert {c["key"]: c["found"] for c in frozen.checks if c["found"]} == {"deviations": 1}


def test_an_open_data_query_is_counted_until_it_is_closed(world):
    settled(world)
    person = Participant.objects.first()
    query = queries.ask(person, question="Which date is right?", by=world.monitor)
    queries.answer(query, answer="The 3rd.", by=world.coordinator)
    assert found(world) == {"queries": 1}

    queries.close(query, by=world.monitor)

    assert found(world) == {}


def test_films_and_people_that_wait_are_counted(world):
    randomized(world, 2)
    other = chest_film(PatientID="H-000999", SOPInstanceUID="1.2.3.97")
    for film in (chest_film(), other, drawn_chest(ViewPosition=None, SOPInstanceUID="1.2.3.98")):
        intake.receive(film, site=world.site, source="test", by=world.radiology_it)

    assert found(world) == {"held_films": 3, "identity_doubts": 2, "missing_outcome": 2}


def test_an_outcome_is_missing_alike_in_both_arms_whatever_was_tried_in_one():
    told = [{"dxa": True}, {"died": True}, {"withdrawn": True}, {"treated": True}]
    rows = [person(arm=arm, **facts) for arm in ("screening", "control") for facts in told]
    rows += people(2, arm="screening", called=True, contact_outcome="no_answer") + people(3, arm="control")

    assert prechecks._silent([*rows, person()]) == 5


def test_a_broken_audit_chain_is_found_and_the_row_named(world):
    settled(world)
    assert prechecks.of_audit_chain().found == 0
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE trial_site DISABLE TRIGGER USER")
        cursor.execute("UPDATE trial_site SET name = 'Forged'")  # undone with the test

    check = prechecks.of_audit_chain()

    assert check.found == 1 and "trial_site" in check.note and "tell the data manager" in check.note


def test_a_restored_trial_is_on_hold_and_says_why(world):
    path = log_path(world.trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    lost = {"id": str(uuid4()), "participant": "DEMO-01-000009-8", "stratum": "sex=female", "sequence": 1}
    path.write_text(json.dumps(lost | {"arm": "control"}) + "\n")

    [hold] = prechecks.findings(prechecks.of_record(world.trial, []))

    assert (hold.key, hold.found) == ("on_hold", 1) and "1 more than the database" in hold.note
    assert hold.url == f"/admin/trial/trial/{world.trial.pk}/change/"


def test_the_database_keeps_a_freeze_from_hiding_what_was_open(world):
    settled(world)
    freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician)
    insert = (
        "INSERT INTO analysis_freeze SELECT (jsonb_populate_record(f, jsonb_build_object('id', gen_random_uuid(),"
        " 'number', 9, 'checks', %s::jsonb, 'despite_findings', %s))).* FROM analysis_freeze f"
    )
    one = '[{"key": "x", "found": 0}, {"key": "y", "found": 1}]'

    for checks, despite in ((one, False), ("[]", True)):
        with (
            pytest.raises(IntegrityError, match="findings_are_owned_up_to"),
            audit.context(by=world.trial_statistician, why="a test"),
            connection.cursor() as cursor,
        ):
            cursor.execute(insert, (checks, despite))
    assert "in the name of somebody else" in refusal(insert, "[]", False)


# --- the pages ----------------------------------------------------------------------------------------------


def test_the_page_shows_what_is_open_with_its_lists_and_asks_once(world):
    randomized(world, 2)
    statistician = browser(world.trial_statistician)
    form = {"trial": world.trial.pk, "purpose": "Interim"}
    assert "Freeze all the same" not in words(statistician.get("/reports/"))

    asked = statistician.post("/reports/", form)
    assert "2 people randomized of whom nothing is recorded since" in words(asked)
    assert f"?trial__id__exact={world.trial.pk}&amp;step=randomized" in asked.content.decode()
    assert 'value="Interim"' in asked.content.decode() and not Freeze.objects.exists()
    page = statistician.post("/reports/", form | {"despite_findings": "on"}, follow=True)

    assert "it was frozen all the same" in words(page)
    assert "2 people randomized of whom nothing is recorded since" in words(page)


def test_a_freeze_is_signed_on_its_page_by_whom_the_roles_say(world):
    randomized(world, 2)
    frozen = freezes.freeze(world.trial, purpose="Final", by=world.trial_statistician, despite_findings=True)
    page, form = f"/reports/{frozen.pk}/", {"sign": "", "sign-password": PASSWORD}
    statistician, committee = browser(world.trial_statistician), browser(world.monitoring_committee)

    assert "Your signature" not in words(committee.get(page))
    committee.post(page, form)
    assert not plans.signatures_of(frozen).exists()
    assert "not your password" in words(statistician.post(page, form | {"sign-password": "guess"}))
    signed = words(statistician.post(page, form, follow=True))

    assert "this dataset is what is analyzed" in signed and "Your signature" not in signed
    assert f"{world.trial_statistician.shown_name}: this dataset" in words(committee.get(page))
