"""Puts assistants together for the task they will play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_hci.accelerated.pointing import Tie
from taskloom_hci.assistants.coordination import predictor, rollout
from taskloom_hci.assistants.jump import JumpAssistant
from taskloom_hci.assistants.pointing_rollout import pointing_rollout
from taskloom_hci.assistants.teachers import leitner, myopic
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Coordinated
from taskloom_hci.games.teaching import Teaching
from taskloom_hci.inference.goal import OnZero
from taskloom_hci.models.pointing import Careful
from taskloom_hci.policies.policy import ConstantPolicy, RandomPolicy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.build import learned_policy

if TYPE_CHECKING:
    from taskloom_hci.assistants.config import RolloutConfig


def require_pointing(task: InteractionTask, kind: str) -> Pointing:
    """Return the task if it is a pointing task, else raise `BundleConstraintError`."""
    if not isinstance(task, Pointing):
        raise BundleConstraintError(
            [f"The assistant '{kind}' plays pointing tasks, not {type(task).__name__}."]
        )
    return task


def random_assistant(task: InteractionTask) -> Agent:
    """Return an assistant whose actions are drawn from what the task calls an assistant's action."""
    return Agent("assistant", policy=RandomPolicy(task.assistant_element()))


def constant_gain(task: InteractionTask, gain: int) -> Agent:
    """Return an assistant that multiplies every move of the user by `gain`."""
    require_pointing(task, "gain")
    element = discrete_array_element(low=gain, high=gain, init=gain, out_of_bounds_mode="error")
    return Agent("assistant", policy=ConstantPolicy(element))


def jump_assistant(
    task: InteractionTask,
    rule: Literal["information", "map"],
    assumed_error_rate: float | None,
    *,
    threshold: float = 0.8,
    cost: float = 0.0,
    tie: Tie = "nearest",
    on_zero: OnZero = "raise",
) -> Agent:
    """Return an assistant that jumps; it assumes a careful user if an error rate is given, else the user of its game."""
    game = require_pointing(task, "big" if rule == "information" else rule)
    model = Careful(assumed_error_rate, game.dimension) if assumed_error_rate is not None else None
    return JumpAssistant(
        game, rule, model=model, threshold=threshold, cost=cost, tie=tie, on_zero=on_zero
    )


def learned_assistant(task: InteractionTask, file: str, deterministic: bool) -> Agent:
    """Return an assistant that acts as a trained network; in pointing it keeps the belief that the network may see."""
    element = task.assistant_element()
    policy = learned_policy(file, "assistant", element, deterministic=deterministic)
    if isinstance(task, Pointing) and task.mode == "position":
        return JumpAssistant(task, "map", on_zero="uniform", policy=policy)
    return Agent("assistant", policy=policy)


def require_teaching(task: InteractionTask, kind: str) -> Teaching:
    """Return the task if it is a teaching task, else raise `BundleConstraintError`."""
    if not isinstance(task, Teaching):
        raise BundleConstraintError(
            [f"The assistant '{kind}' plays the teaching task, not {type(task).__name__}."]
        )
    return task


def teacher_leitner(task: InteractionTask, shortest: float) -> Agent:
    """Return a teacher with Leitner's boxes."""
    return leitner(require_teaching(task, "leitner"), shortest)


def teacher_myopic(
    task: InteractionTask,
    rule: Literal["myopic", "conservative"],
    forgetting: float,
    repetition: float,
) -> Agent:
    """Return a teacher that looks one trial ahead, or one that simulates the rest of the course."""
    return myopic(require_teaching(task, rule), rule, forgetting, repetition)


def require_coordinated(task: InteractionTask, kind: str) -> Coordinated:
    """Return the task if it is the coordinated task, else raise `BundleConstraintError`."""
    if not isinstance(task, Coordinated):
        raise BundleConstraintError(
            [f"The assistant '{kind}' plays the coordinated task, not {type(task).__name__}."]
        )
    return task


def coordination_predictor(task: InteractionTask, coefficients: tuple[int, int, int]) -> Agent:
    """Return an assistant that believes it knows the user."""
    return predictor(require_coordinated(task, "predict"), coefficients)


def rollout_assistant(task: InteractionTask, config: RolloutConfig) -> Agent:
    """Return an assistant that finds out what the user is like and simulates what follows."""
    if isinstance(task, Coordinated):
        return rollout(task, config.p1, config.p2, config.rounds)
    if not isinstance(task, Pointing):
        raise BundleConstraintError(
            [
                f"The assistant 'rollout' plays pointing and coordinated tasks, not {type(task).__name__}."
            ]
        )
    rate = config.assumed_error_rate
    model = Careful(rate, task.dimension) if rate is not None else None
    return pointing_rollout(task, model, config.rounds, config.samples, config.on_zero)
