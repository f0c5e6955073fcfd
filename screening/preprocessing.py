"""OPSCAN's preprocessing, exactly: resize the shorter side to 256, take ten crops of 224.

The resize operator is part of the model: another bilinear resize moves pixels by up to half the full range,
so a network scores only what this module prepared. Source: the published OPSCAN code (OpenImageR in R).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PREPROCESSING_VERSION = "opscan-resize256-tencrop224/1"
SHORTER_SIDE = 256
CROP = 224

Image = NDArray[np.floating]


def target_size(rows: int, columns: int) -> tuple[float, float]:
    """Scale (rows, columns) so that the shorter side is 256; the longer stays a fraction.

    Both formulas are evaluated in the published order: a rounding error may decide about the last line.
    """
    if rows > columns:
        return SHORTER_SIDE * rows / columns, SHORTER_SIDE
    return SHORTER_SIDE, SHORTER_SIDE / (rows / columns)


def _weights(source: int, target: float) -> tuple[NDArray[np.intp], Image]:
    """Return for each output position the source index to its left and the share of its right neighbor.

    Positions count from 1 and are not centered, as in OpenImageR: x = (i + 1) * source / target. The target
    is truncated for the number of positions but not for the scale.
    """
    position = np.arange(1, int(target) + 1) * (source / target)
    left = np.clip(np.floor(position), 1, source - 1)
    return left.astype(np.intp) - 1, position - left


def resize(image: Image) -> Image:
    """Resize (rows, columns) so that the shorter side is 256, bilinear without anti-aliasing.

    From 1024 to 256 this picks every fourth pixel, `image[3::4, 3::4]`. Raises ValueError when a side is
    shorter than 256 (the formula would extrapolate).
    """
    rows, columns = image.shape
    if min(rows, columns) < SHORTER_SIDE:
        raise ValueError(
            f"The image is {rows} x {columns}; both sides must be at least {SHORTER_SIDE} pixels."
        )
    height, width = target_size(rows, columns)
    top, down = _weights(rows, height)
    left, right = _weights(columns, width)
    lines = image[top] * (1 - down)[:, None] + image[top + 1] * down[:, None]
    return lines[:, left] * (1 - right) + lines[:, left + 1] * right


def ten_crops(resized: Image) -> NDArray[np.float32]:
    """Cut a resized image (rows, columns) into (10, 224, 224).

    Order: top left, bottom left, top right, bottom right, center, then the same five mirrored left-right.
    """
    down, right = resized.shape[0] - CROP, resized.shape[1] - CROP
    corners = [(0, 0), (down, 0), (0, right), (down, right), (down // 2, right // 2)]
    five = np.stack([resized[row : row + CROP, column : column + CROP] for row, column in corners])
    return np.concatenate([five, five[:, :, ::-1]]).astype(np.float32)


def as_batch(crops: NDArray[np.float32]) -> Tensor:
    """Turn gray crops (n, 224, 224) into a batch (n, 3, 224, 224), the gray repeated in each channel."""
    return torch.from_numpy(np.ascontiguousarray(crops))[:, None].expand(-1, 3, -1, -1)


def prepare(image: Image) -> Tensor:
    """Turn an image (rows, columns) in [0, 1] into its ten crops, a float32 batch (10, 3, 224, 224)."""
    return as_batch(ten_crops(resize(image)))
