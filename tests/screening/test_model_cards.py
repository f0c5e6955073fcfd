"""A model card says what a model is worth, for whom, and that it is not for use; the same again, byte by byte."""

import json
from dataclasses import replace

import numpy as np
import pytest

from screening.manifests import Manifest
from screening.model_cards import WARNING, write_card
from screening.recipes import Recipe
from screening.training import Films, Judged

MANIFEST = Manifest(
    name="test",
    version="1",
    kind="films",
    format="safetensors",
    sha256="0" * 64,
    reference_sha256="0" * 64,
    architecture="opscan-resnet18-v2",
    width=4,
    pixels="p",
    preprocessing="q",
    calibration=None,
    threshold=0.5,
    threshold_rule="a rule",
    training_data="made-up scores",
    intended_use="A test.",
    license="none",
    performance={"auc": 0.8, "brier": 0.1, "fold_aucs": [0.7, 0.8, 0.9], "sensitivity": [0.8, 0.7, 0.9]},
)


@pytest.fixture
def judged() -> Judged:
    """Eighty made-up films of sixty people: enough of each sex, few of one site."""
    rng, positive = np.random.default_rng(1), np.arange(80) % 4 == 0
    scores = np.round(np.clip(rng.normal(0.3 + 0.3 * positive, 0.15), 0.01, 0.99), 6)
    facts = {
        "sex": np.where(np.arange(80) % 3 == 0, "M", "F"),
        "site": np.where(np.arange(80) < 6, "Small", "Large"),
        "device": np.full(80, "not known"),
    }
    films = Films([], positive, None, np.array([f"p{number % 60}" for number in range(80)]), facts)
    return Judged(films, scores, scores, scores >= 0.5, np.zeros(80, np.intp), "As a test.")


def test_a_card_tells_groups_apart_and_says_where_too_few_are(judged, tmp_path):
    write_card(tmp_path, MANIFEST, Recipe(), judged)
    card, words = json.loads((tmp_path / "card.json").read_text()), (tmp_path / "card.md").read_text()

    found = {(g["by"], g["group"]): g for g in card["subgroups"]}
    assert set(found) == {("sex", "F"), ("sex", "M"), ("site", "Large"), ("site", "Small")}
    assert sum(found["sex", sex]["films"] for sex in "FM") == 80
    assert found["site", "Small"]["auc"] is None and len(found["site", "Large"]["auc"]) == 3
    assert "| site: Small | 6 | 2 | too few |" in words
    assert "Not told apart: age, device" in words
    assert card["warning"] == WARNING and WARNING in words
    assert "60 people, and the intervals take them for independent" in words
    assert "| fold aucs | 0.7, 0.8, 0.9 |" in words and "| sensitivity | 0.8 (0.7 to 0.9) |" in words
    assert "No calibration could be fitted" in words
    assert set(card["figures"]) == {"roc.svg", "scores.svg", "calibration.svg", "subgroups.svg"}
    assert all((tmp_path / name).read_bytes().startswith(b"<?xml") for name in card["figures"])


def test_the_same_predictions_give_the_same_bytes(judged, tmp_path):
    for folder in ("one", "two"):
        write_card(tmp_path / folder, MANIFEST, Recipe(), judged)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 6
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in names)


def test_few_films_draw_no_calibration_and_no_groups(judged, tmp_path):
    few = np.arange(80) < 12
    small = replace(
        judged, films=replace(judged.films, positive=judged.films.positive[few], participants=None, facts={})
    )
    small = replace(
        small, scores=judged.scores[few], probabilities=judged.scores[few], decided=judged.decided[few]
    )
    write_card(tmp_path, MANIFEST, Recipe(), small)
    words = (tmp_path / "card.md").read_text()
    assert not (tmp_path / "calibration.svg").exists() and not (tmp_path / "subgroups.svg").exists()
    assert "Whose film each is was not said" in words
