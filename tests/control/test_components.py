"""Components that do not fit the rest of a config are refused where the config is made."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from taskloom import Config
from taskloom_control import MPPI
from taskloom_control.tasks.cartpole import CartpoleConfig


class Choosy(MPPI):
    """An optimizer that plans far ahead only."""

    def check(self, config: Config) -> str:
        far = isinstance(config, CartpoleConfig) and config.controller.horizon >= 2.0
        return "" if far else "the optimizer needs a horizon of two seconds or more"


class ChoosyConfig(CartpoleConfig):
    """A cart-pole whose only optimizer is that one."""

    optimizer: Choosy = Choosy()


def test_a_component_that_does_not_fit_is_refused_in_its_own_words() -> None:
    with pytest.raises(ValidationError, match="needs a horizon of two seconds or more"):
        ChoosyConfig()
    assert ChoosyConfig.model_validate({"controller": {"horizon": 2.0}}).optimizer.kind == "mppi"
