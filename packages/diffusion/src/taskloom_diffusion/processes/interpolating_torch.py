"""Processes that replace a token by one drawn from a fixed law: uniform (UDLM) and marginal (DiGress) noise.

    q(z | x, alpha) = alpha [z = x] + (1 - alpha) pi(z)

The jump rate into z is pi(z) d(-log alpha), so with ratios r_y = q(y | x, alpha) / q(z | x, alpha) of the truth and s_y
of the prediction, the bound's integrand is (Lou et al. 2024, eq. 5; Schiff et al. 2025, eq. 20 for pi = 1/N)

    g = pi(z) / alpha * sum_{y != z} [ s_y - r_y log s_y + r_y (log r_y - 1) ].

Its minimiser is the leave-one-out posterior p(x_l | z without z_l), not p(x_l | z).
"""

from __future__ import annotations

import torch
from torch import Tensor

from taskloom_diffusion.model.protocols import Vocabulary

SMALLEST_SIGNAL = 1e-100
"""Below this a signal is nothing. The square of its inverse, which gradients of quotients have, is still a number."""


class InterpolatingProcess:
    """Noise drawn from the law `pi` (V,), which sums to 1."""

    absorbing = False

    def __init__(self, vocabulary: Vocabulary, pi: Tensor) -> None:
        self.vocabulary = vocabulary
        self.pi = pi.double()

    def corrupt(self, x: Tensor, alpha: Tensor, noise: Tensor) -> Tensor:
        change = (1 - alpha)[:, None]
        # One variate serves twice: below 1 - alpha it says "noise", and its place there says which.
        drawn = self.prior((noise / change.clamp_min(1e-300)).clamp(0, 1 - 2**-53))
        return torch.where(noise < change, drawn, x)

    def prior(self, noise: Tensor) -> Tensor:
        cumulative = self.pi.to(noise.device).cumsum(0)
        # Times its last entry: rounded, the sum of a law is not exactly 1, and a variate above it would have no token.
        drawn = torch.searchsorted(cumulative, noise.contiguous() * cumulative[-1], right=True)
        return drawn.clamp_max(self.vocabulary.size - 1)

    def likelihood(self, z: Tensor, alpha: Tensor) -> Tensor:
        signal = alpha[:, None, None]
        same = torch.nn.functional.one_hot(z, self.vocabulary.size).double()
        return signal * same + (1 - signal) * self.pi.to(z.device)[z][..., None]

    def posterior(self, x_theta: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor) -> Tensor:
        here = torch.nn.functional.one_hot(z, self.vocabulary.size).double()
        pi = self.pi.to(z.device)
        # Where neither level has a signal left nothing says how they are related; that they are the same is one way.
        keep = torch.where(alpha_s > SMALLEST_SIGNAL, alpha_t / alpha_s, 1.0)[:, None, None]
        step = keep * here + (1 - keep) * pi[z][..., None]
        # Bayes' rule: the law at s that the prediction implies, times the chance to get from there to z.
        joint = self._forward(x_theta.double(), alpha_s) * step
        return joint / joint.sum(-1, keepdim=True)

    def integrand(self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
        truth = torch.nn.functional.one_hot(x, self.vocabulary.size).double()
        rate = self.pi.to(z.device)[z] * over_signal(alpha)[:, None]
        predicted = self._forward(log_x_theta.double().exp(), alpha)
        return rate * ratio_divergence(self._forward(truth, alpha), predicted, z)

    def step_divergence(
        self, log_x_theta: Tensor, x: Tensor, z: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        truth = torch.nn.functional.one_hot(x, self.vocabulary.size).double()
        true = self.posterior(truth, z, alpha_s, alpha_t)
        model = self.posterior(log_x_theta.double().exp(), z, alpha_s, alpha_t)
        return (torch.xlogy(true, true) - cross(true, model)).sum(-1)

    def _forward(self, x: Tensor, alpha: Tensor) -> Tensor:
        """Return the law of z (B, L, V) when the clean token has the law x."""
        signal = alpha[:, None, None]
        return signal * x + (1 - signal) * self.pi.to(x.device)


def over_signal(alpha: Tensor) -> Tensor:
    """Return 1 / alpha, but 0 where the signal underflows: truth and prediction agree there, and inf times 0 is a NaN."""
    return torch.where(alpha > SMALLEST_SIGNAL, 1 / alpha, 0.0)


def ratio_divergence(
    true: Tensor, predicted: Tensor, z: Tensor, rates: Tensor | None = None
) -> Tensor:
    """Return sum_{y != z} R_y [s_y - r_y log s_y + r_y (log r_y - 1)], the score entropy.

    Args:
        true: q(. | x) (B, L, V).
        predicted: The same for the prediction (B, L, V).
        z: Noised tokens (B, L).
        rates: Jump rates R(y -> z) (B, L, V); 1 if not given.

    Returns:
        (B, L), zero exactly where prediction and truth have the same ratios.
    """
    index = z[..., None]
    r = true / true.gather(-1, index)
    s = predicted / predicted.gather(-1, index)
    # Never negative and 0 only at s = r, so that a wrong ratio cannot lower the bound.
    terms = s - cross(r, s) + torch.xlogy(r, r) - r
    if rates is not None:
        terms = torch.where(rates > 0, rates * terms, 0.0)
    return terms.scatter(-1, index, 0.0).sum(-1)


def cross(p: Tensor, q: Tensor) -> Tensor:
    """Return p log q, 0 where p is 0, with a gradient of 0 there too: `xlogy` has 0/0 in its gradient where q is 0 as well."""
    return p * torch.where(p > 0, q, 1.0).log()


def uniform_process(vocabulary: Vocabulary) -> InterpolatingProcess:
    """Return the process whose noise is uniform over the tokens that the model may produce."""
    allowed = torch.tensor(vocabulary.allowed, dtype=torch.float64)
    return InterpolatingProcess(vocabulary, allowed / allowed.sum())


def marginal_process(vocabulary: Vocabulary, smoothing: float) -> InterpolatingProcess:
    """Return the process whose noise has the frequencies of the corpus, mixed with a little of the uniform law."""
    allowed = torch.tensor(vocabulary.allowed, dtype=torch.float64)
    uniform = allowed / allowed.sum()
    # Toys and models without a corpus have no frequencies.
    if not vocabulary.frequencies:
        return InterpolatingProcess(vocabulary, uniform)
    marginal = torch.tensor(vocabulary.frequencies, dtype=torch.float64) * allowed
    marginal = marginal / marginal.sum()
    return InterpolatingProcess(vocabulary, (1 - smoothing) * marginal + smoothing * uniform)
