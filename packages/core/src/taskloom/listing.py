"""Listings for Python: `taskloom.list_tasks`, `taskloom.info`, `taskloom.runs`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from taskloom.asking import Asked, find_asked
from taskloom.describing import TaskInfo, info_of
from taskloom.errors import RunCorruptError
from taskloom.identity.stale import with_staleness
from taskloom.records.folders import Damaged
from taskloom.registry.discovery import installed_domains, tasks_of
from taskloom.registry.resolve import find_domain
from taskloom.runs.index import documents
from taskloom.runs.layout import default_store
from taskloom.runs.query import asks_for, parse_filter
from taskloom.runs.rows import with_status
from taskloom.runs.run import Run
from taskloom.settling import settled
from taskloom.show.cells import table_html
from taskloom.show.frames import frame_of

if TYPE_CHECKING:
    from pandas import DataFrame


def list_tasks(domain: str = "") -> list[TaskInfo]:
    """Return the installed tasks, by domain; nothing of them is imported.

        >>> import taskloom as tl
        >>> "hci/pointing" in [task.name for task in tl.list_tasks("hci")]
        True

    Args:
        domain: Only this one.

    Raises:
        UnknownNameError: There is no such domain.
        MissingExtraError: It is one of taskloom's own, and not installed.
    """
    entries = [find_domain(domain)] if domain else installed_domains()
    return [
        TaskInfo(
            f"{task.domain}/{task.ref.name}",
            task.ref.summary,
            task.ref.version,
            task.distribution,
            source=task.ref.target,
        )
        for entry in entries
        for task in tasks_of(entry.ref.name)
    ]


def info(task: Asked) -> TaskInfo:
    """Return what a task is, takes and needs.

        >>> import taskloom as tl
        >>> "episodes" in [row["name"] for row in tl.info("hci/pointing").parameters]
        True

    Args:
        task: Its name, `domain/task`; a file, `one.py:Coin`; or its class.

    Raises:
        UnknownNameError: There is no such task.
        PluginError: It cannot be loaded.
    """
    return info_of(find_asked(task))


class Runs(Sequence[Run]):
    """Runs of a store, the oldest first.

    Args:
        runs: The runs.
        damaged: The folders whose record cannot be read.
    """

    def __init__(self, runs: Iterable[Run], damaged: Iterable[Damaged] = ()) -> None:
        self._runs = tuple(runs)
        self.damaged = tuple(damaged)

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> Runs: ...

    def __getitem__(self, index: int | slice) -> Run | Runs:
        """Return one run, or some."""
        return Runs(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._runs)

    def __repr__(self) -> str:
        return f"Runs({[run.id for run in self._runs]})"

    def frame(self) -> DataFrame:
        """Return one row a run: `id`, `task`, `status`, `reused`, and columns `config.*` and `metrics.*`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return frame_of(self)

    def _repr_html_(self) -> str:
        rows = [
            {"run": run.id, "task": f"{run.domain}/{run.task}", "status": run.status, **run.metrics}
            for run in self
        ]
        return table_html(rows, f"{len(self)} runs" if len(self) != 1 else "1 run")


def runs(
    where: str | Iterable[str] = (), *, task: str = "", store: Path | str | None = None
) -> Runs:
    """Return the runs of a store that satisfy all filters, the oldest first.

        >>> import taskloom as tl
        >>> run = tl.run("hci/pointing", episodes=20)
        >>> run.id in [found.id for found in tl.runs("metrics.episodes = 20", task="hci/pointing")]
        True

    Args:
        where: Filters as `tasks runs ls --where` takes them: `"status = finished and metrics.auroc/fused > 0.9"`.
        task: Only runs of this task, `domain/task`; or of this domain.
        store: The store; else `TASKS_STORE`, else `./runs`.

    Raises:
        UsageError: A filter cannot be understood.
        StoreError: The store cannot be read.
    """
    listed = [where] if isinstance(where, str) and where else where
    is_many = isinstance(listed, Iterable)
    texts = settled("where", list(listed) if is_many else listed, Sequence[str])
    wanted = [parse_filter(text) for text in texts]
    place = default_store(settled("store", store, Path | None))
    rows, damaged = documents(place)
    if any(asks_for(text, "stale") for text in texts):
        rows = with_staleness(place, rows)
    found = (with_status(place, row) for row in reversed(rows))
    kept = (row for row in found if all(test(row) for test in wanted))
    names = [
        str(row["folder"]) for row in kept if _is_of(task, str(row["domain"]), str(row["task"]))
    ]
    return Runs(_readable(place, names), damaged)


def _is_of(asked: str, domain: str, task: str) -> bool:
    return asked in ("", domain, f"{domain}/{task}")


def _readable(store: Path, names: Iterable[str]) -> Iterator[Run]:
    for name in names:
        with contextlib.suppress(RunCorruptError):  # damaged since it was listed
            yield Run(store / name)
