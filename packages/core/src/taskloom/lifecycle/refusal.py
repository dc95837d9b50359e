"""Recording a run that never began: its task could not be built, or its own check found an error.

The folder of such a run is for its submitter to read. One that belongs to a sweep is removed again as soon as it is read: of what
is refused nothing stays but the sentence in the sweep's table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from taskloom.errors import MissingExtraError, PluginError, StoreError, TaskloomError, UsageError
from taskloom.lifecycle.console import SilentConsole
from taskloom.lifecycle.failure import describe_failure, first_line
from taskloom.lifecycle.logs import logging_to
from taskloom.records.run_record import read_record
from taskloom.runs import index
from taskloom.runs.layout import RunLayout
from taskloom.runs.locks import acquire
from taskloom.runs.record import begin_attempt, timestamp, write_record
from taskloom.runs.removal import remove_runs
from taskloom.runs.run import Run

_log = logging.getLogger(__name__)

# These are about the command line, the installation and the store: nothing was asked of the task yet.
_UNRECORDED = (UsageError, MissingExtraError, PluginError, StoreError)


@contextmanager
def recorded_refusals(layout: Callable[[], RunLayout]) -> Iterator[None]:
    """Record what the block raises as the failure of a run, and let it pass.

    Args:
        layout: Returns the run's folder; called only if there is something to record.

    Raises:
        TaskloomError: What the block raised.
        StoreLockedError: Another process is running the run.
    """
    try:
        yield
    except TaskloomError as error:
        _record(layout(), error)
        raise


def refusal_of(run: Run) -> str:
    """Return why a run of a sweep never began, in a sentence; empty if it did."""
    failure = run.record.failure
    if run.status != "failed" or run.record.attempts or failure is None:
        return ""
    said = failure.message if failure.foreseen else first_line(failure)
    return f"{said} ({failure.hint})" if failure.hint else said


def remove_refused(run: Run) -> None:
    """Remove the folder of a run that never began; one that another process holds stays."""
    with suppress(StoreError):
        remove_runs([run.dir], run.dir.parent)
        index.note(run.dir)


def _record(layout: RunLayout, error: TaskloomError) -> None:
    lock = acquire(layout.lock)
    try:
        record = read_record(layout.record)
        if record.status == "finished":
            return  # by another process, meanwhile
        is_kept = bool(record.attempts) or not record.sweep
        if isinstance(error, StoreError if not is_kept else _UNRECORDED):
            return
        with logging_to(layout.log, SilentConsole()):
            _log.error("%s", error.message)
        failure = describe_failure(error.__cause__ or error)
        # Of a sweep, one without attempts was refused.
        begun = begin_attempt(record) if is_kept else record
        ended = begun.becoming(
            "failed", ended=timestamp(), failure=failure, exit_code=int(error.exit_code)
        )
        write_record(layout.record, ended)
        index.note(layout.dir)
    finally:
        lock.release()
