"""`check_task`: what every task has to keep to, one named check at a time."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from taskloom.registry.discovery import installed_domains, tasks_of
from taskloom.registry.entries import LoadedTask, TaskEntry
from taskloom.registry.factory import as_factory
from taskloom.registry.refs import TaskRef
from taskloom.registry.resolve import find_domain
from taskloom.testing import config_checks, resume_checks, run_checks
from taskloom.testing.report import ConformanceError, complaint_of
from taskloom.testing.trial import Trial

Check = Callable[[Trial], "str | None"]
"""A check returns None, or one sentence on what is wrong."""

CHECKS: dict[str, Check] = {**config_checks.CHECKS, **run_checks.CHECKS, **resume_checks.CHECKS}


def check_task(
    factory: Callable[..., Any],
    /,
    *,
    domain: str = "",
    varying: Sequence[str] = (),
    **overrides: object,
) -> list[str]:
    """Check that a task keeps to the contract.

    Args:
        factory: The task's class, or a function that makes one from its config.
        domain: The domain of a task that does not run itself and is not registered yet: `domain="hci"`.
        varying: Patterns (`*_ms`) of metrics that differ from run to run, because they measure time.
        **overrides: Parameters that make a run tiny, a second or two: `check_task(MyTask, steps=3, detector={"rank": 1})`.

    Returns:
        The names of the checks that passed.

    Raises:
        ConformanceError: A check failed.
    """
    with tempfile.TemporaryDirectory(prefix="check-task-") as name:
        trial = Trial(load_factory(factory, domain), overrides, varying, Path(name).resolve())
        working = trial.folder / "working-folder"
        working.mkdir()
        passed, failed = [], []
        with _working_in(working):
            for title, check in CHECKS.items():
                complaint = complaint_of(partial(check, trial))
                if complaint is None:
                    passed.append(title)
                else:
                    failed.append(f"{title}: {complaint}")
                    if title == run_checks.FIRST:
                        break  # every later check would only say the same again
    if failed:
        label = getattr(factory, "__qualname__", repr(factory))
        raise ConformanceError(
            f"{label} fails {len(failed)} of {len(CHECKS)} checks:\n" + "\n".join(failed)
        )
    return passed


def load_factory(factory: Callable[..., Any], domain: str) -> LoadedTask:
    """Return the task as the registry would; one that is registered keeps its name, version and domain."""
    what = f"the factory {getattr(factory, '__qualname__', factory)}"
    target = f"{getattr(factory, '__module__', '')}:{getattr(factory, '__qualname__', '')}"
    for installed in installed_domains():
        for entry in tasks_of(installed.ref.name):
            if entry.ref.target == target:
                return LoadedTask(entry, *as_factory(factory, what, installed.ref), installed.ref)
    entry = TaskEntry(domain or "check", TaskRef("task", "A task under test.", target), "")
    if not domain:
        return LoadedTask(entry, *as_factory(factory, what))
    ref = find_domain(domain).ref
    return LoadedTask(entry, *as_factory(factory, what, ref), ref)


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
