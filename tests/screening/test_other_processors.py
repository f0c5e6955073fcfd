"""Scores on processors that are not this one, as QEMU makes them: the whole command, on real films.

Emulated are instruction sets alone, by which numpy, torch and ONNX Runtime choose how they add up.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dicom import REAL_FILMS, needs_real_films

QEMU = "qemu-x86_64"
PROJECT = Path(__file__).resolve().parents[2]
WITHIN = 1e-6 + 1e-12  # one unit of the last digit that is kept
FILMS = 3

pytestmark = [
    pytest.mark.proof,
    needs_real_films,
    pytest.mark.skipif(shutil.which(QEMU) is None, reason="qemu-user is not installed"),
]


def scores(*emulator: str) -> list[list[float]]:
    """Return for each film its mean and its ten crops."""
    films = sorted(REAL_FILMS.glob("*.dcm"))[:FILMS]
    command = [*emulator, sys.executable, "manage.py", "score", *map(str, films), "--json"]
    told = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=1200
    ).stdout
    return [[film["mean"], *film["probabilities"]] for film in json.loads(told)]


@pytest.fixture(scope="module")
def here():
    return scores()


@pytest.mark.parametrize("processor", ["SandyBridge", "Haswell", "EPYC"])  # AVX; AVX2; AVX2 of another maker
def test_a_score_is_the_same_on_another_processor(here, processor):
    for film, as_here in zip(scores(QEMU, "-cpu", processor), here, strict=True):
        assert film == pytest.approx(as_here, abs=WITHIN)
