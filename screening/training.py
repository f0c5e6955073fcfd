"""Train the risk model with OPSCAN's published recipe (Lin et al. 2024), or one declared otherwise.

Where the published README and code disagree, the code decides, for it is what ran:

- weight decay is 1e-3 (README: 1e-4), added to the gradient of every trained parameter;
- brightness, contrast and gamma are varied too (README: crop and flip only);
- the epoch with the best tuning AUC is kept (README: the least loss).

Otherwise: Adam (0.9, 0.999, 1e-8); three stages of learning rate 1e-3, 1e-4, 1e-5; a batch is 16 films with
and 16 without osteoporosis, drawn with replacement; ten batches make an epoch, at most 50 epochs a stage. In
the published code a stage ends with the first epoch that is not the best so far (patience 0), and the next
stage goes on from the weights of that last epoch. Ours differs in two points: the network starts from random
weights (the paper's ImageNet weights ship in no package), and the tuning AUC is read from the center crop.

The published recipe sorts films into two groups. For T-scores there is no published one: batches, stages and
augmentation stay, the loss is the squared error in T-score units, and the epoch with the least of it on the tuning
films is kept. The network's logit is then how far the T-score lies below -2.5, so that one way of scoring serves
both, and one half is the bound of osteoporosis.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from screening.checkpoints import part, prefixed, read_checkpoint, write_checkpoint
from screening.evaluation import Labels, Scores, auc_of
from screening.inference import score
from screening.networks import FilmNetwork, initialized
from screening.phantoms import OSTEOPOROSIS
from screening.preprocessing import CROP, as_batch
from screening.recipes import Recipe, Target

LOG_EPSILON = 1e-8

Images = Sequence[NDArray[Any]]
Tick = Callable[[float], object]


@dataclass(frozen=True)
class Films:
    """Resized films (each (rows, columns) in [0, 1], shorter side 256) and whether each is positive.

    Besides, where they are known: T-scores, whose film each is (else each is another person's), and facts such as
    sex or device, a column each.
    """

    images: Images
    positive: Labels
    t_scores: Scores | None = None
    participants: NDArray[np.str_] | None = None
    facts: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def subset(self, chosen: Labels) -> "Films":
        """Return the films of a mask."""
        return Films(
            [self.images[int(i)] for i in np.flatnonzero(chosen)],
            self.positive[chosen],
            None if self.t_scores is None else self.t_scores[chosen],
            None if self.participants is None else self.participants[chosen],
            {name: column[chosen] for name, column in self.facts.items()},
        )

    def aims(self, target: str) -> NDArray[np.float32]:
        """Return what the network is taught: 1 or 0, or how far the T-score lies below -2.5."""
        if target == Target.OSTEOPOROSIS:
            return self.positive.astype(np.float32)
        if self.t_scores is None:
            raise ValueError("To teach T-scores, the list of films needs a column t_score.")
        return (OSTEOPOROSIS - self.t_scores).astype(np.float32)

    def digest(self) -> str:
        """Return a checksum of the pictures and of what is known of them."""
        found = hashlib.sha256(self.positive.tobytes())
        for column in (self.t_scores, self.participants, *self.images):
            found.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Judged:
    """Films that were not learned from: scores, what calibration makes of them, and who is called positive."""

    films: Films
    scores: Scores
    probabilities: Scores
    decided: Labels
    folds: NDArray[np.intp]
    method: str


@dataclass
class Run:
    """What a training run has reached: where it stands, each epoch's merit, and the best weights.

    The merit is the tuning AUC; for T-scores the squared error of the tuning films, below zero.
    """

    merits: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    stage: int = 0
    epochs: int = 0
    waited: int = 0

    def note(self, merit: float, network: FilmNetwork) -> bool:
        """Take down an epoch; say whether it is the best so far."""
        better = not self.merits or merit > max(self.merits)
        self.merits.append(merit)
        if better:
            self.best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self.epochs, self.waited = self.epochs + 1, 0 if better else self.waited + 1
        return better

    def ends_stage(self, recipe: Recipe) -> bool:
        """Go to the next learning rate when this one sets no more records or has had its epochs."""
        over = self.waited > recipe.patience or self.epochs >= recipe.epochs
        if over:
            self.stage, self.epochs, self.waited = self.stage + 1, 0, 0
        return over


def _crop(image: NDArray[Any], rng: Generator) -> NDArray[Any]:
    """Cut a random 224 x 224 piece."""
    down, right = (int(rng.integers(side - CROP + 1)) for side in image.shape)
    return image[down : down + CROP, right : right + CROP]


def _center(image: NDArray[Any]) -> NDArray[Any]:
    """Cut the middle 224 x 224 piece."""
    down, right = ((side - CROP) // 2 for side in image.shape)
    return image[down : down + CROP, right : right + CROP]


def _jitter(crops: NDArray[Any], recipe: Recipe, rng: Generator) -> NDArray[np.float32]:
    """Vary each crop's brightness, contrast and gamma; mirror the whole batch or none of it, as published."""

    def drawn(reach: float) -> NDArray[np.float64]:
        return rng.uniform(-reach, reach, (len(crops), 1, 1))

    shifted = (crops + drawn(recipe.brightness)) * np.exp(drawn(recipe.contrast))
    # the published code takes the power of negative values and then replaces NaN by 0: the same as this
    varied = np.clip(shifted, 0, None) ** np.exp(drawn(recipe.gamma))
    mirrored = varied[:, :, ::-1] if rng.random() < recipe.flip else varied
    return np.clip(mirrored, 0, 1).astype(np.float32)


def _draw(films: Films, recipe: Recipe, rng: Generator) -> tuple[Tensor, Tensor]:
    """Draw a batch: half positive, half negative, with replacement."""
    sides = [np.flatnonzero(films.positive == side) for side in (True, False)]
    chosen = np.concatenate([rng.choice(side, recipe.half_batch) for side in sides])
    crops = np.stack([_crop(films.images[i], rng) for i in chosen])
    return as_batch(_jitter(crops, recipe, rng)), torch.from_numpy(films.aims(recipe.target)[chosen])


def _loss(logits: Tensor, truth: Tensor, target: str = Target.OSTEOPOROSIS) -> Tensor:
    """Return the cross-entropy with the published 1e-8 inside the logarithms; of T-scores the squared error."""
    if target == Target.T_SCORE:
        return ((logits - truth) ** 2).mean()
    probability = torch.sigmoid(logits)
    hit = torch.log(probability + LOG_EPSILON) * truth
    miss = torch.log(1 - probability + LOG_EPSILON) * (1 - truth)
    return -(hit + miss).mean()


def center_scores(network: FilmNetwork, images: Images) -> Scores:
    """Return the logit of each film's center crop."""
    crops = np.stack([_center(image) for image in images]).astype(np.float32)
    network.eval()
    with torch.inference_mode():
        parts = [network(as_batch(crops[i : i + 32])) for i in range(0, len(crops), 32)]
    return torch.cat(parts).double().numpy()


def merit_of(network: FilmNetwork, tuning: Films, recipe: Recipe) -> float:
    """Say how good a network is on the tuning films; greater is better."""
    logits = center_scores(network, tuning.images)
    if recipe.target == Target.OSTEOPOROSIS:
        return auc_of(logits, tuning.positive)
    return -float(np.mean((logits - tuning.aims(recipe.target)) ** 2))


class Course:
    """A training under way: network, optimizer, draws and run, which `checkpoint` keeps and `resume` takes up.

    Nothing else draws: no network here has dropout, and torch's own generator is asked for the first weights alone.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.run = recipe, Run()
        self.network = initialized(recipe.width, recipe.seed, recipe.architecture)
        self.rng = np.random.default_rng(recipe.seed)
        self._optimize()

    @property
    def over(self) -> bool:
        """Tell whether the last stage has ended."""
        return self.run.stage >= len(self.recipe.rates)

    def _optimize(self) -> None:
        """Begin a stage with an optimizer of its own."""
        rate = self.recipe.rates[min(self.run.stage, len(self.recipe.rates) - 1)]
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, rate, (0.9, 0.999), 1e-8, self.recipe.weight_decay)

    def epoch(self, films: Films, tuning: Films) -> float:
        """Take an epoch's steps, and say how good the network is then."""
        self.network.train()
        for _ in range(self.recipe.batches):
            batch, truth = _draw(films, self.recipe, self.rng)
            self.optimizer.zero_grad()
            _loss(self.network(batch), truth, self.recipe.target).backward()
            self.optimizer.step()
        merit = merit_of(self.network, tuning, self.recipe)
        self.run.note(merit, self.network)
        if self.run.ends_stage(self.recipe):
            self._optimize()
        return merit

    def checkpoint(self, path: Path, of: str) -> None:
        """Write down everything that the next epoch needs; `of` says what is being trained on what."""
        moments = {
            f"adam.{number}.{name}": tensor
            for number, values in self.optimizer.state_dict()["state"].items()
            for name, tensor in values.items()
        }
        tensors = prefixed(self.network.state_dict(), "network.") | prefixed(self.run.best, "best.") | moments
        said = {name: getattr(self.run, name) for name in ("merits", "stage", "epochs", "waited")}
        write_checkpoint(path, tensors, {"of": of, "run": said, "rng": self.rng.bit_generator.state})

    def resume(self, path: Path, of: str) -> None:
        """Take up what was written down; raise ValueError when it is of another recipe or of other films."""
        tensors, state = read_checkpoint(path)
        if state["of"] != of:
            raise ValueError(
                f"The checkpoint {path} was made by another recipe or with other films. Begin in a new folder."
            )
        self.network.load_state_dict(part(tensors, "network."))
        self.run = Run(best=part(tensors, "best."), **state["run"])
        self.rng.bit_generator.state = state["rng"]
        self._optimize()
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in part(tensors, "adam.").items():
            number, moment = name.split(".")
            moments.setdefault(int(number), {})[moment] = tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})


def train(
    films: Films, tuning: Films, recipe: Recipe, tick: Tick = lambda merit: None, kept: Path | None = None
) -> tuple[FilmNetwork, list[float]]:
    """Train a network; return it with the weights of its best epoch, and the merit of every epoch.

    `tick` is told each epoch's merit. The same films and recipe give the same network on one machine, also when
    the process was stopped in between: with `kept`, each epoch is written there, and training goes on from it.
    """
    course = Course(recipe)
    of = json.dumps([recipe.facts(), films.digest(), tuning.digest()]) if kept else ""
    if kept and kept.exists():
        course.resume(kept, of)
    while not course.over:
        merit = course.epoch(films, tuning)
        if kept:
            course.checkpoint(kept, of)
        tick(merit)
    course.network.load_state_dict(course.run.best)
    return course.network.eval(), course.run.merits


def film_scores(network: FilmNetwork, images: Images) -> Scores:
    """Score films as intake does: the mean of ten crops."""
    return np.array([score(network, image).mean for image in images])


def fold_numbers(
    positive: Labels, folds: int, seed: int, participants: NDArray[np.str_] | None = None
) -> NDArray[np.intp]:
    """Deal films into folds at random, those of a participant together, so that each has its share of positives."""
    whose = np.arange(len(positive)) if participants is None else participants
    people, index = np.unique(whose, return_inverse=True)
    ill = np.zeros(len(people), bool)
    np.logical_or.at(ill, index, positive)
    if not 3 <= folds <= min(ill.sum(), (~ill).sum()):
        most = min(int(ill.sum()), int((~ill).sum()))
        raise ValueError(f"Folds must number 3 to {most} (the people with the rarer outcome), not {folds}.")
    rng, numbers = np.random.default_rng(seed), np.empty(len(people), np.intp)
    for side in (True, False):
        members = rng.permutation(np.flatnonzero(ill == side))
        numbers[members] = np.arange(len(members)) % folds
    return numbers[index]


def cross_validate(
    films: Films, recipe: Recipe, tick: Tick = lambda merit: None, kept: Path | None = None
) -> tuple[Scores, NDArray[np.intp]]:
    """Score every film by a network that saw none of its owner's, in training or tuning; return scores and folds.

    One fold is scored, the next decides when to stop, the others train. With `kept`, a folder, each goes on from
    where it was stopped.
    """
    numbers = fold_numbers(films.positive, recipe.folds, recipe.seed, films.participants)
    scores = np.empty(len(films.positive))
    for fold in range(recipe.folds):
        tuning = numbers == (fold + 1) % recipe.folds
        taught, tuned = films.subset((numbers != fold) & ~tuning), films.subset(tuning)
        checkpoint = kept / f"fold-{fold + 1}.safetensors" if kept else None
        network, _ = train(taught, tuned, recipe, tick, checkpoint)
        scores[numbers == fold] = film_scores(network, films.subset(numbers == fold).images)
    return scores, numbers
