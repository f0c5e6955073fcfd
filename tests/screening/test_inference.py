"""Scores come from the model the manifest names, or not at all."""

import ast
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from django.conf import settings
from safetensors.torch import save as dump_tensors

from screening.evaluation import auc_interval
from screening.inference import NotScored, RiskModel, load_model, save_model
from screening.manifests import DEMONSTRATION_MODEL, ModelRefused
from screening.networks import DENSENET121, initialized
from screening.training_sets import phantom_scores
from tests.dicom import ramp

OPENERS = ("torch.load", "torch.jit.load", "np.load", "numpy.load")
FACTS = {
    "name": "test",
    "version": "1",
    "threshold": 0.5,
    "threshold_rule": "none",
    "training_data": "none",
    "intended_use": "test",
    "license": "none",
    "performance": {},
}


@pytest.fixture
def manifest(tmp_path) -> Path:
    """A small model of its own, written to disk."""
    save_model(initialized(4, seed=1), tmp_path / "model.json", **FACTS)
    return tmp_path / "model.json"


def rewrite(manifest: Path, **changes) -> Path:
    content = json.loads(manifest.read_text()) | changes
    kept = {name: value for name, value in content.items() if value is not None or name not in changes}
    manifest.write_text(json.dumps(kept))
    return manifest


def picture() -> np.ndarray:
    return ramp(512, 512) / 255


def test_a_densenet_is_served_like_the_published_network(tmp_path, monkeypatch):
    monkeypatch.setattr("screening.reference.STUDIES", 2)
    network = initialized(4, seed=1, architecture=DENSENET121)
    save_model(network, tmp_path / "dense-1.json", **FACTS)
    model = load_model(tmp_path / "dense-1.json")
    assert model.manifest.architecture == DENSENET121
    assert model.score(picture()).mean == pytest.approx(
        RiskModel(model.manifest, network).score(picture()).mean
    )


def test_a_score_is_ten_probabilities_and_their_mean():
    result = load_model(DEMONSTRATION_MODEL).score(picture())
    assert len(result.probabilities) == 10 and all(0 <= p <= 1 for p in result.probabilities)
    assert result.mean == round(sum(result.probabilities) / 10, 6)
    assert all(round(p, 6) == p for p in result.probabilities)


def test_a_score_does_not_depend_on_what_was_scored_before():
    model = load_model(DEMONSTRATION_MODEL)
    first = model.score(picture())
    model.score(1 - picture())
    assert model.score(picture()) == first


def test_mirroring_a_film_swaps_the_crops_and_keeps_the_mean():
    model, film = load_model(DEMONSTRATION_MODEL), picture()[1::2, 1::2]
    plain, mirrored = model.score(film), model.score(film[:, ::-1])
    assert mirrored.probabilities[0] == pytest.approx(plain.probabilities[7], abs=2e-6)
    assert mirrored.mean == pytest.approx(plain.mean, abs=2e-6)


def test_the_shipped_model_finds_osteoporosis_in_phantoms_it_never_saw():
    scores, _, positive = phantom_scores(load_model(DEMONSTRATION_MODEL).network, 60, seed=777)
    auc, lower, _ = auc_interval(scores, positive)
    assert auc >= 0.90 and lower > 0.85
    assert 0.15 <= (scores >= load_model(DEMONSTRATION_MODEL).manifest.threshold).mean() <= 0.45


def test_the_shipped_model_says_what_it_is_and_is_small():
    manifest = load_model(DEMONSTRATION_MODEL).manifest
    assert DEMONSTRATION_MODEL.with_suffix(".safetensors").stat().st_size <= 8_000_000
    assert manifest.intended_use.startswith("Demonstration only")
    assert manifest.performance["auc"] >= 0.90 and manifest.performance["mean_intensity_auc"] <= 0.60


def test_weights_are_loaded_as_they_were_saved(manifest):
    saved, loaded = initialized(4, seed=1).state_dict(), load_model(manifest).network.state_dict()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)


def test_a_model_is_loaded_once_and_scores_with_one_thread():
    assert load_model(DEMONSTRATION_MODEL) is load_model(DEMONSTRATION_MODEL)
    load_model.cache_clear()
    load_model(DEMONSTRATION_MODEL)
    assert torch.get_num_threads() == 1


def test_one_changed_byte_is_refused(manifest):
    weights = manifest.with_suffix(".safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelRefused, match=r"has SHA-256 .* the manifest says .* restore the file"):
        load_model(manifest)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preprocessing": "torch-resize/1"}, "needs preprocessing 'torch-resize/1', this installation has"),
        ({"pixels": "other/1"}, "needs pixels"),
        ({"architecture": "resnet50"}, "needs architecture"),
        ({"width": 8}, "do not fit a network of width 8"),
        ({"threshold": 1.5}, "threshold must lie between 0 and 1, not 1.5"),
        ({"threshold": "0.5"}, "threshold must lie between 0 and 1, not 0.5"),
        ({"width": 10**6}, "width must be 1 to 256 channels, not 1000000"),
        ({"kind": "sounds"}, "kind is 'sounds', and this release knows films, covariates"),
        ({"kind": "covariates"}, "needs kind 'covariates'"),
        ({"format": "torchscript"}, "TorchScript is a program, and torch has no safe way to open it"),
        ({"license": ""}, "leaves license empty"),
        ({"name": "../../up"}, "Name and version are .* not '../../up'"),
        ({"calibration": {"slope": "-1", "intercept": "0"}}, "calibration needs a slope above 0"),
        ({"calibration": {"slope": 1.5}}, "calibration needs a slope above 0"),
        ({"threshold": None}, "missing or unknown entries: \\['threshold'\\]"),
        ({"extra": 1}, "missing or unknown entries: \\['extra'\\]"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(manifest, changes, message):
    with pytest.raises(ModelRefused, match=message):
        load_model(rewrite(manifest, **changes))


def test_missing_files_are_refused(manifest, tmp_path):
    with pytest.raises(ModelRefused, match=r"nowhere\.json cannot be read"):
        load_model(tmp_path / "nowhere.json")
    manifest.with_suffix(".safetensors").unlink()
    with pytest.raises(ModelRefused, match=r"model\.safetensors cannot be read"):
        load_model(manifest)


def test_a_pickle_with_the_right_checksum_is_not_opened(manifest):
    weights = manifest.with_suffix(".safetensors")
    torch.save(initialized(4, seed=1).state_dict(), weights)
    rewrite(manifest, sha256=hashlib.sha256(weights.read_bytes()).hexdigest())
    with pytest.raises(ModelRefused, match="are not safetensors"):
        load_model(manifest)


def test_weights_that_are_no_numbers_are_refused(manifest, tmp_path):
    network = initialized(4, seed=1)
    torch.nn.init.constant_(network.fc1.bias, float("nan"))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(dump_tensors({k: v.contiguous() for k, v in network.state_dict().items()}))
    rewrite(manifest, sha256=hashlib.sha256(weights.read_bytes()).hexdigest())
    with pytest.raises(ModelRefused, match="are no numbers"):
        load_model(manifest)


def test_no_code_of_ours_can_open_a_pickle():
    """Read the source: no import of pickle, no call of torch.load or torch.jit.load."""
    for path in Path(settings.BASE_DIR, "screening").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {"pickle", "joblib", "dill"} & set(names), path
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node) in OPENERS), path


def test_a_result_that_is_no_number_is_a_failure_not_a_low_risk():
    network = initialized(4, seed=1)
    torch.nn.init.constant_(network.fc1.bias, float("nan"))
    with pytest.raises(NotScored, match="not a number"):
        RiskModel(load_model().manifest, network).score(picture())


def test_a_film_that_is_no_number_somewhere_is_a_failure_too():
    film = picture()
    film[100:400, 100:400] = np.nan
    with pytest.raises(NotScored):
        load_model(DEMONSTRATION_MODEL).score(film)


def test_a_copied_model_scores_the_same(tmp_path):
    for suffix in (".json", ".safetensors"):
        shutil.copy(DEMONSTRATION_MODEL.with_suffix(suffix), tmp_path)
    assert load_model(tmp_path / DEMONSTRATION_MODEL.name).score(picture()) == load_model().score(picture())
