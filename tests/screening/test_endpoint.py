"""Newly diagnosed osteoporosis, one person at a time."""

from decimal import Decimal
from itertools import permutations

import pytest

from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus
from screening.endpoint import Exam, findings, in_period
from trial.eligibility import PriorEvent
from trial.partial_dates import parse
from trial.protocol import template
from trial.protocol_parts import Exclusion

OPSCAN = template("opscan")


def scan(on, by_trial=False, age=70, sex="female", **t_scores):
    measured = tuple(Measurement(MeasurementSite(site), Decimal(t)) for site, t in t_scores.items())
    menopause = MenopausalStatus.POSTMENOPAUSAL if sex == "female" else None
    return Exam(on=parse(on), by_trial=by_trial, sex=sex, age=age, menopause=menopause, measurements=measured)


def had(kind, on, drug=""):
    return PriorEvent(Exclusion(kind), on and parse(on), drug)


def flags(*exams, history=()):
    """Return the names of the flags that are set."""
    found = findings(OPSCAN, exams, history)
    return {name for name, value in vars(found).items() if value is True}


def test_a_trial_scan_that_shows_osteoporosis_of_the_spine():
    assert flags(scan("2023-03-01", True, lumbar_spine="-2.5", total_hip="-1.0")) == {
        "dxa",
        "dxa_trial",
        "dxa_lumbar_spine",
        "dxa_hip",
        "osteoporosis",
        "osteoporosis_trial",
        "osteoporosis_lumbar_spine",
    }


def test_a_tenth_above_the_limit_is_no_osteoporosis():
    found = findings(OPSCAN, [scan("2023-03-01", True, lumbar_spine="-2.4")], [])
    assert not found.osteoporosis
    assert found.dxa_class_trial == found.dxa_class_any == "osteopenia"


@pytest.mark.parametrize("site", ["femoral_neck", "total_hip", "hip_unspecified"])
def test_every_hip_is_a_hip_in_usual_care_too(site):
    assert flags(scan("2023-03-01", **{site: "-3.0"})) == {
        "dxa",
        "dxa_physician",
        "dxa_hip",
        "osteoporosis",
        "osteoporosis_physician",
        "osteoporosis_hip",
    }


def test_a_scan_whose_site_is_not_stated_counts_for_neither_spine_nor_hip():
    assert flags(scan("2023-03-01", not_stated="-3.0")) == {
        "dxa",
        "dxa_physician",
        "osteoporosis",
        "osteoporosis_physician",
    }


@pytest.mark.parametrize(
    ("on", "counts"),
    [
        ("2023-01-01", True),
        ("2023-12-31", True),
        ("2024-01-01", False),
        ("2023-06", True),
        ("2023", True),
        ("2024", False),
    ],
)
def test_the_period_runs_from_the_index_date_to_the_end_of_follow_up(on, counts):
    found = findings(OPSCAN, [scan(on, lumbar_spine="-3.0")], [])
    assert (found.osteoporosis, found.dxa) == (counts, counts)
    assert found.unclear_exams == 0


def test_an_exam_that_may_lie_outside_is_left_out_and_counted_as_unclear():
    short = OPSCAN.amended({"follow_up_end": "2023-08-15"}, note="A test.")
    found = findings(short, [scan("2023-08", lumbar_spine="-3.0")], [])
    assert (found.dxa, found.osteoporosis, found.unclear_exams, found.had_earlier) == (False, False, 1, False)
    assert in_period(short, parse("2023-07")) is True
    assert in_period(short, parse("2023-08")) is None
    assert in_period(short, parse("2023-09")) is False


@pytest.mark.parametrize(
    "event",
    [
        had("earlier_dxa", "2022-12-31"),
        had("earlier_dxa", None),
        had("osteoporosis", "2019"),
        had("anti_osteoporotic_drug", "2021-05", "denosumab"),
        had("anti_osteoporotic_drug", "2021-05"),
    ],
)
def test_who_was_scanned_diagnosed_or_treated_before_is_not_newly_diagnosed(event):
    found = findings(OPSCAN, [scan("2023-03-01", True, lumbar_spine="-3.0")], [event])
    assert found.had_earlier
    assert found.dxa_trial
    assert found.dxa_class_trial == "osteoporosis"
    assert not (found.osteoporosis or found.osteoporosis_trial or found.osteoporosis_lumbar_spine)
    assert found.osteoporosis_on is None


@pytest.mark.parametrize(
    "event",
    [
        had("osteoporosis", "2023-02-01"),
        had("anti_osteoporotic_drug", "2023-01-01", "denosumab"),
        had("anti_osteoporotic_drug", "2020", "calcium"),
        had("osteoporotic_fracture", "2020"),
    ],
)
def test_later_facts_allowed_drugs_and_fractures_leave_it_new(event):
    assert findings(OPSCAN, [scan("2023-03-01", lumbar_spine="-3.0")], [event]).osteoporosis


def test_an_exam_before_the_index_date_is_an_earlier_dxa_and_no_outcome():
    found = findings(OPSCAN, [scan("2022-11", lumbar_spine="-1.0"), scan("2023-03-01", total_hip="-3.0")], [])
    assert found.had_earlier
    assert not found.osteoporosis
    assert not found.dxa_lumbar_spine
    assert found.dxa_hip


def test_the_first_exam_that_shows_it_dates_the_diagnosis_whatever_the_order_of_entry():
    exams = [
        scan("2023-02-01", lumbar_spine="-2.0"),
        scan("2023-05-01", True, lumbar_spine="-2.6"),
        scan("2023-09-01", total_hip="-2.7"),
    ]
    for order in permutations(exams):
        found = findings(OPSCAN, order, [])
        assert str(found.osteoporosis_on) == "2023-05-01"
        assert found.dxa_class_any == "osteopenia"
        assert found.dxa_class_trial == "osteoporosis"
        assert found.osteoporosis_trial
        assert found.osteoporosis_physician


@pytest.mark.parametrize(("age", "expected"), [(49, False), (50, True), (None, False)])
def test_a_low_t_score_of_a_man_under_fifty_is_no_osteoporosis(age, expected):
    found = findings(OPSCAN, [scan("2023-03-01", sex="male", age=age, lumbar_spine="-3.0")], [])
    assert found.dxa
    assert found.osteoporosis is found.osteoporosis_lumbar_spine is expected


def test_a_spine_of_one_vertebra_diagnoses_nothing():
    one = Exam(
        on=parse("2023-03-01"),
        by_trial=True,
        sex="male",
        age=70,
        measurements=(Measurement(MeasurementSite.LUMBAR_SPINE, Decimal("-3.0"), vertebrae="L2"),),
    )
    found = findings(OPSCAN, [one], [])
    assert found.dxa_lumbar_spine
    assert not (found.osteoporosis or found.osteoporosis_lumbar_spine)
    assert found.dxa_class_any is None


def test_nobody_scanned_has_no_findings():
    found = findings(OPSCAN, [], [had("osteoporosis", "2023-03-01")])
    assert flags() == set()
    assert (found.osteoporosis, found.dxa_class_any, found.osteoporosis_on) == (False, None, None)
