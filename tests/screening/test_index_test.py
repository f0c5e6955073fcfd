"""Two tests behind one interface: the same study has the same digits, and what can't be answered has a reason."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch

from screening.checks import check_model
from screening.fitting import fit
from screening.index_test import Image, IndexTest, Study
from screening.inference import NO_FILM, load_model
from screening.loading import load_test, read_test
from screening.manifests import (
    DEMONSTRATION_MODEL,
    DEMONSTRATION_RISK_SCORE,
    Manifest,
    ModelRefused,
    calibrated,
)
from screening.reference import STUDIES, phantom_studies, read_reference, study_of
from screening.risk_scores import read_risk_score

BOTH = pytest.mark.parametrize("path", [DEMONSTRATION_MODEL, DEMONSTRATION_RISK_SCORE], ids=lambda p: p.stem)
# What somebody else's process says of three reference films, with as many threads as it is given.
ELSEWHERE = """
import sys, torch
from screening.loading import load_test
from screening.manifests import DEMONSTRATION_MODEL
from screening.reference import phantom_studies, study_of
test = load_test(DEMONSTRATION_MODEL)
torch.set_num_threads(int(sys.argv[1]))
print([str(m.value) for entry in phantom_studies()[7:10] for m in test.run(study_of(entry)).measurements])
"""
KNOWN = {
    "age": Decimal(71),
    "sex": "female",
    "bmi": Decimal("21.5"),
    "fracture": "yes",
    "glucocorticoids": "no",
    "rheumatoid_arthritis": "no",
    "secondary_osteoporosis": "no",
}


def copied(path: Path, folder: Path) -> Path:
    """Copy a shipped model, to be spoiled."""
    for file in path.parent.glob(f"{path.stem}.*"):
        shutil.copy(file, folder)
    return folder / path.name


def rewritten(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def films(*numbers: int) -> tuple[Image, ...]:
    return tuple(study_of(phantom_studies()[number]).images[0] for number in numbers)


@BOTH
def test_each_shipped_model_passes_every_check(path):
    checks = check_model(path)
    assert [c.name for c in checks if not c.passed] == []
    assert len(checks) == 6 and "50 studies, the largest difference 0.0000" in checks[3].said


@BOTH
def test_whatever_stands_behind_the_interface_is_asked_alike(path):
    test: IndexTest = load_test(path)
    entries = read_reference(path, test.manifest.reference_sha256)
    answer = test.run(study_of(entries[0]))
    assert answer.probability is not None
    assert abs(answer.probability - Decimal(entries[0]["expected"])) <= Decimal("1e-5")
    assert answer.measurements and answer.reasons == ()
    empty = test.run(Study())
    assert empty.probability is None and empty.reasons


def test_a_film_keeps_its_digits_whatever_is_scored_beside_it_and_with_however_many_threads():
    test, three = load_model(), films(7, 8, 9)
    alone = [test.run(Study((film,))) for film in three]
    torch.set_num_threads(4)
    together = test.run(Study(three[::-1]))
    assert [m.value for a in alone[::-1] for m in a.measurements] == [m.value for m in together.measurements]
    means = [a.probability for a in alone if a.probability is not None]
    assert together.probability == (sum(means) / 3).quantize(Decimal("0.000001"))


def test_other_processes_with_other_threads_give_the_same_digits():
    here = [str(m.value) for film in films(7, 8, 9) for m in load_model().run(Study((film,))).measurements]
    for threads in ("1", "4"):
        environment = os.environ | {"OMP_NUM_THREADS": threads}
        run = [sys.executable, "-c", ELSEWHERE, threads]
        said = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout
        assert said.strip() == str(here)


def test_without_a_film_the_network_has_a_reason_and_no_probability():
    assert load_model().run(Study(covariates=KNOWN)).reasons == (NO_FILM,)


# --- the risk score -----------------------------------------------------------------------------------------


def test_a_risk_score_is_the_sum_of_its_coefficients():
    score = read_risk_score(DEMONSTRATION_RISK_SCORE)
    content = json.loads(DEMONSTRATION_RISK_SCORE.with_suffix(".coefficients.json").read_text())
    of = {(t["covariate"], t.get("level")): float(t["coefficient"]) for t in content["terms"]}
    odds = float(content["intercept"]) + 71 * of["age", None] + 21.5 * of["bmi", None]
    odds += of["sex", "female"] + of["fracture", "yes"]
    answer = score.run(Study(covariates=KNOWN))
    assert float(answer.probability or 0) == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
    assert float(answer.measurements[0].value) == pytest.approx(odds, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bmi": None}, "BMI is not known."),
        ({"age": Decimal(20)}, "Age is 20; the score is for 40 to 110."),
        ({"sex": "unknown"}, "Sex is unknown, not female or male."),
        ({"age": "old"}, "Age is old; the score is for 40 to 110."),
        ({"fracture": None}, "Fracture is not known."),
        ({"bmi": Decimal("NaN")}, "BMI is NaN; the score is for 12 to 60."),
    ],
)
def test_what_is_not_known_is_a_reason_and_never_a_low_risk(change, reason):
    answer = load_test(DEMONSTRATION_RISK_SCORE).run(Study(covariates=KNOWN | change))
    assert (answer.probability, answer.reasons) == (None, (reason,))


def test_the_shipped_score_is_what_the_fit_gives(tmp_path):
    fitted = fit(tmp_path / DEMONSTRATION_RISK_SCORE.name, seed=1)
    assert fitted == load_test(DEMONSTRATION_RISK_SCORE).manifest
    assert fitted.intended_use.startswith("Demonstration only") and "made-up people" in fitted.training_data


# --- what is refused ----------------------------------------------------------------------------------------


@BOTH
def test_a_model_that_answers_otherwise_than_expected_does_not_start(path, tmp_path):
    spoiled = copied(path, tmp_path)
    reference = spoiled.with_suffix(".reference.json")
    content = json.loads(reference.read_text())
    content["studies"][0]["expected"] = str(Decimal(content["studies"][0]["expected"]) + Decimal("0.00002"))
    reference.write_text(json.dumps(content))
    rewritten(spoiled, reference_sha256=hashlib.sha256(reference.read_bytes()).hexdigest())

    with pytest.raises(ModelRefused, match="Reference study 1 gives"):
        load_test(spoiled)
    assert [c.passed for c in check_model(spoiled)] == [True, True, True, False]


def test_a_changed_reference_file_is_no_reference(tmp_path):
    spoiled = copied(DEMONSTRATION_RISK_SCORE, tmp_path)
    with spoiled.with_suffix(".reference.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ModelRefused, match="has SHA-256"):
        load_test(spoiled)


def test_too_few_reference_studies_are_not_enough(tmp_path):
    spoiled = copied(DEMONSTRATION_RISK_SCORE, tmp_path)
    reference = spoiled.with_suffix(".reference.json")
    few = json.loads(reference.read_text())["studies"][: STUDIES - 1]
    reference.write_text(json.dumps({"studies": few}))
    rewritten(spoiled, reference_sha256=hashlib.sha256(reference.read_bytes()).hexdigest())
    assert "There are 49 reference studies" in check_model(spoiled)[-1].said


@pytest.mark.parametrize(
    "content",
    [b"\x80\x04K\x01.", b"[]", b"{}", b'{"intercept": "NaN", "terms": [], "limits": {}, "words": {}}',
     b'{"intercept": "0", "terms": [{"covariate": "age", "coefficient": "1"}], "limits": {}, "words": {}}'],
    ids=["pickle", "list", "nothing", "no number", "no limits"],
)  # fmt: skip
def test_coefficients_that_are_none_are_refused(content, tmp_path):
    spoiled = copied(DEMONSTRATION_RISK_SCORE, tmp_path)
    spoiled.with_suffix(".coefficients.json").write_bytes(content)
    rewritten(spoiled, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelRefused, match=r"holds no coefficients|can't be used"):
        read_test(spoiled)


# --- calibration --------------------------------------------------------------------------------------------


def test_calibration_moves_the_log_odds_and_keeps_six_decimals():
    plain = load_test(DEMONSTRATION_RISK_SCORE).manifest
    line = Manifest(**vars(plain) | {"calibration": {"slope": "0.5", "intercept": "-1"}})
    assert calibrated(plain, Decimal("0.8")) == Decimal("0.800000")
    expected = 1 / (1 + np.exp(-(0.5 * np.log(4) - 1)))
    assert calibrated(line, Decimal("0.8")) == Decimal(f"{expected:.6f}")
    assert 0 < calibrated(line, Decimal(0)) < calibrated(line, Decimal(1)) < 1
