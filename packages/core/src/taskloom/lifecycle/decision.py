"""Decision about what is asked for: the run that is its answer, the one that goes on, or the reasons for a new one.

A finished run is the answer only if its inputs, its code and the packages that count are those of now. The same rules hold for
`tasks run`, for each point of a sweep or a search, and for calls from Python.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from taskloom.config import Config
from taskloom.context import Resources
from taskloom.errors import RunCorruptError, StoreLockedError
from taskloom.identity.filecache import FileCache
from taskloom.identity.identify import Identified, differences
from taskloom.identity.mixture import changes_of
from taskloom.identity.records import Reason
from taskloom.lifecycle.within import is_within
from taskloom.request import KeptOptions, RunOptions
from taskloom.runs import amend, checkpoints, claims
from taskloom.runs.lookup import alike
from taskloom.runs.run import Run
from taskloom.secrets import vault
from taskloom.secrets.fields import dumped

Action: TypeAlias = Literal["reuse", "continue", "begin", "wait"]
_INTERRUPTED = ("created", "stopped", "crashed")
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision about one question.

    Attributes:
        action: Reuse a finished run, continue one, begin a new one, or wait for a process that computes the same.
        run: The run that is reused, continued or waited for; where a new one begins, one that failed before.
        reasons: Reasons of an earlier run from now: those that a new run begins for, or that were accepted.
        by: The process that is waited for.
    """

    action: Action
    run: Run | None = None
    reasons: tuple[Reason, ...] = ()
    by: claims.Holder | None = None

    @property
    def stale(self) -> list[str]:
        """Sentences on what differs although the run is taken."""
        return (
            [item.sentence for item in self.reasons] if self.action in ("reuse", "continue") else []
        )

    def lines(self) -> list[str]:
        """Return what a person reads about it, a line each; a new run that nothing came before needs no word."""
        told = [item.sentence for item in self.reasons]
        if self.action == "reuse" and self.run is not None:
            return [f"reused: {self.run.id} ({ago(self.run.record.ended)})", *map(_accepted, told)]
        if self.action == "continue" and self.run is not None:
            return [f"continuing {self.run.id} {_from_where(self.run)}", *map(_accepted, told)]
        if self.action == "wait":
            return [f"waiting for {self.by or claims.Holder()}, which computes the same"]
        if self.run is not None and checkpoints.published(self.run.layout.checkpoints):
            told.append(
                f"{self.run.id} failed; a new run begins, and tasks resume {self.run.id} continues that one"
            )
        return told


@dataclass(frozen=True, slots=True)
class Settled:
    """Decision that holds: what is to be computed is claimed.

    Attributes:
        decision: The decision.
        claim: The claim; None where nothing is computed, or everything is by force.
    """

    decision: Decision
    claim: claims.Claim | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """Runs that may answer a question, the newest first, by what became of them."""

    finished: list[Run] = field(default_factory=list)
    running: list[Run] = field(default_factory=list)
    interrupted: list[Run] = field(default_factory=list)
    failed: list[Run] = field(default_factory=list)


def decide(
    now: Identified,
    options: RunOptions,
    runs: Iterable[Run] | None = None,
    *,
    sweep: str = "",
    files: FileCache | None = None,
) -> Decision:
    """Return what is to be done about a question, as the store and the files are now.

    Args:
        now: What is asked for.
        options: What the caller allows: `force`, `fresh`, `accept`, `accept_changes`.
        runs: The runs that may answer, the newest first; looked up if they are not given.
        sweep: The sweep that asks. Its own failed runs are continued, and only its own runs count where runs are forced.
        files: The digests that are known; those of the store by default.
    """
    if options.force and not sweep:
        return Decision("begin")
    found_runs = alike([now])[now.identity] if runs is None else runs
    known = _sorted(
        now,
        [run for run in found_runs if not options.force or run.record.sweep == sweep],
        sweep,
    )
    # What was accepted once is not computed again for it, unless that is asked for.
    verified, stale = _judge("reuse", known.finished, now, files, is_strict=options.fresh)
    if verified is None and known.running:
        run = known.running[0]
        return Decision("wait", run, by=claims.Holder(run.record.pid, run.record.host, run.id))
    going_on, changed = _judge("continue", [] if options.fresh else known.interrupted, now, files)
    allowed = (
        verified,
        going_on,
        stale if options.accept else None,
        changed if options.accept_changes else None,
    )
    chosen = next((item for item in allowed if item is not None), None)
    failed = next(iter(known.failed), None)
    return chosen or Decision("begin", failed, _newest(stale, changed))


def look(
    now: Identified,
    options: RunOptions,
    runs: Iterable[Run] | None = None,
    *,
    sweep: str = "",
    files: FileCache | None = None,
) -> Decision:
    """Return what is to be done about a question, another process that has claimed it included; as `decide`."""
    decision = decide(now, options, runs, sweep=sweep, files=files)
    is_forced = options.force and not sweep
    if decision.action in ("begin", "continue") and not is_forced:
        by = claims.holder(now.store, now.identity)
        if by is not None:
            return Decision("wait", by=by)
    return decision


def settle(now: Identified, options: RunOptions, decision: Decision, *, sweep: str = "") -> Settled:
    """Claim what is to be computed, and look again: another process may have computed it meanwhile.

    Args:
        now: What is asked for.
        options: What the caller allows.
        decision: What was decided before.
        sweep: The sweep that asks.

    Raises:
        StoreLockedError: The process that computes it is waiting for this very command.
        StoreError: The store cannot be written.
    """
    if decision.action == "reuse" or (options.force and not sweep):
        return Settled(decision)
    if decision.action == "wait" and not is_free(now, decision):
        refuse_own_parent(now, decision)
        return Settled(decision)
    claim = claims.take(now.store, now.identity)
    if claim is None:
        held = Decision("wait", by=claims.holder(now.store, now.identity))
        refuse_own_parent(now, held)
        return Settled(held)
    try:
        if decision.action == "wait" or not claim.is_first:
            decision = decide(now, options, sweep=sweep)
    except BaseException:
        claim.release()
        raise
    if decision.action in ("reuse", "wait"):
        claim.release()
        return Settled(decision)
    return Settled(decision, claim)


def continued(
    decision: Decision, now: Identified, config: Config, options: KeptOptions = RunOptions()
) -> Run:
    """Return the run that goes on, with a record of where its relative paths count from now, and of what was accepted.

    Args:
        decision: The decision.
        now: What is asked for.
        config: Its config.
        options: What it is asked for with. Sinks are added, and what is given otherwise takes the place of what was.
    """
    run = decision.run
    if run is None:
        raise ValueError("no run goes on")
    changes: dict[str, Any] = {
        "cwd": str(now.cwd),
        "changes": changes_of(decision.reasons, run.record),
        "sinks": tuple(dict.fromkeys([*run.record.sinks, *options.sinks])),
        "keep_best": options.keep_best or run.record.keep_best,
        "resources": _given(options.resources, run.record.resources),
    }
    if run.record.config_id not in ("", now.config_id):
        changes |= {"config": dumped(config), "config_id": now.config_id}
    if not decision.reasons:
        changes["inputs"] = now.inputs
    pairs = tuple(pair for reason in decision.reasons for pair in reason.pairs)
    vault.keep(str(run.dir), config)
    return amend.accept(run, pairs, **changes)


def _given(asked: Resources, recorded: Resources) -> Resources:
    """Return the recorded resources with what is asked for in their place; a default asks for nothing."""
    defaults = Resources()
    told = {item.name: getattr(asked, item.name) for item in fields(Resources)}
    return replace(
        recorded,
        **{name: value for name, value in told.items() if value != getattr(defaults, name)},
    )


def refuse_own_parent(now: Identified, decision: Decision) -> None:
    """Refuse to wait for a run that this very command is a part of.

    Raises:
        StoreLockedError: So it is.
    """
    if is_within(now.identity):
        raise StoreLockedError(
            f"This is asked for by {decision.by or claims.Holder()}, which computes the same: a run cannot wait for itself."
        )


def is_free(now: Identified, decision: Decision) -> bool:
    """Return whether what a decision waits for has ended, at little cost."""
    if claims.holder(now.store, now.identity) is not None:
        return False
    return decision.run is None or not _status(decision.run).startswith("running")


def counted(run: Run, now: Identified, files: FileCache | None = None) -> list[Reason]:
    """Return the differences of a run from now that make it another computation."""
    return [item for item in differences(run, now, files) if item.counts]


def ago(moment: str) -> str:
    """Return how long ago a time of a record was: `2 days ago`."""
    try:
        then = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        return "some time ago"
    seconds = time.time() - then.astimezone(UTC).timestamp()
    for length, unit in _UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def _sorted(now: Identified, runs: Iterable[Run], sweep: str) -> _Known:
    known = _Known()
    for run in runs:
        status = run.status
        is_same = run.record.identity == now.identity
        if status == "finished":
            known.finished.append(run)
        elif status in _INTERRUPTED or (status == "failed" and sweep and run.record.sweep == sweep):
            known.interrupted.append(run)
        elif status.startswith("running") and is_same:
            known.running.append(run)
        elif status == "failed" and is_same:
            known.failed.append(run)
    return known


def unaccepted(run: Run, now: Identified) -> list[Reason]:
    """Return the differences of a run from now that count and were never accepted."""
    return _open(run, counted(run, now))


def _open(run: Run, found: Sequence[Reason]) -> list[Reason]:
    """Return the differences that were never accepted."""
    accepted = set(run.record.accepted)
    return [item for item in found if not (item.pairs and accepted.issuperset(item.pairs))]


def _judge(
    action: Action,
    runs: Sequence[Run],
    now: Identified,
    files: FileCache | None,
    *,
    is_strict: bool = False,
) -> tuple[Decision | None, Decision | None]:
    """Return what to do with the newest run that is verified, and with the newest that something differs from."""
    changed: Decision | None = None
    for run in runs:
        found = counted(run, now, files)
        decision = Decision(action, run, tuple(found))
        if not (found if is_strict else _open(run, found)):
            return decision, changed
        changed = changed or decision
    return None, changed


def _newest(*changed: Decision | None) -> tuple[Reason, ...]:
    """Return in what the newest run differs that is no answer."""
    found = [(item.run.record.created, item.reasons) for item in changed if item and item.run]
    return max(found, key=lambda pair: pair[0])[1] if found else ()


def _status(run: Run) -> str:
    """Return the status as it is now: a `Run` remembers the one that it saw first."""
    try:
        return Run(run.dir).status
    except RunCorruptError:
        return "damaged"


def _from_where(run: Run) -> str:
    found = checkpoints.published(run.layout.checkpoints)
    return f"from its checkpoint of step {found[-1].step}" if found else "from its beginning"


def _accepted(sentence: str) -> str:
    return f"accepted: {sentence}"
