"""Checks of features before any arithmetic: the layer is there, its width fits, and every value is a number."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.data.named import NamedArrays, flat_rows
from taskloom_anomaly.detectors.base import Features

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Shaped


def require_layers(known: Sized) -> None:
    """Refuse a model without layers.

    Raises:
        ValueError: If none is known.
    """
    if not len(known):
        raise ValueError("This detector reads activations and the model names no layer.")


def require_trusted(found: bool) -> None:
    """Refuse a task without trusted data.

    Raises:
        ValueError: If no trusted sample was found.
    """
    if not found:
        raise ValueError("This detector needs trusted data and the task has none.")


def require_residual(layer: str, rank: int, width: int) -> None:
    """Refuse a principal subspace that is the whole space.

    Raises:
        ValueError: If no direction is left over.
    """
    if rank >= width:
        raise ValueError(
            f"Layer '{layer}' has {width} features; a rank of {rank} leaves no residual, use at most {width - 1}."
        )


def require_layer(layer: str, known: Iterable[str]) -> None:
    """Refuse a layer name that does not exist.

    Raises:
        ValueError: With the list of layers, and the closest match if there is one.
    """
    names = list(known)
    if layer not in names:
        close = difflib.get_close_matches(layer, names, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        listed = ", ".join(names) if names else "none"
        raise ValueError(f"There is no layer '{layer}'; the layers are: {listed}.{hint}")


def all_finite(values: np.ndarray) -> bool:
    """Return whether every value is a number, in one pass and without a temporary where that is so."""
    if values.dtype.kind != "f" or not values.size:
        return True
    if values.dtype in (np.float32, np.float64) and values.ndim > 1 and values.flags.c_contiguous:
        rows = values.reshape(-1, values.shape[-1])
        # A sum is finite only if all its terms are, and BLAS sums rows at the speed of memory; finite terms may overflow.
        with np.errstate(invalid="ignore", over="ignore"):
            sums = rows @ np.ones(rows.shape[1], values.dtype)
        if np.isfinite(sums).all():
            return True
    return bool(np.isfinite(values).all())


def require_finite(values: np.ndarray, what: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: With how many values and which sample is the first.
    """
    if not all_finite(values):
        bad = ~np.isfinite(values)
        first = int(np.argwhere(bad)[0][0])
        raise ValueError(
            f"{what} has {int(bad.sum())} values that are NaN or infinite, the first in sample {first} of the batch."
        )


def layer_rows(
    features: Features, layer: str, width: int | None = None, *, tells_padding: bool = False
) -> tuple[Float[np.ndarray, "rows d"], int]:
    """Return a layer's activations with the positions folded into the rows, and the number of positions.

    Args:
        features: A batch.
        layer: The layer.
        width: The width expected; None accepts any.
        tells_padding: Whether the caller leaves out the rows that are padding.

    Raises:
        ValueError: If the layer is missing, has another width, or holds NaN, or padding that the caller would take for tokens.
    """
    require_layer(layer, features.activations)
    array = np.asarray(features.activations[layer])
    if array.ndim < 2:
        raise ValueError(
            f"Layer '{layer}' has activations of shape {array.shape}; (samples, ..., features) is needed."
        )
    if width is not None and array.shape[-1] != width:
        raise ValueError(
            f"Layer '{layer}' has {array.shape[-1]} features a sample and the detector was fitted to {width}."
        )
    if array.dtype not in (np.float32, np.float64):
        # BLAS has no half precision; integers become float64, in which all that occur are exact.
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    require_finite(array, f"Layer '{layer}'")
    mask = features.mask
    if not tells_padding and array.ndim == 3 and mask is not None and not mask.all():
        raise ValueError(
            f"This detector does not tell padding from tokens in layer '{layer}': choose another reduction than none, such as last"
            " or mean, or the detector mahalanobis."
        )
    positions = int(np.prod(array.shape[1:-1], dtype=np.int64))
    return np.ascontiguousarray(array.reshape(-1, array.shape[-1])), positions


def pooled_rows(features: Features, layer: str, width: int) -> Float[np.ndarray, "n d"]:
    """Return a layer's activations averaged over positions; it raises as `layer_rows` does."""
    rows, positions = layer_rows(features, layer, width)
    return rows.reshape(-1, positions, width).mean(axis=1)


def model_output(features: Features) -> Float[np.ndarray, "n K"]:
    """Return the logits in float64.

    Raises:
        ValueError: If there are none, or they hold NaN.
    """
    if features.logits is None:
        raise ValueError("This detector reads the model's logits and the features carry none.")
    logits = np.asarray(features.logits)
    require_finite(logits, "The model's output")
    # Differences between close log-sum-exps want more digits than the network's float32.
    return np.ascontiguousarray(logits, dtype=np.float64)


def model_input(features: Features) -> Shaped[np.ndarray, "n ..."]:
    """Return the inputs.

    Raises:
        ValueError: If there are none, or they hold NaN.
    """
    if features.inputs is None:
        raise ValueError("This detector reads the model's input and the features carry none.")
    given = features.inputs
    inputs = flat_rows(given) if isinstance(given, NamedArrays) else np.asarray(given)
    require_finite(inputs, "The model's input")
    return inputs


def predicted(features: Features) -> Int[np.ndarray, " n"]:
    """Return the class that the model predicts for each sample."""
    return np.argmax(model_output(features), axis=1)
