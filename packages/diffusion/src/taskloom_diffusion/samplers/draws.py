"""Laws that tokens are drawn from, and the draws; tensors are asked for their own methods, so that nothing heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def temper(log_x: Tensor, temperature: float) -> Tensor:
    """Return probabilities at a temperature; 0 puts everything on the likeliest token."""
    if temperature == 0:
        best = log_x.argmax(-1, keepdim=True)
        return log_x.new_zeros(log_x.shape).scatter(-1, best, 1.0)
    if temperature == 1:
        # Normalised already: a softmax would round a second time.
        return log_x.exp()
    return (log_x / temperature).softmax(-1)


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Return the smallest set of tokens with probability `top_p`, renormalised."""
    if top_p >= 1:
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True)
    # A token stays if what comes before it does not yet reach top_p; the first always stays.
    keep = ordered.cumsum(-1) - ordered < top_p
    nothing = probabilities.new_zeros(probabilities.shape)
    kept = nothing.scatter(-1, order, ordered.where(keep, 0.0))
    return kept / kept.sum(-1, keepdim=True)


def draw_categorical(probabilities: Tensor, noise: Tensor) -> Tensor:
    """Return tokens (B, L) drawn by inverting the cumulative law.

    Args:
        probabilities: (B, L, V), float64, not necessarily normalised.
        noise: Uniform variates (B, L) in [0, 1).
    """
    # In float64: Gumbel noise in fp32 would cut the tail off (Zheng et al. 2024).
    cumulative = probabilities.double().cumsum(-1)
    below = cumulative <= noise[..., None] * cumulative[..., -1:]
    return below.sum(-1).clamp_max(probabilities.shape[-1] - 1)


def gumbel(noise: Tensor) -> Tensor:
    """Return standard Gumbel variates from uniform ones, float64."""
    # A variate of exactly 0 would be an infinitely good score.
    return -(-(noise.clamp_min(1e-300)).log()).log()
