"""Exact laws and bounds of a toy by enumeration: what samplers and losses are held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise, product

import torch
from taskloom_diffusion.corpora.toys import NUM_SPECIAL, Toy
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.model.parameterizations import Parameterization, read_logits
from taskloom_diffusion.model.protocols import NoisingProcess
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""From z (B, L) and alpha (B,) to log x_theta (B, L, V)."""


def exact_predictor(
    toy: Toy, process: NoisingProcess, kind: Parameterization, *, leave_one_out: bool
) -> Predict:
    """Return the exact denoiser of a toy as a function of z and alpha, read in one of the parameterisations."""
    table = ToyPosterior(toy.sequences, toy.law, process, leave_one_out=leave_one_out)

    def predict(z: Tensor, alpha: Tensor) -> Tensor:
        valid = torch.ones_like(z, dtype=torch.bool)
        return read_logits(kind, table(z, 1 - alpha, valid), z, alpha, process)

    return predict


def expected_integrand(
    toy: Toy, process: NoisingProcess, predict: Predict, alphas: Tensor
) -> Tensor:
    """Return E_x E_{z | x} sum_l g_l at each signal (N,), by enumeration of all x and z."""
    x, z = _pairs(toy, process)
    rows = len(x)
    level = alphas.double().repeat_interleave(rows)
    x, z = x.repeat(len(alphas), 1), z.repeat(len(alphas), 1)
    weight = _joint(toy, process, x, z, level)
    keep = weight > 0
    x, z, level = x[keep], z[keep], level[keep]
    terms = process.integrand(predict(z, level), x, z, level).sum(1)
    weighted = torch.zeros_like(weight)
    weighted[keep] = weight[keep] * terms
    return weighted.view(len(alphas), rows).sum(1)


def step_bound(
    toy: Toy, process: NoisingProcess, predict: Predict, alphas: Sequence[float]
) -> float:
    """Return the exact bound of the chain on a grid of signals from 0 to 1, prior term included, by enumeration.

    The last step, to signal 1, is the reconstruction: its divergence is -log p(x | z).
    """
    x, z = _pairs(toy, process)
    total = 0.0
    for alpha_t, alpha_s in pairwise(alphas):
        now, later = (torch.full((len(x),), a, dtype=torch.float64) for a in (alpha_t, alpha_s))
        weight = _joint(toy, process, x, z, now)
        keep = weight > 0
        terms = process.step_divergence(
            predict(z[keep], now[keep]), x[keep], z[keep], later[keep], now[keep]
        )
        total += float((weight[keep] * terms.sum(1)).sum())
    return total


def chain_law(toy: Toy, alphas: Sequence[float]) -> Tensor:
    """Return the exact law of ancestral sampling of absorbing noise on a grid, with the exact denoiser.

    Every position falls into step i with probability alpha_{i+1} - alpha_i, independently; positions of one step are drawn
    independently given all earlier ones.
    """
    weights = [b - a for a, b in pairwise(alphas)]
    law = torch.zeros(len(toy.law), dtype=torch.float64)
    for assignment in product(range(len(weights)), repeat=toy.length):
        probability = math.prod(weights[step] for step in assignment)
        if probability:
            law += probability * _ordered_law(toy, assignment)
    return law


def reverse_law(
    toy: Toy, process: NoisingProcess, predict: Predict, alphas: Sequence[float]
) -> Tensor:
    """Return the exact law (V^L,) of the reverse chain of a process without a mask, by propagating all states."""
    z = toy.sequences
    rows = len(z)
    start = torch.zeros(rows, dtype=torch.float64)
    # The prior's law per token, read off the likelihood of pure noise, which no longer depends on x.
    pure = process.likelihood(z, start)[..., NUM_SPECIAL]
    law = pure.prod(1)
    columns = torch.arange(toy.length)
    for alpha_t, alpha_s in pairwise(alphas):
        now, later = (torch.full((rows,), a, dtype=torch.float64) for a in (alpha_t, alpha_s))
        step = process.posterior(predict(z, now).exp(), z, later, now)
        # step[i, l, v] is the chance of v at l from state i; a move is the product over positions.
        chances = torch.stack([step[:, columns, target].prod(1) for target in z], dim=1)
        law = law @ chances
    return law


def _ordered_law(toy: Toy, assignment: Sequence[int]) -> Tensor:
    """Return the law of drawing groups of positions in order, each group's positions independently."""
    x = toy.sequences - NUM_SPECIAL
    result = torch.ones(len(x), dtype=torch.float64)
    known: list[int] = []
    for step in sorted(set(assignment)):
        for position in (i for i, s in enumerate(assignment) if s == step):
            same = (x[:, None, known] == x[None, :, known]).all(-1).double()
            equal = (x[:, None, position] == x[None, :, position]).double()
            below = same @ toy.law
            result *= ((same * equal) @ toy.law) / below
        known += [i for i, s in enumerate(assignment) if s == step]
    return result


def _pairs(toy: Toy, process: NoisingProcess) -> tuple[Tensor, Tensor]:
    """Return every clean sequence beside every noised one."""
    del process  # the states are those of the vocabulary; impossible ones get weight 0
    states = [i for i in range(toy.num_tokens + NUM_SPECIAL) if i not in (0, 2)]
    noised = torch.tensor(list(product(states, repeat=toy.length)))
    clean = toy.sequences
    return clean.repeat_interleave(len(noised), 0), noised.repeat(len(clean), 1)


def _joint(toy: Toy, process: NoisingProcess, x: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
    """Return p(x) q(z | x) of each pair."""
    chances = process.likelihood(z, alpha).gather(-1, x[..., None])[..., 0].prod(1)
    return toy.law[toy.index_of(x)] * chances
