"""Shared pieces of the cases: `tasks` with a store of its own, and plugins of one module."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cases_tasks import Tasks


@pytest.fixture
def make_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Tasks]:
    """Return a maker of `tasks`, each with a store of its own and the variables that are given."""
    numbers = itertools.count()
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TASKS_")}

    def make(**variables: str) -> Tasks:
        place = tmp_path / f"place-{next(numbers)}"
        place.mkdir()
        fixed = {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "TASKS_STORE": str(place / "runs")}
        return Tasks({**kept, **fixed, **variables}, capsys)

    return make


@pytest.fixture
def tasks(make_tasks: Callable[..., Tasks]) -> Tasks:
    """Give `tasks` with a store of its own."""
    return make_tasks()


@pytest.fixture
def plugin(install: Callable[..., Path], make_tasks: Callable[..., Tasks]) -> Callable[..., Tasks]:
    """Return a maker of plugins of one module; each gives the `tasks` that sees it."""

    def make(name: str, source: str, lines: str = "", like: str = "", **classes: str) -> Tasks:
        refs = "".join(
            f"    TaskRef({task!r}, 'A case.', '{name}_case:{attribute}'),\n"
            for task, attribute in classes.items()
        )
        # A domain whose tasks are run as those of one of ours.
        home = f"taskloom_{like}.domain"
        run_as = ("protocol", "config", "driver") if like else ()
        borrowed = "".join(f", {field}=ours.{field}" for field in run_as)
        manifest = (
            f"from taskloom import DomainRef, TaskRef\n{lines}\n"
            + (f"from {home} import DOMAIN as ours\n" if like else "")
            + f"DOMAIN = DomainRef(name={name!r}, summary='A case.', extra='', tasks=(\n{refs}){borrowed})\n"
        )
        site = install(
            f"{name}-case",
            f"[taskloom.domains]\n{name} = {name}_manifest:DOMAIN\n",
            **{f"{name}_case": source, f"{name}_manifest": manifest},
        )
        return make_tasks(PYTHONPATH=str(site))

    return make


@pytest.fixture
def episode() -> Callable[[Any], Any]:
    """Return a player of control tasks; it gives the closed loop at the end of an episode."""
    from taskloom.bound import BoundTask
    from taskloom_control import ClosedLoop  # heavy, and not for the other domains

    def play(task: Any) -> Any:  # noqa: ANN401 -- of any config
        loop = ClosedLoop(BoundTask(task, task.config, type(task)), 0, 0)
        try:
            while not loop.done:
                loop.advance()
        finally:
            loop.close()
        return loop

    return play
