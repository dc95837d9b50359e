"""Decisions about the points of a sweep before any of them is run, and what a person reads about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from taskloom.config import Config
from taskloom.errors import UsageError
from taskloom.identity.filecache import FileCache
from taskloom.identity.identify import Identified
from taskloom.lifecycle.create import identify_asked
from taskloom.lifecycle.decision import Decision, look
from taskloom.params.layers import validate_record
from taskloom.registry.entries import LoadedTask
from taskloom.runs.lookup import alike
from taskloom.secrets import vault
from taskloom.sweeps.record import RECORD, SweepPoint, SweepRecord

_SHOWN = 3
"""Reasons that are told for a sweep; the others are counted."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A point with what is to be done about it.

    Attributes:
        point: The point.
        config: Its config, as it was written.
        now: What it asks for, with its inputs as they are now.
        decision: The decision, which may change until it is the point's turn.
    """

    point: SweepPoint
    config: Config
    now: Identified
    decision: Decision


def look_ahead(loaded: LoadedTask, record: SweepRecord, store: Path) -> list[Ahead]:
    """Decide about every point of a sweep as the store and the files are now.

    Args:
        loaded: The task.
        record: The sweep; its options say what the caller allows.
        store: Where the runs are.

    Raises:
        ConfigError: The task has changed its parameters since the sweep was made.
        UsageError: A field names something that cannot be read.
    """
    where = f"the sweep {store / record.id / RECORD}"
    options = record.options
    # A secret that was given plainly is in no record; of this command it is in memory.
    configs = [
        validate_record(loaded.config_class, vault.complete(point.config, point.identity), where)
        for point in record.points
    ]
    asked = replace(options, store=store)
    questions = [identify_asked(loaded, config, asked) for config in configs]
    # The inputs of a point may have changed since the sweep was made; its own runs have the identity of then.
    pairs = list(zip(record.points, configs, questions, strict=True))
    runs = alike(questions, {point.identity: now.identity for point, _, now in pairs})
    with FileCache(store) as files:
        return [
            Ahead(
                point,
                config,
                now,
                look(now, options, runs[now.identity], sweep=record.id, files=files),
            )
            for point, config, now in pairs
        ]


def refuse_changes(record: SweepRecord, aheads: Sequence[Ahead]) -> None:
    """Refuse to go on with a sweep some of whose runs would come out differently now.

    Raises:
        UsageError: The message holds the reasons.
    """
    if not record.options.fresh:
        decisions = [ahead.decision for ahead in aheads]
        changed = [item for item in decisions if item.action == "begin"]
        refuse_reasons(
            record, changed, "--accept-changes keeps its runs, --fresh runs those points again"
        )


def refuse_reasons(record: SweepRecord, decisions: Sequence[Decision], hint: str) -> None:
    """Refuse to go on with a sweep if there are reasons against it.

    Args:
        record: The sweep.
        decisions: What was decided about its runs, with the reasons.
        hint: What can be done.

    Raises:
        UsageError: The message holds the reasons.
    """
    reasons = grouped(decisions)
    if reasons:
        raise UsageError(
            f"The sweep {record.id} cannot go on as it began: {'; '.join(reasons)}.",
            hint=hint,
        )


def to_run(aheads: Sequence[Ahead]) -> int:
    """Return how many points need a run."""
    return sum(ahead.decision.action != "reuse" for ahead in aheads)


def lines_of(aheads: Sequence[Ahead]) -> list[str]:
    """Return what is told when a sweep begins: how many points need no run, and why others need one again."""
    decisions = [ahead.decision for ahead in aheads]
    counts = Counter(decision.action for decision in decisions)
    told = []
    if counts["reuse"]:
        told.append(f"reused: {counts['reuse']} of {len(aheads)} points")
    if counts["continue"]:
        told.append(f"continuing {counts['continue']} of {len(aheads)} points")
    if counts["wait"]:
        told.append(f"{counts['wait']} of {len(aheads)} points are computed by another process")
    accepted = [item for item in decisions if item.action in ("reuse", "continue")]
    told += [f"accepted: {reason}" for reason in grouped(accepted)]
    again = [item for item in decisions if item.action == "begin" and item.reasons]
    if again:
        told.append(f"{len(again)} points run again: {'; '.join(grouped(again))}")
    return told


def grouped(decisions: Sequence[Decision]) -> list[str]:
    """Return the reasons of several decisions, each once, the most frequent first."""
    reasons = Counter(reason.about for item in decisions for reason in item.reasons)
    shown = [text for text, _ in reasons.most_common(_SHOWN)]
    more = len(reasons) - len(shown)
    return [*shown, f"and {more} more"] if more > 0 else shown
