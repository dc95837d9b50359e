"""Consent to what a study goes on with: people who have begun under one code are not joined by others under another."""

from __future__ import annotations

from pathlib import Path

from taskloom.asking import resolve_request
from taskloom.errors import UsageError
from taskloom.lifecycle.create import identify_asked
from taskloom.lifecycle.decision import Decision, look
from taskloom.request import RunOptions
from taskloom.runs.layout import default_store

from taskloom_hci.recordings.blocks import session_files
from taskloom_hci.study.config import StudyConfig
from taskloom_hci.study.noted import STATE, digest_of, read_state


def require_same_code(config: StudyConfig, store: Path | None, *, accept: bool) -> None:
    """Refuse to answer a study by a run that has finished, or to go on with one whose code has changed.

    Args:
        config: The study.
        store: The run store.
        accept: Whether changes of the code are accepted.

    Raises:
        UsageError: The study has finished, or something that counts has changed since its first visit.
    """
    decision = _decision(config, store, accept=accept)
    if decision.action == "reuse" and decision.run is not None:
        raise UsageError(
            f"The study has finished: {decision.run.id}.",
            hint="--force begins it anew, as another run.",
        )
    if decision.action == "begin" and decision.reasons:
        begun = [run for run in _interrupted(store, config) if session_files(run)]
        if begun:
            told = "; ".join(reason.sentence for reason in decision.reasons)
            raise UsageError(
                f"The study has begun as {begun[-1].name}, and cannot go on as it began: {told}.",
                hint="--accept-code goes on and records it; --force begins it anew.",
            )


def has_finished(config: StudyConfig, store: Path | None) -> bool:
    """Return whether a run of the study has finished."""
    return _decision(config, store, accept=True).action == "reuse"


def _decision(config: StudyConfig, store: Path | None, *, accept: bool) -> Decision:
    loaded, resolved = resolve_request("hci/study", config, {})
    options = RunOptions(store=store, accept_changes=accept)
    return look(identify_asked(loaded, resolved.config, options), options)


def _interrupted(store: Path | None, config: StudyConfig) -> list[Path]:
    """Return the folders of the runs of the same study that have not finished."""
    wanted = digest_of(config)
    found = []
    for path in sorted(default_store(store).glob(f"*/{STATE}")):
        folder = path.parents[1]
        if read_state(folder).get("digest") == wanted:
            found.append(folder)
    return found
