"""The index test of a manifest, whatever stands behind it: read, tried on reference studies, kept for the process."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from screening.index_test import IndexTest
from screening.inference import read_model
from screening.manifests import read_manifest
from screening.reference import self_test
from screening.risk_scores import read_risk_score
from trial.protocol_parts import ScoreKind

READERS: Mapping[str, Callable[[Path], IndexTest]] = {
    ScoreKind.FILMS: read_model,
    ScoreKind.COVARIATES: read_risk_score,
}


def read_test(path: Path) -> IndexTest:
    """Read the test of a manifest, by its kind; raise ModelRefused with what is wrong."""
    return READERS[read_manifest(path).kind](path)


@cache
def load_test(path: Path) -> IndexTest:
    """Return the test of a manifest, once per process and not before it has answered as expected."""
    test = read_test(path)
    self_test(test, path)
    return test
