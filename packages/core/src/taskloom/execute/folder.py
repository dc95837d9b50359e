"""Running what a run folder describes: what every worker does, wherever it was placed."""

from __future__ import annotations

from pathlib import Path

from taskloom.execute.lifecycle import continue_run
from taskloom.registry import find_task, load_task
from taskloom.runs.layout import RunLayout
from taskloom.runs.record import read_record
from taskloom.runs.run import Run


def execute_folder(folder: Path, *, report: bool = True) -> Run:
    """Load the task that the folder names, and run or continue it in silence.

    Raises:
        RunCorruptError: The folder holds no record.
        RunFailedError: The task raised.
        StoreLockedError: Another process is running it.
    """
    layout = RunLayout(folder.absolute())
    record = read_record(layout.record)
    loaded = load_task(find_task(record.domain, record.task))
    return continue_run(loaded, layout, quiet=True, report=report)
