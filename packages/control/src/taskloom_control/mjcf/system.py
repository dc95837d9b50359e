"""The models of one task: compiled when first needed, with the map between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mujoco
import numpy as np

from taskloom_control.mjcf.compiling import awake, compile_model
from taskloom_control.mjcf.mapping import ModelMap
from taskloom_control.mjcf.physics import (
    control_range,
    position_columns,
    sensor_columns,
    velocity_columns,
)
from taskloom_control.mjcf.randomization import randomize
from taskloom_control.mjcf.view import PlanView

_COLUMNS = {
    "sensor": sensor_columns,
    "position": position_columns,
    "velocity": velocity_columns,
}


@dataclass
class System:
    """The models of a task.

    Attributes:
        path: The MJCF file that is planned with; None if the task forgot to name it.
        sim_path: The MJCF file that is simulated, if it is another one.
        edit: Changes a specification before it is compiled.
    """

    path: Path | str | None
    sim_path: Path | str | None
    edit: Callable[[mujoco.MjSpec], None]

    @cached_property
    def compiled(self) -> mujoco.MjModel:
        """The planning model as it was written."""
        return compile_model(self.path, self.edit)

    @cached_property
    def plan(self) -> mujoco.MjModel:
        """The planning model, in which nothing sleeps."""
        return awake(self.compiled)

    @cached_property
    def plant(self) -> mujoco.MjModel:
        """The simulated model."""
        if self.sim_path is None:
            return self.compiled
        return compile_model(self.sim_path, self.edit)

    def drawn(self, change: Callable[[mujoco.MjSpec], None], *, simulated: bool) -> mujoco.MjModel:
        """Return one of the two models, compiled anew with a further change to its specification."""

        def edit(spec: mujoco.MjSpec) -> None:
            self.edit(spec)
            change(spec)

        if simulated:
            return compile_model(self.sim_path or self.path, edit)
        return awake(compile_model(self.path, edit))

    @staticmethod
    def randomize(spec: mujoco.MjSpec, rng: np.random.Generator, level: float) -> None:
        """Multiply what is uncertain of a specification by drawn factors."""
        randomize(spec, rng, level)

    @staticmethod
    def state(model: mujoco.MjModel) -> mujoco.MjData:
        """Return a state of a model, at its beginning."""
        return mujoco.MjData(model)

    def pair(
        self,
        plan: mujoco.MjModel,
        plant: mujoco.MjModel,
        sim_only_controls: Mapping[str, float],
    ) -> ModelMap:
        """Return the map between two models."""
        return ModelMap(plan, plant, sim_only_controls, alike=self.sim_path is None)

    @staticmethod
    def view(pairing: ModelMap, data: mujoco.MjData) -> PlanView:
        """Return a simulation's state in the planning model's layout."""
        return PlanView(pairing, data)

    @staticmethod
    def bounds(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of a model's controls."""
        return control_range(model)

    @staticmethod
    def columns(model: mujoco.MjModel, what: str, name: str) -> slice:
        """Return the columns of a `sensor`, `position` or `velocity` by name."""
        return _COLUMNS[what](model, name)
