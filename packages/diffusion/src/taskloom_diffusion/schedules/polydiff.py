"""PolyDiff's five schedules: lists of beta turned into continuous curves, for compatibility.

Only its cosine reaches noise for every number of steps; the others are named so that old configs import, and `check`
refuses those that end far from noise.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.schedules.base import Schedule

if TYPE_CHECKING:
    from torch import Tensor

_Steps = Annotated[int, Field(ge=2, le=100_000)]
_Beta = Annotated[float, Field(gt=0, lt=1)]


class BetaSchedule(Schedule):
    """A schedule given by betas; alpha interpolates the cumulative product log-linearly, with alpha(i/T) = prod_{j<i}."""

    @abstractmethod
    def betas(self) -> Tensor:
        """Return the T values beta_i in float64."""

    def alpha(self, t: Tensor) -> Tensor:
        logs, index, fraction = self._locate(t)
        return (logs[index] + fraction * (logs[index + 1] - logs[index])).exp()

    def dalpha(self, t: Tensor) -> Tensor:
        logs, index, fraction = self._locate(t)
        slope = (logs[index + 1] - logs[index]) * (len(logs) - 1)
        return slope * (logs[index] + fraction * (logs[index + 1] - logs[index])).exp()

    def _locate(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log alpha at the grid points, the cell of each time and the place inside the cell."""
        import torch  # torch is heavy

        # Sums of logarithms: a product of a thousand factors would underflow near the end.
        logs = torch.log1p(-self.betas()).cumsum(0).to(t.device)
        logs = torch.cat([logs.new_zeros(1), logs])
        # Interpolated log-linearly, so that each beta is a rate over its own interval.
        position = t.double() * (len(logs) - 1)
        index = position.floor().long().clamp(0, len(logs) - 2)
        return logs, index, position - index


class PolydiffCosine(BetaSchedule):
    """Cosine of PolyDiff, in T steps.

    beta_i = 1 - f(i+1)/f(i), f(k) = cos^2(pi/2 (k/T + s)/(1 + s)), at most 0.999.
    """

    kind: Literal["polydiff_cosine"] = "polydiff_cosine"
    num_timesteps: _Steps = 1000
    """Steps T."""
    s: Annotated[float, Field(ge=0, lt=1)] = 0.008
    """Offset that keeps the first betas from vanishing."""

    def betas(self) -> Tensor:
        import torch  # torch is heavy

        k = torch.arange(self.num_timesteps + 1, dtype=torch.float64) / self.num_timesteps
        f = (torch.pi / 2 * (k + self.s) / (1 + self.s)).cos() ** 2
        # Below 1: the last step would leave a signal of exactly 0, whose logarithm is infinite.
        return (1 - f[1:] / f[:-1]).clamp(0, 0.999)


class PolydiffLinear(BetaSchedule):
    """Linear betas of PolyDiff."""

    kind: Literal["polydiff_linear"] = "polydiff_linear"
    num_timesteps: _Steps = 1000
    """Steps T; far from 1000 the schedule does not end in noise."""
    beta_start: _Beta = 1e-4
    """First beta."""
    beta_end: _Beta = 0.02
    """Last beta."""

    def betas(self) -> Tensor:
        import torch  # torch is heavy

        return torch.linspace(
            self.beta_start, self.beta_end, self.num_timesteps, dtype=torch.float64
        )


class PolydiffQuadratic(BetaSchedule):
    """Quadratic betas of PolyDiff.

    beta_start + (beta_end - beta_start) u^2, u from 0 to 1.
    """

    kind: Literal["polydiff_quadratic"] = "polydiff_quadratic"
    num_timesteps: _Steps = 1000
    """Steps T."""
    beta_start: _Beta = 1e-4
    """First beta."""
    beta_end: _Beta = 0.02
    """Last beta."""

    def betas(self) -> Tensor:
        import torch  # torch is heavy

        u = torch.linspace(0, 1, self.num_timesteps, dtype=torch.float64)
        return self.beta_start + (self.beta_end - self.beta_start) * u**2


class PolydiffExponential(BetaSchedule):
    """Exponential betas of PolyDiff.

    beta_start (beta_end / beta_start)^u, u from 0 to 1.
    """

    kind: Literal["polydiff_exponential"] = "polydiff_exponential"
    num_timesteps: _Steps = 1000
    """Steps T."""
    beta_start: _Beta = 0.01
    """First beta."""
    beta_end: _Beta = 0.3
    """Last beta."""

    def betas(self) -> Tensor:
        import torch  # torch is heavy

        u = torch.linspace(0, 1, self.num_timesteps, dtype=torch.float64)
        return self.beta_start * (self.beta_end / self.beta_start) ** u


class PolydiffLogarithmic(BetaSchedule):
    """Exponential betas of PolyDiff with its other defaults.

    PolyDiff calls them logarithmic, and configs name them so.
    """

    kind: Literal["polydiff_logarithmic"] = "polydiff_logarithmic"
    num_timesteps: _Steps = 1000
    """Steps T."""
    beta_start: _Beta = 1e-4
    """First beta."""
    beta_end: _Beta = 0.02
    """Last beta."""

    def betas(self) -> Tensor:
        import torch  # torch is heavy

        u = torch.linspace(0, 1, self.num_timesteps, dtype=torch.float64)
        return self.beta_start * (self.beta_end / self.beta_start) ** u
