"""Any continuous-time Markov chain between tokens, by its generator (D3PM, Austin et al. 2021; Campbell et al. 2022).

With sigma = -log alpha the forward law is Q(alpha) = exp(sigma R), rows summing to 1, and from level s to level t it is
exp((sigma_t - sigma_s) R): D3PM's matrices Q_t, on any grid.

A generator is divided by its spectral gap, so that the kernel's slowest mode is alpha itself: however slowly a walk mixes over
many tokens, the path from clean to noise is spread over all signals and not squeezed into alpha ~ 1e-100.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from taskloom.errors import ConfigError
from torch import Tensor

from taskloom_diffusion.model.protocols import Vocabulary
from taskloom_diffusion.processes.interpolating_torch import (
    SMALLEST_SIGNAL,
    cross,
    over_signal,
    ratio_divergence,
)

_NOTHING = 1e-9  # an eigenvalue below this is 0


class MarkovProcess:
    """Noise by a generator R (V, V): R[i, j] >= 0 is the rate i -> j, and rows sum to 0."""

    def __init__(
        self, vocabulary: Vocabulary, generator: Tensor, *, absorbing: bool = False
    ) -> None:
        self.vocabulary = vocabulary
        self.generator = generator.double()
        self.absorbing = absorbing

    def kernel(self, alpha: Tensor) -> Tensor:
        """Return Q(alpha) (B, V, V)."""
        sigma = -alpha.double().clamp_min(SMALLEST_SIGNAL).log()
        return self._exponential(sigma)

    def corrupt(self, x: Tensor, alpha: Tensor, noise: Tensor) -> Tensor:
        rows = self._rows(self.kernel(alpha), x)
        return _draw(rows, noise)

    def prior(self, noise: Tensor) -> Tensor:
        # What the chain forgets to is the same from every start.
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
        # Bayes' rule: the law at s that the prediction implies, times the chance to get from there to z.
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
        # Rounding may leave probabilities just below 0, whose logarithm is a NaN.
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


def structured_chain(vocabulary: Vocabulary, rate: str, width: float, speed: float) -> Tensor:
    """Return the generator (V, V) of a chain by name over the tokens that the model may produce."""
    states = _allowed(vocabulary)
    if rate != "absorbing":
        return _scaled(vocabulary, states, _structured(len(states), rate, width), speed)
    rates = torch.zeros(len(states) + 1, len(states) + 1, dtype=torch.float64)
    rates[:-1, -1] = 1.0
    return _scaled(vocabulary, [*states, vocabulary.mask_id], rates, speed)


def matrix_chain(
    vocabulary: Vocabulary, tokens: Sequence[str], matrix: Sequence[Sequence[float]], speed: float
) -> Tensor:
    """Return the generator (V, V) whose jumps follow a transition matrix between named tokens.

    Raises:
        ConfigError: The matrix lacks tokens, has others, or its chain does not forget where it starts.
    """
    states = _states_of(vocabulary, tokens)
    return _scaled(vocabulary, states, torch.tensor(matrix, dtype=torch.float64), speed)


def _scaled(vocabulary: Vocabulary, states: list[int], rates: Tensor, speed: float) -> Tensor:
    """Return the generator of jump rates between some states, at `speed` times the decay of the signal."""
    rates = rates - torch.diag(rates.sum(1))
    rates = rates * (speed / _gap(rates))
    generator = torch.zeros(vocabulary.size, vocabulary.size, dtype=torch.float64)
    index = torch.tensor(states)
    generator[index[:, None], index] = rates
    return generator


def _allowed(vocabulary: Vocabulary) -> list[int]:
    return [i for i, may in enumerate(vocabulary.allowed) if may]


def _structured(size: int, rate: str, width: float) -> Tensor:
    """Return symmetric jump rates between the ids 0 ... size - 1 (Austin et al. 2021, appendix A.2)."""
    if rate == "uniform":
        return torch.ones(size, size, dtype=torch.float64)
    place = torch.arange(size, dtype=torch.float64)
    distance = (place[:, None] - place).abs()
    if rate == "gaussian":
        return (-0.5 * (distance / width) ** 2).exp()
    # Below 1 no two ids would be neighbours, and the chain would stand still.
    reach = 1.0 if rate == "neighbour" else max(width, 1.0)
    return (distance <= reach).double()


def _states_of(vocabulary: Vocabulary, tokens: Sequence[str]) -> list[int]:
    """Return the id of every row of the matrix."""
    allowed = _allowed(vocabulary)
    ids = {name: i for i, name in enumerate(vocabulary.names)}
    missing = [vocabulary.names[i] for i in allowed if vocabulary.names[i] not in tokens]
    if missing:
        raise ConfigError(
            f"process.matrix lacks {len(missing)} tokens of the corpus, the first is '{missing[0]}'"
        )
    usable = {*allowed, vocabulary.mask_id}
    foreign = [token for token in tokens if ids.get(token) not in usable]
    if foreign:
        raise ConfigError(
            f"process.matrix has {len(foreign)} tokens that the corpus lacks, the first is '{foreign[0]}'"
        )
    return [ids[token] for token in tokens]


def _gap(rates: Tensor) -> float:
    """Return the decay rate of the slowest mode of a generator.

    Raises:
        ConfigError: Two groups of tokens never meet, so that noise would remember the token it came from.
    """
    # The largest eigenvalue of a generator is 0, that of its stationary law; the next one is the slowest decay.
    decay = (-torch.linalg.eigvals(rates).real).sort().values
    if float(decay[1]) < _NOTHING:
        raise ConfigError(
            "process.matrix never forgets where it starts: from some tokens others are never reached, so its noise is no noise"
        )
    return float(decay[1])
