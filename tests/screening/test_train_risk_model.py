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


def test_labels_of_unknown_origin_are_called_so_in_report_and_model_card(labeled, tmp_path):
    out = tmp_path / "real-1"
    told = ["--images", labeled, "--labels", labeled / "labels.csv", "--folds", 3, "--out", out]
    report = trained(*told, *QUICK)

    assert report["labels"] == "of unknown origin: labels.csv does not say how they were made"
    assert load_model(out.with_suffix(".json")).manifest.training_data.endswith(f"Labels: {report['labels']}")


def test_predicted_labels_are_called_so(labeled):
    path = labeled / "labels.csv"
    lines = [f"{line},-1.0" for line in path.read_text().splitlines()]
    path.write_text("\n".join(["file,osteoporosis,t_score_predicted_by_a_model", *lines[1:]]) + "\n")

    report = trained("--images", labeled, "--labels", path, "--folds", 3, *QUICK)

    assert report["labels"].startswith("another model's predictions, not measurements (column t_score_pred")


@pytest.mark.slow
def test_real_films_give_a_cross_validated_auc_with_its_interval(shared, tmp_path):
    """A network this small, trained for three steps, knows nothing; what counts is that it is told honestly."""
    films = shared / "cxr" / "chestxray14"
    if not films.is_dir():
        pytest.skip("the real radiographs are not among the shared material")

    head, *lines = (films / "labels.csv").read_text().splitlines()
    some = [line for end in (",0", ",1") for line in [row for row in lines if row.endswith(end)][:6]]
    (tmp_path / "labels.csv").write_text("\n".join([head, *some]) + "\n")
    report = trained("--images", films, "--labels", tmp_path / "labels.csv", "--folds", 3, *QUICK)

    assert (report["films"], report["folds"], len(report["fold_aucs"])) == (12, 3, 3)
    lower, upper = report["interval_95"]
    assert 0 <= lower < report["auc"] < upper <= 1 and report["interval_method"] == "DeLong 1988"
    assert report["labels"].startswith("another model's predictions, not measurements")


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
