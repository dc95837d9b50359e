"""The planning process: `python -m taskloom_control.closed_loop.planner`, which `PlannerProcess` starts.

The first line on stdin is JSON: the task by name or file, its config, seed and deadline, and where the two mailboxes in shared memory
lie. Every further byte there says that a newer state waits in the first mailbox; each plan goes into the second one. The end of stdin
is the end of the program on the other side, and of this process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from multiprocessing.shared_memory import SharedMemory
from typing import IO, TYPE_CHECKING, Any

from taskloom.asking import resolve_values
from taskloom.errors import TaskloomError
from taskloom.opening import open_task

from taskloom_control.errors import LinkError
from taskloom_control.live.encoding import (
    Planned,
    bytes_of_planned,
    bytes_of_refusal,
    observed_of,
)
from taskloom_control.live.mailbox import Mailbox, attach, opened
from taskloom_control.planning.asynchronous import AsyncController, Made
from taskloom_control.planning.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskloom_control.config import ControlConfig


class Serving:
    """One planner between two mailboxes.

    Args:
        facts: The first line.
        memory: The shared memory that it names.
    """

    def __init__(self, facts: Mapping[str, Any], memory: SharedMemory) -> None:
        longest = int(facts["longest"])
        self._inbox = Mailbox(opened(memory), 0, longest)
        self.outbox = Mailbox(opened(memory), Mailbox.size_for(longest), longest)
        self._facts, self._read = facts, 0
        self._versions: list[ControlConfig] = []
        self._last: Made | None = None
        self._planner: AsyncController | None = None
        # Plans come from the planning thread, refusals from both; a mailbox has one writer.
        self._writing = threading.Lock()

    def begin(self) -> None:
        """Make the controller; what goes wrong is told to the other side.

        Raises:
            TaskloomError: The task cannot be opened or planned for.
        """
        facts = self._facts
        bound: Any = open_task(facts["task"], facts["config"])
        controller = Controller(bound.copy(), bound.config, int(facts["seed"]))
        self._versions = [bound.config]
        planner = AsyncController(controller, facts["deadline"], predict=bool(facts["predict"]))
        planner.on_plan, planner.on_refusal = self._publish, self._tell
        self._planner, self._controller = planner, controller

    def look(self) -> None:
        """Take the newest state, if there is one that was not taken yet.

        Raises:
            TaskloomError: The first plan cannot be made.
        """
        found, planner = self._inbox.newest(self._read), self._planner
        if found is None or planner is None:
            return
        self._read = found[0]
        observed = observed_of(found[1], self._controller.task.model)
        if observed.config is not None and observed.version >= len(self._versions):
            config: Any = resolve_values(type(self._versions[0]), observed.config).config
            planner.exchange(config)
            # A state that carried the one between may have been replaced before it was taken.
            missing = observed.version + 1 - len(self._versions)
            self._versions += [config] * missing
        if planner.newest is None:
            planner.start(observed.state, observed.metadata)
        else:
            age = max(0.0, time.perf_counter() - observed.arrived)
            planner.observe(observed.state, observed.metadata, age)

    def refuse(self, error: TaskloomError) -> None:
        """Tell the other side what is wrong: beside the plan in force, or in its place if there is none."""
        if self._planner is not None and self._last is not None:
            self._planner.refuse(error)
        else:
            self.outbox.put(bytes_of_refusal(error.message))

    def end(self) -> None:
        """End planning."""
        if self._planner is not None:
            self._planner.stop()
            self._controller.close()

    def _publish(self, made: Made) -> None:
        """Give a plan to the other side, in the planning thread."""
        self._last = made
        self._tell()

    def _tell(self) -> None:
        """Give the newest plan with the counts of now to the other side."""
        planner = self._planner
        with self._writing:
            made = self._last
            if made is None or planner is None:
                return
            version = max(i for i, config in enumerate(self._versions) if config is made.config)
            self.outbox.put(bytes_of_planned(Planned(made, planner.counts, version, planner.safe)))


def serve(facts: Mapping[str, Any], memory: SharedMemory, signals: IO[bytes]) -> int:
    """Plan until the other side is gone; return the status of the process."""
    serving = Serving(facts, memory)
    try:
        serving.begin()
    except TaskloomError as error:
        serving.refuse(error)
        return 1
    try:
        while True:
            try:
                # Before the first signal too: it may have come while the task was being opened.
                serving.look()
            except TaskloomError as error:
                serving.refuse(error)
            if not os.read(signals.fileno(), 1 << 12):
                return 0
    finally:
        serving.end()


def main() -> int:
    """Read the first line, and serve; return the status of the process."""
    # Ctrl-C reaches both processes; this one ends with the other.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not a byte more than the line is read: each one behind it is a signal.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as signals:
        try:
            facts = json.loads(signals.readline())
            memory = attach(str(facts["memory"]))
        except (ValueError, KeyError, TypeError, LinkError) as error:
            sys.exit(f"The first line on stdin is none of PlannerProcess: {error}")
        try:
            return serve(facts, memory, signals)
        finally:
            memory.close()


if __name__ == "__main__":
    sys.exit(main())
