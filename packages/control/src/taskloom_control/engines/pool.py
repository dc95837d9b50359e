"""A pool of threads that share a batch of rollouts: the calling thread, and helpers that join in.

MuJoCo's own pool lets the calling thread sleep, hands over every few rollouts, and wakes all of its threads for any batch.
Here the calling thread works too, and every thread takes parts from one list until it is empty. How many parts and helpers
there are follows from how long the batch before took. Which thread takes which part changes from plan to plan; no rollout depends on it.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil

import mujoco
import numpy as np
from mujoco import rollout

# A helper should have this much to do [s], for waking it costs tens of microseconds.
_HELPER_SECONDS = 2.5e-4
# A part should last this long [s]: a call of MuJoCo costs about ten microseconds, with what waiting for the interpreter costs.
_PART_SECONDS = 5e-4
_MOST_PARTS_EACH = 8


@dataclass(frozen=True)
class RolloutBatch:
    """The arrays of R rollouts, each of which begins with the axis of the rollouts.

    Attributes:
        initial: Where they begin, MuJoCo's full physics.
        warmstart: Accelerations that the solver begins with.
        inputs: Controls, and what else is given at every step.
        state: Where to write MuJoCo's full physics after every step.
        sensors: Where to write the sensors.
    """

    initial: np.ndarray
    warmstart: np.ndarray
    inputs: np.ndarray
    state: np.ndarray
    sensors: np.ndarray


class RolloutPool:
    """Threads that roll batches out with one shared model and an MjData each.

    Args:
        model: The model; it is shared and never copied.
        threads: Threads at most, the calling one included.
    """

    def __init__(self, model: mujoco.MjModel, threads: int) -> None:
        self.model, self.threads = model, threads
        self._rollouts = [rollout.Rollout(nthread=0)]
        self._datas = [mujoco.MjData(model)]
        self._helpers: list[_Helper] = []
        self._spent = [0.0]
        self._rows: Sequence[mujoco.MjModel] = []
        self._same: Sequence[mujoco.MjModel] = []
        self._stop = weakref.finalize(self, _dismiss, self._helpers)

    @property
    def num_helpers(self) -> int:
        """Threads that were started so far, besides the calling one."""
        return len(self._helpers)

    def roll(
        self,
        batch: RolloutBatch,
        control_spec: int,
        models: Sequence[mujoco.MjModel] | None = None,
    ) -> None:
        """Roll out a batch; the arrays are written into.

        Args:
            batch: The arrays.
            control_spec: What the inputs are, as a sum of MuJoCo's `mjtState`.
            models: The model of each row, all laid out as the pool's own; None for that one.
        """
        count = batch.inputs.shape[0]
        workers, parts = self._share_out(count)
        if models is not None:
            self._rows = models
        elif self._rows is not self._same or len(self._same) < count:
            self._same = self._rows = [self.model] * count
        claims = iter([(i * count // parts, (i + 1) * count // parts) for i in range(parts)])
        self._spent = [0.0] * workers
        begun: list[_Helper] = []
        try:
            for hand, helper in enumerate(self._helpers[: workers - 1], 1):
                helper.begin(partial(self._work, hand, claims, batch, control_spec))
                begun.append(helper)
            self._work(0, claims, batch, control_spec)
        finally:
            errors = [helper.finish() for helper in begun]
        for error in errors:
            if error is not None:
                raise error

    def close(self) -> None:
        """Stop the helpers; rollouts start new ones."""
        _dismiss(self._helpers)

    def _share_out(self, count: int) -> tuple[int, int]:
        """Return how many threads work and into how many parts the batch is cut, from what the one before took."""
        most, seconds = min(self.threads, count), sum(self._spent)
        workers = min(most, ceil(seconds / _HELPER_SECONDS)) if seconds else most
        each = int(seconds / workers / _PART_SECONDS)
        while len(self._helpers) < workers - 1:
            self._helpers.append(_Helper())
        while len(self._datas) < workers:
            self._datas.append(mujoco.MjData(self.model))
            self._rollouts.append(rollout.Rollout(nthread=0))
        # Whole rounds of parts, or the last round would keep one thread busy and the others waiting.
        parts = workers * min(max(each, 1), _MOST_PARTS_EACH)
        return workers, min(parts, count) if workers > 1 else 1

    def _work(
        self, hand: int, claims: Iterator[tuple[int, int]], batch: RolloutBatch, control_spec: int
    ) -> None:
        """Take parts until none is left."""
        # CPU time of this thread: on a busy machine the wall clock would call for ever more helpers.
        began = time.thread_time()
        steps, roll, data = batch.inputs.shape[1], self._rollouts[hand].rollout, [self._datas[hand]]
        for first, last in claims:
            roll(
                self._rows[first:last],
                data,
                batch.initial[first:last],
                batch.inputs[first:last],
                control_spec=control_spec,
                skip_checks=True,
                nstep=steps,
                initial_warmstart=batch.warmstart[first:last],
                state=batch.state[first:last],
                sensordata=batch.sensors[first:last],
            )
        self._spent[hand] = time.thread_time() - began


class _Helper:
    """A thread that waits for work; it is told and asked by one other thread."""

    def __init__(self) -> None:
        # Locks as binary semaphores, both taken: Python's own semaphores cost ten times as much.
        self._start, self._done = threading.Lock(), threading.Lock()
        self._start.acquire()
        self._done.acquire()
        self._work: Callable[[], None] | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="rollouts", daemon=True)
        self._thread.start()

    def begin(self, work: Callable[[], None]) -> None:
        """Hand work over."""
        self._work = work
        self._start.release()

    def finish(self) -> BaseException | None:
        """Return when the work is done, with what it raised, or when it was taken back because it had not begun."""
        if self._start.acquire(blocking=False):
            self._work = None
            return None
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                self._done.acquire()
                break
            except KeyboardInterrupt as pressed:  # the arrays are still being written into
                interrupt = pressed
        error, self._error = self._error, None
        return interrupt or error

    def stop(self) -> None:
        """End the thread."""
        self._start.release()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._start.acquire()
            work, self._work = self._work, None
            if work is None:
                return
            try:
                work()
            except BaseException as error:  # it is raised again where `finish` is called
                self._error = error
            del work
            self._done.release()


def _dismiss(helpers: list[_Helper]) -> None:
    """Stop helpers; a finalizer must not hold on to the pool."""
    for helper in helpers:
        helper.stop()
    helpers.clear()
