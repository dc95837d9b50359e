"""Any MJCF model with a goal that is given by parameters: no class has to be written.

tasks run control model --path=arm.xml --reach=tip:0.3,0.1,0.2
tasks run control model --path=robot.xml --upright=torso --height=torso:0.6 --joint.elbow=1.57
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from taskloom import InputPath, Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.cem import CEM
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, length, smooth_absolute

if TYPE_CHECKING:
    import mujoco

    from taskloom_control.mjcf.goals import Goals

# Distances turn from quadratic to linear here [m or rad].
_SCALE = 0.01


class ModelConfig(ControlConfig):
    """A model and its goal."""

    path: InputPath | None = None
    """File of the model, MJCF or URDF; none takes an arm of two links that reaches for a target."""
    reach: str = ""
    """Site or body, and where it should be: `tip:target`, `tip:0.3,0.1,0.2`; several are separated by semicolons."""
    joint: dict[str, float] = Field(default={})
    """Position of each hinge or slide that has one to take, by its name [rad or m]."""
    upright: str = ""
    """Body whose z axis should point up."""
    height: str = ""
    """Body, and the height that it should be at [m]: `torso:0.6`."""
    w_reach: Weight = 1.0
    """Weight of the distances to reach [1/m]."""
    w_joint: Weight = 1.0
    """Weight of the joints' distances from where they should be."""
    w_upright: Weight = 1.0
    """Weight of the angle from upright [1/rad]."""
    w_height: Weight = 1.0
    """Weight of the distance from the height [1/m]."""
    w_control: Weight = 1e-3
    """Weight of the squared controls, as a share of half their range."""
    tolerance: Annotated[float, Field(gt=0), Unit("m")] = 0.02
    """Distance that is near enough."""
    angle_tolerance: Annotated[float, Field(gt=0), Unit("rad")] = 0.05
    """Angle that is near enough."""
    spread: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of the hinges and slides around the start, so that seeds begin elsewhere [rad or m]."""
    controller: ControllerConfig = ControllerConfig(horizon=0.8, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = CEM(finest=0.125)
    """Optimizer of the plan."""


class ModelGoal(StagedTask[ModelConfig]):
    """Bring a model to a goal: cost = sum of w (sqrt(d^2 + p^2) - p) over the distances d, and w_control |u|^2."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.model_path = config.path or model_path("reacher")
        asked = (config.reach, config.joint, config.upright, config.height)
        # The arm that stands for a model has a goal of its own.
        own = config.path is None and not any(asked)
        self._words = ("tip:target" if own else config.reach, *asked[1:])
        self._goals: Goals | None = None

    def process_spec(self, spec: mujoco.MjSpec) -> None:
        """Add the sensors that tell the distances to the goal."""
        from taskloom_control.mjcf.goals import read_goals  # heavy: mujoco

        self._goals = read_goals(spec, *self._words)

    @cached_property
    def _scale(self) -> tuple[np.ndarray, np.ndarray]:
        return self.goals.control_scale(self.model)

    @property
    def goals(self) -> Goals:
        """The goal as it was read with the model."""
        if self._goals is None:
            _ = self._system.compiled  # the model may have been given, and not compiled
        assert self._goals is not None  # `process_spec` ran when the model was compiled
        return self._goals

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ModelConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step: one a distance, and the controls."""
        weights = {
            "reach": config.w_reach,
            "joint": config.w_joint,
            "upright": config.w_upright,
            "height": config.w_height,
        }
        terms = {
            name: weights[name.partition(" ")[0]] * smooth_absolute(distance, _SCALE)
            for name, distance in self._distances(states, sensors).items()
        }
        xp, (middle, half) = controls.__array_namespace__(), self._scale
        share = (controls - xp.asarray(middle)) / xp.asarray(half)
        return {**terms, "control": config.w_control * (share * share).sum(axis=-1)}

    def _distances(self, states: Array, sensors: Array) -> dict[str, Array]:
        """Return the distances to the goal by the name of the term, shape (...,)."""
        goals, found = self.goals, {}
        xp = states.__array_namespace__()
        for item in goals.reaches:
            place = sensors[..., self.sensor(item.sensor)]
            there = (
                sensors[..., self.sensor(item.target)]
                if isinstance(item.target, str)
                else xp.asarray(item.target)
            )
            found[f"reach {item.name}"] = length(place - there)
        for name, value in goals.joints.items():
            found[f"joint {name}"] = abs(states[..., self.position(name)][..., 0] - value)
        if goals.upright:
            axis = sensors[..., self.sensor(goals.upright)]
            found["upright"] = xp.atan2(length(axis[..., :2]), axis[..., 2])
        if goals.height:
            sensor, height = goals.height
            found["height"] = abs(sensors[..., self.sensor(sensor)][..., 2] - height)
        return found

    def reset(self, rng: np.random.Generator) -> None:
        """Begin at the keyframe, with hinges and slides spread around it if the config says so."""
        if self.config.spread:
            qpos = self.view.qpos.copy()
            columns = self.goals.single_columns(self.model)
            qpos[columns] += self.config.spread * rng.standard_normal(len(columns))
            self.view.qpos = qpos

    def success(self) -> bool:
        """Every distance is within its tolerance."""
        states = np.concatenate([self.view.qpos, self.view.qvel])
        found = self._distances(states, self._sensors_now())
        angular = {"upright", *(f"joint {name}" for name in self.goals.hinges)}
        limits = (
            self.config.angle_tolerance if name in angular else self.config.tolerance
            for name in found
        )
        return all(float(d) < limit for d, limit in zip(found.values(), limits, strict=True))

    def _sensors_now(self) -> np.ndarray:
        """Return the sensors of the goal in the state as it stands, in the planning model's columns."""
        values = np.zeros(self.model.nsensordata)
        for name in self.goals.sensors:
            values[self.sensor(name)] = self.view.sensor(name)
        return values

    def goal(self) -> np.ndarray:
        """Return the targets: places [m], positions of joints, and the height [m]."""
        goals = self.goals
        told = [
            self.view.sensor(item.target) if isinstance(item.target, str) else item.target
            for item in goals.reaches
        ]
        rest = [*goals.joints.values(), *([goals.height[1]] if goals.height else [])]
        return np.concatenate([*map(np.asarray, told), np.asarray(rest, dtype=float)])
