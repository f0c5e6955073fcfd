"""The resize operator is part of the model: it is OpenImageR's, to the last pixel."""

import math

import numpy as np
import pytest
import torch

from screening.preprocessing import prepare, resize, target_size, ten_crops


def slow_resize(image: np.ndarray) -> np.ndarray:
    """Resize pixel by pixel, written from the formula: x = (i + 1) S, r = clip(floor x, 1, n - 1), x - r."""
    rows, columns = image.shape
    height = 256 * rows / columns if rows > columns else 256
    width = 256 if rows > columns else 256 / (rows / columns)

    def place(i: int, source: int, target: float) -> tuple[int, float]:
        x = (i + 1) * (source / target)
        r = min(max(math.floor(x), 1), source - 1)
        return r - 1, x - r

    out = np.empty((int(height), int(width)))
    for i in range(out.shape[0]):
        r, down = place(i, rows, height)
        for j in range(out.shape[1]):
            c, right = place(j, columns, width)
            upper = image[r, c] * (1 - right) + image[r, c + 1] * right
            lower = image[r + 1, c] * (1 - right) + image[r + 1, c + 1] * right
            out[i, j] = upper * (1 - down) + lower * down
    return out


def noise(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows * columns).random((rows, columns))


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_a_whole_factor_picks_the_last_pixel_of_each_block(factor):
    image = noise(256 * factor, 256 * factor)
    assert np.array_equal(resize(image), image[factor - 1 :: factor, factor - 1 :: factor])


def test_1024_becomes_every_fourth_pixel_as_in_the_published_arrays():
    image = noise(1024, 1024)
    assert np.array_equal(resize(image), image[3::4, 3::4])


def test_256_stays_as_it_is():
    image = noise(256, 256)
    assert np.array_equal(resize(image), image)


@pytest.mark.parametrize("shape", [(300, 260), (260, 300), (523, 401), (401, 777), (256, 391), (391, 256)])
def test_other_shapes_follow_the_formula(shape):
    image = noise(*shape)
    assert resize(image).shape == slow_resize(image).shape
    assert np.abs(resize(image) - slow_resize(image)).max() < 1e-13


def test_the_longer_side_is_a_fraction_and_cut_for_the_grid():
    assert target_size(1955, 1841) == (256 * 1955 / 1841, 256)
    assert target_size(1841, 1955) == (256, 256 / (1841 / 1955))
    assert resize(noise(1955, 1841)).shape == (271, 256)


@pytest.mark.parametrize("shape", [(255, 400), (400, 255), (16, 16)])
def test_a_side_below_256_is_refused(shape):
    with pytest.raises(ValueError, match="at least 256"):
        resize(noise(*shape))


def test_ten_crops_come_in_the_published_order():
    image = noise(256, 301)
    crops = ten_crops(image)
    starts = [(0, 0), (32, 0), (0, 77), (32, 77), (16, 38)]
    for number, (row, column) in enumerate(starts):
        piece = image[row : row + 224, column : column + 224].astype(np.float32)
        assert np.array_equal(crops[number], piece)
        assert np.array_equal(crops[number + 5], piece[:, ::-1])


def test_the_network_gets_the_gray_three_times():
    batch = prepare(noise(512, 300))
    assert batch.shape == (10, 3, 224, 224) and batch.dtype == torch.float32
    assert torch.equal(batch[:, 0], batch[:, 1]) and torch.equal(batch[:, 0], batch[:, 2])
