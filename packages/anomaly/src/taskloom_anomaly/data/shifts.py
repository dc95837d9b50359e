"""Benign shifts of images: what a detector of mechanisms should not care about."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.data.arrays import ArrayDataset

Images = Float[np.ndarray, "n h w c"]


def rotated(images: Images, degrees: float) -> Images:
    """Rotate every image about its centre."""
    # Imported here because only control sets need scipy.
    from scipy.ndimage import rotate

    turned = rotate(images, degrees, axes=(1, 2), reshape=False, order=1, mode="constant")
    return np.clip(turned, 0, 1).astype(np.float32)


def noised(images: Images, std: float, seed: int) -> Images:
    """Add Gaussian noise and clip to [0, 1]."""
    drawn = np.random.default_rng(seed).normal(0, std, images.shape)
    return np.clip(images + drawn, 0, 1).astype(np.float32)


def dimmed(images: Images, brightness: float) -> Images:
    """Multiply all pixels."""
    return (images * np.float32(brightness)).astype(np.float32)


def benign_shifts(data: ArrayDataset, seed: int) -> dict[str, ArrayDataset]:
    """Return the images rotated by 10 degrees, with noise of 0.1, and at 0.8 of their brightness; labels unchanged."""
    return {
        "rotation": ArrayDataset(rotated(data.inputs, 10), data.labels),
        "noise": ArrayDataset(noised(data.inputs, 0.1, seed), data.labels),
        "brightness": ArrayDataset(dimmed(data.inputs, 0.8), data.labels),
    }
