"""`train_risk_model` writes a model that loads, and reports honestly."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from screening.inference import load_model
from tests.dicom import chest_film, ramp

QUICK = ["--width=4", "--epochs=1", "--batches=1", "--json"]


def trained(*arguments) -> dict:
    out = StringIO()
    call_command("train_risk_model", *map(str, arguments), stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def labeled(tmp_path):
    """Eight films, four of them positive; the positive ones are darker."""
    lines = ["file,osteoporosis"]
    for number in range(8):
        picture = (ramp(256, 256) * (0.5 if number % 2 else 1)).astype("u1")
        (tmp_path / f"{number}.dcm").write_bytes(chest_film(picture))
        lines.append(f"{number}.dcm,{number % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_phantoms_give_a_model_with_a_manifest(tmp_path, monkeypatch):
    monkeypatch.setattr("screening.training_reports.TEST_FILMS", 20)
    report = trained("--phantoms", 30, "--out", tmp_path / "small-2", *QUICK)
    manifest = load_model(tmp_path / "small-2.json").manifest
    assert (manifest.name, manifest.version, manifest.width) == ("small", "2", 4)
    assert manifest.sha256 == report["sha256"] and manifest.threshold == report["threshold"]
    assert manifest.training_data.startswith("30 synthetic chest phantoms")
    assert report["films"] == 20 and report["interval_95"][0] <= report["auc"] <= report["interval_95"][1]


def test_images_are_cross_validated(labeled):
    report = trained("--images", labeled, "--labels", labeled / "labels.csv", "--folds", 3, *QUICK)
    assert (report["films"], report["positive"], report["folds"]) == (8, 4, 3)
    assert len(report["fold_aucs"]) == 3
    assert report["mean_fold_auc"] == pytest.approx(np.mean(report["fold_aucs"]), abs=1e-4)
    assert "written" not in report


def test_a_model_from_images_is_for_research_only(labeled, tmp_path):
    out = tmp_path / "real-1"
    trained("--images", labeled, "--labels", labeled / "labels.csv", "--folds", 3, "--out", out, *QUICK)
    manifest = load_model(out.with_suffix(".json")).manifest
    assert manifest.intended_use.startswith("Research only")
    assert manifest.training_data.startswith("8 films of labels.csv, 4 positive")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "."], "--images needs --labels"),
        ([], "one of the arguments --phantoms --images is required"),
        (["--phantoms", "0"], "at least 20"),
        (["--phantoms", "30", "--epochs", "0"], "epochs must be at least 1"),
        (["--images", ".", "--labels", "nowhere.csv"], r"nowhere\.csv"),
    ],
)
def test_wrong_arguments_are_explained(arguments, message):
    with pytest.raises(CommandError, match=message):
        trained(*arguments)


def test_too_many_folds_are_refused(labeled):
    with pytest.raises(CommandError, match="Folds must number 3 to 4"):
        trained("--images", labeled, "--labels", labeled / "labels.csv", "--folds", 5, *QUICK)
