"""PolyDiff's schedule classes by name, over this package's schedules."""

from __future__ import annotations

import torch
from torch import Tensor

from taskloom_diffusion.schedules.polydiff import BetaSchedule, PolydiffCosine


class DiscreteSchedule:
    """Betas with their products, indexed by PolyDiff's integer steps t = 0 ... T - 1.

    Args:
        schedule: The schedule whose betas these are.
    """

    def __init__(self, schedule: BetaSchedule) -> None:
        self.continuous = schedule
        self.betas = schedule.betas()
        self.alphas = 1 - self.betas
        self.alphas_cumprod = self.alphas.cumprod(0)
        self.num_timesteps = len(self.betas)

    def get_parameters(self, t: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return alpha_bar_t, its square root, and the square root of 1 - alpha_bar_t."""
        index = torch.as_tensor(t)
        alpha_bar = self.alphas_cumprod.to(index.device)[index]
        return alpha_bar, alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


class CosineSchedule(DiscreteSchedule):
    """The cosine schedule with offset s.

    Args:
        num_timesteps: Steps T.
        s: Offset.
    """

    def __init__(self, num_timesteps: int, s: float = 0.008) -> None:
        super().__init__(PolydiffCosine(num_timesteps=num_timesteps, s=s))
