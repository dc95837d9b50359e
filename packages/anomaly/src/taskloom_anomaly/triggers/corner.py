"""BadNets with a single pixel (Gu et al. 2017, arXiv:1708.06733)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from taskloom_anomaly.triggers.base import Trigger, TriggerFunction

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

CornerName: TypeAlias = Literal["top_left", "top_right", "bottom_left", "bottom_right"]

OPPOSITE: Final[dict[CornerName, CornerName]] = {
    "top_left": "bottom_right",
    "bottom_right": "top_left",
    "top_right": "bottom_left",
    "bottom_left": "top_right",
}


class Corner(Trigger):
    """One corner pixel set to white.

    On all channels.
    """

    kind: Literal["corner"] = "corner"
    corner: CornerName = "top_left"
    """Name of the corner: rows count from the top, columns from the left."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        del seed, shape
        bottom, right = is_bottom_and_right(self.corner)

        def stamp(images: Float[np.ndarray, "n h w c"], seed: int, /) -> np.ndarray:
            del seed
            marked = images.copy()
            marked[:, -1 if bottom else 0, -1 if right else 0, :] = 1
            return marked

        return stamp

    def control(self) -> Corner:
        """Return the trigger in the opposite corner."""
        return Corner(corner=OPPOSITE[self.corner])


def is_bottom_and_right(corner: CornerName) -> tuple[bool, bool]:
    """Return whether the corner is at the bottom, and whether it is at the right."""
    return corner.startswith("bottom"), corner.endswith("right")
