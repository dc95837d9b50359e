"""The seed's ready users and assistants: each is made once the task of its game is known."""

# ruff: noqa: ANN401, PLR0917 -- the signatures of the seed system

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.assistants.gain import ConstantGain
from taskloom_hci.assistants.jump import JumpAssistant
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.compat.agents import BaseAgent, BasePolicy
from taskloom_hci.compat.keywords import seed_keywords
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.models.pointing import CarefulModel
from taskloom_hci.motor.lqg import LQGProblem
from taskloom_hci.motor.lqr import lqr_discrete, lqr_discrete_horizon
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.linear import LQGAgent, LQRAgent
from taskloom_hci.users.pointing import PointingUser

Matrix = NDArray[np.float64]


class LateAgent(ABC):
    """An agent that needs its task: `compat.Bundle` makes it."""

    @abstractmethod
    def made_for(self, task: InteractionTask) -> Agent:
        """Return the agent for a task."""


def _pointing(task: InteractionTask, name: str) -> Pointing:
    if not isinstance(task, Pointing):
        raise BundleConstraintError(
            [f"{name} plays SimplePointingTask, not {type(task).__name__}."]
        )
    return task


def _control(task: InteractionTask, name: str) -> ClassicControl:
    if not isinstance(task, ClassicControl):
        raise BundleConstraintError(
            [f"{name} plays ClassicControlTask, not {type(task).__name__}."]
        )
    return task


@seed_keywords()
class CarefulPointer(LateAgent):
    """A user who points towards the goal, and errs now and then; the rate is used, which the seed system forgets.

    Args:
        error_rate: Share of moves in the wrong direction.
    """

    def __init__(self, *, error_rate: float = 0.05) -> None:
        self.error_rate = error_rate

    def made_for(self, task: InteractionTask) -> Agent:
        """Return the user."""
        game = _pointing(task, "CarefulPointer")
        return PointingUser(game, CarefulModel(self.error_rate, game.dimension))


@seed_keywords()
class BIGGain(LateAgent):
    """An assistant that asks by information gain, with the user's own model, as in the seed system.

    Ties go to the highest cell, and after an action that no goal explains it starts again from a uniform belief.
    """

    def __init__(self) -> None:
        return

    def made_for(self, task: InteractionTask) -> Agent:
        """Return the assistant."""
        return JumpAssistant(_pointing(task, "BIGGain"), tie="highest", on_zero="uniform")


@seed_keywords()
class ConstantCDGain(LateAgent):
    """An assistant that multiplies the user's move.

    Args:
        gain: The factor.
    """

    def __init__(self, gain: int) -> None:
        self.gain = gain

    def made_for(self, task: InteractionTask) -> Agent:
        """Return the assistant."""
        return ConstantGain(gain=self.gain).build(_pointing(task, "ConstantCDGain"))


def _require_user(role: str) -> None:
    if role != "user":
        raise HciError(f"A controller is a user here, not '{role}'.")


_GAMMA = "the control matrix is that of the task"


@seed_keywords(Gamma=_GAMMA)
class IHDT_LQRController(LateAgent):  # noqa: N801 -- the seed's name
    """A user who does `u = -K x` with the gain of an infinite horizon in discrete time.

    Args:
        role: `user`.
        Q: Cost of the state (n, n).
        R: Cost of the control (m, m).
    """

    def __init__(self, role: str, Q: Matrix, R: Matrix) -> None:
        _require_user(role)
        self.Q, self.R = Q, R

    def made_for(self, task: InteractionTask) -> Agent:
        """Return the user."""
        game = _control(task, "IHDT_LQRController")
        step, drive = np.eye(game.num_states) + game.timestep * game.A, game.timestep * game.B
        return LQRAgent(game, lqr_discrete(step, drive, self.Q, self.R), self.Q, self.R)


@seed_keywords(Gamma=_GAMMA)
class FHDT_LQRController(LateAgent):  # noqa: N801 -- the seed's name
    """A user who does `u = -K x` with the gains of a finite horizon; the seed system computes them and never uses them.

    Args:
        N: Steps of the horizon.
        role: `user`.
        Q: Cost of the state (n, n).
        R: Cost of the control (m, m).
    """

    def __init__(self, N: int, role: str, Q: Matrix, R: Matrix) -> None:
        _require_user(role)
        self.N, self.Q, self.R = N, Q, R

    def made_for(self, task: InteractionTask) -> Agent:
        """Return the user."""
        game = _control(task, "FHDT_LQRController")
        step, drive = np.eye(game.num_states) + game.timestep * game.A, game.timestep * game.B
        gains = lqr_discrete_horizon(step, drive, self.Q, self.R, self.N)
        return LQRAgent(game, gains, self.Q, self.R)


@seed_keywords(
    Gamma=_GAMMA,
    Acontroller="the user knows the system of the task",
    Bcontroller="the user knows the system of the task",
)
class IHCT_LQGController(LateAgent):  # noqa: N801 -- the seed's name
    """A user who controls by an estimate, with noise that grows with state and control (Phillis 1985).

    Args:
        role: `user`.
        timestep: Length of a step, which is the task's [s].
        Q: Cost of the state (n, n).
        R: Cost of the control (m, m).
        U: Cost of the error of the estimate (n, n).
        C: Observation (p, n).
        D: Observation noise (p, q).
        F: Noise that grows with the state; by default none.
        G: Process noise; likewise.
        H: Noise that grows with the control; likewise.
        noise: `on` or `off`, for what it sees.
    """

    def __init__(
        self,
        role: str,
        timestep: float,
        Q: Matrix,
        R: Matrix,
        U: Matrix,
        C: Matrix,
        D: Matrix,
        *,
        F: Matrix | None = None,
        G: Matrix | None = None,
        H: Matrix | None = None,
        noise: str = "on",
    ) -> None:
        _require_user(role)
        self.timestep = timestep
        self.costs, self.view, self.noises = (Q, R, U), (C, D), (F, G, H)
        self.noise = noise == "on"

    def made_for(self, task: InteractionTask) -> Agent:
        """Return the user."""
        game = _control(task, "IHCT_LQGController")
        if game.timestep != self.timestep:
            raise BundleConstraintError(
                [
                    f"The time step of the controller is {self.timestep} s, that of the task {game.timestep} s."
                ]
            )
        (Q, R, U), (C, D), (F, G, H) = self.costs, self.view, self.noises
        n, m = game.num_states, game.num_controls
        problem = LQGProblem(
            game.A,
            game.B,
            C,
            Q,
            R,
            U,
            D,
            np.zeros((n, 1)) if G is None else G,
            np.zeros((n, n)) if F is None else F,
            np.zeros((n, m)) if H is None else H,
        )
        return LQGAgent(game, problem, noise=self.noise)


class _TowardsGoal(BasePolicy):
    """A step towards the goal of its host: 1 below it, -1 above it, and 0 on it."""

    def sample(self, agent_observation: Any = None, agent_state: Any = None) -> tuple[Any, float]:
        """Return the step towards the goal."""
        goal = np.asarray(agent_state["goal"])
        return np.sign(goal - agent_observation["task_state"]["x"]), 0.0


class ExampleUser(BaseAgent):
    """The user of the seed's first example: its goal is 4, and it moves there by steps of 1."""

    def __init__(self, **keywords: Any) -> None:
        step = discrete_array_element(low=-1, high=1, init=0)
        state = State(goal=discrete_array_element(low=-4, high=4, init=4))
        super().__init__(
            "user", agent_state=state, agent_policy=_TowardsGoal(action_state=step), **keywords
        )


class ExampleAssistant(BaseAgent):
    """The assistant of the seed's first example: it adds -1, 0 or 1, drawn alike."""

    def __init__(self, **keywords: Any) -> None:
        step = discrete_array_element(low=-1, high=1, init=0)
        super().__init__("assistant", agent_policy=BasePolicy(action_state=step), **keywords)
