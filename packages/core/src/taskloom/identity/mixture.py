"""Runs that went on over a change: one part of them was computed before it, and one after.

Such a run is the answer to neither question without a word. For the state in which it ended the consent that it went on with
holds; for that in which it began it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from taskloom.identity.records import Change, Pair, Reason, ReasonKind
from taskloom.runs.record import RunRecord

Thing: TypeAlias = tuple[str, str]
"""Kind and name of a thing."""
_AS_IT_BEGAN: Mapping[str, ReasonKind] = {"inputs": "inputs", "config": "config"}
"""Kinds of which a record tells how they were when the run began; of code and packages, how they were when it ended."""
_SHOWN = 4


def changes_of(reasons: Iterable[Reason], record: RunRecord) -> tuple[Change, ...]:
    """Return the changes over which a run has gone on, those that it goes on over now included."""
    found = list(record.changes)
    for reason in reasons:
        for thing, before, now in reason.pairs:
            change: Change = (reason.kind, thing, before, now)
            if _last(found).get((reason.kind, thing)) != (before, now):
                found.append(change)
    return tuple(found)


def inputs_since(record: RunRecord) -> dict[str, str]:
    """Return the digests of the inputs that a run went on with after they had changed, by field."""
    last = _last(record.changes)
    return {thing: after for (kind, thing), (_, after) in last.items() if kind == "inputs"}


def mixed(record: RunRecord, found: Sequence[Reason], now: Mapping[Thing, str]) -> Iterator[Reason]:
    """Yield what a run computed with another state than that of now, and what its record does not show otherwise.

    Args:
        record: The run's record.
        found: The differences that its record and its code show.
        now: The digests of its inputs and of its config as they are now; one that is left out is as it was at the end.
    """
    shown = {pair[0]: pair for reason in found for pair in reason.pairs}
    passed: dict[ReasonKind, list[Pair]] = {}
    for (kind, thing), (before, after) in _last(record.changes).items():
        known = _AS_IT_BEGAN.get(kind)
        present = now.get((kind, thing), after) if known else after
        if thing in shown and (present == after or shown[thing] not in record.accepted):
            continue
        if present != after and known:
            told = f"{_name(record, thing)} changed since {record.id}"
            yield Reason(
                known, f"{told} (sha {after[:4]} -> {present[:4]})", "", ((thing, after, present),)
            )
        else:
            passed.setdefault(known or _kind(kind), []).append((thing, before, after))
    for passed_kind, pairs in passed.items():
        names = [_name(record, thing) for thing, _, _ in pairs]
        listed = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        about = f"{listed} changed on the way"
        yield Reason(passed_kind, f"{about} of {record.id}", about, tuple(pairs))


def _last(changes: Iterable[Change]) -> dict[Thing, tuple[str, str]]:
    """Return the last change of each thing."""
    return {(kind, thing): (before, after) for kind, thing, before, after in changes}


def _kind(kind: str) -> ReasonKind:
    return "packages" if kind == "packages" else "code"


def _name(record: RunRecord, thing: str) -> str:
    """Return what a person calls a thing: an input by the path that was typed."""
    return next((item.typed for item in record.inputs if item.field == thing), thing)
