"""A task played by oneself: a study of one condition and one person."""

from __future__ import annotations

from pathlib import Path

from taskloom.errors import UsageError
from taskloom.runs.run import Run

from taskloom_hci.config import HciConfig
from taskloom_hci.study.config import ConditionPart, StudyConfig, StudyPart
from taskloom_hci.study.file import settings_of
from taskloom_hci.study.serving import require_extra
from taskloom_hci.verbs.study import serve


def play_in_browser(
    task: str, config: HciConfig, games: int, *, belief: bool, port: int, store: Path | None
) -> Run:
    """Serve a study in which one person plays a task, and return its run when it is over.

    Args:
        task: Name of the task.
        config: Its config.
        games: How many games are played.
        belief: Whether the assistant's belief is shown.
        port: The port; 0 takes a free one.
        store: The run store.

    Raises:
        UsageError: The task has no page.
        MissingExtraError: The extra `study` is not installed.
    """
    require_extra()
    settings, refused = settings_of(task, config.model_dump(mode="json"))
    if refused:
        raise UsageError(refused[0])
    study = StudyConfig(
        seed=config.seed,
        study=StudyPart(title=task.replace("_", " "), people=1, show_belief=belief),
        condition=(ConditionPart(name="play", task=task, settings=settings, episodes=games),),
        freeze=True,
        port=port,
    )
    return serve(study, store=store, again=True)
