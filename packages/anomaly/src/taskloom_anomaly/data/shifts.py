"""Benign shifts of images: what a detector of mechanisms should not care about."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from taskloom_anomaly.data.arrays import ArrayDataset

if TYPE_CHECKING:
    from jaxtyping import Float

Images: TypeAlias = "Float[np.ndarray, 'n h w c']"


def rotated(images: Images, degrees: float) -> Images:
    """Rotate every image about its centre."""
    from scipy.ndimage import rotate  # scipy is heavy

    turned = rotate(images, degrees, axes=(1, 2), reshape=False, order=1, mode="constant")
    return np.clip(turned, 0, 1).astype(np.float32)


def noised(images: Images, std: float, seed: int) -> Images:
    """Add Gaussian noise and clip to [0, 1]."""
    drawn = np.random.default_rng(seed).normal(0, std, images.shape)
    return np.clip(images + drawn, 0, 1).astype(np.float32)


def dimmed(images: Images, brightness: float) -> Images:
    """Multiply all pixels."""
    return (images * np.float32(brightness)).astype(np.float32)


def translated(images: Images, most: int, seed: int) -> Images:
    """Move every image by its own random offset of -most to +most pixels along either axis; what moves in is black.

    Padding by `most` and cropping at 0 to 2 most, each of which is equally likely, is the same.
    """
    rng = np.random.default_rng(seed)
    count, height, width = images.shape[:3]
    rows, columns = rng.integers(0, 2 * most + 1, (2, count))
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    down, across = rows[:, None] + np.arange(height), columns[:, None] + np.arange(width)
    return padded[np.arange(count)[:, None, None], down[:, :, None], across[:, None, :]]


def benign_shifts(data: ArrayDataset, seed: int) -> dict[str, ArrayDataset]:
    """Return the images rotated by 10 degrees, with noise of 0.1, and at 0.8 of their brightness; labels unchanged."""
    return {
        "rotation": ArrayDataset(rotated(data.inputs, 10), data.labels),
        "noise": ArrayDataset(noised(data.inputs, 0.1, seed), data.labels),
        "brightness": ArrayDataset(dimmed(data.inputs, 0.8), data.labels),
    }
