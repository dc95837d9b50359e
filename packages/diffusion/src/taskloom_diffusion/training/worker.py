"""One of the other processes of data-parallel training: `python -m taskloom_diffusion.training.worker ORDER RANK`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from taskloom import derive_seed
from taskloom.asking import find_asked
from taskloom.bound import bind
from taskloom.context import Progress, Resources

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.training.loop import set_up, task_of_checkpoint, train
from taskloom_diffusion.training.preparation import BoundCorpus
from taskloom_diffusion.training.team import ProcessGroup


class WorkerContext:
    """The run, for a process that keeps no records of it.

    Args:
        order: What the first process wrote.
    """

    latest_checkpoint = None
    should_stop = False  # the first process asks for all

    def __init__(self, order: dict[str, Any]) -> None:
        self.dir = Path(order["dir"])
        self.resources = Resources(gpus=order["gpus"])
        self._root = int(order["config"]["seed"])

    def seed(self, name: str, /) -> int:
        return derive_seed(self._root, name)

    def log(self, step: int, /, **metrics: float) -> None:
        del step, metrics

    def artifact(self, name: str, /) -> Path:
        raise RuntimeError(f"only the first process writes artifacts, such as '{name}'")

    @contextmanager
    def checkpoint(self, step: int, /) -> Iterator[Path]:
        raise RuntimeError(
            f"only the first process writes checkpoints, such as that of step {step}"
        )
        yield Path()

    @contextmanager
    def progress(self, total: int | None, label: str, /) -> Iterator[Progress]:
        del total, label
        yield _Silent()


class _Silent:
    def advance(self, steps: int = 1, /) -> None:
        del steps


def task_of_order(order: Mapping[str, Any]) -> BoundCorpus:
    """Return the task that the first process trains, installed or of a file.

    Args:
        order: What the first process wrote.
    """
    loaded = find_asked(order["task"], order["domain"])
    return bind(
        loaded, cast("DiffusionConfig", loaded.config_class.model_validate(order["config"]))
    )


def main(words: list[str]) -> None:
    """Train along with the first process and leave nothing behind."""
    path, rank = Path(words[0]), int(words[1])
    order = json.loads(path.read_text(encoding="utf-8"))
    task = task_of_order(order)
    checkpoint = None if order["checkpoint"] is None else Path(order["checkpoint"])
    task = task_of_checkpoint(task, checkpoint)
    prepared, module = set_up(task)
    (path.parent / f"{rank}.ready").touch()
    group = ProcessGroup(rank, order["size"], Path(order["rendezvous"]))
    ctx = WorkerContext(order)
    train(task.config, ctx, prepared, module, checkpoint=checkpoint, group=group)


if __name__ == "__main__":
    main(sys.argv[1:])
