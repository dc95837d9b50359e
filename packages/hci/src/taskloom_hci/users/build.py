"""Puts users together for the task they will play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from taskloom_hci.batch.episodes import load
from taskloom_hci.bundle.agent import Agent, Role
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.games.gaze import Gaze
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Coordinated
from taskloom_hci.games.teaching import Teaching
from taskloom_hci.models.memory import Memory
from taskloom_hci.models.optimal import Optimal
from taskloom_hci.models.pointing import Indifferent, PointingModel
from taskloom_hci.models.polynomial import SIZE, Polynomial
from taskloom_hci.motor.lqg import LQGProblem
from taskloom_hci.motor.lqr import lqr_continuous
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.policies.policy import Policy, RandomPolicy
from taskloom_hci.policies.replay import ReplayPolicy
from taskloom_hci.state.elements import Element, discrete_array_element
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.control import LQGUser, LQRUser
from taskloom_hci.users.gaze import GazeUser, NoiseLaw
from taskloom_hci.users.memory import MemoryUser
from taskloom_hci.users.pointing import PointingUser


def pointing_user(task: InteractionTask, model: Callable[[int], PointingModel], kind: str) -> Agent:
    """Return a pointing user with the model for the task's dimension."""
    if not isinstance(task, Pointing):
        raise BundleConstraintError(
            [f"The user '{kind}' plays pointing tasks, not {type(task).__name__}."]
        )
    return PointingUser(task, model(task.dimension))


def random_user(task: InteractionTask) -> Agent:
    """Return a user whose actions are drawn from what the task calls a user's action."""
    if isinstance(task, Pointing):
        return PointingUser(task, Indifferent(task.dimension))
    return Agent("user", policy=RandomPolicy(task.user_element()))


def polynomial_user(task: InteractionTask, coefficients: tuple[int, int, int]) -> Agent:
    """Return a user of the coordinated task who follows a hidden polynomial."""
    if not isinstance(task, Coordinated):
        raise BundleConstraintError(
            [f"The user 'polynomial' plays the coordinated task, not {type(task).__name__}."]
        )
    model = Polynomial(coefficients)
    state = State(
        {
            name: discrete_array_element(SIZE, init=value)
            for name, value in zip(model.hidden, model.coefficients, strict=True)
        }
    )
    return Agent("user", policy=ModelPolicy(model, task.user_element()), state=state)


def require_control(task: InteractionTask, kind: str) -> tuple[ClassicControl, LQGProblem]:
    """Return the task and its system if it is a classic control task with costs, else raise `BundleConstraintError`."""
    if not isinstance(task, ClassicControl) or task.problem is None:
        raise BundleConstraintError(
            [f"The user '{kind}' plays classic control tasks, not {type(task).__name__}."]
        )
    return task, task.problem


def lqr_user(task: InteractionTask, effort: float) -> Agent:
    """Return a user who sees the state and controls it optimally."""
    game, problem = require_control(task, "lqr")
    R = np.eye(game.num_controls) * effort
    return LQRUser(game, lqr_continuous(problem.A, problem.B, problem.Q, R), problem.Q, R)


def lqg_user(task: InteractionTask, effort: float, noise: bool) -> Agent:
    """Return a user who estimates the state and controls it optimally."""
    game, problem = require_control(task, "lqg")
    return LQGUser(game, replace(problem, R=np.eye(game.num_controls) * effort), noise=noise)


def gaze_user(task: InteractionTask, perceptual: float, oculomotor: float, law: NoiseLaw) -> Agent:
    """Return a user who searches with noisy eyes."""
    if not isinstance(task, Gaze):
        raise BundleConstraintError(
            [f"The user 'gaze' plays the gaze task, not {type(task).__name__}."]
        )
    return GazeUser(task, perceptual, oculomotor, law)


def memory_user(task: InteractionTask, forgetting: float, repetition: float) -> Agent:
    """Return a user who learns and forgets."""
    if not isinstance(task, Teaching):
        raise BundleConstraintError(
            [f"The user 'memory' plays the teaching task, not {type(task).__name__}."]
        )
    return MemoryUser(task, Memory(forgetting, repetition))


def optimal_user(task: InteractionTask, gain: int) -> Agent:
    """Return a pointing user who takes as few rounds as possible."""
    if not isinstance(task, Pointing) or task.mode != "gain":
        raise BundleConstraintError(
            [
                "The user 'optimal' plays pointing tasks with an assistant of constant gain, or with none."
            ]
        )
    return PointingUser(task, Optimal(task, gain))


def learned_user(task: InteractionTask, file: str, deterministic: bool) -> Agent:
    """Return a user who acts as a trained network."""
    policy = learned_policy(file, "user", task.user_element(), deterministic=deterministic)
    if isinstance(task, Pointing):
        return PointingUser(task, policy=policy)
    return Agent("user", policy=policy)


def learned_policy(file: str, role: Role, element: Element, *, deterministic: bool) -> Policy:
    """Return the policy in a file, if it was trained for this role and these actions.

    Raises:
        BundleConstraintError: If there is none, or it was not.
    """
    # Reading a trained policy takes torch.
    from taskloom_hci.exports.learned import load_policy

    try:
        found = load_policy(Path(file))
        if found.role != role:
            raise HciError(f"The policy in '{file}' was trained as the {found.role}.")
        return found.policy(element, deterministic=deterministic)
    except HciError as error:
        raise BundleConstraintError([str(error)]) from None
    except ModuleNotFoundError:
        raise BundleConstraintError(
            ["A trained policy needs torch to be read: pip install 'taskloom-hci[sb3]'."]
        ) from None


def replay_user(task: InteractionTask, file: str) -> Agent:
    """Return a user who does again what was recorded."""
    path = Path(file)
    if not path.is_file():
        raise BundleConstraintError([f"There is no recording at '{file}' for the user 'replay'."])
    policy = ReplayPolicy(load(path), task.user_element())
    if isinstance(task, Pointing):
        return PointingUser(task, policy=policy)
    return Agent("user", policy=policy)
