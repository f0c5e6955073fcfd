"""Outcome recorders find anybody registered, and learn nothing of risk, arm or route."""

import re

import pytest
from django.urls import reverse

from screening.models import DxaExam, Referral
from screening.services import referral
from tests.browsing import browser, words
from tests.factories import appoint, make_participant, make_world
from tests.screening.views.acts import add, kept_appointment
from trial.roles import Role
from trial.services import people, trials
from trial.study_numbers import study_number

pytestmark = pytest.mark.django_db
TELLTALES = r"\b(risk|score of|arm|control|screening|randomi[sz]ed|referral|appointment|offer|call|route)\b"


def find(user, number, **more):
    return browser(user).post(reverse("people"), {"number": number, **more})


def test_everybody_registered_is_found_whatever_became_of_them(world, pair):
    low = make_participant(world, number="H-1")

    said = words(find(world.outcome_recorder, "DEMO-01-0000"))

    assert "Found: 5" in said
    assert all(p.study_number in said for p in (*pair, low))


def test_a_hospital_number_finds_in_full_only_and_a_name_never(world, woman):
    recorder = world.outcome_recorder

    assert woman.study_number in words(find(recorder, "H-4711"))
    for other in ("H-471", "4711", "Opal", "Quill"):
        assert "Nobody found" in words(find(recorder, other)), other


def test_the_same_number_of_another_hospital_is_another_person(world, woman):
    assert "Nobody found" in words(find(world.outcome_recorder, "H-4711", issuer="ELSEWHERE"))
    assert woman.study_number in words(find(world.outcome_recorder, "H-4711", issuer="TEST"))


def test_a_number_copied_wrongly_is_told_from_one_that_is_unknown(world, woman):
    right = woman.study_number
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)

    assert "the check digit at the end doesn't fit" in words(find(world.outcome_recorder, wrong))
    assert "check digit" not in words(find(world.outcome_recorder, study_number("DEMO", 1, 999_999)))


def test_people_of_another_trial_are_not_found(world):
    other = make_world("OTHER")
    stranger = make_participant(other, number="H-9")

    assert "Nobody found" in words(find(world.outcome_recorder, "H-9"))
    for name in ("person", "dxa-add", "diagnosis-add", "treatment-add"):
        assert browser(world.outcome_recorder).get(reverse(name, args=[stranger.pk])).status_code == 404


def test_a_recorder_of_one_site_sees_that_site(world, woman):
    second = trials.add_site(world.trial, number=2, name="Second", time_zone="Asia/Taipei", by=None)
    appoint(world, world.stranger, Role.OUTCOME_RECORDER, second)

    assert "Nobody found" in words(find(world.stranger, "H-4711"))
    assert browser(world.stranger).get(reverse("person", args=[woman.pk])).status_code == 404


def masked(response, participant):
    """Return a page with everything that names this person replaced."""
    page = response.content.decode()
    identity = people.reveal_all([participant], by=None)[participant.pk]
    exams = participant.dxa_exams.values_list("pk", flat=True)
    for word in (str(participant.pk), participant.study_number, identity.number, *map(str, exams)):
        page = page.replace(word, "*")
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


@pytest.mark.parametrize("name", ["person", "dxa-add", "diagnosis-add", "treatment-add"])
def test_pages_of_both_arms_and_of_the_low_risk_are_the_same_to_the_letter(world, pair, name):
    day, low = kept_appointment(world, pair[0]), make_participant(world)
    client = browser(world.outcome_recorder)
    for participant in (*pair, low):
        add(world.outcome_recorder, participant, exam_date=day, femoral_neck_t="-2.8")

    pages = {masked(client.get(reverse(name, args=[p.pk])), p) for p in (*pair, low)}

    assert len(pages) == 1


def test_no_word_of_a_recorder_s_page_tells_risk_arm_or_route(world, pair):
    client = browser(world.outcome_recorder)
    kept_appointment(world, pair[0])
    for participant in pair:
        for name in ("person", "dxa-add", "diagnosis-add", "treatment-add"):
            said = words(client.get(reverse(name, args=[participant.pk])))
            assert not re.findall(TELLTALES, said, re.IGNORECASE), name
    assert not re.findall(TELLTALES, words(client.get(reverse("people"))), re.IGNORECASE)


def test_the_route_comes_from_the_kept_appointment_without_a_word(world, pair):
    day = kept_appointment(world, pair[0])

    said = [
        words(add(world.outcome_recorder, p, follow=True, exam_date=day, femoral_neck_t="-2.8")).replace(
            p.study_number, "*"
        )
        for p in pair
    ]

    routes = {e.participant_id: e.appointment_id is not None for e in DxaExam.objects.all()}
    assert routes == {pair[0].pk: True, pair[1].pk: False}
    assert Referral.objects.get(allocation__participant=pair[0]).state == "scanned"
    assert "Saved: DXA of" in said[0]
    assert re.sub(r"T\d{6}", "*", said[0]) == re.sub(r"T\d{6}", "*", said[1])


def test_the_scan_of_somebody_who_objected_since_is_recorded_in_silence(world, pair):
    day = kept_appointment(world, pair[0])
    referral.object_to_calls(pair[0], by=world.caller)

    answer = add(world.outcome_recorder, pair[0], follow=True, exam_date=day, femoral_neck_t="-2.8")

    assert "Saved: DXA of" in words(answer) and "stopped" not in words(answer)
    assert DxaExam.objects.get().appointment is not None


def test_a_coordinator_finds_people_but_opens_no_results(world, woman):
    page = find(world.coordinator, "H-4711").content.decode()

    assert woman.study_number in page
    assert reverse("person", args=[woman.pk]) not in page
