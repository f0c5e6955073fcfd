"""How well a picture fits a drawing of a frontal chest: upright, turned, mirrored, inverted or in part.

The drawing is plain anatomy, not a film: two dark lungs that narrow upward, a bright middle that is wider at the
patient's left (the picture's right) where the heart lies, a bright abdomen, the right base higher. It is laid
over the film in many places and sizes; a fit is the correlation of ranks, from -1 to 1, over lungs and trunk.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture = NDArray[np.floating]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.float32]

SIDE = 32  # lungs are large and details are everybody's own: 32 x 32 means are enough
FLAT = 1e-6  # variance of ranks below which there is nothing to correlate with


@dataclass(frozen=True)
class Frame:
    """Where both lungs lie in a square of side 1: middle, half their width together, half their height."""

    x: float
    y: float
    half_width: float
    half_height: float

    def inside(self) -> bool:
        """Tell whether the lungs lie in the picture, give or take the coarseness of the search."""
        aside = abs(self.x - 0.5) + self.half_width
        return aside <= 0.54 and abs(self.y - 0.5) + self.half_height <= 0.56


# Where lungs are sought: x, y, half-widths, half-heights.
WHOLE = (
    np.arange(0.40, 0.61, 0.033),
    np.arange(0.24, 0.66, 0.04),
    (0.25, 0.29, 0.33, 0.37, 0.41, 0.45, 0.49),
    (0.22, 0.26, 0.30, 0.34, 0.38, 0.43, 0.48),
)
PART = (
    np.arange(0, 1.01, 0.125),
    np.arange(-0.25, 1.26, 0.125),
    (0.40, 0.50, 0.60, 0.75, 0.90),
    (0.40, 0.50, 0.65, 0.80, 1.00),
)


def drawn(frame: Frame, beyond: int = 0) -> tuple[Mask, Mask]:
    """Draw the lungs and the piece of trunk that is compared, `beyond` pixels around the square too.

    Little around the lungs is compared: arms, neck, air and markers differ from film to film.
    """
    rows, columns = (np.mgrid[-beyond : SIDE + beyond, -beyond : SIDE + beyond] + 0.5) / SIDE
    x, y = (columns - frame.x) / frame.half_width, (rows - frame.y) / frame.half_height
    aside, low = np.abs(x), np.clip((y + 0.1) / 0.9, 0, 1)
    outline = x**2 + ((y - 0.4) / 1.5) ** 2 < 1
    middle = 0.2 + low * np.where(x > 0, 0.45, 0.17)
    base = np.where(x > 0, 0.88, 0.78) + 0.2 * (aside - 0.55)
    return outline & (aside > middle) & (y < base), (aside < 1.08) & (y > -1.05) & (y < 1.5)


@dataclass(frozen=True)
class Drawings:
    """Many drawings, one a row: tissue minus lung (mean 0, length 1), each pixel's share, pixels compared."""

    shapes: Numbers
    shares: Numbers
    sizes: Numbers

    @classmethod
    def of(cls, frames: Iterable[Frame]) -> "Drawings":
        """Draw every frame."""
        lungs, trunks = zip(*(drawn(frame) for frame in frames), strict=True)
        tissue = np.where(lungs, -1.0, 1.0).reshape(len(lungs), -1)
        compared = np.reshape(trunks, tissue.shape)
        sizes = compared.sum(axis=1, keepdims=True)
        shares = compared / sizes
        shapes = (tissue - (tissue * shares).sum(axis=1, keepdims=True)) * compared
        shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
        return cls(*(numbers.astype(np.float32) for numbers in (shapes, shares, sizes)))

    def fits(self, pictures: Iterable[Picture]) -> Numbers:
        """Return the correlation of every drawing (rows) with every picture (columns)."""
        seen = np.array([picture.ravel() for picture in pictures], np.float32).T
        mean, of_squares = np.hsplit(self.shares @ np.hstack([seen, seen**2]), 2)
        fits: Numbers = self.shapes @ seen / np.sqrt(self.sizes * (of_squares - mean**2).clip(FLAT))
        return fits


@cache
def whole_chests() -> Drawings:
    """Return drawings with both lungs in the picture."""
    return Drawings.of(frame for numbers in product(*WHOLE) if (frame := Frame(*numbers)).inside())


@cache
def parts_of_chests() -> Drawings:
    """Return drawings of films that were cut: 30 to 70 % of the lungs and hardly anything else are in them."""
    return Drawings.of(frame for numbers in product(*PART) if _is_part(frame := Frame(*numbers)))


def _is_part(frame: Frame) -> bool:
    """Tell whether a frame shows a part of a chest that fills the picture."""
    lungs, trunk = drawn(frame)
    if trunk.mean() < 0.6:
        return False
    everything, _ = drawn(frame, beyond=SIDE)
    return bool(0.3 <= lungs.sum() / everything.sum() <= 0.7)


def square(image: Picture) -> Picture:
    """Return the picture as SIDE x SIDE means."""
    factors = [max(1, length // (2 * SIDE)) for length in image.shape]
    means = ndimage.gaussian_filter(block_means(image, *factors), 1)
    zoom = [SIDE / length for length in means.shape]
    result: Picture = ndimage.zoom(means, zoom, order=1)
    return result


def block_means(image: Picture, tall: int, wide: int) -> Picture:
    """Return the means of blocks of tall x wide pixels; what does not fill a block is left out."""
    if tall == wide == 1:
        return image
    rows, columns = image.shape[0] // tall, image.shape[1] // wide
    filled = image[: rows * tall, : columns * wide]
    # Whole lines and columns are added up: numpy's mean over short axes is several times slower.
    lines = reduce(np.add, (filled[row::tall] for row in range(tall))) / tall
    means: Picture = reduce(np.add, (lines[:, column::wide] for column in range(wide))) / wide
    return means


def ranked(picture: Picture) -> Picture:
    """Return every pixel's rank from 0 to 1, so that exposure and a maker's tone curve drop out."""
    smooth = ndimage.gaussian_filter(picture, 0.5)
    _, places, counts = np.unique(smooth, return_inverse=True, return_counts=True)
    ranks: Picture = ((np.cumsum(counts) - counts / 2) / smooth.size)[places].reshape(smooth.shape)
    return ranks


@dataclass(frozen=True)
class Fits:
    """The best fit of a picture as it is, and after each change that would put it right."""

    upright: float
    mirrored: float
    upside_down: float
    turned: float
    inverted: float
    part: float


def fits(picture: Picture) -> Fits:
    """Fit a square picture: eight positions, two polarities, whole and in part."""
    ranks = ranked(picture)
    positions = [np.rot90(side, turns) for side in (ranks, np.fliplr(ranks)) for turns in range(4)]
    found: Any = whole_chests().fits(positions)
    best, worst = found.max(axis=0), found.min(axis=0)
    return Fits(
        upright=float(best[0]),
        mirrored=float(best[4]),
        upside_down=float(max(best[2], best[6])),
        turned=float(best[[1, 3, 5, 7]].max()),
        inverted=float(-worst.min()),  # an exchange of black and white turns the sign of a correlation
        part=float(parts_of_chests().fits([ranks]).max()),
    )
