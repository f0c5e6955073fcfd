"""A film whose picture looks wrong, or whose header leaves doubt, waits for a person, who looks and decides."""

import logging
import re

import numpy as np
import pytest
from django.urls import reverse

from screening.models import FilmDecision, Radiograph, RiskAssessment
from screening.quality import QUALITY_VERSION
from screening.services import cohort
from screening.services.held_films import decide
from screening.services.intake import Answer, receive
from screening.vocabulary import FilmState, Look
from tests.admin import page_of
from tests.browsing import browser, words
from tests.dicom import chest_film, drawn_chest, ramp
from tests.factories import (
    World,
    add_film,
    appoint,
    copy,
    freeze_and_draw,
    make_user,
    make_world,
    refusal,
    sql,
)
from trial.models import Allocation, Participant
from trial.partial_dates import parse
from trial.roles import Role
from trial.services import conduct, people, trials
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db


def negative(picture: np.ndarray) -> np.ndarray:
    return 1 - picture


def send(world: World, data: bytes) -> Answer:
    return receive(data, site=world.site, source="test", by=world.radiology_it)


def film_of(answer: Answer) -> Radiograph:
    return Radiograph.objects.get(pk=answer.film)


@pytest.fixture
def clinic(db) -> World:
    """A trial that looks at its films' pictures, as the template says."""
    return make_world(real_pictures=True)


def test_a_sound_chest_is_looked_at_and_taken(clinic):
    film = film_of(send(clinic, drawn_chest()))

    assert (film.state, film.findings, film.quality_version) == (FilmState.ELIGIBLE, {}, QUALITY_VERSION)
    assert film.site == clinic.site


def test_a_picture_that_looks_wrong_is_held_and_registers_nobody(clinic):
    answer = send(clinic, drawn_chest(negative))

    film = film_of(answer)
    assert (answer.outcome, answer.reason, film.reason) == ("set_aside", "inverted", "inverted")
    assert "Black and white seem to be exchanged; a person must look." in answer.message
    assert film.findings["inverted"] < 0.1 and film.file and not Participant.objects.exists()


def test_a_heart_on_the_wrong_side_is_a_flag_and_no_more(clinic):
    film = film_of(send(clinic, drawn_chest(np.fliplr)))

    assert film.state == FilmState.ELIGIBLE
    assert "mirrored" in film.flags and "mirrored" in film.findings


def test_a_held_picture_that_comes_again_in_another_file_is_no_other_film(clinic):
    first = send(clinic, drawn_chest(negative))
    again = send(clinic, drawn_chest(negative, StudyTime="101500"))

    assert (again.outcome, again.film) == ("already_received", first.film)


def test_what_the_header_holds_is_looked_at_as_well(clinic):
    film = film_of(send(clinic, drawn_chest(negative, ViewPosition=None)))

    assert film.reason == "view_unknown" and "inverted" in film.findings


def test_a_protocol_may_do_without(world):
    film = film_of(send(world, chest_film(ramp())))

    assert (film.state, film.quality_version) == (FilmState.ELIGIBLE, "")


def held(world: World, **changes: object) -> Radiograph:
    """Return a film held because its picture looks inverted, unless its header says otherwise."""
    film = film_of(send(world, drawn_chest(negative, **changes)))
    assert film.state == FilmState.SET_ASIDE
    return film


def take(world: World, film: Radiograph, **seen: str) -> Radiograph:
    return decide(film, decision=Look.TAKE, reason="A chest, stored inverted.", by=world.coordinator, **seen)


def register(world: World, **known: object) -> Participant:
    """Register the owner of the film."""
    new = people.NewPerson("HOSPITAL-A", "H-000123", **known)
    return people.register(world.site, new=new, by=world.coordinator)


def test_a_film_taken_after_a_look_registers_its_owner_and_says_who_took_it(clinic):
    film = take(clinic, held(clinic))

    person = Participant.objects.get()
    assert (film.state, film.reason, film.participant) == (FilmState.ELIGIBLE, "", person)
    assert (person.sex, person.birth_date, person.site) == ("female", "1950-05-06", clinic.site)
    assert people.identity_of(person.person).number == "H-000123"
    decision = film.decisions.get()
    assert (decision.held_for, decision.decided_by) == ("inverted", clinic.coordinator)
    assert "A chest, stored inverted." in words(browser(clinic.monitor).get(page_of(film)))


def test_a_view_is_said_by_who_looked_and_must_be_one_that_the_trial_takes(clinic):
    film = held(clinic, ViewPosition=None)

    for view in ("", "AP"):
        with pytest.raises(Refused, match="The trial takes these views: PA"):
            take(clinic, film, view=view)
    assert not FilmDecision.objects.exists()
    assert take(clinic, film, view="PA").view == "PA"


def test_every_other_rule_still_holds_a_film_that_is_taken(clinic):
    film = held(clinic)
    register(clinic, sex="male", birth_date=parse("1950-05-06"))

    film = take(clinic, film)

    assert (film.state, film.reason) == (FilmState.SET_ASIDE, "identity_mismatch")


def test_who_withdrew_is_not_brought_back_by_a_look(clinic):
    film = held(clinic)
    conduct.withdraw(register(clinic), reason="Asked to.", by=clinic.coordinator)

    assert take(clinic, film).reason == "withdrawn"


def test_a_picture_that_counts_already_is_not_taken_twice(clinic):
    first, second = held(clinic, ViewPosition=None), held(clinic, SOPInstanceUID="1.2.3.9")
    take(clinic, first, view="PA")

    with pytest.raises(Refused, match="counts already"):
        take(clinic, second)
    assert not second.decisions.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PatientID": None}, "patient_not_named"),
        ({"PatientAge": "85", "ViewPosition": None}, "age_unclear"),
        ({"PatientBirthDate": "20230101", "BodyPartExamined": None}, "date_contradiction"),
    ],
)
def test_no_look_settles_who_somebody_is_whatever_else_is_in_doubt(clinic, changes, reason):
    film = held(clinic, **changes)

    assert film.reason == reason
    with pytest.raises(Refused, match="A look can't settle"):
        take(clinic, film, view="PA")


def test_a_film_kept_out_waits_no_longer_and_stays_out(clinic):
    film = held(clinic)

    decide(film, decision=Look.KEEP_OUT, reason="A knee.", by=clinic.coordinator)

    film.refresh_from_db()
    assert (film.state, film.reason) == (FilmState.SET_ASIDE, "inverted")
    with pytest.raises(Refused, match="decided already"):
        take(clinic, film)
    assert send(clinic, drawn_chest(negative, StudyTime="1")).outcome == "already_received"


def test_the_enter_key_decides_nothing(clinic):
    film, me = held(clinic), browser(clinic.coordinator)
    page = reverse("held-film", args=[film.pk])

    first = re.search(r'<button[^>]*name="decision"[^>]*value="(\w*)"', me.get(page).content.decode())
    answer = me.post(page, {"reason": "A negative.", "decision": first[1]})

    assert first[1] == "" and answer.status_code == 422 and "A negative." in answer.content.decode()
    assert not film.decisions.exists()


def test_a_film_kept_out_by_mistake_is_taken_after_all_by_whoever_knows(clinic):
    film, me = held(clinic), browser(clinic.coordinator)
    page = reverse("held-film", args=[film.pk])
    open_before = {"decision": "take", "reason": "A chest.", "after_all": "False"}
    me.post(page, {"decision": "keep_out", "reason": "The wrong button."})

    assert "decided already" in words(me.post(page, open_before))
    listed, shown = words(me.get(reverse("held-films"))), me.get(page)
    assert "No film waits" in listed and str(film).capitalize() in listed
    assert "The wrong button." in words(shown) and 'value="keep_out"' not in shown.content.decode()
    assert 'name="after_all" value="True"' in shown.content.decode()
    done = me.post(
        page, {"decision": "take", "reason": "A negative, but a chest.", "after_all": "True"}, follow=True
    )

    assert "is taken; it waits for its score" in words(done)
    film.refresh_from_db()
    assert film.state == FilmState.ELIGIBLE
    assert list(film.decisions.values_list("decision", flat=True)) == ["keep_out", "take"]


def test_a_film_released_after_randomization_changes_no_allocation_and_is_not_counted(clinic):
    person = register(clinic, sex="female", birth_date=parse("1950-05-06"))
    add_film(clinic, person)
    freeze_and_draw(clinic)
    before = list(Allocation.objects.values()), list(RiskAssessment.objects.values())

    film = take(clinic, held(clinic))
    cohort.sum_up_films(clinic.trial, people=[person], by=clinic.coordinator)

    assert film.state == FilmState.ELIGIBLE and film.participant == person
    assert (list(Allocation.objects.values()), list(RiskAssessment.objects.values())) == before


def test_only_who_may_decide_decides_and_says_why(clinic):
    film = held(clinic)

    with pytest.raises(Refused, match="decide films"):
        decide(film, decision=Look.TAKE, reason="A chest.", by=clinic.radiology_it)
    with pytest.raises(Refused, match="Write what you saw"):
        decide(film, decision=Look.TAKE, reason=" ", by=clinic.coordinator)


def test_the_database_lets_no_held_film_count_without_a_decision_for_its_reason(clinic):
    film, person = held(clinic), register(clinic)
    release = (
        "UPDATE screening_radiograph SET state = 'eligible', reason = '', participant_id = %s",
        person.pk,
    )
    decided = (
        "INSERT INTO screening_filmdecision (id, radiograph_id, decision, held_for, view, reason, decided_by_id) "
        "VALUES (gen_random_uuid(), %s, %s, %s, '', 'seen', %s)"
    )

    assert "only when somebody looked" in refusal(*release)
    assert "not held for" in refusal(decided, film.pk, "take", "turned", clinic.coordinator.pk)
    sql(decided, film.pk, "keep_out", "inverted", clinic.coordinator.pk)
    assert "only when somebody looked" in refusal(*release)
    sql("UPDATE screening_radiograph SET reason = 'uid_reused'")
    assert "does not settle" in refusal(decided, film.pk, "take", "uid_reused", clinic.coordinator.pk)
    sql("UPDATE screening_radiograph SET reason = 'inverted'")
    sql(decided, film.pk, "take", "inverted", clinic.coordinator.pk)
    assert "permission denied" in refusal("UPDATE screening_filmdecision SET reason = 'x'")
    assert "permission denied" in refusal("DELETE FROM screening_filmdecision")
    sql(*release)


def test_the_coordinator_sees_the_film_and_takes_it(clinic, caplog):
    film, me = held(clinic, ViewPosition=None), browser(clinic.coordinator)
    page = reverse("held-film", args=[film.pk])

    assert "Held films" in words(me.get(reverse("intake")))
    assert "The header does not say the view; a person must look." in words(me.get(reverse("held-films")))
    shown = me.get(page)
    assert "Black and white seem to be exchanged" in words(shown)
    assert "PHANTOM" not in shown.content.decode() and "H-000123" not in shown.content.decode()
    with caplog.at_level(logging.INFO, logger="screentrial.access"):
        picture = me.get(reverse("held-picture", args=[film.pk]))
    assert picture.content.startswith(b"\x89PNG") and "no-store" in picture["Cache-Control"]
    assert f"picture of film {film.pk} seen by user {clinic.coordinator.pk}" in caplog.text

    refused = me.post(page, {"decision": "take", "reason": "A chest, plainly.", "view": ""})
    assert refused.status_code == 422 and "A chest, plainly." in refused.content.decode()
    done = me.post(page, {"decision": "take", "reason": "A chest.", "view": "PA"}, follow=True)
    assert "is taken; it waits for its score" in words(done) and "No film waits" in words(done)
    assert "has been decided and is held no longer" in words(me.get(page, follow=True))
    assert me.get(reverse("held-picture", args=[film.pk])).status_code == 404


def test_what_no_look_settles_is_not_offered(clinic):
    film, me = held(clinic, PatientID=None), browser(clinic.coordinator)

    shown = words(me.get(reverse("held-film", args=[film.pk])))

    assert "A look can't settle this." in shown and "sent again" in shown
    assert "take it" not in shown and "Keep it out" in shown


def test_nobody_else_sees_the_picture(clinic):
    film = held(clinic)

    for user in (clinic.radiology_it, clinic.caller, clinic.stranger):
        assert browser(user).get(reverse("held-picture", args=[film.pk])).status_code == 403
    other = make_world("OTHER")
    assert browser(other.coordinator).get(reverse("held-picture", args=[film.pk])).status_code == 404


def test_the_database_keeps_a_film_at_the_site_it_came_to(clinic):
    film, other = held(clinic), make_world("OTHER").site

    assert "never given another" in refusal("UPDATE screening_radiograph SET site_id = NULL")
    strange = copy(film, site_id=other.pk, state="set_aside", reason="inverted")
    assert "a site of its own trial" in refusal(*strange)


def test_who_coordinates_one_site_sees_the_films_that_came_there(clinic):
    page = reverse("held-film", args=[held(clinic).pk])
    second = trials.add_site(clinic.trial, number=2, name="Second site", time_zone="Asia/Taipei", by=None)
    here, elsewhere = make_user("here"), make_user("elsewhere")
    appoint(clinic, here, Role.COORDINATOR, clinic.site)
    appoint(clinic, elsewhere, Role.COORDINATOR, second)

    assert browser(here).get(page).status_code == 200
    assert browser(elsewhere).get(page).status_code == 404
