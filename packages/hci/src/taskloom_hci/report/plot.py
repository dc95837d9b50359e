"""Games drawn on matplotlib axes. The axes come from the caller, so nothing here imports matplotlib."""

# ruff: noqa: ANN401 -- axes are matplotlib's

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_hci.errors import HciError

if TYPE_CHECKING:
    from taskloom_hci.games.gaze import Gaze
    from taskloom_hci.games.pointing import Pointing


def task_axes(axes: Mapping[str, Any]) -> Any:
    """Return the axes to draw a task on.

    Raises:
        HciError: If there are none.
    """
    found = axes.get("ax_task")
    if found is None:
        raise HciError("Drawing needs axes: render('plot', ax_task=...), for instance plt.gca().")
    return found


def draw_pointing(task: Pointing, axes: Mapping[str, Any]) -> None:
    """Draw the grid with the targets, the goal if the game has a user with one, and the cursor."""
    ax = task_axes(axes)
    user = task.bundle.user if task.bundle is not None else None
    goal = user.state["goal"] if user is not None and "goal" in user.state else None
    ax.clear()
    for positions, mark, label, size in (
        (task.state["targets"], "s", "targets", 90),
        (goal, "*", "goal", 160),
        (task.state["position"], "o", "cursor", 60),
    ):
        if positions is not None:
            x, y = _places(task, positions)
            ax.scatter(x, y, marker=mark, s=size, label=label, zorder=2)
    width, height = (*task.shape, 1)[:2]
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(-0.5, height - 0.5)
    ax.set_xlabel("cell" if task.dimension == 1 else "x [cell]")
    ax.set_ylabel("" if task.dimension == 1 else "y [cell]")
    if task.dimension == 1:
        ax.set_yticks([])
    ax.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.2), frameon=False)


def _places(task: Pointing, positions: Any) -> tuple[Any, Any]:
    rows = np.reshape(positions, (-1, task.dimension))
    return rows[:, 0], rows[:, 1] if task.dimension == 2 else np.zeros(len(rows))


def draw_gaze(task: Gaze, axes: Mapping[str, Any]) -> None:
    """Draw the screen with the target, as wide as it is, and the fixation."""
    ax = task_axes(axes)
    ax.clear()
    target, fixation = ((*np.ravel(task.state[key]), 0.0)[:2] for key in ("target", "fixation"))
    turn = np.linspace(0.0, 2.0 * np.pi, 64)
    radius = task.width / 2.0 + task.threshold
    ax.plot(
        target[0] + radius * np.cos(turn), target[1] + radius * np.sin(turn), label="found here"
    )
    ax.scatter([target[0]], [target[1]], marker="s", label="target")
    ax.scatter([fixation[0]], [fixation[1]], marker="o", label="fixation")
    ax.set_xlim(-1.0, 1.0)
    ax.set_ylim(-1.0, 1.0)
    ax.set_aspect("equal")
    ax.legend(loc="upper right", frameon=False)
