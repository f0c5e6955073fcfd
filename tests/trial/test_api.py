"""Participants by the API: who sees what, how registration answers, and how every refusal reads."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from tests.factories import appoint, in_arm, make_participant, make_world, randomized, signed_in
from trial.models import Participant
from trial.roles import MATRIX, Permission, Role
from trial.services import trials

PARTICIPANTS = "/api/v1/participants/"
MARIA = {
    "trial": "DEMO",
    "site": 1,
    "issuer": "TEST",
    "number": "H-77",
    "sex": "female",
    "birth_date": "1950-06",
}

pytestmark = pytest.mark.django_db
seeing = [role for role in Role if Permission.SEE_PARTICIPANTS in MATRIX[role]]
blind = [role for role in seeing if Permission.SEE_ARM not in MATRIX[role]]


def test_refusals_are_answered_by_the_project():
    assert api_settings.EXCEPTION_HANDLER.__module__ == "trial.problems"


def test_a_coordinator_registers_somebody_once(world):
    client = signed_in(world.coordinator)

    first = client.post(PARTICIPANTS, MARIA)
    again = client.post(PARTICIPANTS, MARIA)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {
        "study_number": Participant.objects.get().study_number,
        "trial": "DEMO",
        "site": 1,
        "sex": "female",
        "age": {"lowest": 72, "highest": 72},
        "state": "registered",
        "eligibility": None,
    }


def test_a_trial_without_a_protocol_registers_nobody(db):
    answer = signed_in(make_world(active=False).coordinator).post(PARTICIPANTS, MARIA)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_now")
    assert "no protocol in force yet. Approve and activate one" in answer.json()["message"]
    assert not Participant.objects.exists()


def test_a_registration_is_written_with_who_and_by_what_way(world):
    signed_in(world.coordinator).post(PARTICIPANTS, MARIA)

    context = Participant.pgh_event_model.objects.get().pgh_context

    assert context["by"] == str(world.coordinator.pk)
    assert context["how"] == "api"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"site": 9}, "There is no site 9 of a trial DEMO"),
        ({"trial": "NOPE"}, "There is no site 1 of a trial NOPE"),
    ],
)
def test_an_unknown_trial_or_site_is_named_back(world, wrong, said):
    answer = signed_in(world.coordinator).post(PARTICIPANTS, MARIA | wrong)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert said in answer.json()["message"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"birth_date": "05/06/1950"}, "birth_date: '05/06/1950' is not a date"),
        ({"sex": "F"}, 'sex: "F" is not a valid choice'),
        ({"number": ""}, "number: This field may not be blank"),
        ({"site": 100}, "site: Ensure this value is less than or equal to 99"),
    ],
)
def test_wrong_input_is_refused_with_the_field_and_registers_nobody(world, wrong, said):
    answer = signed_in(world.coordinator).post(PARTICIPANTS, MARIA | wrong)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert said in answer.json()["message"]
    assert not Participant.objects.exists()


def test_broken_json_and_forms_are_refused(world):
    client = signed_in(world.coordinator)

    broken = client.post(PARTICIPANTS, "{", content_type="application/json")
    form = client.post(PARTICIPANTS, "site=1", content_type="application/x-www-form-urlencoded")

    assert (broken.status_code, form.status_code) == (400, 415)
    assert all(set(answer.json()) == {"code", "message"} for answer in (broken, form))


def test_whoever_may_not_register_is_told_which_permission_is_missing(world):
    answer = signed_in(world.monitor).post(PARTICIPANTS, MARIA)

    assert answer.status_code == 403
    assert answer.json() == {
        "code": "not_permitted",
        "message": "Your roles don't include: register people. Ask the coordinator.",
    }


def test_nobody_comes_in_without_signing_in_or_from_another_page(world):
    stranger = APIClient().get(PARTICIPANTS)
    careful = APIClient(enforce_csrf_checks=True)
    careful.force_login(world.coordinator)
    forged = careful.post(PARTICIPANTS, MARIA, format="json")

    assert (stranger.status_code, stranger.json()["code"]) == (403, "not_signed_in")
    assert forged.status_code == 403
    assert "CSRF" in forged.json()["message"]
    assert not Participant.objects.exists()


@pytest.mark.parametrize("role", seeing)
def test_the_arm_is_there_for_those_who_may_see_it_and_else_absent(world, role):
    participant = in_arm(randomized(world), "control")

    one = signed_in(world.cast[role]).get(f"{PARTICIPANTS}{participant.study_number}/").json()

    assert one["state"] == "randomized"
    assert one["randomized_on"]
    assert ("arm" in one) == (role not in blind)
    assert role in blind or one["arm"] == "control"


@pytest.mark.parametrize("role", blind)
def test_the_arms_look_the_same_to_whoever_is_blind(world, role):
    randomized(world)

    rows = signed_in(world.cast[role]).get(PARTICIPANTS).json()["results"]

    assert len(rows) == 6
    assert len({tuple(row) for row in rows}) == 1  # the same fields, in whatever arm
    assert len({str(row | {"study_number": ""}) for row in rows}) == 1


def test_another_trial_s_participant_is_not_found(world):
    other = make_world("OTHER")
    theirs = make_participant(other)

    answer = signed_in(world.coordinator).get(f"{PARTICIPANTS}{theirs.study_number}/")
    unknown = signed_in(world.coordinator).get(f"{PARTICIPANTS}OTHER-01-999999-1/")

    assert answer.status_code == unknown.status_code == 404
    assert answer.json() == unknown.json()
    assert theirs.study_number not in answer.content.decode()


def test_a_person_of_another_site_is_not_shown_to_who_registers_them_again(world):
    second = trials.add_site(world.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    local = trials.create_account("second-coordinator", password="x" * 20, name="", by=None)
    appoint(world, local, Role.COORDINATOR, second)
    known = make_participant(world, number="H-77")

    answer = signed_in(local).post(PARTICIPANTS, MARIA | {"site": 2})

    assert answer.status_code == 422
    assert "not yours" in answer.json()["message"]
    assert known.study_number not in answer.content.decode()
    assert signed_in(local).get(PARTICIPANTS).json()["count"] == 0


def test_filters_are_the_declared_ones_and_any_other_is_refused(world):
    make_participant(world)
    client = signed_in(world.coordinator)

    found = client.get(PARTICIPANTS, {"trial": "DEMO", "site": 1, "state": "registered"})
    none = client.get(PARTICIPANTS, {"state": "randomized"})

    assert (found.json()["count"], none.json()["count"]) == (1, 0)
    for oracle in ({"arm": "control"}, {"ordering": "allocation__arm"}, {"allocation__arm": "control"}):
        refused = client.get(PARTICIPANTS, oracle)
        assert refused.status_code == 400
        assert refused.json()["message"].endswith("There are: page, trial, site, state.")
    for wrong in ({"site": "one"}, {"state": "control"}, {"trial": "a\0b"}):
        assert client.get(PARTICIPANTS, wrong).json()["code"] == "invalid"


def test_lists_come_in_pages_of_twenty_five(world):
    for _ in range(26):
        make_participant(world)
    client = signed_in(world.coordinator)

    first, second = (client.get(PARTICIPANTS, {"page": page}).json() for page in (1, 2))

    assert (len(first["results"]), len(second["results"])) == (25, 1)
    assert client.get(PARTICIPANTS, {"page": 3}).json()["code"] == "not_found"


def test_a_list_takes_the_same_number_of_queries_however_long(world, django_assert_num_queries):
    for _ in range(3):
        make_participant(world)
    client = signed_in(world.coordinator)
    client.get(PARTICIPANTS)

    with CaptureQueriesContext(connection) as few:
        client.get(PARTICIPANTS)
    for _ in range(10):
        make_participant(world)
    with django_assert_num_queries(len(few)):
        client.get(PARTICIPANTS)


def test_methods_that_are_not_there_say_so(world):
    client = signed_in(world.coordinator)

    for method in ("delete", "put", "patch", "options"):
        answer = getattr(client, method)(PARTICIPANTS)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_the_schema_has_no_warnings_and_describes_the_refusals(world, tmp_path):
    from django.core.management import call_command

    path = tmp_path / "schema.json"
    call_command(
        "spectacular", "--fail-on-warn", "--validate", "--format", "openapi-json", "--file", str(path)
    )

    assert '"Problem"' in path.read_text()
    assert signed_in(world.coordinator).get("/api/v1/schema/").status_code == 200
    assert APIClient().get("/api/v1/schema/").status_code == 403


def operations(world):
    schema = signed_in(world.coordinator).get(
        "/api/v1/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json"
    )
    for path, methods in schema.json()["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_operation_says_what_it_does_who_may_and_what_it_answers(world):
    for name, operation in operations(world):
        assert operation["summary"] and "Needs the permission" in operation["description"], name
        assert all(parameter.get("description") for parameter in operation.get("parameters", [])), name
        assert all(answer["description"] for answer in operation["responses"].values()), name
        assert {"403", "404"} <= set(operation["responses"]), name
        assert {"409", "422"} <= set(operation["responses"]) or name.startswith("get"), name


def test_who_asks_twice_is_told_in_the_schema_what_the_second_answer_means(world):
    described = dict(operations(world))
    for act in ("", "{study_number}/randomize/"):
        answers = described[f"post /api/v1/participants/{act}"]["responses"]
        assert "now" in answers["201"]["description"] and "before" in answers["200"]["description"]
    sent = described["post /api/v1/radiographs/"]["responses"]
    assert "set aside" in sent["202"]["description"] and "Rejected" in sent["422"]["description"]
    assert "coordinator" in described["post /api/v1/participants/{study_number}/randomize/"]["description"]
