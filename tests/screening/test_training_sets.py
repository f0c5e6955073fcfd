"""Films to train on, and lists of labels that cannot be used."""

import numpy as np
import pytest
from matplotlib.image import imsave

from screening.training_sets import BadLabels, labeled_films, phantom_films
from tests.dicom import REAL_FILMS, chest_film, lateral_film, needs_real_films, ramp


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.dcm").write_bytes(chest_film())
    (tmp_path / "lateral.dcm").write_bytes(lateral_film())
    return tmp_path


def listed(folder, text: str):
    path = folder / "labels.csv"
    path.write_text(text)
    return labeled_films(folder, path)


def test_films_are_read_and_resized_with_their_labels(folder):
    films = listed(folder, "file,sex,osteoporosis\na.dcm,F,1\n")
    assert films.images[0].shape == (295, 256) and films.positive.tolist() == [True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.dcm,1\n", "lacks the column osteoporosis"),
        ("file,osteoporosis\n", "names no film"),
        ("file,osteoporosis\na.dcm,yes\n", "Line 2: osteoporosis must be 0 or 1, not 'yes'"),
        ("file,osteoporosis,t_score\na.dcm,0,-2.6\n", "Line 2: osteoporosis is 0 and the T-score -2.6"),
        ("file,t_score\na.dcm,low\n", "Line 2: a T-score lies between -10 and 10, not 'low'"),
        ("file,osteoporosis,participant\na.dcm,1,\n", "Line 2: it is not said whose film a.dcm is"),
        ("file,osteoporosis,age\na.dcm,1,085Y\n", "Line 2: an age is 0 to 120 years, not '085Y'"),
        ("file,osteoporosis\na.dcm,1\nb.dcm,0\n", "Line 3: b.dcm cannot be used"),
        ("file,osteoporosis\nlateral.dcm,0\n", "Line 2: lateral.dcm cannot be used: This is a lateral view"),
    ],
)
def test_a_list_that_cannot_be_used_names_the_line(folder, text, message):
    with pytest.raises(BadLabels, match=message):
        listed(folder, text)


def test_phantoms_come_at_the_size_of_training():
    films = phantom_films(5, seed=1)
    assert [image.shape for image in films.images] == [(256, 256)] * 5
    assert films.positive.dtype == np.bool_


@needs_real_films
def test_real_films_come_with_their_labels(tmp_path):
    lines = (REAL_FILMS / "labels.csv").read_text().splitlines()
    assert len(lines) == 61 and sum(line.endswith(",1") for line in lines) == 10
    some = [lines[0], *[line for line in lines if line.endswith(",1")][:2], *lines[1:4]]
    (tmp_path / "labels.csv").write_text("\n".join(some))
    films = labeled_films(REAL_FILMS, tmp_path / "labels.csv")
    assert films.positive.tolist() == [True, True, False, False, False]


def test_a_list_tells_whose_film_it_is_and_what_is_known(folder):
    imsave(folder / "b.png", ramp(300, 260) / 255, cmap="gray")
    films = listed(
        folder, "file,t_score,participant,sex,age,site\na.dcm,-2.5,p1,F,64,\nb.png,-1.0,p2,,80,North\n"
    )
    assert films.positive.tolist() == [True, False] and films.t_scores.tolist() == [-2.5, -1.0]
    assert films.participants.tolist() == ["p1", "p2"]
    assert {name: column.tolist() for name, column in films.facts.items()} == {
        "sex": ["F", "not known"],
        "age": ["50 to 64", "75 and older"],
        "device": ["FUJIFILM Corporation", "not known"],
        "site": ["not known", "North"],
    }


def test_a_png_is_read_as_the_published_code_does(folder):
    colors = np.zeros((300, 260, 4))
    colors[..., 0], colors[..., 3] = 1, 0.5
    imsave(folder / "b.png", colors)
    films = listed(folder, "file,osteoporosis\nb.png,1\n")
    assert films.images[0] == pytest.approx(np.full((295, 256), 1 / 3))
