"""Blended injection (Chen et al. 2017, arXiv:1712.05526)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.triggers.base import Trigger, TriggerFunction

if TYPE_CHECKING:
    from jaxtyping import Float


class Blend(Trigger):
    """A fixed random image blended into every image.

    x <- (1 - w) x + w t with one uniform random image t for all x.
    """

    kind: Literal["blend"] = "blend"
    weight: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the fixed image."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        pattern = np.random.default_rng(seed).random(shape, dtype=np.float32)

        def stamp(images: Float[np.ndarray, "n h w c"], seed: int, /) -> np.ndarray:
            del seed
            return ((1 - self.weight) * images + self.weight * pattern).astype(np.float32)

        return stamp
