"""First-hitting sampling of absorbing noise (Zheng et al. 2024): the reverse process in continuous time, one event a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from taskloom_diffusion.samplers.reveal import RevealSampler, View, quota, take_best

if TYPE_CHECKING:
    from torch import Tensor


class FirstHitting(RevealSampler):
    """One random position for each call; exact in continuous time."""

    foresees: ClassVar[bool] = True
    continuous_time: ClassVar[bool] = True
    kind: Literal["first_hitting"] = "first_hitting"

    def choose(self, view: View) -> Tensor:
        # All masked positions fall at the same rate, so the next to fall is uniform among them.
        return take_best(view.noise, view.masked, quota(view, 0))
