"""Linear-quadratic regulators: the feedback `u = -K x` that costs least.

discrete     x' = A x + B u,       cost  sum  x'Qx + u'Ru
continuous   dx = (A x + B u) dt,  cost  int (x'Qx + u'Ru) dt
"""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import numpy as np

from taskloom_hci.motor.riccati import Matrix, care, dare, expm


def lqr_discrete(A: Matrix, B: Matrix, Q: Matrix, R: Matrix) -> Matrix:
    """Return the infinite-horizon gain (m, n) in discrete time."""
    P = dare(A, B, Q, R)
    return np.asarray(np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A), dtype=np.float64)


def lqr_continuous(A: Matrix, B: Matrix, Q: Matrix, R: Matrix) -> Matrix:
    """Return the infinite-horizon gain (m, n) in continuous time."""
    P = care(A, B @ np.linalg.solve(R, B.T), Q)
    return np.asarray(np.linalg.solve(R, B.T @ P), dtype=np.float64)


def lqr_discrete_horizon(
    A: Matrix, B: Matrix, Q: Matrix, R: Matrix, steps: int, final: Matrix | None = None
) -> Matrix:
    """Return the gains (steps, m, n) for a given number of steps; `final` weighs the last state, by default like Q."""
    P = Q if final is None else final
    gains = []
    for _ in range(steps):
        K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
        P = Q + A.T @ P @ (A - B @ K)
        P = (P + P.T) / 2
        gains.append(K)
    return np.array(gains[::-1])


def lqr_continuous_horizon(
    A: Matrix,
    B: Matrix,
    Q: Matrix,
    R: Matrix,
    duration: float,
    steps: int,
    final: Matrix | None = None,
) -> Matrix:
    """Return the gains (steps + 1, m, n) at equally spaced times of a given duration [s].

    The Riccati differential equation is solved exactly between the times, by the exponential of its Hamiltonian matrix.
    """
    n = len(A)
    G = B @ np.linalg.solve(R, B.T)
    back = expm(-np.block([[A, -G], [-Q, -A.T]]) * (duration / steps))
    P: Matrix = Q if final is None else final
    gains: list[Matrix] = [np.asarray(np.linalg.solve(R, B.T @ P), dtype=np.float64)]
    for _ in range(steps):
        both = back @ np.vstack([np.eye(n), P])
        P = np.asarray(np.linalg.solve(both[:n].T, both[n:].T).T, dtype=np.float64)
        P = (P + P.T) / 2
        gains.append(np.asarray(np.linalg.solve(R, B.T @ P), dtype=np.float64))
    return np.array(gains[::-1])
