"""The optimizers by name: every one is a frozen config that can build its implementation.

Noise is in the coordinates of the action normalizer: with `min_max` (the default) 1 is half the control range.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Component

if TYPE_CHECKING:
    from taskloom_control.optimizers.base import Optimizer, Shape

Positive = Annotated[float, Field(gt=0)]


class OptimizerConfig(Component):
    """Base of every optimizer's config."""

    @abstractmethod
    def build(self, shape: Shape) -> Optimizer:
        """Return the optimizer for knots of this shape."""


class SamplingConfig(OptimizerConfig):
    """What all sampling optimizers share."""

    num_rollouts: Annotated[int, Field(ge=1, le=100_000)] = 32
    """Candidate plans per iteration, the nominal one and kept ones included."""
    num_nodes: Annotated[int, Field(ge=1, le=1000)] = 4
    """Knots of the spline."""
    noise_ramp: Annotated[float, Field(ge=0)] = 0.0
    """Noise of the last knot over that of an unramped one, growing linearly over the knots; 0 means no ramp."""
    keep: Annotated[int, Field(ge=0)] = 0
    """Best candidates that are shifted in time and tried again in the next iteration."""


class PredictiveSampling(SamplingConfig):
    """Predictive sampling: try the nominal plan and noisy copies of it, keep the best."""

    kind: Literal["ps"] = "ps"
    keep: Annotated[int, Field(ge=0)] = 2
    """Best candidates that are shifted in time and tried again in the next iteration."""
    sigma: Positive = 0.05
    """Standard deviation of the noise."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.predictive_sampling import PredictiveSampler  # NumPy

        return PredictiveSampler(self, shape)


class RandomShooting(SamplingConfig):
    """Random shooting: uniform candidates over the whole control range, keep the best."""

    kind: Literal["shooting"] = "shooting"

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.random_shooting import RandomShooter  # NumPy

        return RandomShooter(self, shape)


class Mppi(SamplingConfig):
    """Model-predictive path integral control: the average of the candidates, weighted by exp(-cost / temperature)."""

    kind: Literal["mppi"] = "mppi"
    keep: Annotated[int, Field(ge=0)] = 2
    """Best candidates that are shifted in time and tried again in the next iteration."""
    sigma: Positive = 0.05
    """Standard deviation of the noise."""
    temperature: Positive = 0.05
    """Temperature of the weights, in units of the reward; used when `ess` is 0."""
    ess: Annotated[float, Field(ge=0)] = 5.0
    """Effective sample size that the temperature is adapted to in every iteration; 0 keeps the temperature fixed."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.mppi import PathIntegral  # NumPy

        return PathIntegral(self, shape)


class SmoothMppi(SamplingConfig):
    """Smooth MPPI: path integral control over the rate of the knots, with a cost on their differences."""

    kind: Literal["smooth_mppi"] = "smooth_mppi"
    sigma: Positive = 0.1
    """Standard deviation of the noise on the change from knot to knot."""
    temperature: Positive = 0.05
    """Temperature of the weights, in units of the reward; used when `ess` is 0."""
    ess: Annotated[float, Field(ge=0)] = 0.0
    """Effective sample size that the temperature is adapted to; 0 keeps the temperature fixed."""
    smoothness: Annotated[float, Field(ge=0)] = 0.0
    """Cost per squared difference between neighbouring knots."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.smooth_mppi import SmoothPathIntegral  # NumPy

        return SmoothPathIntegral(self, shape)


class Cem(SamplingConfig):
    """Cross-entropy method: refit mean and spread of the knots to the best candidates."""

    kind: Literal["cem"] = "cem"
    keep: Annotated[int, Field(ge=0)] = 2
    """Best candidates that are shifted in time and tried again in the next iteration."""
    num_elites: Annotated[int, Field(ge=1)] = 4
    """Best candidates that the mean and the spread are fitted to."""
    sigma_start: Positive = 0.5
    """Standard deviation of a knot that has not been fitted yet."""
    sigma_min: Positive = 0.03
    """Smallest standard deviation."""
    sigma_max: Positive = 1.0
    """Largest standard deviation."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.cem import CrossEntropy  # NumPy

        return CrossEntropy(self, shape)


class Icem(SamplingConfig):
    """iCEM: the cross-entropy method with coloured noise, elite memory, momentum and a shrinking population."""

    kind: Literal["icem"] = "icem"
    keep: Annotated[int, Field(ge=0)] = 2
    """Elites that are shifted in time and tried again in the next iteration."""
    num_elites: Annotated[int, Field(ge=1)] = 4
    """Best candidates that the mean and the spread are fitted to."""
    sigma: Positive = 0.5
    """Standard deviation at the beginning of every plan."""
    sigma_min: Annotated[float, Field(ge=0)] = 0.05
    """Smallest standard deviation within a plan."""
    beta: Annotated[float, Field(ge=0)] = 1.0
    """Colour of the noise over the knots: its power falls as 1 / frequency^beta; 0 is white."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the previous mean and spread that a fit keeps."""
    decay: Annotated[float, Field(ge=1)] = 1.25
    """Factor by which the number of candidates shrinks from iteration to iteration."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.icem import ImprovedCrossEntropy  # NumPy

        return ImprovedCrossEntropy(self, shape)


class Dial(SamplingConfig):
    """DIAL: path integral control whose noise is annealed over iterations and grows along the horizon."""

    kind: Literal["dial"] = "dial"
    sigma: Positive = 0.3
    """Standard deviation of the last knot in the first iteration."""
    beta_iteration: Positive = 1.0
    """How slowly the noise falls from iteration to iteration; larger is slower."""
    beta_horizon: Positive = 1.0
    """How slowly the noise falls from the last knot to the first; larger is slower."""
    temperature: Positive = 0.05
    """Temperature of the weights, in units of the reward; used when `ess` is 0."""
    ess: Annotated[float, Field(ge=0)] = 4.0
    """Effective sample size that the temperature is adapted to; 0 keeps the temperature fixed."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.dial import Annealed  # NumPy

        return Annealed(self, shape)


class CmaEs(SamplingConfig):
    """Separable CMA-ES: covariance matrix adaptation with a diagonal covariance."""

    kind: Literal["cma_es"] = "cma_es"
    keep: Annotated[int, Field(ge=0)] = 1
    """Best candidates that are shifted in time and tried again in the next iteration."""
    sigma_start: Positive = 0.3
    """Step size at the beginning."""
    sigma_min: Positive = 0.03
    """Smallest standard deviation of a knot."""
    sigma_max: Positive = 1.0
    """Largest standard deviation of a knot."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.cma_es import SeparableCma  # NumPy

        return SeparableCma(self, shape)


class Ilqr(OptimizerConfig):
    """iLQR with box constraints: second-order improvement along MuJoCo's transition derivatives."""

    kind: Literal["ilqr"] = "ilqr"
    epsilon: Annotated[float, Field(gt=0, lt=0.1)] = 1e-6
    """Step of the finite differences through the physics."""
    regularization: Annotated[float, Field(ge=0)] = 1e-6
    """Smallest Levenberg-Marquardt regularization of the control Hessian."""
    line_search: Annotated[int, Field(ge=1, le=64)] = 10
    """Step lengths 1, 1/2, 1/4, ... tried at once."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.ilqr import IterativeLqr  # NumPy

        return IterativeLqr(self, shape)


class Lqr(OptimizerConfig):
    """LQR: optimal linear feedback of the system linearized at the task's setpoint, over the horizon."""

    kind: Literal["lqr"] = "lqr"
    epsilon: Annotated[float, Field(gt=0, lt=0.1)] = 1e-6
    """Step of the finite differences through the physics."""

    def build(self, shape: Shape) -> Optimizer:
        """Return the implementation."""
        from taskloom_control.optimizers.lqr import LinearQuadratic  # NumPy

        return LinearQuadratic(self, shape)
