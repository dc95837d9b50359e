"""The conformance suites for components, executors and sinks: what is right passes, what is wrong is named."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from taskloom import Resources
from taskloom.placement.executor import Job
from taskloom.placement.inline import InlineExecutor, open_executor as open_inline
from taskloom.placement.local import open_executor as open_local
from taskloom.runs import Run
from taskloom.sinks import group
from taskloom.testing import ConformanceError, check_component, check_executor, check_sink

_COMPONENTS = '''
from typing import Literal
from taskloom import Component

class Good(Component):
    """A good one."""
    kind: Literal["good"] = "good"
    width: int = 3
    """Width."""

class Silent(Component):
    """One whose field has no sentence."""
    kind: Literal["silent"] = "silent"
    width: int = 3

class Mute(Component):
    kind: Literal["mute"] = "mute"
'''


@pytest.fixture
def components(install: Callable[..., Path]) -> None:
    """Three components of one group."""
    lines = "".join(f"{name.lower()} = parts:{name}\n" for name in ("Good", "Silent", "Mute"))
    install("parts", f"[lab.parts]\n{lines}", parts=_COMPONENTS)


@pytest.mark.usefixtures("components")
def test_good_component_passes() -> None:
    assert "it survives TOML" in check_component("lab.parts", "good", width=5)


@pytest.mark.usefixtures("components")
@pytest.mark.parametrize(
    ("name", "complaint"),
    [("silent", "no sentence under the field of part.width"), ("mute", "has no docstring")],
)
def test_bad_component_is_named(name: str, complaint: str) -> None:
    with pytest.raises(ConformanceError, match=complaint):
        check_component("lab.parts", name)


class Keeping:
    """A sink that takes everything."""

    def __init__(self, folder: Path, record: object) -> None:
        del record
        self.folder = folder

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Take a line."""

    def close(self, run: Run, /) -> None:
        """Take the end."""


class Raising(Keeping):
    """One whose server is gone."""

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        raise ConnectionError("the server is gone")


class Slow(Keeping):
    """One that takes longer than a run's end waits."""

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        time.sleep(0.2)


def test_good_sink_passes() -> None:
    assert len(check_sink(lambda: Keeping)) == 2


@pytest.mark.parametrize(
    ("sink", "complaint"),
    [
        (Raising, "it raised ConnectionError: the server is gone"),
        (Slow, "it had not taken 20 lines"),
    ],
)
def test_bad_sink_is_named(
    monkeypatch: pytest.MonkeyPatch, sink: type[Keeping], complaint: str
) -> None:
    monkeypatch.setattr(group, "PATIENCE", 1.0)
    with pytest.raises(ConformanceError, match=complaint):
        check_sink(lambda: sink)


class _Forgetful(InlineExecutor):
    """An executor that forgets to run anything."""

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        return super().submit([], resources) or [_Done() for _ in folders]


class _Done:
    id = "1"

    def has_ended(self) -> bool:
        return True

    def cancel(self) -> None:
        """Nothing runs."""


def test_good_executors_pass() -> None:
    assert len(check_executor(open_inline)) == 2
    assert len(check_executor(open_local)) == 5


def test_executor_that_runs_nothing_is_named() -> None:
    with pytest.raises(ConformanceError, match="a run is placed and finishes: the run is created"):
        check_executor(lambda jobs: _Forgetful())
