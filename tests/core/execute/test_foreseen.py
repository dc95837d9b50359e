"""A failure that the task foresaw: its sentence is told once, with its hint, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskloom import Config, Result, RunContext
from taskloom.errors import ConfigError
from taskloom.lifecycle.lifecycle import run_task
from taskloom.registry import LoadedTask, TaskEntry, TaskRef
from taskloom.request import RunOptions
from taskloom.runs import open_run


class _Hands(Config):
    """A task that refuses to work."""

    def run(self, ctx: RunContext) -> Result:
        raise ConfigError("too many hands", hint="use two")

    @property
    def config(self) -> _Hands:
        return self


def test_a_foreseen_failure_is_left_to_tell_to_the_code_that_catches_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = TaskEntry("probe", TaskRef("hands", "Made here.", "x:y"), "")
    loaded = LoadedTask(entry, lambda config: config, _Hands)
    with pytest.raises(ConfigError):
        run_task(loaded, _Hands(), RunOptions(store=tmp_path))
    run = open_run("@last", tmp_path)
    assert "too many hands" not in capsys.readouterr().err
    assert "too many hands" in run.layout.log.read_text()
    failure = run.record.failure
    assert failure is not None
    assert (failure.message, failure.hint, failure.foreseen) == ("too many hands", "use two", True)
