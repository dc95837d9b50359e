"""A class in judo's own form, its import line changed, is a task as it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.bound import BoundTask, bind
from taskloom.errors import PluginError
from taskloom.registry import LoadedTask, TaskEntry, TaskRef, find_domain
from taskloom.registry.factory import as_factory
from taskloom.testing import MemoryContext, check_task
from taskloom_control import ControlConfig, Task, TaskConfig

XML = """
<mujoco><worldbody><body><joint name="x" type="slide" axis="1 0 0"/><geom size=".1" mass="1"/></body></worldbody>
  <actuator><motor joint="x" ctrlrange="-1 1"/></actuator></mujoco>
"""
TINY: dict[str, Any] = {
    "seconds": 0.1,
    "hold": 0.04,
    "controller": {"horizon": 0.2},
    "record": {"animation": False},
}


@dataclass
class SlideConfig(TaskConfig):
    """Weights, with their defaults."""

    my_param1: float = 1.0
    """Weight of the squared distance."""
    my_param2: int = 2
    """Some number."""


@pytest.fixture
def slide(tmp_path: Path) -> type[Task[SlideConfig]]:
    """A task whose constructor takes the paths of its models, as judo's do."""
    path = tmp_path / "mass.xml"
    path.write_text(XML)

    class Slide(Task[SlideConfig]):
        def __init__(
            self, model_path: Path | str = path, sim_model_path: Path | str | None = None
        ) -> None:
            super().__init__(model_path, sim_model_path=sim_model_path)

        def reward(
            self,
            states: np.ndarray,
            sensors: np.ndarray,
            controls: np.ndarray,
            config: SlideConfig,
            system_metadata: dict[str, Any] | None = None,
        ) -> np.ndarray:
            return -config.my_param1 * ((states[..., 0] - 1.0) ** 2).sum(-1)

        def optimizer_warm_start(self) -> np.ndarray:
            return np.zeros(self.nu)

    return Slide


def bound_in_control(made: Callable[..., object], **values: object) -> BoundTask[Any, Any]:
    """Bind a class as the registry would if it were installed."""
    domain = find_domain("control").ref
    entry = TaskEntry("control", TaskRef("slide", "Slide.", ""), "")
    loaded = LoadedTask(entry, *as_factory(made, "the task", domain), domain)
    return bind(loaded, loaded.config_class.model_validate(values))


def test_it_is_made_as_judo_makes_it(slide: type[Task[SlideConfig]]) -> None:
    task = slide()
    assert (task.nu, task.model.nq, task.sim_model is task.model) == (1, 1, True)


def test_its_config_is_the_argument_of_its_base(slide: type[Task[SlideConfig]]) -> None:
    bound = bound_in_control(slide, my_param2=5)
    assert isinstance(bound.config, SlideConfig)
    assert isinstance(bound.config, ControlConfig)
    assert (bound.config.my_param1, bound.config.my_param2) == (1.0, 5)


def test_its_reward_gets_the_config_of_the_run(
    slide: type[Task[SlideConfig]], tmp_path: Path
) -> None:
    costs = [
        bound_in_control(slide, **TINY, my_param1=weight)
        .run(MemoryContext(tmp_path / str(weight)))
        .metrics["cost"]
        for weight in (1.0, 3.0)
    ]
    assert costs[1] > 2.0 * costs[0] > 0.0


def test_it_keeps_to_the_contract_of_every_task(slide: type[Task[SlideConfig]]) -> None:
    assert check_task(slide, domain="control", **TINY)


def test_a_class_without_a_reward_is_refused_by_the_name_of_what_it_lacks() -> None:
    class Nothing:
        """No task."""

    with pytest.raises(
        PluginError,
        match=r"is no task of the domain 'control': it is a Nothing, and it lacks reward",
    ):
        bound_in_control(Nothing)
