"""Importing what happened to people: drugs, diagnoses, DXA exams."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from screening.frax import Frax
from screening.models import Diagnosis, DxaExam, Referral, Treatment
from screening.referrals import AppointmentEvent, ContactOutcome, IdentityCheck, ReferralState
from screening.services import cohort, referral
from tests.factories import (
    World,
    freeze_and_sign,
    high_risk,
    in_arm,
    make_participant,
    randomized,
    referral_of,
)
from tests.screening.importing.extracts import counts, known, messages, run
from trial import clock
from trial.models import Participant
from trial.services import conduct

pytestmark = pytest.mark.django_db


def test_drugs_of_low_risk_screening_and_control_people_come_in_one_extract(world, extract):
    allocations = randomized(world, 2)
    low_risk = make_participant(world)
    owners = [low_risk, in_arm(allocations, "screening"), in_arm(allocations, "control")]
    rows = [f"{p.study_number},{drug},2022-05" for p in owners for drug in ("bisphosphonate", "vitamin d")]

    answer = run(world, extract("study_number,drug_class,started_on", *rows), "medication", commit=True)

    assert counts(answer) == (6, 0, 0, 0)
    assert {t.participant for t in Treatment.objects.all()} == set(owners)
    assert {t.source for t in Treatment.objects.all()} == {"import"}
    assert counts(run(world, extract("study_number,drug_class,started_on", *rows), "medication")) == (
        0,
        0,
        6,
        0,
    )


def test_diagnoses_are_checked_against_birth_and_today(world, extract):
    known(world, "A1", birth_date="1950-06-15")
    tomorrow = clock.today(world.site).replace(year=clock.today(world.site).year + 1)
    path = extract(
        "issuer,number,code,diagnosed_on",
        "TEST,A1,osteoporosis,2022-11-02",
        "TEST,A1,Osteoporotic fracture,1949",
        f"TEST,A1,osteopenia,{tomorrow}",
        "TEST,A1,gout,2022",
    )

    answer = run(world, path, "diagnosis", commit=True)

    said = messages(answer)
    assert counts(answer) == (1, 0, 0, 3) and Diagnosis.objects.get().diagnosed_on == "2022-11-02"
    assert "before the birth date" in said[3] and "lies in the future" in said[4]
    assert said[5].startswith("code: “gout” is none of: osteoporosis, osteopenia, osteoporotic_fracture")


DXA = "issuer,number,exam_date,lumbar_spine_t,femoral_neck_t,confirmed"


def exam(world: World, extract, row: str, header: str = DXA) -> dict:
    return run(world, extract(header, row), "dxa", commit=True)


def test_an_exam_is_new_once_and_completed_by_what_a_later_extract_adds(world, extract):
    known(world, "A1")

    assert counts(exam(world, extract, "TEST,A1,2022-03-05,-2.6,,")) == (1, 0, 0, 0)
    assert counts(exam(world, extract, "TEST,A1,2022-03-05,-2.6,,")) == (0, 0, 1, 0)
    more = exam(world, extract, "TEST,A1,2022-03-05,,−1.9,")

    assert counts(more) == (0, 1, 0, 0) and messages(more)[2] == "femoral neck t score"
    (on_record,) = DxaExam.objects.all()
    found = {m.site: str(m.t_score) for m in on_record.measurements.all()}
    assert found == {"lumbar_spine": "-2.6", "femoral_neck": "-1.9"}


def test_other_values_of_the_same_day_need_to_be_meant(world, extract):
    known(world, "A1")
    exam(world, extract, "TEST,A1,2022-03-05,-2.6,,")

    refused = exam(world, extract, "TEST,A1,2022-03-05,-2.9,,")
    assert counts(refused) == (0, 0, 0, 1) and "confirmed to yes" in messages(refused)[2]
    assert DxaExam.objects.count() == 1

    assert counts(exam(world, extract, "TEST,A1,2022-03-05,-2.9,,yes")) == (1, 0, 0, 0)
    assert counts(exam(world, extract, "TEST,A1,2022-03-05,-2.9,,yes")) == (0, 0, 1, 0)
    assert DxaExam.objects.count() == 2


@pytest.mark.parametrize(
    ("row", "reason", "said"),
    [
        ("TEST,A1,2022-03-05,-28,,yes", "invalid", "Did you mean -2.8?"),
        ("TEST,A1,2022-03-05,2.8,,", "please_confirm", "2.8 is positive; most are negative"),
        ("TEST,A1,2022-03-05,-4.1,0.2,", "please_confirm", "differ by 4.3"),
        ("TEST,A1,2022-03-05,,,", "invalid", "Enter at least one site"),
        ("TEST,A1,2022-03-05,low,,", "invalid", "'low' is not a number"),
        ("TEST,A1,1949,-2.1,,", "invalid", "before the birth date"),
    ],
)
def test_measurements_are_checked_as_on_the_screen(world, extract, row, reason, said):
    known(world, "A1", birth_date="1950-06-15")

    (line,) = exam(world, extract, row)["lines"]

    assert line["reason"] == reason and said in line["message"]
    assert not DxaExam.objects.exists()


def test_frax_comes_with_an_exam_or_completes_one(world, extract):
    known(world, "A1")
    header = "issuer,number,exam_date,femoral_neck_t,frax_major,frax_hip,frax_major_bmd,frax_model"
    first, whole = "TEST,A1,2022-03-05,-2.1,8.0,2.0,,", "TEST,A1,2022-03-05,-2.1,8.0,2.0,12.5,Taiwan 4.2"

    assert counts(exam(world, extract, first, header)) == (1, 0, 0, 0)
    completed = exam(world, extract, whole, header)
    again = exam(world, extract, whole, header)

    assert counts(completed) == (0, 1, 0, 0) and counts(again) == (0, 0, 1, 0)
    assert completed["lines"][0]["message"] == "frax major bmd, frax model"
    assert DxaExam.objects.get().frax == Frax(
        Decimal("8.0"), Decimal("2.0"), Decimal("12.5"), None, "Taiwan 4.2"
    )


def test_an_unusual_value_is_taken_when_confirmed(world, extract):
    known(world, "A1")

    assert counts(exam(world, extract, "TEST,A1,2022-03-05,2.8,,yes")) == (1, 0, 0, 0)


def test_a_mans_menopausal_status_and_a_spine_without_values_are_refused(world, extract):
    known(world, "A1", sex="male")
    header = "issuer,number,exam_date,menopausal_status,femoral_neck_bmd,lumbar_spine_vertebrae"

    answer = exam(world, extract, "TEST,A1,2022-03-05,postmenopausal,0.71,L1-L4", header)

    assert "registered as a man" in messages(answer)[2] and "Vertebrae without a value" in messages(answer)[2]


def noon(day: int) -> datetime:
    """Return noon at the site on a day of January 2023; the world's calendar stands at the end of it."""
    return datetime(2023, 1, day, 4, tzinfo=UTC)


def scanned_by_the_trial(world: World) -> Participant:
    """Return somebody of the screening arm who came for the scan on the 23rd."""
    high_risk(world, 2)
    frozen = freeze_and_sign(world)
    made = cohort.randomize_cohort(frozen, by=world.coordinator, occurred_at=noon(20))
    participant, by = in_arm(made, "screening"), world.caller
    offer = referral_of(participant)
    referral.record_attempt(
        offer,
        outcome=ContactOutcome.ACCEPTED,
        identity=IdentityCheck.NAME_AND_BIRTH_DATE,
        by=by,
        occurred_at=noon(21),
    )
    conduct.record_consent(participant, form_version="1", scope="dxa", by=by, occurred_at=noon(21))
    booked = referral.book(offer, scheduled_at=noon(23), by=by, occurred_at=noon(21))
    referral.end_appointment(booked, event=AppointmentEvent.ATTEND, by=by)
    return participant


def test_the_route_of_an_exam_comes_from_the_kept_appointment(world, extract):
    number = scanned_by_the_trial(world).study_number
    path = extract(
        "study_number,exam_date,lumbar_spine_t", f"{number},2023-01-22,-2.7", f"{number},2023-01-23,-2.7"
    )

    assert counts(run(world, path, "dxa", commit=True)) == (2, 0, 0, 0)
    usual_care, the_trials = DxaExam.objects.order_by("exam_date")
    assert usual_care.appointment is None and the_trials.appointment is not None
    assert Referral.objects.get().state == ReferralState.SCANNED
