"""Readings of a network's logits: the map from logits to the prediction x_theta that the process uses.

Every process of this package takes x_theta as *leave-one-out*: a law of the clean token given the other positions. For
absorbing noise the mask says nothing about the token, so leave-one-out and ordinary posterior coincide; for other noise
they do not, and feeding the ordinary posterior costs likelihood.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taskloom_diffusion.model.protocols import NoisingProcess

Parameterization: TypeAlias = Literal["subs", "d3pm", "loo", "mean"]


def read_logits(
    kind: Parameterization, logits: Tensor, z: Tensor, alpha: Tensor, process: NoisingProcess
) -> Tensor:
    """Return log x_theta (B, L, V), normalised over the tokens that the model may produce.

    Args:
        kind: `subs` (Sahoo et al. 2024): never the mask, and visible tokens are carried over. `d3pm` (Austin et al. 2021):
            never the mask, no carry-over. `loo` (Schiff et al. 2025): the same map, read as leave-one-out. `mean`: the
            logits are the ordinary posterior p(x_l | z), from which z_l's own evidence q(z_l | x_l) is divided out.
        logits: Network output (B, L, V).
        z: Noised tokens (B, L).
        alpha: Signal (B,).
        process: The noising process.
    """
    allowed = torch.tensor(process.vocabulary.allowed, device=logits.device)
    # At least float32: half precision loses the tail of the softmax, and -1e6 instead of -inf overflows it.
    wide = logits.double() if logits.dtype == torch.float64 else logits.float()
    log_x = torch.log_softmax(wide.masked_fill(~allowed, -torch.inf), dim=-1)
    if kind == "subs":
        # Padding is visible but nothing that the model may produce: its prediction stays a law over tokens.
        visible = (z != process.vocabulary.mask_id) & allowed[z]
        return _carry_over(log_x, z, visible)
    if kind == "mean":
        likelihood = process.likelihood(z, alpha)
        # What z cannot have come from (padding; any other token where nothing is noise) has no evidence to divide out: the
        # quotient would be 0/0, and one NaN outside of a sequence is one in the sum.
        evidence = torch.where(likelihood > 0, likelihood, 1.0).log().to(log_x.dtype)
        return torch.log_softmax((log_x - evidence).masked_fill(~allowed, -torch.inf), dim=-1)
    return log_x


def _carry_over(log_x: Tensor, z: Tensor, visible: Tensor) -> Tensor:
    """Replace the prediction on visible positions by certainty; their logits get a gradient of exactly zero."""
    certain = torch.full_like(log_x, -torch.inf).scatter(-1, z[..., None], 0.0)
    return torch.where(visible[..., None], certain, log_x)
