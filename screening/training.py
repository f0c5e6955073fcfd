"""Train the risk model with OPSCAN's published recipe (Lin et al. 2024).

Where the published README and code disagree, the code decides, for it is what ran:

- weight decay is 1e-3 (README: 1e-4), added to the gradient of every trained parameter;
- brightness, contrast and gamma are varied too (README: crop and flip only);
- the epoch with the best tuning AUC is kept (README: the least loss).

Otherwise: Adam (0.9, 0.999, 1e-8); three stages of learning rate 1e-3, 1e-4, 1e-5; a batch is 16 films with
and 16 without osteoporosis, drawn with replacement; ten batches make an epoch, at most 50 epochs a stage. In
the published code a stage ends with the first epoch that is not the best so far (patience 0), and the next
stage goes on from the weights of that last epoch. Ours differs in two points: the network starts from random
weights (the paper's ImageNet weights ship in no package), and the tuning AUC is read from the center crop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from screening.inference import score
from screening.networks import OpscanResNet18, initialized
from screening.preprocessing import CROP, as_batch

LOG_EPSILON = 1e-8

Images = Sequence[NDArray[Any]]
Labels = NDArray[np.bool_]
Tick = Callable[[float], object]


@dataclass(frozen=True)
class Recipe:
    """The constants of a training run; the defaults are the published ones but for width."""

    width: int = 16
    rates: tuple[float, ...] = (1e-3, 1e-4, 1e-5)
    epochs: int = 50
    patience: int = 0
    batches: int = 10
    half_batch: int = 16
    weight_decay: float = 1e-3
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse a recipe that trains nothing."""
        for name, least in (("width", 1), ("epochs", 1), ("batches", 1), ("patience", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}.")


@dataclass(frozen=True)
class Films:
    """Resized films (each (rows, columns) in [0, 1], shorter side 256) and whether each is positive."""

    images: Images
    positive: Labels

    def subset(self, chosen: NDArray[Any]) -> "Films":
        """Return the films of a mask."""
        return Films([self.images[int(i)] for i in np.flatnonzero(chosen)], self.positive[chosen])


@dataclass
class Run:
    """What a training run has reached: the epoch's AUCs and the best weights."""

    aucs: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    def note(self, auc: float, network: OpscanResNet18) -> bool:
        """Take down an epoch; say whether it is the best so far."""
        better = not self.aucs or auc > max(self.aucs)
        self.aucs.append(auc)
        if better:
            self.best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        return better


def auc_of(scores: NDArray[np.float64], positive: Labels) -> float:
    """Return the area under the ROC curve; ties count one half."""
    return float(_placements(scores[positive], scores[~positive]).mean())


def _placements(of: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each value the share of `among` that lies below it, ties counted half."""
    ordered = np.sort(among)
    below, up_to = np.searchsorted(ordered, of, "left"), np.searchsorted(ordered, of, "right")
    return (below + up_to) / (2 * len(ordered))


def auc_interval(scores: NDArray[np.float64], positive: Labels) -> tuple[float, float, float]:
    """Return the AUC with its 95 % interval after DeLong (Biometrics 1988;44:837), cut to [0, 1]."""
    cases, others = scores[positive], scores[~positive]
    above, below = _placements(cases, others), 1 - _placements(others, cases)
    variance = above.var(ddof=1) / len(cases) + below.var(ddof=1) / len(others)
    auc, reach = float(above.mean()), 1.959964 * float(np.sqrt(variance))
    return auc, max(0.0, auc - reach), min(1.0, auc + reach)


def youden_threshold(scores: NDArray[np.float64], positive: Labels) -> float:
    """Return the cut-off that maximizes sensitivity + specificity, midway to the next lower score.

    Youden, Cancer 1950;3:32. Rounded to six decimals, as scores are.
    """
    cuts = np.unique(scores)
    gains = [(scores[positive] >= cut).mean() - (scores[~positive] >= cut).mean() for cut in cuts]
    best = int(np.argmax(gains))
    return round(float(cuts[max(best - 1, 0)] + cuts[best]) / 2, 6)


def _crop(image: NDArray[Any], rng: Generator) -> NDArray[Any]:
    """Cut a random 224 x 224 piece."""
    down, right = (int(rng.integers(side - CROP + 1)) for side in image.shape)
    return image[down : down + CROP, right : right + CROP]


def _center(image: NDArray[Any]) -> NDArray[Any]:
    """Cut the middle 224 x 224 piece."""
    down, right = ((side - CROP) // 2 for side in image.shape)
    return image[down : down + CROP, right : right + CROP]


def _jitter(crops: NDArray[Any], rng: Generator) -> NDArray[np.float32]:
    """Vary each crop's brightness, contrast and gamma; mirror the whole batch or none of it, as published."""
    count = (len(crops), 1, 1)
    shifted = (crops + rng.uniform(-0.05, 0.05, count)) * np.exp(rng.uniform(-0.1, 0.1, count))
    # the published code takes the power of negative values and then replaces NaN by 0: the same as this
    varied = np.clip(shifted, 0, None) ** np.exp(rng.uniform(-0.1, 0.1, count))
    return np.clip(varied[:, :, ::-1] if rng.random() < 0.5 else varied, 0, 1).astype(np.float32)


def _draw(films: Films, recipe: Recipe, rng: Generator) -> tuple[Tensor, Tensor]:
    """Draw a batch: half positive, half negative, with replacement."""
    half = recipe.half_batch
    chosen = [rng.choice(np.flatnonzero(films.positive == side), half) for side in (True, False)]
    crops = np.stack([_crop(films.images[i], rng) for i in np.concatenate(chosen)])
    return as_batch(_jitter(crops, rng)), torch.tensor([1.0] * half + [0.0] * half)


def _loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the cross-entropy with the published 1e-8 inside the logarithms."""
    probability = torch.sigmoid(logits)
    hit = torch.log(probability + LOG_EPSILON) * truth
    miss = torch.log(1 - probability + LOG_EPSILON) * (1 - truth)
    return -(hit + miss).mean()


def center_scores(network: OpscanResNet18, images: Images) -> NDArray[np.float64]:
    """Return the logit of each film's center crop."""
    crops = np.stack([_center(image) for image in images]).astype(np.float32)
    network.eval()
    with torch.inference_mode():
        parts = [network(as_batch(crops[i : i + 32])) for i in range(0, len(crops), 32)]
    return torch.cat(parts).double().numpy()


def _epoch(
    network: OpscanResNet18, optimizer: torch.optim.Optimizer, films: Films, recipe: Recipe, rng: Generator
) -> None:
    """Take an epoch's steps."""
    network.train()
    for _ in range(recipe.batches):
        batch, truth = _draw(films, recipe, rng)
        optimizer.zero_grad()
        _loss(network(batch), truth).backward()
        optimizer.step()


def _train_stage(
    network: OpscanResNet18,
    films: Films,
    tuning: Films,
    recipe: Recipe,
    rate: float,
    run: Run,
    rng: Generator,
    tick: Tick,
) -> None:
    """Train at one learning rate until the tuning AUC stops setting records."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, rate, (0.9, 0.999), 1e-8, recipe.weight_decay)
    waited = 0
    for _ in range(recipe.epochs):
        _epoch(network, optimizer, films, recipe, rng)
        better = run.note(auc_of(center_scores(network, tuning.images), tuning.positive), network)
        tick(run.aucs[-1])
        waited = 0 if better else waited + 1
        if waited > recipe.patience:
            return


def train(
    films: Films, tuning: Films, recipe: Recipe, tick: Tick = lambda auc: None
) -> tuple[OpscanResNet18, list[float]]:
    """Train a network; return it with the weights of its best epoch, and the tuning AUC of every epoch.

    `tick` is told each epoch's tuning AUC. The same films and recipe give the same network on one machine.
    """
    network, rng, run = initialized(recipe.width, recipe.seed), np.random.default_rng(recipe.seed), Run()
    for rate in recipe.rates:
        _train_stage(network, films, tuning, recipe, rate, run, rng, tick)
    network.load_state_dict(run.best)
    return network.eval(), run.aucs


def film_scores(network: OpscanResNet18, images: Images) -> NDArray[np.float64]:
    """Score films as intake does: the mean of ten crops."""
    return np.array([score(network, image).mean for image in images])


def fold_numbers(positive: Labels, folds: int, seed: int) -> NDArray[np.intp]:
    """Deal films into folds at random, so that each has its share of positives."""
    if not 3 <= folds <= positive.sum():
        raise ValueError(f"Folds must number 3 to {positive.sum()} (the positive films), not {folds}.")
    rng, numbers = np.random.default_rng(seed), np.empty(len(positive), np.intp)
    for side in (True, False):
        members = rng.permutation(np.flatnonzero(positive == side))
        numbers[members] = np.arange(len(members)) % folds
    return numbers


def cross_validate(
    films: Films, folds: int, recipe: Recipe, tick: Tick = lambda auc: None
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Score every film by a network that saw it neither in training nor in tuning; return scores and folds.

    One fold is scored, the next decides when to stop, the others train.
    """
    numbers, scores = fold_numbers(films.positive, folds, recipe.seed), np.empty(len(films.positive))
    for fold in range(folds):
        tuning = numbers == (fold + 1) % folds
        network, _ = train(films.subset((numbers != fold) & ~tuning), films.subset(tuning), recipe, tick)
        scores[numbers == fold] = film_scores(network, films.subset(numbers == fold).images)
    return scores, numbers
