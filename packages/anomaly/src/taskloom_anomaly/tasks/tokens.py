"""Codes and layers of tasks over token sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from taskloom_anomaly.models.transformer import Transformer


def one_hot(tokens: Int[np.ndarray, "n t"], vocabulary: int) -> Float[np.ndarray, "n d"]:
    """Return one-hot codes of all positions, side by side."""
    return np.eye(vocabulary)[tokens].reshape(len(tokens), -1)


def transformer_layers(model: Transformer) -> tuple[str, ...]:
    """The layers that say something at the last token: the embedding of a fixed last token is a constant."""
    return (*(f"block_{i}" for i in range(model.num_layers)), "final_norm", "logits")
