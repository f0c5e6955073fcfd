"""Reference studies: what a model must answer before it is registered, and a few of them before it scores at all.

No data set may be shipped, so films are phantoms that code makes from a seed. They and the answers of the machine
that made the model lie in a file beside the weights, whose checksum the manifest names.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from screening.index_test import Covariate, Image, IndexTest, Study
from screening.manifests import ModelRefused, read_content, reference_path
from screening.phantoms import Anatomy, render_pa

STUDIES = 50
AT_START = 3  # a fraction of a second; all of them take some
TOLERANCE = Decimal("0.00001")
SIZE = 320  # rows and columns; not 256, so that the resize is tried too
Entry = Mapping[str, Any]


def phantom_studies() -> list[Entry]:
    """Return the seeds of fifty films, from healthy bones to very thin ones."""
    return [{"seed": seed, "density": str(1 - Decimal(seed % 10) / 2)} for seed in range(STUDIES)]


def study_of(entry: Entry) -> Study:
    """Make the study that an entry describes."""
    if "seed" in entry:
        return Study((Image(_phantom(entry["seed"], float(entry["density"]))),))
    return Study(covariates={name: _covariate(value) for name, value in entry["covariates"].items()})


def _phantom(seed: int, density: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    picture = render_pa(Anatomy.draw(rng), density, rng, SIZE)
    # As films are stored: the last digits of a sine, which differ between machines, are rounded off.
    return np.rint(picture.astype(np.float64) * 4095) / 4095


def _covariate(value: str | None) -> Covariate:
    try:
        return Decimal(value) if value else None
    except ArithmeticError:
        return value


def reference_of(test: IndexTest, entries: Sequence[Entry]) -> bytes:
    """Return the file of these studies with the answers that a test gives to them."""
    studies = [{**entry, "expected": _said(test, entry)} for entry in entries]
    return json.dumps({"studies": studies}, indent=1).encode() + b"\n"


def _said(test: IndexTest, entry: Entry) -> str | None:
    probability = test.run(study_of(entry)).probability
    return None if probability is None else str(probability)


def read_reference(path: Path, sha256: str) -> list[Entry]:
    """Read the reference studies that lie beside a manifest."""
    data = read_content(reference_path(path), sha256)
    try:
        studies = json.loads(data)["studies"]
        well_formed = all(
            "expected" in entry and ("seed" in entry or "covariates" in entry) for entry in studies
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        well_formed = False
    if not well_formed:
        raise ModelRefused(f"{reference_path(path).name} holds no reference studies with expected answers.")
    return list(studies)


def largest_difference(test: IndexTest, entries: Sequence[Entry]) -> Decimal:
    """Return by how much the answers differ at most from those expected; raise ModelRefused beyond the tolerance."""
    return max(
        (_difference(test, number, entry) for number, entry in enumerate(entries, 1)), default=Decimal(0)
    )


def _difference(test: IndexTest, number: int, entry: Entry) -> Decimal:
    found, expected = _said(test, entry), entry["expected"]
    if found is None or expected is None:
        difference = Decimal(0) if found == expected else Decimal(1)
    else:
        difference = abs(Decimal(found) - Decimal(expected))
    if not difference <= TOLERANCE:
        raise ModelRefused(
            f"Reference study {number} gives {found}, and {expected} was expected (within {TOLERANCE}). "
            "The model, the libraries or this machine are not what the model was made with; nothing is scored."
        )
    return difference


def self_test(test: IndexTest, path: Path) -> None:
    """Ask a few reference studies, over the whole range; raise ModelRefused unless the answers are as expected."""
    entries = read_reference(path, test.manifest.reference_sha256)
    largest_difference(test, entries[:: max(1, len(entries) // AT_START)][:AT_START])
