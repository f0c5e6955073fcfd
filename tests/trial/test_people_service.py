"""Registering people, finding them, reading who they are, and forgetting them for good."""

import logging
from datetime import date

import pytest
from django.db import IntegrityError, connection

from screening.services import intake
from tests import dicom
from tests.factories import World, forget, high_risk, make_world, sql
from trial import audit, bulk
from trial.crypto import Unreadable, decrypt
from trial.models import Baseline, Participant, Person, PersonKey
from trial.partial_dates import parse
from trial.services import people, trials
from trial.services.people import NewPerson
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db

ZEBULON = NewPerson(
    "ST-ELSEWHERE", "ZX-778899", "male", parse("1951-02"), None, "Zebulon Quickfinch", "0912-345-678"
)
CANARIES = ("Zebulon", "Quickfinch", "ZX-778899", "0912-345-678", "ST-ELSEWHERE", "+886-2-5550")


def register(world: World, new: NewPerson = ZEBULON) -> Participant:
    return people.register(world.site, new=new, by=world.coordinator)


def tables_with(*needles: str | bytes) -> set[str]:
    """Return the tables in whose rows a text or bytes stand, audit tables included."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for needle in needles:
                # Byte strings are shown in hexadecimal digits.
                shown = [needle, needle.encode().hex()] if isinstance(needle, str) else [needle.hex()]
                exists = f'SELECT EXISTS (SELECT 1 FROM "{table}" t WHERE t::text ILIKE ANY (%s))'
                cursor.execute(exists, [[f"%{text}%" for text in shown]])
                if cursor.fetchone()[0]:
                    found.add(table)
    return found


def test_nobody_is_named_anywhere_in_the_database(world):
    person = register(world)
    named = {
        "PatientName": "QUICKFINCH^Zebulon",
        "PatientID": "ZX-778899",
        "IssuerOfPatientID": "ST-ELSEWHERE",
    }
    film = dicom.chest_film(**named, PatientSex="M", PatientBirthDate="19510217", PatientAge="071Y")
    answer = intake.receive(film, site=world.site, source="test", by=world.radiology_it)
    people.update_identity(person, by=world.coordinator, why="Moved house", phone="+886-2-5550-1234")
    people.correct_person(
        person, by=world.coordinator, why="From the card", sex="male", birth_date=parse("1951-02-17")
    )

    assert answer.to_score
    assert tables_with(*(word for name in CANARIES for word in (name, name.upper()))) == set()
    # The search finds what is there: in text, in JSON, and in bytes.
    sql("UPDATE trial_trial SET title = 'Trial of Mr. QUICKFINCH'")
    sql("UPDATE trial_person SET name_sealed = %s", b"xZebulon")
    assert tables_with("Quickfinch") == {"trial_trial", "trial_trialevent"}
    assert tables_with("Zebulon") == {"trial_person", "trial_personevent"}


def test_who_may_reads_who_it_is_and_is_seen_to(world, caplog):
    person = register(world)

    with caplog.at_level(logging.INFO, logger="screentrial.access"):
        identity = people.reveal(person, by=world.caller)

    assert (identity.issuer, identity.number) == ("ST-ELSEWHERE", "ZX-778899")
    assert (identity.name, identity.phone) == ("Zebulon Quickfinch", "0912-345-678")
    assert caplog.messages == [f"identity of {person.pk} seen by user {world.caller.pk}"]
    assert not any(canary in caplog.text for canary in CANARIES)


def found(world, issuer: str, number: str) -> Person | None:
    who = people.participants_by_number(world.trial, [(issuer, number)]).get((issuer, number))
    return who and who.person


def test_a_person_is_found_by_issuer_and_number_however_it_is_typed(world):
    person = register(world).person

    for issuer, number in [
        ("ST-ELSEWHERE", "ZX-778899"),
        (" ST-ELSEWHERE ", "ZX-778899\t"),
        ("ST-ELSEWHERE", "ZX-７７８８９９"),
    ]:
        assert found(world, issuer, number) == person
    for issuer, number in [
        ("OTHER", "ZX-778899"),
        ("ST-ELSEWHERE", "ZX-77889"),
        ("ST-ELSEWHERE", "0ZX-778899"),
    ]:
        assert found(world, issuer, number) is None
    wanted = [("ST-ELSEWHERE", "ZX-778899"), ("ST-ELSEWHERE", "nobody")]
    assert list(people.participants_by_number(world.trial, wanted)) == wanted[:1]


def test_registering_twice_returns_the_first_registration(world):
    first = register(world)

    again = register(world, NewPerson("ST-ELSEWHERE", "ZX-778899", "female", name="Somebody Else"))

    assert (again.pk, again.sex, again.birth_date) == (first.pk, "male", "1951-02")
    assert people.reveal(again, by=world.caller).name == "Zebulon Quickfinch"
    world.site.refresh_from_db()
    assert world.site.enrolled == Participant.objects.count() == 1


def test_a_person_is_in_a_trial_once_whatever_the_site_and_in_two_trials_as_two_participants(world):
    here = register(world)
    second_site = trials.add_site(world.trial, number=2, name="South", time_zone="Asia/Taipei", by=None)
    other = make_world("OTHER")

    there = people.register(second_site, new=ZEBULON, by=world.coordinator)
    elsewhere = register(other)

    assert there == here
    assert elsewhere.pk != here.pk and elsewhere.person == here.person
    assert Person.objects.count() == PersonKey.objects.count() == 1


def test_study_numbers_follow_each_other_at_each_site(world):
    second_site = trials.add_site(world.trial, number=2, name="South", time_zone="Asia/Taipei", by=None)
    new = [NewPerson("ST-ELSEWHERE", f"N{n}") for n in range(5)]

    people.register_all(world.site, people=new[:2], by=None)
    people.register_all(second_site, people=new[2:3], by=None)
    made = people.register_all(world.site, people=new, by=None)

    assert [p.study_number[:-2] for p in made] == [
        "DEMO-01-000001",
        "DEMO-01-000002",
        "DEMO-02-000001",
        "DEMO-01-000003",
        "DEMO-01-000004",
    ]
    assert Baseline.objects.count() == 5


@pytest.mark.parametrize(
    ("new", "written", "bounds"),
    [
        (NewPerson("A", "1", birth_date=parse("1950-06-15")), "1950-06-15", ("1950-06-15", "1950-06-15")),
        (NewPerson("A", "1", birth_date=parse("1950-06")), "1950-06", ("1950-06-01", "1950-06-30")),
        (NewPerson("A", "1", birth_date=parse("1950")), "1950", ("1950-01-01", "1950-12-31")),
        (
            NewPerson("A", "1", birth_bounds=(date(1950, 3, 5), date(1951, 3, 4))),
            "",
            ("1950-03-05", "1951-03-04"),
        ),
        (NewPerson("A", "1"), "", ("None", "None")),
    ],
)
def test_partial_birth_dates_stay_partial(world, new, written, bounds):
    person = register(world, new)
    person.refresh_from_db()

    assert person.birth_date == written
    assert (str(person.birth_earliest), str(person.birth_latest)) == bounds


def test_corrections_say_why_and_replace_only_what_they_name(world):
    person = register(world)

    people.correct_person(person, by=world.data_manager, why="Identity card", birth_date=parse("1951-02-17"))
    people.record_baseline(
        person, by=world.data_manager, why="Chart", values={"bmi": "21.4", "fracture": True}
    )
    people.record_baseline(person, by=world.data_manager, why="Chart", values={"fracture": False})

    person.refresh_from_db()
    assert (person.sex, person.birth_date, str(person.birth_latest)) == ("male", "1951-02-17", "1951-02-17")
    assert (str(person.baseline.bmi), person.baseline.fracture, person.baseline.fracture_hip) == (
        "21.4",
        False,
        None,
    )
    event = Participant.pgh_event_model.objects.filter(pgh_obj_id=person.pk).latest("pgh_id")
    assert event.pgh_context["why"] == "Identity card"


def test_a_name_or_number_can_be_completed_and_not_emptied(world):
    person = register(world, NewPerson("ST-ELSEWHERE", "ZX-1"))
    assert people.reveal(person, by=world.caller).phone == ""

    people.update_identity(person, by=world.coordinator, why="Asked", name="Ann Other", phone="555")
    people.update_identity(person, by=world.coordinator, why="Asked", phone="556", name="")

    seen = people.reveal(person, by=world.caller)
    assert (seen.number, seen.name, seen.phone) == ("ZX-1", "Ann Other", "556")


def test_an_erased_identity_is_gone_from_old_audit_rows_too(world):
    person, bystander = register(world), high_risk(world)[0]
    people.update_identity(person, by=world.coordinator, why="Typing error", name="Zebulon Quickfinch II")
    key = bytes(PersonKey.objects.get(person=person.person_id).wrapped)
    old = Person.pgh_event_model.objects.filter(pgh_obj_id=person.person_id).earliest("pgh_id")
    assert decrypt(key, old.name_sealed, "name") == "Zebulon Quickfinch"

    forget(person, world)

    assert people.reveal(person, by=world.caller).name == "erased"
    assert tables_with(key) == set()
    others = [bytes(k.wrapped) for k in PersonKey.objects.all()]
    for event in Person.pgh_event_model.objects.filter(
        pgh_obj_id=person.person_id, name_sealed__isnull=False
    ):
        for other in others:
            with pytest.raises(Unreadable):
                decrypt(other, event.name_sealed, "name")
    assert people.reveal(bystander, by=world.caller).number.startswith("T")


def test_whose_identity_was_erased_stays_in_the_trial_and_is_not_called(world):
    person, elsewhere = register(world), register(make_world("OTHER"))

    forget(person, world)
    forget(person, world)

    for participant in (person, elsewhere):
        participant.refresh_from_db()
        assert (participant.do_not_call, participant.sex, participant.birth_date) == (True, "male", "1951-02")
    assert register(world) == person
    with pytest.raises(Refused, match="was erased"):
        people.update_identity(person, by=world.coordinator, why="Found a card", name="Zebulon Quickfinch")
    told = [e.pgh_context["why"] for e in Person.pgh_event_model.objects.order_by("pgh_id")]
    assert told == ["People are registered", "Asked to be forgotten"]


def test_a_key_of_another_installation_reads_nothing(world, settings):
    person = register(world)
    settings.IDENTITY_KEY = "another key"

    assert people.reveal(person, by=world.caller).name == "unreadable"
    assert found(world, "ST-ELSEWHERE", "ZX-778899") is None


def test_rows_written_in_bulk_meet_the_same_constraints(world):
    """Both ways to write many rows answer with the same errors, so that whoever catches one catches both."""
    person = register(world)
    again = Participant(
        trial=world.trial,
        site=world.site,
        person=person.person,
        study_number="DEMO-01-000002-X",
        registered_at=person.registered_at,
    )

    with (
        pytest.raises(IntegrityError, match="a_person_once_in_a_trial"),
        audit.context(by=None, why="A test"),
    ):
        bulk.insert([again])


def test_an_identity_is_erased_by_two_people_and_by_no_one_alone(world):
    person = register(world)
    with pytest.raises(Refused, match="Nobody asked"):
        people.approve_erasure(person, by=world.investigator)
    people.request_erasure(person, reason="A letter of 3 May.", by=world.investigator)
    with pytest.raises(Refused, match="asked for already"):
        people.request_erasure(person, reason="Again", by=world.coordinator)
    with pytest.raises(Refused, match="A second person must approve"):
        people.approve_erasure(person, by=world.investigator)
    with pytest.raises(Refused, match="approve erasure"):
        people.approve_erasure(person, by=world.coordinator)
    assert people.reveal(person, by=world.caller).name == "Zebulon Quickfinch"
    people.approve_erasure(person, by=world.data_manager)
    assert people.reveal(person, by=world.caller).name == "erased"
    assert person.erasures.get().approved_by == world.data_manager
