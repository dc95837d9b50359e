"""The one path every run takes: construct, check, open, run or resume, finalise, report."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from taskloom.bound import BoundTask, bind
from taskloom.config import Config
from taskloom.devices import limited_threads
from taskloom.errors import (
    CheckFailedError,
    ConfigError,
    MissingExtraError,
    RunFailedError,
    TaskloomError,
)
from taskloom.identity.identify import Identified
from taskloom.identity.leaves import absolute
from taskloom.lifecycle.attempt import attempt
from taskloom.lifecycle.capture import captured, not_kept
from taskloom.lifecycle.console import Console, open_console
from taskloom.lifecycle.create import create_run, identify_asked
from taskloom.lifecycle.failure import describe_failure, first_line, trimmed_traceback
from taskloom.lifecycle.output import Output
from taskloom.lifecycle.refusal import recorded_refusals
from taskloom.lifecycle.within import within
from taskloom.lifecycle.workdir import working_in
from taskloom.params.layers import validate_record
from taskloom.records.run_record import read_record
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs import checkpoints
from taskloom.runs.layout import RunLayout
from taskloom.runs.locks import acquire
from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run
from taskloom.secrets import vault
from taskloom.sinks.sink import check_sinks
from taskloom.task import Finding


def run_task(
    loaded: LoadedTask,
    config: Config,
    options: RunOptions,
    origin: Origin = Origin(),
) -> Run:
    """Run a task from its beginning.

    Args:
        loaded: The task's factory and config class.
        config: The resolved config.
        options: How the run is kept; where it is placed was decided before.
        origin: Who asked for it.

    Returns:
        The run: finished, or stopped by a signal or by the time limit (then `exit_code` is 130 or 143).

    Raises:
        CheckFailedError: The task's own check found an error; nothing has been made.
        RunFailedError: The task raised; its record is finalised.
        StoreError: The store cannot be written.
    """
    now = identify_asked(loaded, config, options)
    # Nothing is made before the check has passed: what was refused leaves no run behind.
    with prepared(loaded, now, options) as (task, console):
        layout = create_run(loaded, config, options, origin, now=now)
        announce(layout, origin.sources, console)
        return perform(task, layout, console)


@contextmanager
def prepared(
    loaded: LoadedTask, now: Identified, options: RunOptions
) -> Iterator[tuple[BoundTask[Any, Config], Console]]:
    """Yield the task of what is asked for, checked, and the console of its run; nothing has been made yet.

    Raises:
        CheckFailedError: The task's own check found an error.
        RunFailedError: The factory raised.
    """
    keeps_output = options.capture == "yes"
    console = open_console(quiet=options.quiet, keeps_output=keeps_output, lead=loaded.domain.lead)
    try:
        check_sinks(options.sinks)
        with limited_threads(options.resources):
            yield prepare(loaded, now.config, console), console
    finally:
        console.close()


def continue_run(
    loaded: LoadedTask,
    layout: RunLayout,
    *,
    quiet: bool = False,
    time_limit: float = 0.0,
    report: bool = True,
    capture: bool = True,
) -> Run:
    """Run what a run folder describes: from its newest good checkpoint if there is one, else from the beginning.

    A run that has finished is returned as it is, so doing this twice is harmless. A `time_limit` [s] above 0 replaces the one
    that the run was made with: parameters cannot change, but how a run is executed can. `report` False leaves the report page
    to the caller, and `capture` False the terminal to the task.

    Raises:
        ConfigError: The task has changed its version or its parameters since the folder was made.
        StoreLockedError: Another process is running it.
    """
    console = open_console(quiet=quiet, keeps_output=capture, lead=loaded.domain.lead)
    try:
        record = read_record(layout.record)
        if record.status == "finished":
            return Run(layout.dir, record)
        config = read_config(loaded, layout, record)
        with limited_threads(record.resources):
            with recorded_refusals(lambda: layout):
                task = prepare(loaded, config, console, layout.output)
            return perform(task, layout, console, time_limit=time_limit, report=report)
    finally:
        console.close()


def check_version_of(loaded: LoadedTask, layout: RunLayout, record: RunRecord) -> None:
    """Refuse a run of another version of its task than the installed one.

    Raises:
        ConfigError: So it is.
    """
    entry = loaded.entry
    if record.version != entry.ref.version:
        raise ConfigError(
            f"The run {record.id} is of version {record.version} of '{entry.domain} {entry.ref.name}', and version "
            f"{entry.ref.version} is installed; it cannot be continued.",
            hint=f"Run it anew: tasks run {shlex.join(loaded.words)} --config {layout.config}",
        )


def read_config(loaded: LoadedTask, layout: RunLayout, record: RunRecord) -> Config:
    """Return the config of a run that was made before, with its paths absolute: they mean what they meant then.

    Raises:
        ConfigError: The task has changed its version or its parameters since.
    """
    check_version_of(loaded, layout, record)
    values = vault.complete(record.config, str(layout.dir), record.identity)
    config = validate_record(loaded.config_class, values, f"the record {layout.record}")
    if not record.cwd:
        return config  # an older taskloom did not keep the folder
    runs = {item.field: item.path for item in record.inputs if item.kind == "run"}
    return absolute(config, Path(record.cwd), runs)


def prepare(
    loaded: LoadedTask, config: Config, console: Console, output: Path | None = None
) -> BoundTask[Any, Config]:
    """Construct the task and let it check itself.

    Args:
        loaded: The task.
        config: Its config.
        console: Where to say what it finds.
        output: The file that keeps what it prints; without one the console does until there is a run.

    Raises:
        RunFailedError: The factory raised.
        PluginError: It returned something that is no task of its domain.
        CheckFailedError: The check found an error.
    """
    printed = Output(console)
    try:
        with captured(console, not_kept(console)) as printed:
            if output is not None:
                printed.keep(output)
            task = construct(loaded, config)
            findings = _find(task, loaded)
    except TaskloomError:
        if console.is_silent:  # there will be no run whose record could tell
            sys.stderr.write(printed.taken().decode("utf-8", "backslashreplace"))
        raise
    console.printed = printed.taken()
    errors = [finding.message for finding in findings if finding.level == "error"]
    if errors:
        raise CheckFailedError(" ".join(errors))
    for finding in findings:
        console.say(f"{finding.level}: {finding.message}")
    return task


def construct(loaded: LoadedTask, config: Config) -> BoundTask[Any, Config]:
    """Call the factory, and bind what it made.

    Raises:
        RunFailedError: The factory raised.
        PluginError: It returned something that is no task of its domain.
    """
    label = f"'{loaded.entry.domain} {loaded.entry.ref.name}'"
    try:
        return bind(loaded, config)
    except TaskloomError:
        raise
    except Exception as error:
        raise RunFailedError(
            f"Cannot construct {label}: {first_line(describe_failure(error))}.",
            hint=trimmed_traceback(error),
        ) from error


def check_task_instance(loaded: LoadedTask, config: Config) -> list[Finding]:
    """Construct the task and ask it whether it would run, without training anything."""
    try:
        task = construct(loaded, config)
    except MissingExtraError:
        raise
    except TaskloomError as error:
        return [Finding("error", error.message)]
    return _find(task, loaded)


def perform(
    task: BoundTask[Any, Config],
    layout: RunLayout,
    console: Console,
    *,
    time_limit: float = 0.0,
    report: bool = True,
) -> Run:
    """Hold the lock of a run, run or resume its task, finalise its record and write its report."""
    lock = acquire(layout.lock, told=console.say)
    try:
        # Read again under the lock: another process may have finished the run meanwhile.
        record = read_record(layout.record)
        if record.status == "finished":
            return Run(layout.dir, record)
        if time_limit > 0:
            resources = dataclasses.replace(record.resources, time_limit=time_limit)
            record = dataclasses.replace(record, resources=resources)
        checkpoints.sweep_leftovers(layout.checkpoints)
        with contextlib.suppress(OSError):
            layout.stop.unlink()  # a wish that an earlier attempt did not live to hear
        with within(record.identity), working_in(record.cwd):
            run = attempt(task, layout, record, console, lock, report=report)
    finally:
        lock.release()
    return run


def _find(task: BoundTask[Any, Config], loaded: LoadedTask) -> list[Finding]:
    try:
        return task.check()
    except MissingExtraError:
        raise  # as a finding it would lose its exit code and the line that installs what is missing
    except TaskloomError as error:
        return [Finding("error", error.message)]
    except Exception as error:  # whatever a task's check raises is something it found
        label = f"{loaded.entry.domain} {loaded.entry.ref.name}"
        return [
            Finding(
                "error", f"The check of '{label}' raised {first_line(describe_failure(error))}."
            )
        ]


def announce(layout: RunLayout, sources: Mapping[str, str], console: Console) -> None:
    """Say that a run begins, and which of its values come from the environment."""
    console.say(f"run {layout.dir.name}")
    for path, source in sources.items():
        # The environment does not show on the command line, so what it decides is said aloud.
        if source.startswith("environment"):
            console.say(f"  {path} comes from the {source}")
