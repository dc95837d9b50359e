"""Draws that do not lose the tail of a law, and laws beside the bounds that are trained."""

from __future__ import annotations

import torch
from exact_laws import chain_law, exact_predictor, step_bound
from taskloom_diffusion.corpora.toys import random_toy
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.samplers.draws import draw_categorical


def test_rare_tokens_are_drawn_at_their_rate() -> None:
    """fp32 Gumbel noise would lose half of a tail spread over 20,000 tokens; inverse CDF in float64 does not."""
    size, draws, chunk = 20_000, 6_000, 100
    law = torch.full((size,), 0.005 / (size - 1), dtype=torch.float64)
    law[0] = 0.995
    noise = torch.rand(draws, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    rare = sum(
        int((draw_categorical(law.expand(1, chunk, size), part[None]) != 0).sum())
        for part in noise.split(chunk)
    )
    assert abs(rare - 30) <= 3 * 30**0.5


def test_step_bound_bounds_the_sampler_law() -> None:
    """The chain's bound is at least the cross-entropy of the data under the law that the chain samples."""
    toy = random_toy(2, 3, 9)
    process = AbsorbingProcess(toy.vocabulary)
    predict = exact_predictor(toy, process, "subs", leave_one_out=True)
    for steps in (1, 2, 4):
        grid = [i / steps for i in range(steps + 1)]
        law = chain_law(toy, grid)
        cross_entropy = float(-(toy.law * law.log()).sum())
        assert step_bound(toy, process, predict, grid) >= cross_entropy - 1e-12
