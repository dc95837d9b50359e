"""A task whose dynamics live in another process, which speaks JSON, one object a line.

    to the process                                      from it
    {"type": "init", "init_message": ...}               any {"type": "user_state", ...}, then {"type": "task_state", ...}
    {"type": "reset", "reset_dic": null or {...}}       {"type": "task_state", ...}
    {"type": "user_action", "value": {"values": ...}}   {"state": {"type": "task_state", ...}, "reward": r, "is_done": b}
    {"type": "assistant_action", "value": ...}          the same
    {"type": "done"}                                    nothing; the process may end

This is the protocol of CoopIHC's pipes; `reset_dic` holds a `seed` here, so that the other side can be random and repeatable.
"""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from taskloom.system.processes import readline_within
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask

EXAMPLE = (sys.executable, "-m", "taskloom_hci.games.pipe_example")
LONGEST_ANSWER = 1_000_000


class PipeTask(InteractionTask):
    """Game whose state, reward and end come from another process, which gets every action.

    The process starts when it is first needed and ends with `close`. A step that fails is undone on this side only; after
    an error the game has to be reset.

    Args:
        command: The program and its arguments.
        elements: The task's state as the other side keeps it.
        user: What a user's action may be.
        assistant: What an assistant's action may be.
        init_message: Sent along when the process starts.
        timeout: How long an answer may take [s].
        max_rounds: Rounds after which a game is cut off.
    """

    def __init__(
        self,
        command: Sequence[str],
        elements: Mapping[str, Element],
        *,
        user: Element,
        assistant: Element,
        init_message: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
        max_rounds: int | None = 1000,
    ) -> None:
        super().__init__()
        self.command, self.timeout, self.max_rounds = tuple(command), timeout, max_rounds
        self.init_message = dict(init_message or {})
        self._elements = (user, assistant)
        for name, element in elements.items():
            self.state[name] = element
        self._process: subprocess.Popen[str] | None = None

    def user_element(self) -> Element:
        """Return what a user's action may be."""
        return self._elements[0]

    def assistant_element(self) -> Element:
        """Return what an assistant's action may be."""
        return self._elements[1]

    def on_bundle_constraints(self) -> Iterable[str]:
        """Check that there is a user."""
        if self.game.user is None:
            yield "A piped task needs a user."

    @override
    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        plain = {name: np.asarray(value).tolist() for name, value in (forced or {}).items()}
        seed = int(self.stream.uniform() * 2**53)
        self._receive_state(self._ask({"type": "reset", "reset_dic": {"seed": seed, **plain}}))

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        return self._act("user_action", user_action)

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        return self._act("assistant_action", assistant_action)

    def _act(self, kind: str, action: Value) -> tuple[State, float, bool]:
        answer = self._ask({"type": kind, "value": {"values": np.asarray(action).tolist()}})
        try:
            state, reward, is_done = (
                answer["state"],
                float(answer["reward"]),
                bool(answer["is_done"]),
            )
        except (KeyError, TypeError, ValueError):
            raise HciError(
                f"The process answered an action with {_shown(answer)}, without state, reward and is_done."
            ) from None
        self._receive_state(state)
        return self.state, reward, is_done

    def _receive_state(self, message: Any) -> None:
        if not isinstance(message, dict) or message.get("type") != "task_state":
            raise HciError(f"The process sent {_shown(message)} where a task_state was expected.")
        self.state.force({name: value for name, value in message.items() if name != "type"})

    def _ask(self, message: Mapping[str, Any]) -> Any:
        process = self._started()
        self._send(process, message)
        return self._read(process)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                bufsize=1,
            )
        except OSError as error:
            raise HciError(
                f"The process {self.command[0]!r} could not be started: {error.strerror}."
            ) from None
        self._process = process
        self._send(process, {"type": "init", "init_message": self.init_message})
        while (first := self._read(process)).get("type") == "user_state":
            user = self.game.user
            if user is not None:
                user.state.force({name: value for name, value in first.items() if name != "type"})
        self._receive_state(first)
        return process

    def _send(self, process: subprocess.Popen[str], message: Mapping[str, Any]) -> None:
        try:
            assert process.stdin is not None  # opened as a pipe above
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        except (BrokenPipeError, OSError):
            raise HciError(
                f"The process {self.command[0]!r} ended (exit code {process.poll()})."
            ) from None

    def _read(self, process: subprocess.Popen[str]) -> Any:
        assert process.stdout is not None  # opened as a pipe above
        line = readline_within(process.stdout, self.timeout, LONGEST_ANSWER)
        if line is None:
            self.close()
            raise HciError(
                f"The process {self.command[0]!r} did not answer within {self.timeout} s."
            )
        if not line:
            raise HciError(
                f"The process {self.command[0]!r} ended without an answer (exit code {process.wait(1.0)})."
            )
        try:
            return json.loads(line)
        except json.JSONDecodeError:
            raise HciError(
                f"The process {self.command[0]!r} sent {_shown(line)}, which is no JSON."
            ) from None

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        # A process that has ended already takes no farewell, and its pipe breaks even when it is closed.
        with suppress(HciError):
            self._send(process, {"type": "done"})
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_process": None}  # a copy starts a process of its own


def _shown(message: object) -> str:
    text = repr(message)
    return text if len(text) <= 80 else text[:77] + "..."
