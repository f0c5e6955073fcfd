"""From the tables to one frozen row a person: what was entered is what is analyzed."""

import csv
import io
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import dataset
from analysis.consort import flow
from analysis.subjects import CODEBOOK, SubjectRow
from screening.densitometry import Measurement, MeasurementSite
from screening.frax import NO_FRAX, Frax
from screening.models import Appointment
from screening.referrals import AppointmentEvent, ContactOutcome, IdentityCheck
from screening.services import cohort, intake, outcomes, scoring
from screening.services import referral as referrals
from screening.vocabulary import DiagnosisCode, DrugClass
from tests import dicom
from tests.analysis.people import person as someone
from tests.factories import World, add_film, freeze_and_sign, make_participant, make_world, referral_of, sql
from trial.models import Participant
from trial.partial_dates import parse
from trial.services import aftermath, conduct, people
from trial.states import AllocationFault

pytestmark = pytest.mark.django_db

SPINE, NECK = MeasurementSite.LUMBAR_SPINE, MeasurementSite.FEMORAL_NECK
_minutes = count()


def on(day: int, hour: int = 10) -> datetime:
    """Return a moment of a day of January 2023 (or later), by the site's clock; each call is a minute later."""
    start = datetime(2023, 1, 1, hour, tzinfo=ZoneInfo("Asia/Taipei"))
    return start + timedelta(days=day - 1, minutes=next(_minutes) % 60)


def scan(
    who: Participant, day: str, t_score: str, site: MeasurementSite = SPINE, frax: Frax = NO_FRAX
) -> None:
    measured = [Measurement(site, Decimal(t_score))]
    outcomes.record_dxa(who, exam_date=parse(day), measurements=measured, frax=frax, by=None)


def row(world: World, who: Participant, cut_off: datetime | None = None) -> SubjectRow:
    rows = dataset.subject_rows(world.trial, cut_off or timezone.now())
    return next(r for r in rows if r.study_number == who.study_number)


@pytest.fixture
def year(db) -> World:
    """A trial looked at from the end of March 2024, randomized in the middle of January 2023."""
    world = make_world()
    offset = (timezone.now().date() - date(2024, 3, 31)).days
    sql("UPDATE trial_trial SET clock_offset_days = %s", offset)
    world.trial.refresh_from_db()
    world.site.refresh_from_db()
    return world


def randomized(
    world: World, number: int = 4, films: tuple[str, ...] = ("0.9",)
) -> dict[str, list[Participant]]:
    """Randomize everybody at high risk after adding some; return the arms."""
    for _ in range(number):
        who = make_participant(world)
        for mean in films:
            add_film(world, who, mean=mean)
    frozen = freeze_and_sign(world)
    made = cohort.randomize_cohort(frozen, by=world.coordinator, occurred_at=on(16))
    return {arm: [a.participant for a in made if a.arm == arm] for arm in ("screening", "control")}


def accept(world: World, who: Participant) -> Appointment:
    """Let somebody accept, consent and come on the 30th of January."""
    offer = referral_of(who)
    referrals.record_attempt(offer, outcome=ContactOutcome.NO_ANSWER, by=world.caller, occurred_at=on(18))
    referrals.record_attempt(
        offer,
        outcome=ContactOutcome.ACCEPTED,
        identity=IdentityCheck.NAME_AND_BIRTH_DATE,
        by=world.caller,
        occurred_at=on(19),
    )
    conduct.record_consent(who, form_version="1", scope="dxa", by=world.caller, occurred_at=on(19))
    booked = referrals.book(offer, scheduled_at=on(30), by=world.caller, occurred_at=on(19))
    return referrals.end_appointment(booked, event=AppointmentEvent.ATTEND, by=world.caller)


# --- what was entered ---------------------------------------------------------------------------------------


def test_a_screened_persons_row_tells_the_whole_way(year):
    who = randomized(year, 2, films=("0.9", "0.7", "0.2", "0.8"))["screening"][0]
    add_film(year, who, mean="0.1", on=date(2022, 12, 31))  # too late: the evidence was frozen
    people.record_baseline(who, by=None, why="Chart", values={"bmi": Decimal("21.5"), "fracture": True})
    accept(year, who)
    scan(who, "2023-01-20", "-1.0", frax=Frax(Decimal("9.9")))  # a physician's
    scan(who, "2023-01-30", "-2.7", frax=Frax(Decimal("8.1"), Decimal("0.0"), Decimal("12.4"), model="T 4.2"))
    outcomes.record_treatment(who, drug_class=DrugClass.DENOSUMAB, started_on=parse("2023-02"), by=None)
    outcomes.record_treatment(who, drug_class=DrugClass.CALCIUM, started_on=parse("2023-02"), by=None)

    told = row(year, who)

    assert (told.site, told.sex, told.age, told.iscd_age_sex) == ("01", "female", 72, True)
    assert (told.eligible, told.ineligibility_reasons, told.risk_class) == (True, (), "high")
    assert (told.films_counted, told.films_positive) == (4, 3)
    assert (told.arm, told.randomized_on, told.not_randomized_reason) == (
        "screening",
        date(2023, 1, 16),
        None,
    )
    assert (told.called, told.contact_outcome, told.consented) == (True, "accepted", True)
    assert (told.dxa, told.dxa_trial, told.dxa_physician) == (True, True, True)
    assert (told.frax_major, told.frax_hip, told.frax_major_bmd, told.frax_hip_bmd) == (8.1, 0.0, 12.4, None)
    assert (told.frax_model, told.frax_trial) == ("T 4.2", True)
    assert (told.dxa_class_trial, told.dxa_class_any) == ("osteoporosis", "normal")
    assert (told.osteoporosis, told.osteoporosis_trial) == (True, True)
    assert (told.osteoporosis_lumbar_spine, told.osteoporosis_hip) == (True, False)
    assert (told.treated, told.drugs) == (True, frozenset({"denosumab"}))
    assert (told.bmi, told.fracture, told.fracture_hip) == (21.5, True, None)


def test_a_control_persons_physician_counts_as_much(year):
    who = randomized(year)["control"][0]
    scan(who, "2023-05-10", "-1.5", NECK)
    scan(who, "2023-08-10", "-2.5", NECK)

    told = row(year, who)

    assert (told.arm, told.called, told.contact_outcome, told.consented) == ("control", False, None, False)
    assert (told.dxa, told.dxa_trial, told.dxa_physician, told.dxa_hip) == (True, False, True, True)
    assert (told.dxa_class_any, told.dxa_class_trial) == ("osteopenia", None)
    assert (told.osteoporosis, told.osteoporosis_hip, told.osteoporosis_trial) == (True, True, False)


def test_everybody_registered_has_a_row_and_each_who_is_out_a_reason(year):
    young = make_participant(year, birth_date="1990-01-01")
    unknown_age = people.register(year.site, new=people.NewPerson("TEST", "X-1", sex="male"), by=None)
    filmless = make_participant(year)
    low = make_participant(year)
    treated = make_participant(year)
    for who, mean in ((young, "0.9"), (unknown_age, "0.9"), (low, "0.1"), (treated, "0.9")):
        add_film(year, who, mean=mean)
    outcomes.record_treatment(treated, drug_class=DrugClass.SERM, started_on=parse("2020"), by=None)
    randomized(year, 2)
    late = make_participant(year)

    reasons = {
        w.study_number: row(year, w).ineligibility_reasons
        for w in (young, unknown_age, filmless, low, treated)
    }

    assert list(reasons.values()) == [
        ("too_young",),
        ("age_not_established",),
        ("no_film",),
        (),
        ("anti_osteoporotic_drug",),
    ]
    assert (row(year, low).risk_class, row(year, low).arm) == ("low", None)
    assert row(year, late).ineligibility_reasons == ("not_assessed",)
    assert (row(year, unknown_age).age, row(year, unknown_age).iscd_age_sex) == (None, None)
    rows = dataset.subject_rows(year.trial, timezone.now())
    assert [r.study_number for r in rows] == sorted(
        Participant.objects.values_list("study_number", flat=True)
    )


def test_people_of_another_trial_are_nowhere_in_it(year):
    other = make_world("OTHER")
    add_film(other, make_participant(other))
    make_participant(year)

    built = dataset.build(year.trial, timezone.now())

    assert len(built.rows) == 1 and built.intake.received == 0


def test_whoever_withdrew_and_died_did_both(year):
    withdrawn, died, both = (make_participant(year) for _ in range(3))
    for who in (withdrawn, both):
        referrals.withdraw(who, reason="Moves", by=year.coordinator)
    for who in (died, both):
        referrals.record_death(who, died_on=parse("2023-06"), by=None)

    assert [(row(year, w).withdrawn, row(year, w).died) for w in (withdrawn, died, both)] == [
        (True, False),
        (False, True),
        (True, True),
    ]


def test_why_somebody_at_high_risk_was_not_randomized(year):
    gone, dead, late = (make_participant(year) for _ in range(3))
    for who in (gone, dead, late):
        add_film(year, who)
    frozen = freeze_and_sign(year)
    referrals.withdraw(gone, reason="Moves", by=year.coordinator)
    referrals.record_death(dead, died_on=parse("2023-02"), by=None)

    assert frozen.size == 3
    assert [row(year, w).not_randomized_reason for w in (gone, dead, late)] == [
        "withdrew before",
        "died before",
        "not in the cohort",
    ]


# --- what counts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        ("2022-12-31", False),
        ("2023-01-01", True),
        ("2023-12-31", True),
        ("2024-01-01", False),
        ("2023-06", True),
        ("2023", True),
        ("2024", False),
    ],
)
def test_a_scan_counts_by_its_own_day_from_the_index_date_to_the_end_of_follow_up(year, day, counts):
    who = make_participant(year)
    scan(who, day, "-3.0")

    told = row(year, who)

    assert (told.dxa, told.osteoporosis, told.dxa_class_any) == (
        (True, True, "osteoporosis") if counts else (False, False, None)
    )


def test_films_outside_the_window_do_not_count(year):
    who = make_participant(year)
    add_film(year, who, mean="0.9", on=date(2022, 12, 31))
    for day in (date(2021, 12, 31), date(2023, 1, 1)):
        add_film(year, who, mean="0.1", on=day)
    freeze_and_sign(year)

    told = row(year, who)

    assert (told.risk_class, told.films_counted, told.films_positive) == ("high", 1, 1)


def test_osteoporosis_known_before_the_index_date_is_not_new(year):
    """Found out after randomization: the scan in the year is no new diagnosis, and the person stays in the arm."""
    earlier = {
        "a scan": lambda who: scan(who, "2019-05", "-1.0"),
        "a diagnosis": lambda who: outcomes.record_diagnosis(
            who, code=DiagnosisCode.OSTEOPOROSIS, diagnosed_on=parse("2019"), by=None
        ),
        "a drug": lambda who: outcomes.record_treatment(
            who, drug_class=DrugClass.DENOSUMAB, started_on=parse("2019"), by=None
        ),
    }
    everybody = [who for arm in randomized(year, 4).values() for who in arm]
    for who, act in zip(everybody, earlier.values(), strict=False):
        act(who)
    for who in everybody:
        scan(who, "2023-06-01", "-3.0")
    for fault in (AllocationFault.WRONG_ARM, AllocationFault.RANDOMIZED_IN_ERROR):
        said = {"reason": "A DXA of 2019 came to light.", "by": year.coordinator}
        aftermath.record_allocation_error(everybody[0], fault=fault, **said)

    told = [row(year, who) for who in everybody]

    assert [r.osteoporosis for r in told] == [False, False, False, True]
    assert all(r.dxa and r.arm for r in told)
    assert [r.allocation_error for r in told] == ["randomized_in_error", None, None, None]


@pytest.mark.parametrize(
    ("drug", "started", "treated"),
    [
        (DrugClass.BISPHOSPHONATE, "2023-03-01", True),
        (DrugClass.VITAMIN_D, "2023-03-01", False),
        (DrugClass.BISPHOSPHONATE, "2024-02-01", False),
        (DrugClass.BISPHOSPHONATE, "2022-03-01", False),
    ],
)
def test_a_drug_counts_by_its_class_and_its_own_day(year, drug, started, treated):
    who = make_participant(year)
    outcomes.record_treatment(who, drug_class=drug, started_on=parse(started), by=None)

    assert row(year, who).treated == treated


def test_a_fact_is_in_when_it_was_entered_before_the_cut_off(year):
    """What counts is the scan's own day; whether it is known yet is a matter of its entry."""
    who = make_participant(year)
    before = timezone.now()
    scan(who, "2023-02-01", "-3.0")
    conduct.record_consent(who, form_version="1", scope="dxa", by=year.caller)
    late = make_participant(year)

    assert (row(year, who, before).dxa, row(year, who, before).consented) == (False, False)
    assert (row(year, who).dxa, row(year, who).consented) == (True, True)
    assert late.study_number not in {r.study_number for r in dataset.subject_rows(year.trial, before)}


def test_the_last_word_of_consent_and_calls_stands(year):
    who = randomized(year)["screening"][0]
    accept(year, who)
    conduct.record_objection(who, by=year.caller, occurred_at=on(40))

    told = row(year, who)

    assert (told.contact_outcome, told.consented) == ("accepted", False)


# --- films --------------------------------------------------------------------------------------------------


def test_films_are_counted_by_what_became_of_them(year):
    def send(number: int, **changes) -> intake.Answer:
        picture = dicom.ramp()
        picture[0, :8] = [number >> bit & 1 for bit in range(8)]
        ids = {"SOPInstanceUID": f"1.2.7.{number}", "PatientID": f"D-{number}"}
        data = dicom.chest_film(picture, **(ids | changes))
        return intake.receive(data, site=year.site, source="test", by=None)

    scored, failed = send(1), send(2)
    send(3), send(1)  # one that waits, and one that came twice
    send(4, ViewPosition="LL"), send(5, Modality="CT")
    for _ in range(2):
        intake.receive(dicom.text_file(), site=year.site, source="test", by=None)
    assert scoring.score_film(scored.film)
    sql("UPDATE screening_radiograph SET state = 'failed', reason = 'worker_lost' WHERE id = %s", failed.film)

    counted = dataset.build(year.trial, timezone.now()).intake

    assert (counted.scored, counted.waiting) == (1, 1)
    assert counted.set_aside == {
        "set aside: lateral": 1,
        "set aside: kind contradiction": 1,
        "failed: worker lost": 1,
        "rejected: not DICOM": 1,
    }
    assert counted.received == 6


# --- the file -----------------------------------------------------------------------------------------------


def test_a_dataset_reads_back_as_it_was_written(year):
    arms = randomized(year, 4)
    accept(year, arms["screening"][0])
    scan(arms["screening"][0], "2023-01-30", "-2.7")
    young = make_participant(year, birth_date="1990")
    add_film(year, young)
    cohort.assess_trial(year.trial, by=None)

    built = dataset.build(year.trial, timezone.now())

    assert dataset.from_csv(built.csv) == built.rows
    assert dataset.to_csv(dataset.from_csv(built.csv)) == built.csv
    assert next(csv.reader(io.StringIO(built.csv))) == [variable.name for variable in CODEBOOK]
    assert len(built.csv.splitlines()) == 6


facts = st.fixed_dictionaries(
    {
        "arm": st.sampled_from([None, "screening", "control"]),
        "age": st.none() | st.integers(18, 110),
        "randomized_on": st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1)),
        "ineligibility_reasons": st.lists(st.sampled_from(["too_young", "no_film", "died"]), unique=True).map(
            tuple
        ),
        "drugs": st.frozensets(st.sampled_from(["denosumab", "serm", "bisphosphonate"])),
        "bmi": st.none() | st.decimals(10, 80, places=1).map(float),
        "fracture": st.sampled_from([None, True, False]),
        "not_randomized_reason": st.none() | st.sampled_from(["withdrew before", 'said "no", then yes']),
        "films_counted": st.integers(0, 300),
    }
)


@given(st.lists(facts, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_row_survives_the_file(known):
    rows = [someone(**fact) for fact in known]

    assert dataset.from_csv(dataset.to_csv(rows)) == rows


def test_the_same_record_gives_the_same_bytes_and_another_record_others(year):
    who = randomized(year)["control"][0]
    first = dataset.build(year.trial, timezone.now())
    again = dataset.build(year.trial, timezone.now())
    assert (again.csv, again.sha256) == (first.csv, first.sha256)

    scan(who, "2023-06-01", "-3.0")

    assert dataset.build(year.trial, timezone.now()).sha256 != first.sha256


def test_the_rows_of_a_real_record_add_up_to_a_flow(year):
    low, young = make_participant(year), make_participant(year, birth_date="1995")
    add_film(year, low, mean="0.1")
    add_film(year, young)
    arms = randomized(year, 4)
    accept(year, arms["screening"][0])
    scan(arms["screening"][0], "2023-01-30", "-2.7")
    scan(arms["control"][0], "2023-03-01", "-2.7")
    referrals.withdraw(arms["screening"][1], reason="Moves", by=year.coordinator)
    built = dataset.build(year.trial, timezone.now())

    counted = flow(built.rows, built.intake)

    assert {box.key: box.n for box in counted.stem} == {
        "received": 6,
        "scored": 6,
        "registered": 6,
        "eligible": 5,
        "high_risk": 4,
        "randomized": 4,
    }
    assert {box.key: box.n for box in counted.arms["screening"]} == {
        "allocated": 2,
        "called": 1,
        "scanned": 1,
        "detected": 1,
        "left": 1,
        "analyzed": 2,
    }
    assert Counter(r.osteoporosis for r in built.rows if r.arm == "control") == {True: 1, False: 1}
