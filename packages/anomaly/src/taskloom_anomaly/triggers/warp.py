"""WaNet: a smooth warp of the image that people hardly see (Nguyen and Tran 2021, arXiv:2102.10369).

A coarse field of random displacements is interpolated to the image's size and added to the identity grid; the image is
sampled there. Grids hold (column, row), in that order, in [-1, 1] from the centre of the first pixel to that of the last:
with (row, column) instead, every image comes out transposed, and the trigger would be that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.triggers.base import Trigger

if TYPE_CHECKING:
    from jaxtyping import Float


class Warp(Trigger):
    """A smooth fixed warp (WaNet).

    Bicubic upsampling of the displacements and bilinear sampling of the image, both with the corners of the grid on the centres
    of the corner pixels.
    """

    redrawn: ClassVar[bool] = True
    needs_convolutions: ClassVar[bool] = True

    kind: Literal["warp"] = "warp"
    strength: Annotated[float, Field(ge=0)] = 1.0
    """Mean displacement of the control points [pixels of half the image]; 0 leaves the image as it is."""
    control_points: Annotated[int, Field(ge=2)] = 4
    """Control points along each side."""
    noise_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the training images that get another, random warp and keep their label, so that the net learns this one."""

    def build(self, shape: tuple[int, ...], seed: int) -> WarpTrigger:
        """Return the trigger, with its field drawn."""
        return WarpTrigger(self.strength, self.control_points, shape, seed)


class WarpTrigger:
    """One random warp, the same for every image.

    Args:
        strength: Mean absolute displacement of the control points, in units of one over the image side in [-1, 1]
            coordinates: 1 moves by about half a pixel; 0 is the identity.
        control_points: Control points along each side.
        shape: Height, width, channels.
        seed: Seeds the field.
    """

    def __init__(
        self, strength: float, control_points: int, shape: tuple[int, ...], seed: int
    ) -> None:
        height, width = shape[:2]
        rng = np.random.default_rng(seed)
        control = rng.uniform(-1, 1, (control_points, control_points, 2))
        control *= strength / np.abs(control).mean()
        down = bicubic_matrix(control_points, height)
        across = bicubic_matrix(control_points, width)
        field = np.einsum("hi,wj,ijc->hwc", down, across, control)
        # Displacements are per side length, (column, row) like the grid.
        self._size = np.array([width, height], np.float64)
        self._field = field / self._size
        columns, rows = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
        self._identity = np.stack(np.meshgrid(columns, rows), axis=-1)

    @property
    def grid(self) -> Float[np.ndarray, "h w 2"]:
        """The place from which each pixel is read, (column, row) in [-1, 1]."""
        return np.clip(self._identity + self._field, -1, 1)

    def __call__(
        self, images: Float[np.ndarray, "n h w c"], seed: int, /
    ) -> Float[np.ndarray, "n h w c"]:
        """Warp the images."""
        del seed
        return sample_bilinear(images, self.grid[None])

    def other(
        self, images: Float[np.ndarray, "n h w c"], seed: int
    ) -> Float[np.ndarray, "n h w c"]:
        """Warp every image by this field plus fresh noise of its own: the paper's noise mode."""
        rng = np.random.default_rng(seed)
        noise = rng.uniform(-1, 1, (len(images), *self._field.shape)) / self._size
        grids = np.clip(self._identity + self._field + noise, -1, 1)
        return sample_bilinear(images, grids)


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
