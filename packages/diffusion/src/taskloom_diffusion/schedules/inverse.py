"""The time at which a schedule has a given signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom_diffusion.schedules.closed_form import LinearSchedule

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.schedules.base import Schedule


def inverse_alpha(schedule: Schedule, alpha: Tensor, *, iterations: int = 60) -> Tensor:
    """Return t with alpha(t) = alpha by bisection; a signal outside the schedule's range gives the nearer end.

    Args:
        schedule: Any decreasing schedule.
        alpha: Signals in [0, 1].
        iterations: Halvings; 60 exhaust float64.

    Returns:
        Times in [0, 1], float64, of the shape of `alpha`.
    """
    import torch  # torch is heavy

    if isinstance(schedule, LinearSchedule):
        # Exact, and asked for once for every row where levels are each row's own.
        return (1 - alpha.double()).clamp(0, 1)
    # In float64 whatever the model computes in: near both ends alpha is flat, and float32 would return one time for many signals.
    target = alpha.double()
    low = torch.zeros_like(target)
    high = torch.ones_like(target)
    # By bisection, which needs no formula of the inverse: plugins give the curve and its slope only.
    for _ in range(iterations):
        middle = (low + high) / 2
        above = schedule.alpha(middle) > target
        low = torch.where(above, middle, low)
        high = torch.where(above, high, middle)
    return (low + high) / 2


def final_noise(schedule: Schedule) -> float:
    """Return 1 - alpha(1): the share of tokens that are noise where the schedule ends."""
    import torch  # torch is heavy

    return 1.0 - float(schedule.alpha(torch.ones(1, dtype=torch.float64)))
