"""`train_risk_model` writes a model that loads, and reports honestly."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from screening.inference import load_model
from screening.training import Course
from tests.dicom import chest_film, ramp

QUICK = ["--width=4", "--epochs=1", "--batches=1", "--json"]


def trained(*arguments: object) -> dict:
    out = StringIO()
    call_command("train_risk_model", *map(str, arguments), stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture(autouse=True)
def _few_reference_films(monkeypatch):
    """Fifty reference films a model are for those that are to be registered."""
    monkeypatch.setattr("screening.reference.STUDIES", 2)


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
    lines = [f"{line},{-3.0 if line.endswith('1') else -1.0}" for line in path.read_text().splitlines()]
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


def test_a_run_that_was_stopped_goes_on_to_the_same_model(labeled, tmp_path, monkeypatch):
    """Stopped by hand in the second fold; what is written in the end is what an undisturbed run writes."""
    told = ["--images", labeled, "--labels", labeled / "labels.csv", "--folds", 3, *QUICK]
    trained(*told, "--run", tmp_path / "whole")

    epochs = iter(range(4))
    undisturbed = Course.epoch

    def stopped(course, films, tuning):
        if next(epochs) == 3:
            raise KeyboardInterrupt
        return undisturbed(course, films, tuning)

    monkeypatch.setattr(Course, "epoch", stopped)
    with pytest.raises(CommandError, match=r"--resume .*parted") as refused:
        trained(*told, "--run", tmp_path / "parted")
    assert refused.value.returncode == 130 and not (tmp_path / "parted" / "model-1.json").exists()

    taken = []
    monkeypatch.setattr(Course, "epoch", lambda *given: taken.append(1) or undisturbed(*given))
    trained("--resume", tmp_path / "parted", "--json")

    assert len(taken) == 4 * 3 - 3  # what had been trained is not trained again
    same = ("model-1.safetensors", "model-1.json", "predictions.csv", "card.json", "card.md", "roc.svg")
    for name in same:
        assert (tmp_path / "parted" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_run_goes_on_with_the_films_it_began_with(labeled, tmp_path):
    run, path = tmp_path / "run", labeled / "labels.csv"
    trained("--images", labeled, "--labels", path, "--folds", 3, "--run", run, *QUICK)
    with pytest.raises(CommandError, match="holds a run already"):
        trained("--images", labeled, "--labels", path, "--run", run, *QUICK)
    with pytest.raises(CommandError, match="takes no recipe"):
        trained("--resume", run, "--epochs", 2)

    (labeled / "0.dcm").write_bytes(chest_film(ramp(256, 256)[::-1].copy()))
    with pytest.raises(CommandError, match="with other films"):
        trained("--resume", run)


def test_a_recipe_file_declares_the_run_and_options_change_it(tmp_path, monkeypatch):
    monkeypatch.setattr("screening.training_reports.TEST_FILMS", 20)
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"width": 4, "rates": [0.01], "batches": 1, "epochs": 9}')
    trained("--phantoms", 30, "--recipe", recipe, "--epochs", 1, "--run", tmp_path / "run", "--json")

    kept = json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]
    assert (kept["width"], kept["rates"], kept["epochs"], kept["half_batch"]) == (4, [0.01], 1, 16)


def test_t_scores_are_taught_and_the_bound_of_osteoporosis_is_the_threshold(tmp_path, monkeypatch):
    monkeypatch.setattr("screening.training_reports.TEST_FILMS", 30)
    report = trained("--phantoms", 40, "--target", "t_score", "--out", tmp_path / "t-1", *QUICK)
    manifest = load_model(tmp_path / "t-1.json").manifest

    assert "T-score of -2.5" in manifest.threshold_rule
    line = manifest.calibration or {"intercept": "0"}
    assert manifest.threshold == pytest.approx(1 / (1 + np.exp(-float(line["intercept"]))), abs=1e-6)
    assert report["mean_absolute_error"] > 0 and len(report["limits_of_agreement"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "."], "--images needs --labels"),
        ([], "one of the arguments --phantoms --images --resume is required"),
        (["--phantoms", "0"], "at least 20"),
        (["--phantoms", "30", "--epochs", "0"], "epochs must be at least 1"),
        (["--images", ".", "--labels", "nowhere.csv"], r"nowhere\.csv"),
        (["--resume", "nowhere"], "nowhere holds no run"),
        (["--phantoms", "30", "--recipe", "nowhere.json"], r"recipe nowhere\.json cannot be read"),
    ],
)
def test_wrong_arguments_are_explained(arguments, message):
    with pytest.raises(CommandError, match=message):
        trained(*arguments)


def test_too_many_folds_are_refused(labeled):
    with pytest.raises(CommandError, match="Folds must number 3 to 4"):
        trained("--images", labeled, "--labels", labeled / "labels.csv", "--folds", 5, *QUICK)
