"""Runs on a Slurm cluster: one job array for each batch of runs, handed over as an `sbatch` script.

The script and Slurm's logs lie in `.slurm` inside the store, as text. How a run ended is read from its folder, and whether its
job is still there from `squeue`; `sacct` would know more, but needs an accounting database that many clusters lack.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

from taskloom.context import Resources
from taskloom.errors import MissingExtraError, StoreError
from taskloom.placement.executor import Executor, Job
from taskloom.placement.squeue import waiting_or_running

_ASK_PERIOD = 2.0  # [s] between questions to the controller, which serves all users
_FOLDER = ".slurm"
_USR2_LEAD = 60  # [s] before the time limit, at which Slurm signals the run
_LONGEST_ARRAY = 1000  # Slurm's default MaxArraySize is 1001


class SlurmJob:
    """One task of a job array.

    Args:
        number: The job's id: `ARRAY_INDEX`.
        queue: What knows which jobs are still in the queue.
    """

    def __init__(self, number: str, queue: _Queue) -> None:
        self._queue = queue
        self.id = number

    def has_ended(self) -> bool:
        """Return whether the job has left the queue."""
        return self.id not in self._queue.jobs()

    def cancel(self) -> None:
        """Cancel the job; a running one gets SIGTERM first, and `KillWait` seconds to publish a checkpoint."""
        # --batch is left out: the run itself, and not only the shell above it, has to hear the signal.
        subprocess.run(["scancel", self.id], check=False, capture_output=True)
        self._queue.forget()


class SlurmExecutor:
    """Submits job arrays; the store must be on a file system that the nodes share.

    Args:
        jobs: How many runs of an array at a time; None leaves it to Slurm.
    """

    takes_signals = False
    capacity = None  # Slurm has a queue of its own

    def __init__(self, jobs: int | None = None) -> None:
        missing = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
        if missing:
            raise MissingExtraError(
                f"The slurm executor needs Slurm's commands, and there is no {missing[0]} on the PATH."
            )
        self._jobs = jobs
        self._queue = _Queue()

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Submit an array with a task for each folder; several where Slurm takes no longer one.

        Raises:
            StoreError: Slurm refused.
        """
        made: list[Job] = []
        for start in range(0, len(folders), _LONGEST_ARRAY):
            batch = folders[start : start + _LONGEST_ARRAY]
            array = _sbatch(batch, _script(batch, resources, self._jobs))
            numbers = [f"{array}_{index}" for index in range(len(batch))]
            self._queue.add(numbers)
            made += [SlurmJob(number, self._queue) for number in numbers]
        return made

    def close(self) -> None:
        """Do nothing: the queue goes on without us."""


class _Queue:
    """The ids in the queue, asked for at most every two seconds."""

    def __init__(self) -> None:
        self._jobs: frozenset[str] = frozenset()
        self._asked = -_ASK_PERIOD

    def jobs(self) -> frozenset[str]:
        """Return the ids of all jobs that wait or run; what was last known if the controller does not answer."""
        if time.monotonic() - self._asked >= _ASK_PERIOD:
            found = waiting_or_running()
            if found is not None:
                self._jobs = found
            self._asked = time.monotonic()
        return self._jobs

    def add(self, numbers: Sequence[str]) -> None:
        """Know new jobs, which are there even if the controller does not answer, and ask anew at the next question."""
        self._jobs |= frozenset(numbers)
        self.forget()

    def forget(self) -> None:
        """Ask anew at the next question."""
        self._asked = -_ASK_PERIOD


def _sbatch(folders: Sequence[Path], script: str) -> str:
    """Hand a script over and return the id of its array."""
    place = folders[0].parent.absolute() / _FOLDER
    path = place / f"{folders[0].name}-{token_hex(4)}.sh"
    # On the command line, where a path may hold any character; Slurm itself reads % in it.
    logs = f"--output={str(place).replace('%', '%%')}/%A_%a.txt"
    try:
        place.mkdir(exist_ok=True)
        path.write_text(script, encoding="utf-8", errors="surrogateescape", newline="\n")
        done = subprocess.run(
            ["sbatch", "--parsable", logs, str(path)], check=False, capture_output=True, text=True
        )
    except OSError as error:
        raise StoreError(f"Cannot hand '{path}' to Slurm: {error.strerror}.") from error
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise StoreError(f"Slurm refused the jobs: {reason[0].removeprefix('sbatch: error: ')}.")
    return done.stdout.strip().partition(";")[0]  # ARRAY, or ARRAY;CLUSTER


def _script(folders: Sequence[Path], resources: Resources, jobs: int | None) -> str:
    """Return the script of an array: what it needs, the run folders, and the one line that runs each."""
    needs = [*_needs(resources), f"--array=0-{len(folders) - 1}%{jobs or len(folders)}"]
    lines = ["#!/bin/bash", *(f"#SBATCH {need}" for need in needs)]
    lines += ["runs=(", *(shlex.quote(str(folder.absolute())) for folder in folders), ")"]
    worker = shlex.join([*_srun(resources), sys.executable, "-m", "taskloom.execute"])
    lines.append(f'{worker} "${{runs[$SLURM_ARRAY_TASK_ID]}}"')
    return "\n".join(lines) + "\n"


def _needs(resources: Resources) -> list[str]:
    """Return what a run needs, in Slurm's words."""
    # Slurm counts minutes. The run stops by itself at its limit; Slurm's own is only the wall behind it.
    limit = resources.time_limit
    minutes = max(1, round(limit / 60) + 2) if limit else 24 * 60
    needs = [
        "--job-name=taskloom",
        "--open-mode=append",  # a requeued job goes on in the same log
        f"--signal=USR2@{_USR2_LEAD}",
        f"--time={minutes}",
    ]
    if resources.cpus:
        needs.append(f"--cpus-per-task={resources.cpus}")
    if resources.gpus:
        needs.append(f"--gpus-per-node={resources.gpus}")
    if resources.num_nodes > 1:
        # One process for each accelerator: srun starts them, and each takes its rank (see `taskloom.devices`).
        needs += [f"--nodes={resources.num_nodes}", f"--ntasks-per-node={max(resources.gpus, 1)}"]
    if resources.memory:
        needs.append(f"--mem={max(1, resources.memory >> 20)}MB")
    return needs


def _srun(resources: Resources) -> list[str]:
    words = ["srun", "--unbuffered"]
    if resources.cpus:
        words.append(
            f"--cpus-per-task={resources.cpus}"
        )  # srun does not take sbatch's since Slurm 22.05
    if resources.num_nodes > 1:
        # If one is lost, the others would wait for it as long as their framework's patience lasts.
        words.append("--kill-on-bad-exit=1")
    return words


def open_executor(jobs: int, /) -> Executor:
    """Open the executor of a Slurm cluster; 0 jobs leave it to Slurm how many runs it takes."""
    return SlurmExecutor(jobs or None)
