"""Runs on a Slurm cluster, through submitit: one job array for each batch of runs."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from taskloom.context import Resources
from taskloom.errors import MissingExtraError, StoreError
from taskloom.placement.executor import Executor, Job

_ASK_PERIOD = 2.0  # [s] between questions to the controller, which serves all users
_LOGS = ".slurm"
_USR2_LEAD = 60  # [s] before the time limit, at which Slurm signals the run


class SlurmJob:
    """One task of a job array.

    Args:
        name: The run's id.
        number: The job's id: `ARRAY_INDEX`.
        queue: What knows which jobs are still in the queue.
    """

    def __init__(self, name: str, number: str, queue: _Queue) -> None:
        self._name = name
        self._queue = queue
        self.number = number

    @property
    def id(self) -> str:
        """The job's id."""
        return self.number

    def has_ended(self) -> bool:
        """Return whether the job has left the queue."""
        return self.number not in self._queue.jobs()

    def cancel(self) -> None:
        """Cancel the job; a running one gets SIGTERM first, and `KillWait` seconds to publish a checkpoint."""
        # --batch is left out: the run itself, and not only the shell above it, has to hear the signal.
        subprocess.run(["scancel", self.number], check=False, capture_output=True)
        self._queue.forget()


class SlurmExecutor:
    """Submits job arrays with submitit; the store must be on a file system that the nodes share.

    Args:
        jobs: How many runs of an array at a time; None leaves it to Slurm.
    """

    takes_signals = False
    capacity = None  # Slurm has a queue of its own

    def __init__(self, jobs: int | None = None) -> None:
        try:
            import submitit
        except ImportError:
            raise MissingExtraError(
                "The slurm executor needs submitit, which is not installed.",
                hint="pip install 'taskloom[slurm]'",
            ) from None
        if submitit.SlurmExecutor.affinity() < 0:
            raise MissingExtraError(
                "The slurm executor needs Slurm's commands, and there is no srun on the PATH."
            )
        self._jobs = jobs
        self._queue = _Queue()

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Submit one array with a task for each folder.

        Raises:
            StoreError: Slurm refused.
        """
        import submitit
        from submitit.core.utils import CommandFunction, FailedJobError

        logs = folders[0].parent / _LOGS
        executor = submitit.SlurmExecutor(logs, max_num_timeout=0)
        executor.update_parameters(**_parameters(resources, len(folders), self._jobs))
        work = CommandFunction([sys.executable, "-m", "taskloom.execute"], verbose=False)
        try:
            made = executor.map_array(work, [str(folder) for folder in folders])
        except (FailedJobError, subprocess.CalledProcessError, OSError) as error:
            reason = str(getattr(error, "output", "") or error).strip().splitlines()[-1:] or [
                "no reason given"
            ]
            raise StoreError(f"Slurm refused the jobs: {reason[0]}.") from error
        self._queue.forget()
        return [
            SlurmJob(folder.name, job.job_id, self._queue)
            for folder, job in zip(folders, made, strict=True)
        ]

    def close(self) -> None:
        """Do nothing: the queue goes on without us."""


class _Queue:
    """The ids in the queue, asked for at most every two seconds.

    `sacct` would know more, but needs an accounting database that many clusters lack; a job that is not in the queue has
    ended, and its run's folder tells how.
    """

    def __init__(self) -> None:
        self._jobs: frozenset[str] = frozenset()
        self._asked = -_ASK_PERIOD

    def jobs(self) -> frozenset[str]:
        """Return the ids of all jobs that wait or run; what was last known if the controller does not answer."""
        if time.monotonic() - self._asked >= _ASK_PERIOD:
            command = shlex.split("squeue --me --noheader --array --format=%i_%F_%K")
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode == 0:
                self._jobs = frozenset(_job_id(line) for line in done.stdout.split())
            self._asked = time.monotonic()
        return self._jobs

    def forget(self) -> None:
        """Ask anew at the next question."""
        self._asked = -_ASK_PERIOD


def _job_id(line: str) -> str:
    number, array, index = line.rsplit("_", 2)
    return number if index == "N/A" else f"{array}_{index}"


def _parameters(resources: Resources, count: int, jobs: int | None) -> dict[str, Any]:
    """Return what a run needs, in Slurm's words."""
    parameters: dict[str, Any] = {
        "job_name": "taskloom",
        "array_parallelism": jobs or count,
        "signal_delay_s": _USR2_LEAD,
    }
    if resources.cpus:
        parameters["cpus_per_task"] = resources.cpus
    if resources.gpus:
        parameters["gpus_per_node"] = resources.gpus
    if resources.num_nodes > 1:
        parameters["nodes"] = resources.num_nodes
        # One process for each accelerator: srun starts them, and each takes its rank (see `taskloom.devices`).
        parameters["tasks_per_node"] = max(resources.gpus, 1)
        # If one is lost, the others would wait for it as long as their framework's patience lasts.
        parameters["srun_args"] = ["--kill-on-bad-exit=1"]
    if resources.memory:
        parameters["mem"] = f"{max(1, resources.memory >> 20)}MB"
    # Slurm counts minutes. The run stops by itself at its limit; Slurm's own is only the wall behind it.
    parameters["time"] = (
        max(1, round(resources.time_limit / 60) + 2) if resources.time_limit else 24 * 60
    )
    return parameters


def open_executor(jobs: int, /) -> Executor:
    """Open the executor of a Slurm cluster; 0 jobs leave it to Slurm how many runs it takes."""
    return SlurmExecutor(jobs or None)
