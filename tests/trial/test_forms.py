"""What is typed or imported about people, and what is said when it can't be right."""

from datetime import date
from decimal import Decimal

import pytest

from trial.forms import HistoryForm, LocalForm, MomentField, RegistrationForm, VitalStatusForm
from trial.models import Site
from trial.partial_dates import PartialDate
from trial.services.people import NewPerson

TODAY = date(2023, 3, 15)


def registration(**typed):
    return RegistrationForm({"number": "H-1", **typed}, today=TODAY)


def said(form):
    """Return all messages of a form, by field."""
    return {name: " ".join(errors) for name, errors in form.errors.items()}


def test_a_registration_is_read_as_it_is_meant():
    form = registration(
        issuer=" A ", number="Ｈ－１２", sex="F", birth_date="1950/3", name="王小明", phone="+886 912-345-678"
    )

    assert form.is_valid(), form.errors
    assert form.person() == NewPerson(
        issuer="A",
        number="H-12",
        sex="female",
        birth_date=PartialDate(1950, 3),
        name="王小明",
        phone="+886 912-345-678",
    )


def test_a_number_is_all_that_is_needed():
    form = registration()

    assert form.is_valid()
    assert form.person() == NewPerson(issuer="", number="H-1")


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"number": ""}, "number", "This field is required."),
        ({"number": "H\x1f1"}, "number", "can't be printed"),
        ({"sex": "x"}, "sex", "“x” is none of: female, male."),
        ({"birth_date": "05/03/1950"}, "birth_date", "the year first"),
        ({"birth_date": "2031"}, "birth_date", "2031 lies in the future (today is 2023-03-15)."),
        ({"phone": "0912"}, "phone", "“0912” is not a telephone number: write 7 to 15 digits"),
        ({"phone": "ask her son"}, "phone", "is not a telephone number"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(typed, field, message):
    form = registration(**typed)

    assert message in said(form)[field]


def test_unknown_is_not_no_and_an_empty_answer_changes_nothing():
    form = HistoryForm({"bmi": "24.55", "fracture": "unknown", "celiac_disease": "N", "hyperthyroidism": "1"})

    assert form.is_valid(), form.errors
    assert form.values() == {
        "bmi": Decimal("24.6"),
        "fracture": None,
        "celiac_disease": False,
        "hyperthyroidism": True,
    }


def test_a_broken_hip_is_a_fracture():
    form = HistoryForm({"fracture": "no", "fracture_hip": "yes"})

    assert said(form) == {
        "fracture": "No previous fracture, but fracture hip is yes. Correct one of the two."
    }


@pytest.mark.parametrize("bmi", ["9.9", "81", "245"])
def test_a_body_mass_index_no_body_has(bmi):
    assert f"{bmi}: a body mass index lies between 10 and 80" in said(HistoryForm({"bmi": bmi}))["bmi"]


def test_a_death_has_a_date_in_the_past():
    assert VitalStatusForm({"died_on": "2023-03"}, today=TODAY).is_valid()
    assert "lies in the future" in said(VitalStatusForm({"died_on": "2023-04"}, today=TODAY))["died_on"]
    assert "required" in said(VitalStatusForm({}, today=TODAY))["died_on"]


class Call(LocalForm):
    at = MomentField(label="When")


def test_a_moment_is_in_the_time_of_the_site():
    form = Call({"at_0": "2023-03-15", "at_1": "09:30"}, site=Site(time_zone="Asia/Taipei"))

    assert form.is_valid(), form.errors
    assert form.cleaned_data["at"].isoformat() == "2023-03-15T09:30:00+08:00"


def test_an_hour_that_the_clocks_skip_is_refused():
    form = Call({"at_0": "2023-03-26", "at_1": "02:30"}, site=Site(time_zone="Europe/Berlin"))

    assert "2023-03-26 02:30:00" in said(form)["at"]
