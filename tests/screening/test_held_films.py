"""A film whose picture looks wrong waits for a person, whatever its header says."""

import numpy as np
import pytest

from screening.models import Radiograph
from screening.phantoms import Anatomy, render_pa
from screening.quality import QUALITY_VERSION
from screening.services.intake import Answer, receive
from screening.vocabulary import FilmState
from tests.dicom import chest_film, ramp
from tests.factories import World, make_world
from trial.models import Participant

pytestmark = pytest.mark.django_db


def chest(turn=lambda picture: picture, **changes: object) -> bytes:
    """Return a film of a drawn chest, its picture turned as asked."""
    rng = np.random.default_rng(3)
    picture = render_pa(Anatomy.draw(rng), -1.0, rng, 512)
    return chest_film(np.rint(turn(picture) * 255).astype("u1"), **changes)


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
    film = film_of(send(clinic, chest()))

    assert (film.state, film.findings, film.quality_version) == (FilmState.ELIGIBLE, {}, QUALITY_VERSION)
    assert film.site == clinic.site


def test_a_picture_that_looks_wrong_is_held_and_registers_nobody(clinic):
    answer = send(clinic, chest(negative))

    film = film_of(answer)
    assert (answer.outcome, answer.reason, film.reason) == ("set_aside", "inverted", "inverted")
    assert "Black and white seem to be exchanged; a person must look." in answer.message
    assert film.findings["inverted"] < 0.1 and film.file and not Participant.objects.exists()


def test_a_heart_on_the_wrong_side_is_a_flag_and_no_more(clinic):
    film = film_of(send(clinic, chest(np.fliplr)))

    assert film.state == FilmState.ELIGIBLE
    assert "mirrored" in film.flags and "mirrored" in film.findings


def test_a_held_picture_that_comes_again_in_another_file_is_no_other_film(clinic):
    first = send(clinic, chest(negative))
    again = send(clinic, chest(negative, StudyTime="101500"))

    assert (again.outcome, again.film) == ("already_received", first.film)


def test_what_the_header_holds_is_looked_at_as_well(clinic):
    film = film_of(send(clinic, chest(negative, ViewPosition=None)))

    assert film.reason == "view_unknown" and "inverted" in film.findings


def test_a_protocol_may_do_without(world):
    film = film_of(send(world, chest_film(ramp())))

    assert (film.state, film.quality_version) == (FilmState.ELIGIBLE, "")
