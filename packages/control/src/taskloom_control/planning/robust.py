"""Config of a robust plan. No back-end is imported."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, model_validator
from taskloom import Component
from taskloom.config import FROM_RECORD

from taskloom_control.planning.risk import RiskName


class RobustConfig(Component):
    """Planning for several models at once: the planning model, and others drawn around it."""

    models: Annotated[int, Field(ge=2, le=256)] = 4
    """Models under which candidates are judged, the planning model included."""
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
    judged: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the candidates that are judged under every model: the best of all, which are tried under the planning model first."""
    budget: Literal["same", "times_models"] = "same"
    """Rollouts of a plan: `same` has `optimizer.num_rollouts` of them under all models together, `times_models` as many candidates."""

    @model_validator(mode="before")
    @classmethod
    def _complete_record(cls, values: object, info: ValidationInfo) -> object:
        """Let a record of before there was a share mean what it meant: all candidates are judged."""
        if info.context == FROM_RECORD and isinstance(values, dict) and "judged" not in values:
            return {**values, "judged": 1.0}
        return values

    def candidates(self, rollouts: int) -> int:
        """Return how many candidates a plan has.

        Args:
            rollouts: The optimizer's number of rollouts.

        Example:
            >>> RobustConfig(models=4).candidates(32), RobustConfig(models=4, judged=1).candidates(32)
            (20, 8)
        """
        return rollouts if self.budget == "times_models" else self.affordable(rollouts)

    def affordable(self, rollouts: int) -> int:
        """Return the most candidates that some rollouts pay for."""
        count = math.floor(rollouts / (1 + self.judged * (self.models - 1)) + 1e-9)
        while count > 0 and self.rollouts_of(count) > rollouts:
            count -= 1
        return count

    def rollouts_of(self, candidates: int) -> int:
        """Return how many rollouts a plan of some candidates has, under all models."""
        return candidates + self.judged_of(candidates) * (self.models - 1)

    def judged_of(self, candidates: int) -> int:
        """Return how many candidates are judged under every model."""
        # Rounded, because .2 * 15 is above 3 in floating point.
        return max(math.ceil(round(self.judged * candidates, 9)), min(candidates, 1))
