"""Continuing one recorded run: only what has not changed since goes on without a word of consent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskloom.config import Config
from taskloom.errors import StoreLockedError, TaskloomError, UsageError
from taskloom.given.tasks import recorded_task
from taskloom.identity.identify import Identified, identify
from taskloom.identity.records import Reason
from taskloom.lifecycle.decision import Decision, continued, counted, unaccepted
from taskloom.lifecycle.lifecycle import check_version_of, continue_run
from taskloom.params.layers import validate_record
from taskloom.registry.entries import LoadedTask
from taskloom.runs import claims
from taskloom.runs.run import Run
from taskloom.secrets import vault


@dataclass(frozen=True, slots=True)
class Resumption:
    """Options of `tasks resume RUN`.

    Attributes:
        accept_changes: Go on although something has changed, and record it.
        cwd: The folder that relative paths count from; None for that of the run.
        time_limit: Time after which it is asked to stop [s]; 0 for that of the run.
        quiet: Say nothing while it runs.
        capture: Keep what the task prints, or else leave it the terminal.
        ask: Asks a person; None where there is none.
    """

    accept_changes: bool = False
    cwd: Path | None = None
    time_limit: float = 0.0
    quiet: bool = False
    capture: bool = True
    ask: Callable[[str], bool] | None = None


def resume_run(run: Run, asked: Resumption, say: Callable[[str], None]) -> tuple[Run, bool]:
    """Continue a run from its newest checkpoint, and return it with whether anything was computed.

    Args:
        run: The run.
        asked: What the caller allows.
        say: Tells a line to a person.

    Raises:
        UsageError: Something has changed, and it was not accepted.
        ConfigError: The task has changed its version or its parameters.
        StoreLockedError: A process is running it, or computes the same.
        RunFailedError: The task raised.
    """
    if run.status == "running":
        holder = claims.Holder(run.record.pid, run.record.host)
        raise StoreLockedError(
            f"The run {run.id} is running in {holder}; there is nothing to resume."
        )
    if run.status == "finished":
        say(f"note: the run {run.id} has finished; there is nothing to resume")
        for sentence in _changes_of(run, asked.cwd):
            say(f"note: {sentence}")
        return run, False
    loaded = recorded_task(run.record)
    check_version_of(loaded, run.layout, run.record)
    config, now = _identify(loaded, run, asked.cwd)
    found = counted(run, now)
    if unaccepted(run, now):
        _consent(run, found, asked, say)
    claim = claims.take(run.dir.parent, run.record.identity, told=say)
    if claim is None:
        holder = claims.holder(run.dir.parent, run.record.identity) or claims.Holder()
        raise StoreLockedError(
            f"The run {run.id} cannot go on: {holder} computes the same.",
            hint="wait for it to end, or stop that process",
        )
    with claim:
        claim.name(run.id)
        decision = Decision("continue", run, tuple(found))
        run = continued(decision, now, config)
        for line in decision.lines():
            say(line)
        limit = asked.time_limit
        run = continue_run(
            loaded, run.layout, quiet=asked.quiet, time_limit=limit, capture=asked.capture
        )
    run.stale = tuple(decision.stale)
    return run, True


def _identify(loaded: LoadedTask, run: Run, cwd: Path | None) -> tuple[Config, Identified]:
    """Return the config of a run as it was written, and what it asks for with its files as they are now."""
    record, store = run.record, run.dir.parent
    values = vault.complete(record.config, str(run.dir), record.identity)
    config = validate_record(loaded.config_class, values, f"the record {run.layout.record}")
    where = cwd or (Path(record.cwd) if record.cwd else None)
    now = identify(loaded, config, cwd=where, store=store)
    if any(item.kind == "folder" for item in record.inputs) and unaccepted(run, now):
        # The record does not say what told that a folder is the same: its content, or the times of its files.
        by_time = identify(loaded, config, cwd=where, store=store, by_time=True)
        now = now if unaccepted(run, by_time) else by_time
    return config, now


def _changes_of(run: Run, cwd: Path | None) -> list[str]:
    """Return what has changed since a run that has finished; nothing where its task cannot be loaded any more."""
    try:
        loaded = recorded_task(run.record)
        return [reason.sentence for reason in counted(run, _identify(loaded, run, cwd)[1])]
    except TaskloomError:
        return []


def _consent(
    run: Run, found: Sequence[Reason], asked: Resumption, say: Callable[[str], None]
) -> None:
    """Have changes accepted, by an option or by a person; a run that failed is often repaired by what has changed.

    Raises:
        UsageError: They were not.
    """
    if asked.accept_changes:
        return
    told = [reason.sentence for reason in found]
    if run.status == "failed" and asked.ask is not None:
        for sentence in told:
            say(sentence)
        if asked.ask(f"Continue {run.id} all the same?"):
            return
    raise UsageError(
        f"The run {run.id} cannot go on as it began: {'; '.join(told)}.",
        hint="--accept-changes goes on and records it; tasks run begins anew",
    )
