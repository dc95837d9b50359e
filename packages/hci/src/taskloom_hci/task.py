"""The task of a game: a state that two agents change, one after the other; and the game as its parts see it."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from taskloom_hci.errors import HciError
from taskloom_hci.state.elements import Element, Value, discrete_array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream

if TYPE_CHECKING:
    from taskloom_hci.batch.kernel import Kernel

Outcome: TypeAlias = "tuple[State, float, bool] | None"
Role: TypeAlias = Literal["user", "assistant"]


class Chooser(Protocol):
    """A policy, as the others in the game see it.

    Attributes:
        element: What an action may be.
    """

    element: Element


class Participant(Protocol):
    """A user or an assistant, as the others in the game see it."""

    @property
    def role(self) -> Role:
        """User or assistant."""
        ...

    @property
    def state(self) -> State:
        """Its own state."""
        ...

    @property
    def policy(self) -> Chooser:
        """The policy that chooses its actions."""
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """Named constants that it brings along."""
        ...

    @property
    def game(self) -> Game:
        """The game it is part of."""
        ...


class Game(Protocol):
    """A game, as the task, the agents and their engines see it; `Bundle` is the one there is.

    With it none of them imports the bundle, which imports them all.
    """

    @property
    def task(self) -> InteractionTask:
        """The task."""
        ...

    @property
    def user(self) -> Participant | None:
        """The user, if there is one."""
        ...

    @property
    def assistant(self) -> Participant | None:
        """The assistant, if there is one."""
        ...

    @property
    def seed(self) -> int:
        """Root of all random numbers."""
        ...

    @property
    def turn(self) -> int:
        """The turn that comes next."""
        ...

    @property
    def episode(self) -> int:
        """Number of the episode of the seed that is played."""
        ...

    @property
    def round_index(self) -> int:
        """Rounds played in this episode."""
        ...

    def last_action(self, role: Role, /) -> Value:
        """Return the last action of an agent."""

    def snapshot(self) -> StateTree:
        """Return the six parts of the game as nested dicts that no later step changes."""
        ...

    def parts(self, names: Iterable[str], /) -> StateTree:
        """Return some of the parts of `snapshot`."""
        ...


class InteractionTask(ABC):
    """Work that a user and an assistant share.

    With the state `s`, the user's action `u` and the assistant's action `a`, a round is

        s' , r1, d1 = on_user_action(s, u)
        s'', r2, d2 = on_assistant_action(s', a)

    and the game ends as soon as `d1` or `d2` is true, or after `max_rounds` rounds (which is a truncation, not an end). A
    subclass calls `super().__init__()`, declares `self.state[...]` and draws every random number from `self.stream`.

    Attributes:
        state: The task's part of the game.
        stream: Random numbers of this task in this episode.
        bundle: The game it is part of, once there is one.
        parameters: Named constants that the user and the assistant see as well.
        timestep: Duration of a round [s].
        max_rounds: Rounds after which the game is cut off; None means never.
        constants: Entries that do not change within an episode, by flat name (`task_state__targets`); a data set holds them
            once an episode.
    """

    timestep: float = 0.1
    max_rounds: int | None = None
    constants: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.state = State()
        self.stream = Stream(0)
        self.bundle: Game | None = None
        self.parameters: dict[str, Any] = {}

    @abstractmethod
    def on_user_action(self, *, user_action: Value) -> Outcome:
        """Apply the user's action and return `(state, reward, is_done)`; None stands for `(state, 0, False)`."""

    @abstractmethod
    def on_assistant_action(self, *, assistant_action: Value) -> Outcome:
        """Apply the assistant's action and return `(state, reward, is_done)`; None stands for `(state, 0, False)`."""

    def finit(self) -> None:
        """Finish the set-up once the game is put together: `self.bundle.user` and `.assistant` exist now."""
        return

    def on_bundle_constraints(self) -> Iterable[str] | None:
        """Return a sentence for every reason why this task cannot be played by these agents; raising works as well."""
        return None

    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        """Start a new episode. Without a `reset` of its own, a task draws every element of its state at random.

        Args:
            forced: The values that will replace what `reset` chooses.
        """
        del forced  # the game applies them afterwards; a task may want to see them
        self.state.reset(self.stream)

    def user_element(self) -> Element:
        """Return what a user's action may be; agents without a policy of their own draw from it."""
        return discrete_array_element(low=-1, high=1, init=0, out_of_bounds_mode="error")

    def assistant_element(self) -> Element:
        """Return what an assistant's action may be; see `user_element`."""
        return discrete_array_element(low=-1, high=1, init=0, out_of_bounds_mode="error")

    def kernel(self) -> Kernel | None:
        """Return what plays many episodes of this game at once, or None if these agents can only be played one by one.

        The hook of a game of your own: the kernels of the games that come with this package are known to `batch.kernels`.
        """
        return None

    def render(self, mode: str = "text", **axes: Any) -> str:
        """Return the task's state as text; in mode `plot` it may draw itself on `axes["ax_task"]`, a matplotlib axis."""
        del mode, axes
        return repr(self.state)

    def close(self) -> None:
        """Let go of what the task holds outside this process."""
        return

    @property
    def game(self) -> Game:
        """The game this task is part of."""
        if self.bundle is None:
            raise HciError(f"The task {type(self).__name__} is not part of a bundle yet.")
        return self.bundle

    @property
    def user_action(self) -> Any:
        """The user's last action."""
        return self.game.last_action("user")

    @property
    def assistant_action(self) -> Any:
        """The assistant's last action."""
        return self.game.last_action("assistant")

    @property
    def round_number(self) -> int:
        """Rounds played in this episode."""
        return self.game.round_index
