"""Scans, diagnoses and drugs of anybody registered: what is asked back, what is refused, what stays on record."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus
from screening.frax import Frax
from screening.models import Appointment, Diagnosis, DxaExam, DxaMeasurement, Referral, Treatment
from screening.referrals import AppointmentEvent
from screening.services import outcomes
from screening.services import referral as referrals
from screening.services.outcomes import PleaseConfirm
from screening.vocabulary import DiagnosisCode, DrugClass
from tests.factories import World, copy, end, in_arm, make_participant, randomized, referral_of, refusal, sql
from trial import clock
from trial.models import Participant, ProtocolDeviation
from trial.partial_dates import PartialDate, parse
from trial.services import conduct, people, trials
from trial.services.trials import NotNow, Refused
from trial.states import TrialState

pytestmark = pytest.mark.django_db

SPINE, NECK, HIP = MeasurementSite.LUMBAR_SPINE, MeasurementSite.FEMORAL_NECK, MeasurementSite.TOTAL_HIP


def at(site: MeasurementSite, t_score: str | None, **more: object) -> Measurement:
    return Measurement(site, None if t_score is None else Decimal(t_score), **more)


def scan(person: Participant, on: date | str, *measured: Measurement, **more: object) -> DxaExam:
    day = parse(on) if isinstance(on, str) else PartialDate.of(on)
    return outcomes.record_dxa(
        person,
        exam_date=day,
        measurements=measured or [at(SPINE, "-2.7", vertebrae="L1-L4")],
        by=None,
        **more,
    )


def values(exam: DxaExam) -> dict[str, tuple]:
    return {m.site: (m.t_score, m.z_score, m.bmd, m.vertebrae) for m in exam.measurements.all()}


# --- what is entered ----------------------------------------------------------------------------------------


def test_a_scan_is_kept_as_it_was_printed(world):
    person = make_participant(world)

    exam = scan(
        person,
        "2023-01-05",
        at(SPINE, "-2.7", z_score=Decimal("-0.4"), bmd=Decimal("0.812"), vertebrae="L1-L3"),
        at(HIP, None, bmd=Decimal("0.7")),
        device="Densitometer A",
        reference_database="NHANES III",
        menopausal_status=MenopausalStatus.POSTMENOPAUSAL,
        source="import",
    )

    exam.refresh_from_db()
    assert (exam.exam_date, exam.device, exam.source) == ("2023-01-05", "Densitometer A", "import")
    assert values(exam) == {
        "lumbar_spine": (Decimal("-2.7"), Decimal("-0.4"), Decimal("0.812"), "L1-L3"),
        "total_hip": (None, None, Decimal("0.700"), ""),
    }


def test_frax_is_kept_as_entered_and_stays_where_only_something_else_is_corrected(world):
    person = make_participant(world)
    entered = Frax(Decimal("8.1"), Decimal("2.0"), Decimal("12.4"), Decimal("5.5"), "Taiwan 4.2")
    exam = scan(person, "2023-01-05", frax=entered)
    corrected = {"exam_date": parse("2023-01-06"), "measurements": [at(SPINE, "-2.7")], "by": None}

    outcomes.change_dxa(exam, why="The day was wrong", **corrected)
    assert DxaExam.objects.get().frax == entered

    outcomes.change_dxa(exam, why="Not of this person", frax=Frax(), **corrected)
    assert not DxaExam.objects.get().frax.recorded


def test_frax_that_can_not_be_is_refused_also_by_the_database(world):
    person = make_participant(world)
    with pytest.raises(PleaseConfirm, match=r"hip 9\.0 % is above"):
        scan(person, "2023-01-05", frax=Frax(Decimal("8.0"), Decimal("9.0")))
    exam = scan(person, "2023-01-05", frax=Frax(Decimal("8.0"), Decimal("9.0"), model="T"), confirmed=True)
    change = "UPDATE screening_dxaexam SET {} WHERE id = %s"

    for name in ("frax_major", "frax_hip", "frax_major_bmd", "frax_hip_bmd"):
        for value in ("-0.1", "100.1"):
            assert f"{name}_range" in refusal(change.format(f"{name} = {value}"), exam.pk)
    nothing = "frax_major = NULL, frax_hip = NULL"
    assert "a_frax_model_gave_something" in refusal(change.format(nothing), exam.pk)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ([], "at least one site"),
        ([at(SPINE, "-28")], "-28: T-scores lie between -8.0 and 6.0"),
        ([at(SPINE, "-2.75")], "one decimal"),
        ([at(SPINE, None)], "lumbar spine: enter a T-score"),
        ([at(SPINE, None, bmd=Decimal("812"))], "Did you mean 0.812"),
        ([at(SPINE, "-2.7", vertebrae="L1-L9")], "L9"),
        ([at(SPINE, "-2.7"), at(HIP, "-28")], "-28"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_written(world, measured, said):
    with pytest.raises(Refused, match=said) as refused:
        outcomes.record_dxa(
            make_participant(world),
            exam_date=parse("2023-01"),
            measurements=measured,
            by=None,
            confirmed=True,
        )

    assert not isinstance(refused.value, PleaseConfirm)
    assert not DxaExam.objects.exists() and not DxaMeasurement.objects.exists()


@pytest.mark.parametrize(
    ("measured", "said"),
    [([at(SPINE, "2.8")], "2.8 is positive"), ([at(SPINE, "-4.0"), at(HIP, "-0.5")], "differ by 3.5")],
)
def test_what_is_unusual_is_asked_and_saved_when_confirmed(world, measured, said):
    person = make_participant(world)
    with pytest.raises(PleaseConfirm, match=said):
        scan(person, "2023-01-05", *measured)
    assert not DxaExam.objects.exists()

    exam = scan(person, "2023-01-05", *measured, confirmed=True)

    assert [value[0] for value in values(exam).values()] == [m.t_score for m in measured]


def test_a_second_scan_of_a_day_is_asked_about(world):
    person = make_participant(world)
    scan(person, "2023-01-05")

    with pytest.raises(PleaseConfirm, match="on record already"):
        scan(person, "2023-01-05")
    scan(make_participant(world), "2023-01-05")
    scan(person, "2023-01-05", confirmed=True)

    assert person.dxa_exams.count() == 2


def test_facts_have_their_day_by_the_calendar_of_the_site(world):
    """Kiritimati is 25 hours ahead of Pago Pago, so that its today is always still to come over there."""
    sites = [
        trials.add_site(world.trial, number=n, name=zone, time_zone=f"Pacific/{zone}", by=None)
        for n, zone in ((2, "Kiritimati"), (3, "Pago_Pago"))
    ]
    today = PartialDate.of(clock.today(sites[0]))
    new = (
        people.NewPerson("A", "1", birth_date=parse("1950")),
        people.NewPerson("A", "2", birth_date=parse("1950")),
    )
    there, here = (people.register(site, new=who, by=None) for site, who in zip(sites, new, strict=True))
    acts = [
        lambda person, day: outcomes.record_dxa(
            person, exam_date=day, measurements=[at(HIP, "-1.0")], by=None
        ),
        lambda person, day: outcomes.record_diagnosis(
            person, code=DiagnosisCode.OSTEOPENIA, diagnosed_on=day, by=None
        ),
        lambda person, day: outcomes.record_treatment(
            person, drug_class=DrugClass.DENOSUMAB, started_on=day, by=None
        ),
    ]

    for act in acts:
        act(there, today)
        with pytest.raises(Refused, match="lies in the future"):
            act(here, today)
        with pytest.raises(Refused, match="before the birth date"):
            act(here, parse("1949-12-31"))
        act(here, parse(f"{today.year}"))  # a year that has begun is no future


# --- the route ----------------------------------------------------------------------------------------------


@pytest.fixture
def offer(world: World) -> Referral:
    """The offer to a participant who accepted and consented."""
    referral = referral_of(in_arm(randomized(world, 4), "screening"))
    sql("UPDATE screening_referral SET state = 'accepted'")
    conduct.record_consent(referral.participant, form_version="1", scope="dxa", by=world.caller)
    return Referral.objects.get(pk=referral.pk)


def booked(world: World, offer: Referral) -> Appointment:
    """Book for the demonstration's today."""
    return referrals.book(offer, scheduled_at=clock.now(world.trial), by=world.caller)


def kept(world: World, offer: Referral) -> Appointment:
    return referrals.end_appointment(booked(world, offer), event=AppointmentEvent.ATTEND, by=world.caller)


def today(world: World) -> date:
    return clock.today(world.site)


def state(offer: Referral) -> str:
    return Referral.objects.get(pk=offer.pk).state


def test_the_scan_of_a_kept_appointments_day_is_the_trials(world, offer):
    appointment = kept(world, offer)

    exam = scan(offer.participant, today(world))

    assert (exam.appointment, state(offer)) == (appointment, "scanned")
    assert not ProtocolDeviation.objects.exists()


def test_it_is_the_trials_also_when_the_scan_was_entered_before_the_appointment_was_ticked_off(world, offer):
    """Recorder and caller don't know of each other; the order of their entries must not make a route."""
    appointment = booked(world, offer)
    exam = scan(offer.participant, today(world))
    assert exam.appointment is None and state(offer) == "accepted"

    referrals.end_appointment(appointment, event=AppointmentEvent.ATTEND, by=world.caller)

    exam.refresh_from_db()
    assert (exam.appointment, state(offer)) == (appointment, "scanned")


def test_a_scan_of_another_day_or_of_an_unknown_day_is_a_physicians(world, offer):
    kept(world, offer)

    for day in (PartialDate.of(today(world) - timedelta(days=1)), parse(f"{today(world):%Y-%m}")):
        assert scan(offer.participant, str(day)).appointment is None
    assert state(offer) == "accepted"


@pytest.mark.parametrize("event", [AppointmentEvent.MISS, AppointmentEvent.CANCEL])
def test_a_scan_on_the_day_of_a_missed_appointment_is_a_physicians(world, offer, event):
    referrals.end_appointment(booked(world, offer), event=event, by=world.caller)

    assert scan(offer.participant, today(world)).appointment is None
    assert state(offer) == "open"


def test_a_kept_appointment_has_one_scan(world, offer):
    kept(world, offer)
    first = scan(offer.participant, today(world))

    second = scan(offer.participant, today(world), confirmed=True)

    assert first.appointment is not None and second.appointment is None


def test_anybody_registered_may_have_a_scan_in_either_arm_or_in_none(world, offer):
    control = Participant.objects.filter(allocation__arm="control").first()
    for person in (control, make_participant(world)):
        assert scan(person, "2023-01-10").appointment is None


def test_a_scan_after_the_window_is_recorded_as_a_deviation(world, offer):
    """Booked for the last evening of the offer, before somebody put the site's clock right."""
    sql("UPDATE trial_trial SET clock_offset_days = clock_offset_days - 300")
    evening = datetime.combine(offer.window_ends_on, time(23, 30), ZoneInfo("Asia/Taipei"))
    referrals.book(offer, scheduled_at=evening, by=world.caller)
    sql("UPDATE screening_appointment SET state = 'attended'")
    sql("UPDATE trial_site SET time_zone = 'Pacific/Auckland'")
    late = offer.window_ends_on + timedelta(days=1)

    exam = scan(Participant.objects.get(pk=offer.participant.pk), late)

    deviation = ProtocolDeviation.objects.get()
    assert exam.appointment is not None and state(offer) == "scanned"
    assert (deviation.category, deviation.participant) == ("scan outside window", offer.participant)
    assert str(late) in deviation.description and str(offer.window_ends_on) in deviation.description


def test_a_scan_of_somebody_who_withdrew_meanwhile_is_recorded_and_opens_nothing(world, offer):
    kept(world, offer)
    referrals.withdraw(offer.participant, reason="Moves", by=world.coordinator)

    assert scan(offer.participant, today(world)).appointment is not None
    assert state(offer) == "stopped"


# --- corrections --------------------------------------------------------------------------------------------


def correct(
    exam: DxaExam, *measured: Measurement, on: str | None = None, why: str = "typing error", **more
) -> DxaExam:
    return outcomes.change_dxa(
        exam, exam_date=parse(on or exam.exam_date), measurements=measured, by=None, why=why, **more
    )


def test_a_correction_says_why_and_keeps_what_stood_before(world):
    exam = scan(make_participant(world), "2023-01-05", at(SPINE, "-2.4"), device="A")
    with pytest.raises(Refused, match="Write why"):
        correct(exam, at(SPINE, "-2.6"), why=" ")

    correct(exam, at(SPINE, "-2.6"), why="new source document", device="B")

    events = DxaMeasurement.pgh_event_model.objects.order_by("pgh_id")
    assert [(e.pgh_label, str(e.t_score)) for e in events] == [("insert", "-2.4"), ("update", "-2.6")]
    assert [e.pgh_context["why"] for e in events] == ["A DXA exam is recorded", "new source document"]
    assert [e.device for e in DxaExam.pgh_event_model.objects.order_by("pgh_id")] == ["A", "B"]


def test_a_correction_is_checked_like_the_first_entry(world):
    exam = scan(make_participant(world), "2023-01-05", at(SPINE, "-2.4"))

    with pytest.raises(Refused, match="-24"):
        correct(exam, at(SPINE, "-24"))
    with pytest.raises(PleaseConfirm, match="positive"):
        correct(exam, at(SPINE, "2.6"))
    with pytest.raises(Refused, match="future"):
        correct(exam, at(SPINE, "-2.4"), on="2199-01-01")
    assert values(exam)["lumbar_spine"][0] == Decimal("-2.4")


def test_a_value_moves_to_its_right_site_and_none_is_taken_away(world):
    exam = scan(make_participant(world), "2023-01-05", at(SPINE, "-2.4"), at(NECK, "-1.0"))

    correct(exam, at(SPINE, "-2.4"), at(HIP, "-1.0"))
    with pytest.raises(Refused, match="not taken away"):
        correct(exam, at(SPINE, "-2.4"))

    assert {site: value[0] for site, value in values(exam).items()} == {
        "lumbar_spine": Decimal("-2.4"),
        "total_hip": Decimal("-1.0"),
    }


def test_a_change_made_meanwhile_is_not_overwritten(world):
    exam = scan(make_participant(world), "2023-01-05", at(SPINE, "-2.4"))
    seen = outcomes.fingerprint(exam)
    correct(exam, at(SPINE, "-2.5"), seen=seen)

    with pytest.raises(Refused, match="Somebody changed this exam"):
        correct(exam, at(SPINE, "-2.6"), seen=seen)

    assert values(exam)["lumbar_spine"][0] == Decimal("-2.5")


def test_the_route_follows_a_corrected_day(world, offer):
    appointment = kept(world, offer)
    exam = scan(offer.participant, today(world) - timedelta(days=1), at(SPINE, "-2.4"))
    assert exam.appointment is None

    exam = correct(exam, at(SPINE, "-2.4"), on=f"{today(world)}", why="the day was wrong")
    assert (exam.appointment, state(offer)) == (appointment, "scanned")

    exam = correct(exam, at(SPINE, "-2.4"), on=f"{today(world) - timedelta(days=1)}", why="it was right")
    assert exam.appointment is None
    told = DxaExam.pgh_event_model.objects.order_by("pgh_id")
    assert [e.appointment_id is not None for e in told] == [False, True, False]


# --- diagnoses and drugs ------------------------------------------------------------------------------------


def test_a_drug_needs_no_scan_and_several_at_once_are_several_records(world):
    person = make_participant(world)

    for drug in (DrugClass.DENOSUMAB, DrugClass.VITAMIN_D, DrugClass.DENOSUMAB):
        outcomes.record_treatment(person, drug_class=drug, started_on=parse("2023-01-05"), by=None)
    outcomes.record_treatment(person, drug_class=DrugClass.DENOSUMAB, started_on=parse("2023-01"), by=None)

    found = Treatment.objects.order_by("drug_class", "started_on").values_list("drug_class", "started_on")
    assert list(found) == [("denosumab", "2023-01"), ("denosumab", "2023-01-05"), ("vitamin_d", "2023-01-05")]
    assert not DxaExam.objects.exists()


def test_a_diagnosis_is_recorded_once_a_day_and_keeps_who_entered_it_first(world):
    person = make_participant(world)

    for by in (world.outcome_recorder, world.data_manager):
        outcomes.record_diagnosis(person, code=DiagnosisCode.OSTEOPOROSIS, diagnosed_on=parse("2022"), by=by)

    diagnosis = Diagnosis.objects.get()
    assert (diagnosis.recorded_by, diagnosis.diagnosed_on) == (world.outcome_recorder, "2022")


def test_the_age_at_an_exam_is_the_lowest_it_can_be(world):
    exact = make_participant(world, birth_date="1950-06-15")
    partial = make_participant(world, birth_date="1950")
    unknown = people.register(world.site, new=people.NewPerson("A", "1"), by=None)

    assert [outcomes.age_at(exact, parse(day)) for day in ("2023-06-14", "2023-06-15", "2023-06")] == [
        72,
        73,
        72,
    ]
    assert outcomes.age_at(partial, parse("2023-06-15")) == 72
    assert outcomes.age_at(unknown, parse("2023-06-15")) is None


def test_nothing_is_recorded_or_corrected_once_the_trial_is_locked(world):
    person = make_participant(world)
    exam = scan(person, "2023-01-05", at(SPINE, "-2.4"))
    end(world, TrialState.LOCKED)
    day = parse("2023-01-06")

    for act in (
        lambda: scan(person, "2023-01-06"),
        lambda: correct(exam, at(SPINE, "-2.6")),
        lambda: outcomes.record_diagnosis(person, code=DiagnosisCode.OSTEOPOROSIS, diagnosed_on=day, by=None),
        lambda: outcomes.record_treatment(person, drug_class=DrugClass.DENOSUMAB, started_on=day, by=None),
        lambda: conduct.withdraw(person, reason="asked", by=world.coordinator),
    ):
        with pytest.raises(NotNow, match="is locked: its data no longer change"):
            act()
    assert DxaExam.objects.get() == exam and values(exam)["lumbar_spine"][0] == Decimal("-2.4")


def test_who_wants_no_more_on_record_has_nothing_added_and_keeps_what_is_there(world):
    woman = make_participant(world)
    day = parse("2023-01-20")
    outcomes.record_diagnosis(
        woman, code=DiagnosisCode.OSTEOPOROSIS, diagnosed_on=day, by=world.outcome_recorder
    )
    referrals.withdraw(woman, reason="Wants no more of it.", by=world.coordinator, no_more_data=True)
    woman.refresh_from_db()
    with pytest.raises(Refused, match="any further collection"):
        outcomes.record_treatment(
            woman, drug_class=DrugClass.DENOSUMAB, started_on=day, by=world.outcome_recorder
        )
    row = Diagnosis.objects.get(participant=woman)
    assert "any further collection" in refusal(*copy(row, diagnosed_on="2023-02"))


def test_who_withdrew_from_taking_part_is_still_followed_by_their_records(world):
    woman = make_participant(world)
    referrals.withdraw(woman, reason="No calls, please.", by=world.coordinator)
    woman.refresh_from_db()
    day = parse("2023-01-20")
    assert outcomes.record_treatment(
        woman, drug_class=DrugClass.DENOSUMAB, started_on=day, by=world.outcome_recorder
    )
