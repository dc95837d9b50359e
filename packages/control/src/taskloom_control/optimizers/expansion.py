"""Trajectories and the local models around them, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float


@dataclass
class Trajectory:
    """A rollout with everything that a local model needs.

    Attributes:
        states: MuJoCo's integration state before every step and at the end, shape (T + 1, n).
        qpos: Positions likewise, shape (T + 1, nq).
        rest: Velocities and activations likewise, shape (T + 1, nv + na).
        controls: Controls, shape (T, nu).
        sensors: Sensor values while each control acted, shape (T, ns).
        cost: Total cost; infinite if the physics met a bad number.
    """

    # Whole states are kept beside positions: a derivative needs activations and warm start as they were.
    states: Float[np.ndarray, "T1 n"]
    qpos: Float[np.ndarray, "T1 nq"]
    rest: Float[np.ndarray, "T1 r"]
    controls: Float[np.ndarray, "T nu"]
    sensors: Float[np.ndarray, "T ns"]
    cost: float


@dataclass
class Expansion:
    """The local model around a trajectory.

    Attributes:
        A: Derivative of the next state by the state, shape (T, n, n).
        B: Derivative of the next state by the control, shape (T, n, m).
        cx: Gradient of the cost of step k by the state after it, shape (T, n).
        cxx: Its Hessian, shape (T, n, n).
        cz: Gradient of the cost of step k by (state before it, control) through the sensors and the control, (T, n + m).
        czz: Its Hessian, shape (T, n + m, n + m).
        czx: Mixed second derivative by (state before it, control) and the state after it, shape (T, n + m, n).
    """

    A: np.ndarray
    B: np.ndarray
    cx: np.ndarray
    cxx: np.ndarray
    cz: np.ndarray
    czz: np.ndarray
    czx: np.ndarray
