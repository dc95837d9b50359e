"""The backward pass of iLQR, with bounds on the controls.

Y. Tassa, N. Mansard and E. Todorov, "Control-limited differential dynamic programming", ICRA 2014. The cost of step k here is
a function of the state after it, as everywhere in this package, so it joins the value function before the step is taken back:
with F = [A B] and z = (x, u),

    Q_z = c_z + F^T (V_x + c_x),   Q_zz = c_zz + F^T (V_xx + c_xx) F + c_zx F + (c_zx F)^T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.expansion import Expansion

# A quadratic program of a few controls is solved in two or three Newton steps; the limit only stops a numerical cycle.
_BOX_ITERATIONS = 50


@dataclass
class FeedbackPolicy:
    """Change of the controls with feedback, the result of a backward pass.

    Attributes:
        steps: Changes of the controls, shape (T, m).
        gains: Feedback on the change of the state, shape (T, m, n).
        expected: Change of the cost that the local model expects of the whole step; not positive.
    """

    steps: Float[np.ndarray, "T m"]
    gains: Float[np.ndarray, "T m n"]
    expected: float


def backward_pass(
    model: Expansion,
    drift: Float[np.ndarray, "T n"],
    low: Float[np.ndarray, "T m"],
    high: Float[np.ndarray, "T m"],
    regularization: float,
) -> FeedbackPolicy | None:
    """Return the optimal change of the controls in the local model, or None if a control Hessian is not positive definite.

    Args:
        model: The local model.
        drift: How far each step ends from where the next one is expanded; zero along a trajectory.
        low: Lower bounds of the changes.
        high: Upper bounds of the changes.
        regularization: Added to the diagonal of every control Hessian (Levenberg-Marquardt).
    """
    steps, n, m = model.B.shape
    policy = FeedbackPolicy(np.zeros((steps, m)), np.zeros((steps, m, n)), 0.0)
    # What does not depend on the value function is worked out for all steps at once: the loop below is Python, step by step.
    every_F = np.concatenate([model.A, model.B], axis=2)
    every_cross = model.czx @ every_F
    # The drift moves the state after the step, which the mixed term of the cost sees too.
    drifts = drift.any()
    every_cz = model.cz + np.einsum("tij,tj->ti", model.czx, drift) if drifts else model.cz
    damping = regularization * np.eye(m)
    Vx, Vxx = np.zeros(n), np.zeros((n, n))
    for k in reversed(range(steps)):
        F, cross = every_F[k], every_cross[k]
        Wxx = Vxx + model.cxx[k]
        Wx = Vx + model.cx[k]
        if drifts:
            Wx += Wxx @ drift[k]
        Qz = every_cz[k] + F.T @ Wx
        Qzz = model.czz[k] + F.T @ Wxx @ F + cross + cross.T
        # Symmetric to the last bit, or the Cholesky factor would follow rounding errors of one triangle.
        Quu = 0.5 * (Qzz[n:, n:] + Qzz[n:, n:].T) + damping
        solved = solve_box(Quu, Qz[n:], low[k], high[k])
        if solved is None:
            return None
        step, free = solved
        # A control that its bound holds does not react to the state (Tassa et al., section III C).
        gain = policy.gains[k]
        if m == 1:
            if free[0]:
                np.divide(Qzz[n:, :n], -Quu, out=gain)
        elif free.all():
            gain[:] = -np.linalg.solve(Quu, Qzz[n:, :n])
        elif free.any():
            gain[free] = -np.linalg.solve(Quu[np.ix_(free, free)], Qzz[n:, :n][free])
        policy.steps[k] = step
        # The value function uses the Hessian without the regularization, which is no part of the cost.
        Qxu, true_uu = Qzz[:n, n:], Qzz[n:, n:]
        policy.expected += float(step @ Qz[n:] + 0.5 * step @ true_uu @ step)
        Vx = Qz[:n] + gain.T @ true_uu @ step + gain.T @ Qz[n:] + Qxu @ step
        Vxx = Qzz[:n, :n] + gain.T @ true_uu @ gain + gain.T @ Qxu.T + Qxu @ gain
        Vxx = 0.5 * (Vxx + Vxx.T)
    return policy


def solve_box(
    H: Float[np.ndarray, "m m"],
    g: Float[np.ndarray, " m"],
    low: Float[np.ndarray, " m"],
    high: Float[np.ndarray, " m"],
) -> tuple[np.ndarray, np.ndarray] | None:
    """Minimize x^T H x / 2 + g^T x within bounds by projected Newton steps (Tassa et al., algorithm 1).

    Returns:
        The minimizer and which components are not held by a bound; None if H is not positive definite where it matters.
    """
    if len(g) == 1:
        return _solve_interval(*(float(part.item()) for part in (H, g, low, high)))
    x = np.clip(np.zeros_like(g), low, high)
    free = np.ones(len(g), dtype=bool)
    for _ in range(_BOX_ITERATIONS):
        gradient = g + H @ x
        free = ~(((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0)))
        if not free.any():
            return x, free
        block = H[np.ix_(free, free)]
        try:
            # Asked for definiteness only: one general solution is quicker than two by the factor.
            np.linalg.cholesky(block)
        except np.linalg.LinAlgError:
            return None
        newton = np.zeros_like(x)
        newton[free] = -np.linalg.solve(block, gradient[free])
        # The objective is a parabola: a whole step that meets no bound ends at its minimum.
        if free.all() and (low < x + newton).all() and (x + newton < high).all():
            return x + newton, free
        # Relative to the step's own size: an absolute bound would never be met in large units.
        if np.abs(newton).max() <= 1e-12 * (1 + np.abs(x).max()):
            return x, free
        x = _search(H, g, x, newton, (low, high))
    return x, free


def _solve_interval(
    h: float, g: float, low: float, high: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Minimize h x^2 / 2 + g x within bounds, as `solve_box` does: one control needs no iteration."""
    x = min(max(0.0, low), high)
    if not _is_held(x, g + h * x, low, high):
        if not h > 0:
            return None
        x = min(max(-g / h, low), high)
    is_free = not _is_held(x, g + h * x, low, high)
    return np.array([x]), np.array([is_free])


def _is_held(x: float, gradient: float, low: float, high: float) -> bool:
    return (x <= low and gradient > 0) or (x >= high and gradient < 0)


def _search(
    H: np.ndarray,
    g: np.ndarray,
    x: np.ndarray,
    step: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return the first projected point along a step that lowers the objective."""
    value, slope, size = g @ x + 0.5 * x @ H @ x, (g + H @ x) @ step, 1.0
    for _ in range(30):
        candidate = np.clip(x + size * step, *bounds)
        if g @ candidate + 0.5 * candidate @ H @ candidate <= value + 0.1 * size * slope + 1e-15:
            return np.asarray(candidate)
        size *= 0.5
    return x
