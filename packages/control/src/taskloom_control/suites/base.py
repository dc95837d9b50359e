"""Base of the tasks of other packages: the reward of a control step is theirs, and so is what an observer sees.

    reward of a plan = sum over its control steps of r(x_k, y_k, u_k) + guide * g(x_k, y_k, u_k)

r is the suite's own reward in array form; g is a smooth guide for the planner only, where r says nothing far from the goal. No
metric contains g: `return` is the suite's sum over the control steps of what the plant did.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from pydantic import Field

from taskloom_control.config import ControlConfig
from taskloom_control.errors import PlanError
from taskloom_control.task import ControlTask, Metadata

if TYPE_CHECKING:
    import mujoco
    from jaxtyping import Float

    from taskloom_control.mjcf.system import System

    States = Float[np.ndarray, "R T nx"]
    Sensors = Float[np.ndarray, "R T ns"]
    Controls = Float[np.ndarray, "R T nu"]
    Rewards = Float[np.ndarray, "R T"]

Measured: TypeAlias = Mapping[str, tuple[str, str]]
"""Sensors that a task adds: kind and name of what each measures, by the sensor's name."""
# What a task may have measured: MuJoCo's sensor and kind of object. `inertia` is the centre of mass, `flow` that of a subtree in
# motion.
_MEASURED = {
    "body": ("mjSENS_FRAMEPOS", "mjOBJ_XBODY"),
    "inertia": ("mjSENS_FRAMEPOS", "mjOBJ_BODY"),
    "geom": ("mjSENS_FRAMEPOS", "mjOBJ_GEOM"),
    "site": ("mjSENS_FRAMEPOS", "mjOBJ_SITE"),
    "axis": ("mjSENS_FRAMEZAXIS", "mjOBJ_XBODY"),
    "flow": ("mjSENS_SUBTREELINVEL", "mjOBJ_BODY"),
}


class SuiteConfig(ControlConfig):
    """The solver of a suite's task; the task itself has no parameters."""

    guide: Annotated[float, Field(ge=0)] = 1.0
    """Weight of a smooth guide in the planner's reward, where the suite's own is flat; no metric contains it."""


S = TypeVar("S", bound=SuiteConfig)


class SuiteTask(ControlTask[S]):
    """A task of another package.

    Attributes:
        substeps: Steps of the physics that a control acts for.
        drawn: Fields of the model that an episode draws, besides its state.
        measured: Sensors that are added to the model: kind and name of what each measures.
    """

    substeps: ClassVar[int] = 1
    drawn: ClassVar[tuple[str, ...]] = ()
    measured: ClassVar[Measured] = {}
    must_hold: ClassVar[bool] = False

    def __init__(self, config: S) -> None:
        super().__init__(config)
        self._fields: dict[str, np.ndarray] = {}
        self._is_plant = False
        self._before = np.zeros(0)

    @cached_property
    def _system(self) -> System:
        """The suite's models, compiled without a word on old forms in its files, which are not the user's to mend."""
        system = super()._system
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            _ = system.compiled
        return system

    @abstractmethod
    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's own reward of every control step; arguments as in `reward`."""

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards | float:
        """Return what leads a plan to where the reward is; nothing where the reward does so itself."""
        del states, sensors, controls
        return 0.0

    def reward(
        self,
        states: States,
        sensors: Sensors,
        controls: Controls,
        config: S,
        system_metadata: Metadata | None = None,
    ) -> Float[np.ndarray, " R"]:
        """Return the sum of the suite's rewards; a plan's has the guide besides."""
        del system_metadata
        rewards = self.step_rewards(states, sensors, controls)
        if not self._is_plant and config.guide > 0:
            rewards = rewards + config.guide * self.guides(states, sensors, controls)
        return np.asarray(rewards.sum(axis=-1))

    @property
    def physics_substeps(self) -> int:
        """Steps of the physics that a control acts for."""
        return self.substeps

    @property
    def spacing(self) -> float:
        """Time between two states that are rewarded [s]: a control step in plans, a step of the physics in the simulation."""
        return float(self.model.opt.timestep) if self._is_plant else self.dt

    def process_spec(self, spec: mujoco.MjSpec) -> None:
        """Add the sensors that the reward reads, after the suite's own."""
        import mujoco  # heavy: mujoco

        for name, (kind, of) in self.measured.items():
            sensor, what = _MEASURED[kind]
            spec.add_sensor(
                name=name,
                type=getattr(mujoco.mjtSensor, sensor),
                objtype=getattr(mujoco.mjtObj, what),
                objname=of,
            )

    def take_config(self, config: S) -> None:
        """Work with a config.

        Raises:
            PlanError: Its control period is no whole number of the suite's control steps.
        """
        super().take_config(config)
        period = 1.0 / (config.controller.control_freq * self.dt)
        if abs(period - round(period)) > 1e-6 or round(period) < 1:
            whole = ", ".join(f"{1.0 / (n * self.dt):.6g}" for n in (1, 2, 4))
            raise PlanError(
                f"The suite's control step is {self.dt:g} s, which a period of 1/{config.controller.control_freq:g} s is no "
                f"multiple of; set controller.control_freq to {whole} or another whole part."
            )

    def prepare_simulation(self) -> None:
        """Reward states of the simulation, where no guide belongs."""
        self._is_plant = True

    def pre_rollout(self, curr_state: np.ndarray, config: S) -> None:
        """Keep the state that rollouts begin at: velocities of some suites are differences of positions."""
        del config
        self._before = np.array(curr_state)

    def column_before(self, states: States, column: int) -> Rewards:
        """Return a column of the states one rewarded step earlier, shape (R, T)."""
        first = np.broadcast_to(self._before[column], (*states.shape[:1], 1))
        return np.concatenate([first, states[:, :-1, column]], axis=1)

    # What an episode draws of the model crosses to the planner, as a mocap pose would.

    def get_sim_metadata(self) -> Metadata:
        """Return the fields of the model that the episode drew."""
        return self._fields

    def adapt_model(self, model: mujoco.MjModel, metadata: Metadata) -> None:
        """Put the fields that the episode drew into a model."""
        for name in self.drawn:
            if name in metadata:
                getattr(model, name)[:] = metadata[name]

    def keep_drawn(self, source: Any) -> None:  # noqa: ANN401 -- a model of MuJoCo's or of a suite's own class
        """Take over the drawn fields of a suite's model, for this copy's and for the planner's."""
        self._fields = {name: np.array(getattr(source, name)) for name in self.drawn}
        for model in {id(m): m for m in (self.model, self.sim_model)}.values():
            self.adapt_model(model, self._fields)

    @property
    def action_seconds(self) -> float:
        """Time for which an environment's action acts [s]: the suite's control step."""
        return self.dt

    def period_reward(self, rewards: np.ndarray) -> float:
        """Return the reward of a control step given those of its steps of the physics: that of the state it ends in."""
        return float(rewards[-1])

    def recorded_metrics(self, arrays: Mapping[str, np.ndarray]) -> Mapping[str, float]:
        """Return the suite's own sum of rewards over the control steps of an episode."""
        return {"return": self.suite_return(arrays)} if "reward" in arrays else {}

    @abstractmethod
    def suite_return(self, arrays: Mapping[str, np.ndarray]) -> float:
        """Return the sum of rewards as the suite computes it, given what was recorded."""

    def at_control_steps(self, values: np.ndarray) -> np.ndarray:
        """Return the rows of a record of the physics' steps that end a control step."""
        return values[self.substeps - 1 :: self.substeps]
