"""The one look-up of a run by what it computes."""

from __future__ import annotations

import contextlib
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.runs import index
from taskloom.runs.layout import default_store
from taskloom.runs.run import Run


def identical(identity: str, store: Path | None = None, *, is_finished: bool = True) -> Run | None:
    """Return the newest run of an identity that has finished, or has not; None if there is none.

        identical(run.record.identity).metrics

    Args:
        identity: The identity, as `run.record.identity` has it.
        store: The store; else that of `TASKS_STORE`, else `./runs`.
        is_finished: Whether a finished run is looked for, or one to go on with.
    """
    folder = default_store(store)
    for document in index.having(folder, "identity", [identity]):
        if (document.get("status") == "finished") is is_finished:
            with contextlib.suppress(RunCorruptError):
                return Run(folder / str(document["folder"]))
    return None
