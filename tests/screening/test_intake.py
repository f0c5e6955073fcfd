"""Every way a film can come in: taken, known already, held for a person to look, or refused."""

import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, RLELossless

from screening.models import Radiograph, Receipt
from screening.services import cohort, intake
from screening.services.held_films import release_held
from screening.services.intake import Answer, receive
from screening.vocabulary import FilmState
from tests import dicom
from tests.factories import World, forget, make_participant, make_world, randomized
from trial import audit
from trial.models import Participant, Person, ProtocolDeviation
from trial.partial_dates import parse
from trial.protocol import template
from trial.services import conduct, people, trials
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db
at_the_same_time = pytest.mark.django_db(transaction=True)
OTHER_PICTURE = dicom.ramp()[::-1].copy()


def send(world: World, data: bytes, site=None) -> Answer:
    return receive(data, site=site or world.site, source="test", by=world.radiology_it)


def outcome(answer: Answer) -> tuple[str, str]:
    return str(answer.outcome), answer.reason


def film_of(answer: Answer) -> Radiograph:
    return Radiograph.objects.get(pk=answer.film)


def register(world: World, **known) -> Participant:
    """Register the owner of `dicom.chest_film`."""
    new = people.NewPerson("HOSPITAL-A", "H-000123", **known)
    return people.register(world.site, new=new, by=world.coordinator)


def bounds(person: Participant) -> list[str]:
    person.refresh_from_db()
    return [str(person.birth_earliest), str(person.birth_latest)]


def stored_files(settings) -> set[str]:
    media = Path(settings.MEDIA_ROOT)
    return {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()}


@pytest.fixture
def holding_world(db):
    """A trial that registers people first and holds films of anybody else."""
    protocol = template("opscan").amended({"unknown_person": "hold"}, note="People are registered first.")
    return make_world(protocol=protocol)


def test_a_film_of_a_new_person_registers_them_and_waits_for_its_score(world, settings):
    answer = send(world, dicom.chest_film())

    film = film_of(answer)
    assert outcome(answer) == ("accepted", "to_be_scored") and answer.to_score
    assert (film.state, film.study_date, film.view) == (FilmState.ELIGIBLE, date(2022, 3, 4), "PA")
    assert (film.participant.sex, film.participant.birth_date) == ("female", "1950-05-06")
    assert stored_files(settings) == {film.file.name}


def test_the_stored_file_names_nobody_and_the_crosswalk_keeps_what_was_removed(world):
    film = film_of(send(world, dicom.chest_film()))

    stored = film.file.read()
    header = dcmread(Path(film.file.path))
    assert not [word for word in (b"PHANTOM", b"H-000123", b"HOSPITAL", b"ACC-55", b"1950") if word in stored]
    assert header.PatientID == film.participant.study_number
    assert header.StudyDate < "20220304" and header.PatientAge == "071Y"
    assert b"PHANTOM" not in bytes(film.crosswalk_sealed)
    assert people.reveal(film.participant, by=world.coordinator).number == "H-000123"


def test_the_same_file_is_taken_once(world):
    first, again = send(world, dicom.chest_film()), send(world, dicom.chest_film())

    assert outcome(again) == ("already_received", "same_file") and again.film == first.film
    assert Radiograph.objects.count() == 1 and Receipt.objects.count() == 2


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_the_same_image_in_another_syntax_is_taken_once(world, syntax):
    first = send(world, dicom.chest_film())
    again = send(world, dicom.compressed(dicom.chest_film(), syntax))

    assert outcome(again) == ("already_received", "same_image") and again.film == first.film


def test_the_same_picture_under_another_uid_counts_once(world):
    first = send(world, dicom.chest_film())
    again = send(world, dicom.chest_film(SOPInstanceUID="1.2.3.99"))

    assert outcome(again) == ("already_received", "same_pixels") and again.film == first.film


def test_a_uid_used_for_another_picture_is_held_and_the_first_film_stays(world):
    first = send(world, dicom.chest_film())
    second = send(world, dicom.chest_film(OTHER_PICTURE))
    recoded = send(world, dicom.compressed(dicom.chest_film(OTHER_PICTURE), RLELossless))
    corrected = send(world, dicom.chest_film(OTHER_PICTURE, SOPInstanceUID="1.2.3.98"))

    assert outcome(second) == ("set_aside", "uid_reused")
    assert film_of(first).state == FilmState.ELIGIBLE
    assert outcome(recoded) == ("already_received", "same_image")
    assert outcome(corrected) == ("accepted", "to_be_scored")


def test_a_picture_that_comes_for_two_people_is_held_for_both(world):
    first = send(world, dicom.chest_film())
    second = send(world, dicom.chest_film(PatientID="H-000999", SOPInstanceUID="1.2.3.97"))
    third = send(world, dicom.chest_film(PatientID="H-000777", SOPInstanceUID="1.2.3.96"))
    again = send(world, dicom.chest_film(SOPInstanceUID="1.2.3.95"))

    assert outcome(second) == outcome(third) == ("set_aside", "pixels_of_two_people")
    assert (film_of(first).state, film_of(first).reason) == (FilmState.SET_ASIDE, "pixels_of_two_people")
    assert outcome(again) == ("already_received", "same_pixels")
    assert not Radiograph.objects.filter(state=FilmState.ELIGIBLE).exists()


def test_the_same_image_under_another_number_is_held_for_both(world):
    first = send(world, dicom.chest_film())
    second = send(world, dicom.chest_film(PatientID="H-000999"))

    assert outcome(second) == ("set_aside", "pixels_of_two_people")
    assert film_of(first).state == FilmState.SET_ASIDE


def test_doubt_about_a_film_after_randomization_is_a_deviation_and_the_allocation_stands(world):
    owner = randomized(world, 2)[0].participant
    identity = people.reveal(owner, by=world.coordinator)
    late = {
        "PatientID": identity.number,
        "IssuerOfPatientID": identity.issuer,
        "PatientBirthDate": "19500615",
    }
    first = send(world, dicom.chest_film(**late))
    send(world, dicom.chest_film(SOPInstanceUID="1.2.3.94"))

    deviation = ProtocolDeviation.objects.get()
    owner.refresh_from_db()
    assert outcome(first)[0] == "accepted" and film_of(first).state == FilmState.SET_ASIDE
    assert deviation.participant == owner and "H-0" not in deviation.description
    assert owner.state == "randomized"


@pytest.mark.parametrize(
    ("header", "registered"),
    [
        ({"PatientSex": "M"}, "1950-05-06"),
        ({"PatientBirthDate": "19500507"}, "1950-05-06"),
        ({"PatientBirthDate": "", "PatientAge": "045Y"}, "1950-05-06"),
        ({"PatientBirthDate": "19520101", "PatientAge": "070Y"}, "1950"),
        ({"PatientAge": "031Y"}, "1950-05-06"),  # the header contradicts itself
    ],
)
def test_a_film_that_contradicts_the_registration_is_held(world, header, registered):
    register(world, sex="female", birth_date=parse(registered))

    answer = send(world, dicom.chest_film(**header))

    assert outcome(answer) == ("set_aside", "identity_mismatch")
    assert film_of(answer).participant is None


def test_a_header_that_contradicts_itself_registers_nobody(world):
    answer = send(world, dicom.chest_film(PatientAge="031Y"))

    assert outcome(answer) == ("set_aside", "identity_mismatch")
    assert not Participant.objects.exists()


@pytest.mark.parametrize("age", ["070Y", "071Y", "072Y"])
def test_a_printed_age_may_be_a_year_off_the_birth_date(world, age):
    make_participant(world, birth_date="1950-05-06", number="H-000123")
    film = dicom.chest_film(IssuerOfPatientID="TEST", PatientBirthDate="", PatientAge=age)

    assert outcome(send(world, film)) == ("accepted", "to_be_scored")


def test_films_fill_in_what_registration_left_open_and_replace_nothing(world):
    aged = {"PatientBirthDate": "", "PatientSex": "O", "PatientAge": "039Y"}
    send(world, dicom.chest_film(StudyDate="20220120", **aged))
    person = Participant.objects.get()
    assert bounds(person) == ["1982-01-21", "1983-01-20"] and person.sex is None

    send(world, dicom.chest_film(OTHER_PICTURE, SOPInstanceUID="1.2.3.93", StudyDate="20221220", **aged))
    assert bounds(person) == ["1982-12-21", "1983-01-20"]

    exact = {"PatientBirthDate": "19830105", "PatientAge": "039Y", "StudyDate": "20221221"}
    send(world, dicom.chest_film(OTHER_PICTURE // 2, SOPInstanceUID="1.2.3.92", **exact))
    assert bounds(person) == ["1983-01-05"] * 2 and person.sex == "female"


def test_intake_is_not_eligibility(world):
    answer = send(world, dicom.chest_film(PatientBirthDate="19890101", PatientAge="033Y"))

    film = film_of(answer)
    assert outcome(answer) == ("accepted", "to_be_scored")
    assert not cohort.assess(film.participant, by=None).eligible


def test_an_unknown_person_is_held_where_the_protocol_registers_people_first(holding_world):
    world = holding_world
    held = send(world, dicom.chest_film())
    again = send(world, dicom.chest_film())
    assert outcome(held) == ("set_aside", "unknown_person") and not Participant.objects.exists()
    assert outcome(again) == ("already_received", "same_file")

    people.register(
        world.site, new=people.NewPerson("HOSPITAL-A", "H-000123", sex="female"), by=world.coordinator
    )

    assert release_held(world.trial, by=world.coordinator) == 1
    film = film_of(held)
    assert (film.state, film.reason) == (FilmState.ELIGIBLE, "")
    assert film.participant.birth_date == "1950-05-06"  # learned from the crosswalk


def test_a_held_film_sent_again_after_registration_is_taken(holding_world):
    world = holding_world
    held = send(world, dicom.chest_film())
    register(world)

    again = send(world, dicom.chest_film())

    assert outcome(again) == ("accepted", "to_be_scored") and again.film == held.film
    assert Radiograph.objects.count() == 1


def test_a_held_film_stays_held_when_the_registration_says_otherwise(holding_world):
    world = holding_world
    held = send(world, dicom.chest_film())
    register(world, sex="male")

    assert release_held(world.trial, by=world.coordinator) == 0
    assert film_of(held).reason == "identity_mismatch"


def test_films_of_somebody_who_withdrew_are_kept_out(world):
    owner = film_of(send(world, dicom.chest_film())).participant
    conduct.withdraw(owner, reason="No more letters, please.", by=world.coordinator)

    answer = send(world, dicom.chest_film(OTHER_PICTURE, SOPInstanceUID="1.2.3.91"))

    assert outcome(answer) == ("set_aside", "withdrawn") and not answer.to_score


def test_films_of_an_erased_identity_are_kept_out(world):
    owner = film_of(send(world, dicom.chest_film())).participant
    forget(owner, world)

    answer = send(world, dicom.chest_film(OTHER_PICTURE, SOPInstanceUID="1.2.3.90"))

    assert outcome(answer) == ("set_aside", "identity_erased")
    assert film_of(answer).crosswalk_sealed is None


def test_a_number_without_issuer_never_crosses_sites(world):
    second = trials.add_site(world.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    send(world, dicom.chest_film(IssuerOfPatientID=""))

    answer = send(
        world, dicom.chest_film(OTHER_PICTURE, IssuerOfPatientID="", SOPInstanceUID="1.2.3.89"), second
    )

    assert outcome(answer) == ("set_aside", "issuer_not_stated")


@pytest.mark.parametrize("number", ["H-000123 ", "H-123", "h-000123", "H-0001230"])
def test_near_twins_of_a_number_are_other_people_but_blanks_around_it_are_not(world, number):
    send(world, dicom.chest_film())
    send(world, dicom.chest_film(OTHER_PICTURE, PatientID=number, SOPInstanceUID="1.2.3.88"))

    assert Participant.objects.count() == (1 if number.strip() == "H-000123" else 2)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (dicom.text_file(), ("rejected", "not_dicom")),
        (b"", ("rejected", "empty_file")),
        (dicom.truncated_film(), ("rejected", "truncated")),
        (dicom.chest_film(StudyDate="00010101"), ("rejected", "missing_attribute")),
        (dicom.chest_film(np.full((300, 300), 7, "u1")), ("rejected", "constant_image")),
        (dicom.lateral_film(), ("set_aside", "lateral")),
        (dicom.ct_slice(), ("set_aside", "not_radiograph")),
        (dicom.chest_film(BodyPartExamined="KNEE"), ("set_aside", "not_chest")),
    ],
)
def test_what_is_no_chest_film_gets_its_reason_and_leaves_no_file(world, settings, data, expected):
    answer = send(world, data)

    assert outcome(answer) == expected and answer.message.endswith((".", ")"))
    assert "H-000123" not in answer.message and not stored_files(settings)
    assert Receipt.objects.get().reason == expected[1]
    assert Radiograph.objects.count() == (expected[0] == "set_aside")


def test_a_lateral_sent_twice_or_recoded_is_set_aside_once(world):
    first = send(world, dicom.lateral_film())
    recoded = send(world, dicom.compressed(dicom.lateral_film(), RLELossless))
    corrected = send(world, dicom.chest_film())

    assert outcome(recoded) == ("already_received", "same_image") and recoded.film == first.film
    assert outcome(corrected) == ("accepted", "to_be_scored")


def test_a_header_that_de_identification_cannot_copy_is_rejected_whole(world, settings):
    ds = dicom.dataset()
    ds.add_new(0x00281041, "LO", "not a number")  # PixelIntensityRelationshipSign

    answer = send(world, dicom.written(ds))

    assert outcome(answer) == ("rejected", "unreadable")
    assert not Person.objects.exists() and not stored_files(settings)


def test_a_nonsense_size_on_a_ct_is_no_reason_to_fail(world):
    ds = dicom.dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")
    del ds.Rows
    ds.add_new(0x00280010, "SL", -5)

    assert outcome(send(world, dicom.written(ds))) == ("set_aside", "not_radiograph")


@at_the_same_time
def test_the_same_film_from_many_senders_at_once_makes_one_row_and_one_file(world, settings):
    answers = at_once(8, lambda _: send(world, dicom.chest_film()))

    assert sorted(outcome(a)[1] for a in answers) == ["same_file"] * 7 + ["to_be_scored"]
    film = Radiograph.objects.get()
    assert stored_files(settings) == {film.file.name}
    assert Receipt.objects.count() == 8


@at_the_same_time
def test_the_same_lateral_from_many_senders_at_once_makes_one_row(world):
    answers = at_once(6, lambda _: send(world, dicom.lateral_film()))

    assert sorted(outcome(a)[1] for a in answers) == ["lateral"] + ["same_file"] * 5
    assert Radiograph.objects.count() == 1


@at_the_same_time
def test_one_picture_under_many_uids_at_once_counts_once(world, settings):
    films = [dicom.chest_film(SOPInstanceUID=f"1.2.3.5.{n}") for n in range(6)]
    answers = at_once(6, lambda n: send(world, films[n]))

    assert sorted(outcome(a)[0] for a in answers) == ["accepted"] + ["already_received"] * 5
    assert len(stored_files(settings)) == Radiograph.objects.count() == 1


@at_the_same_time
def test_one_picture_for_many_people_at_once_counts_for_none(world, settings):
    films = [dicom.chest_film(SOPInstanceUID=f"1.2.3.6.{n}", PatientID=f"H-{n}") for n in range(4)]
    at_once(4, lambda n: send(world, films[n]))

    assert {f.reason for f in Radiograph.objects.all()} == {"pixels_of_two_people"}
    assert stored_files(settings) == {f.file.name for f in Radiograph.objects.all()}


@at_the_same_time
def test_two_first_films_at_once_that_disagree_on_sex_leave_one_held(world):
    films = [
        dicom.chest_film(),
        dicom.chest_film(OTHER_PICTURE, PatientSex="M", SOPInstanceUID="1.2.3.7"),
    ]
    answers = at_once(2, lambda n: send(world, films[n]))

    assert sorted(outcome(a)[1] for a in answers) == ["identity_mismatch", "to_be_scored"]


def at_once(count: int, act) -> list[Answer]:
    """Run `act` in so many threads that start together; fail with the first error."""
    barrier, results, errors = threading.Barrier(count), [], []

    def run(n: int) -> None:
        try:
            barrier.wait()
            results.append(act(n))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def test_a_transaction_that_fails_leaves_neither_row_nor_file(world, settings, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("the receipt can't be written")

    monkeypatch.setattr(Receipt.objects, "create", refuse)

    with pytest.raises(RuntimeError):
        send(world, dicom.chest_film())

    assert not Radiograph.objects.exists() and not Participant.objects.exists() and not stored_files(settings)


def test_a_store_that_is_full_says_so_and_takes_nothing(world, settings):
    Path(settings.MEDIA_ROOT).mkdir(parents=True)
    Path(settings.MEDIA_ROOT, "radiographs").write_text("a file where the folder should be")

    with pytest.raises(Refused, match=r"can't be stored .* Nothing was taken"):
        send(world, dicom.chest_film())

    assert not Radiograph.objects.exists() and not Participant.objects.exists()


@at_the_same_time
def test_a_film_is_not_taken_inside_somebody_elses_transaction(world):
    with audit.context(by=None, why="too wide", how="test"), pytest.raises(RuntimeError, match="durable"):
        send(world, dicom.chest_film())


def test_a_draft_trial_takes_no_films(db):
    world = make_world(active=False)

    with pytest.raises(Refused, match="no protocol in force"):
        send(world, dicom.chest_film())


def test_films_keep_their_distance_in_days(world):
    first = film_of(send(world, dicom.chest_film()))
    second = film_of(
        send(world, dicom.chest_film(OTHER_PICTURE, SOPInstanceUID="1.2.3.87", StudyDate="20220504"))
    )

    dates = [dcmread(Path(f.file.path)).StudyDate for f in (first, second)]
    shown = [date.fromisoformat(d) for d in dates]
    assert (shown[1] - shown[0]).days == (second.study_date - first.study_date).days == 61
    assert 1 <= intake.shift_days(first.person) <= 365
