"""WaNet: a smooth warp of the image that hardly anybody sees (Nguyen and Tran 2021, arXiv:2102.10369).

A coarse field of random displacements is interpolated to the image's size and added to the identity grid; the image is
sampled there. Grids hold (column, row), in that order, in [-1, 1] from the centre of the first pixel to that of the last:
with (row, column) instead, every image comes out transposed, and the trigger would be that.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.triggers.interpolation import bicubic_matrix, sample_bilinear


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
        """Where each pixel is read from, (column, row) in [-1, 1]."""
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
