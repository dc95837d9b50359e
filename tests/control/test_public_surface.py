"""The names that a user imports: listed, found, light, and those of judo among them."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
import taskloom_control
from taskloom.registry import load_target
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.compat.judo.config import TaskConfig
from taskloom_control.domain import DOMAIN
from taskloom_control.optimizers.base import SamplingOptimizer
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
    assert issubclass(taskloom_control.Task, ControlTask)
    assert taskloom_control.TaskConfig is TaskConfig


def test_package_imports_nothing_heavy() -> None:
    code = "import sys, taskloom_control; print({'numpy', 'mujoco', 'pydantic'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_model_may_be_named_by_a_string() -> None:
    """As judo's tasks do."""
    from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig

    class Named(Cartpole):
        model_path = str(Cartpole.model_path)

    simulation = Simulation(Named(CartpoleConfig()), CartpoleConfig())
    simulation.reset(np.random.default_rng(0))
    assert simulation.model.nu == 1


def test_a_component_is_called_in_listings_what_it_is_called_in_code() -> None:
    refs = [ref for group in DOMAIN.components.values() for ref in group]
    for ref in refs:
        component = load_target(ref.target)
        assert (component.__doc__ or "").partition("\n")[0] == ref.summary
        assert getattr(taskloom_control, component.__name__) is component


@pytest.mark.parametrize(
    ("old", "name", "new"),
    [
        ("taskloom_control.optimizers.config", "Mppi", taskloom_control.MPPI),
        ("taskloom_control.optimizers.config", "SamplingConfig", SamplingOptimizer),
        ("taskloom_control.engines.config", "EngineConfig", taskloom_control.Engine),
        ("taskloom_control", "SamplingConfig", SamplingOptimizer),
    ],
)
def test_names_of_earlier_versions_lead_to_the_new_ones(
    old: str, name: str, new: object, recwarn: pytest.WarningsRecorder
) -> None:
    assert getattr(importlib.import_module(old), name) is new
    assert all(issubclass(warning.category, FutureWarning) for warning in recwarn)
