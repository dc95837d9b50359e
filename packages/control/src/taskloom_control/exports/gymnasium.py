"""Control tasks as Gymnasium environments.

An action lies in [-1, 1] and is mapped to the control range; that of an actuator without a range is in the actuator's own unit.
An observation holds the goal, so that two goals are two observations; an episode ends after the config's seconds (truncated), or
when the task says so (terminated).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import gymnasium
import numpy as np
from gymnasium import spaces
from taskloom.opening import open_task

from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.errors import PlanError
from taskloom_control.planning.splines import num_steps

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask

# Observations are cut off here: gymnasium asks for finite bounds, and no shipped system comes near.
LIMIT = 1e6
GoalMode = Literal["flat", "dict", "hide"]
Observation = np.ndarray | dict[str, np.ndarray]


class ControlEnv(gymnasium.Env[Observation, np.ndarray]):
    """A control task as a Gymnasium environment.

    Args:
        task: The task; nothing else may hold this copy.
        config: Its config.
        control_period: How long an action acts [s]; 0 takes the control period of the task's controller.
        render_mode: `rgb_array` or None.
        goal: Place of the goal: `flat` appends it to the observation, `dict` gives it a name of its own (with `achieved_goal`
            where the task has one, the form of gymnasium-robotics), `hide` leaves it out.

    Raises:
        PlanError: `goal` is none of the three.
    """

    def __init__(
        self,
        task: ControlTask[Any],
        config: ControlConfig,
        control_period: float = 0.0,
        render_mode: str | None = None,
        goal: GoalMode = "flat",
    ) -> None:
        if goal not in get_args(GoalMode):
            raise PlanError(
                f"goal={goal!r} is unknown; it is one of {', '.join(get_args(GoalMode))}."
            )
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 25}
        self.render_mode = render_mode
        self.task, self.simulation = task, Simulation(task, config)
        low, high = task.control_bounds()
        limited = np.isfinite(low) & np.isfinite(high)
        self._middle, self._half = np.zeros_like(low), np.ones_like(low)
        self._middle[limited] = 0.5 * (low[limited] + high[limited])
        self._half[limited] = 0.5 * (high[limited] - low[limited])
        self._bound = np.where(limited, 1.0, np.inf)
        period = control_period or task.action_seconds or 1.0 / config.controller.control_freq
        self._steps = max(1, round(period / self.simulation.dt))
        self._length = num_steps(config.seconds, self.simulation.dt)
        self.metadata["render_fps"] = max(1, round(1.0 / (self._steps * self.simulation.dt)))
        self._taken = 0
        self.simulation.reset(np.random.default_rng(0))
        self._goal = goal if task.goal() is not None else "hide"
        bound = self._bound.astype(np.float32)
        self.action_space = spaces.Box(-bound, bound, low.shape, np.float32)
        self.observation_space = self._space()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; the seed sets everything that is random in it."""
        super().reset(seed=seed)
        del options  # a task's config says everything
        self.simulation.reset(self.np_random)
        self._taken = 0
        return self._observe(), self._info()

    def step(
        self, action: Float[np.ndarray, " nu"]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply an action for one control period; the reward is the mean of its simulated steps, or a suite's own."""
        inside = np.clip(np.asarray(action, dtype=float), -self._bound, self._bound)
        control, rewards, terminated = self._middle + self._half * inside, [], False
        for _ in range(self._steps):
            rewards.append(self.simulation.step(control))
            self._taken += 1
            terminated = self.simulation.unstable or self.task.terminated()
            if terminated or self._taken >= self._length:
                break
        reward = self.task.period_reward(np.array(rewards))
        reward = float(np.nan_to_num(reward, nan=-LIMIT, neginf=-LIMIT, posinf=LIMIT))
        return self._observe(), reward, terminated, self._taken >= self._length, self._info()

    def render(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """Return a drawn view of the state."""
        if self.render_mode != "rgb_array":
            return None
        from taskloom_control.report import drawing  # Pillow is heavy

        model, data = self.simulation.model, self.simulation.data
        moving = (model.body_weldid[model.geom_bodyid] > 0) & (model.geom_rbound > 0)
        points = data.geom_xpos[moving][None] if moving.any() else np.zeros((1, 1, 3))
        camera = drawing.choose_camera(points, float(model.geom_rbound.max()), 4 / 3)
        return np.asarray(drawing.draw_scene(model, data, camera, (400, 300)), dtype=np.uint8)

    def compute_reward(
        self, achieved: np.ndarray, desired: np.ndarray, info: object
    ) -> Float[np.ndarray, " *batch"]:
        """Return minus the distance of achieved goals from desired ones, which may be batches; for relabelled goals."""
        del info
        return -np.asarray(self.task.goal_distance(achieved, desired))

    def _space(self) -> spaces.Space[Any]:
        parts = self._parts()
        boxes: dict[str, spaces.Space[Any]] = {
            name: spaces.Box(-LIMIT, LIMIT, part.shape, np.float64) for name, part in parts.items()
        }
        if self._goal == "dict":
            return spaces.Dict(boxes)
        size = sum(part.size for part in parts.values())
        return spaces.Box(-LIMIT, LIMIT, (size,), np.float64)

    def _observe(self) -> Observation:
        parts = self._parts()
        return parts if self._goal == "dict" else np.concatenate(list(parts.values()))

    def _parts(self) -> dict[str, np.ndarray]:
        """Return what is seen, and the goal unless it is hidden."""
        seen: dict[str, Any] = {"observation": self.task.observe()}
        if self._goal != "hide":
            achieved = self.task.achieved_goal()
            if self._goal == "dict" and achieved is not None:
                seen["achieved_goal"] = achieved
            seen["desired_goal"] = self.task.goal()
        return {
            name: np.clip(np.nan_to_num(np.asarray(part, dtype=np.float64)), -LIMIT, LIMIT)
            for name, part in seen.items()
        }

    def _info(self) -> dict[str, Any]:
        return {"success": bool(self.task.success()), "time": self.simulation.time}


def make_env(
    name: str,
    render_mode: str | None = None,
    goal: GoalMode = "flat",
    **config: Any,  # noqa: ANN401 -- any field
) -> ControlEnv:
    """Return the environment of a task.

    Args:
        name: The task's name.
        render_mode: `rgb_array` or None.
        goal: Place of the goal: `flat`, `dict` or `hide`.
        **config: Fields of the task's config.
    """
    bound = open_task(f"control/{name}", **config)
    config_of_it = cast("ControlConfig", bound.config)
    return ControlEnv(bound.task, config_of_it, render_mode=render_mode, goal=goal)
