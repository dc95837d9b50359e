"""A game as a page shows it: what a person may choose, and the shapes that have changed since the game began."""

# ruff: noqa: ANN401 -- messages are JSON

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.games.gaze import Gaze
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.games.teaching import NOTHING, Teaching
from taskloom_hci.recordings.game import Moved, plain
from taskloom_hci.report.layout import BAR, MIDDLE_Y, SCREEN, Drawn, beliefs, layout, moving
from taskloom_hci.state.elements import Value
from taskloom_hci.state.spaces import bounds
from taskloom_hci.study.plan import Step
from taskloom_hci.study.words import word
from taskloom_hci.task import InteractionTask, Role

MOST_CHOICES = 40
BELOW = 72  # of the word for the goal, from the middle of a row of cells
WITH_PAGES = (Pointing, Gaze, Teaching, Example, Coordinated)
_Moves: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
_MOVES_1D: _Moves = (
    ("left", ("ArrowLeft",)),
    ("stay", (" ", "ArrowDown")),
    ("right", ("ArrowRight",)),
)
_MOVES_2D: _Moves = (
    ("stay", (" ",)),
    ("up", ("ArrowUp",)),
    ("left", ("ArrowLeft",)),
    ("down", ("ArrowDown",)),
    ("right", ("ArrowRight",)),
)
_SEEN = ("game_info", "task_state", "user_action", "assistant_action")


def has_page(task: InteractionTask) -> bool:
    """Return whether people can play a task in a browser."""
    return type(task) in WITH_PAGES


@dataclass(frozen=True, slots=True)
class _Look:
    """Look of a game at one turn.

    Attributes:
        moment: Round, turn, and whether the game is over.
        changes: Shapes that are others than at the beginning, and names of those that are gone.
        said: A sentence for those who do not see them.
        shares: The belief, if it is shown.
    """

    moment: tuple[int, int, bool]
    changes: dict[str, Any]
    said: str
    shares: list[float] | None


class Scene:
    """The picture of one seat of a game.

    Args:
        bundle: The game.
        role: The seat.
        language: Language of the words.
        belief: Whether the assistant's belief is shown.
        tells: Whether a simulated participant sits there, who is told what the role's agent sees.
    """

    def __init__(
        self,
        bundle: Bundle,
        role: Role,
        language: str,
        *,
        belief: bool = False,
        tells: bool = False,
    ) -> None:
        self.role: Role = role
        self.bundle, self.language = bundle, language
        self._belief, self._tells = belief, tells
        self._base: dict[str, list[Any]] = {}
        self._look: _Look | None = None
        self.legal = _legal(bundle, role, language)

    def admitted(self, value: Any) -> Value:
        """Return an action that a page sent as its element takes it.

        Raises:
            HciError: It is none of the choices.
        """
        legal = self.legal
        if "point" in legal:
            dimension = int(legal["point"]["dimension"])
            numbers = value if isinstance(value, list) else []
            is_point = len(numbers) == dimension and all(
                type(part) in (int, float) and -1.0 <= part <= 1.0 for part in numbers
            )
            if is_point:
                return np.array(numbers, dtype=np.float64)
        elif "cells" in legal and type(value) is int and 0 <= value < legal["cells"]:
            task = self.bundle.task
            return task.positions[value] if isinstance(task, Pointing) else value
        elif type(value) is int and any(one["value"] == value for one in legal.get("choices", ())):
            return value
        raise HciError("That is none of the choices.")

    def begin(self, step: Step) -> dict[str, Any]:
        """Return the message that begins a game, with every shape."""
        shapes = self._shapes(layout(self.bundle, self.role).shapes)
        # Of what stays where it is nothing that follows tells.
        self._base = {shape[1]: shape for shape in self._moving()}
        self._look = None
        # A simulated participant has the numbers of its agent from the seed; a person is told neither.
        told = {"condition": step.condition, "seed": step.seed} if self._tells else {}
        return {
            "type": "game",
            "episode": step.episode,
            "task": type(self.bundle.task).__name__.lower(),
            "layout": {"size": [1000, 600], "shapes": shapes},
            "legal": self.legal,
            "goal": self._goal(),
            "practice": step.is_practice,
            **told,
        }

    def view(self, moved: Moved | None = None) -> dict[str, Any]:
        """Return what has changed since the game began, and a sentence for those who do not see it."""
        bundle, look = self.bundle, self._looked()
        said = look.said
        if moved is not None and moved.assistant is not None and self.role == "user":
            said += " " + word(self.language, "moved", n=_place(moved.assistant))
        view: dict[str, Any] = {**look.changes, "say": said}
        if bundle.max_rounds is not None:
            view["left"] = bundle.max_rounds - bundle.round_index
        if isinstance(bundle.task, Teaching) and not bundle.over:
            view["wait"] = bundle.task.wait_before(int(bundle.task.state["trial"]) - 1)
        if self._tells:
            view["seen"] = self._seen()
        return view

    def _looked(self) -> _Look:
        """Return what is seen at this turn; an effect and the state after it show the same."""
        bundle = self.bundle
        moment = (bundle.round_index, int(bundle.turn), bundle.over)
        if self._look is None or self._look.moment != moment:
            self._look = _Look(moment, self._changes(), self._say(), self._shares())
        return self._look

    def _changes(self) -> dict[str, Any]:
        base = self._base
        shapes = {shape[1]: shape for shape in self._moving()}
        return {
            "shapes": [shape for name, shape in shapes.items() if base.get(name) != shape],
            "gone": [name for name in base if name not in shapes],
        }

    def belief(self) -> list[float] | None:
        """Return what the assistant believes, if it is shown."""
        return self._looked().shares

    def _shares(self) -> list[float] | None:
        assistant = self.bundle.assistant
        if not self._belief or assistant is None or "log_beliefs" not in assistant.state:
            return None
        shares: list[float] = np.exp(assistant.state.snapshot()["log_beliefs"]).tolist()
        return shares

    def _moving(self) -> list[list[Any]]:
        return self._shapes(moving(self.bundle, self.role))

    def _shapes(self, drawn: Iterable[Drawn]) -> list[list[Any]]:
        shapes = [self._row(shape) for shape in drawn]
        if self._belief and self.role == "user":
            shapes += map(self._row, beliefs(self.bundle))
        if isinstance(task := self.bundle.task, Pointing):
            shapes = list(_arranged(shapes, is_flat=task.dimension == 1, is_full=self._belief))
        return [
            shape for shape in shapes if shape[6] != "button" and (shape[7] or shape[0] != "text")
        ]

    def _row(self, shape: Drawn) -> list[Any]:
        kind, name, x, y, w, h, role, label = shape
        if kind == "text":
            label = self._label(shape)
        return [kind, name, round(x, 1), round(y, 1), round(w, 1), round(h, 1), role, label]

    def _label(self, shape: Drawn) -> str:
        if shape.id == "goal-word":
            return word(self.language, "goal")
        if shape.id == "item":
            item = int(self.bundle.task.state["item"])
            key = "nothing" if item == NOTHING else "item"
            return word(self.language, key, n=item + 1)
        return "" if shape.id == "trial" else shape.label

    def _goal(self) -> str:
        task = type(self.bundle.task).__name__.lower()
        helps = self.role == "assistant" and task in ("pointing", "teaching")
        return word(self.language, "goal_helper" if helps else f"goal_{task}")

    def _say(self) -> str:
        task, language = self.bundle.task, self.language
        if isinstance(task, Pointing):
            here = _place(task.state["position"])
            user = self.bundle.user
            if self.role == "user" and user is not None:
                said = word(language, "at_cell", n=here, g=_place(user.state["goal"]))
            else:
                said = word(language, "cursor", n=here)
        elif isinstance(task, Gaze):
            said = word(language, "looking", n=_place(np.round(task.state["fixation"], 2)))
            shapes = layout(self.bundle, self.role).shapes
            if any(shape.id == "target" for shape in shapes):
                said += " " + word(language, "seen")
        elif isinstance(task, Teaching):
            item = int(task.state["item"])
            said = word(language, "nothing" if item == NOTHING else "item", n=item + 1)
        else:
            said = word(language, "number", n=int(task.state["x"]))
        return said

    def _seen(self) -> dict[str, Any]:
        """Return the parts of the game that a simulated participant's agent looks at."""
        parts = self.bundle.parts((*_SEEN, f"{self.role}_state"))
        return {
            name: {key: plain(value) for key, value in part.items()} for name, part in parts.items()
        }


def _arranged(shapes: list[list[Any]], *, is_flat: bool, is_full: bool) -> Iterator[list[Any]]:
    """Yield the shapes with the word of the goal and the beliefs where neither hides the other or a target."""
    for shape in shapes:
        kind, name, x, y, w, h, role, label = shape
        if name == "goal-word" and is_flat:
            yield [kind, name, x, MIDDLE_Y + BELOW, w, h, role, label]
        elif role == "belief" and not is_flat:
            # A bar at the left side of the target's cell, as high as the cell at most, with its number at the top.
            high = round(h / BAR * w * 2, 1)
            foot = y + h / 2 + 2 + 2 * w
            yield [
                kind,
                name,
                round(x - 0.85 * w, 1),
                round(foot - high / 2 - 1, 1),
                6,
                high,
                role,
                "",
            ]
            yield ["text", f"{name}-share", x, round(foot - 1.75 * w, 1), w, 11, role, label]
        elif is_full and not is_flat and role in ("target", "goal", "cursor") and kind != "text":
            # Room for the number above.
            yield [
                kind,
                name,
                x,
                round(y + h * 0.18, 1),
                round(w * 0.7, 1),
                round(h * 0.7, 1),
                role,
                label,
            ]
        else:
            yield shape


def _place(value: Any) -> str:
    """Return a position as a person reads it: numbers from 1, or points."""
    array = np.asarray(value)
    if array.dtype.kind == "f":
        return ", ".join(f"{part:g}" for part in np.ravel(array))
    return ", ".join(str(int(part) + 1) for part in np.ravel(array))


def _legal(bundle: Bundle, role: Role, language: str) -> dict[str, Any]:
    """Return what a seat may do: `choices` with their words and keys, `cells`, or a `point`."""
    agent = bundle.user if role == "user" else bundle.assistant
    if agent is None:
        raise HciError(f"{bundle.name} has no seat for the role '{role}'.")
    task, element = bundle.task, agent.policy.element
    low, high = bounds(element.space)
    if isinstance(task, Gaze):
        return {"point": {"low": -1, "high": 1, "dimension": task.dimension, "size": SCREEN}}
    if isinstance(task, Pointing) and role == "assistant" and task.mode == "position":
        return {"cells": task.num_cells}
    told: list[tuple[str, str, tuple[str, ...]]]
    first, last = int(np.min(low)), int(np.max(high))
    values = range(first, min(last, first + MOST_CHOICES - 1) + 1)
    if isinstance(task, Pointing) and role == "user":
        moves = _MOVES_1D if task.dimension == 1 else _MOVES_2D
        told = [(word(language, name), name, keys) for name, keys in moves]
    elif isinstance(task, Teaching) and role == "user":
        values = range(1, -1, -1)
        told = [(word(language, "know"), "", ("1",)), (word(language, "unknown"), "", ("2",))]
    else:
        digits = [(str(v) if first >= 0 else str(v - first + 1),) for v in values]
        told = [
            (str(v), "", key if len(key[0]) == 1 else ())
            for v, key in zip(values, digits, strict=True)
        ]
    return {
        "choices": [
            {"value": value, "label": label, "place": place, "keys": list(keys)}
            for value, (label, place, keys) in zip(values, told, strict=True)
        ]
    }
