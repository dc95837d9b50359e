"""The algebraic and differential equations behind optimal linear control."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import UnstableGainError

Matrix: TypeAlias = NDArray[np.float64]

MAX_DOUBLINGS = 60
TINY = 1e-14
REFINEMENTS = 8


def dare(A: Matrix, B: Matrix, Q: Matrix, R: Matrix) -> Matrix:
    """Return the stabilising solution of `P = A'PA - A'PB (R + B'PB)^-1 B'PA + Q`.

    Structure-preserving doubling (Chu, Fan, Lin and Wang, Int. J. Control 77(8), 2004): after k steps the iterate is the
    cost-to-go over 2**k periods.

    Raises:
        UnstableGainError: If there is none.
    """
    n = len(A)
    # G = B R^-1 B' is all that the equation needs of B and R, and the doubling keeps its form.
    a, g, h = A, B @ np.linalg.solve(R, B.T), Q
    for _ in range(MAX_DOUBLINGS):
        # An unstable motion that cannot be controlled grows without bound; that is noticed below.
        with np.errstate(over="ignore", invalid="ignore"):
            w = np.linalg.solve(np.eye(n) + g @ h, np.hstack([a, g]))
            wa, wg = w[:, :n], w[:, n:]
            step = a.T @ h @ wa
            a, g, h = a @ wa, g + a @ wg @ a.T, h + step
            h = (
                (h + h.T) / 2
            )  # rounding breaks the symmetry a little in each step, and the steps would magnify that
        if not np.all(np.isfinite(h)):
            break
        if np.abs(step).max() <= TINY * max(1.0, np.abs(h).max()):
            K = np.linalg.solve(R + B.T @ h @ B, B.T @ h @ A)
            require_stable(A - B @ K, "discrete", "the optimal gain")
            return np.asarray(h)
    raise UnstableGainError(
        "The discrete Riccati equation has no stabilising solution: some unstable motion cannot be controlled."
    )


def care(A: Matrix, G: Matrix, Q: Matrix) -> Matrix:
    """Return the stabilising solution of `A'P + PA - PGP + Q = 0`, where `G = B R^-1 B'`.

    From the stable invariant subspace of the Hamiltonian matrix (Laub, IEEE TAC 24(6), 1979), polished by Newton's method
    (Kleinman, IEEE TAC 13(1), 1968).

    Raises:
        UnstableGainError: If there is none.
    """
    n = len(A)
    # The cost-to-go is the graph of the stable subspace: P maps its upper half to its lower one.
    values, vectors = np.linalg.eig(np.block([[A, -G], [-Q, -A.T]]))
    stable = np.argsort(np.real(values))[:n]
    upper, lower = vectors[:n, stable], vectors[n:, stable]
    if not np.all(np.real(values[stable]) < 0.0) or np.linalg.cond(upper) > 1.0 / TINY:
        raise UnstableGainError(
            "The Riccati equation has no stabilising solution: some unstable motion cannot be controlled."
        )
    P = np.real(lower @ np.linalg.inv(upper))
    P = (P + P.T) / 2
    for _ in range(REFINEMENTS):
        closed = A - G @ P
        require_stable(closed, "continuous", "the optimal gain")
        better = lyapunov(closed.T, P @ G @ P + Q)
        change = np.abs(better - P).max()
        P = better
        if change <= TINY * max(1.0, np.abs(P).max()):
            break
    return np.asarray(P)


def lyapunov(A: Matrix, W: Matrix, *noises: Matrix) -> Matrix:
    """Return the solution of `A P + P A' + sum_i N_i P N_i' + W = 0`; `noises` are the N."""
    n = len(A)
    # n^2 unknowns at once: with multiplicative noise the equation has no Schur form to work down, and n is below 10 here.
    operator = lyapunov_operator(A, *noises)
    P = np.linalg.solve(operator, -W.ravel()).reshape(n, n)
    return np.asarray((P + P.T) / 2, dtype=np.float64)


def lyapunov_operator(A: Matrix, *noises: Matrix) -> Matrix:
    """Return the matrix of `P -> A P + P A' + sum_i N_i P N_i'` on P written row by row."""
    eye = np.eye(len(A))
    operator = np.kron(A, eye) + np.kron(eye, A)
    for noise in noises:
        operator = operator + np.kron(noise, noise)
    return np.asarray(operator)


def expm(M: Matrix) -> Matrix:
    """Return the matrix exponential by scaling and squaring of the [6/6] Pade approximant (Higham, 2005, section 2)."""
    scale = max(0, int(np.ceil(np.log2(max(np.abs(M).sum(axis=1).max(), 1e-300)))) + 2)
    X = M / 2.0**scale
    order, c = 6, 1.0
    numerator, denominator, power = np.eye(len(M)), np.eye(len(M)), np.eye(len(M))
    for k in range(1, order + 1):
        c *= (order - k + 1) / (k * (2 * order - k + 1))
        power = X @ power
        numerator = numerator + c * power
        denominator = denominator + (-1) ** k * c * power
    out = np.linalg.solve(denominator, numerator)
    for _ in range(scale):
        out = out @ out
    return np.asarray(out, dtype=np.float64)


def require_stable(closed: Matrix, timespace: str, what: str) -> None:
    """Raise unless a closed loop is stable.

    Args:
        closed: The system matrix with the feedback in it.
        timespace: `continuous` (all real parts negative) or `discrete` (all within the unit circle).
        what: The gain, for the message.

    Raises:
        UnstableGainError: If it is not; the message names the worst eigenvalue.
    """
    # `eigvals` raises on what is not finite, with a message about its own insides.
    if not np.all(np.isfinite(closed)):
        raise UnstableGainError(f"The closed loop with {what} is not finite.")
    values = np.linalg.eigvals(closed)
    size = values.real if timespace == "continuous" else np.abs(values)
    limit = 0.0 if timespace == "continuous" else 1.0
    if size.max() >= limit:
        worst = values[int(np.argmax(size))]
        rule = "a negative real part" if timespace == "continuous" else "a modulus below 1"
        raise UnstableGainError(
            f"The closed loop with {what} is unstable: its eigenvalue {worst:.6g} needs {rule}."
        )
