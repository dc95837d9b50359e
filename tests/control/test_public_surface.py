"""The names that a user imports: listed, found, light, and those of judo among them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import taskloom_control
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.config import ControlConfig
from taskloom_control.task import ControlTask


def test_every_listed_name_is_found_and_no_other() -> None:
    assert (
        sorted(taskloom_control.__all__)
        == sorted(taskloom_control._HOME_OF)
        == dir(taskloom_control)
    )
    for name in taskloom_control.__all__:
        assert getattr(taskloom_control, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Tusk'"):
        _ = taskloom_control.Tusk


def test_names_of_judo_are_ours() -> None:
    assert taskloom_control.Task is ControlTask
    assert taskloom_control.TaskConfig is ControlConfig


def test_package_imports_nothing_heavy() -> None:
    code = "import sys, taskloom_control; print({'numpy', 'mujoco', 'pydantic'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_model_may_be_named_by_a_string() -> None:
    """As judo's tasks do."""
    from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig

    class Named(Cartpole):
        model_path = str(Cartpole.model_path)

    simulation = Simulation(Named(CartpoleConfig()))
    simulation.reset(np.random.default_rng(0))
    assert simulation.model.nu == 1
