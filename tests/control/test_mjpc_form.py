"""A task in MJPC's form: settings, weights, norms and parameters are read from the model by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from taskloom.bound import BoundTask
from taskloom_control import driver
from taskloom_control.bench.episodes import play
from taskloom_control.compat.mjpc import MjpcTask, mjpc_settings, norm, read_numbers, read_terms
from taskloom_control.config import ControlConfig
from taskloom_control.errors import ModelError
from taskloom_control.mjcf.files import model_path
from taskloom_control.task import Array

# What MJPC's own task file of the cart-pole says, around our model.
CUSTOM = """<custom>
  <numeric name="agent_horizon" data="1.0"/><numeric name="agent_timestep" data="0.02"/>
  <numeric name="sampling_spline_points" data="8"/><numeric name="sampling_exploration" data="0.3"/>
  <numeric name="sampling_trajectories" data="24"/><numeric name="sampling_representation" data="1"/>
  <numeric name="residual_Goal" data="0.25 -1.5 1.5"/>
</custom>"""
TERMS = """<user name="Vertical" dim="1" user="6 10.0 0 100.0 0.01"/>
<user name="Centered" dim="1" user="6 10.0 0 100.0 0.1"/>
<user name="Velocity" dim="2" user="0 0.1 0 1"/><user name="Control" dim="1" user="0 0.1 0 1"/>"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    text = model_path("cartpole").read_text()
    text = text.replace("<sensor>", f"<sensor>{TERMS}").replace("</mujoco>", f"{CUSTOM}</mujoco>")
    path = tmp_path / "task.xml"
    path.write_text(text)
    return path


class CartPole(MjpcTask):
    """MJPC's cart-pole: four residuals, whose weights and norms the model has."""

    def residuals(self, states: Array, sensors: Array, controls: Array) -> Mapping[str, Array]:
        """Return the residuals of the four terms."""
        del sensors
        xp = states.__array_namespace__()
        return {
            "Vertical": xp.cos(states[..., 1:2]) - 1.0,
            "Centered": states[..., 0:1] - self.parameters["Goal"],
            "Velocity": states[..., 2:4],
            "Control": controls,
        }


def cart_pole(path: Path, **values: object) -> CartPole:
    task = CartPole(ControlConfig.model_validate(values))
    task.model_path = path
    return task


def test_terms_and_numbers_are_read_by_name(model: Path) -> None:
    task = cart_pole(model)
    assert [(t.name, t.size, t.norm, t.weight, t.parameters[0]) for t in task.terms] == [
        ("Vertical", 1, 6, 10.0, 0.01),
        ("Centered", 1, 6, 10.0, 0.1),
        ("Velocity", 2, 0, 0.1, 0.0),
        ("Control", 1, 0, 0.1, 0.0),
    ]
    assert task.parameters == {"Goal": 0.25}
    assert read_numbers(task.model)["agent_horizon"] == (1.0,)
    # The time step of plans is the agent's.
    assert task.dt == 0.02
    assert mjpc_settings(model) == {
        "optimizer": "ps",
        "optimizer.finest": 1.0,
        "controller.horizon": 1.0,
        "optimizer.num_nodes": 8,
        "optimizer.sigma": 0.3,
        "optimizer.num_rollouts": 24,
        "controller.spline": "linear",
    }


def test_the_cost_is_the_sum_of_weighted_norms(model: Path) -> None:
    task = cart_pole(model)
    states = np.array([0.5, 1.0, 2.0, -1.0])[None, None]
    terms = task.costs(states, np.zeros((1, 1, 9)), np.array([[[0.4]]]), task.config)
    vertical = math.cos(1.0) - 1.0
    assert {name: float(value[0, 0]) for name, value in terms.items()} == pytest.approx(
        {
            "Vertical": 10 * (math.hypot(vertical, 0.01) - 0.01),
            "Centered": 10 * (math.hypot(0.25, 0.1) - 0.1),
            "Velocity": 0.1 * 0.5 * 5.0,
            "Control": 0.1 * 0.5 * 0.16,
        }
    )


@pytest.mark.parametrize(
    ("kind", "p", "q", "value"),
    [
        (-1, 0, 0, 3.0),
        (0, 0, 0, 12.5),
        (1, 0.5, 4, (25**2 + 0.5**4) ** 0.25 - 0.5),
        (2, 0.5, 0, math.sqrt(25.25) - 0.5),
        (3, 2.0, 0, 4 * (math.cosh(1.5) - 1) + 4 * (math.cosh(2.0) - 1)),
        (5, 1.5, 0, 3**1.5 + 8.0),
        (6, 0.5, 0, math.hypot(3, 0.5) + math.hypot(4, 0.5) - 1.0),
        (7, 0.5, 3, (27 + 0.125) ** (1 / 3) + (64 + 0.125) ** (1 / 3) - 1.0),
        (8, 0.5, 0, 6.0 + math.log(1 + math.exp(-8.0))),
        (8, 0.0, 0, 3.0),
    ],
)
def test_norms_are_those_of_their_numbers(kind: int, p: float, q: float, value: float) -> None:
    """By hand, of the vector (3, -4), from the formulas of MJPC's norm.cc; a rectified term is a line from 4 p on."""
    assert norm(kind, np.array([3.0, -4.0]), p, q) == pytest.approx(value, rel=1e-12)


def test_a_term_without_its_residual_is_named(model: Path) -> None:
    class Forgetful(CartPole):
        """A cart-pole without the last residual."""

        def residuals(self, states: Array, sensors: Array, controls: Array) -> Mapping[str, Array]:
            """Leave out the controls."""
            found = dict(super().residuals(states, sensors, controls))
            return {**found, "Control": controls[..., 0]}

    task = Forgetful(ControlConfig())
    task.model_path = model
    with pytest.raises(ModelError, match="'Control' with 1 numbers"):
        task.costs(np.zeros((2, 3, 4)), np.zeros((2, 3, 9)), np.zeros((2, 3, 1)), task.config)
    with pytest.raises(ModelError, match="no user sensor"):
        read_terms(cart_pole(model_path("cartpole")).model)
    model.write_text(model.read_text().replace('user="6 10.0 0 100.0 0.01"', 'user="4 1"'))
    with pytest.raises(ModelError, match="'Vertical' needs the number of a norm"):
        read_terms(cart_pole(model).model)


def test_a_task_in_this_form_is_planned_for(model: Path) -> None:
    """The cart goes towards its goal, and the same seed gives the same cost."""
    config = ControlConfig.model_validate({"seconds": 1.0, "optimizer": {"kind": "ps"}})

    def factory(given: ControlConfig) -> CartPole:
        task = CartPole(given)
        task.model_path = model
        return task

    bound: BoundTask[CartPole, ControlConfig] = BoundTask(
        factory(config), config, factory, driver, "control/mjpc_cartpole"
    )
    first, again = play(bound, "", 0), play(bound, "", 0)  # type: ignore[arg-type]  # a task of the domain
    assert first.cost == again.cost
    assert 0 < first.cost < 1e3
