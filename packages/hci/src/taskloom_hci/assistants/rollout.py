"""The assistant that tries its actions in simulated games."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom.moved import moved_names
from typing_extensions import override

from taskloom_hci.assistants.base import CursorAssistant
from taskloom_hci.bundle.component import Games

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask

# The agent for any task is `RolloutAssistant`, which was here before.
__getattr__ = moved_names(__name__)


class Rollout(CursorAssistant):
    """Roll-outs: every action tried in simulated games.

    It infers what the user is like, in pointing and in the coordinated task, and imagines such users.
    """

    plays = Games("plays pointing and coordinated tasks, not {}.", ("Pointing", "Coordinated"))
    kind: Literal["rollout"] = "rollout"
    rounds: Annotated[int, Field(ge=1, le=100)] = 12
    """Rounds that it looks ahead."""
    samples: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Users that it imagines for a decision in pointing; 0 takes every target, weighted by the belief in it."""
    tried: Literal["cells", "targets"] = "cells"
    """Cells that it tries in pointing: all, or only targets that are still possible, which loses nothing for a careful user without lapses."""
    p1: Annotated[int, Field(ge=0, le=9)] = 5
    """In the coordinated task, the user's coefficient of x squared, which it knows."""
    p2: Annotated[int, Field(ge=0, le=9)] = 7
    """In the coordinated task, the user's coefficient of x cubed, which it knows."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants import jump
        from taskloom_hci.assistants.coordinated_rollout import (
            coordinated_rollout,
        )  # gymnasium is heavy
        from taskloom_hci.assistants.pointing_rollout import pointing_rollout
        from taskloom_hci.games.pointing import Pointing
        from taskloom_hci.games.simple import Coordinated

        if isinstance(task, Coordinated):
            return coordinated_rollout(task, self.p1, self.p2, self.rounds, self.assumed_lapse)
        game = self.require(task, Pointing)
        model = jump.assumed_model(game, self.assumed_error_rate)
        return pointing_rollout(
            game,
            model,
            self.rounds,
            self.samples,
            self.on_zero,
            lapse=self.assumed_lapse,
            otherwise=jump.usual_model(game),
            only_live=self.tried == "targets",
        )
