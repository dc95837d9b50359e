"""Recording a run that never began: its task could not be built, or its own check found an error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from taskloom.errors import MissingExtraError, PluginError, StoreError, TaskloomError, UsageError
from taskloom.lifecycle.console import SilentConsole
from taskloom.lifecycle.failure import describe_failure
from taskloom.lifecycle.logs import logging_to
from taskloom.records.run_record import read_record
from taskloom.runs import index
from taskloom.runs.layout import RunLayout
from taskloom.runs.locks import acquire
from taskloom.runs.record import begin_attempt, timestamp, write_record

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
        if not isinstance(error, _UNRECORDED):
            _record(layout(), error)
        raise


def _record(layout: RunLayout, error: TaskloomError) -> None:
    lock = acquire(layout.lock)
    try:
        record = read_record(layout.record)
        if record.status == "finished":
            return  # by another process, meanwhile
        with logging_to(layout.log, SilentConsole()):
            _log.error("%s", error.message)
        failure = describe_failure(error.__cause__ or error)
        ended = begin_attempt(record).becoming(
            "failed", ended=timestamp(), failure=failure, exit_code=int(error.exit_code)
        )
        write_record(layout.record, ended)
        index.note(layout.dir)
    finally:
        lock.release()
