"""A film's picture is looked at, whatever its header says; what is found names itself and its limit."""

import numpy as np
import pytest

from screening.phantoms import Anatomy, render_lateral, render_pa
from screening.quality import LIMITS, Code, findings
from tests import quality
from tests.dicom import REAL_FILMS, needs_real_films

PLAIN = np.full((600, 600), 0.3)


def phantom(render=render_pa, seed: int = 3, size: int = 512) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return render(Anatomy.draw(rng), -1.0, rng, size)


def codes(image: np.ndarray) -> set[Code]:
    return {finding.code for finding in findings(image)}


@pytest.mark.parametrize("size", [256, 512, 1300])
def test_a_sound_film_has_no_finding_at_any_size(size):
    assert findings(phantom(size=size)) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda film: 1 - film, Code.INVERTED),
        (np.rot90, Code.TURNED),
        (lambda film: np.rot90(film, 3), Code.TURNED),
        (lambda film: np.rot90(film, 2), Code.UPSIDE_DOWN),
        (np.flipud, Code.UPSIDE_DOWN),
        (np.fliplr, Code.MIRRORED),
        (lambda film: film[:, :256], Code.NO_TWO_LUNGS),
        (lambda film: film[:, :256], Code.SHAPE),
        (lambda film: film[110:-110, 110:-110], Code.CROPPED),
        (lambda film: np.pad(film, 200), Code.BORDER),
        (lambda film: 0.5 + 0.2 * (film - 0.5), Code.LOW_CONTRAST),
        (lambda film: 0.5 + 0.01 * (film - 0.5), Code.BLANK),
    ],
)
def test_an_altered_film_is_told_for_what_it_is(change, code):
    assert code in codes(change(phantom()))


def test_black_and_white_exchanged_is_not_also_called_something_else():
    assert codes(1 - phantom()) == {Code.INVERTED}


def test_a_lateral_and_a_picture_of_nothing_are_looked_at_by_a_person():
    assert codes(phantom(render_lateral))
    assert all(map(codes, quality.drawn_patterns()))


@pytest.mark.parametrize("shade", [1.0, 0.0])
@pytest.mark.parametrize("size", [12, 20, 40])
def test_a_line_of_text_is_found_light_or_dark(shade, size):
    image = quality.written(PLAIN, "REF 2020-01-01", size=size, shade=shade, at="top left")
    assert Code.TEXT in codes(phantom_with(image))


@pytest.mark.parametrize("letters", ["L", "R", "L DGM"])
def test_the_letters_of_a_side_marker_are_no_text(letters):
    image = quality.written(PLAIN, letters, size=40, shade=1, at="top right")
    assert Code.TEXT not in codes(phantom_with(image))


def phantom_with(strip: np.ndarray) -> np.ndarray:
    """Lay the top of a picture over a phantom, which is given as much room."""
    film = phantom(size=600)
    film[:100] = strip[:100]
    return film


def test_a_finding_says_what_to_do_what_was_measured_and_the_limit():
    (finding,) = findings(np.rot90(phantom(), 2))
    assert "a person must look" in finding.message and f"limit {finding.limit:g}" in finding.message
    assert finding.value < finding.limit == LIMITS[Code.UPSIDE_DOWN]


def test_every_code_has_a_limit_and_says_who_acts():
    assert set(LIMITS) == set(Code)
    assert all("a person must look" in code.sentence for code in Code)


def test_the_page_is_of_these_limits_and_knows_every_copy():
    written = quality.PAGE.read_text(encoding="utf-8")
    assert next(quality.page()) in written, "The limits or the version changed: run `make quality`."
    lines = [f"\n| {name} |" for name in (*quality.ALTERATIONS, *quality.HARMLESS)]
    assert not [line for line in lines if line not in written]


@needs_real_films
@pytest.mark.slow
def test_the_page_says_what_the_real_films_give():
    """Recompute the false alarms, one alteration and all that is no chest; the rest takes minutes."""
    assert len(list(REAL_FILMS.glob("*.dcm"))) == sum(map(len, quality.halves())) == 60
    again = [quality.alarm_line("as they are"), *quality.other_lines()]
    again.append(quality.caught_line("mirrored left to right"))
    written = quality.PAGE.read_text(encoding="utf-8").splitlines()
    assert not [line for line in again if line not in written], "Run `make quality` and say what changed."
