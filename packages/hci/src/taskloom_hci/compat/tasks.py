"""Tasks and the game with the signatures of the seed system (CoopIHC)."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from typing_extensions import override

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import StepResult
from taskloom_hci.compat.people import LateAgent
from taskloom_hci.errors import HciError
from taskloom_hci.games.control import ClassicControl, Matrix
from taskloom_hci.games.pointing import Pointing, PointingMode
from taskloom_hci.state.elements import (
    Element,
    Value,
    array_element,
    cat_element,
    discrete_array_element,
)
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream, stream_key
from taskloom_hci.task import InteractionTask


class SeedBundle(Bundle):
    """A game with the keywords of the seed system.

    Args:
        task: The task.
        user: The user; one that needs its task is made here.
        assistant: The assistant, likewise.
        seed: Root of all random numbers.
        reset_random: Whether a reset draws every entry of all states that it is not given.
        reset_start_after: The turn that a reset takes for played.
        reset_go_to: The turn that a reset stops at.
    """

    def __init__(
        self,
        task: InteractionTask,
        user: Agent | LateAgent | None = None,
        assistant: Agent | LateAgent | None = None,
        *,
        seed: int | None = None,
        reset_random: bool = False,
        reset_start_after: int | str = -1,
        reset_go_to: int | str = 0,
    ) -> None:
        self._random, self._start_after = reset_random, reset_start_after
        agents = [
            agent.made_for(task) if isinstance(agent, LateAgent) else agent
            for agent in (user, assistant)
        ]
        super().__init__(task, *agents, seed=seed or 0, reset_turn=reset_go_to)

    def reset(
        self,
        go_to: int | str | None = None,
        start_after: int | str | None = None,
        *,
        dic: Mapping[str, Any] | None = None,
        random_reset: bool = False,
        forced: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> StateTree:
        """Start an episode; `dic` is what `forced` is elsewhere, and `random_reset` draws what is not in it."""
        first = self._start_after if start_after is None else start_after
        given = {**(forced or {}), **(dic or {})}
        drawn = self._drawn(given) if random_reset or self._random else given
        return super().reset(go_to, first, forced=drawn, **options)

    def _drawn(self, dic: Mapping[str, Any]) -> dict[str, Any]:
        """Return values of all entries of the three states: those of `dic`, and draws."""
        stream = Stream(stream_key(self.seed, "random reset", self.episode + 1))
        drawn = {
            name: {key: element.draw(stream) for key, element in owner.state.elements.items()}
            for name, owner in self._owners.items()
        }
        parts = {name: {**values, **dic.get(name, {})} for name, values in drawn.items()}
        return {**dic, **parts}

    @property
    def game_state(self) -> StateTree:
        """The six parts of the game."""
        return self.snapshot()

    @property
    def round_number(self) -> int:
        """The rounds played."""
        return self.round_index

    @property
    def turn_number(self) -> int:
        """The turn that comes next, 0 to 3."""
        return int(self.turn)

    def quarter_step(self, user_action: Value = None, assistant_action: Value = None) -> StepResult:
        """Play one turn."""
        return self.step(user_action, assistant_action, go_to=(int(self.turn) + 1) % 4)

    def sample(self, n_turns: int) -> float:
        """Play that many episodes (the seed's name for them is turns) and return their mean return."""
        total = 0.0
        for _ in range(n_turns):
            self.reset()
            while not self.over:
                total += self.step().reward
        return total / n_turns


class SimplePointingTask(Pointing):
    """Pointing on a line with the seed's keywords.

    Args:
        gridsize: Cells.
        number_of_targets: Targets.
        mode: `gain` or `position`.
    """

    def __init__(
        self, gridsize: int = 31, number_of_targets: int = 10, mode: PointingMode = "gain"
    ) -> None:
        super().__init__((gridsize,), number_of_targets, mode)
        self.gridsize, self.number_of_targets = gridsize, number_of_targets


class ClassicControlTask(ClassicControl):
    """Classic control with the seed's keywords.

    The two time spaces of the seed give the same steps here: `x + (A x + B u) dt` is `A_d x + B_d u`.

    Args:
        timestep: Duration of a step [s].
        A: Dynamics (n, n); likewise `B` (n, m).
        B: See `A`.
        F: Noise that grows with the state (n, n), process noise `G` (n, r), noise that grows with the control `H` (n, m).
        G: See `F`.
        H: See `F`.
        discrete_dynamics: Whether `A` and `B` are those of one step.
        noise: `on` or `off`.
        timespace: `discrete` or `continuous`.
        end: The game ends when no entry of the state is larger; `standard` is 0.01.
    """

    def __init__(
        self,
        timestep: float,
        A: Matrix,
        B: Matrix,
        *,
        F: Matrix | None = None,
        G: Matrix | None = None,
        H: Matrix | None = None,
        discrete_dynamics: bool = True,
        noise: Literal["on", "off"] = "on",
        timespace: Literal["discrete", "continuous"] = "discrete",
        end: Any = "standard",
    ) -> None:
        for name, value, allowed in (
            ("noise", noise, ("on", "off")),
            ("timespace", timespace, ("discrete", "continuous")),
        ):
            if value not in allowed:
                raise HciError(f"'{name}' is '{allowed[0]}' or '{allowed[1]}', not {value!r}.")
        super().__init__(
            A,
            B,
            F=F,
            G=G,
            H=H,
            timestep=timestep,
            discrete=discrete_dynamics,
            noise=noise == "on",
            end=0.01 if isinstance(end, str) else np.ravel(end),
        )


class Pipe(Protocol):
    """Methods of a `multiprocessing` connection that are used: those for bytes, so that nothing is unpickled."""

    def send_bytes(self, buf: bytes, /) -> None:
        """Send one message."""

    def recv_bytes(self) -> bytes:
        """Receive one message."""
        ...

    def poll(self, timeout: float, /) -> bool:
        """Return whether a message arrives in time."""
        ...


class PipeTaskWrapper(InteractionTask):
    """Task whose rounds go to the other end of a pipe, and whose state is read from there.

    A subclass says how a message becomes the state. Messages are those of `games.pipe`, one JSON object each, in bytes.

    Args:
        task: The task; its state is this one's, its methods are not called.
        pipe: This end of the pipe: `multiprocessing.Pipe()[0]`.
        init_message: Sent along at the start.
        timeout: How long an answer may take [s].
    """

    def __init__(
        self,
        task: InteractionTask,
        pipe: Pipe,
        init_message: Mapping[str, Any] | None = None,
        *,
        timeout: float = 10.0,
    ) -> None:
        super().__init__()
        self.task, self.pipe, self.timeout = task, pipe, timeout
        self.state, self.parameters = task.state, task.parameters
        self.timestep, self.max_rounds = task.timestep, task.max_rounds
        self.init_message = dict(init_message or {})

    @abstractmethod
    def update_task_state(self, state: dict[str, Any]) -> None:
        """Write a message `{"type": "task_state", ...}` into `self.state`."""

    @abstractmethod
    def update_user_state(self, state: dict[str, Any]) -> None:
        """Write a message `{"type": "user_state", ...}` into `self.bundle.user.state`."""

    @override
    def user_element(self) -> Element:
        return self.task.user_element()

    @override
    def assistant_element(self) -> Element:
        return self.task.assistant_element()

    @override
    def finit(self) -> None:
        self._send({"type": "init", "init_message": self.init_message})
        self._read_states()

    @override
    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        plain = {name: np.asarray(value).tolist() for name, value in (forced or {}).items()}
        self._send({"type": "reset", "reset_dic": plain or None})
        self._read_states()

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        return self._act("user_action", user_action)

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        return self._act("assistant_action", assistant_action)

    def _act(self, kind: str, action: Value) -> tuple[State, float, bool]:
        self._send({"type": kind, "value": {"values": np.asarray(action).tolist()}})
        answer = self._receive()
        missing = [name for name in ("state", "reward", "is_done") if name not in answer]
        if missing:
            raise HciError(f"The answer to an action lacks {', '.join(missing)}: {answer!r:.80}.")
        self.update_task_state(answer["state"])
        return self.state, float(answer["reward"]), bool(answer["is_done"])

    def _read_states(self) -> None:
        while (message := self._receive()).get("type") == "user_state":
            self.update_user_state(message)
        if message.get("type") != "task_state":
            raise HciError(f"A task_state was expected, not {message!r:.80}.")
        self.update_task_state(message)

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self.pipe.send_bytes(json.dumps(message).encode())
        except OSError:
            raise HciError("The other end of the pipe is closed.") from None

    def _receive(self) -> dict[str, Any]:
        try:
            if not self.pipe.poll(self.timeout):
                raise HciError(f"The other end of the pipe did not answer within {self.timeout} s.")
            message = json.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            raise HciError("The other end of the pipe is closed.") from None
        except ValueError as error:
            if isinstance(error, HciError):
                raise
            raise HciError("The other end of the pipe sent no JSON.") from None
        if not isinstance(message, dict):
            raise HciError(f"A JSON object was expected from the pipe, not {message!r:.80}.")
        return message

    @override
    def close(self) -> None:
        self._send({"type": "done"})


def example_game_state() -> State:
    """Return a game state with something in each part, to try engines on."""
    return State(
        game_info=State(
            turn_index=discrete_array_element(4, init=0),
            round_index=discrete_array_element(low=0, init=0),
        ),
        task_state=State(
            position=discrete_array_element(4, init=2, out_of_bounds_mode="clip"),
            targets=discrete_array_element(low=0, high=3, init=np.array([0, 1])),
        ),
        user_state=State(goal=discrete_array_element(4, init=0)),
        assistant_state=State(beliefs=array_element((8,), np.full(8, 1 / 8), low=0.0, high=1.0)),
        user_action=State(action=discrete_array_element(low=-1, high=1, init=1)),
        assistant_action=State(action=cat_element(4, init=2, out_of_bounds_mode="error")),
    )
