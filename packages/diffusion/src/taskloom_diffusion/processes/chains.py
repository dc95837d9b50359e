"""Chains by name or by matrix, scaled so that they forget as fast as the signal falls."""

from __future__ import annotations

import torch
from taskloom.errors import ConfigError
from torch import Tensor

from taskloom_diffusion.model.protocols import Vocabulary
from taskloom_diffusion.processes.base import D3pm
from taskloom_diffusion.processes.markov import MarkovProcess

_NOTHING = 1e-9  # an eigenvalue below this is 0


def build_chain(vocabulary: Vocabulary, config: D3pm) -> MarkovProcess:
    """Return the chain of a config over the tokens that the model may produce.

    The generator is divided by its spectral gap, so that the kernel's slowest mode is alpha itself: however slowly a walk
    mixes over many tokens, the path from clean to noise is spread over all signals and not squeezed into alpha ~ 1e-100.

    Raises:
        ConfigError: A matrix lacks tokens, has others, or its chain does not forget where it starts.
    """
    allowed = [i for i, may in enumerate(vocabulary.allowed) if may]
    states = allowed
    if config.rate == "absorbing":
        states = [*allowed, vocabulary.mask_id]
        rates = torch.zeros(len(states), len(states), dtype=torch.float64)
        rates[:-1, -1] = 1.0
    elif config.rate == "matrix":
        states = _states_of(vocabulary, config, allowed)
        rates = torch.tensor(config.matrix, dtype=torch.float64)
    else:
        rates = _structured(len(allowed), config.rate, config.width)
    rates = rates - torch.diag(rates.sum(1))
    rates = rates * (config.speed / _gap(rates))
    generator = torch.zeros(vocabulary.size, vocabulary.size, dtype=torch.float64)
    index = torch.tensor(states)
    generator[index[:, None], index] = rates
    return MarkovProcess(vocabulary, generator, absorbs=config.masks)


def _structured(size: int, rate: str, width: float) -> Tensor:
    """Return symmetric jump rates between the ids 0 ... size - 1 (Austin et al. 2021, appendix A.2)."""
    if rate == "uniform":
        return torch.ones(size, size, dtype=torch.float64)
    place = torch.arange(size, dtype=torch.float64)
    distance = (place[:, None] - place).abs()
    if rate == "gaussian":
        return (-0.5 * (distance / width) ** 2).exp()
    reach = 1.0 if rate == "neighbour" else max(width, 1.0)
    return (distance <= reach).double()


def _states_of(vocabulary: Vocabulary, config: D3pm, allowed: list[int]) -> list[int]:
    """Return the id of every row of the matrix."""
    ids = {name: i for i, name in enumerate(vocabulary.names)}
    missing = [vocabulary.names[i] for i in allowed if vocabulary.names[i] not in config.tokens]
    if missing:
        raise ConfigError(
            f"process.matrix lacks {len(missing)} tokens of the corpus, the first is '{missing[0]}'"
        )
    usable = {*allowed, vocabulary.mask_id}
    foreign = [token for token in config.tokens if ids.get(token) not in usable]
    if foreign:
        raise ConfigError(
            f"process.matrix has {len(foreign)} tokens that the corpus lacks, the first is '{foreign[0]}'"
        )
    return [ids[token] for token in config.tokens]


def _gap(rates: Tensor) -> float:
    """Return the decay rate of the slowest mode of a generator.

    Raises:
        ConfigError: Two groups of tokens never meet, so that noise would remember the token it came from.
    """
    decay = (-torch.linalg.eigvals(rates).real).sort().values
    if float(decay[1]) < _NOTHING:
        raise ConfigError(
            "process.matrix never forgets where it starts: from some tokens others are never reached, so its noise is no noise"
        )
    return float(decay[1])
