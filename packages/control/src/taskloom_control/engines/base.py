"""What the controller asks of an engine: states and sensors of many control sequences from one state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from taskloom_control.mjcf.physics import Snapshot


@dataclass(frozen=True)
class Rollouts:
    """R rollouts of T steps.

    Attributes:
        states: Positions and velocities after every control, shape (R, T, nq + nv); an array of the engine's namespace.
        sensors: Sensor values computed while that control was applied, shape (R, T, nsensordata), likewise.
        alive: Whether each rollout stayed stable to its end, shape (R,).
    """

    states: Any
    sensors: Any
    alive: np.ndarray


class Engine(Protocol):
    """Something that rolls control sequences out."""

    def buffer(self, num_rollouts: int, num_steps: int, /) -> Float[np.ndarray, "R T nu"]:
        """Return the array to write controls into; its content is the engine's until the next call."""
        ...

    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"], /) -> Rollouts:
        """Roll out control sequences from one state; the result is valid until the next call."""
        ...

    def close(self) -> None:
        """Give back threads and memory."""
        ...
