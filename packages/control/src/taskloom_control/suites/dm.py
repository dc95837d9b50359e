"""Tasks of the DeepMind control suite: model, episode, reward and observation are its own.

Y. Tassa et al., "DeepMind Control Suite", arXiv:1801.00690 (2018). A plan is judged by the reward in array form, which equals the
suite's to rounding; `return` is the sum of what the suite's own code says of the states that the plant went through.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from taskloom_control.suites.base import S, SuiteTask
from taskloom_control.suites.installed import packaged


class DmTask(SuiteTask[S]):
    """A task of the DeepMind control suite.

    Attributes:
        domain: The suite's domain.
        variant: The suite's task in it.
    """

    domain: ClassVar[str]
    variant: ClassVar[str]

    def __init__(self, config: S) -> None:
        super().__init__(config)
        self.model_path = packaged("dm_control", f"suite/{self.domain}.xml", "dm")

    @cached_property
    def suite(self) -> Any:  # noqa: ANN401 -- an optional package
        """The suite's own environment; its physics is a scratch pad."""
        from taskloom_control.suites.dm_loading import load_environment  # heavy: mujoco

        return load_environment(self.domain, self.variant, self._random)

    @cached_property
    def _random(self) -> np.random.RandomState:
        # The suite asks for NumPy's old kind of generator: this one is the task's own, and seeded at every reset.
        old = np.random.RandomState
        return old(0)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode as the suite does, with its own draws."""
        self._random.seed(int(rng.integers(2**32)))
        self.suite.reset()
        physics = self.suite.physics
        self.keep_drawn(physics.model)
        self.view.qpos, self.view.qvel = physics.data.qpos, physics.data.qvel
        self.data.act[:] = physics.data.act

    def observe(self) -> np.ndarray:
        """Return the suite's observation of `data`, its parts one after another."""
        view = self.view
        self._put(view.qpos, view.qvel, self.data.ctrl, view.act)
        seen = self.suite.task.get_observation(self.suite.physics)
        return np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in seen.values()])

    def suite_return(self, arrays: Mapping[str, np.ndarray]) -> float:
        """Return the suite's rewards of the states at the control steps, evaluated by its own code."""
        return float(self.suite_rewards(arrays).sum())

    def suite_rewards(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the suite's reward of every recorded control step, shape (K,)."""
        task, rewards = self.suite.task, []
        # States stand before and after the steps, controls in between.
        kept = (self.at_control_steps(arrays[name][1:]) for name in ("qpos", "qvel", "act"))
        for qpos, qvel, act, control in zip(
            *kept, self.at_control_steps(arrays["control"]), strict=False
        ):
            self._put(qpos, qvel, control, act)
            rewards.append(float(task.get_reward(self.suite.physics)))
        return np.array(rewards)

    def _put(
        self, qpos: np.ndarray, qvel: np.ndarray, control: np.ndarray, act: np.ndarray
    ) -> None:
        """Evaluate the suite's physics at a state."""
        physics = self.suite.physics
        data = physics.data
        data.qpos[:], data.qvel[:], data.ctrl[:], data.act[:] = qpos, qvel, control, act
        for name, value in self._fields.items():
            getattr(physics.model, name)[:] = value
        physics.forward()
