"""Shared pieces: `tasks` with a store of its own, and plugins of one module, as the cases have them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cases_tasks import Tasks


@pytest.fixture
def plugin(
    install: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Tasks]:
    """Return a maker of plugins; each gives the `tasks` that sees it, here and in processes of its own.

    The first module is the task's, `{name}_case`; others are added by name.
    """
    numbers = itertools.count()

    def make(name: str, source: str, like: str = "", **modules: str) -> Tasks:
        manifest = (
            "from taskloom import DomainRef, TaskRef\n"
            f"DOMAIN = DomainRef(name={name!r}, summary='A test.', extra='', "
            f"tasks=(TaskRef('one', 'A task.', '{name}_case:{like or 'One'}'),))\n"
        )
        site = install(
            f"{name}-case",
            f"[taskloom.domains]\n{name} = {name}_manifest:DOMAIN\n",
            **{f"{name}_case": source, f"{name}_manifest": manifest, **modules},
        )
        place = tmp_path / f"place-{next(numbers)}"
        place.mkdir()
        for variable in [name for name in os.environ if name.startswith("TASKS_")]:
            monkeypatch.delenv(variable)
        settings = {
            "OMP_NUM_THREADS": "1",
            "NO_COLOR": "1",
            "TASKS_STORE": str(place / "runs"),
            "PYTHONPATH": str(site),
        }
        for variable, text in settings.items():
            monkeypatch.setenv(variable, text)
        return Tasks(dict(os.environ), capsys)

    return make
