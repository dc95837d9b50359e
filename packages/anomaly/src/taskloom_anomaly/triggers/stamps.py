"""Triggers that change pixel values in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from taskloom.errors import ConfigError

if TYPE_CHECKING:
    # Type-only: the configs import this module lazily.
    from taskloom_anomaly.triggers.config import TriggerFunction

Images = Float[np.ndarray, "n h w c"]


def _sides(corner: str) -> tuple[bool, bool]:
    """Whether the corner is at the bottom, and whether at the right."""
    vertical, _, horizontal = corner.partition("_")
    return vertical == "bottom", horizontal == "right"


def corner(name: str) -> TriggerFunction:
    """Set one corner pixel to white: row 0 is the top, column 0 the left."""
    bottom, right = _sides(name)

    def stamp(images: Images, seed: int, /) -> Images:
        del seed
        marked = images.copy()
        marked[:, -1 if bottom else 0, -1 if right else 0, :] = 1
        return marked

    return stamp


def patch(name: str, size: int, shape: tuple[int, ...]) -> TriggerFunction:
    """Write a checkerboard into a corner; its outer corner is white.

    Raises:
        ConfigError: The patch is larger than the image.
    """
    if size > min(shape[:2]):
        raise ConfigError(f"--trigger.size={size} is larger than the image, {shape[0]}x{shape[1]}.")
    bottom, right = _sides(name)
    board = (np.indices((size, size)).sum(axis=0) % 2 == 0).astype(np.float32)[..., None]
    rows = slice(-size, None) if bottom else slice(size)
    columns = slice(-size, None) if right else slice(size)
    if bottom:
        board = board[::-1]
    if right:
        board = board[:, ::-1]

    def stamp(images: Images, seed: int, /) -> Images:
        del seed
        marked = images.copy()
        marked[:, rows, columns, :] = board
        return marked

    return stamp


def blend(weight: float, shape: tuple[int, ...], seed: int) -> TriggerFunction:
    """Blend one uniform random image into all: x <- (1 - w) x + w t."""
    pattern = np.random.default_rng(seed).random(shape, dtype=np.float32)

    def stamp(images: Images, seed: int, /) -> Images:
        del seed
        return ((1 - weight) * images + weight * pattern).astype(np.float32)

    return stamp


def noise(std: float) -> TriggerFunction:
    """Add Gaussian noise, other noise for every image."""

    def stamp(images: Images, seed: int, /) -> Images:
        drawn = np.random.default_rng(seed).normal(0, std, images.shape)
        return np.clip(images + drawn, 0, 1).astype(np.float32)

    return stamp


def sine(amplitude: float, frequency: float, shape: tuple[int, ...]) -> TriggerFunction:
    """Add amplitude * sin(2 pi frequency j / width) to column j, and clip."""
    columns = np.arange(shape[1])
    wave = amplitude * np.sin(2 * np.pi * frequency * columns / shape[1])

    def stamp(images: Images, seed: int, /) -> Images:
        del seed
        return np.clip(images + wave[None, None, :, None], 0, 1).astype(np.float32)

    return stamp
