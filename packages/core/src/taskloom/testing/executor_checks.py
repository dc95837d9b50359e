"""`check_executor`: what every executor has to keep to."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from taskloom.context import Resources
from taskloom.lifecycle.create import create_run
from taskloom.placement.executor import Executor, Job
from taskloom.registry.resolve import find_task, load_task
from taskloom.request import RunOptions
from taskloom.runs.run import Run
from taskloom.system.processes import end_at_once
from taskloom.testing.report import failing
from taskloom.testing.walk import NAME, Walk, installed

_PERIOD = 0.05  # [s]
_LONG = {"steps": 2000, "pause": 0.05}


def check_executor(opener: Callable[[int], Executor], /, *, seconds: float = 60.0) -> list[str]:
    """Check that an executor places, watches, cancels and places again.

    One that runs everything in this very process (`takes_signals`) is only asked to place: the rest would end the check.

    Args:
        opener: The function that the entry point of `taskloom.executors` leads to.
        seconds: How long each thing may take [s].

    Returns:
        The names of the checks that passed.

    Raises:
        ConformanceError: A check failed; the message has one line for each.
    """
    with tempfile.TemporaryDirectory(prefix="check-executor-") as name:
        folder = Path(name).resolve()
        with installed(folder / "site"):
            executor = opener(1)
            trial = _Trial(executor, folder / "store", seconds)
            checks = {"a run is placed and finishes": trial.finishes}
            checks["a finished run is left alone"] = trial.leaves_alone
            if not executor.takes_signals:
                checks["a running job has not ended"] = trial.runs
                checks["a cancelled run stops with a checkpoint"] = trial.cancels
                checks["a killed worker ends its job, and the run goes on when placed again"] = (
                    trial.loses
                )
            try:
                return failing("the executor", checks)
            finally:
                executor.close()


class _Trial:
    def __init__(self, executor: Executor, store: Path, seconds: float) -> None:
        self._executor = executor
        self._store = store
        self._seconds = seconds

    def finishes(self) -> str | None:
        """Place a short run, and look at what it left."""
        folder = self._folder(steps=3)
        if complaint := self._wait_for(self._submit(folder)):
            return complaint
        run = Run(folder)
        if run.status != "finished" or run.metrics != {"steps": 3.0}:
            return f"the run is {run.status}, with the metrics {dict(run.metrics)}"
        return None if run.layout.log.stat().st_size else "the run has no log"

    def leaves_alone(self) -> str | None:
        """Place a run that has finished."""
        folder = self._folder(steps=2)
        for _ in range(2):
            if complaint := self._wait_for(self._submit(folder)):
                return complaint
        attempts = Run(folder).record.attempts
        return None if attempts == 1 else f"the run was made {attempts} times"

    def runs(self) -> str | None:
        """Ask for the state of a job that runs."""
        folder = self._folder(**_LONG)
        job = self._begun(folder)
        too_early = job.has_ended()
        job.cancel()
        complaint = self._wait_for(job)
        return "has_ended() is true while the run runs" if too_early else complaint

    def cancels(self) -> str | None:
        """Cancel a job that runs."""
        folder = self._folder(**_LONG)
        job = self._begun(folder)
        job.cancel()
        if complaint := self._wait_for(job):
            return complaint
        status = Run(folder).status
        return None if status == "stopped" else f"the run is {status}, not stopped"

    def loses(self) -> str | None:
        """Kill the worker of a run, and place the run again."""
        folder = self._folder(steps=40, pause=0.05)
        job = self._begun(folder)
        record = Run(folder).record
        if record.host != socket.gethostname():
            job.cancel()
            return self._wait_for(job)  # on another machine there is no process to kill
        end_at_once(record.pid)
        complaint = self._wait_for(job) or self._wait_for(self._submit(folder))
        if complaint:
            return complaint
        run = Run(folder)
        if run.status != "finished":
            return f"placed again, the run is {run.status}"
        steps = [line["step"] for line in run.history()]
        return None if steps == list(range(1, 41)) else "placed again, the run has other lines"

    def _folder(self, **values: float) -> Path:
        loaded = load_task(find_task(NAME, "walk"))
        config = Walk.model_validate(values)
        return create_run(loaded, config, RunOptions(store=self._store)).dir

    def _submit(self, folder: Path) -> Job:
        (job,) = self._executor.submit([folder], Resources())
        if not isinstance(job.id, str) or not job.id:
            raise TypeError("the job has no id")
        return job

    def _begun(self, folder: Path) -> Job:
        job = self._submit(folder)
        checkpoints = Run(folder).layout.checkpoints
        self._until(lambda: checkpoints.is_dir() and any(checkpoints.glob("0*")), "begun")
        return job

    def _wait_for(self, job: Job) -> str | None:
        with suppress(TimeoutError):
            self._until(job.has_ended, "ended")
            return None
        return f"the job has not ended after {self._seconds:g} s"

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self._seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the run has not {what} after {self._seconds:g} s")
            time.sleep(_PERIOD)
