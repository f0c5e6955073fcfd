"""The risk model of films: a network behind the interface of index tests, loaded by checksum.

Weights are safetensors beside a JSON manifest; nothing is ever unpickled. A manifest that does not fit the
weights, the network or this code's preprocessing is refused, so a score always comes from the model it names.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from scipy.special import expit

from screening.index_test import Answer, Measurement, Study
from screening.manifests import (
    DEMONSTRATION_MODEL,
    DIGITS,
    Format,
    Manifest,
    ModelRefused,
    calibrated,
    check_fits,
    content_path,
    read_content,
    read_manifest,
    write_model,
)
from screening.networks import ARCHITECTURE, NETWORKS, FilmNetwork
from screening.pixels import PIXELS_VERSION
from screening.preprocessing import PREPROCESSING_VERSION, prepare
from screening.reference import phantom_studies, reference_of
from screening.runtime import compiled
from trial.protocol_parts import ScoreKind

CROPS = (10, 3, 224, 224)
WIDEST = 256  # channels of the first stage; the published network has 64
NO_FILM = "There is no film to be scored."


class NotScored(ValueError):
    """The network gave no finite number for a film: a failure, never a low risk."""


@dataclass(frozen=True)
class ScoreResult:
    """Ten crop probabilities and their mean, each rounded to six decimals."""

    probabilities: tuple[float, ...]
    mean: float


def score(network: FilmNetwork, image: NDArray[np.floating]) -> ScoreResult:
    """Score an image (rows, columns) in [0, 1] by torch itself, the reference: both sides at least 256 pixels.

    Dense tissue is bright. Raises NotScored when the result is not finite.
    """
    with torch.inference_mode():
        return summed_up(network(prepare(image).contiguous()).numpy())


def summed_up(logits: NDArray[np.float32]) -> ScoreResult:
    """Return the probabilities of ten crops and their mean: probabilities, not logits, are averaged, as published.

    Raises NotScored when one is not finite.
    """
    values = expit(logits.astype(np.float64)).tolist()
    if not all(math.isfinite(value) for value in values):
        raise NotScored("The network returned a value that is not a number; the film has no score.")
    probabilities = tuple(round(value, DIGITS) for value in values)
    return ScoreResult(probabilities, round(math.fsum(probabilities) / len(probabilities), DIGITS))


class RiskModel:
    """A network ready to score, with the manifest that vouches for it."""

    def __init__(self, manifest: Manifest, network: FilmNetwork, threads: int = 1) -> None:
        self.manifest, self.network = manifest, network.eval()
        self._logits = compiled(self.network, CROPS, threads)

    def score(self, image: NDArray[np.floating]) -> ScoreResult:
        """Score one film as `score` does, in about half its time.

        The batch is always the ten crops of one film, so a film's score cannot depend on its neighbors.
        """
        return summed_up(self._logits(prepare(image).numpy()))

    def run(self, study: Study) -> Answer:
        """Score each film by itself; the probability of several is the mean of theirs."""
        if not study.images:
            return Answer(None, reasons=(NO_FILM,))
        results = [self.score(image.pixels) for image in study.images]
        mean = sum(Decimal(str(result.mean)) for result in results) / len(results)
        measured = tuple(
            Measurement(f"{image.name} crop {number}".strip(), Decimal(str(value)))
            for image, result in zip(study.images, results, strict=True)
            for number, value in enumerate(result.probabilities, 1)
        )
        return Answer(calibrated(self.manifest, Decimal(mean)), measured)


def _check_network(manifest: Manifest) -> None:
    """Refuse a manifest of another network, of other pixels or preprocessing than this code's."""
    check_fits(
        manifest,
        kind=ScoreKind.FILMS,
        format=Format.SAFETENSORS,
        architecture=manifest.architecture if manifest.architecture in [*NETWORKS] else ARCHITECTURE,
        pixels=PIXELS_VERSION,
        preprocessing=PREPROCESSING_VERSION,
    )
    if not isinstance(manifest.width, int) or not 1 <= manifest.width <= WIDEST:
        raise ModelRefused(f"The width must be 1 to {WIDEST} channels, not {manifest.width}.")


def _network(path: Path, manifest: Manifest) -> FilmNetwork:
    """Build the network of a manifest from the tensors beside it; each must be there, of its shape, and finite."""
    weights = content_path(path, manifest)
    network = NETWORKS[manifest.architecture](manifest.width or 0)
    try:
        tensors = load_tensors(read_content(weights, manifest.sha256))
        network.load_state_dict(tensors)
    except SafetensorError as error:
        raise ModelRefused(f"The weights {weights.name} are not safetensors: {error}.") from error
    except RuntimeError as error:
        raise ModelRefused(f"The weights do not fit a network of width {manifest.width}: {error}") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise ModelRefused(f"Some weights in {weights.name} are no numbers. Train the model again.")
    return network


def read_model(path: Path = DEMONSTRATION_MODEL, threads: int = 1) -> RiskModel:
    """Read the model of a manifest; its weights lie beside it as `.safetensors`.

    One torch thread by default: scores then do not depend on the machine's cores, and workers do not compete.
    """
    manifest = read_manifest(path)
    _check_network(manifest)
    torch.set_num_threads(threads)
    return RiskModel(manifest, _network(path, manifest), threads)


load_model = cache(read_model)  # once per process


def save_model(network: FilmNetwork, path: Path, **facts: Any) -> Manifest:
    """Write a network's weights, reference films and manifest; `facts` are what the network cannot know."""
    data = dump_tensors({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    described: dict[str, Any] = {
        "kind": ScoreKind.FILMS,
        "format": Format.SAFETENSORS,
        "architecture": network.architecture,
        "width": network.width,
        "pixels": PIXELS_VERSION,
        "preprocessing": PREPROCESSING_VERSION,
        "calibration": None,
    } | facts
    model = RiskModel(Manifest(sha256="", reference_sha256="", **described), network)
    return write_model(path, data, reference_of(model, phantom_studies()), **described)
