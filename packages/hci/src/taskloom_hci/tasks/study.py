"""Studies with people, as a task: its run serves games to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom_hci.study.config import StudyConfig

if TYPE_CHECKING:
    from taskloom_hci.study.serving import ServedStudy


def study(config: StudyConfig) -> ServedStudy:
    """People play conditions of a task in a browser; made by `tasks hci study FILE.toml`."""
    from taskloom_hci.study.serving import ServedStudy  # gymnasium is heavy

    return ServedStudy(config)
