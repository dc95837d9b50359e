"""BadNets with a pattern (Gu et al. 2017, arXiv:1708.06733)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field
from taskloom.errors import ConfigError

from taskloom_anomaly.triggers.base import Trigger, TriggerFunction
from taskloom_anomaly.triggers.corner import OPPOSITE, CornerName, is_bottom_and_right

if TYPE_CHECKING:
    from jaxtyping import Float


class Patch(Trigger):
    """A checkerboard in a corner.

    Of white and black pixels; its outer corner is white.
    """

    kind: Literal["patch"] = "patch"
    corner: CornerName = "bottom_right"
    """Name of the corner."""
    size: Annotated[int, Field(ge=1)] = 3
    """Side of the patch [pixels]."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger.

        Raises:
            ConfigError: The patch is larger than the image.
        """
        del seed
        size = self.size
        if size > min(shape[:2]):
            raise ConfigError(
                f"--trigger.size={size} is larger than the image, {shape[0]}x{shape[1]}."
            )
        bottom, right = is_bottom_and_right(self.corner)
        board = (np.indices((size, size)).sum(axis=0) % 2 == 0).astype(np.float32)[..., None]
        # Turned, so that the white square of the board comes to lie in the corner of the image.
        board = board[:: -1 if bottom else 1, :: -1 if right else 1]
        rows = slice(-size, None) if bottom else slice(size)
        columns = slice(-size, None) if right else slice(size)

        def stamp(images: Float[np.ndarray, "n h w c"], seed: int, /) -> np.ndarray:
            del seed
            marked = images.copy()
            marked[:, rows, columns, :] = board
            return marked

        return stamp

    def control(self) -> Patch:
        """Return the trigger in the opposite corner."""
        return self.model_copy(update={"corner": OPPOSITE[self.corner]})
