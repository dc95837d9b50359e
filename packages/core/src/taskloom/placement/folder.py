"""Running what a run folder describes: what every worker does, wherever it was placed."""

from __future__ import annotations

from pathlib import Path

from taskloom.devices import launch, limited_threads
from taskloom.errors import ExitCode
from taskloom.given.tasks import recorded_task
from taskloom.lifecycle.capture import captured
from taskloom.lifecycle.console import SilentConsole
from taskloom.lifecycle.lifecycle import construct, continue_run, read_config
from taskloom.lifecycle.output_file import SharedFile
from taskloom.lifecycle.refusal import recorded_refusals
from taskloom.placement.follower import follow
from taskloom.records.run_record import read_record
from taskloom.registry.entries import LoadedTask
from taskloom.runs.layout import RunLayout
from taskloom.runs.run import Run


def _load(layout: RunLayout) -> LoadedTask:
    record = read_record(layout.record)
    return recorded_task(record)


def execute_folder(folder: Path, *, report: bool = True, capture: bool = True) -> Run:
    """Load the task that the folder names, and run or continue it in silence; without `capture` its output is its own.

    Raises:
        RunCorruptError: The folder holds no record.
        RunFailedError: The task raised.
        StoreLockedError: Another process is running it.
    """
    layout = RunLayout(folder.absolute())
    with recorded_refusals(lambda: layout):  # a file may be gone, or raise when it is loaded
        loaded = _load(layout)
    return continue_run(loaded, layout, quiet=True, report=report, capture=capture)


def follow_folder(folder: Path) -> ExitCode:
    """Compute along with the process of rank 0 that runs the folder, and record nothing.

    Raises:
        RunCorruptError: The folder holds no record.
        ConfigError: The task has changed since the folder was made.
        RunFailedError: The task cannot be constructed.
    """
    layout = RunLayout(folder.absolute())
    record = read_record(layout.record)
    if record.status == "finished":
        return ExitCode.OK
    loaded = _load(layout)
    file = SharedFile(launch().rank)
    with limited_threads(record.resources), captured(SilentConsole(), file=file) as output:
        output.keep(layout.output)
        task = construct(loaded, read_config(loaded, layout, record))
        return follow(task, layout, record)
