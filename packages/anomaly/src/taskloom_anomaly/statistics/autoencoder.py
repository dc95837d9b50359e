"""A small variational autoencoder with its gradient written out: Kingma and Welling 2014 (arXiv 1312.6114).

Encoder d -> h -> (mu, log variance), decoder latent -> h -> d, rectifiers between. The loss of a sample is

    |x - decoder(mu + exp(log variance / 2) eps)|^2 / 2 + weight KL(N(mu, variance) || N(0, 1)) [nat]

which for weight 1 is the negative evidence lower bound of a decoder with unit variance, up to a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

Parameters = dict[str, np.ndarray]


def initial(width: int, hidden: int, latent: int, rng: np.random.Generator) -> Parameters:
    """Return random weights (He for rectified inputs) and zero biases, float32."""
    sizes = {
        "encode": (width, hidden),
        "mean": (hidden, latent),
        "spread": (hidden, latent),
        "decode": (latent, hidden),
        "output": (hidden, width),
    }
    parameters: Parameters = {}
    for name, (fan_in, fan_out) in sizes.items():
        scale = np.sqrt((1.0 if name == "decode" else 2.0) / fan_in)
        # The log variance starts near zero, so that the first samples are neither frozen nor wild.
        scale *= 0.1 if name == "spread" else 1.0
        parameters[f"{name}_weight"] = (scale * rng.standard_normal((fan_in, fan_out))).astype(np.float32)  # fmt: skip
        parameters[f"{name}_bias"] = np.zeros(fan_out, dtype=np.float32)
    return parameters


def _affine(parameters: Parameters, name: str, x: np.ndarray) -> np.ndarray:
    return x @ parameters[f"{name}_weight"] + parameters[f"{name}_bias"]


def loss(
    parameters: Parameters,
    x: Float[np.ndarray, "n d"],
    noise: Float[np.ndarray, "n latent"] | None,
    weight: float,
) -> Float[np.ndarray, " n"]:
    """Return the loss of each sample; without noise the latent is its mean, which makes a score repeatable."""
    hidden = np.maximum(_affine(parameters, "encode", x), 0.0)
    mean, spread = _affine(parameters, "mean", hidden), _affine(parameters, "spread", hidden)
    latent = mean if noise is None else mean + np.exp(0.5 * spread) * noise
    back = np.maximum(_affine(parameters, "decode", latent), 0.0)
    error = _affine(parameters, "output", back) - x
    surprise = mean**2 + np.exp(spread) - 1.0 - spread
    # Added up in float64: wide layers lose digits of the sum in float32.
    squares = np.einsum("nd,nd->n", error, error, dtype=np.float64)
    return 0.5 * (squares + weight * surprise.sum(axis=1, dtype=np.float64))


def gradient(
    parameters: Parameters,
    x: Float[np.ndarray, "n d"],
    noise: Float[np.ndarray, "n latent"],
    weight: float,
) -> Parameters:
    """Return the gradient of the mean loss of a batch, by backpropagation."""
    hidden = np.maximum(_affine(parameters, "encode", x), 0.0)
    mean, spread = _affine(parameters, "mean", hidden), _affine(parameters, "spread", hidden)
    deviation = np.exp(0.5 * spread)
    latent = mean + deviation * noise
    back = np.maximum(_affine(parameters, "decode", latent), 0.0)
    found: Parameters = {}

    def through(name: str, inputs: np.ndarray, slope: np.ndarray) -> np.ndarray:
        found[f"{name}_weight"] = inputs.T @ slope
        found[f"{name}_bias"] = slope.sum(axis=0)
        return slope @ parameters[f"{name}_weight"].T

    error = (_affine(parameters, "output", back) - x) / len(x)
    # A rectifier lets slope through where it was open; at zero it counts as shut.
    to_latent = through("decode", latent, through("output", back, error) * (back > 0))
    share = weight / len(x)
    to_mean = to_latent + share * mean
    # By the reparametrisation the noise is constant, so the spread gets slope through the deviation.
    to_spread = 0.5 * (to_latent * noise * deviation + share * (deviation**2 - 1.0))
    to_hidden = through("mean", hidden, to_mean) + through("spread", hidden, to_spread)
    through("encode", x, to_hidden * (hidden > 0))
    return found
