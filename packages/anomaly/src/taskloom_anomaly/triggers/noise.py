"""Noise as a trigger, as in cupbearer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.triggers.base import Trigger, TriggerFunction

if TYPE_CHECKING:
    from jaxtyping import Float


class NoiseTrigger(Trigger):
    """Fresh Gaussian noise on every image.

    Clipped to [0, 1].
    """

    kind: Literal["noise"] = "noise"
    std: Annotated[float, Field(gt=0)] = 0.3
    """Standard deviation; images lie in [0, 1]."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        del shape, seed

        def stamp(images: Float[np.ndarray, "n h w c"], seed: int, /) -> np.ndarray:
            drawn = np.random.default_rng(seed).normal(0, self.std, images.shape)
            return np.clip(images + drawn, 0, 1).astype(np.float32)

        return stamp
