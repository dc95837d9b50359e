"""Linear-quadratic-Gaussian control with noise that grows with the control and with the state.

    dx  = (A x + B u) dt + F x dbeta + Y u dgamma + G domega
    dy  = C x dt + D dxi
    dx^ = (A x^ + B u) dt + K (dy - C x^ dt),    u = -L x^

`beta`, `gamma`, `omega` and `xi` are standard Brownian motions: an increment over `dt` has the variance `dt`. The steady-state
gains solve two coupled equations of Lyapunov type (Phillis, IEEE TAC 30(10), 1985; Qian et al., Neural Computation 25,
2013). With `e = x - x^` and

    A_ = [[A - BL, BL], [0, A - KC]]   Y_ = [[-YL, YL], [-YL, YL]]   F_ = [[F, 0], [F, 0]]   G_ = [[G, 0], [G, -KD]]
    V  = [[Q + L'RL, -L'RL], [-L'RL, L'RL + U]]

    A_ P + P A_' + Y_ P Y_' + F_ P F_' + G_ G_' = 0      K = P22 C' (DD')^+
    A_'S + S A_ + Y_'S Y_ + F_'S F_ + V = 0              L = (R + Y'(S11 + S22) Y)^-1 B' S11

These have several solutions. The right one is followed from the solution without multiplicative noise, which two Riccati
equations give, as the noise grows to its size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache

import numpy as np

from taskloom_hci.errors import UnstableGainError
from taskloom_hci.motor.riccati import Matrix, care, lyapunov, lyapunov_operator

MAX_ITERATIONS = 400
CONVERGED = 1e-12
STAGES = 8


@dataclass(frozen=True, slots=True)
class LQGProblem:
    """A linear system, its noise and its costs; n states, m controls, p observations.

    Attributes:
        A: Dynamics (n, n) [1/s].
        B: Control (n, m).
        C: Observation (p, n).
        Q: Cost of the state (n, n).
        R: Cost of the control (m, m).
        U: Cost of the error of the estimate (n, n).
        D: Observation noise (p, q).
        G: Process noise (n, r).
        F: Noise that grows with the state (n, n).
        Y: Noise that grows with the control (n, m).
    """

    A: Matrix
    B: Matrix
    C: Matrix
    Q: Matrix
    R: Matrix
    U: Matrix
    D: Matrix
    G: Matrix
    F: Matrix
    Y: Matrix


@dataclass(frozen=True, slots=True)
class LQGGains:
    """The feedback `L` (m, n) and the filter gain `K` (n, p)."""

    L: Matrix
    K: Matrix


def additive_gains(problem: LQGProblem) -> LQGGains:
    """Return the gains without multiplicative noise: regulator and filter are then apart."""
    p = problem
    S = care(p.A, p.B @ np.linalg.solve(p.R, p.B.T), p.Q)
    weight = p.C.T @ np.linalg.pinv(p.D @ p.D.T)
    P = care(p.A.T, weight @ p.C, p.G @ p.G.T)
    return LQGGains(np.asarray(np.linalg.solve(p.R, p.B.T @ S), dtype=np.float64), P @ weight)


def solve_lqg(problem: LQGProblem, start: LQGGains | None = None) -> LQGGains:
    """Return the steady-state gains.

    Args:
        problem: The system.
        start: Where to begin. What the iteration from there leads to counts only if it keeps the mean square of state and
            error finite; otherwise the solution is followed from the one without multiplicative noise.

    Raises:
        UnstableGainError: If no gains keep the mean square finite: the noise is too strong.
    """
    if start is not None:
        found = _iterate(problem, start, 1.0)
        if found is not None:
            return found
    arrays = [np.asarray(getattr(problem, one.name)) for one in fields(problem)]
    gains = _followed(_Asked(tuple((a.shape, a.dtype.str, a.tobytes()) for a in arrays), problem))
    return LQGGains(gains.L.copy(), gains.K.copy())


@dataclass(frozen=True, slots=True)
class _Asked:
    """A system by the contents of its matrices."""

    contents: tuple[tuple[tuple[int, ...], str, bytes], ...]
    problem: LQGProblem = field(compare=False)


# Every environment of a vector, and every listing, makes the same user anew.
@lru_cache(maxsize=64)
def _followed(asked: _Asked) -> LQGGains:
    return _follow(asked.problem)


def _follow(problem: LQGProblem) -> LQGGains:
    # A fixed point is only taken if it is stable, so each stage starts on the right branch and stays on it.
    gains, strength, step = additive_gains(problem), 0.0, 1.0 / STAGES
    # Without multiplicative noise regulator and filter are apart, and the additive gains are the answer.
    if not (problem.F.any() or problem.Y.any()):
        return gains
    while strength < 1.0:
        found = _iterate(problem, gains, min(strength + step, 1.0))
        if found is not None:
            gains, strength = found, min(strength + step, 1.0)
            continue
        step /= 2  # the branch turns too fast here for the last solution to lead to the next
        if step < 1e-2:
            raise UnstableGainError(
                f"No gains keep this system's mean square finite: its multiplicative noise may be at most about "
                f"{strength:.3g} of what it is."
            )
    return gains


def _iterate(problem: LQGProblem, gains: LQGGains, strength: float) -> LQGGains | None:
    """Return the fixed point that the iteration reaches with the noise scaled, or None if that is not a stable one."""
    for _ in range(MAX_ITERATIONS):
        try:
            better = _improve(problem, gains, strength)
        except np.linalg.LinAlgError:
            return None
        if not (np.all(np.isfinite(better.L)) and np.all(np.isfinite(better.K))):
            return None
        change = max(
            np.abs(better.L - gains.L).max() / max(1.0, np.abs(better.L).max()),
            np.abs(better.K - gains.K).max() / max(1.0, np.abs(better.K).max()),
        )
        gains = better
        if change <= CONVERGED:
            return gains if growth_rate(problem, gains, strength) < 0.0 else None
    return None


def _improve(problem: LQGProblem, gains: LQGGains, strength: float) -> LQGGains:
    p, n = problem, len(problem.A)
    closed, control_noise, state_noise = _closed_loop(p, gains, strength)
    L, K = gains.L, gains.K
    noise = np.block([[p.G, np.zeros((n, p.D.shape[1]))], [p.G, -K @ p.D]])
    cost = L.T @ p.R @ L
    weight = np.block([[p.Q + cost, -cost], [-cost, cost + p.U]])
    P = lyapunov(closed, noise @ noise.T, control_noise, state_noise)
    S = lyapunov(closed.T, weight, control_noise.T, state_noise.T)
    Y = strength * p.Y
    effort = p.R + Y.T @ (S[:n, :n] + S[n:, n:]) @ Y
    return LQGGains(
        np.asarray(np.linalg.solve(effort, p.B.T @ S[:n, :n]), dtype=np.float64),
        P[n:, n:] @ p.C.T @ np.linalg.pinv(p.D @ p.D.T),
    )


def _closed_loop(p: LQGProblem, gains: LQGGains, strength: float) -> tuple[Matrix, Matrix, Matrix]:
    L, K = gains.L, gains.K
    YL, zero = strength * p.Y @ L, np.zeros_like(p.A)
    F = strength * p.F
    closed = np.block([[p.A - p.B @ L, p.B @ L], [zero, p.A - K @ p.C]])
    return closed, np.block([[-YL, YL], [-YL, YL]]), np.block([[F, zero], [F, zero]])


def growth_rate(problem: LQGProblem, gains: LQGGains, strength: float = 1.0) -> float:
    """Return the rate [1/s] at which the mean square of state and error grows; negative means that it settles."""
    operator = lyapunov_operator(*_closed_loop(problem, gains, strength))
    return float(np.linalg.eigvals(operator).real.max())
