"""Importing who people are, their history, and who died."""

import pytest

from screening.models import Radiograph
from screening.services import intake
from screening.vocabulary import FilmState
from tests import dicom
from tests.factories import forget, make_world
from tests.screening.importing.extracts import counts, known, messages, run
from trial.models import Baseline, Participant
from trial.protocol import template
from trial.services import people, trials

pytestmark = pytest.mark.django_db


REGISTRATIONS = (
    "issuer,number,sex,birth_date,name,phone",
    "TEST,A1,F,1950-02-03,PHANTOM^A1,0900-000-001",
    "TEST,A2,男,1950,,",
    "TEST,A3,male,1948-07,PHANTOM^A3,",
)


def test_a_preview_writes_nothing_and_the_commit_does_what_it_said(world, extract):
    path = extract(*REGISTRATIONS[:2], REGISTRATIONS[3])

    preview = run(world, path, "registration")
    assert counts(preview) == (2, 0, 0, 0) and not preview["committed"]
    assert not Participant.objects.exists()

    done = run(world, path, "registration", commit=True)
    assert counts(done) == (2, 0, 0, 0) and done["exit"] == 0
    one, two = Participant.objects.order_by("study_number")
    assert (one.sex, one.birth_date, two.sex, two.birth_date) == ("female", "1950-02-03", "male", "1948-07")
    identity = people.reveal(one, by=world.coordinator)
    assert (identity.number, identity.name, identity.phone) == ("A1", "PHANTOM A1", "0900-000-001")


def test_a_second_run_changes_nothing(world, extract):
    path = extract(*REGISTRATIONS[:2], REGISTRATIONS[3])
    run(world, path, "registration", commit=True)
    before = list(Participant.objects.values())

    assert counts(run(world, path, "registration", commit=True)) == (0, 0, 2, 0)
    assert list(Participant.objects.values()) == before


def test_a_wrong_row_is_refused_with_line_and_reason_and_the_others_are_written(world, extract):
    answer = run(world, extract(*REGISTRATIONS), "registration", commit=True)

    assert counts(answer) == (2, 0, 0, 1) and answer["exit"] == 1
    assert messages(answer)[3].startswith("sex: “男” is none of: female, male")
    assert Participant.objects.count() == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("TEST,,F,1950,,", "The row names nobody"),
        ("TEST,B1,F,1950-02-30,,", "birth_date: '1950-02-30': 1950-02 has 28 days"),
        ("TEST,B1,F,2150,,", "birth_date: 2150 lies in the future"),
        ("TEST,B1,F,03/05/1950,,", "is not a date. Write 2022, 2022-03 or 2022-03-05, the year first"),
        ("TEST,B1,F,1950,,12", "phone: “12” is not a telephone number"),
        ("TEST,B1,F,1950", "This row has 4 cells and the header 6"),
        ("TEST,B1,F,1950,,,x", "This row has 7 cells and the header 6"),
    ],
)
def test_each_fault_of_a_row_has_its_sentence(world, extract, row, said):
    answer = run(world, extract(REGISTRATIONS[0], row), "registration", commit=True)

    assert counts(answer) == (0, 0, 0, 1) and said in messages(answer)[2]


def test_missing_facts_are_filled_in_and_empty_cells_take_nothing_back(world, extract):
    (person,) = known(world, "A1", sex="female", birth_date="1950", name="PHANTOM^A1")
    path = extract("issuer,number,sex,birth_date,name,phone", "TEST,A1,,1950-02-03,,0900-000-001")

    answer = run(world, path, "registration", commit=True)

    person.refresh_from_db()
    assert counts(answer) == (0, 1, 0, 0) and messages(answer)[2] == "birth date, telephone"
    assert (person.sex, person.birth_date, str(person.birth_latest)) == ("female", "1950-02-03", "1950-02-03")
    identity = people.reveal(person, by=world.coordinator)
    assert (identity.name, identity.phone) == ("PHANTOM^A1", "0900-000-001")


def test_a_row_that_looks_like_another_person_is_refused(world, extract):
    known(world, "A1", sex="female", birth_date="1950-02-03")
    path = extract("issuer,number,sex,birth_date", "TEST,A1,M,1971-01-01")

    answer = run(world, path, "registration", commit=True)

    assert counts(answer) == (0, 0, 0, 1) and "another person" in messages(answer)[2]


def test_the_same_row_twice_is_reported_and_rows_that_disagree_are_both_refused(world, extract):
    path = extract("number,sex", "A1,F", "A2,F", "A1,F", "A3,F", "A3,M")

    answer = run(world, path, "registration", commit=True)

    assert counts(answer) == (2, 0, 1, 2)
    assert messages(answer)[4] == "Repeats line 2."
    assert messages(answer)[5] == messages(answer)[6]
    assert messages(answer)[5] == "Lines 5, 6 say different things about the same. Keep the right one."


def test_somebody_known_by_a_set_aside_film_gets_name_and_telephone(world, extract):
    intake.receive(dicom.lateral_film(), site=world.site, source="test", by=None)
    path = extract("issuer,number,sex,phone", "HOSPITAL-A,H-000123,F,0900-000-001")

    assert counts(run(world, path, "registration", commit=True)) == (1, 0, 0, 0)
    identity = people.reveal(Participant.objects.get(), by=world.coordinator)
    assert (identity.name, identity.phone) == ("PHANTOM Test", "0900-000-001")


@pytest.mark.parametrize("written", ["PHANTOM Test", "PHANTOM^Test"])
def test_a_list_that_writes_a_name_as_the_film_does_or_plainly_changes_nothing(world, extract, written):
    intake.receive(dicom.chest_film(), site=world.site, source="test", by=None)
    path = extract("issuer,number,name", f"HOSPITAL-A,H-000123,{written}")

    assert counts(run(world, path, "registration", commit=True)) == (0, 0, 1, 0)


def test_registration_releases_films_that_were_held(extract):
    protocol = template("opscan").amended({"unknown_person": "hold"}, note="People are registered first.")
    world = make_world(protocol=protocol)
    intake.receive(dicom.chest_film(), site=world.site, source="test", by=None)
    assert Radiograph.objects.get().state == FilmState.SET_ASIDE

    run(world, extract("issuer,number", "HOSPITAL-A,H-000123"), "registration", commit=True)

    assert Radiograph.objects.get().state == FilmState.ELIGIBLE


def test_people_go_to_the_site_that_the_row_names(world, extract):
    trials.add_site(world.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    path = extract("number,site", "A1,1", "A2,02", "A3,", "A4,7")

    answer = run(world, path, "registration", commit=True)

    assert (
        counts(answer) == (3, 0, 0, 1) and "'7' is no site of this trial. Sites: 1, 2." in messages(answer)[5]
    )
    assert [p.site.number for p in Participant.objects.order_by("study_number")] == [1, 1, 2]
    moved = run(world, extract("number,site", "A1,2"), "registration", commit=True)
    assert "Registered at site 1" in messages(moved)[2]


def test_an_erased_identity_is_not_written_again(world, extract):
    (person,) = known(world, "A1", name="PHANTOM^A1")
    forget(person, world)
    path = extract("issuer,number,name", "TEST,A1,PHANTOM^A1")

    assert "erased" in messages(run(world, path, "registration", commit=True))[2]


def test_history_is_new_then_unchanged_then_changed_with_the_reason_import(world, extract):
    (person,) = known(world, "A1")
    first = extract("issuer,number,bmi,fracture,glucocorticoids", "TEST,A1,22.46,yes,")
    assert counts(run(world, first, "history", commit=True)) == (1, 0, 0, 0)
    assert counts(run(world, first, "history", commit=True)) == (0, 0, 1, 0)

    answer = run(world, extract("issuer,number,bmi,fracture", "TEST,A1,24,unknown"), "history", commit=True)

    person.baseline.refresh_from_db()
    assert counts(answer) == (0, 1, 0, 0) and messages(answer)[2] == "bmi, fracture"
    assert (str(person.baseline.bmi), person.baseline.fracture) == ("24.0", None)
    last = Baseline.pgh_event_model.objects.order_by("pgh_id").last()
    assert last.pgh_context == {"by": "system", "how": "command", "why": "import"}


def test_history_is_checked_together_with_what_is_on_record(world, extract):
    known(world, "A1")
    run(world, extract("issuer,number,fracture", "TEST,A1,no"), "history", commit=True)

    answer = run(world, extract("issuer,number,fracture_hip", "TEST,A1,yes"), "history", commit=True)

    assert counts(answer) == (0, 0, 0, 1) and "fracture hip is yes" in messages(answer)[2]


def test_rows_of_people_not_registered_are_refused_as_such(world, extract):
    known(world, "A1")
    path = extract("issuer,number,bmi", "TEST,A1,22", "TEST,NOBODY,22", "OTHER,A1,22")

    answer = run(world, path, "history", commit=True)

    assert counts(answer) == (1, 0, 0, 2)
    assert [line["reason"] for line in answer["lines"]] == ["not_registered", "not_registered"]
    assert messages(answer)[3].startswith("Not registered: ") and "DEMO" in messages(answer)[3]


def test_people_are_named_by_study_number_too(world, extract):
    one, two = known(world, "A1", "A2")
    wrong = one.study_number[:-1] + str((int(one.study_number[-1]) + 1) % 10)
    path = extract(
        "study_number,number,issuer,bmi",
        f"{one.study_number},,,22",
        f"{wrong},,,22",
        f"{one.study_number},A2,TEST,22",
        f"{two.study_number},A2,TEST,23",
    )

    answer = run(world, path, "history", commit=True)

    assert counts(answer) == (2, 0, 0, 2)
    assert "is no study number, or a digit of it is wrong" in messages(answer)[3]
    assert "name different people" in messages(answer)[4]


def test_a_death_is_recorded_corrected_and_never_taken_back(world, extract):
    (person,) = known(world, "A1")
    header = "issuer,number,status,died_on"

    def say(row: str) -> dict:
        return run(world, extract(header, row), "vital_status", commit=True)

    assert counts(say("TEST,A1,alive,")) == (0, 0, 1, 0)
    assert counts(say("TEST,A1,dead,2022")) == (1, 0, 0, 0)
    exact = say("TEST,A1,,2022-11-30")
    assert counts(exact) == (0, 1, 0, 0) and messages(exact)[2] == "2022 becomes 2022-11-30"
    assert counts(say("TEST,A1,,2022-11-30")) == (0, 0, 1, 0)

    back = say("TEST,A1,alive,")
    person.refresh_from_db()
    assert "A death of 2022-11-30 is on record" in messages(back)[2]
    assert (person.state, person.died_on) == ("died", "2022-11-30")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("TEST,A1,dead,", "died_on: This field is required"),
        ("TEST,A1,alive,2022", "status says alive"),
        ("TEST,A1,gone,2022", "'gone' is neither alive nor dead"),
        ("TEST,A1,,1940", "before the birth date"),
        ("TEST,A1,,2199", "lies in the future"),
    ],
)
def test_each_fault_of_a_vital_status_has_its_sentence(world, extract, row, said):
    known(world, "A1", birth_date="1950-06-15")

    answer = run(world, extract("issuer,number,status,died_on", row), "vital_status", commit=True)

    assert counts(answer) == (0, 0, 0, 1) and said in messages(answer)[2]
