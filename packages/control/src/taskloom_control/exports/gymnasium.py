"""Control tasks as Gymnasium environments.

An action lies in [-1, 1] and is mapped to the control range; an episode ends after the config's seconds (truncated), or when
the task says so (terminated).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from taskloom.opening import open_task

from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.mjcf.physics import control_range
from taskloom_control.planning.splines import num_steps

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask

# Observations are cut off here: gymnasium asks for finite bounds, and no shipped system comes near.
LIMIT = 1e6


class ControlEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A control task as a Gymnasium environment.

    Args:
        task: The task; nothing else may hold this copy.
        config: Its config.
        control_period: How long an action acts [s]; 0 takes the control period of the task's controller.
        render_mode: `rgb_array` or None.
    """

    def __init__(
        self,
        task: ControlTask[Any],
        config: ControlConfig,
        control_period: float = 0.0,
        render_mode: str | None = None,
    ) -> None:
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 25}
        self.render_mode = render_mode
        self.task, self.simulation = task, Simulation(task, config)
        low, high = control_range(task.sim_model)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            low, high = (
                np.where(np.isfinite(low), low, -1.0),
                np.where(np.isfinite(high), high, 1.0),
            )
        self._middle, self._half = 0.5 * (low + high), 0.5 * (high - low)
        period = control_period or 1.0 / config.controller.control_freq
        self._steps = max(1, round(period / self.simulation.dt))
        self._length = num_steps(config.seconds, self.simulation.dt)
        self.metadata["render_fps"] = max(1, round(1.0 / (self._steps * self.simulation.dt)))
        self._taken = 0
        self.simulation.reset(np.random.default_rng(0))
        size = self._observe().shape
        self.observation_space = spaces.Box(-LIMIT, LIMIT, size, np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, low.shape, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float[np.ndarray, " n"], dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        del options  # a task's config says everything
        self.simulation.reset(self.np_random)
        self._taken = 0
        return self._observe(), self._info()

    def step(
        self, action: Float[np.ndarray, " nu"]
    ) -> tuple[Float[np.ndarray, " n"], float, bool, bool, dict[str, Any]]:
        """Apply an action for one control period; the reward is the mean of its simulated steps."""
        inside = np.clip(np.asarray(action, dtype=float), -1.0, 1.0)
        control, rewards, terminated = self._middle + self._half * inside, [], False
        for _ in range(self._steps):
            rewards.append(self.simulation.step(control))
            self._taken += 1
            terminated = self.simulation.unstable or self.task.terminated()
            if terminated or self._taken >= self._length:
                break
        reward = float(np.nan_to_num(np.mean(rewards), nan=-LIMIT, neginf=-LIMIT, posinf=LIMIT))
        return self._observe(), reward, terminated, self._taken >= self._length, self._info()

    def render(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """Return a drawn view of the state."""
        if self.render_mode != "rgb_array":
            return None
        from taskloom_control.report.drawing import choose_camera, draw_scene  # Pillow is heavy

        model, data = self.simulation.model, self.simulation.data
        moving = (model.body_weldid[model.geom_bodyid] > 0) & (model.geom_rbound > 0)
        points = data.geom_xpos[moving][None] if moving.any() else np.zeros((1, 1, 3))
        camera = choose_camera(points, float(model.geom_rbound.max()), 4 / 3)
        return np.asarray(draw_scene(model, data, camera, (400, 300)), dtype=np.uint8)

    def _observe(self) -> Float[np.ndarray, " n"]:
        seen = np.nan_to_num(np.asarray(self.task.observe(), dtype=np.float64))
        return np.clip(seen, -LIMIT, LIMIT)

    def _info(self) -> dict[str, Any]:
        return {"success": bool(self.task.success()), "time": self.simulation.time}


def make_env(name: str, render_mode: str | None = None, **config: Any) -> ControlEnv:  # noqa: ANN401 -- any field
    """Return the environment of a task.

    Args:
        name: The task's name.
        render_mode: `rgb_array` or None.
        **config: Fields of the task's config.
    """
    bound = open_task(f"control/{name}", **config)
    return ControlEnv(bound.task, cast("ControlConfig", bound.config), render_mode=render_mode)
