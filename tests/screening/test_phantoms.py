"""Phantoms: bone density is the cause, brightness is not."""

from datetime import date

import numpy as np
import pytest

from screening.evaluation import auc_of
from screening.phantoms import (
    OSTEOPOROSIS,
    Anatomy,
    Header,
    render_lateral,
    render_pa,
    to_bytes,
    to_dataset,
    unusable,
)
from screening.reasons import FilmProblem, Reason
from screening.sandbox import read_image
from screening.training_sets import phantoms
from tests.dicom import read_film

HEADER = Header("P0001", "PHANTOM^0001", "DEMO", "F", date(1950, 2, 3), date(2022, 3, 4))


def draw(seed: int, density: float, size: int = 256) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return render_pa(Anatomy.draw(rng), density, rng, size)


def test_a_seed_gives_one_film():
    assert np.array_equal(draw(1, -2), draw(1, -2))
    assert not np.array_equal(draw(1, -2), draw(2, -2))


def test_a_film_lies_between_0_and_1_and_shows_something():
    film = draw(3, 0)
    assert film.shape == (256, 256) and film.dtype == np.float32
    assert film.min() >= 0 and film.max() <= 1 and film.std() > 0.05


def test_denser_bone_stands_out_more():
    build = Anatomy.draw(np.random.default_rng(4))
    spine = [render_pa(build, t, np.random.default_rng(4), 256)[60:100, 122:134].mean() for t in (-4, -2, 0)]
    assert spine[0] < spine[1] < spine[2]


@pytest.mark.proof
def test_mean_intensity_alone_tells_next_to_nothing():
    pictures, positive = zip(*phantoms(500, seed=5, size=256), strict=True)
    brightness, truth = np.array([picture.mean() for picture in pictures]), np.array(positive)
    assert 0.15 < truth.mean() < 0.45
    assert max(auc_of(brightness, truth), auc_of(-brightness, truth)) <= 0.60


def test_osteoporosis_is_the_world_health_organization_s():
    assert OSTEOPOROSIS == -2.5


def test_a_phantom_is_a_sound_film_that_says_whose_it_is():
    film = read_film(to_bytes(to_dataset(draw(6, -1), HEADER)))
    assert (film.patient_id, film.patient_name, film.issuer) == ("P0001", "PHANTOM 0001", "DEMO")
    assert (film.sex, film.birth_date, film.study_date) == ("F", date(1950, 2, 3), date(2022, 3, 4))
    assert (film.view, film.body_part, film.modality) == ("PA", "CHEST", "DX")


def test_the_pixels_come_back_in_either_polarity():
    picture = draw(7, -1)
    for inverted in (False, True):
        data = to_bytes(to_dataset(picture, HEADER, inverted=inverted))
        assert np.abs(read_image(data) - picture).max() < 1 / 4095


def test_a_film_keeps_its_uids_and_shares_its_study_with_the_others_of_the_day():
    first, again = (to_dataset(draw(8, 0), HEADER) for _ in range(2))
    lateral = to_dataset(draw(8, 0), HEADER, "LL")
    assert first.SOPInstanceUID == again.SOPInstanceUID != lateral.SOPInstanceUID
    assert first.StudyInstanceUID == lateral.StudyInstanceUID
    assert to_bytes(first) == to_bytes(again)


def test_a_lateral_looks_different_and_says_so():
    rng = np.random.default_rng(9)
    picture = render_lateral(Anatomy.draw(rng), 0, rng, 256)
    assert abs(np.corrcoef(picture.ravel(), draw(9, 0).ravel())[0, 1]) < 0.75
    with pytest.raises(FilmProblem) as refusal:
        read_film(to_bytes(to_dataset(picture, HEADER, "LL")))
    assert refusal.value.code is Reason.LATERAL


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("black", Reason.CONSTANT_IMAGE), ("truncated", Reason.TRUNCATED), ("ct", Reason.NOT_RADIOGRAPH)],
)
def test_unusable_files_are_refused_for_their_reason(kind, reason):
    with pytest.raises(FilmProblem) as refusal:
        read_film(unusable(kind, HEADER, 256))
    assert refusal.value.code is reason
