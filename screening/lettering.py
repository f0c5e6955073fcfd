"""Find lines of letters in a picture, whatever they say.

A letter is a small patch that differs from what surrounds it; a line is several of one height, on one base, close
together. The lead letters of a side marker are letters too, but few: it is the length that tells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from screening.thorax import Picture, block_means

LARGEST = 1280  # pixels of the shorter side that are looked at: more take longer, and letters stay legible
CONTRAST = 0.06  # of the whole range, against the mean of the surroundings
SURROUNDINGS = 30  # pixels
HEIGHTS = (6, 60)  # pixels


@dataclass(frozen=True)
class Patches:
    """Boxes around patches, from left to right."""

    top: NDArray[np.floating]
    bottom: NDArray[np.floating]
    left: NDArray[np.floating]
    right: NDArray[np.floating]


def legible(image: Picture) -> Picture:
    """Return the picture small enough to be searched quickly, with an even number of rows and columns."""
    factor = -(-min(image.shape) // LARGEST)
    rows, columns = (length // factor // 2 * 2 * factor for length in image.shape)
    return block_means(image[:rows, :columns].astype(np.float32, copy=False), factor, factor)


def longest_line(picture: Picture) -> int:
    """Return how many letters the longest line of a legible picture has, light on dark or dark on light."""
    raised = _raised(picture)
    return max(_letters_in_line(_patches(mask)) for mask in (raised > CONTRAST, raised < -CONTRAST))


def _raised(picture: Picture) -> Picture:
    """Return what each pixel is above the mean of its surroundings, made at half the size: it is four times as fast."""
    half = ndimage.uniform_filter(block_means(picture, 2, 2), SURROUNDINGS // 2).repeat(2, axis=1)
    pairs_of_rows = picture.reshape(len(half), 2, -1)
    return (pairs_of_rows - half[:, None]).reshape(picture.shape)


def _patches(mask: NDArray[np.bool_]) -> Patches:
    """Return the connected patches that have the size and shape of a letter."""
    edges = _boxes(mask)
    height, width = edges[:, 1] - edges[:, 0], edges[:, 3] - edges[:, 2]
    letter = (
        (height >= HEIGHTS[0]) & (height <= HEIGHTS[1]) & (width > 0.08 * height) & (width < 1.5 * height)
    )
    kept = edges[letter].astype(float)
    return Patches(*kept[np.argsort(kept[:, 2], kind="stable")].T)


def _boxes(mask: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return top, bottom, left and right of each connected patch.

    Its runs along the rows are joined to those that they touch in the row above: there are far fewer runs than pixels.
    """
    rows, width = len(mask), mask.shape[1] + 1
    # Row after row, with a pixel of nothing before each and at the end.
    line = np.zeros(rows * width + 1, bool)
    line[:-1].reshape(rows, width)[:, 1:] = mask
    starts, ends = np.flatnonzero(line[1:] != line[:-1]).reshape(-1, 2).T
    first, behind = np.searchsorted(ends, starts - width, "right"), np.searchsorted(starts, ends - width)
    steps = np.append(
        0, np.cumsum(behind - first)
    )  # from each run to those above it, which follow each other
    touched = np.arange(steps[-1]) + np.repeat(first - steps[:-1], behind - first)
    joined = csr_array((np.ones(len(touched)), touched, steps), shape=2 * [len(starts)])
    count, patch = connected_components(joined, directed=False)
    (top, left), (bottom, right) = np.full((2, count), line.size), np.zeros((2, count), int)
    np.minimum.at(top, patch, starts // width)
    np.maximum.at(bottom, patch, starts // width + 1)
    np.minimum.at(left, patch, starts % width)
    np.maximum.at(right, patch, ends % width)
    return np.stack([top, bottom, left, right], axis=1)


def _letters_in_line(p: Patches) -> int:
    """Return the length of the longest row of patches each of which follows the one before."""
    height = p.bottom - p.top
    lengths = np.zeros(len(height), int)
    for i, tall in enumerate(height):
        gap = p.left[i] - p.right[:i]
        follows = (np.abs(gap - 0.35 * tall) < 0.65 * tall) & (p.left[:i] < p.left[i])
        follows &= np.abs(p.bottom[:i] - p.bottom[i]) < 0.25 * tall
        follows &= np.abs(np.log(height[:i] / tall)) < np.log(1.65)
        lengths[i] = 1 + lengths[:i][follows].max(initial=0)
    return int(lengths.max(initial=0))
