"""The published recipe, its figures and its honesty."""

import numpy as np
import pytest
import torch

from screening import training
from screening.networks import initialized
from screening.training import Films, Recipe, auc_interval, auc_of, cross_validate, fold_numbers, train

SMALL = Recipe(width=4, rates=(1e-2,), epochs=2, batches=3, half_batch=4, patience=5, seed=3)


def bright_or_dark(count: int, seed: int = 1) -> Films:
    """Return films that differ by brightness: easy to learn."""
    rng, positive = np.random.default_rng(seed), np.arange(count) % 2 == 0
    return Films([rng.random((256, 256)) * 0.3 + 0.6 * truth for truth in positive], positive)


def test_the_area_under_the_curve_counts_pairs_and_halves_ties():
    scores, positive = np.array([3, 4, 2, 1, 2.0]), np.array([True, True, True, False, False])
    assert auc_of(scores, positive) == pytest.approx(5.5 / 6)


def test_delong_s_interval_by_hand():
    # cases 3, 4, 2 beat 1, 1 and 3/4 of the others; the others 1, 2 lose to 1 and 5/6 of the cases
    scores, positive = np.array([3, 4, 2, 1, 2.0]), np.array([True, True, True, False, False])
    error = (np.var([1, 1, 0.75], ddof=1) / 3 + np.var([1, 5 / 6], ddof=1) / 2) ** 0.5
    assert auc_interval(scores, positive) == pytest.approx((11 / 12, 11 / 12 - 1.959964 * error, 1))


def test_youden_s_cut_off_lies_between_the_groups():
    scores = np.array([0.1, 0.2, 0.3, 0.6, 0.8])
    assert training.youden_threshold(scores, scores > 0.5) == 0.45


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
        varied = training._jitter(ramp, np.random.default_rng(seed))
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

    def note(taught, tuning, recipe, tick):
        seen.append({id(image) for image in (*taught.images, *tuning.images)})
        return None, []

    def score_apart(network, images):
        assert not seen[-1] & {id(image) for image in images}
        assert len(seen[-1]) + len(images) == 12
        return np.full(len(images), 0.5)

    monkeypatch.setattr(training, "train", note)
    monkeypatch.setattr(training, "film_scores", score_apart)
    scores, numbers = cross_validate(films, 3, SMALL)
    assert (scores == 0.5).all() and set(numbers) == {0, 1, 2} and len(seen) == 3
