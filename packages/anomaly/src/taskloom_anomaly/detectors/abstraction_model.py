"""The abstract model of an abstraction detector, and its losses.

For layers a_1 .. a_L the abstraction has linear maps tau_l from a layer to m_l abstract features, steps f_l that predict the next
abstract layer, and an output step f_L that predicts the class probabilities:

    loss_l   = distance(f_l(z_l), tau_{l+1}(a_{l+1}))    l = 1 .. L - 1
    loss_out = KL(softmax(logits) || softmax(f_L(z_L)))

with z_l = tau_l(a_l) (local), or z_1 = tau_1(a_1) and z_{l+1} = f_l(z_l) (global). The training loss is their sum. The output
keeps the maps from collapsing to a constant, which every step could predict.

The functions take the array module, numpy to score and jax.numpy to train, so that there is one definition of the losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

Parameters = dict[str, Any]
"""float32 arrays of either module: `map<l>_weight`, `map<l>_bias`, `step<l>_{in,out}_{weight,bias}`."""

_EPSILON = 1e-6


def initial(widths: Sequence[int], classes: int, size_factor: float, seed: int) -> Parameters:
    """Return random weights and zero biases."""
    rng = np.random.default_rng(seed)
    sizes = [max(2, round(width / size_factor)) for width in widths]
    shapes = {f"map{index}": pair for index, pair in enumerate(zip(widths, sizes, strict=True))}
    for index, (own, after) in enumerate(zip(sizes, [*sizes[1:], classes], strict=True)):
        # Twice the wider side: rectified units can pass a feature through only in pairs, one for each sign.
        shapes[f"step{index}_in"] = (own, 2 * max(own, after))
        shapes[f"step{index}_out"] = (2 * max(own, after), after)
    parameters: Parameters = {}
    for name, (fan_in, fan_out) in shapes.items():
        # He's gain behind the rectifier; the other maps are linear.
        gain = 2.0 if name.endswith("_out") else 1.0
        weight = np.sqrt(gain / fan_in) * rng.standard_normal((fan_in, fan_out))
        parameters[f"{name}_weight"] = weight.astype(np.float32)
        parameters[f"{name}_bias"] = np.zeros(fan_out, dtype=np.float32)
    return parameters


def losses(
    parameters: Parameters,
    layers: Sequence[Any],
    logits: Any,  # noqa: ANN401 -- an array of either module
    *,
    follow: bool,
    cosine: bool,
    xp: ModuleType,
) -> list[Any]:
    """Return the loss of each sample at each layer but the first, and last at the output.

    Args:
        parameters: The abstract model.
        layers: Standardised activations by layer, shape (n, d_l).
        logits: The model's output, shape (n, K).
        follow: Whether predictions are fed forward (global) instead of true values (local).
        cosine: Whether the distance is 1 - cosine similarity; otherwise the mean squared difference.
        xp: numpy or jax.numpy.
    """
    true = [_affine(parameters, f"map{index}", layer) for index, layer in enumerate(layers)]
    found = []
    here = true[0]
    for index, after in enumerate(true[1:]):
        guess = _step(parameters, index, here, xp)
        found.append(_cosine(guess, after, xp) if cosine else ((guess - after) ** 2).mean(axis=1))
        here = guess if follow else after
    log_p = _log_softmax(logits, xp)
    log_q = _log_softmax(_step(parameters, len(true) - 1, here, xp), xp)
    return [*found, (xp.exp(log_p) * (log_p - log_q)).sum(axis=1)]


def _affine(parameters: Parameters, name: str, x: Any) -> Any:  # noqa: ANN401 -- an array of either module
    return x @ parameters[f"{name}_weight"] + parameters[f"{name}_bias"]


def _step(parameters: Parameters, index: int, x: Any, xp: ModuleType) -> Any:  # noqa: ANN401 -- as above
    hidden = xp.maximum(_affine(parameters, f"step{index}_in", x), 0.0)
    return _affine(parameters, f"step{index}_out", hidden)


def _cosine(a: Any, b: Any, xp: ModuleType) -> Any:  # noqa: ANN401 -- as above
    # Inside the root, or the gradient at a zero vector is not a number.
    lengths = xp.sqrt(((a**2).sum(axis=1) + _EPSILON**2) * ((b**2).sum(axis=1) + _EPSILON**2))
    return 1.0 - (a * b).sum(axis=1) / lengths


def _log_softmax(x: Any, xp: ModuleType) -> Any:  # noqa: ANN401 -- as above
    # Without the shift exp overflows for logits that training never bounds.
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
