"""Films scored per second, against a plain eager torch loop over the same films with the same weights."""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from screening.inference import RiskModel, load_model
from screening.manifests import DIGITS
from screening.networks import OpscanResNet18
from screening.phantoms import Anatomy, render_pa
from screening.preprocessing import prepare
from screening.sandbox import read_pixels
from tests.bench.measuring import Bench, Pair, timed

REAL_FILMS = Path(__file__).resolve().parents[3] / "shared" / "cxr" / "chestxray14"
PHANTOMS = 60


def images() -> Iterator[NDArray[np.floating]]:
    """Yield the real films beside the project, or phantoms of the same size where there are none."""
    if files := sorted(REAL_FILMS.glob("*.dcm")):
        yield from (read_pixels(file.read_bytes()) for file in files)
        return
    for seed in range(PHANTOMS):
        rng = np.random.default_rng(seed)
        yield render_pa(Anatomy.draw(rng), 1.0, rng)


def plain_network(model: RiskModel) -> OpscanResNet18:
    """Return the same weights in torch's usual memory layout."""
    network = OpscanResNet18(model.manifest.width)
    network.load_state_dict(model.network.state_dict())
    return network.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


def plain_score(network: OpscanResNet18, image: NDArray[np.floating]) -> float:
    """Score a film the plain way: the ten crops as one batch, eager, without gradients."""
    with torch.no_grad():
        return float(torch.sigmoid(network(prepare(image).contiguous())).mean())


def pairs() -> Iterator[Pair]:
    """Yield a pair a film, once both ways have given the same score."""
    model = load_model()
    network = plain_network(model)
    for image in images():
        ours, plain = model.score(image).mean, plain_score(network, image)
        if abs(ours - plain) > 2 * 10**-DIGITS:
            raise AssertionError(f"The two ways disagree on a film: {ours} and {plain}.")
        yield (
            partial(timed, partial(model.score, image)),
            partial(timed, partial(plain_score, network, image)),
        )


BENCHES = (
    Bench(
        title="Scoring a film (ten crops, shipped weights, one thread)",
        unit="films a second",
        ours="`screening.inference.RiskModel.score`",
        peer="plain eager torch: the same network, weights and crops, a batch of ten, default memory layout",
        pairs=pairs,
    ),
)
SETTING = nullcontext
