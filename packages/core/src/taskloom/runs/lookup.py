"""The one look-up of runs by what they compute."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from taskloom.errors import RunCorruptError
from taskloom.identity.identify import Identified
from taskloom.request import WATCHED
from taskloom.runs import index
from taskloom.runs.run import Run


def alike(
    questions: Sequence[Identified], also: Mapping[str, str] = MappingProxyType({})
) -> dict[str, list[Run]]:
    """Return the runs that may answer each question of one store, by its identity: the same command, or the same inputs.

    Args:
        questions: What is asked for.
        also: Further identities to look for, of older records, each with the identity of its question.
    """
    found: dict[str, list[Run]] = {now.identity: [] for now in questions}
    if not questions:
        return found
    by_digest: dict[str, list[str]] = {}
    for now in questions:
        for digest in dict.fromkeys((now.identity, now.config_id)):
            by_digest.setdefault(digest, []).append(now.identity)
    for digest, identity in also.items():
        if identity not in by_digest.setdefault(digest, []):
            by_digest[digest].append(identity)
    store, seen = questions[0].store, set[str]()
    documents = index.having(store, "question", by_digest)
    for document in sorted(documents, key=_age, reverse=True):
        name = str(document["folder"])
        if name in seen:
            continue
        seen.add(name)
        with contextlib.suppress(RunCorruptError):
            run = Run(store / name)
            if run.record.origin.get("kind") == WATCHED:
                continue
            for identity in _asked(run, by_digest):
                found[identity].append(run)
    return found


def _asked(run: Run, by_digest: Mapping[str, Sequence[str]]) -> list[str]:
    wanted = (run.record.identity, run.record.config_id)
    return list(dict.fromkeys(item for digest in wanted for item in by_digest.get(digest, ())))


def _age(document: Mapping[str, object]) -> tuple[str, str]:
    return str(document.get("created")), str(document["folder"])
