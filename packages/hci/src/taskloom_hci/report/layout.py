"""The places at which everything in a game is drawn: one list of shapes, for pictures, pages and whatever else shows a game.

A layout is a screen of 1000 by 600 with shapes (`rect`, `circle`, `line`, `text`, `cross`, `star`, `triangle`), each with the
place of its middle and its size, and the keys of the actions. It holds what one role knows, and nothing else.
"""

# ruff: noqa: ANN401 -- the states of games are of any type

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from taskloom_hci.games.gaze import Gaze
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.games.teaching import NOTHING, Teaching
from taskloom_hci.state.spaces import bounds
from taskloom_hci.task import Game, Role

Kind: TypeAlias = Literal["rect", "circle", "line", "text", "cross", "star", "triangle"]

WIDTH, HEIGHT = 1000, 600
MIDDLE_X, MIDDLE_Y = WIDTH / 2, HEIGHT / 2
BAR = 120  # height of a belief of 1
SCREEN = 540  # of the gaze task, whose screen is 2 wide
SHARP = 40  # radius around the fixation in which the eyes see what is there


class Drawn(NamedTuple):
    """One shape, by the place of its middle and its size.

    Attributes:
        kind: Its form.
        id: Its name, the same from one moment to the next.
        x: Middle, from the left; likewise `y`, from the top.
        y: See `x`.
        w: Width.
        h: Height; of a text, the size of its letters.
        role: The meaning of it: `cell`, `target`, `goal`, `cursor`, `belief`, `number`, `answer`.
        label: Words on it.
    """

    kind: Kind
    id: str
    x: float
    y: float
    w: float
    h: float
    role: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture of a game: its size, its shapes from back to front, and the key of every action."""

    shapes: Sequence[Drawn]
    keys: Mapping[str, int] = field(default_factory=dict)
    size: tuple[int, int] = (WIDTH, HEIGHT)


def layout(game: Game, role: Role) -> Layout:
    """Return where everything is that a role of a game knows.

        layout(bundle, "user").shapes

    Args:
        game: The game.
        role: The one who looks: the assistant sees no goal, and the eyes see a target only where they look.
    """
    draw = _DRAWN.get(type(game.task), _card)
    return draw(game, role)


def moving(game: Game, role: Role) -> Sequence[Drawn]:
    """Return the shapes of `layout` that may be others at the next turn, in its order; cells never are."""
    task = game.task
    if type(task) is Pointing:
        return _moving(task, game, role)
    return [shape for shape in layout(game, role).shapes if shape.role != "cell"]


def _pointing(game: Game, role: Role) -> Layout:
    task = game.task
    assert isinstance(task, Pointing)  # by the table below
    grid = _grid(task.shape)
    small = min(grid.size, grid.tall) * 0.7
    shapes = list(grid.cells)
    shapes += [
        Drawn("circle", f"target-{i}", *grid.place(target), small, small, "target")
        for i, target in enumerate(task.state.snapshot()["targets"].tolist())
    ]
    if role == "user" and game.user is not None and "goal" in game.user.state:
        goal = grid.place(np.asarray(game.user.state["goal"]).tolist())
        shapes.append(Drawn("star", "goal", *goal, small, small, "goal"))
        shapes.append(
            Drawn("text", "goal-word", goal[0], goal[1] - grid.tall, 60, 16, "goal", "goal")
        )
    shapes += _moving(task, game, role)
    keys = (
        {"ArrowLeft": 0, "Space": 1, "ArrowDown": 1, "ArrowRight": 2}
        if task.dimension == 1
        else {"Space": 0, "ArrowUp": 1, "ArrowLeft": 2, "ArrowDown": 3, "ArrowRight": 4}
    )
    return Layout(shapes, keys)


def _moving(task: Pointing, game: Game, role: Role) -> list[Drawn]:
    """Return what moves in a pointing game: the cursor, and what the assistant believes; targets and goal are its constants."""
    grid = _grid(task.shape)
    small = min(grid.size, grid.tall) * 0.7
    shapes = beliefs(game) if role == "assistant" else []
    x, y = grid.place(np.asarray(task.state["position"]).tolist())
    low = y + grid.tall / 2 + 14 if task.dimension == 1 else y
    shapes.append(Drawn("triangle", "cursor", x, low, small, small, "cursor"))
    return shapes


def beliefs(game: Game) -> list[Drawn]:
    """Return a bar above each target of a pointing game, as high as the assistant's belief; none if it believes nothing."""
    task = game.task
    if (
        not isinstance(task, Pointing)
        or game.assistant is None
        or "log_beliefs" not in game.assistant.state
    ):
        return []
    grid = _grid(task.shape)
    # Snapshots: an array that is taken out of a state is a copy that may be written to.
    places = [grid.place(target) for target in task.state.snapshot()["targets"].tolist()]
    shares = np.exp(game.assistant.state.snapshot()["log_beliefs"])
    return [
        Drawn(
            "rect",
            f"belief-{i}",
            x,
            y - grid.tall / 2 - BAR * p / 2 - 2,
            grid.size * 0.5,
            BAR * p,
            "belief",
            f"{p:.2f}",
        )
        for i, ((x, y), p) in enumerate(zip(places, shares.tolist(), strict=False))
    ]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The cells of a pointing task: they stay where they are while a game is played.

    Attributes:
        columns: How many columns; likewise `rows`.
        rows: See `columns`.
        size: Width of a cell; `tall` is its height.
        tall: See `size`.
        cells: The cells, in the order of their numbers.
    """

    columns: int
    rows: int
    size: float
    tall: float
    cells: tuple[Drawn, ...] = ()

    def place(self, position: Any) -> tuple[float, float]:
        """Return the middle of a cell, by its number in a row, or its column and row."""
        x, y = position if isinstance(position, (list, tuple)) else (position, 0)
        return (
            MIDDLE_X + (x - (self.columns - 1) / 2) * self.size,
            MIDDLE_Y + (y - (self.rows - 1) / 2) * self.tall,
        )


@lru_cache(maxsize=64)
def _grid(shape: tuple[int, ...]) -> _Grid:
    columns, rows = (*shape, 1)[:2]
    flat = len(shape) == 1
    size = min(28.0, 960 / columns) if flat else min(44.0, 540 / rows, 960 / columns)
    grid = _Grid(columns, rows, size, 56.0 if flat else size)
    places = range(columns) if flat else itertools.product(range(columns), range(rows))
    cells = tuple(
        Drawn("rect", f"cell-{i}", *grid.place(cell), grid.size, grid.tall, "cell")
        for i, cell in enumerate(places)
    )
    return replace(grid, cells=cells)


def _gaze(game: Game, role: Role) -> Layout:
    del role  # there is the user alone
    task = game.task
    scale = SCREEN / 2

    def place(where: Any) -> tuple[float, float]:
        x, y = (*np.ravel(where).tolist(), 0.0)[:2]
        return MIDDLE_X + x * scale, MIDDLE_Y + y * scale

    eye, target = place(task.state["fixation"]), place(task.state["target"])
    shapes = [Drawn("rect", "field", MIDDLE_X, MIDDLE_Y, SCREEN, SCREEN, "field")]
    shapes.append(Drawn("circle", "sharp", *eye, 2 * SHARP, 2 * SHARP, "sharp"))
    if np.hypot(eye[0] - target[0], eye[1] - target[1]) < SHARP:
        width = max(getattr(task, "width", 0.0) * scale, 6.0)
        shapes.append(Drawn("circle", "target", *target, width, width, "target"))
    shapes.append(Drawn("cross", "fixation", *eye, 16, 16, "cursor"))
    return Layout(shapes)


def _teaching(game: Game, role: Role) -> Layout:
    del role  # both see the item
    task = game.task
    item = int(task.state["item"])
    words = "nothing yet" if item == NOTHING else f"item {item}"
    shapes = [
        Drawn("text", "item", MIDDLE_X, MIDDLE_Y - 40, 400, 48, "number", words),
        Drawn("text", "trial", 900, 40, 160, 20, "note", f"trial {int(task.state['trial'])}"),
    ]
    return Layout(shapes, {"1": 1, "2": 0})


def _number(game: Game, role: Role) -> Layout:
    x = int(game.task.state["x"])
    shapes = [Drawn("text", "number", MIDDLE_X, MIDDLE_Y - 60, 300, 64, "number", str(x))]
    agent = game.user if role == "user" else game.assistant
    if agent is None:
        return Layout(shapes)
    low, high = _range_of(agent.policy.element)
    words = [str(action) for action in range(low, min(high, low + 19) + 1)]
    step = min(88.0, 960 / len(words))
    shapes += [
        Drawn(
            "rect",
            f"button-{word}",
            MIDDLE_X + (i - (len(words) - 1) / 2) * step,
            MIDDLE_Y + 80,
            step * 0.9,
            56,
            "button",
            word,
        )
        for i, word in enumerate(words)
    ]
    return Layout(shapes, {word: i for i, word in enumerate(words)})


def _range_of(element: Any) -> tuple[int, int]:
    low, high = bounds(element.space)
    return int(np.min(low)), int(np.max(high))


def _card(game: Game, role: Role) -> Layout:
    """Return the state of a game in words: for games that have no picture."""
    del role  # the state of the task is seen by both
    lines = [type(game.task).__name__, f"round {game.round_index}"]
    for key, value in game.task.state.items():
        lines.append(f"{key} = {np.array2string(np.asarray(value), precision=3)}")
    return Layout(
        [
            Drawn(
                "text", f"line-{i}", MIDDLE_X, 60 + 30 * i, 900, 20, "note", line.replace("\n", " ")
            )
            for i, line in enumerate(lines[:18])
        ]
    )


_DRAWN: Mapping[type, Callable[[Game, Role], Layout]] = {
    Pointing: _pointing,
    Gaze: _gaze,
    Teaching: _teaching,
    Example: _number,
    Coordinated: _number,
}
