"""Run options are fields of one record: each is an option of `tasks run` and `tasks sweep` without another declaration."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any

import pytest
from taskloom import Resources, RunOptions
from taskloom.cli.options import OptionList, read_size, read_time
from taskloom.errors import UsageError
from taskloom.request import Flag

Tasks = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extended(RunOptions):
    """The options of a version to come.

    Attributes:
        cool_down: Wait between attempts.
    """

    cool_down: Annotated[int, Flag("N")] = 0


def test_a_new_field_is_an_option_without_another_edit() -> None:
    made = OptionList(_Extended).parameters()
    assert list(made)[-1] == "cool_down"
    (option,) = made["cool_down"].annotation.__metadata__
    assert (option.default, option.metavar, option.help) == (
        "--cool-down",
        "N",
        "Wait between attempts.",
    )
    given = {name: parameter.default for name, parameter in made.items()}
    assert OptionList(_Extended).read({**given, "cool_down": 3}) == _Extended(cool_down=3)


def test_a_command_line_without_options_gives_the_defaults() -> None:
    given = {name: item.default for name, item in OptionList(RunOptions).parameters().items()}
    assert OptionList(RunOptions).read(given) == RunOptions()


def test_options_are_read_into_their_fields() -> None:
    listed = OptionList(RunOptions)
    given = {name: item.default for name, item in listed.parameters().items()}
    said = {"tags": ["a"], "cpus": 2, "nodes": 3, "memory": "2K", "time_limit": "1m", "force": True}
    assert listed.read({**given, **said}) == RunOptions(
        tags=("a",), resources=Resources(2, 0, 3, 2048, 60.0), force=True
    )


def _own_options(text: str) -> list[str]:
    panel = text.partition("Run options:")[2]
    return re.findall(r"^  (--[a-z-]+)", panel, re.MULTILINE)


def test_help_lists_the_options_in_their_order(tasks: Tasks) -> None:
    assert _own_options(tasks("run", "garden", "grow", "--help").out) == [
        *("--config", "--dry-run", "--explain", "--print-config", "--verbose", "--json", "--store"),
        *(
            "--name",
            "--tag",
            "--force",
            "--fresh",
            "--resume",
            "--accept",
            "--accept-changes",
            "--claimed",
        ),
        *(
            "--inputs",
            "--cwd",
            "--report",
            "--prepare",
            "--executor",
            "--cpus",
            "--gpus",
            "--nodes",
        ),
        *(
            "--memory",
            "--time-limit",
            "--sink",
            "--keep-best",
            "--parent",
            "--capture",
            "--quiet",
            "--param",
        ),
        "--help",
    ]
    assert _own_options(tasks("sweep", "garden", "grow", "--help").out) == [
        *("--config", "--file", "--zip", "--sample", "--sample-seed", "--optimize", "--trials"),
        *("--executor", "--jobs", "--fail-fast", "--cpus", "--gpus", "--nodes", "--memory"),
        *("--time-limit", "--sink", "--keep-best", "--force", "--fresh", "--resume", "--accept"),
        *(
            "--accept-changes",
            "--claimed",
            "--inputs",
            "--cwd",
            "--capture",
            "--report",
            "--dry-run",
            "--store",
        ),
        *("--json", "--param", "--help"),
    ]


def test_every_option_is_taken_by_a_command(tasks: Tasks) -> None:
    taken = {
        *_own_options(tasks("run", "garden", "grow", "--help").out),
        *_own_options(tasks("sweep", "garden", "grow", "--help").out),
    }
    singular = {"tags": "tag", "sinks": "sink", "resources": "cpus"}
    for item in fields(RunOptions):
        if item.name == "task_domain":
            continue  # `--domain` is that of a task in a file: tests/core/python/test_files.py gives it
        name = singular.get(item.name, item.name).replace("_", "-")
        assert f"--{name}" in taken


def test_help_names_the_installed_executors_and_sinks(tasks: Tasks) -> None:
    shown = " ".join(tasks("run", "garden", "grow", "--help").out.split())
    assert "Place the run: inline, local, ray or slurm." in shown
    assert "Send metrics to mlflow, tensorboard or wandb too." in shown


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("512M", 512 << 20), ("4g", 4 << 30), ("1.5KB", 1536), ("10", 10)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 0), ("90s", 90), ("30m", 1800), ("12H", 43200), ("2", 2), ("1d", 86400)],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert read_time(text) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "0", "inf", "nan", "3x"])
def test_what_is_no_size_and_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--memory is"):
        read_size(text)
    with pytest.raises(UsageError, match="--time-limit is"):
        read_time(text)
