"""The other processes of data-parallel training: started, watched and ended by the first one.

They are fresh processes, not forks: a fork would copy threads and locks in unknown states. What they are told is JSON; each
finds the task by its name or its file, as every command does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom import RunContext
from taskloom.errors import ProcessLostError, RunFailedError, UsageError

from taskloom_diffusion.training.team import ProcessGroup

if TYPE_CHECKING:
    from taskloom_diffusion.training.preparation import BoundCorpus

_POLL = 0.05  # [s]
_GRACE = 10.0  # [s] that processes get to end by themselves
_PATIENCE = 30.0  # [s] that training gets to notice that a process is gone


class Workers:
    """The processes with ranks 1, 2, ...

    Args:
        folder: Where they leave their signs of life and their complaints.
        commands: What each of them runs.
    """

    def __init__(self, folder: Path, commands: list[list[str]]) -> None:
        self.folder = folder
        self.processes = [self._start(rank, command) for rank, command in enumerate(commands, 1)]

    def _start(self, rank: int, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{rank}.log").open("wb") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
            )

    def wait_until_ready(self) -> None:
        """Return once every process has read its corpus.

        Raises:
            ProcessLostError: One of them was killed instead.
            RunFailedError: One of them failed instead.
        """
        waiting = set(range(1, len(self.processes) + 1))
        while waiting:
            self.check()
            waiting = {rank for rank in waiting if not (self.folder / f"{rank}.ready").exists()}
            time.sleep(_POLL)

    def check(self) -> None:
        """Raise an error with its last words if a process has failed, another one if it was killed."""
        for rank, process in enumerate(self.processes, start=1):
            code = process.poll()
            if code:
                words = (self.folder / f"{rank}.log").read_text(errors="replace").split("\n")
                last = next((line.strip() for line in reversed(words) if line.strip()), "")
                which = f"training process {rank} of {len(self.processes) + 1}"
                if code < 0:
                    raise ProcessLostError(f"{which} was killed by signal {-code}")
                raise RunFailedError(f"{which} ended with code {code}: {last}")

    def close(self) -> None:
        """Wait a little for processes that are done, and end those that are not."""
        until = time.monotonic() + _GRACE
        for process in self.processes:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def assembled(
    task: BoundCorpus, ctx: RunContext, checkpoint: Path | None, size: int
) -> Iterator[ProcessGroup]:
    """Start the other processes of a training and yield this one's place among them.

    Raises:
        ProcessLostError: One of them was killed; in its place comes any error that this caused here.
        RunFailedError: One of them failed.
    """
    if size == 1:
        yield ProcessGroup()
        return
    with tempfile.TemporaryDirectory(prefix="taskloom-team-") as name:
        folder = Path(name)
        rendezvous = folder / "rendezvous"
        told = folder / "training.json"
        told.write_text(
            json.dumps(order_of(task, ctx, checkpoint, size, rendezvous)),
            encoding="utf-8",
            newline="\n",
        )
        module = "taskloom_diffusion.training.worker"
        commands = [[sys.executable, "-m", module, str(told), str(r)] for r in range(1, size)]
        workers = Workers(folder, commands)
        over = threading.Event()
        threading.Thread(target=watch, args=(workers, over), daemon=True).start()
        try:
            workers.wait_until_ready()
            yield ProcessGroup(0, size, rendezvous)
        except RuntimeError:
            time.sleep(4 * _POLL)  # a connection breaks a moment before the process is gone
            workers.check()
            raise
        finally:
            over.set()
            workers.close()


def watch(
    workers: Workers,
    over: threading.Event,
    *,
    patience: float = _PATIENCE,
    end: Callable[[int], object] = os._exit,
) -> None:
    """End this process, as a kill would, if it has not noticed after a while that another one is gone.

    Gloo breaks off at once. But NCCL, and a process that waits for the others to come, may wait for as long as an evaluation is
    allowed to take, where no exception reaches; a run that is gone can go on from its newest checkpoint.

    Args:
        workers: The other processes.
        over: Set when training has ended in any way.
        patience: How long to wait for that once a process is gone [s].
        end: Takes the exit code.
    """
    while not over.wait(_POLL):
        if any(process.poll() for process in workers.processes):
            if not over.wait(patience):
                sys.stderr.write("a training process is gone, and the others still wait for it\n")
                end(1)
            return


def check_shared(task: BoundCorpus) -> None:
    """Refuse to train a class in several processes that only this one has.

    Raises:
        UsageError: So it is.
    """
    if task.given is not None and not task.given.spelled:
        raise UsageError(
            f"{task.given.name} is a class of a notebook, which other processes of a training cannot load; save it in a file.",
            hint="or train in one process: train.devices=1",
        )


def order_of(
    task: BoundCorpus,
    ctx: RunContext,
    checkpoint: Path | None,
    size: int,
    rendezvous: Path,
) -> dict[str, Any]:
    """Return what the other processes are told.

    Raises:
        UsageError: They cannot load the task, which is a class of a notebook.
    """
    check_shared(task)
    return {
        "task": task.name if task.given is None else task.given.spelled,
        "domain": task.name.partition("/")[0],
        "config": task.config.model_dump(mode="json"),
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "dir": str(ctx.dir),
        "gpus": ctx.resources.gpus,
        "size": size,
        "rendezvous": str(rendezvous),
    }
