"""Config of a robust plan. No back-end is imported."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from taskloom import Component

from taskloom_control.planning.risk import RiskName


class RobustConfig(Component):
    """Planning for several models at once: the planning model, and others drawn around it."""

    models: Annotated[int, Field(ge=2, le=256)] = 4
    """Models under which each candidate is judged, the planning model included."""
    risk: RiskName = "cvar"
    """Measure of a candidate's costs under the models: their mean, the worst, the value at risk, the mean of the tail beyond it
    (`cvar`), the entropic risk, or the mean and `theta` standard deviations."""
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.7
    """Share of the models below the tail of `var` and `cvar`."""
    theta: float = 1.0
    """Aversion of `entropic` (in 1 over the unit of the costs) and of `mean_std`; negative hopes for the best."""
    level: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Scale of the randomization; at 0 all models are the planning model."""
    state_noise: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Standard deviation, by joint, of where the rollouts of the other models begin, in radians or metres."""
    resample_every: Annotated[int, Field(ge=0)] = 0
    """Plans after which other models are drawn; 0 keeps the same ones, so that plans differ by their controls alone."""
    budget: Literal["same", "times_models"] = "same"
    """Rollouts of a plan: `same` divides `optimizer.num_rollouts` among the models, `times_models` gives each so many."""
