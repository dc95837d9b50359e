"""The simulated system: one copy of the task, stepped with its own model in simulated time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.closed_loop.models import given_models
from taskloom_control.closed_loop.outside import Pushes, scaled_model
from taskloom_control.config import PlantConfig
from taskloom_control.errors import RewardError, not_a_number
from taskloom_control.mjcf.keyframes import begin_at
from taskloom_control.mjcf.physics import Snapshot, is_unstable
from taskloom_control.mjcf.whole import put_whole_state, whole_state
from taskloom_control.planning.constraints import constraint_values, is_constrained
from taskloom_control.task import ControlTask, StagedTask

if TYPE_CHECKING:
    from jaxtyping import Float
    from taskloom import Config


# A control that the plant's range changes by more than this was clamped.
_CLAMPED = 1e-12


class Simulation:
    """Steps one copy of a task.

    Args:
        task: The copy; the controller has another.
        config: The config that its reward is given.

    Attributes:
        terms: The cost of the last step by the name of the term, of a task that names its costs.
        acted: The controls that acted in the last step, in the planning model's order, shape (nu,).
        violation: Largest violation of the task's constraints in the last step; 0 where it has none.
        clamped: Controls of the last step that the plant's own range changed.
        pushes: What acts on the plant from outside.
    """

    def __init__(self, task: ControlTask[Any], config: Config) -> None:
        task.take_config(config)
        plant = getattr(config, "plant", None) or PlantConfig()
        model = scaled_model(task.sim_model, plant)
        if model is not task.sim_model:
            given_models(task, (task.model, model))
        task.prepare_simulation()
        self.task, self.config = task, config
        self.model, self.data, self.map = task.sim_model, task.data, task.pairing
        self.acted = np.zeros(task.model.nu)
        self._is_plain = type(task).task_to_sim_ctrl is ControlTask.task_to_sim_ctrl
        self.clamped = 0
        self.pushes = Pushes(self.model, plant)
        self.is_constrained, self.violation = is_constrained(task), 0.0
        self.terms: dict[str, float] = {}

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return float(self.data.time)

    @property
    def dt(self) -> float:
        """Length of a step [s]."""
        return float(self.model.opt.timestep)

    @property
    def unstable(self) -> bool:
        """True after the physics met a bad number."""
        return is_unstable(self.data)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode: everything at the keyframe or the model's start, time and warm start included, then the task's reset.

        Raises:
            ModelError: The model has no keyframe of the name that the config gives.
        """
        begin_at(self.model, self.data, str(getattr(self.config, "keyframe", "")))
        self.data.time = 0.0  # a keyframe may say another time; an episode begins at 0
        self.task.reset(rng)
        mujoco.mj_forward(self.model, self.data)

    def exchange(self, config: Config) -> None:
        """Reward the steps from now on by another config of the same class."""
        self.config = config
        self.task.take_config(config)

    def step(self, control: Float[np.ndarray, " nu"]) -> float:
        """Apply the task's controls for one step and return its reward.

        The reward is the task's own, of one rollout of one step; the sensors are those of the moment when the control acted,
        as in the controller's rollouts.

        Raises:
            RewardError: The reward is not a finite number although the physics is sound.
        """
        task, data = self.task, self.data
        before = self.map.state(data)
        task.begin_plan(float(data.time))
        metadata = task.get_sim_metadata()
        # A task with controls of its own is rewarded for those, as in the rollouts of its plans.
        wanted = control if self._is_plain else np.asarray(task.task_to_sim_ctrl(control))
        inside = self.map.to_plant(wanted)
        data.ctrl[:] = inside
        gap = self.map.to_plan(inside) - wanted
        # Nearly every control is inside already, and a plan's 30 us are short enough to notice the count of none.
        self.clamped = int(np.count_nonzero(np.abs(gap) > _CLAMPED)) if gap.any() else 0
        task.pre_sim_step()
        self._step()
        self.acted = self.map.to_plan(data.ctrl)
        task.pre_rollout(before, self.config)
        one_step = (
            self.map.state(data)[None, None],
            self.map.sensors(data)[None, None],
            (self.acted if self._is_plain else control)[None, None],
            self.config,
            metadata,
        )
        reward = float(np.asarray(task.reward(*one_step))[0])
        if isinstance(task, StagedTask):
            terms = task.costs(*one_step)
            self.terms = {name: float(np.asarray(term)[0, 0]) for name, term in terms.items()}
        if not np.isfinite(reward) and not self.unstable:
            raise RewardError(not_a_number(task, self.terms, self.time))
        if self.is_constrained:
            values = constraint_values(task, one_step[:3], self.config, metadata)
            self.violation = float(values.max(initial=0.0))
        task.post_sim_step()
        return reward

    def _step(self) -> None:
        """Step the physics, with what acts from outside for this step only: a planner is never told of it."""
        data = self.data
        acting = self.pushes.now(data) if self.pushes.any else {}
        before = {body: data.xfrc_applied[body].copy() for body in acting}
        for body, wrench in acting.items():
            data.xfrc_applied[body] += wrench
        mujoco.mj_step(self.model, data)
        for body, wrench in before.items():
            data.xfrc_applied[body] = wrench

    def snapshot(self) -> Snapshot:
        """Return the whole state, in the planning model's layout."""
        return self.map.snapshot(self.data)

    def saved(self) -> dict[str, np.ndarray]:
        """Return every field of the state by name, for a checkpoint.

        MuJoCo's integration state is not all of it where bodies sleep or energies are read.
        """
        return whole_state(self.data)

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Take over what `saved` returned."""
        put_whole_state(self.data, saved)
