"""Runs on a Ray cluster: each is a Ray task that starts a worker process on whichever node has room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from taskloom.context import Resources
from taskloom.errors import MissingExtraError, StoreError
from taskloom.placement.executor import Executor, Job
from taskloom.placement.worker import DIE_WITH_PARENT


class RayJob:
    """A Ray task.

    Args:
        name: The run's id.
        reference: What Ray gives for a task.
    """

    def __init__(self, name: str, reference: Any) -> None:  # noqa: ANN401 -- Ray's own class
        self._name = name
        self._reference = reference

    @property
    def id(self) -> str:
        """The run's id."""
        return self._name

    def has_ended(self) -> bool:
        """Return whether the task is over; one whose worker or node died is."""
        import ray

        ready, _ = ray.wait([self._reference], timeout=0)
        return bool(ready)

    def cancel(self) -> None:
        """Interrupt the task; it passes SIGTERM on to its worker."""
        import ray

        ray.cancel(self._reference)


class RayExecutor:
    """Places runs on the cluster that `RAY_ADDRESS` names, else on one that Ray starts on this machine.

    The store must be a folder that every node sees under the same path. Nothing but folder names travels.

    Args:
        jobs: How many runs at a time; None lets Ray's scheduler decide by resources.
    """

    takes_signals = False

    def __init__(self, jobs: int | None = None) -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtraError(
                "The ray executor needs Ray, which is not installed.",
                hint="pip install 'taskloom[ray]'",
            ) from None
        self._jobs = jobs
        self._started = not ray.is_initialized()
        if self._started:
            try:
                ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
            except Exception as error:  # its bare class where a node does not start in time
                raise StoreError(
                    f"Cannot reach the Ray cluster: {str(error).splitlines()[0]}."
                ) from error

    @property
    def capacity(self) -> int | None:
        """Number of runs at a time."""
        return self._jobs

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Place one Ray task for each folder."""
        import ray

        # Ray's own retries are off: whether a run is lost is read from its folder, which Ray does not know.
        task = ray.remote(_work).options(
            num_cpus=resources.cpus or 1,
            num_gpus=resources.gpus or None,
            memory=resources.memory or None,
            max_retries=0,
        )
        path = os.environ.get("PYTHONPATH", "")
        return [RayJob(folder.name, task.remote(str(folder), path)) for folder in folders]

    def close(self) -> None:
        """Disconnect; a cluster that this process started ends with it."""
        import ray

        if self._started:
            ray.shutdown()


def _work(folder: str, python_path: str) -> int:
    """Start a worker and wait for it. Runs inside a Ray worker, on any node.

    A process of its own has its main thread to itself, so signals reach the run as they do everywhere else.
    """
    environment = {
        **os.environ,
        DIE_WITH_PARENT: "1",
        **({"PYTHONPATH": python_path} if python_path else {}),
    }
    worker = subprocess.Popen([sys.executable, "-m", "taskloom.execute", folder], env=environment)
    try:
        return worker.wait()
    except BaseException:  # Ray cancels by KeyboardInterrupt
        worker.terminate()
        worker.wait()
        raise


def open_executor(jobs: int, /) -> Executor:
    """Open the executor of a Ray cluster; 0 jobs leave it to its scheduler how many runs it takes."""
    return RayExecutor(jobs or None)
