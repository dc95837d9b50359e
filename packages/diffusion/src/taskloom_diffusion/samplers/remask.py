"""Probabilities of masking tokens again on the way (ReMDM, Wang et al. 2025, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Remasking:
    """The probability sigma that a revealed token is masked again in a step from signal alpha_t to alpha_s.

    Marginals are kept for any sigma in [0, min(1, (1 - alpha_s) / alpha_t)] as long as a masked token is revealed with
    probability (alpha_s - (1 - sigma) alpha_t) / (1 - alpha_t).

    Attributes:
        variant: How sigma follows its largest value.
        eta: Strength.
    """

    variant: Literal["cap", "rescale", "confidence", "loop", "forward_backward"]
    eta: float

    def strength(self, alpha_s: float, alpha_t: float) -> float:
        """Return sigma of one step; for `confidence`, the sum of sigma over a row's revealed positions."""
        # Above it the chance to reveal a mask would be negative.
        largest = 1.0 if alpha_t <= 0 else min(1.0, (1 - alpha_s) / alpha_t)
        if self.variant == "cap":
            return min(self.eta, largest)
        if self.variant == "forward_backward":
            # The forward process' own rate over the step, run once more after it.
            return 0.0 if alpha_t <= 0 else min((alpha_s - alpha_t) / alpha_t, largest)
        return self.eta * largest

    def mean(self, strength: float, alpha_t: float, num_free: Tensor) -> Tensor:
        """Return the sigma (B,) that the reveal probability must make up for.

        For `confidence` a row remasks `strength` positions on average if any is revealed, whatever their number; spread
        over the num_free * alpha_t positions that are revealed on average, that is the equivalent common sigma.
        """
        if self.variant != "confidence":
            return torch.full(num_free.shape, strength, dtype=torch.float64)
        if alpha_t <= 0:
            return torch.zeros(num_free.shape, dtype=torch.float64)
        any_revealed = 1 - (1 - alpha_t) ** num_free.double()
        return strength * any_revealed / (num_free.clamp_min(1) * alpha_t)

    def spread(self, strength: float, log_p: Tensor, revealed: Tensor) -> Tensor:
        """Return sigma per position (B, L).

        Args:
            strength: From `strength`.
            log_p: log-probability with which each token was revealed (B, L).
            revealed: Positions that hold a token and may change (B, L).
        """
        if self.variant != "confidence":
            return torch.where(revealed, strength, 0.0).double()
        # Least sure tokens are remasked most.
        share = torch.softmax(torch.where(revealed, -log_p.exp(), -torch.inf), dim=1)
        return torch.where(revealed, strength * torch.nan_to_num(share), 0.0)
