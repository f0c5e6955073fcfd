"""The published recipe, its figures and its honesty."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from screening import training
from screening.checkpoints import write_whole
from screening.networks import initialized
from screening.recipes import Recipe
from screening.training import Course, Films, cross_validate, fold_numbers, train

SMALL = Recipe(width=4, rates=(1e-2,), epochs=2, batches=3, half_batch=4, patience=5, folds=3, seed=3)


def bright_or_dark(count: int, seed: int = 1) -> Films:
    """Return films that differ by brightness: easy to learn."""
    rng, positive = np.random.default_rng(seed), np.arange(count) % 2 == 0
    return Films([rng.random((256, 256)) * 0.3 + 0.6 * truth for truth in positive], positive)


def test_a_batch_is_half_positive_and_within_range():
    films = bright_or_dark(6)
    batch, truth = training._draw(films, Recipe(), np.random.default_rng(1))
    assert batch.shape == (32, 3, 224, 224) and batch.min() >= 0 and batch.max() <= 1
    assert truth.tolist() == [1.0] * 16 + [0.0] * 16
    assert (batch[:16].mean(dim=(1, 2, 3)) > batch[16:].mean(dim=(1, 2, 3)).max()).all()


def test_a_batch_is_mirrored_as_a_whole_or_not_at_all():
    ramp = np.tile(np.linspace(0, 1, 224), (4, 224, 1))
    directions = set()
    for seed in range(8):
        varied = training._jitter(ramp, Recipe(), np.random.default_rng(seed))
        rising = varied[:, 0, -1] > varied[:, 0, 0]
        assert rising.all() or not rising.any()
        directions.add(bool(rising.all()))
    assert directions == {True, False}


def test_the_loss_is_cross_entropy_that_survives_certainty():
    truth = torch.tensor([1.0, 0.0, 1.0])
    loss = training._loss(torch.tensor([0.0, 0.0, 0.0]), truth)
    assert loss.item() == pytest.approx(np.log(2), abs=1e-6)
    assert training._loss(torch.tensor([-200.0]), torch.tensor([1.0])).item() == pytest.approx(-np.log(1e-8))


def test_training_learns_and_repeats_itself():
    films, tuning = bright_or_dark(12), bright_or_dark(12, seed=2)
    first, aucs = train(films, tuning, SMALL)
    second, again = train(films, tuning, SMALL)
    assert max(aucs) == 1.0 and aucs == again
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def test_a_stage_ends_with_the_first_epoch_that_sets_no_record(monkeypatch):
    tuning_aucs = iter([0.6, 0.7, 0.7, 0.9, 0.8, 0.5])  # stage 1: 3 epochs, stage 2: 2, stage 3: 1
    monkeypatch.setattr(training, "auc_of", lambda scores, positive: next(tuning_aucs))
    recipe = Recipe(width=4, batches=1, half_batch=1)
    _, aucs = train(bright_or_dark(4), bright_or_dark(4), recipe)
    assert aucs == [0.6, 0.7, 0.7, 0.9, 0.8, 0.5]


def test_the_best_epoch_is_kept():
    run, network = training.Run(), initialized(4, seed=1)
    assert run.note(0.8, network)
    kept = run.best["fc1.bias"].clone()
    torch.nn.init.ones_(network.fc1.bias)
    assert not run.note(0.7, network)
    assert torch.equal(run.best["fc1.bias"], kept)


def test_folds_share_the_positives():
    positive = np.arange(60) < 10
    numbers = fold_numbers(positive, 5, seed=1)
    assert [int(positive[numbers == fold].sum()) for fold in range(5)] == [2] * 5
    assert np.bincount(numbers).tolist() == [12] * 5


def test_more_folds_than_positives_are_refused():
    with pytest.raises(ValueError, match="3 to 4"):
        fold_numbers(np.arange(20) < 4, 5, seed=1)


def test_no_film_is_scored_by_a_network_that_saw_it(monkeypatch):
    films, seen = bright_or_dark(12), []

    def note(taught, tuning, recipe, tick, kept):
        seen.append({id(image) for image in (*taught.images, *tuning.images)})
        return None, []

    def score_apart(network, images):
        assert not seen[-1] & {id(image) for image in images}
        assert len(seen[-1]) + len(images) == 12
        return np.full(len(images), 0.5)

    monkeypatch.setattr(training, "train", note)
    monkeypatch.setattr(training, "film_scores", score_apart)
    scores, numbers = cross_validate(films, SMALL)
    assert (scores == 0.5).all() and set(numbers) == {0, 1, 2} and len(seen) == 3


def test_the_films_of_a_person_stay_together():
    whose = np.array([f"person {number // 3}" for number in range(36)])
    positive = np.arange(36) % 12 == 0
    numbers = fold_numbers(positive, 3, seed=1, participants=whose)
    assert all(len(set(numbers[whose == one])) == 1 for one in whose)
    assert [int(positive[numbers == fold].sum()) for fold in range(3)] == [1] * 3


def test_a_run_goes_on_from_its_checkpoint_as_if_nothing_had_been(tmp_path):
    films, tuning, path = bright_or_dark(8), bright_or_dark(8, seed=2), tmp_path / "run.safetensors"
    whole, parted = Course(SMALL), Course(SMALL)
    whole.epoch(films, tuning)
    parted.epoch(films, tuning)
    parted.checkpoint(path, "this")

    again = Course(SMALL)
    again.resume(path, "this")
    assert again.epoch(films, tuning) == whole.epoch(films, tuning)
    assert again.run.merits == whole.run.merits and again.over == whole.over
    for ours, theirs in zip(again.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(ValueError, match="another recipe or with other films"):
        again.resume(path, "that")


def test_a_damaged_checkpoint_says_what_to_do(tmp_path):
    path = tmp_path / "run.safetensors"
    Course(SMALL).checkpoint(path, "this")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="Delete it"):
        Course(SMALL).resume(path, "this")


def test_a_checkpoint_is_whole_or_not_there(tmp_path, monkeypatch):
    """The process may be stopped at any time: the old file stays until the new one is complete."""
    path = tmp_path / "state"
    write_whole(path, b"old")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_t_scores_are_taught_as_what_lies_below_the_bound():
    films = replace(bright_or_dark(4), t_scores=np.array([-3.5, -2.5, -1.0, 0.5]))
    assert films.aims("t_score").tolist() == [1, 0, -1.5, -3]
    assert training._loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]), "t_score").item() == 2
    with pytest.raises(ValueError, match="column t_score"):
        bright_or_dark(4).aims("t_score")


def test_t_scores_are_learned():
    taught = bright_or_dark(12)
    films = replace(taught, t_scores=np.where(taught.positive, -4.0, -1.0))
    network, merits = train(films, films, replace(SMALL, target="t_score"))
    logits = training.center_scores(network, films.images)
    assert logits[films.positive].min() > logits[~films.positive].max()
    error = ((logits - films.aims("t_score")) ** 2).mean()
    assert max(merits) == pytest.approx(-error, rel=1e-4)  # the epoch with the least error is kept


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"widths": 4}, "no widths"),
        ({"width": 0}, "width must be at least 1, not 0"),
        ({"width": 4.5}, "width must be a whole number, not 4.5"),
        ({"width": True}, "whole number, not True"),
        ({"flip": 2}, "flip must be at most 1.0, not 2"),
        ({"rates": []}, "rates must be learning rates"),
        ({"rates": [2]}, "rates must be learning rates"),
        ({"rates": 0.1}, "rates must be learning rates"),
        ({"architecture": "resnet50"}, "opscan-resnet18-v2 or densenet121, not 'resnet50'"),
        ({"architecture": []}, "architecture must be"),
        ({"target": "fracture"}, "target must be osteoporosis or t_score"),
        ({"weight_decay": float("nan")}, "weight_decay must be"),
        ([], "JSON object"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(said, message):
    with pytest.raises(ValueError, match=message):
        Recipe.of(said)


def test_a_recipe_survives_being_written():
    recipe = Recipe(architecture="densenet121", target="t_score", rates=(0.1, 0.2), patience=2)
    assert Recipe.of(json.loads(json.dumps(recipe.facts()))) == recipe
