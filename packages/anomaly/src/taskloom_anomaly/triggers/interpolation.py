"""Bicubic upsampling and bilinear sampling, both with the corners of the grid on the centres of the corner pixels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

# Keys' parameter; -0.75 is what torch and OpenCV use.
_A = -0.75


def _keys(distance: Float[np.ndarray, ...]) -> Float[np.ndarray, ...]:
    """Keys' cubic convolution kernel (1981, IEEE TASSP 29(6), eq. 4)."""
    x = np.abs(distance)
    near = ((_A + 2) * x - (_A + 3)) * x**2 + 1
    far = ((_A * x - 5 * _A) * x + 8 * _A) * x - 4 * _A
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def bicubic_matrix(num_inputs: int, num_outputs: int) -> Float[np.ndarray, "outputs inputs"]:
    """Return the matrix that interpolates `num_inputs` points to `num_outputs`; outside points repeat the border."""
    matrix = np.zeros((num_outputs, num_inputs))
    places = np.linspace(0, num_inputs - 1, num_outputs)
    base = np.floor(places).astype(int)
    for offset in (-1, 0, 1, 2):
        weight = _keys(places - (base + offset))
        np.add.at(
            matrix, (np.arange(num_outputs), np.clip(base + offset, 0, num_inputs - 1)), weight
        )
    return matrix


def sample_bilinear(
    images: Float[np.ndarray, "n h w c"], grid: Float[np.ndarray, "m h2 w2 2"]
) -> Float[np.ndarray, "n h2 w2 c"]:
    """Read images at the points of a grid.

    Args:
        images: Channels last.
        grid: (column, row) in [-1, 1], one grid for all images (m = 1) or one each (m = n).
    """
    height, width = images.shape[1:3]
    x = (grid[..., 0] + 1) / 2 * (width - 1)
    y = (grid[..., 1] + 1) / 2 * (height - 1)
    left = np.clip(np.floor(x).astype(int), 0, max(width - 2, 0))
    top = np.clip(np.floor(y).astype(int), 0, max(height - 2, 0))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    rows = np.arange(len(images))[:, None, None]

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return images[rows, row, column]

    upper = (1 - fx) * at(top, left) + fx * at(top, right)
    lower = (1 - fx) * at(bottom, left) + fx * at(bottom, right)
    return ((1 - fy) * upper + fy * lower).astype(images.dtype)
