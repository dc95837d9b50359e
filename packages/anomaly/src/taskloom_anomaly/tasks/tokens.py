"""Codes, layers and baselines of tasks over token sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from taskloom_anomaly.data.named import NamedArrays
    from taskloom_anomaly.models.transformer import Transformer


def one_hot(tokens: Int[np.ndarray, "n t"], vocabulary: int) -> Float[np.ndarray, "n d"]:
    """Return one-hot codes of all positions, side by side."""
    return np.eye(vocabulary)[tokens].reshape(len(tokens), -1)


def transformer_layers(model: Transformer) -> tuple[str, ...]:
    """The layers that say something at the last token: the embedding of a fixed last token is a constant."""
    return (*(f"block_{i}" for i in range(model.num_layers)), "final_norm", "logits")


def word_scores(
    trusted: NamedArrays, sets: Sequence[NamedArrays]
) -> dict[str, list[Float[np.ndarray, " n"]]]:
    """Return scores of texts that no network enters: their length in tokens, and how unusual their words and pairs of words are.

    Args:
        trusted: Trusted texts; only positions under the mask count.
        sets: Further texts.
    """
    size = max(int(part.first.max()) for part in (trusted, *sets)) + 1
    counts = np.bincount(trusted.first[_real(trusted)], minlength=size)
    surprise = -np.log((counts + 1.0) / (counts.sum() + size))
    return {
        "text_length": [_real(x).sum(axis=1).astype(float) for x in sets],
        "new_words": [_mean(counts[x.first] == 0, _real(x)) for x in sets],
        "new_pairs": [_mean(_is_new(trusted, x, size), _pairs(x)) for x in sets],
        "bag_of_words": [_mean(surprise[x.first], _real(x)) for x in sets],
    }


def _is_new(trusted: NamedArrays, texts: NamedArrays, size: int) -> Bool[np.ndarray, "n pairs"]:
    """Return which pairs of neighbouring words occur in no trusted text."""

    def coded(part: NamedArrays) -> Int[np.ndarray, "n pairs"]:
        words = part.first.astype(np.int64)
        return np.asarray(words[:, :-1] * size + words[:, 1:])

    return np.isin(coded(texts), coded(trusted)[_pairs(trusted)], invert=True)


def _pairs(tokens: NamedArrays) -> Bool[np.ndarray, "n pairs"]:
    """Return which pairs of neighbouring words are read whole."""
    real = _real(tokens)
    return np.asarray(real[:, :-1] & real[:, 1:])


def _real(tokens: NamedArrays) -> Bool[np.ndarray, "n t"]:
    return np.ones(tokens.shape, bool) if tokens.mask is None else tokens.mask


def _mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mean of the real positions of each row."""
    return np.asarray((values * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1))
