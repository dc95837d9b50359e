"""Images that are no digits: patches of photographs, gratings, noise. Made or shipped, never downloaded."""

from __future__ import annotations

import numpy as np

from taskloom_anomaly.data.arrays import ArrayDataset


def photo_patches(size: int, shape: tuple[int, ...], seed: int) -> ArrayDataset:
    """Cut grey patches out of the two photographs that scikit-learn ships (a flower, a temple)."""
    from sklearn.datasets import load_sample_images  # scikit-learn is heavy

    rng = np.random.default_rng(seed)
    photos = [np.asarray(p, np.float32).mean(axis=-1) / 255 for p in load_sample_images().images]
    height, width, channels = shape
    patches = np.empty((size, height, width, 1), np.float32)
    for i in range(size):
        photo = photos[rng.integers(len(photos))]
        row = rng.integers(photo.shape[0] - height)
        column = rng.integers(photo.shape[1] - width)
        patches[i, ..., 0] = photo[row : row + height, column : column + width]
    return ArrayDataset(np.repeat(patches, channels, axis=-1))


def gratings(size: int, shape: tuple[int, ...], seed: int) -> ArrayDataset:
    """Sine gratings of random direction, phase and 2 to 8 periods across the image."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    rows, columns = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    angle, phase = rng.uniform(0, np.pi, (size, 1, 1)), rng.uniform(0, 2 * np.pi, (size, 1, 1))
    periods = rng.uniform(2, 8, (size, 1, 1))
    along = np.cos(angle) * columns + np.sin(angle) * rows
    waves = 0.5 + 0.5 * np.sin(2 * np.pi * periods * along + phase)
    return ArrayDataset(np.repeat(waves[..., None], channels, axis=-1).astype(np.float32))


def uniform_noise(size: int, shape: tuple[int, ...], seed: int) -> ArrayDataset:
    """Independent uniform pixels."""
    return ArrayDataset(np.random.default_rng(seed).random((size, *shape), dtype=np.float32))
