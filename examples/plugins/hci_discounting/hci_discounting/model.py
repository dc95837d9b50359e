"""The choice of a discounting user, and its parameters: all that a fit needs."""

import math
from typing import Any

import numpy as np
from taskloom_hci.models.model import Column, UserModel, namespace
from taskloom_hci.models.parameters import Prior, UserParameter


class DiscountingModel(UserModel):
    """Chooses the later sum (1) with the probability `1 / (1 + exp(-temperature (V_late - V_soon)))`.

    Mazur, "An adjusting procedure for studying delayed reinforcement", 1987.
    """

    hidden = ()
    parameters = (
        UserParameter("rate", "log", Prior("lognormal", math.log(0.02), 1.5), math.log(0.02)),
        UserParameter("temperature", "log", Prior("lognormal", 0.0, 1.0), 0.0),
    )
    columns = (
        Column("amount_soon", ""),
        Column("delay_soon", ""),
        Column("amount_late", ""),
        Column("delay_late", ""),
    )

    def __init__(self) -> None:
        self.actions = np.arange(2)

    def log_prob(self, observation: Any, theta: Any) -> Any:
        """Return log-probabilities (..., 2) of the sooner and the later sum."""
        rate, weight = theta["rate"], theta["temperature"]
        xp = namespace(rate, weight)
        soon = observation["amount_soon"] / (1.0 + rate * observation["delay_soon"])
        late = observation["amount_late"] / (1.0 + rate * observation["delay_late"])
        odds = weight * (late - soon)
        # log(1 / (1 + exp(x))) without overflow on either side; the other one differs by the odds.
        sooner = -xp.logaddexp(0.0, odds)
        return xp.stack([sooner, sooner + odds], axis=-1)
