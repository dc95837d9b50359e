"""Messages between a simulated plant and its planner: estimates that come late, noisy or not at all, and plans that are lost.

What happens to a message is drawn from a counter stream by the message's own number, so it does not depend on any other message,
and two planners of one episode meet the same plant.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.closed_loop.outside import joint_errors
from taskloom_control.mjcf.physics import Snapshot
from taskloom_control.planning.noise import CounterNoise

if TYPE_CHECKING:
    from taskloom_control.config import PlantConfig

_ROUNDING = 1e-9
_FATES, _NOISE = 0, 1


@dataclass(frozen=True)
class Message:
    """An estimate that has arrived.

    Attributes:
        state: The estimated state, of the time at which it was measured.
        metadata: What the simulation's copy of the task passed on then.
        plan_arrives: Whether the plan that is made from it reaches the plant.
    """

    state: Snapshot
    metadata: Mapping[str, Any]
    plan_arrives: bool


class Messages:
    """Everything that a plant has said, and what the planner gets of it.

    Args:
        model: The planning model.
        plant: The imperfections.
        seed: Seed of what happens to messages.

    Raises:
        ModelError: A joint of the config has another name.
    """

    def __init__(self, model: mujoco.MjModel, plant: PlantConfig, seed: int) -> None:
        self._model, self._plant, self._noise = model, plant, CounterNoise(seed)
        self._position = joint_errors(model, plant.noise, "plant.noise")
        self._velocity = joint_errors(model, plant.velocity_noise, "plant.velocity_noise")
        self._bias = joint_errors(model, plant.bias, "plant.bias")
        self._kept: deque[tuple[Snapshot, Mapping[str, Any]]] = deque()
        self._newest = -np.inf

    def measure(self, state: Snapshot, metadata: Mapping[str, Any]) -> None:
        """Keep the plant's state of a moment, for as long as an estimate may still be of it."""
        self._kept.append((state, metadata))
        oldest = state.time - self._plant.latency - self._plant.jitter - _ROUNDING
        while len(self._kept) > 1 and self._kept[1][0].time <= oldest:
            self._kept.popleft()

    def arrived(self, number: int, now: float) -> Message | None:
        """Return the estimate that a plan can be made from at a moment, or None if it was lost.

        Args:
            number: Number of the control period.
            now: The moment [s].
        """
        plant = self._plant
        late, lost, gone = self._noise.stream(number, _FATES).random(3)
        # The first estimate always arrives: a planner that has heard nothing cannot begin.
        if number and lost < plant.dropout:
            return None
        until = max(now - plant.latency - plant.jitter * late, self._newest)
        state, metadata = self._kept[0]
        for held in self._kept:
            if held[0].time > until + _ROUNDING:
                break
            state, metadata = held
        self._newest = state.time
        arrives = not number or gone >= plant.dropout
        return Message(self._disturbed(state, number), metadata, arrives)

    def _disturbed(self, state: Snapshot, number: int) -> Snapshot:
        """Return a state with the errors of an estimate."""
        if not (self._position.any() or self._velocity.any() or self._bias.any()):
            return state
        draws = self._noise.stream(number, _NOISE).standard_normal((2, self._model.nv))
        qpos = state.qpos.copy()
        # In the tangent space: a quaternion stays one.
        mujoco.mj_integratePos(self._model, qpos, self._bias + self._position * draws[0], 1.0)
        qvel = state.qvel + self._velocity * draws[1]
        whole, first = state.integration.copy(), 1 + qpos.size
        whole[1:first], whole[first : first + qvel.size] = qpos, qvel
        return replace(state, integration=whole, qpos=qpos, qvel=qvel)
