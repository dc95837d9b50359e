"""The control task: a system and a reward.

    maximize over u_0 .. u_{T-1}   r(x_1 .. x_T, y_1 .. y_T, u_0 .. u_{T-1}; config, metadata)
    subject to                     x_{k+1} = f(x_k, u_k),   y_{k+1} = g(x_k, u_k),   low <= u_k <= high

f is MuJoCo's step of the planning model, x are positions and velocities, y are sensors. The controller holds one copy of the
task and the simulation another; only `get_sim_metadata()` crosses. A subclass writes one method per symbol.

This module imports nothing heavy, because the module of a task is read for its config whenever `--help` is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar, overload

import numpy as np
from taskloom import Config

if TYPE_CHECKING:
    import mujoco

    from taskloom_control.mjcf.mapping import ModelMap
    from taskloom_control.mjcf.system import System
    from taskloom_control.mjcf.view import PlanView

C = TypeVar("C", bound=Config)
Array: TypeAlias = Any
"""A NumPy array or a JAX array; its namespace is `array.__array_namespace__()`. No common type exists to name here."""
Metadata = Mapping[str, Any]


class ControlTask(ABC, Generic[C]):
    """A system, a reward, and how the two begin.

    Everything that a simulation's copy remembers belongs into `data` (mocap poses, `userdata`), so that a checkpoint of the
    physics is a checkpoint of the task. `data` is laid out as the simulated model is; `view` shows it as the planning model is
    laid out, which is what a task is written for.

    Attributes:
        model_path: The model that the controller plans with.
        sim_model_path: The model that is simulated, if it is another one.
        config: The config that the task was made from; a class in judo's form has none.
        sim_only_controls: What each actuator gets that only the simulated model has, by its name.
        must_hold: Whether `success` has to hold during the whole final window; otherwise once is enough.
    """

    model_path: Path | str
    sim_model_path: Path | str | None = None
    sim_only_controls: ClassVar[Mapping[str, float]] = {}
    must_hold: ClassVar[bool] = True
    config: C

    @overload
    def __init__(self, config: C) -> None: ...
    @overload
    def __init__(self, config: Path | str, sim_model_path: Path | str | None = None) -> None: ...
    # The annotation names the first form only: the registry reads the config's class off it.
    def __init__(  # type: ignore[misc]  # the second form is read below
        self, config: C, sim_model_path: Path | str | None = None
    ) -> None:
        """Keep the config of this task; or, in judo's form, take the paths of its models and leave the config to the driver."""
        self._columns: dict[str, slice] = {}
        if isinstance(config, Config):
            self.config = config
        else:
            self.model_path, self.sim_model_path = config, sim_model_path

    # The problem, kept by the names of the seed.

    @abstractmethod
    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: C,
        system_metadata: Metadata | None = None,
    ) -> Array:
        """Return the reward of every rollout, shape (R,); higher is better.

        Written against the array namespace of its arguments, it runs on NumPy and on jax.numpy.

        Args:
            states: Positions and velocities after each control, shape (R, T, nq + nv).
            sensors: Sensor values computed while each control acted, shape (R, T, nsensordata).
            controls: Controls, shape (R, T, nu).
            config: The weights.
            system_metadata: What the simulation's copy passed on.
        """

    def process_spec(self, spec: mujoco.MjSpec) -> None:
        """Change a model's specification before it is compiled."""

    def constraints(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: C,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the constraints of every step by name, each of shape (R, T), feasible where they are not above 0.

        iLQR keeps them; a sampling optimizer pays `controller.penalty` for them. Arguments as in `reward`.
        """
        del states, sensors, controls, config, system_metadata
        return {}

    def randomize(self, spec: mujoco.MjSpec, rng: np.random.Generator, level: float) -> None:
        """Change a specification into that of another system that this one might be; see `mjcf.randomization`.

        Args:
            spec: The specification, after `process_spec`; sizes and names must stay.
            rng: The stream to draw from.
            level: Scale of the changes; 0 must change nothing.
        """
        self._system.randomize(spec, rng, level)

    def pre_rollout(self, curr_state: np.ndarray, config: C) -> None:
        """Look at the current positions and velocities, shape (nq + nv,), before candidates are rolled out."""

    def post_rollout(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: C,
        system_metadata: Metadata | None = None,
    ) -> None:
        """Look at rollouts before they are rewarded."""

    def pre_sim_step(self) -> None:
        """Act on `data` before a step of the simulation, which has its control set."""

    def post_sim_step(self) -> None:
        """Act on `data` after a step of the simulation."""

    def optimizer_warm_start(self) -> np.ndarray:
        """Return the control that the first plan begins with, shape (nu,)."""
        return np.zeros(self.nu)

    def get_sim_metadata(self) -> Metadata:
        """Return what the simulation's copy tells the controller's."""
        return {}

    def adapt_model(self, model: mujoco.MjModel, metadata: Metadata) -> None:
        """Change a model that plans are rolled out with to what the simulation's copy told of its own; by default nothing."""

    def begin_plan(self, moment: float) -> None:
        """Take note of the time [s] that rollouts begin at, before any of them; by default nothing."""

    # What a closed loop needs besides.

    def reset(self, rng: np.random.Generator) -> None:
        """Put `data`, which stands at the model's own start, where an episode begins."""

    def success(self) -> bool:
        """Return whether the state in `data` solves the task."""
        return False

    def terminated(self) -> bool:
        """Return whether the state in `data` cannot be recovered from."""
        return False

    def episode_metrics(self) -> Mapping[str, float]:
        """Return further numbers of the episode that `data` is at the end of."""
        return {}

    def recorded_metrics(self, arrays: Mapping[str, np.ndarray]) -> Mapping[str, float]:
        """Return further numbers of what was recorded of an episode, by the names of `trajectory.npz`."""
        del arrays
        return {}

    def period_reward(self, rewards: np.ndarray) -> float:
        """Return the reward of an environment's action given those of the simulated steps that it acted for: their mean."""
        return float(np.mean(rewards))

    def observe(self) -> np.ndarray:
        """Return what a policy sees of `data`: positions, velocities and activations."""
        return np.concatenate([self.view.qpos, self.view.qvel, self.view.act])

    def goal(self) -> np.ndarray | None:
        """Return what an observer has to be told besides `observe`: the poses of all mocap bodies and the user data, or None."""
        positions, quaternions = self.view.mocap_poses
        poses = np.concatenate([positions, quaternions], axis=1).reshape(-1)
        told = np.concatenate([poses, self.data.userdata])
        return told if told.size else None

    def achieved_goal(self) -> np.ndarray | None:
        """Return what stands where the goal should, of the shape of `goal()`; None if the task does not say."""
        return None

    def goal_distance(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Return the distance of achieved goals from desired ones, shape (...,); both may be batches."""
        return np.asarray(np.linalg.norm(np.asarray(achieved) - np.asarray(desired), axis=-1))

    def setpoint(self) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and controls, shapes (nq,) and (nu,), around which LQR linearizes the system."""
        return self.model.qpos0.copy(), np.zeros(self.model.nu)

    def take_config(self, config: C) -> None:
        """Work with a config: that of the run, before anything is asked, and another one that replaces it later."""
        self.config = config

    def prepare_simulation(self) -> None:
        """Let this copy be the simulation's, before anything else is asked of it."""

    # The models, compiled when first needed.

    @cached_property
    def _system(self) -> System:
        """The models by their files."""
        from taskloom_control.mjcf.system import System  # heavy: mujoco

        return System(getattr(self, "model_path", None), self.sim_model_path, self.process_spec)

    @cached_property
    def model(self) -> mujoco.MjModel:
        """The model that the controller plans with; nothing sleeps in it."""
        return self._system.plan

    @cached_property
    def sim_model(self) -> mujoco.MjModel:
        """The model that is simulated."""
        return self._system.plant

    def drawn_model(
        self, change: Callable[[mujoco.MjSpec], None], *, simulated: bool
    ) -> mujoco.MjModel:
        """Return the planning model, or the simulated one, compiled with a change to its specification."""
        return self._system.drawn(change, simulated=simulated)

    @cached_property
    def pairing(self) -> ModelMap:
        """The map of the two models: states, controls and sensors by name."""
        return self._system.pair(self.model, self.sim_model, self.sim_only_controls)

    @cached_property
    def view(self) -> PlanView:
        """The state in `data` in the planning model's order and by its names, whatever model is simulated."""
        return self._system.view(self.pairing, self.data)

    @property
    def nu(self) -> int:
        """Number of controls."""
        return int(self.model.nu)

    @property
    def physics_substeps(self) -> int:
        """Steps of the physics for which one control acts; the reward sees the last of them."""
        return 1

    @property
    def dt(self) -> float:
        """Time for which one control acts in a rollout [s]."""
        return float(self.model.opt.timestep) * self.physics_substeps

    @property
    def action_seconds(self) -> float:
        """Time for which an action of an environment acts [s]; 0 leaves it to the config's control period."""
        return 0.0

    def control_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of the controls, shape (nu,) each; infinite where there is none."""
        return self._system.bounds(self.model)

    def task_to_sim_ctrl(self, controls: np.ndarray) -> np.ndarray:
        """Return the planning model's controls for the task's own, shape (..., nu); the same ones unless overridden."""
        return controls

    @cached_property
    def data(self) -> mujoco.MjData:
        """The state of this copy's simulation."""
        return self._system.state(self.sim_model)

    def sensor(self, name: str) -> slice:
        """Return the columns of a sensor in `sensors`; a name that does not exist is an error with the closest one."""
        return self._find("sensor", name)

    def position(self, joint: str) -> slice:
        """Return the columns of a joint's position in `states`; a name that does not exist is an error with the closest one."""
        return self._find("position", joint)

    def velocity(self, joint: str) -> slice:
        """Return the columns of a joint's velocity in `states`, likewise."""
        return self._find("velocity", joint)

    def _find(self, what: str, name: str) -> slice:
        key = f"{what}/{name}"
        if key not in self._columns:
            self._columns[key] = self._system.columns(self.model, what, name)
        return self._columns[key]


class StagedTask(ControlTask[C]):
    """A task whose reward is minus a sum of named costs over the steps; what iLQR, LQR and term by term reports need."""

    @abstractmethod
    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: C,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the cost of every step by the name of the term, each of shape (R, T); arguments as in `reward`."""

    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: C,
        system_metadata: Metadata | None = None,
    ) -> Array:
        """Return minus the sum of all costs over the steps."""
        terms = iter(self.costs(states, sensors, controls, config, system_metadata).values())
        total = next(terms)
        for term in terms:
            total = total + term
        return -total.sum(axis=-1)
