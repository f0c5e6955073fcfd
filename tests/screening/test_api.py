"""Randomizing, withdrawing, sending films, calling and recording scans by the API."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from screening.models import ContactAttempt, DxaExam, Radiograph, Receipt
from screening.services import cohort
from tests.dicom import chest_film, ct_slice, lateral_film, text_file, truncated_film
from tests.factories import (
    add_film,
    freeze_and_sign,
    high_risk,
    in_arm,
    make_participant,
    make_world,
    signed_in,
)
from trial import allocation_log
from trial.allocation_rules import Method
from trial.keys import key_path
from trial.models import Allocation
from trial.protocol import template
from trial.roles import MATRIX, Permission, Role
from trial.services import trials
from trial.states import TrialEvent

pytestmark = pytest.mark.django_db

RADIOGRAPHS = "/api/v1/radiographs/?trial=DEMO&site=1"
EXAMS = "/api/v1/dxa-exams/"
NOON = "2023-01-25T12:00:00+08:00"  # within the hours of calling at the site, in the trial's own calendar


@pytest.fixture
def blocks(db):
    """A trial that randomizes people one by one."""
    protocol = template("opscan")
    in_blocks = replace(protocol.allocation, method=Method.PERMUTED_BLOCKS, block_sizes=(4,))
    return make_world(protocol=replace(protocol, allocation=in_blocks))


@pytest.fixture
def arms(world):
    """A participant of the screening arm and one of the control arm, randomized five days before NOON."""
    high_risk(world, 4)
    frozen = freeze_and_sign(world)
    made = cohort.randomize_cohort(
        frozen, by=world.coordinator, occurred_at=datetime(2023, 1, 20, 4, tzinfo=UTC)
    )
    return {arm: in_arm(made, arm) for arm in ("screening", "control")}


def conduct(participant, act):
    return f"/api/v1/participants/{participant.study_number}/{act}/"


def refused(answer, status, code, said):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert said in answer.json()["message"]
    assert set(answer.json()) == {"code", "message"}
    assert "screening" not in answer.json()["message"] and "control" not in answer.json()["message"]
    return True


# Randomizing


def test_randomizing_twice_gives_the_first_answer_twice(blocks):
    person, client = high_risk(blocks)[0], signed_in(blocks.coordinator)

    first, again = (client.post(conduct(person, "randomize")) for _ in range(2))

    made = Allocation.objects.get()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {
        "study_number": person.study_number,
        "randomized_on": str(made.randomized_on),
        "protocol_version": 1,
        "arm": made.arm,
    }


def test_the_arm_is_not_in_the_answer_for_whoever_may_not_see_it(blocks, monkeypatch):
    shy = {**MATRIX, Role.COORDINATOR: MATRIX[Role.COORDINATOR] - {Permission.SEE_ARM}}
    monkeypatch.setattr("trial.models.trials.MATRIX", shy)
    person = high_risk(blocks)[0]

    answer = signed_in(blocks.coordinator).post(conduct(person, "randomize"))

    assert answer.status_code == 201
    assert set(answer.json()) == {"study_number", "randomized_on", "protocol_version"}


def test_who_is_not_eligible_or_not_at_high_risk_is_refused_with_the_reason(blocks):
    client = signed_in(blocks.coordinator)
    without_film, young, low = (
        make_participant(blocks),
        high_risk(blocks, birth_date="1989")[0],
        make_participant(blocks),
    )
    add_film(blocks, low, mean="0.1")

    assert refused(
        client.post(conduct(without_film, "randomize")), 422, "not_eligible", "No usable radiograph"
    )
    assert refused(client.post(conduct(young, "randomize")), 422, "not_eligible", "40")
    assert refused(
        client.post(conduct(low, "randomize")), 422, "not_high_risk", "only participants at high risk"
    )
    assert not Allocation.objects.exists()


def test_a_trial_that_is_paused_randomizes_nobody(blocks):
    person = high_risk(blocks)[0]
    trials.move_trial(blocks.trial, event=TrialEvent.PAUSE, by=blocks.investigator, reason="A test.")

    answer = signed_in(blocks.coordinator).post(conduct(person, "randomize"))

    assert refused(answer, 409, "not_now", "is paused: nobody is randomized")


def test_a_key_that_is_gone_or_wrong_draws_nothing(blocks):
    person, client, path = high_risk(blocks)[0], signed_in(blocks.coordinator), key_path("DEMO")
    path.write_text("ab" * 32)

    assert refused(client.post(conduct(person, "randomize")), 409, "key_unusable", "not the one")
    path.unlink()
    assert refused(client.post(conduct(person, "randomize")), 409, "key_unusable", "missing")
    assert not Allocation.objects.exists()


def test_a_restored_database_is_on_hold(blocks):
    person = high_risk(blocks)[0]
    path = allocation_log.log_path(blocks.trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    lost = {"id": str(uuid4()), "participant": "DEMO-01-000009-8", "stratum": "sex=female", "sequence": 1}
    path.write_text(json.dumps(lost | {"arm": "control"}) + "\n")

    answer = signed_in(blocks.coordinator).post(conduct(person, "randomize"))

    assert refused(answer, 409, "on_hold", "has 1 more than the database")


def test_a_trial_of_one_cohort_randomizes_nobody_before_it_or_after_its_end(world):
    client, person = signed_in(world.coordinator), high_risk(world)[0]

    assert refused(client.post(conduct(person, "randomize")), 409, "not_now", "freeze the cohort")
    cohort.randomize_cohort(freeze_and_sign(world), by=world.coordinator)
    late = high_risk(world)[0]
    assert refused(client.post(conduct(late, "randomize")), 409, "not_now", "Nothing was drawn")


@pytest.mark.parametrize("role", [role for role in Role if Permission.RANDOMIZE not in MATRIX[role]])
def test_nobody_else_randomizes(blocks, role):
    person = high_risk(blocks)[0]

    answer = signed_in(blocks.cast[role]).post(conduct(person, "randomize"))

    assert refused(answer, 403, "not_permitted", "randomize")
    assert not Allocation.objects.exists()


def test_a_participant_of_another_trial_is_not_found(blocks):
    other = make_world("OTHER")
    person = high_risk(other)[0]

    answer = signed_in(blocks.coordinator).post(conduct(person, "randomize"))

    assert refused(answer, 404, "not_found", "There is no participant")


# Withdrawing


def test_who_withdraws_is_not_called_again(world, arms):
    person = arms["screening"]

    gone = signed_in(world.coordinator).post(
        conduct(person, "withdraw"), {"reason": "Moves away"}, format="json"
    )
    call = signed_in(world.caller).post(
        attempts(person.study_number), {"outcome": "no_answer", "occurred_at": NOON}
    )

    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    assert refused(call, 422, "refused", "withdr")


def test_a_withdrawal_says_why_and_happens_once(world):
    person, client = make_participant(world), signed_in(world.investigator)

    without = client.post(conduct(person, "withdraw"), {"reason": " "})
    first = client.post(conduct(person, "withdraw"), {"reason": "Changed her mind"})
    again = client.post(conduct(person, "withdraw"), {"reason": "Changed her mind"})

    assert refused(without, 400, "invalid", "reason: ")
    assert first.status_code == 200
    assert "arm" not in first.json() and "risk" not in first.json()
    assert refused(again, 409, "not_allowed_in_this_state", "This participant is withdrawn")


# The risk of a participant


def test_only_named_roles_see_the_risk_of_a_control_participant(world, arms):
    def risk(role, arm):
        return (
            signed_in(world.cast[role])
            .get(f"/api/v1/participants/{arms[arm].study_number}/")
            .json()
            .get("risk")
        )

    high = {"risk_class": "high", "films_counted": 1, "films_positive": 1}
    assert risk(Role.INSPECTOR, "control") == risk(Role.RANDOMIZATION_STATISTICIAN, "control") == high
    assert (risk(Role.COORDINATOR, "screening"), risk(Role.COORDINATOR, "control")) == (high, None)
    for role in (Role.INVESTIGATOR, Role.DATA_MANAGER, Role.MONITOR):
        assert risk(role, "screening") is None and risk(role, "control") is None


def test_a_risk_that_is_not_shown_is_absent_not_null(world, arms):
    person = signed_in(world.coordinator).get(f"/api/v1/participants/{arms['control'].study_number}/").json()

    assert "risk" not in person


# Films


def test_a_film_is_accepted_once_and_waits_for_its_score(world, django_capture_on_commit_callbacks):
    client, data = signed_in(world.radiology_it), chest_film()

    with django_capture_on_commit_callbacks() as enqueued:
        first = client.post(RADIOGRAPHS, data, content_type="application/dicom")
        again = client.post(RADIOGRAPHS, data, content_type="application/dicom")

    film = Radiograph.objects.get()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["outcome"], again.json()["outcome"] == ("accepted", "already_received")
    assert first.json()["radiograph"] == again.json()["radiograph"] == str(film.pk)
    assert (film.state, film.source) == ("eligible", "api")
    assert len([call for call in enqueued if "enqueue" in call.__qualname__]) == 1


def test_a_film_may_come_as_a_form(world):
    upload = SimpleUploadedFile("film.dcm", chest_film(), content_type="application/dicom")

    answer = signed_in(world.coordinator).post(RADIOGRAPHS, {"file": upload}, format="multipart")

    assert (answer.status_code, answer.json()["reason"]) == (201, "to_be_scored")


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (text_file(), 422, "not_dicom"),
        (truncated_film(), 422, "truncated"),
        (lateral_film(), 202, "lateral"),
        (ct_slice(), 202, "not_radiograph"),
    ],
    ids=["text", "truncated", "lateral", "ct"],
)
def test_what_is_no_film_for_the_model_is_answered_with_the_reason(world, data, status, reason):
    answer = signed_in(world.radiology_it).post(RADIOGRAPHS, data, content_type="application/dicom")

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.json()["message"]
    assert Receipt.objects.get().reason == reason


def test_a_film_needs_to_know_its_trial(world):
    client = signed_in(world.radiology_it)

    def send(address, body=b"x", kind="application/dicom"):
        return client.post(f"/api/v1/radiographs/{address}", body, content_type=kind)

    assert refused(send(""), 400, "invalid", "?trial=CODE&site=1")
    assert refused(send("?trial=DEMO&site=one"), 400, "invalid", "A valid integer is required")
    assert refused(send("?trial=DEMO&site=1", b""), 400, "invalid", "Send one DICOM file")
    assert refused(send("?trial=NOPE&site=1"), 404, "not_found", "no site 1 of a trial NOPE")
    assert refused(
        send("?trial=DEMO&site=1", b"{}", "application/json"), 415, "unsupported_media_type", "json"
    )
    assert not Receipt.objects.exists()


def test_a_trial_without_a_protocol_takes_no_film(db):
    draft = make_world(active=False)

    answer = signed_in(draft.radiology_it).post(RADIOGRAPHS, chest_film(), content_type="application/dicom")

    assert refused(answer, 409, "not_now", "no protocol in force yet")


def test_radiology_sees_what_became_of_a_film_but_neither_score_nor_owner(world):
    person = high_risk(world)[0]

    [theirs] = signed_in(world.radiology_it).get("/api/v1/radiographs/?state=scored").json()["results"]
    [ours] = signed_in(world.coordinator).get("/api/v1/radiographs/").json()["results"]

    assert ours == theirs | {"study_number": person.study_number}
    assert not {"score", "mean", "positive", "probabilities", "study_number"} & set(theirs)


# Calls


def attempts(study_number):
    return f"/api/v1/referrals/{study_number}/attempts/"


def test_a_caller_records_a_call_to_the_screening_arm(world, arms):
    number, client = arms["screening"].study_number, signed_in(world.caller)
    identified = {"identity": "name_and_birth_date"}

    unknown = client.post(attempts(number), {"outcome": "accepted", "occurred_at": NOON})
    assert refused(unknown, 422, "refused", "Confirm first who it is")

    answer = client.post(attempts(number), {"outcome": "accepted", **identified, "occurred_at": NOON})

    assert (answer.status_code, answer.json()["referral"]) == (201, "accepted")
    assert ContactAttempt.objects.get().caller == world.caller
    assert client.get(f"/api/v1/referrals/{number}/").json()["attempts"] == 1


def test_a_control_participant_can_not_be_told_from_nobody(world, arms):
    client, call = signed_in(world.caller), {"outcome": "no_answer", "occurred_at": NOON}

    control = client.post(attempts(arms["control"].study_number), call)
    nobody = client.post(attempts("DEMO-01-999999-1"), call)

    assert refused(control, 404, "not_found", "There is no such thing, or it is not yours to see.")
    assert control.content == nobody.content
    assert client.get(f"/api/v1/referrals/{arms['control'].study_number}/").content == nobody.content
    assert not ContactAttempt.objects.exists()


def test_a_call_is_refused_at_night_and_with_an_unknown_outcome(world, arms):
    number, client = arms["screening"].study_number, signed_in(world.caller)

    night = client.post(
        attempts(number), {"outcome": "no_answer", "occurred_at": "2023-01-25T03:00:00+08:00"}
    )
    strange = client.post(attempts(number), {"outcome": "sang", "occurred_at": NOON})

    assert refused(night, 422, "refused", "09:00")
    assert refused(strange, 400, "invalid", 'outcome: "sang"')
    assert not ContactAttempt.objects.exists()


def test_an_inspector_reads_the_worklist_and_calls_nobody(world, arms):
    client = signed_in(world.inspector)

    listed = client.get("/api/v1/referrals/").json()["results"]
    call = client.post(attempts(arms["screening"].study_number), {"outcome": "no_answer"})

    assert len(listed) == 2  # one each for the screening arm of four
    assert refused(call, 403, "not_permitted", "record call")


# Scans


def exam(person, t_score="-2.8", **changes):
    measured = [{"site": "femoral_neck", "t_score": t_score}]
    return {
        "study_number": person.study_number,
        "exam_date": "2023-01-28",
        "measurements": measured,
    } | changes


def test_a_recorder_records_a_scan_of_anybody_and_sees_no_route(world, arms):
    client = signed_in(world.outcome_recorder)
    people = [*arms.values(), make_participant(world)]

    frax = {"major": "8.1", "hip": "2.0", "model": "Taiwan 4.2"}
    made = [client.post(EXAMS, exam(person, frax=frax)) for person in people]

    fields = {
        "id",
        "study_number",
        "exam_date",
        "device",
        "reference_database",
        "menopausal_status",
        "measurements",
        "frax",
    }
    assert [answer.status_code for answer in made] == [201, 201, 201]
    assert all(set(answer.json()) == fields for answer in made)
    assert made[0].json()["measurements"][0]["t_score"] == "-2.8"
    assert made[0].json()["frax"] == frax | {"major_bmd": None, "hip_bmd": None}
    assert [row["id"] for row in client.get(EXAMS).json()["results"]] == [m.json()["id"] for m in made[::-1]]
    assert client.get(f"{EXAMS}{made[0].json()['id']}/").json() == made[0].json()


def test_an_unusual_value_is_asked_about_once(world):
    client, person = signed_in(world.outcome_recorder), make_participant(world)

    asked = client.post(EXAMS, exam(person, "2.8"))
    confirmed = client.post(EXAMS, exam(person, "2.8", confirmed=True))
    again = client.post(EXAMS, exam(person, "-1.0"))

    assert refused(asked, 422, "please_confirm", "2.8 is positive")
    assert confirmed.status_code == 201
    assert refused(again, 422, "please_confirm", "on record already")
    assert DxaExam.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        ({"measurements": [{"site": "total_hip", "t_score": -28}]}, 422, "Did you mean -2.8?"),
        (
            {"measurements": [{"site": "total_hip", "t_score": "low"}]},
            400,
            "measurements.0.t_score: 'low' is not a number",
        ),
        ({"measurements": [{"site": "elbow", "t_score": "-2"}]}, 400, 'measurements.0.site: "elbow"'),
        ({"measurements": [{"site": "total_hip"}]}, 422, "enter a T-score, a Z-score or a BMD"),
        ({"measurements": []}, 422, "at least one site"),
        ({"exam_date": "2031-01-01"}, 422, "lies in the future"),
        ({"exam_date": "yesterday"}, 400, "exam_date: 'yesterday' is not a date"),
        ({"study_number": "DEMO-01-999999-1"}, 404, "There is no participant DEMO-01-999999-1"),
    ],
)
def test_a_wrong_exam_is_refused_and_not_recorded(world, wrong, status, said):
    person = make_participant(world)

    answer = signed_in(world.outcome_recorder).post(EXAMS, exam(person) | wrong)

    assert answer.status_code == status
    assert said in answer.json()["message"]
    assert not DxaExam.objects.exists()


def test_full_width_digits_and_a_typographic_minus_are_read(world):
    answer = signed_in(world.outcome_recorder).post(
        EXAMS, exam(make_participant(world), "−２,８"), format="json"
    )

    assert answer.json()["measurements"][0]["t_score"] == "-2.8"


def test_exams_are_found_by_study_number_alone(world):
    client, (one, other) = (
        signed_in(world.outcome_recorder),
        (make_participant(world), make_participant(world)),
    )
    for person in (one, other):
        client.post(EXAMS, exam(person))

    found = client.get(EXAMS, {"study_number": one.study_number}).json()["results"]

    assert [row["study_number"] for row in found] == [one.study_number]
    assert client.get(EXAMS, {"appointment__isnull": "true"}).status_code == 400
