"""What a model version says of itself, and how its files are read: by name, by checksum, and never unpickled."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from trial.protocol_parts import ScoreKind

WEIGHTS = Path(__file__).parent / "weights"
DEMONSTRATION_MODEL = WEIGHTS / "demonstration-1.json"
DEMONSTRATION_RISK_SCORE = WEIGHTS / "risk-score-1.json"
DIGITS = 6  # scores agree between machines to 1e-6, so that is what is stored and compared
LARGEST = 512 * 2**20  # bytes of one file; the published network at full width has 45 million
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")  # file names are made of name and version
_UNIT = Decimal(1).scaleb(-DIGITS)


class ModelRefused(ValueError):
    """The model cannot be used; the message says why and what to do."""


class Format(StrEnum):
    """How the numbers of a model are stored; none of these can hold code."""

    SAFETENSORS = "safetensors"
    COEFFICIENTS = "coefficients"

    @property
    def suffix(self) -> str:
        """Return how the file beside the manifest ends."""
        return ".safetensors" if self is Format.SAFETENSORS else ".coefficients.json"


@dataclass(frozen=True)
class Manifest:
    """What a model version is: identity, input, calibration, threshold, origin, purpose and license."""

    name: str
    version: str
    kind: str
    format: str
    sha256: str
    reference_sha256: str  # of the file of reference studies with their expected answers
    architecture: str
    width: int | None  # of a network
    pixels: str | None  # how a film becomes a picture
    preprocessing: str
    calibration: dict[str, str] | None  # slope and intercept on the scale of log odds; none: as it comes
    threshold: float  # positive when the probability, rounded to six decimals, is at least this
    threshold_rule: str
    training_data: str
    intended_use: str
    license: str
    performance: dict[str, Any]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, or say which part of it is wrong."""
    content = _json(path, f"The manifest {path.name} cannot be read")
    expected = {field.name for field in fields(Manifest)}
    if not isinstance(content, dict) or set(content) != expected:
        differing = (
            sorted(expected.symmetric_difference(content)) if isinstance(content, dict) else "everything"
        )
        raise ModelRefused(f"The manifest {path.name} has missing or unknown entries: {differing}.")
    manifest = Manifest(**content)
    _check_entries(manifest)
    return manifest


def _check_entries(manifest: Manifest) -> None:
    """Refuse entries that no model can have, whatever its kind."""
    for text in (manifest.name, manifest.version):
        if not isinstance(text, str) or not NAME.fullmatch(text):
            raise ModelRefused(
                f"Name and version are 1 to 40 small letters, digits, dots and dashes, not {text!r}."
            )
    for entry, known in (("kind", ScoreKind), ("format", Format)):
        if getattr(manifest, entry) not in set(known):
            raise ModelRefused(_unknown(entry, getattr(manifest, entry), known))
    if not isinstance(manifest.threshold, float) or not 0 < manifest.threshold < 1:
        raise ModelRefused(f"The threshold must lie between 0 and 1, not {manifest.threshold}.")
    for entry in ("training_data", "intended_use", "license"):
        if not getattr(manifest, entry):
            raise ModelRefused(f"The manifest leaves {entry} empty. Whoever signs the model must know it.")
    slope_and_intercept(manifest)


def _unknown(entry: str, found: Any, known: Iterable[str]) -> str:
    said = f"The manifest's {entry} is {found!r}, and this release knows {', '.join(known)}."
    if found == "torchscript":
        said += " TorchScript is a program, and torch has no safe way to open it: store its tensors as safetensors."
    return said


def check_fits(manifest: Manifest, **ours: str | None) -> None:
    """Refuse a manifest made for another network or other preprocessing than this code's."""
    for name, mine in ours.items():
        theirs = getattr(manifest, name)
        if theirs != mine:
            raise ModelRefused(
                f"Model {manifest.name} needs {name} {theirs!r}, this installation has {mine!r}. "
                "Use the release the model was made for, or train it again."
            )


def read_content(path: Path, sha256: str) -> bytes:
    """Read a file whose SHA-256 is known; a larger one than any model's is not opened."""
    try:
        if path.stat().st_size > LARGEST:
            raise ModelRefused(f"The file {path.name} is larger than {LARGEST // 2**20} MB.")
        data = path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"The file {path.name} cannot be read: {error}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelRefused(
            f"The file {path.name} has SHA-256 {found}, the manifest says {sha256}. "
            "It was changed or copied in part; restore the file that belongs to the manifest."
        )
    return data


def content_path(path: Path, manifest: Manifest) -> Path:
    """Return where the numbers of a manifest's model lie."""
    return path.with_suffix(Format(manifest.format).suffix)


def reference_path(path: Path) -> Path:
    """Return where the reference studies of a manifest's model lie."""
    return path.with_suffix(".reference.json")


def write_model(path: Path, data: bytes, reference: bytes, **facts: Any) -> Manifest:
    """Write a model's numbers, its reference studies and the manifest that names both by checksum."""
    manifest = Manifest(
        sha256=hashlib.sha256(data).hexdigest(),
        reference_sha256=hashlib.sha256(reference).hexdigest(),
        **facts,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    content_path(path, manifest).write_bytes(data)
    reference_path(path).write_bytes(reference)
    path.write_text(json.dumps(asdict(manifest), indent=1) + "\n")
    return manifest


def slope_and_intercept(manifest: Manifest) -> tuple[Decimal, Decimal] | None:
    """Return the calibration, or none; refuse one that would turn the order of risks round."""
    said = manifest.calibration
    if said is None:
        return None
    try:
        slope, intercept = Decimal(said["slope"]), Decimal(said["intercept"])
    except (KeyError, TypeError, ArithmeticError, ValueError):
        slope, intercept = Decimal("NaN"), Decimal(0)
    if not (slope.is_finite() and intercept.is_finite() and slope > 0):
        raise ModelRefused(f"The calibration needs a slope above 0 and an intercept as text, not {said}.")
    return slope, intercept


def calibrated(manifest: Manifest, probability: Decimal) -> Decimal:
    """Return what is stored and compared: the probability as the manifest calibrates it, to six decimals.

    Decimal arithmetic, so that every machine gives the same digits for the same digits.
    """
    line = slope_and_intercept(manifest)
    if line is None:
        return probability.quantize(_UNIT)
    inside = min(max(probability, _UNIT), 1 - _UNIT)  # the log odds of 0 and 1 have no end
    return from_log_odds(line[0] * (inside / (1 - inside)).ln() + line[1])


def from_log_odds(log_odds: Decimal) -> Decimal:
    """Return the probability of log odds, to six decimals."""
    bounded = min(max(log_odds, Decimal(-50)), Decimal(50))
    return (1 / (1 + (-bounded).exp())).quantize(_UNIT)


def _json(path: Path, otherwise: str) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelRefused(f"{otherwise}: {error}.") from error
