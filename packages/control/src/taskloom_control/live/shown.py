"""State of a session as its page shows it: exchanged as a whole, so that neither waits for the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.mjcf.physics import trace_columns

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.closed_loop.loop import ClosedLoop
    from taskloom_control.planning.plan import PlanStats

# Candidates whose traces are shown.
_TRACES = 8


@dataclass(frozen=True)
class Shown:
    """State of a session as the page shows it.

    Attributes:
        model: The simulated model.
        time: Simulated time [s].
        places: Positions of all bodies, shape (nbody, 3).
        turns: Their quaternions, shape (nbody, 4).
        traces: Traced points of the plan and of the best candidates, shape (k, T, 3) for each point.
        contacts: Positions of contacts, shape (n, 3), and their forces, likewise [N].
        stats: The newest plan.
        plan_ms: Times of the last plans [ms].
        cost: Cost of the last step.
        rate: Simulated time over wall-clock time.
        rows: Names and rows of what is plotted: time first; by plot.
        paused: Whether the session stands.
        success: Whether the task is solved now.
        episode: Number of the episode.
        said: The last sentence on something that was refused.
        config: The config in force.
        done: Whether the episode is over, so that only a reset goes on.
    """

    model: mujoco.MjModel
    time: float
    places: Float[np.ndarray, "b 3"]
    turns: Float[np.ndarray, "b 4"]
    traces: list[np.ndarray]
    contacts: tuple[np.ndarray, np.ndarray]
    stats: PlanStats | None
    plan_ms: np.ndarray
    cost: float
    rate: float
    rows: Mapping[str, tuple[list[str], Sequence[np.ndarray] | np.ndarray]]
    paused: bool
    success: bool
    episode: int
    said: str
    config: Any
    done: bool = False


def traces_of(loop: ClosedLoop) -> list[np.ndarray]:
    """Return where the traced points of the best candidates of the last plan would go, best first."""
    # Read once: a planning thread may exchange it meanwhile.
    last = loop.controller.problem.last
    columns = trace_columns(loop.controller.task.model)
    if last is None or not columns:
        return []
    sensors = np.asarray(last.sensors[:_TRACES])
    return [np.array(sensors[..., place]) for place in columns.values()]


def contacts_of(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Return places and forces of contacts, in the world."""
    count = int(data.ncon)
    forces, wrench = np.zeros((count, 3)), np.zeros(6)
    for i in range(count):
        mujoco.mj_contactForce(model, data, i, wrench)
        forces[i] = data.contact.frame[i].reshape(3, 3).T @ wrench[:3]
    return np.array(data.contact.pos[:count]).reshape(-1, 3), forces
