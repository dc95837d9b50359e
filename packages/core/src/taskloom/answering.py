"""The one path from a question to its answer: look up, wait, check, claim, look up again, compute.

`tasks run`, `taskloom.run` and whatever else asks for one run come through here.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from taskloom.config import Config
from taskloom.errors import StoreLockedError, TaskloomError
from taskloom.given.tasks import check_placement
from taskloom.identity.identify import Identified
from taskloom.lifecycle.console import Console
from taskloom.lifecycle.create import create_run, identify_asked
from taskloom.lifecycle.decision import (
    Decision,
    Settled,
    continued,
    is_free,
    look,
    refuse_own_parent,
    settle,
)
from taskloom.lifecycle.lifecycle import announce, perform, prepared
from taskloom.lifecycle.terminal import fitted
from taskloom.placement.executor import INLINE, open_executor
from taskloom.placement.single import make_folder, place_run
from taskloom.registry.entries import LoadedTask
from taskloom.report.write import write_report
from taskloom.request import Origin, RunOptions
from taskloom.runs import amend, claims
from taskloom.runs.layout import RunLayout
from taskloom.runs.run import Run
from taskloom.secrets import vault

_PERIODS = (0.02, 0.5)  # [s] between looks at a process that is waited for: at first, and at most
_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """RunAnswer to a question.

    Attributes:
        run: The run; None where another process computes it and the caller does not wait.
        reused: Whether it had finished before.
        stale: Differences from now that were accepted, a sentence each.
        claimed: The process that computes it, where the caller does not wait.
    """

    run: Run | None
    reused: bool = False
    stale: tuple[str, ...] = ()
    claimed: claims.Holder | None = None


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Everything that one run is asked for with.

    Attributes:
        loaded: The task.
        config: Its resolved config, as it was written.
        options: How the run is kept and placed, as `checked_options` returns them.
        origin: Who asked for it.
        say: Tells a line to a person.
    """

    loaded: LoadedTask
    config: Config
    options: RunOptions
    origin: Origin
    say: Callable[[str], None]

    def look(self) -> tuple[Identified, Decision]:
        """Return the identity, and what would be done, as the store and the files are now."""
        now = identify_asked(self.loaded, self.config, self.options)
        vault.keep(now.identity, self.config)
        return now, look(now, self.options)


def say_to_stderr(text: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{fitted(text, sys.stderr)}\n")
    sys.stderr.flush()


def answer(asked: RunRequest) -> RunAnswer:
    """Return the run that answers a question, computing it where there is none.

    Raises:
        CheckFailedError: The task's own check found an error; nothing has been made.
        RunFailedError: The task raised.
        StoreError: The store cannot be written.
        StoreLockedError: Another process computes it, and the options say that this is an error; or it waits for this one.
    """
    now, decision = asked.look()
    while True:
        if decision.action == "wait":
            refuse_own_parent(now, decision)
            if asked.options.claimed != "wait":
                return _without_waiting(asked, decision)
            _wait(asked, now, decision)
            decision = look(now, asked.options)
        elif decision.action == "reuse" and decision.run is not None:
            return _reuse(asked, decision, decision.run)
        else:
            found = _compute(asked, now, decision)
            if isinstance(found, RunAnswer):
                return found
            decision = found


def _compute(asked: RunRequest, now: Identified, decision: Decision) -> RunAnswer | Decision:
    """Check and claim what is asked for, and compute it; another process that was quicker makes a new decision."""
    options = asked.options
    check_placement(asked.loaded, options.executor)
    vault.check_placement([now.identity], options.executor)
    executor = None if options.executor == INLINE else open_executor(options.executor, 1)
    try:
        # Checked here too where it is placed elsewhere: where it cannot run, no machine has to be asked for.
        with prepared(asked.loaded, now, options) as (task, console):
            settled = settle(now, options, decision)
            try:
                if settled.decision.action in ("wait", "reuse"):
                    return settled.decision
                _tell(asked, settled.decision)
                layout = _folder(asked, now, settled, console if executor is None else None)
                if settled.claim is not None:
                    settled.claim.name(layout.dir.name)
                if executor is None:
                    run = perform(task, layout, console)
                else:
                    run = place_run(layout, options, executor)
            finally:
                _let_go(settled)
    finally:
        if executor is not None:
            executor.close()
    return RunAnswer(run, stale=tuple(settled.decision.stale))


def _folder(
    asked: RunRequest, now: Identified, settled: Settled, console: Console | None
) -> RunLayout:
    """Return the folder of the run that goes on, with its record brought up to date; or a new one."""
    decision, options = settled.decision, asked.options
    if decision.action == "continue" and decision.run is not None:
        run = continued(decision, now, asked.config, options)
        amend.label(run, options.name, tuple(options.tags))
        return run.layout
    if console is None:
        return make_folder(asked.loaded, asked.config, options, asked.origin, now)
    layout = create_run(asked.loaded, asked.config, options, asked.origin, now=now)
    announce(layout, asked.origin.sources, console)
    return layout


def _reuse(asked: RunRequest, decision: Decision, run: Run) -> RunAnswer:
    _tell(asked, decision)
    pairs = tuple(pair for reason in decision.reasons for pair in reason.pairs)
    run = amend.accept(run, pairs)
    run, added = amend.label(run, asked.options.name, tuple(asked.options.tags))
    if added:
        asked.say(f"added to {run.id}: {', '.join(added)}")
    left_out = [name for name in asked.options.sinks if name not in run.record.sinks]
    if left_out:
        asked.say(
            f"note: nothing is sent to {', '.join(left_out)}: {run.id} had finished; --force runs it again"
        )
    if (
        asked.options.report != "no"
        and not run.record.has_report
        and not run.layout.report.exists()
    ):
        # A run of a sweep wrote no page; asked for by itself, it gets one.
        with contextlib.suppress(TaskloomError):  # without it the run is as good
            write_report(run)
    return RunAnswer(run, reused=True, stale=tuple(decision.stale))


def _without_waiting(asked: RunRequest, decision: Decision) -> RunAnswer:
    holder = decision.by or claims.Holder()
    if asked.options.claimed == "fail":
        raise StoreLockedError(f"The same is computed by {holder}.", hint="--claimed=wait waits")
    asked.say(f"skipped: {holder} computes the same")
    return RunAnswer(decision.run, claimed=holder)


def _wait(asked: RunRequest, now: Identified, decision: Decision) -> None:
    _tell(asked, decision)
    period = _PERIODS[0]
    while not is_free(now, decision):
        time.sleep(period)
        period = min(period * _GROWTH, _PERIODS[1])


def _tell(asked: RunRequest, decision: Decision) -> None:
    for line in decision.lines():
        asked.say(line)


def _let_go(settled: Settled) -> None:
    if settled.claim is not None:
        settled.claim.release()


def decision_line(decision: Decision) -> str:
    """Return a decision as `--dry-run` shows it."""
    reasons = "; ".join(reason.sentence for reason in decision.reasons)
    if decision.action == "wait":
        return f"would wait for {decision.by or claims.Holder()}, which computes the same"
    if decision.action == "begin":
        return f"would run: {reasons}" if reasons else "would run"
    name = decision.run.id if decision.run is not None else ""
    line = f"would {'reuse' if decision.action == 'reuse' else 'continue'} {name}"
    return f"{line}, accepting: {reasons}" if reasons else line


def decision_document(decision: Decision) -> Mapping[str, Any]:
    """Return a decision as `--dry-run --json` shows it."""
    return {
        "action": decision.action,
        "run": decision.run.id if decision.run is not None else None,
        "reasons": [reason.sentence for reason in decision.reasons],
        "claimed": str(decision.by) if decision.by is not None else None,
    }
