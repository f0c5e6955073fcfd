"""After the trial's scan: the result is told, then the referral for treatment, of the screening arm alone."""

import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.urls import reverse

from analysis import dataset
from screening.densitometry import Measurement, MeasurementSite, parse_score
from screening.models import Communication, DxaExam
from screening.referrals import AppointmentEvent, IdentityCheck, Means
from screening.services import communication, outcomes, referral
from tests.admin import booked, noon, page_of
from tests.browsing import browser, words
from tests.factories import copy, in_arm, referral_of, refusal, sql
from trial import clock
from trial.models import Allocation
from trial.partial_dates import parse
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db
NECK = Measurement(MeasurementSite.FEMORAL_NECK, t_score=parse_score("-2.8"))


@pytest.fixture
def came(world) -> SimpleNamespace:
    """Somebody who came to the trial's scan on the 23rd, without a result so far."""
    person = booked(world)
    offer = referral_of(person)
    referral.end_appointment(offer.appointments.get(), event=AppointmentEvent.ATTEND, by=world.caller)
    return SimpleNamespace(world=world, person=person, offer=offer)


@pytest.fixture
def scanned(came) -> SimpleNamespace:
    """The same, with the result."""
    by = came.world.outcome_recorder
    outcomes.record_dxa(came.person, exam_date=parse("2023-01-23"), measurements=[NECK], by=by)
    return came


def tell(story, day=24, **said):
    said = {"means": Means.LETTER, "occurred_at": noon(day), "by": story.world.caller} | said
    return communication.tell_result(story.offer, **said)


def refer(story, day=25, **said):
    said = {"referred_to": "Bone clinic", "occurred_at": noon(day), "by": story.world.caller} | said
    return communication.refer_for_treatment(story.offer, **said)


def test_a_result_waits_on_the_list_until_it_was_told(scanned):
    client = browser(scanned.world.caller)
    waiting = words(client.get(reverse("worklist"), {"section": "result"}))
    assert "Result to tell 1" in waiting and str(scanned.person) in waiting

    sheet = reverse("call-sheet", args=[scanned.offer.pk])
    told = client.get(sheet)
    assert "The result is to be told." in words(told) and "Call to tell the result" in words(told)
    assert "Don't call now" not in words(told) and "First, who is it?" not in words(told)
    client.post(reverse("call-result", args=[scanned.offer.pk]), {"means": "in_person"})

    assert Communication.objects.get().told_by == scanned.world.caller
    assert "Result to tell 0" in words(client.get(reverse("worklist")))
    assert "result told, in person" in words(client.get(sheet))


def test_callers_are_not_told_what_the_scan_showed(scanned):
    said = words(browser(scanned.world.caller).get(reverse("call-sheet", args=[scanned.offer.pk])))
    assert "2.8" not in said and "osteoporosis" not in said.lower().replace("that they have osteoporosis", "")


def test_after_the_result_comes_the_referral_with_its_date_and_place(scanned):
    tell(scanned)
    data = {"referred_to": "Bone clinic"}
    browser(scanned.world.caller).post(reverse("call-treatment", args=[scanned.offer.pk]), data)

    record = words(browser(scanned.world.coordinator).get(page_of(scanned.person)))
    today = clock.today(scanned.world.site)
    assert "result told, letter, 2023-01-24" in record and f"referred to Bone clinic, {today}" in record
    offer = words(browser(scanned.world.coordinator).get(page_of(scanned.offer)))
    assert "Bone clinic" in offer and "letter" in offer


def test_no_result_is_told_before_there_is_one(came):
    with pytest.raises(Refused, match="There was no result of the trial's scan on 2023-01-24"):
        tell(came)
    with pytest.raises(Refused, match="The result was not told by then"):
        refer(came)
    assert not Communication.objects.exists()


def test_no_result_is_told_before_its_day_or_once_it_was_struck(scanned):
    with pytest.raises(Refused, match="no result"):
        tell(scanned, day=22)
    sql("UPDATE screening_dxaexam SET entered_in_error = true")
    with pytest.raises(Refused, match="no result"):
        tell(scanned)


def test_nobody_is_referred_before_the_result_was_told(scanned):
    tell(scanned, day=25)
    with pytest.raises(Refused, match="The result was not told by then"):
        refer(scanned, day=24)
    refer(scanned, day=25)


def test_on_the_telephone_it_is_told_to_who_was_identified_and_may_be_called(scanned):
    by_name = {"means": Means.TELEPHONE, "identity": IdentityCheck.NAME_AND_BIRTH_DATE}
    with pytest.raises(Refused, match="Say by what the participant was identified"):
        tell(scanned, means=Means.TELEPHONE)
    tell(scanned, **by_name)

    referral.object_to_calls(scanned.person, by=scanned.world.caller)
    with pytest.raises(Refused, match="Tell the result by letter or in person"):
        tell(scanned, **by_name)
    tell(scanned)


def test_the_dataset_says_who_was_told_and_referred(scanned):
    tell(scanned)
    rows = {r.study_number: r for r in dataset.build(scanned.world.trial, _later(scanned.world)).rows}
    told, other = rows.pop(scanned.person.study_number), next(iter(rows.values()))

    assert (told.result_told, told.treatment_referral) == (True, False)
    assert not other.result_told


def _later(world):
    """Return a moment after everything was entered."""
    return DxaExam.objects.latest("recorded_at").recorded_at + timedelta(hours=1)


# --- what the database refuses ------------------------------------------------------------------------------


def test_the_database_tells_the_result_of_the_screening_arm_alone(scanned):
    told = tell(scanned)
    control = in_arm(list(Allocation.objects.all()), "control").allocation
    to_control = {"allocation_id": str(control.pk)}

    assert "There was no result" in refusal(*copy(told, **to_control, referral_id=str(uuid.uuid4())))
    for key in ("communication_allocation_arm_fk", "communication_referral_fk"):
        assert key in _keys("screening_communication")
    assert "_fk" in refusal(*copy(told, **to_control))
    assert "only_screening_is_told" in refusal(*copy(told, **to_control, arm="control"))


def _keys(table):
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass", [table])
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"means": ""}, "a_communication_is_whole"),
        ({"kind": "rumor"}, "a_communication_is_whole"),
        ({"means": "pigeon"}, "means_known"),
        ({"means": "telephone"}, "told_on_the_telephone_to_who_was_identified"),
        ({"identity": "name_and_number"}, "told_on_the_telephone_to_who_was_identified"),
        ({"means": "telephone", "identity": "by voice"}, "identity_of_who_was_told_known"),
        ({"occurred_at": "2023-01-22T04:00:00Z"}, "There was no result of the trial's scan on 2023-01-22."),
        (
            {"kind": "treatment", "means": "", "referred_to": "x", "occurred_at": "2023-01-23T04:00:00Z"},
            "Nobody is referred for treatment before the result was told.",
        ),
    ],
)
def test_the_database_keeps_what_was_told_whole_and_in_its_order(scanned, changes, said):
    assert said in refusal(*copy(tell(scanned), **changes))


def test_the_database_keeps_what_was_told_as_it_was_written(scanned):
    row = tell(scanned)
    for statement in (
        "UPDATE screening_communication SET means = 'in_person'",
        "DELETE FROM screening_communication",
    ):
        assert "permission denied" in refusal(f"{statement} WHERE id = %s", row.pk)


def test_the_database_calls_nobody_who_objected_and_tells_the_dead_nothing(scanned):
    row = tell(scanned)
    referral.object_to_calls(scanned.person, by=scanned.world.caller)
    by_phone = {"means": "telephone", "identity": "name_and_number"}
    assert "not to be called" in refusal(*copy(row, **by_phone))

    referral.record_death(scanned.person, died_on=parse("2023-01-25"), by=scanned.world.coordinator)
    assert "no result is told" in refusal(*copy(row))
    assert clock.now(scanned.world.trial) > row.occurred_at
