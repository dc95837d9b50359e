"""Any continuous-time Markov chain between tokens, by its generator (D3PM, Austin et al. 2021; Campbell et al. 2022).

With sigma = -log alpha the forward law is Q(alpha) = exp(sigma R), rows summing to 1, and from level s to level t it is
exp((sigma_t - sigma_s) R): D3PM's matrices Q_t, on any grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from taskloom_diffusion.model.protocols import Vocabulary
from taskloom_diffusion.processes.interpolating import (
    SMALLEST_SIGNAL,
    cross,
    over_signal,
    ratio_divergence,
)


class MarkovProcess:
    """Noise by a generator R (V, V): R[i, j] >= 0 is the rate i -> j, and rows sum to 0."""

    def __init__(self, vocabulary: Vocabulary, generator: Tensor, *, absorbs: bool = False) -> None:
        self.vocabulary = vocabulary
        self.generator = generator.double()
        self.absorbs = absorbs

    def kernel(self, alpha: Tensor) -> Tensor:
        """Return Q(alpha) (B, V, V)."""
        sigma = -alpha.double().clamp_min(SMALLEST_SIGNAL).log()
        return self._exponential(sigma)

    def corrupt(self, x: Tensor, alpha: Tensor, noise: Tensor) -> Tensor:
        rows = self._rows(self.kernel(alpha), x)
        return _draw(rows, noise)

    def prior(self, noise: Tensor) -> Tensor:
        start = next(i for i, allowed in enumerate(self.vocabulary.allowed) if allowed)
        stationary = self.kernel(torch.zeros(1, dtype=torch.float64))[0, start]
        return _draw(stationary.expand(*noise.shape, -1), noise)

    def likelihood(self, z: Tensor, alpha: Tensor) -> Tensor:
        return self._rows(self.kernel(alpha).transpose(1, 2), z)

    def posterior(self, x_theta: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor) -> Tensor:
        sigma_s, sigma_t = (
            -a.double().clamp_min(SMALLEST_SIGNAL).log() for a in (alpha_s, alpha_t)
        )
        into_z = self._rows(self._exponential(sigma_t - sigma_s).transpose(1, 2), z)
        joint = (x_theta.double() @ self.kernel(alpha_s)) * into_z
        return joint / joint.sum(-1, keepdim=True)

    def integrand(self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
        kernel = self.kernel(alpha)
        rates = self.generator.to(z.device).T[z] * over_signal(alpha)[:, None, None]
        predicted = log_x_theta.double().exp() @ kernel
        return ratio_divergence(self._rows(kernel, x), predicted, z, rates)

    def step_divergence(
        self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        truth = torch.nn.functional.one_hot(x, self.vocabulary.size).double()
        true = self.posterior(truth, z, alpha_s, alpha_t)
        model = self.posterior(log_x_theta.double().exp(), z, alpha_s, alpha_t)
        return (torch.xlogy(true, true) - cross(true, model)).sum(-1)

    def _exponential(self, sigma: Tensor) -> Tensor:
        generator = self.generator.to(sigma.device)
        # A sampler asks for one level in all rows: each different one is exponentiated once.
        different, row = torch.unique(sigma, return_inverse=True)
        exponential: Tensor = torch.linalg.matrix_exp(different[:, None, None] * generator)
        return exponential.clamp_min(0)[row]

    @staticmethod
    def _rows(matrices: Tensor, index: Tensor) -> Tensor:
        """Return row index[b, l] of matrices[b]: (B, L, V)."""
        batch = torch.arange(index.shape[0], device=index.device)[:, None]
        return matrices[batch, index]


def _draw(probabilities: Tensor, noise: Tensor) -> Tensor:
    """Draw one state per position by inverting the cumulative law at the variate."""
    cumulative = probabilities.cumsum(-1)
    drawn = (cumulative <= (noise[..., None] * cumulative[..., -1:])).sum(-1)
    return drawn.clamp_max(probabilities.shape[-1] - 1)
