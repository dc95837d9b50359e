"""The user of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from taskloom import InputPath
from typing_extensions import override

from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Replay(User):
    """The actions of a recorded user again, episode by episode."""

    kind: Literal["replay"] = "replay"
    file: InputPath = Path("episodes.npz")
    """The recording: the episodes of a run, or what `sample` wrote, as .npz or .jsonl."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.batch.episodes import load  # gymnasium is heavy
        from taskloom_hci.policies.replay import ReplayPolicy
        from taskloom_hci.users.pointing import agent_with

        if not self.file.is_file():
            raise BundleConstraintError(
                [f"There is no recording at '{self.file}' for the user 'replay'."]
            )
        try:
            episodes = load(self.file)
        except HciError as error:
            raise BundleConstraintError([str(error)]) from None
        return agent_with(task, ReplayPolicy(episodes, task.user_element()))
