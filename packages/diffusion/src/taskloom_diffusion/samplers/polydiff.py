"""PolyDiff's sampler, reproduced so that its flaw can be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from taskloom_diffusion.samplers.base import Sampler, Steps
from taskloom_diffusion.samplers.draws import draw_categorical

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation


class PolydiffSampler(Sampler):
    """PolyDiff's loop, for comparison only: its law is that of a single step.

    Every position is redrawn at every step, and none is masked again. After the first step nothing is masked, and a network
    that has learnt its task copies what it sees: whatever the number of steps, the law is the product of the marginals p(x_l).
    """

    absorbing: ClassVar[bool] = True
    kind: Literal["polydiff"] = "polydiff"
    num_steps: Steps = 1000
    """Iterations; the law does not depend on them."""

    def run(self, generation: Generation) -> Tensor:
        import torch  # torch is heavy

        z = generation.start.clone()
        rows = torch.arange(len(z))
        for i in range(self.num_steps):
            level = torch.full((len(z),), 1 - i / self.num_steps, dtype=torch.float64)
            log_x = generation.predicted(z, 1 - level, rows)
            drawn = draw_categorical(generation.token_law(log_x), generation.noise.uniform())
            z = torch.where(generation.free, drawn, z)
            generation.record(z)
        return z
