"""Games drawn on matplotlib axes. The axes come from the caller; only the drawing for a notebook makes its own."""

# ruff: noqa: ANN401 -- axes are matplotlib's

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from io import StringIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from taskloom.show.cells import drawing_html

from taskloom_hci.errors import HciError
from taskloom_hci.games.gaze import Gaze
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.task import Game

Places: TypeAlias = NDArray[Any]
_CELL = (6.0, 2.0)  # [inch] of a drawing in a notebook


def draw_game(game: Game, axes: Mapping[str, Any]) -> None:
    """Draw a game of pointing or gaze on `axes["ax_task"]`; any other task draws itself, in its own `render`.

    Raises:
        HciError: If there are no such axes.
    """
    task, user = game.task, game.user
    if isinstance(task, Pointing):
        places = {"targets": task.state["targets"], "cursor": task.state["position"]}
        if user is not None and "goal" in user.state:
            places["goal"] = user.state["goal"]
        draw_grid(_axes(axes), task.shape, places)
    elif isinstance(task, Gaze):
        radius = task.width / 2.0 + task.threshold
        draw_search(_axes(axes), task.state["target"], task.state["fixation"], radius)


def game_html(game: Game, text: str) -> str:
    """Return a game for the cell of a notebook: a drawing in SVG, or its text where it has none.

    Args:
        game: The game.
        text: What `render` says of it.
    """
    try:
        from matplotlib.figure import Figure  # heavy: matplotlib
    except ImportError:
        return f"<pre>{escape(text)}</pre>"
    figure = Figure(figsize=_CELL, layout="tight")
    axes = figure.add_subplot()
    draw_game(game, {"ax_task": axes})
    if not axes.has_data():
        return f"<pre>{escape(text)}</pre>"
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    # Without the lines before it, which are those of a file.
    return drawing_html(drawn.getvalue().partition("<svg")[2].join(["<svg", ""]), text)


def _axes(axes: Mapping[str, Any]) -> Any:
    found = axes.get("ax_task")
    if found is None:
        raise HciError("Drawing needs axes: render('plot', ax_task=...), for instance plt.gca().")
    return found


def draw_grid(ax: Any, shape: tuple[int, ...], places: Mapping[str, Places]) -> None:
    """Draw a line or a grid of cells with what is on it.

    Args:
        ax: Where to draw.
        shape: Cells along each axis.
        places: The `targets`, the `goal` if it is known, and the `cursor`: positions with one or two numbers each.
    """
    ax.clear()
    for name, mark, size in (("targets", "s", 90), ("goal", "*", 160), ("cursor", "o", 60)):
        if name in places:
            rows = np.reshape(places[name], (-1, len(shape)))
            second = rows[:, 1] if len(shape) == 2 else np.zeros(len(rows))
            ax.scatter(rows[:, 0], second, marker=mark, s=size, label=name, zorder=2)
    width, height = (*shape, 1)[:2]
    ax.set_xlim(-0.5, width - 0.5)
    # As on a screen and in the text: the first row is on top.
    ax.set_ylim(height - 0.5, -0.5)
    ax.set_xlabel("cell" if len(shape) == 1 else "x [cell]")
    ax.set_ylabel("" if len(shape) == 1 else "y [cell]")
    if len(shape) == 1:
        ax.set_yticks([])
    ax.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.2), frameon=False)


def draw_search(ax: Any, target: Places, fixation: Places, radius: float) -> None:
    """Draw a screen with a target, the ring in which it counts as found, and a fixation: one or two numbers each."""
    ax.clear()
    where, look = ((*np.ravel(place), 0.0)[:2] for place in (target, fixation))
    turn = np.linspace(0.0, 2.0 * np.pi, 64)
    ax.plot(where[0] + radius * np.cos(turn), where[1] + radius * np.sin(turn), label="found here")
    ax.scatter([where[0]], [where[1]], marker="s", label="target")
    ax.scatter([look[0]], [look[1]], marker="o", label="fixation")
    ax.set_xlim(-1.0, 1.0)
    ax.set_ylim(-1.0, 1.0)
    ax.set_aspect("equal")
    ax.legend(loc="upper right", frameon=False)
