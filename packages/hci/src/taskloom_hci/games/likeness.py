"""Tasks that are pointing to a user or an assistant although they are of another class: with the same state and actions."""

from __future__ import annotations

from typing import Any

import numpy as np

from taskloom_hci.games.pointing import Pointing
from taskloom_hci.models.pointing import MOVES_2D
from taskloom_hci.state.elements import Element, discrete_array_element
from taskloom_hci.state.spaces import bounds, is_discrete
from taskloom_hci.task import InteractionTask


def pointing_in(task: InteractionTask) -> Pointing | list[str]:
    """Return the pointing task that agents see in a task, or what it lacks for that.

    A task of its own class is taken for pointing if its state has `position`, integers from 0 on a line or a grid, and
    `targets`, several such places; and if its users move by -1, 0, 1 on a line or by the five moves of a grid. Where its
    assistants' actions are places, they put the cursor; else they are a gain.

    Args:
        task: Any task.
    """
    if isinstance(task, Pointing):
        return task
    shape = _shape(task.state.elements.get("position"))
    if not shape:
        return ["task_state.position, one place of a line or a grid: integers from 0"]
    lacking = []
    targets = _bounds(task.state.elements.get("targets"))
    wanted = () if len(shape) == 1 else (2,)
    fits = targets is not None and targets[0].ndim == len(wanted) + 1
    if not fits or targets is None or targets[0].shape[1:] != wanted or np.any(targets[0] < 0):
        lacking.append(f"task_state.targets, several places like task_state.position, of {shape}")
    on_line = discrete_array_element(low=-1, high=1)
    moves = on_line if len(shape) == 1 else discrete_array_element(len(MOVES_2D))
    if task.user_element().space != moves.space:
        lacking.append(f"user actions in {moves.space}, not {task.user_element().space}")
    if lacking or targets is None:
        return lacking
    cells = _shape(task.assistant_element()) == shape
    count = len(targets[0])
    if not 1 <= count < int(np.prod(shape)):
        return [f"fewer targets ({count}) than places ({int(np.prod(shape))})"]
    return Pointing(shape, count, "position" if cells else "gain")


def _bounds(element: Element | None) -> tuple[Any, Any] | None:
    if element is None or not is_discrete(element.space):
        return None
    low, high = bounds(element.space)
    return np.asarray(low), np.asarray(high)


def _shape(element: Element | None) -> tuple[int, ...]:
    """Return the sizes of the line or the grid whose places an element holds, or nothing."""
    found = _bounds(element)
    if found is None or found[0].shape not in {(), (2,)} or np.any(found[0] != 0):
        return ()
    return tuple(int(size) + 1 for size in np.ravel(found[1]))
