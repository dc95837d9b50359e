"""Pointing for the roll-out assistant: the goal is one of the targets, and the imagined assistant jumps to the likeliest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.imagined import ImaginedPointing
from taskloom_hci.assistants.jump import JumpAssistant
from taskloom_hci.assistants.rollout_agent import Float, Question, RolloutAssistant
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.exact import Theta
from taskloom_hci.inference.goal import OnZero
from taskloom_hci.models.pointing import PointingModel
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.state.state import State, StateTree


def targets_seen(observation: StateTree) -> Theta:
    """Return the targets as hypotheses about the goal."""
    return {"goal": observation["task_state"]["targets"]}


def imagined_user(task: Pointing, model: PointingModel) -> Agent:
    """Return a user with some goal."""
    policy = ModelPolicy(model, task.user_element())
    return Agent("user", policy=policy, state=State(goal=task.cell_element()))


def imagined_assistant(task: Pointing, model: PointingModel) -> Agent:
    """Return an assistant that goes on inferring and jumps to the likeliest target."""
    return JumpAssistant(task, "map", model=model, on_zero="uniform")


def played_together(
    task: Pointing, model: PointingModel, assistant: JumpAssistant
) -> ImaginedPointing | None:
    """Return what plays the simulated games at once; a task with rules of its own plays one by one."""
    known = type(task) is Pointing and task.mode == "position"
    return ImaginedPointing(task, model, assistant) if known else None


def live_targets(observation: StateTree, state: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the positions of the targets that are still possible."""
    targets: NDArray[np.int64] = np.asarray(observation["task_state"]["targets"])
    return np.asarray(targets[state["log_beliefs"] > -np.inf])


def goes_on(log_beliefs: Float, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the belief that the imagined assistant goes on from; it is not told the goal."""
    del known
    return {"log_beliefs": log_beliefs}


def pointing_rollout(
    task: Pointing,
    model: PointingModel | None,
    rounds: int,
    samples: int,
    on_zero: OnZero = "raise",
    *,
    lapse: float | None = None,
    otherwise: PointingModel | None = None,
    only_live: bool = False,
) -> Agent:
    """Return an assistant that puts the cursor where the simulated game is shortest.

    It is one step of policy improvement over jumping to the likeliest target (a roll-out in the sense of Tesauro and
    Galperin, NIPS 1996), so it asks if a question pays and not because it tells much.
    """
    question = Question(
        targets_seen,
        task.num_targets,
        imagined_user,
        imagined_assistant,
        goes_on,
        PointingModel,
        played_together,
        live_targets if only_live else None,
    )
    return RolloutAssistant(
        task,
        question,
        task.positions,
        model=model,
        rounds=rounds,
        samples=samples,
        on_zero=on_zero,
        lapse=lapse,
        otherwise=otherwise,
    )
