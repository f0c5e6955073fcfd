"""`score` reads files, prints numbers, stores nothing and needs no database."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.dicom import REAL_FILMS, chest_film, lateral_film, needs_real_films, text_file, truncated_film


@pytest.fixture
def folder(tmp_path):
    """A folder as a hospital might send it; pytest-django forbids the database here."""
    files = {
        "film.dcm": chest_film(),
        "lateral.dcm": lateral_film(),
        "letter.txt": text_file(),
        "sub/half.dcm": truncated_film(),
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def scored(*arguments) -> str:
    out = StringIO()
    call_command("score", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_json_has_one_object_a_file_with_scores_or_a_reason(folder):
    results = json.loads(scored(folder, "--json"))
    assert [result.get("reason") for result in results] == [None, "lateral", "not_dicom", "truncated"]
    film = results[0]
    assert film["file"].endswith("film.dcm") and len(film["probabilities"]) == 10
    assert film["mean"] == pytest.approx(sum(film["probabilities"]) / 10, abs=1e-6)
    assert all(result["probabilities"] is None and result["mean"] is None for result in results[1:])


def test_words_say_why_a_file_was_not_scored(folder):
    text = scored(folder / "film.dcm", folder / "lateral.dcm")
    assert "film.dcm: 0." in text and "lateral.dcm: This is a lateral view" in text
    assert "Demonstration only" in text


def test_a_path_that_is_not_there_is_an_error(folder):
    with pytest.raises(CommandError, match=r"no file or folder .*nowhere"):
        scored(folder / "nowhere")


def test_a_model_that_is_not_there_is_an_error(folder):
    with pytest.raises(CommandError, match=r"none\.json cannot be read"):
        scored(folder, "--model", folder / "none.json")


@needs_real_films
def test_real_films_are_scored():
    paths = sorted(REAL_FILMS.glob("*.dcm"))[1:4]
    assert all(0 < result["mean"] < 1 for result in json.loads(scored(*paths, "--json")))
