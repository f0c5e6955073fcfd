"""ONNX Runtime answers as torch does, the reference, or nothing is scored."""

import numpy as np
import pytest
import torch
from torch import nn

from screening.inference import CROPS, load_model, score
from screening.networks import FULL_WIDTH, OpscanResNet18, initialized
from screening.phantoms import Anatomy, render_pa
from screening.runtime import AGREEMENT, TranslationDiffers, compiled


def logits_of(network: nn.Module, batch: np.ndarray) -> np.ndarray:
    """Return what torch itself answers."""
    with torch.inference_mode():
        return network(torch.from_numpy(batch)).numpy()


def batch(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(CROPS, dtype=np.float32)


@pytest.mark.parametrize("width", [4, FULL_WIDTH])
def test_the_runtime_answers_as_torch_does(width):
    network = initialized(width, seed=3).eval()
    run = compiled(network, CROPS)

    for seed in range(3):
        ours, theirs = run(batch(seed)), logits_of(network, batch(seed))
        assert ours.shape == (10,) and np.abs(ours - theirs).max() < AGREEMENT
    assert np.ptp(theirs) > 100 * AGREEMENT  # the crops differ, so agreement says something


def test_the_shipped_model_scores_films_as_torch_does():
    model, rng = load_model(), np.random.default_rng(5)
    for density in (0.3, 0.6, 1.0):
        film = render_pa(Anatomy.draw(rng), density, rng, 512)
        ours, theirs = model.score(film), score(model.network, film)
        assert np.abs(np.subtract(ours.probabilities, theirs.probabilities)).max() <= AGREEMENT


@pytest.mark.parametrize("threads", [2, 4])
def test_the_digits_do_not_depend_on_the_threads(threads):
    network = initialized(8, seed=3).eval()
    assert np.array_equal(compiled(network, CROPS)(batch(1)), compiled(network, CROPS, threads)(batch(1)))


def test_a_network_that_answers_otherwise_once_translated_is_refused():
    class Forgetful(OpscanResNet18):
        """Answers by what it is asked through: what only the translation sees is another network."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = super().forward(x)
            return logits + 0.01 if torch.jit.is_tracing() else logits

    with pytest.raises(TranslationDiffers, match="nothing is scored"):
        compiled(Forgetful(4).eval(), CROPS)
