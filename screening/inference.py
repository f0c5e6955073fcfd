"""Load the risk model by checksum and score one film.

Weights are safetensors beside a JSON manifest; nothing is ever unpickled. A manifest that does not fit the
weights, the network or this code's preprocessing is refused, so a score always comes from the model it names.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from screening.networks import ARCHITECTURE, OpscanResNet18
from screening.pixels import PIXELS_VERSION
from screening.preprocessing import PREPROCESSING_VERSION, prepare

WEIGHTS = Path(__file__).parent / "weights"
DEMONSTRATION_MODEL = WEIGHTS / "demonstration-1.json"
WIDEST = 256  # channels of the first stage; the published network has 64
DIGITS = 6  # scores agree between machines to 1e-6, so that is what is stored and compared


class ModelRefused(ValueError):
    """The weights cannot be used; the message says why and what to do."""


class NotScored(ValueError):
    """The network gave no finite number for a film: a failure, never a low risk."""


@dataclass(frozen=True)
class Manifest:
    """What a file of weights is: identity, network, input, threshold, origin and purpose."""

    name: str
    version: str
    sha256: str
    architecture: str
    width: int
    pixels: str
    preprocessing: str
    threshold: float  # a film is positive when its mean, rounded to six decimals, is at least this
    threshold_rule: str
    training_data: str
    intended_use: str
    performance: dict[str, Any]


@dataclass(frozen=True)
class ScoreResult:
    """Ten crop probabilities and their mean, each rounded to six decimals."""

    probabilities: tuple[float, ...]
    mean: float


def score(network: OpscanResNet18, image: NDArray[np.floating]) -> ScoreResult:
    """Score an image (rows, columns) in [0, 1], dense tissue bright, both sides at least 256 pixels.

    The batch is always the ten crops of one film, so a film's score cannot depend on its neighbors.
    Probabilities, not logits, are averaged, as published. Raises NotScored when the result is not finite.
    """
    batch = prepare(image).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        values = torch.sigmoid(network(batch)).tolist()
    if not all(math.isfinite(value) for value in values):
        raise NotScored("The network returned a value that is not a number; the film has no score.")
    probabilities = tuple(round(value, DIGITS) for value in values)
    return ScoreResult(probabilities, round(math.fsum(probabilities) / len(probabilities), DIGITS))


class RiskModel:
    """A network ready to score, with the manifest that vouches for it."""

    def __init__(self, manifest: Manifest, network: OpscanResNet18) -> None:
        self.manifest = manifest
        # channels-last gives the same numbers to 1e-6 in about half the time on a CPU
        self.network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def score(self, image: NDArray[np.floating]) -> ScoreResult:
        """Score one film; see `score`."""
        return score(self.network, image)


def _read_manifest(path: Path) -> Manifest:
    """Read a manifest, or say which part of it is wrong."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelRefused(f"The manifest {path.name} cannot be read: {error}.") from error
    expected = {field.name for field in fields(Manifest)}
    if not isinstance(content, dict) or set(content) != expected:
        differing = (
            sorted(expected.symmetric_difference(content)) if isinstance(content, dict) else "everything"
        )
        raise ModelRefused(f"The manifest {path.name} has missing or unknown entries: {differing}.")
    return Manifest(**content)


def _check_fits(manifest: Manifest) -> None:
    """Refuse a manifest made for another network or other preprocessing than this code's."""
    for name, ours in (
        ("architecture", ARCHITECTURE),
        ("pixels", PIXELS_VERSION),
        ("preprocessing", PREPROCESSING_VERSION),
    ):
        theirs = getattr(manifest, name)
        if theirs != ours:
            raise ModelRefused(
                f"Model {manifest.name} needs {name} {theirs!r}, this installation has {ours!r}. "
                "Use the release the model was made for, or train it again."
            )
    if not isinstance(manifest.threshold, float) or not 0 < manifest.threshold < 1:
        raise ModelRefused(f"The threshold must lie between 0 and 1, not {manifest.threshold}.")
    if not isinstance(manifest.width, int) or not 1 <= manifest.width <= WIDEST:
        raise ModelRefused(f"The width must be 1 to {WIDEST} channels, not {manifest.width}.")


def _read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read tensors from a safetensors file whose SHA-256 is known."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"The weights {path.name} cannot be read: {error}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelRefused(
            f"The weights {path.name} have SHA-256 {found}, the manifest says {sha256}. "
            "They were changed or copied in part; restore the file that belongs to the manifest."
        )
    try:
        return load_tensors(data)
    except SafetensorError as error:
        raise ModelRefused(f"The weights {path.name} are not safetensors: {error}.") from error


@cache
def load_model(manifest: Path = DEMONSTRATION_MODEL, threads: int = 1) -> RiskModel:
    """Load the model of a manifest once per process; its weights lie beside it as `.safetensors`.

    One torch thread by default: scores then do not depend on the machine's cores, and workers do not compete.
    """
    torch.set_num_threads(threads)
    content = _read_manifest(manifest)
    _check_fits(content)
    tensors = _read_weights(manifest.with_suffix(".safetensors"), content.sha256)
    network = OpscanResNet18(content.width)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelRefused(f"The weights do not fit a network of width {content.width}: {error}") from error
    return RiskModel(content, network)


def save_model(network: OpscanResNet18, manifest: Path, **facts: Any) -> Manifest:
    """Write a network's weights and manifest; `facts` are the manifest entries the network cannot know."""
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    data = dump_tensors(state)
    content = Manifest(
        sha256=hashlib.sha256(data).hexdigest(),
        architecture=ARCHITECTURE,
        width=network.width,
        pixels=PIXELS_VERSION,
        preprocessing=PREPROCESSING_VERSION,
        **facts,
    )
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.with_suffix(".safetensors").write_bytes(data)
    manifest.write_text(json.dumps(asdict(content), indent=1) + "\n")
    return content
