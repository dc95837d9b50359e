"""Action normalizers: the affine map u = offset + scale * z between controls u and the optimizer's coordinates z.

The map is frozen while a plan is made, so the plan that was judged is the plan that is executed. When it changes between plans
the optimizer follows by the exact change of coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

# Bounds of the scale of running statistics, as far as one control may outgrow another.
_SMALLEST, _LARGEST = 1e-5, 1e3


class Normalizer:
    """One of the three maps.

    Args:
        name: `min_max` maps the control range to [-1, 1] (an unlimited control keeps its unit), `none` changes nothing,
            `running` standardizes by the knots seen so far.
        low: Lower bounds of the controls, shape (nu,); may be -inf.
        high: Upper bounds, likewise.
        unlimited: Scale of controls without limits, in their own units.
    """

    def __init__(
        self,
        name: str,
        low: Float[np.ndarray, " nu"],
        high: Float[np.ndarray, " nu"],
        unlimited: Float[np.ndarray, " nu"] | float = 1.0,
    ) -> None:
        self.name, self.low, self.high = name, low, high
        self.offset, self.scale = np.zeros_like(low), np.ones_like(low)
        # A control without limits has no middle, and its scale is said. No infinite number enters arithmetic.
        limited = np.isfinite(low) & np.isfinite(high)
        self.scale[~limited] = np.broadcast_to(unlimited, low.shape)[~limited]
        if name != "none":
            self.offset[limited] = 0.5 * (low[limited] + high[limited])
            self.scale[limited] = np.maximum(0.5 * (high[limited] - low[limited]), _SMALLEST)
        self._count, self._mean, self._square = 0, np.zeros_like(low), np.zeros_like(low)
        self._refresh()

    def _refresh(self) -> None:
        self.bounds = (
            (self.low - self.offset) / self.scale,
            (self.high - self.offset) / self.scale,
        )

    def encode(self, controls: Float[np.ndarray, "*batch nu"]) -> np.ndarray:
        """Return z for controls."""
        return np.asarray((controls - self.offset) / self.scale)

    def decode(self, z: Float[np.ndarray, "*batch nu"]) -> np.ndarray:
        """Return controls for z."""
        # In place after the product: this runs for all candidates of every plan.
        controls = np.asarray(self.scale * z)
        controls += self.offset
        return controls

    def observe(self, controls: Float[np.ndarray, "R n nu"]) -> None:
        """Count candidate knots into the running statistics; the map does not change yet (Chan et al. 1979)."""
        if self.name != "running":
            return
        flat = controls.reshape(-1, controls.shape[-1])
        count, mean = len(flat), flat.mean(axis=0)
        # Whole batches are merged, which loses fewer digits than a running sum of squares.
        total, gap = self._count + count, mean - self._mean
        within = np.square(flat - mean).sum(axis=0)
        self._square = self._square + within + np.square(gap) * (self._count * count / total)
        self._mean = self._mean + gap * (count / total)
        self._count = total

    def advance(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Adopt the running statistics; return ratio and offset of the change z' = ratio * z + offset, or None."""
        if self.name != "running" or self._count == 0:
            return None
        offset = self._mean.copy()
        scale = np.clip(np.sqrt(self._square / self._count), _SMALLEST, _LARGEST)
        change = (self.scale / scale, (self.offset - offset) / scale)
        self.offset, self.scale = offset, scale
        self._refresh()
        return change

    def state(self) -> dict[str, np.ndarray]:
        """Return everything for a checkpoint."""
        return {
            "offset": self.offset,
            "scale": self.scale,
            "count": np.array(self._count),
            "mean": self._mean,
            "square": self._square,
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""
        self.offset, self.scale = np.array(state["offset"]), np.array(state["scale"])
        self._count = int(state["count"])
        self._mean, self._square = np.array(state["mean"]), np.array(state["square"])
        self._refresh()
