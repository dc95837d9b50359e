"""Features in units of their own: deviations of one, whatever the network's are, and what of them is rounding.

Every Gaussian detector works on z_j = (x_j - mean_j) / sd_j with the trusted moments. The moments themselves stay in the network's units,
in which they merge exactly; only the fit is in z. A feature of a network that computes with the spacing eps carries rounding of the
variance (eps max|x_j|)^2 / 12, which says what of a covariance is no signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

SPACING = {"float64": 2.220446049250313e-16, "float32": 1.1920929e-07, "float16": 9.765625e-04, "bfloat16": 7.8125e-03}  # fmt: skip
"""The distance from 1 to the next number, by precision."""

MARGIN = 16.0
"""Variances below this many times that of rounding are rounding."""

# Deviations from the mean at which the largest modulus of a feature is taken to lie.
_REACH = 3.0


class ConstantLayerError(ValueError):
    """A layer in which all trusted samples are equal.

    Args:
        layer: The layer's name.
        count: Samples.
    """

    def __init__(self, layer: str, count: int) -> None:
        super().__init__(f"All {count} trusted samples are equal in layer '{layer}'.")
        self.layer = layer


@dataclass(frozen=True, slots=True)
class Units:
    """The units in which a layer is fitted.

    Attributes:
        inverse: 1 / sd of each feature, 0 for one that is constant; 1 for all where features keep the network's units.
        noise: Variance of rounding of each feature in those units.
    """

    inverse: Float[np.ndarray, " d"]
    noise: Float[np.ndarray, " d"]

    def scatter(self, scatter: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
        """Return a sum of outer products in these units."""
        return scatter * self.inverse[:, None] * self.inverse

    def back(self, factor: Float[np.ndarray, "d r"]) -> Float[np.ndarray, "d r"]:
        """Return a factor that takes rows in the network's units."""
        return np.ascontiguousarray(factor * self.inverse[:, None])


def units_of(
    mean: Float[np.ndarray, " d"],
    variances: Float[np.ndarray, " d"],
    spacing: float,
    *,
    standardise: bool,
    layer: str = "",
    count: float = 0,
) -> Units:
    """Return the units of a layer from its trusted moments.

    Args:
        mean: Means.
        variances: Variances with the n - 1 normaliser.
        spacing: eps of the precision in which the network computed the layer.
        standardise: Whether features get a deviation of one; otherwise the network's units stay.
        layer: The layer's name, for messages.
        count: Samples, for messages.

    Raises:
        ConstantLayerError: Every feature is constant.
    """
    # Variances of zero stay zero; what rounding leaves of a constant is told by its size.
    rounding = (spacing * np.sqrt(mean**2 + _REACH**2 * variances)) ** 2 / 12
    varies = variances > MARGIN * rounding
    if not varies.any():
        raise ConstantLayerError(layer, int(count))
    if not standardise:
        # Shrinkage may lend a constant feature the variance of the others, as the papers do.
        return Units(np.ones(len(mean)), rounding)
    safe = np.where(varies, variances, 1.0)
    return Units(np.where(varies, 1 / np.sqrt(safe), 0.0), np.where(varies, rounding / safe, 0.0))


def is_signal(
    values: Float[np.ndarray, " d"],
    vectors: Float[np.ndarray, "d d"],
    noise: Float[np.ndarray, " d"],
) -> np.ndarray:
    """Return which directions of a covariance are more than rounding.

    Args:
        values: Variances, largest first.
        vectors: Directions as columns.
        noise: Variance of rounding of each feature.
    """
    cut = MARGIN * (noise @ vectors**2) + len(values) * 2.2e-16 * max(float(values[0]), 0.0)
    return np.asarray(values > cut)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Centre and inverse deviation of each feature of the rows that a detector keeps.

    Attributes:
        centre: Means; zero where the network's units stay.
        inverse: 1 / sd; 0 for a constant feature, 1 where the network's units stay.
    """

    centre: Float[np.ndarray, " d"]
    inverse: Float[np.ndarray, " d"]

    @classmethod
    def of(
        cls, rows: Float[np.ndarray, "n d"], layer: str, spacing: float, *, standardise: bool
    ) -> Scaling:
        """Return the scaling of rows, a uniform sample of the stream; it raises as `units_of` does."""
        wide = rows.astype(np.float64)
        if not standardise:
            return cls(np.zeros(rows.shape[1]), np.ones(rows.shape[1]))
        mean = wide.mean(axis=0)
        offset = wide - mean
        variances = np.einsum("nd,nd->d", offset, offset) / max(len(wide) - 1, 1)
        if not variances.any():
            # Rows that are all one point have distances, of zero, to one another.
            return cls(mean, np.ones(rows.shape[1]))
        found = units_of(mean, variances, spacing, standardise=True, layer=layer, count=len(wide))
        return cls(mean, found.inverse)

    @classmethod
    def read(cls, fitted: dict[str, np.ndarray]) -> Scaling:
        """Return the scaling that a fitted detector holds."""
        return cls(fitted["unit_centre"], fitted["unit_inverse"])

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that a fitted detector holds."""
        return {"unit_centre": self.centre, "unit_inverse": self.inverse}

    def apply(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Return rows in these units."""
        return np.asarray((rows - self.centre) * self.inverse)
