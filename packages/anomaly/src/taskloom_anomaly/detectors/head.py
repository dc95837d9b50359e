"""The last linear layer of a classifier, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from taskloom_anomaly.detectors.base import FeatureSpec
from taskloom_anomaly.detectors.checks import require_layer

if TYPE_CHECKING:
    from jaxtyping import Float


class LinearHead(NamedTuple):
    """logits = h W^T + b.

    Attributes:
        layer: The name of the layer that h is.
        weight: W, shape (K, d), float64.
        bias: b, shape (K,), float64.
    """

    layer: str
    weight: Float[np.ndarray, "K d"]
    bias: Float[np.ndarray, " K"]


def require_head(spec: FeatureSpec) -> LinearHead:
    """Return the head.

    Raises:
        ValueError: If the model has none, or the layer that feeds it is not watched.
    """
    if spec.head_weight is None or not spec.head_layer:
        raise ValueError(
            "This detector needs the last linear layer and the one that feeds it, and the model shows none."
        )
    require_layer(spec.head_layer, spec.widths)
    # Float64 before any arithmetic: the origin of ViM comes from a pseudo-inverse of W.
    weight = np.asarray(spec.head_weight, dtype=np.float64)
    # A layer without a bias is one whose bias is zero.
    bias = np.zeros(len(weight)) if spec.head_bias is None else np.asarray(spec.head_bias)
    if weight.shape[1] != spec.widths[spec.head_layer]:
        raise ValueError(
            f"The last linear layer reads {weight.shape[1]} features and '{spec.head_layer}' has {spec.widths[spec.head_layer]}."
        )
    return LinearHead(spec.head_layer, weight, bias.astype(np.float64))
