"""A planner in a process of its own, for a reward that is long Python: Python's lock never stands between it and the plant.

The task goes over by its name or its file, its config as JSON, states and plans in shared memory; nothing is pickled. The memory has no
name any more once both sides have it, so the system frees it with the last of them, however that one ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory
from types import TracebackType
from typing import TYPE_CHECKING, Any

from taskloom import derive_seed
from taskloom.errors import UsageError
from taskloom.params.values import table_of

from taskloom_control.errors import LinkError, PlanError
from taskloom_control.live.encoding import Observed, Planned, bytes_of_observed, planned_of
from taskloom_control.live.mailbox import Mailbox, opened
from taskloom_control.mjcf.physics import layout
from taskloom_control.planning.asynchronous import Counts, followed
from taskloom_control.planning.exchange import Changed, changes_between
from taskloom_control.planning.grids import make_grid, require_ranges

if TYPE_CHECKING:
    import numpy as np

    from taskloom_control.bench.variants import Bound
    from taskloom_control.config import ControlConfig
    from taskloom_control.planning.asynchronous import Made, State

_MODULE = "taskloom_control.closed_loop.planner"
# Pages of shared memory that nothing is written to take none of the machine's: there is room for plans of another size.
_LEAST_ROOM = 1 << 20
_PATIENCE = 60.0
_PAUSE = 0.002


class PlannerProcess:
    """A planner in another process; its methods are those of `AsyncController`.

        with PlannerProcess(task) as planner:
            planner.start(estimate)
            while running:
                planner.observe(read_sensors())
                send(planner(now))

    Args:
        task: The task with its config.
        deadline: Time for a plan [s]; by default 0.8 of the control period.
        predict: Roll the estimate forward by its age and the time that planning takes.
        hold_after: How long after a plan's end its last control is given before the safe one is [s]; by default one horizon.

    Raises:
        UsageError: The task stands in a notebook cell, or nowhere.
        LinkError: The process does not start.
    """

    def __init__(
        self,
        task: Bound,
        deadline: float | None = None,
        *,
        predict: bool = True,
        hold_after: float | None = None,
    ) -> None:
        self._task, self._config, self._hold = task.task, task.config, hold_after
        self._version = self._known = self._read = 0
        self._planned: Planned | None = None
        self._is_open = self._is_named = True
        self._follow = Counts()
        name = _spelled(task)
        state, grid = layout(task.task.model)[-1], make_grid(task.task, task.config)
        # A whole state goes both ways, and a plan's gains are some hundred times its controls.
        longest = _LEAST_ROOM + 16 * (state + 400 * grid.num_steps * max(1, task.task.model.nu))
        facts = {
            "task": name,
            "config": table_of(task.config),
            "seed": derive_seed(task.config.seed, "plan"),
            "deadline": deadline,
            "predict": predict,
            "longest": longest,
        }
        self._memory = SharedMemory(create=True, size=2 * Mailbox.size_for(longest))
        try:
            self._outbox = Mailbox(opened(self._memory), 0, longest)
            self._inbox = Mailbox(opened(self._memory), Mailbox.size_for(longest), longest)
            line = json.dumps({**facts, "memory": self._memory.name}) + "\n"
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE], stdin=subprocess.PIPE, bufsize=0
            )
        except (OSError, TypeError, ValueError) as error:
            self._forget()
            self._memory.close()
            raise LinkError(f"The planning process does not start: {error}.") from None
        with contextlib.suppress(OSError):  # it is gone already, which `lost` says
            self._write(line.encode())
        # A stopped process must not stop this one: what does not fit into the pipe is one signal of many.
        if hasattr(os, "set_blocking") and self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)

    def start(self, state: State, metadata: Mapping[str, Any] | None = None) -> None:
        """Wait for the first plan, from a first state.

        Raises:
            PlanError: The state or the task cannot be planned for.
            LinkError: The process is gone, or says nothing for a minute.
        """
        end = time.monotonic() + _PATIENCE
        self.observe(state, metadata)
        while self._planned is None:
            self._take()
            if self._planned is None and (self.lost or time.monotonic() > end):
                raise LinkError(self.lost or "The planning process makes no plan.")
            time.sleep(_PAUSE)
        # Both have it, so no one needs its name any more.
        self._forget()

    def observe(
        self, state: State, metadata: Mapping[str, Any] | None = None, age: float = 0.0
    ) -> None:
        """Give the newest state; one that waits is replaced, and a process that is gone takes none.

        Args:
            state: The whole state, or an estimate of it.
            metadata: What the simulation's copy of the task passed on.
            age: How old it is already [s].
        """
        self._take()
        config = table_of(self._config) if self._known < self._version else None
        arrived = time.perf_counter() - age
        observed = Observed(state, metadata or {}, arrived, self._version, config)
        self._outbox.put(bytes_of_observed(observed))
        with contextlib.suppress(OSError):  # full, or gone, which `lost` says
            self._write(b"\n")

    def __call__(self, moment: float) -> np.ndarray:
        """Return the controls at a moment [s]: those of the newest plan, then its last, then the safe ones; shape (nu,)."""
        planned = self._take()
        if planned is None:
            raise PlanError("There is no plan yet; call start() with a first estimate.")
        plan = planned.made.plan
        hold = plan.grid.horizon if self._hold is None else self._hold
        return followed(plan, moment, hold, planned.safe, self._follow)

    def exchange(self, config: ControlConfig) -> Changed:
        """Replace the config from the next state on.

        Raises:
            PlanError: A field that changes needs a new process.
        """
        changed = changes_between(self._config, config)
        low, high = self._task.control_bounds()
        require_ranges(self._task, config, low, high)
        make_grid(self._task, config)  # a plan that cannot be made is refused now
        self._config, self._version = config, self._version + 1
        return changed

    @property
    def newest(self) -> Made | None:
        """The newest plan and what it was made from, without metadata and config; None before the start."""
        planned = self._take()
        return None if planned is None else planned.made

    @property
    def counts(self) -> Counts:
        """Plans of the process and controls of this side, by what became of them."""
        planned, mine = self._take(), self._follow
        counts = Counts() if planned is None else planned.counts
        return replace(counts, held=mine.held, safe=mine.safe)

    @property
    def lost(self) -> str:
        """The reason for which the process is gone; empty while it is there."""
        status = self._process.poll()
        return "" if status is None else f"The planning process ended with the status {status}."

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def stop(self) -> None:
        """End the process; the newest plan stays in force."""
        self._take()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the process and let go of the memory."""
        if self._is_open:
            self.stop()
            self._forget()
            self._is_open = False
            self._memory.close()

    def _take(self) -> Planned | None:
        """Return the newest plan that has come."""
        found = self._inbox.newest(self._read) if self._is_open else None
        if found is not None:
            self._read = found[0]
            self._planned = planned_of(found[1], self._task.model)
            self._known = self._planned.version
        return self._planned

    def _write(self, data: bytes) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.write(data)

    def _forget(self) -> None:
        """Take the memory's name away; a side that has it keeps it."""
        if self._is_named:
            self._is_named = False
            self._memory.unlink()

    def __enter__(self) -> PlannerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _spelled(task: Bound) -> str:
    """Return the name or the file by which another process finds a task.

    Raises:
        UsageError: There is none.
    """
    given = task.given
    if given is None:
        return task.name
    if not given.spelled:
        raise UsageError(
            f"The task '{given.name}' cannot plan in a process of its own; write it into a file."
        )
    return given.spelled
