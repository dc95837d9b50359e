"""Schedules with a closed form. "Cosine" names at least three curves in the literature; here each has its own name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.schedules.base import Schedule

if TYPE_CHECKING:
    from torch import Tensor

_HALF_PI = math.pi / 2
_Floor = Annotated[float, Field(ge=0, lt=0.1)]


class LinearSchedule(Schedule):
    """A mask rate that is the time itself: alpha = 1 - t."""

    kind: Literal["linear"] = "linear"

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def dalpha(self, t: Tensor) -> Tensor:
        # As a tensor of t's shape and device.
        return 0 * t - 1


class LogLinear(Schedule):
    """Default of MDLM: alpha = 1 - (1 - floor) t.

    Log-linear is the total noise, -log(alpha) (Sahoo et al. 2024).
    """

    kind: Literal["loglinear"] = "loglinear"
    floor: _Floor = 1e-3
    """Signal left at the end."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - (1 - self.floor) * t

    def dalpha(self, t: Tensor) -> Tensor:
        return 0 * t - (1 - self.floor)


class Cosine(Schedule):
    """Cosine of MD4: alpha = 1 - cos(pi/2 (1 - t)).

    Shi et al. (2024).
    """

    kind: Literal["cosine"] = "cosine"

    def alpha(self, t: Tensor) -> Tensor:
        # 1 - cos(a) as 2 sin(a/2)^2: the difference has no digits left where the signal is small, and is 0 before the end.
        return 2 * (_HALF_PI / 2 * (1 - t)).sin() ** 2

    def dalpha(self, t: Tensor) -> Tensor:
        return -_HALF_PI * (_HALF_PI * (1 - t)).sin()


class CosineMDLM(Schedule):
    """Cosine of MDLM: alpha = floor + (1 - floor) cos(pi t / 2)."""

    kind: Literal["cosine_mdlm"] = "cosine_mdlm"
    floor: _Floor = 1e-3
    """Signal left at the end."""

    def alpha(self, t: Tensor) -> Tensor:
        return self.floor + (1 - self.floor) * (_HALF_PI * t).cos()

    def dalpha(self, t: Tensor) -> Tensor:
        return -(1 - self.floor) * _HALF_PI * (_HALF_PI * t).sin()


class CosineSquared(Schedule):
    """Squared cosine of MDLM: alpha = floor + (1 - floor) cos(pi t / 2)^2."""

    kind: Literal["cosine_squared"] = "cosine_squared"
    floor: _Floor = 1e-3
    """Signal left at the end."""

    def alpha(self, t: Tensor) -> Tensor:
        return self.floor + (1 - self.floor) * (_HALF_PI * t).cos() ** 2

    def dalpha(self, t: Tensor) -> Tensor:
        # 2 cos(a) sin(a) = sin(2 a).
        return -(1 - self.floor) * _HALF_PI * (math.pi * t).sin()


class PolynomialSchedule(Schedule):
    """Mask rate by a power of time: alpha = 1 - t^power."""

    kind: Literal["polynomial"] = "polynomial"
    power: Annotated[float, Field(gt=0, le=16)] = 2.0
    """Exponent; 1 is linear, more keeps the sequence clean for longer."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t**self.power

    def dalpha(self, t: Tensor) -> Tensor:
        return -self.power * t ** (self.power - 1)


class Geometric(Schedule):
    """Geometric noise of SEDD: alpha = exp(-sigma_min^(1-t) sigma_max^t).

    Lou et al. (2024).
    """

    kind: Literal["geometric"] = "geometric"
    sigma_min: Annotated[float, Field(gt=0)] = 1e-4
    """Total noise at t = 0."""
    sigma_max: Annotated[float, Field(gt=0)] = 20.0
    """Total noise at t = 1."""

    @model_validator(mode="after")
    def _ordered(self) -> Geometric:
        if self.sigma_max <= self.sigma_min:
            raise ValueError(
                f"sigma_max must be above sigma_min: {self.sigma_max} <= {self.sigma_min}"
            )
        return self

    def alpha(self, t: Tensor) -> Tensor:
        return (-self._sigma(t)).exp()

    def dalpha(self, t: Tensor) -> Tensor:
        sigma = self._sigma(t)
        return -sigma * math.log(self.sigma_max / self.sigma_min) * (-sigma).exp()

    def _sigma(self, t: Tensor) -> Tensor:
        # sigma_min^(1-t) sigma_max^t with one exponential.
        return self.sigma_min * (math.log(self.sigma_max / self.sigma_min) * t).exp()


class LinearSigma(Schedule):
    """Total noise that grows at a constant rate.

    alpha = exp(-(sigma_min + t (sigma_max - sigma_min))).
    """

    kind: Literal["linear_sigma"] = "linear_sigma"
    sigma_min: Annotated[float, Field(ge=0)] = 1e-3
    """Total noise at t = 0."""
    sigma_max: Annotated[float, Field(gt=0)] = 7.0
    """Total noise at t = 1."""

    @model_validator(mode="after")
    def _ordered(self) -> LinearSigma:
        if self.sigma_max <= self.sigma_min:
            raise ValueError(
                f"sigma_max must be above sigma_min: {self.sigma_max} <= {self.sigma_min}"
            )
        return self

    def alpha(self, t: Tensor) -> Tensor:
        return (-(self.sigma_min + t * (self.sigma_max - self.sigma_min))).exp()

    def dalpha(self, t: Tensor) -> Tensor:
        return -(self.sigma_max - self.sigma_min) * self.alpha(t)


# Before 0.2 some had the names of other kinds.
__getattr__ = old_names(__name__)
