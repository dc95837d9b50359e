"""The elements of a game as a learner sees them: observations as boxes, actions as boxes or numbers."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from gymnasium.spaces import Box, Dict as DictSpace, Discrete, MultiDiscrete, Space
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_math import exact_exps
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.inference.engine import NoInference
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.spaces import bounds, is_discrete
from taskloom_hci.state.state import StateTree, flatten

ActionSpace: TypeAlias = "Discrete[Any] | MultiDiscrete | Box"

LARGEST_CHOICE = 1_000_000
LOG_BELIEFS, BELIEFS = "__log_beliefs", "__beliefs"


class ActionCode:
    """Carries actions between a learner's space and an element.

    Integers become `Discrete` (one of them) or `MultiDiscrete` (several), counted from the lowest; real numbers stay a
    `Box` with at least one axis.

    Args:
        element: What an action may be in the game.
    """

    def __init__(self, element: Element) -> None:
        self.element = element
        low, high = (np.asarray(bound) for bound in bounds(element.space))
        self.shape = low.shape
        self.low = low
        self.sizes: tuple[int, ...] = ()  # of every choice; empty for real numbers
        self._count, self._lowest = 0, 0  # set for a single number, which needs no arrays
        self.space: Any
        if not is_discrete(element.space):
            flat = low.shape or (1,)
            self.space = Box(
                low.reshape(flat).astype(np.float32),
                high.reshape(flat).astype(np.float32),
                dtype=np.float32,
            )
            return
        sizes = [int(b) - int(a) + 1 for a, b in zip(low.ravel(), high.ravel(), strict=True)]
        if max(sizes) > LARGEST_CHOICE:
            raise HciError(
                f"An action with {max(sizes)} values is too large a choice for a learner (at most {LARGEST_CHOICE}): "
                "give its element bounds."
            )
        self.sizes = tuple(sizes)
        self.space = Discrete(sizes[0]) if len(sizes) == 1 else MultiDiscrete(sizes)
        if low.shape == ():
            self._count, self._lowest = sizes[0], int(low)

    def decode(self, action: Any) -> Any:
        """Return the action of the game."""
        if self._count:
            number = int(action)
            if not 0 <= number < self._count:
                raise HciError(f"The action {number} is not in {self.space}.")
            return number + self._lowest
        if isinstance(self.space, Box):
            return np.asarray(action, dtype=np.float64).reshape(self.shape)
        whole = np.asarray(action, dtype=np.int64)
        if not self.space.contains(whole if whole.shape else int(whole)):
            raise HciError(f"The action {np.asarray(action).tolist()} is not in {self.space}.")
        return (whole.reshape(self.shape) + self.low).astype(np.int64)

    def encode(self, action: Value) -> Any:
        """Return the learner's action for an action of the game."""
        if isinstance(self.space, Box):
            return np.asarray(action, dtype=np.float32).reshape(self.space.shape)
        offset = np.asarray(action, dtype=np.int64) - self.low
        return (
            int(offset.item())
            if isinstance(self.space, Discrete)
            else offset.reshape(self.space.shape)
        )


def box_of(element: Element) -> Box:
    """Return the box with at least one axis that an element's values lie in."""
    low, high = (np.asarray(bound) for bound in bounds(element.space))
    if element.mode in {"warning", "silent", "raw"} and not is_discrete(element.space):
        # Such an element keeps values outside its bounds; a learner is told so.
        low, high = (
            np.full_like(low, -np.inf, dtype=np.float64),
            np.full_like(high, np.inf, dtype=np.float64),
        )
    shape = low.shape or (1,)
    kind = np.int64 if is_discrete(element.space) else np.float64
    return Box(low.reshape(shape).astype(kind), high.reshape(shape).astype(kind), dtype=kind)


def observation_space(bundle: Bundle, agent: Agent) -> DictSpace:
    """Return the space of what an agent sees, with flat names such as `task_state__position`.

    The names come from one observation of a game that has just begun; the game's numbers (turn and round) are left out.
    Log-probabilities called `log_beliefs` become probabilities called `beliefs`: a network can do nothing with -inf.
    An entry has the bounds of its element only where the agent sees the game's own value. What an observation engine made
    of it (a noisy copy, a part, a rule's result) may lie anywhere, so its box is unbounded.
    """
    elements = _elements(bundle)
    snapshot = bundle.snapshot()
    true = flatten(snapshot)
    seen = flatten(agent.observe(snapshot, affect=False)[0])
    spaces: dict[str, Space[Any]] = {}
    for name, value in seen.items():
        if name.startswith("game_info"):
            continue
        if name.endswith(LOG_BELIEFS):
            spaces[name.replace(LOG_BELIEFS, BELIEFS)] = Box(0.0, 1.0, np.shape(value), np.float64)
            continue
        # The same object, not an equal one: noise that happens to be zero in the opening would look like the value itself.
        element = elements.get(name) if value is true.get(name) else None
        array = np.asarray(value)
        shape = array.shape or (1,)
        if element is not None and (element.space.shape or ()) == array.shape:
            spaces[name] = box_of(element)
        elif array.dtype.kind in "bi":
            spaces[name] = Box(np.iinfo(np.int64).min, np.iinfo(np.int64).max, shape, np.int64)
        else:
            spaces[name] = Box(-np.inf, np.inf, shape, np.float64)
    return DictSpace(spaces)


def known_to(agent: Agent) -> StateTree:
    """Return what an agent's policy would know now: what it saw last, and its own state after it thought about that."""
    seen = agent.observation if agent.observation is not None else agent.observe(affect=False)[0]
    if type(agent.inference_engine) is NoInference:
        return seen  # its state is as it was when it looked, and copying that takes time
    own = f"{agent.role}_state"
    return {**seen, own: agent.state.snapshot()} if own in seen else seen


def _elements(bundle: Bundle) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for part, owner in (
        ("task_state", bundle.task),
        ("user_state", bundle.user),
        ("assistant_state", bundle.assistant),
    ):
        if owner is not None:
            found.update(
                {f"{part}__{key}": element for key, element in owner.state.elements.items()}
            )
    for agent in (bundle.user, bundle.assistant):
        if agent is not None:
            found[f"{agent.role}_action__action"] = agent.policy.element
    return found


class Lens:
    """Turns what an agent saw into the arrays of a space made by `observation_space`.

    Args:
        space: The space.
    """

    def __init__(self, space: DictSpace) -> None:
        self.space = space
        self._entries = [_entry(name, box) for name, box in space.spaces.items()]

    def __call__(self, seen: StateTree) -> dict[str, NDArray[Any]]:
        """Return the arrays by flat name."""
        return {
            name: self._array(seen, part, key, kind, shape)
            for name, part, key, kind, shape in self._entries
        }

    def _array(self, seen: StateTree, part: str, key: str, kind: Any, shape: Any) -> NDArray[Any]:
        entries = seen[part]
        if key not in entries:
            entries = flatten(entries)  # a sub-state has longer names
        value = entries[key] if key in entries else exact_exps(entries[f"log_{key}"])
        array = np.array(value, dtype=kind, ndmin=1)
        return array if array.shape == shape else array.reshape(shape)


def _entry(name: str, box: Space[Any]) -> tuple[str, str, str, Any, Any]:
    part, key = name.split("__", 1)
    return name, part, key, box.dtype, box.shape
