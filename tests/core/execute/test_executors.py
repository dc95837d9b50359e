"""Executors by name: those that are installed, a plugin's among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from taskloom import RunOptions
from taskloom.errors import MissingExtraError, PluginError, UnknownNameError, UsageError
from taskloom.placement.executor import check_executor, open_executor
from taskloom.registry.installed import named_targets
from taskloom.sweeps.expand import Choices, Plan
from taskloom.sweeps.record import create_sweep
from taskloom.sweeps.sweep import plan_points, run_sweep
from taskloom_probe.support import load

pytestmark = pytest.mark.usefixtures("probe_domain")

_PLUGIN = """
from taskloom.errors import MissingExtraError
from taskloom.placement.inline import InlineExecutor

opened = []

def open_lab(jobs, /):
    opened.append(jobs)
    return InlineExecutor()

def open_absent(jobs, /):
    raise MissingExtraError("The absent executor needs a library that is not installed.")
"""


@pytest.fixture
def plugin(install: Callable[..., Path]) -> None:
    """Four executors of another distribution: one works, one lacks its library, one is not there, one has a name of ours."""
    lines = "lab = labex:open_lab\nabsent = labex:open_absent\nbroken = labex:nothing\nlocal = labex:open_lab\n"
    install("labex", f"[taskloom.executors]\n{lines}", labex=_PLUGIN)


class Silent:
    """A watcher that does nothing."""

    def placed(self, folder: Path, attempt: int, /) -> None: ...

    def ended(self, run: object, /) -> None: ...

    def tick(self) -> None: ...


def test_the_shipped_executors_are_installed() -> None:
    assert list(named_targets("taskloom.executors")) == ["inline", "local", "ray", "slurm"]
    for name in ("inline", "local"):
        executor = open_executor(name, 2)
        assert executor.capacity in (1, 2)
        executor.close()


@pytest.mark.usefixtures("plugin")
def test_a_plugins_executor_runs_a_sweep(tmp_path: Path) -> None:
    import labex  # type: ignore[import-not-found]  # written by the fixture

    points = plan_points(load("walk"), Plan({"steps": Choices(("2", "3"))}), {})
    record = create_sweep(
        load("walk"), points, RunOptions(store=tmp_path / "s", executor="lab", jobs=5)
    )
    swept = run_sweep(load("walk"), record, tmp_path / "s", Silent())
    assert (swept.exit_code, labex.opened) == (0, [5])


@pytest.mark.usefixtures("plugin")
def test_a_plugin_takes_no_name_of_ours_and_fails_by_itself() -> None:
    assert named_targets("taskloom.executors")["local"] == "taskloom.placement.local:open_executor"
    with pytest.raises(MissingExtraError, match="absent executor") as missing:
        open_executor("absent")
    assert missing.value.exit_code == 4
    with pytest.raises(PluginError, match="Executor 'broken' cannot be loaded"):
        open_executor("broken")


def test_plugins_of_others_can_be_left_out(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("labex", "[taskloom.executors]\nlab = labex:open_lab\n", labex=_PLUGIN)
    monkeypatch.setenv("TASKLOOM_DISABLE_PLUGINS", "1")
    assert list(named_targets("taskloom.executors")) == ["inline", "local", "ray", "slurm"]


def test_names_and_numbers_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="There is no executor 'lokal'") as caught:
        check_executor("lokal")
    assert caught.value.hint == "did you mean 'local'?"
    with pytest.raises(UsageError, match="number of jobs is -1"):
        check_executor("local", -1)
