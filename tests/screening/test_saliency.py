"""Maps of what speaks for a score: exact, laid where it was seen, and gone when the network has forgotten."""

import io
from copy import deepcopy

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from screening.inference import load_model
from screening.networks import FilmNetwork, initialized
from screening.phantoms import Anatomy, render_pa
from screening.preprocessing import prepare
from screening.saliency import (
    CORRELATION_LIMIT,
    attributions,
    correlation_with_shuffled,
    evidence,
    overlay,
    shuffled,
)


@pytest.fixture(scope="module")
def shipped() -> FilmNetwork:
    return load_model().network


def phantom(density: float, seed: int = 3) -> np.ndarray:
    """Return the film of one person, as it would be at another bone density."""
    rng = np.random.default_rng(seed)
    return render_pa(Anatomy.draw(rng), density, rng)


def test_what_the_pixels_add_is_the_difference_from_a_gray_film():
    """The completeness of integrated gradients: nothing of the log odds is left unexplained."""
    network, crops = initialized(4, seed=2).eval(), prepare(phantom(-3))[:1]
    with torch.inference_mode():
        gray = crops.mean(dim=(2, 3), keepdim=True).expand_as(crops)
        difference = (network(crops) - network(gray)).item()
    assert attributions(network, crops, steps=12).sum().item() == pytest.approx(
        difference, rel=0.05, abs=0.002
    )


class CornerReader(FilmNetwork):
    """A network that reads the upper left corner of a crop and nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0, :40, :40].sum(dim=(1, 2))


def test_a_map_lies_where_the_network_looked():
    """The corners of the five crops of a film of 256 x 300 begin at 0, 32 and 16 down, at 0, 76 and 38 to the right."""
    film = np.random.default_rng(1).random((256, 300))
    seen = np.abs(evidence(CornerReader(), film)) > 1e-4
    reach = 40 + 20  # the blur's
    assert seen[:20, 80:110].any() and seen[40:70, :30].any() and seen[20:50, 45:70].any()
    assert not seen[32 + reach :, :].any() and not seen[:, 76 + reach :].any()


def test_the_map_is_stronger_on_bones_which_alone_tell_anything_in_phantoms(shipped):
    """The same body and exposure at two densities: the quarter of the film that differs most is bone."""
    for seed in (31, 32, 33):
        thin, sound = (phantom(density, seed)[1::2, 1::2] for density in (-4.5, 0.5))
        differing = np.abs(thin - sound - np.median(thin - sound))
        bone = differing > np.quantile(differing, 0.75)
        strength = np.abs(evidence(shipped, thin))
        assert strength[bone].mean() > strength[~bone].mean()


def test_thinner_bones_in_the_same_body_speak_more_for_osteoporosis(shipped):
    for seed in (34, 35):
        sound, thin = (evidence(shipped, phantom(density, seed)) for density in (0.5, -4.5))
        assert thin.sum() > sound.sum() + 1


def test_a_map_of_shuffled_weights_is_another_map(shipped):
    """The sanity test of Adebayo et al. (2018): a map that outlives the weights would show the film alone."""
    found = [
        correlation_with_shuffled(shipped, phantom(density, seed)) for seed, density in ((36, -4), (37, 0))
    ]
    assert max(found) < CORRELATION_LIMIT


def test_the_network_that_scores_is_left_as_it_was(shipped):
    before = deepcopy(shipped.state_dict())
    evidence(shipped, phantom(-2))
    other = shuffled(shipped, 1)
    assert all(map(torch.equal, before.values(), shipped.state_dict().values()))
    assert not torch.equal(other.conv0.weight, shipped.conv0.weight)
    assert torch.equal(other.conv0.weight.flatten().sort()[0], shipped.conv0.weight.flatten().sort()[0])
    assert not shipped.training and all(p.grad is None for p in shipped.parameters())


def test_the_picture_carries_its_warning():
    film = np.full((300, 256), 0.5)
    data = overlay(film, np.zeros((300, 256)), "film")
    plain = imread(io.BytesIO(data), format="png")
    assert data[:4] == b"\x89PNG" and b"NOT FOR DIAGNOSIS" in data and plain.shape[:2] == (726, 660)
    red = np.zeros((300, 256))
    red[100:200, 50:100] = 2.0
    colored = imread(io.BytesIO(overlay(film, red, "film")), format="png")
    assert (colored[..., 0] > colored[..., 2] + 0.2).any()
    assert not (colored[..., 2] > colored[..., 0] + 0.2).any()
    assert not (plain[..., 0] > plain[..., 2] + 0.2).any()
