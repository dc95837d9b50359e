"""SIG, the sinusoidal signal (Barni et al. 2019, arXiv:1902.11237)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.triggers.base import Trigger, TriggerFunction

if TYPE_CHECKING:
    from jaxtyping import Float


class Sine(Trigger):
    """A horizontal sine wave (SIG).

    amplitude * sin(2 pi frequency j / width) is added to column j, and the image is clipped to [0, 1].
    """

    kind: Literal["sine"] = "sine"
    amplitude: Annotated[float, Field(gt=0, le=1)] = 20 / 255
    """Height of the wave; images lie in [0, 1]."""
    frequency: Annotated[float, Field(gt=0)] = 6
    """Periods across the width."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        del seed
        columns = np.arange(shape[1])
        wave = self.amplitude * np.sin(2 * np.pi * self.frequency * columns / shape[1])

        def stamp(images: Float[np.ndarray, "n h w c"], seed: int, /) -> np.ndarray:
            del seed
            return np.clip(images + wave[None, None, :, None], 0, 1).astype(np.float32)

        return stamp
