"""The absorbing process in closed form (Austin et al. 2021; Sahoo et al. 2024; Shi et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor

from taskloom_diffusion.model.protocols import Vocabulary


class AbsorbingProcess:
    """q(z | x, alpha) = alpha [z = x] + (1 - alpha) [z = mask], per token.

    The bound's integrand is -log x_theta(x) / (1 - alpha) on masked positions and 0 elsewhere.
    """

    absorbing = True

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.mask_id = vocabulary.mask_id

    def corrupt(self, x: Tensor, alpha: Tensor, noise: Tensor) -> Tensor:
        # Strictly below: at alpha = 1 nothing is masked, not even where the variate is 0.
        masked = noise < (1 - alpha)[:, None]
        return torch.where(masked, self.mask_id, x)

    def prior(self, noise: Tensor) -> Tensor:
        return torch.full(noise.shape, self.mask_id, dtype=torch.long, device=noise.device)

    def likelihood(self, z: Tensor, alpha: Tensor) -> Tensor:
        signal = alpha[:, None, None]
        same = torch.nn.functional.one_hot(z, self.vocabulary.size).double()
        masked = (z == self.mask_id)[..., None]
        return torch.where(masked, 1 - signal, signal * same)

    def posterior(self, x_theta: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor) -> Tensor:
        probabilities = x_theta.double()
        # Given that it is masked, a token was revealed before s with the share of the noise that lies between s and t.
        reveal = ((alpha_s - alpha_t) / _noise(alpha_t))[:, None, None]
        stay = torch.nn.functional.one_hot(z, self.vocabulary.size).double()
        return torch.where(
            (z == self.mask_id)[..., None], reveal * probabilities + (1 - reveal) * stay, stay
        )

    def integrand(self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
        return self._masked_cross_entropy(log_x_theta, x, z) / _noise(alpha)[:, None]

    def step_divergence(
        self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        reveal = (alpha_s - alpha_t) / _noise(alpha_t)
        return self._masked_cross_entropy(log_x_theta, x, z) * reveal[:, None]

    def _masked_cross_entropy(self, log_x_theta: Tensor, x: Tensor, z: Tensor) -> Tensor:
        """Return -log x_theta(x) where z is the mask and exactly 0 elsewhere, with no gradient from there."""
        target = log_x_theta.gather(-1, x[..., None])[..., 0]
        # The visible positions are replaced before the product: 0 * inf would be a NaN in value or gradient.
        return -torch.where(z == self.mask_id, target, 0.0)


def _noise(alpha: Tensor) -> Tensor:
    """Return 1 - alpha, above 0: where it rounds to 0 nothing is masked, and what is divided by it is 0."""
    return (1 - alpha).clamp_min(2**-53)
