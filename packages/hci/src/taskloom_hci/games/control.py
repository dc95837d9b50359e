"""Classic control: a linear system with noise, moved by the user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.accelerated.exact_linear import Terms, terms, times
from taskloom_hci.errors import HciError
from taskloom_hci.motor.lqg import LQGProblem
from taskloom_hci.state.elements import Element, Value, array_element
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plant:
    """Dynamics of a step: `x' = A x + B u + s (F x beta + Y u gamma + G omega)`, all noises standard normal.

    Attributes:
        A: Dynamics of one step (n, n).
        B: Control of one step (n, m).
        F: Noise that grows with the state, already times the standard deviation `s` of an increment; likewise `Y`, `G`.
        Y: Noise that grows with the control.
        G: Process noise; only the columns that are not zero.
    """

    A: Terms
    B: Terms
    F: Terms
    Y: Terms
    G: Terms
    num_noises: int
    has_f: bool
    has_y: bool

    @property
    def num_draws(self) -> int:
        """Normal numbers drawn a step."""
        return self.num_noises + self.has_f + self.has_y

    def advance(self, x: Matrix, u: Matrix, noise: Matrix) -> Matrix:
        """Return the next states (n, k) from states (n, k), controls (m, k) and normal numbers (num_draws, k)."""
        after = times(self.A, x) + times(self.B, u)
        used = 0
        if self.has_f:
            after += times(self.F, x) * noise[used]
            used += 1
        if self.has_y:
            after += times(self.Y, u) * noise[used]
            used += 1
        if self.num_noises:
            after += times(self.G, noise[used:])
        return after


class ClassicControl(InteractionTask):
    """A linear system that starts at `start` and is to be brought to rest; without an assistant.

    With the continuous matrices, Euler's method gives `A_d = I + A dt` and `B_d = B dt`. Every noise has the variance `dt`
    in a step: noise is scaled by the square root of the time step.

    Args:
        A: Dynamics (n, n).
        B: Control (n, m).
        F: Noise that grows with the state (n, n).
        G: Process noise (n, r).
        H: Noise that grows with the control (n, m).
        timestep: Duration of a step [s].
        discrete: Whether `A` and `B` are those of one step, instead of per second.
        noise: Whether there is noise.
        start: First state (n,); by default the first unit vector.
        end: The game ends when no entry of the state is larger (n,) or a number; None plays to the time limit.
        max_rounds: Steps after which a game is cut off.
        problem: The system with its observation and costs, for users who need more than `A` and `B`.
    """

    def __init__(
        self,
        A: Matrix,
        B: Matrix,
        *,
        F: Matrix | None = None,
        G: Matrix | None = None,
        H: Matrix | None = None,
        timestep: float = 0.1,
        discrete: bool = False,
        noise: bool = True,
        start: Iterable[float] | None = None,
        end: float | Iterable[float] | None = 0.01,
        max_rounds: int | None = 1000,
        problem: LQGProblem | None = None,
    ) -> None:
        super().__init__()
        self.problem = problem
        A, B = np.asarray(A, dtype=np.float64), np.asarray(B, dtype=np.float64)
        n = len(A)
        _require_shapes(A, B, {"F": F, "G": G, "H": H})
        self.timestep, self.max_rounds = timestep, max_rounds
        self.A = A if not discrete else (A - np.eye(n)) / timestep
        self.B = B if not discrete else B / timestep
        step_A = A if discrete else np.eye(n) + A * timestep
        step_B = B if discrete else B * timestep
        scale = np.sqrt(timestep) if noise else 0.0
        none = np.zeros((n, 1))
        channels = none if G is None else np.asarray(G, dtype=np.float64)
        channels = scale * channels[:, np.any(channels != 0.0, axis=0)]
        state_noise = scale * (np.zeros((n, n)) if F is None else np.asarray(F))
        control_noise = scale * (np.zeros_like(B) if H is None else np.asarray(H))
        self.plant = Plant(
            terms(step_A),
            terms(step_B),
            terms(state_noise),
            terms(control_noise),
            terms(channels),
            channels.shape[1] if noise else 0,
            bool(state_noise.any()),
            bool(control_noise.any()),
        )
        self.num_states, self.num_controls = n, B.shape[1]
        first = np.eye(n)[0] if start is None else np.array(list(start), dtype=np.float64)
        if first.shape != (n,):
            raise HciError(
                f"The start of a system of {n} states has {n} numbers, not {first.size}."
            )
        self.start = first
        self.end = None if end is None else np.broadcast_to(np.asarray(end, dtype=np.float64), (n,))
        self.state["x"] = array_element((n,), first, out_of_bounds_mode="error")

    def user_element(self) -> Element:
        """Return an unbounded control."""
        return array_element(
            (self.num_controls,), np.zeros(self.num_controls), out_of_bounds_mode="error"
        )

    def on_bundle_constraints(self) -> Iterable[str]:
        """Check that there is a user with the right number of controls, and no assistant."""
        user = self.game.user
        if user is None:
            yield "Classic control needs a user."
        elif user.policy.element.space.shape != (self.num_controls,):
            yield f"The user's action has the shape {user.policy.element.space.shape}, but the system has {self.num_controls} controls."
        if self.game.assistant is not None:
            yield "Classic control has no assistant: choose the assistant 'none'."

    @override
    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        self.state["x"] = self.start

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        noise = self.stream.normals(self.plant.num_draws)[:, None]
        control = np.asarray(user_action, dtype=np.float64)[:, None]
        self.state["x"] = self.plant.advance(self.state["x"][:, None], control, noise)[:, 0]
        return self.state, 0.0, self.at_rest(self.state["x"])

    def at_rest(self, x: Matrix) -> bool:
        """Return whether the game ends here."""
        return self.end is not None and bool(np.all(np.abs(x) <= self.end))

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        raise HciError(f"Classic control has no assistant to do {assistant_action}.")


def _require_shapes(A: Matrix, B: Matrix, noises: Mapping[str, Matrix | None]) -> None:
    n = len(A)
    if A.shape != (n, n) or B.ndim != 2 or len(B) != n:
        raise HciError(
            f"A system needs A of shape (n, n) and B of shape (n, m), not {A.shape} and {B.shape}."
        )
    needed: dict[str, Literal["n", "m", "any"]] = {"F": "n", "G": "any", "H": "m"}
    for name, matrix in noises.items():
        if matrix is None:
            continue
        # A scalar noise was broadcast silently in the seed system, and crashed later.
        columns = {"n": n, "m": B.shape[1], "any": np.shape(matrix)[-1] if np.ndim(matrix) else 0}[
            needed[name]
        ]
        if np.shape(matrix) != (n, columns):
            raise HciError(
                f"The noise {name} of this system has the shape ({n}, {columns}), not {np.shape(matrix)}."
            )
