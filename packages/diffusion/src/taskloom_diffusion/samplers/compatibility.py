"""PolyDiff's sampler, reproduced so that its flaw can be measured."""

from __future__ import annotations

import torch
from torch import Tensor

from taskloom_diffusion.samplers.generation import Generation
from taskloom_diffusion.samplers.noise import draw_categorical


class RedrawEverything:
    """Redraws every position at every step and masks none again.

    After the first step nothing is masked, and a network that has learnt its task copies what it sees: whatever the
    number of steps, the law is the product of the marginals p(x_l), that of a single step. It is kept as a baseline.
    """

    absorbing_only = True

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps

    def run(self, generation: Generation) -> Tensor:
        z = generation.start.clone()
        rows = torch.arange(len(z))
        for i in range(self.num_steps):
            level = torch.full((len(z),), 1 - i / self.num_steps, dtype=torch.float64)
            log_x = generation.predictor.log_x_theta(z, 1 - level, generation.maskable, rows)
            drawn = draw_categorical(generation.token_law(log_x), generation.noise.uniform())
            z = torch.where(generation.free, drawn, z)
            generation.record(z)
        return z
