"""The simulated system: one copy of the task, stepped with its own model in simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.errors import RewardError, not_a_number
from taskloom_control.mjcf.physics import Snapshot, is_unstable, take_snapshot
from taskloom_control.task import ControlTask, StagedTask

if TYPE_CHECKING:
    from jaxtyping import Float
    from taskloom import Config


class Simulation:
    """Steps one copy of a task.

    Args:
        task: The copy; the controller has another.
        config: The config that its reward is given.

    Attributes:
        terms: The cost of the last step by the name of the term, of a task that names its costs.
    """

    def __init__(self, task: ControlTask[Any], config: Config) -> None:
        self.task, self.config = task, config
        self.model, self.data = task.sim_model, task.data
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
        """Begin an episode: everything at the model's start, time and warm start included, then the task's own reset."""
        mujoco.mj_resetData(self.model, self.data)
        self.task.reset(rng)
        mujoco.mj_forward(self.model, self.data)

    def step(self, control: Float[np.ndarray, " nu"]) -> float:
        """Apply controls for one step and return its reward.

        The reward is the task's own, of one rollout of one step; the sensors are those of the moment when the control acted,
        as in the controller's rollouts.

        Raises:
            RewardError: The reward is not a finite number although the physics is sound.
        """
        task, data = self.task, self.data
        before = np.concatenate([data.qpos, data.qvel])
        metadata = task.get_sim_metadata()
        data.ctrl[:] = control
        task.pre_sim_step()
        mujoco.mj_step(self.model, data)
        task.pre_rollout(before, self.config)
        one_step = (
            np.concatenate([data.qpos, data.qvel])[None, None],
            data.sensordata.copy()[None, None],
            data.ctrl.copy()[None, None],
            self.config,
            metadata,
        )
        reward = float(np.asarray(task.reward(*one_step))[0])
        if isinstance(task, StagedTask):
            terms = task.costs(*one_step)
            self.terms = {name: float(np.asarray(term)[0, 0]) for name, term in terms.items()}
        if not np.isfinite(reward) and not self.unstable:
            raise RewardError(not_a_number(task, self.terms, self.time))
        task.post_sim_step()
        return reward

    def snapshot(self) -> Snapshot:
        """Return the whole state."""
        return take_snapshot(self.model, self.data)

    def restore(
        self, integration: Float[np.ndarray, " n"], energy: Float[np.ndarray, " 2"]
    ) -> None:
        """Continue from a state.

        Args:
            integration: MuJoCo's integration state.
            energy: Potential and kinetic energy of the last step, which MuJoCo's sensor of kinetic energy reads in the next.
        """
        mujoco.mj_setState(
            self.model, self.data, integration, int(mujoco.mjtState.mjSTATE_INTEGRATION)
        )
        self.data.energy[:] = energy
