"""Where a film speaks for its score: integrated gradients, laid back on the film. Never for diagnosis.

Sundararajan et al. (ICML 2017). The way goes from a film of one gray to the film, and what each pixel adds on it adds
up to the difference of the log odds. Grad-CAM on the last stage was tried first and failed the sanity test below; see
docs/adr/0026-training-and-saliency.md. Nothing is hooked or switched in the network, which others may be scoring with.
"""

import io
from copy import deepcopy

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage, stats
from torch import Tensor

from screening.networks import FilmNetwork
from screening.preprocessing import CROP, Image, prepare, resize

NOT_FOR_DIAGNOSIS = "NOT FOR DIAGNOSIS"
STEPS = 8
PLAIN = 5  # crops; the other five are the same mirrored and would double the time
BLUR = 5.0  # pixels of the resized film; single pixels are noise
CORRELATION_LIMIT = 0.5  # with the maps of shuffled networks; set before anything was measured
SHUFFLES = 3

Map = NDArray[np.float64]


def attributions(network: FilmNetwork, crops: Tensor, steps: int = STEPS) -> Tensor:
    """Return what each pixel of each crop (n, 3, 224, 224) adds to its log odds, as (n, 224, 224)."""
    crops = crops.contiguous(memory_format=torch.channels_last)
    flat = crops.mean(dim=(2, 3), keepdim=True).expand_as(crops)
    total = torch.zeros_like(crops)
    for step in range(steps):
        share = (step + 0.5) / steps
        between = (flat + share * (crops - flat)).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(network(between).sum(), between)
        total += gradient
    return ((crops - flat) * total / steps).sum(dim=1)


def evidence(network: FilmNetwork, image: Image) -> Map:
    """Return what each pixel of the resized film adds to the log odds: above zero for osteoporosis, below against.

    The mean of the crops that hold the pixel, a little blurred. The network must be in its scoring mode.
    """
    rows, columns = resize(image).shape
    total, count = np.zeros((rows, columns)), np.zeros((rows, columns))
    found = attributions(network, prepare(image)[:PLAIN]).double().numpy()
    for (down, right), values in zip(_corners(rows, columns), found, strict=True):
        here = slice(down, down + CROP), slice(right, right + CROP)
        total[here] += values
        count[here] += 1
    blurred: Map = ndimage.gaussian_filter(total / np.maximum(count, 1), BLUR, mode="constant")
    return blurred


def _corners(rows: int, columns: int) -> list[tuple[int, int]]:
    """Return where the plain crops lie, in the order of `ten_crops`."""
    down, right = rows - CROP, columns - CROP
    return [(0, 0), (down, 0), (0, right), (down, right), (down // 2, right // 2)]


def shuffled(network: FilmNetwork, seed: int) -> FilmNetwork:
    """Return a copy whose weights are the same numbers in random places, layer by layer."""
    copy, generator = deepcopy(network), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in copy.parameters():
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return copy


def correlation_with_shuffled(network: FilmNetwork, image: Image) -> float:
    """Return the rank correlation of the map with those of shuffled networks, the mean of its absolute values.

    A map that stays when the network has forgotten everything shows the film, not the network (Adebayo et al.,
    NeurIPS 2018): beyond CORRELATION_LIMIT it explains nothing.
    """
    own = evidence(network, image).ravel()
    others = (evidence(shuffled(network, seed), image).ravel() for seed in range(SHUFFLES))
    # the map of a dead network is flat and has no ranks: it is as different as can be
    return float(np.mean([abs(np.nan_to_num(stats.spearmanr(own, other).statistic)) for other in others]))


def overlay(image: Image, found: Map, title: str) -> bytes:
    """Draw a film with what speaks for osteoporosis in red and against it in blue, and the warning, as PNG."""
    strength = np.abs(found) / max(float(np.abs(found).max()), 1e-9)
    with mpl.rc_context({"font.size": 10}):
        figure = Figure(figsize=(6, 6.6), dpi=110, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.imshow(resize(image), cmap="gray", vmin=0, vmax=1)
        axes.imshow(np.sign(found), cmap="bwr", vmin=-1, vmax=1, alpha=0.75 * strength)
        axes.set_axis_off()
        axes.set_title(title)
        _warn(axes, *found.shape)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None, "Description": NOT_FOR_DIAGNOSIS})
    return out.getvalue()


def _warn(axes: Axes, rows: int, columns: int) -> None:
    """Write the warning into the picture, above and below, so that it stays when the picture is cut out."""
    box = {"facecolor": "black", "alpha": 0.7, "edgecolor": "none"}
    for height in (0.06, 0.94):
        axes.text(
            *(columns / 2, rows * height, NOT_FOR_DIAGNOSIS),
            ha="center",
            va="center",
            color="white",
            weight="bold",
            bbox=box,
        )
