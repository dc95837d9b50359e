"""Tasks of Gymnasium's MuJoCo suite, version 5: model, episode, observation and end are its own.

M. Towers et al., "Gymnasium: A Standard Interface for Reinforcement Learning Environments", arXiv:2407.17032. Its rewards are of a
control step: a velocity is the way of the step over its time. `return` is what the suite's own environment says when the recorded
controls are given to it; where the plant is another than the suite's, it is the same formula over the recorded states.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from taskloom_control.suites.base import S, SuiteTask
from taskloom_control.suites.installed import packaged

if TYPE_CHECKING:
    from jaxtyping import Bool

    from taskloom_control.suites.base import Controls, Rewards, Sensors, States

# A replay that leaves the record by more than this is of another plant.
_SAME = 1e-9


class GymTask(SuiteTask[S]):
    """A task of Gymnasium's MuJoCo suite.

    Attributes:
        env_id: Its id.
        file: Its model, without the folder.
        ends: Whether an unhealthy state ends the episode.
    """

    env_id: ClassVar[str]
    file: ClassVar[str]
    ends: ClassVar[bool] = True

    def __init__(self, config: S) -> None:
        super().__init__(config)
        self.model_path = packaged("gymnasium", f"envs/mujoco/assets/{self.file}.xml", "gym")

    @cached_property
    def suite(self) -> Any:  # noqa: ANN401 -- an optional package
        """The suite's own environment, without its limit of time; its physics is a scratch pad."""
        from taskloom_control.suites.gym_loading import load_environment  # heavy: gymnasium

        return load_environment(self.env_id)

    @abstractmethod
    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return the reward of every control step without what is given for being healthy; arguments as in `reward`."""

    def healthy(self, states: States) -> Bool[np.ndarray, "R T"]:
        """Return whether states are healthy; all are unless a task says otherwise."""
        return np.ones(states.shape[:2], dtype=bool)

    healthy_reward: ClassVar[float] = 0.0

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward; nothing after the step that ended the episode."""
        healthy = self.healthy(states)
        rewards = self.rewards_while_healthy(states, sensors, controls)
        rewards = rewards + self.healthy_reward * healthy
        if self.ends:
            still = np.logical_and.accumulate(healthy, axis=1)
            rewards[:, 1:] *= still[:, :-1]
        return rewards

    def forward_speed(self, states: States) -> Rewards:
        """Return the mean speed along x of every rewarded step [m/s]."""
        return np.asarray((states[..., 0] - self.column_before(states, 0)) / self.spacing)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode as the suite does, with its own draws."""
        env = self.suite
        env.reset(seed=int(rng.integers(2**31)))
        self.view.qpos, self.view.qvel = env.data.qpos, env.data.qvel

    def terminated(self) -> bool:
        """Return whether the suite ends the episode; it looks at the end of a control step."""
        if not self.ends:
            return False
        steps = round(float(self.data.time) / float(self.sim_model.opt.timestep))
        state = np.concatenate([self.view.qpos, self.view.qvel])[None, None]
        return steps > 0 and steps % self.substeps == 0 and not bool(self.healthy(state)[0, 0])

    def observe(self) -> np.ndarray:
        """Return the suite's observation of `data`."""
        import mujoco  # heavy: mujoco

        env = self.suite
        env.data.ctrl[:] = self.data.ctrl
        env.set_state(np.array(self.view.qpos), np.array(self.view.qvel))
        mujoco.mj_rnePostConstraint(env.model, env.data)
        return np.asarray(env._get_obs(), dtype=float)

    def period_reward(self, rewards: np.ndarray) -> float:
        """Return the reward of a control step: velocities and costs are means over it."""
        return float(np.mean(rewards))

    def suite_return(self, arrays: Mapping[str, np.ndarray]) -> float:
        """Return the suite's sum of rewards for the recorded controls."""
        import mujoco  # heavy: mujoco

        env, total = self.suite, 0.0
        mujoco.mj_resetData(env.model, env.data)
        env.set_state(np.array(arrays["qpos"][0]), np.array(arrays["qvel"][0]))
        states = self.at_control_steps(arrays["qpos"][1:])
        for control, state in zip(self.at_control_steps(arrays["control"]), states, strict=False):
            _, reward, ended, _, _ = env.step(np.array(control))
            if np.abs(env.data.qpos - state).max() > _SAME:
                return float(arrays["reward"].sum()) / self.substeps
            total += float(reward)
            if ended:
                break
        return total
