"""One attempt at a run: from the moment its lock is held until its record is final."""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import logging
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from taskloom.bound import BoundTask
from taskloom.errors import (
    ExitCode,
    ProcessLostError,
    RunFailedError,
    StoreError,
    StoreLockedError,
    TaskloomError,
)
from taskloom.identity.witness import Witness
from taskloom.lifecycle.capture import captured, not_kept
from taskloom.lifecycle.console import VOICE, Console
from taskloom.lifecycle.context import LiveContext
from taskloom.lifecycle.failure import describe_failure, first_line, is_loss, is_store_failure
from taskloom.lifecycle.logs import FILE_ONLY, logging_to
from taskloom.lifecycle.signals import StopRequest
from taskloom.records.names import check_metric_name
from taskloom.report.write import write_report
from taskloom.runs import checkpoints, index
from taskloom.runs.layout import RunLayout
from taskloom.runs.locks import Held
from taskloom.runs.record import Failure, RunRecord, Stored, begin_attempt, timestamp, write_record
from taskloom.runs.run import Run
from taskloom.secrets.redaction import IN_CONFIGS as IN_NAMES, KNOWN
from taskloom.seeding import recording_seeds
from taskloom.sinks.group import open_sinks
from taskloom.task import Result
from taskloom.units import FILE, NAME

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _End:
    """End of an attempt. One that lost a process stays `running`: once its lock is free it counts as crashed."""

    status: Stored
    exit_code: ExitCode
    result: Result = field(default_factory=Result)
    failure: Failure | None = None
    error: BaseException | None = None


def attempt(
    task: BoundTask[Any, Any],
    layout: RunLayout,
    record: RunRecord,
    console: Console,
    held: Held,
    *,
    report: bool = True,
) -> Run:
    """Run or resume the task, and finalise the record whatever happens. `held` is the run's lock.

    Raises:
        RunFailedError: The task raised.
        StoreLockedError: Another process has taken the run over meanwhile.
        ProcessLostError: A process that shared the work is gone.
        StoreError: The record cannot be written.
    """
    stop = StopRequest(graceful=task.can_resume(), begun=False)
    held.on_lost = stop.ask
    held.on_beat = partial(_heed, layout, stop)
    with logging_to(layout.log, console), captured(console, not_kept(console)) as output:
        output.keep(layout.output)
        output.take(console.printed, shows=False)  # while the task was made; that has been shown
        record = dataclasses.replace(begin_attempt(record), output=output.not_kept)
        checkpoint = checkpoints.newest_good(layout.checkpoints) if task.can_resume() else None
        held.tell(checkpoint.dir.name if checkpoint else "")
        if checkpoint is None and record.attempts > 1:
            _log.info("no checkpoint to continue from: beginning at the start")
        sinks = open_sinks(record.sinks, layout.dir, record)
        goes_on = checkpoint is not None
        witness = Witness(task, layout, record, goes_on=goes_on, is_own_process=_is_unattended())
        # From the first file of the run on, which others may wait for, a signal is a wish to stop.
        with stop.installed(record.resources.time_limit):
            ctx = LiveContext(
                layout,
                record,
                console,
                stop,
                checkpoint.dir if checkpoint else None,
                sinks=sinks,
                witness=witness,
                held=held,
            )
            try:
                with recording_seeds(ctx.seeds), witness:
                    # After the code is noted: a record that says running without it could not be gone on with after a death.
                    write_record(layout.record, record)
                    end = _run(task, ctx, layout, checkpoint.dir if checkpoint else None, stop)
                    record = _finalise(task, layout, record, ctx, end, held, witness)
                    run = Run(layout.dir, record)
                    _tell_git(witness, console)
                    sinks.close(run)
                    output.settle()
                    if report and record.has_report and end.status != "running":
                        _write_report(run, console)
            finally:
                ctx.close()
    return _conclude(run, end, console)


def _run(
    task: BoundTask[Any, Any],
    ctx: LiveContext,
    layout: RunLayout,
    checkpoint: Path | None,
    stop: StopRequest,
) -> _End:
    """Call the task and classify how it ended. Tasks raise ordinary exceptions; this is the boundary."""
    try:
        if checkpoint is not None:
            _log.info("continuing from the checkpoint of step %d", checkpoints.step_of(checkpoint))
        stop.begin()
        result = task.run(ctx, checkpoint)
        stop.settle()
        _check_result(result)
        result = _with_units(ctx, result)
    except BaseException as error:  # a task may raise anything, SystemExit included
        stop.settle()
        # Libraries (Lightning is one) turn an interruption into an exception of their own.
        if stop.interrupted or isinstance(error, KeyboardInterrupt):
            return _End("stopped", stop.exit_code)
        return _lost(layout, error) if is_loss(error) else _failed(layout, error)
    if stop.noticed:
        return _End("stopped", stop.exit_code, result)
    return _End("finished", ExitCode.OK, result)


def _lost(layout: RunLayout, error: BaseException) -> _End:
    """Tell that this attempt is over and the run is not: its executor may place it again."""
    failure = describe_failure(error)
    _log.error("a process was lost: %s", first_line(failure), exc_info=error)
    told = ProcessLostError(
        f"The run {layout.dir.name} lost a process that shared its work: {first_line(failure)} (log: {layout.log}).",
        hint=f"Continue it with: tasks resume {layout.dir.name}",
    )
    told.__cause__ = error
    return _End("running", ExitCode.FAILED, failure=failure, error=told)


def _failed(layout: RunLayout, error: BaseException) -> _End:
    """Tell what was foreseen, and needs its sentence alone, from what a traceback must explain."""
    failure = describe_failure(error)
    if isinstance(error, OSError) and is_store_failure(error, layout.dir):
        refused = StoreError(f"Cannot write into {layout.dir}: {error.strerror}.")
        refused.__cause__ = error
        error = refused
    if isinstance(error, TaskloomError):
        # The caller that catches the error reports it, with its hint; twice would be once too often.
        _log.error("%s", error.message, extra=FILE_ONLY)
        return _End("failed", error.exit_code, failure=failure, error=error)
    _log.error("the task raised %s", first_line(failure), exc_info=error, extra=FILE_ONLY)
    return _End("failed", ExitCode.FAILED, failure=failure, error=error)


def _check_result(result: object) -> None:
    if not isinstance(result, Result):
        raise TypeError(f"run(ctx) returned a {type(result).__name__}, not a taskloom.Result.")
    for name, value in result.metrics.items():
        check_metric_name(name)
        if not math.isfinite(float(value)):
            _log.warning("the final metric %s is %s", name, float(value))


def _is_unattended() -> bool:
    """Return whether this process is a command, a worker or a script, and no notebook or prompt that goes on afterwards."""
    is_notebook = "get_ipython" in vars(builtins) or "ipykernel" in sys.modules
    return not (is_notebook or hasattr(sys, "ps1") or sys.flags.interactive)


def _tell_git(witness: Witness, console: Console) -> None:
    """Write what git says, and say what it does not; without it the run is as good."""
    try:
        unknown = witness.write_git()
    except TaskloomError as error:
        unknown = f"commit unknown: {error.message}"
    if unknown:
        console.say(unknown)


def _heed(layout: RunLayout, stop: StopRequest) -> None:
    """Look for the file that asks the run to stop, where no signal reaches it."""
    if layout.stop.exists():
        with contextlib.suppress(OSError):
            layout.stop.unlink()
        stop.ask()


def _with_units(ctx: LiveContext, result: Result) -> Result:
    """Return the result with its units in a file of the run."""
    if result.units is None:
        return result
    path = ctx.artifact(FILE)
    result.units.save(path)
    return dataclasses.replace(result, artifacts={**result.artifacts, NAME: path})


def _units(
    task: BoundTask[Any, Any], record: RunRecord, result: Result
) -> dict[str, object] | None:
    """Return what the record tells of the units."""
    if result.units is None:
        return None
    name = f"{record.domain}/{record.task}"
    return result.units.record(name, record.version, task.config, record.inputs)


def _finalise(  # noqa: PLR0917 -- everything that the record tells of
    task: BoundTask[Any, Any],
    layout: RunLayout,
    record: RunRecord,
    ctx: LiveContext,
    end: _End,
    held: Held,
    witness: Witness,
) -> RunRecord:
    """Write how the run ended; aside, if another process has taken it over.

    Raises:
        StoreLockedError: Another process has.
        StoreError: The record cannot be written, and the run did not fail for a reason of its own.
    """
    concluded = witness.conclude()
    for warning in concluded.warnings:
        _log.warning("%s", warning)
    final = record.becoming(
        end.status,
        ended=timestamp(),
        duration=ctx.duration,
        seeds=dict(IN_NAMES.tree(ctx.seeds)),
        metrics=IN_NAMES.tree({name: float(value) for name, value in end.result.metrics.items()}),
        artifacts=_relative_artifacts(layout, _named(ctx, end.result)),
        summary=KNOWN.text(end.result.summary),
        headline=KNOWN.tree(end.result.headline.to_json()) if end.result.headline else None,
        units=_units(task, record, end.result),
        failure=end.failure,
        exit_code=int(end.exit_code),
        **concluded.fields,
    )
    try:
        try:
            write_record(layout.record, final, fence=held.ensure)
        except StoreLockedError as error:
            if ctx.is_superseded and ctx.aside is not None:
                write_record(ctx.aside.record, final)
                error.hint = f"What this attempt still wrote is in {ctx.aside.dir}."
            raise
        index.note(layout.dir)
    except StoreLockedError:
        raise
    except StoreError:
        # What the task raised says more than a disk that is full, which is often why it raised.
        if end.error is None:
            raise
    return final


def _named(ctx: LiveContext, result: Result) -> dict[str, Path]:
    """Return every artifact once: under the result's name for it, else under the one that its path was asked for with."""
    told = {(ctx.dir / path).resolve() for path in result.artifacts.values()}
    asked = {
        name: path for name, path in ctx.requested_artifacts.items() if path.resolve() not in told
    }
    return {**asked, **result.artifacts}


def _relative_artifacts(layout: RunLayout, artifacts: Mapping[str, Path]) -> dict[str, str]:
    root = layout.dir.resolve()
    found: dict[str, str] = {}
    for name, path in artifacts.items():
        actual = (layout.dir / path).resolve()
        if not actual.exists():
            _log.warning("the artifact %s is missing: %s", name, path)
        elif not actual.is_relative_to(root):
            _log.warning("the artifact %s lies outside the run folder: %s", name, path)
        elif IN_NAMES.text(place := actual.relative_to(root).as_posix()) != place:
            _log.warning(
                "the artifact %s is not recorded: its path holds the value of a secret", name
            )
        else:
            found[IN_NAMES.text(name)] = place
    return found


def _write_report(run: Run, console: Console) -> None:
    """Write the report page; without it the run is as good."""
    try:
        with console.progress(None, "writing the report"):
            write_report(run)
    except TaskloomError as error:
        console.say(f"no report: {error.message}")
        _log.info("no report: %s", error.message)
    except Exception as error:  # a domain's report must not fail a run that is over
        _log.warning("the report failed: %s", first_line(describe_failure(error)), exc_info=error)


def _conclude(run: Run, end: _End, console: Console) -> Run:
    seconds = f"{run.record.duration:.1f} s"
    if end.failure is not None:
        if isinstance(end.error, TaskloomError):
            raise end.error
        console.say(end.failure.traceback.rstrip())
        raise RunFailedError(
            f"The run {run.id} failed after {seconds}: {first_line(end.failure)} (log: {run.layout.log}).",
            hint=f"Continue it with: tasks resume {run.id}",
        ) from end.error
    if end.status == "stopped":
        console.say(f"stopped after {seconds}; continue it with: tasks resume {run.id}")
    elif VOICE.get() is not None:  # the command line ends with three lines of its own, on stdout
        console.say(f"finished in {seconds}" + (f": {run.summary}" if run.summary else ""))
        if run.layout.report.exists():
            console.say(f"report {run.layout.report}")
    return run
