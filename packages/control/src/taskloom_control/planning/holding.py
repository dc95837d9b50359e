"""The constant control that holds a system against gravity where it stands, which a first plan begins with.

It minimizes |W qacc(u)|^2 at the state with its velocities at rest, W = diag(dof_invweight0^-1/2), by Gauss-Newton steps inside of
the control range. Where nothing can be held a small residual misleads, so what is found must also drift less than the control of
before. An actuator with an integrator keeps its activation, which no control sets at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from taskloom_control.mjcf.physics import apply_snapshot

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.mjcf.physics import Snapshot

# With more actuators than this the derivatives take longer than a plan.
_MOST = 50
_ROUNDS = 8
# Step of the finite differences, as a share of half the range.
_STEP = 1e-4
# Accelerations below this, scaled, are an equilibrium.
_AT_REST = 1e-8
_TIKHONOV = 1e-6
_TRIED = 0.2  # simulated time in which two controls are compared [s]
_AFFINE = int(mujoco.mjtBias.mjBIAS_AFFINE)
_INTEGRATOR = int(mujoco.mjtDyn.mjDYN_INTEGRATOR)
_FIXED = int(mujoco.mjtGain.mjGAIN_FIXED)


def holding_control(
    model: mujoco.MjModel,
    snapshot: Snapshot,
    low: Float[np.ndarray, " nu"],
    high: Float[np.ndarray, " nu"],
) -> Float[np.ndarray, " nu"]:
    """Return the constant control that holds a state, or the one that drifts less: a servo's present length, else zero.

    Args:
        model: The planning model.
        snapshot: The state; its velocities are taken for zero.
        low: Lower bounds of the controls; may be -inf.
        high: Upper bounds of the controls; may be inf.
    """
    data = mujoco.MjData(model)
    _at_rest(model, data, snapshot)
    mujoco.mj_forward(model, data)
    plain: np.ndarray = np.clip(_servo_lengths(model, data), low, high)
    if model.nu > _MOST:
        return plain
    weight = np.maximum(model.dof_invweight0, 1e-12) ** -0.5

    def residual(control: np.ndarray) -> np.ndarray:
        _put(model, data, control)
        data.qacc_warmstart[:] = 0.0
        mujoco.mj_forward(model, data)
        return np.asarray(weight * data.qacc)

    start = residual(plain)
    if not np.isfinite(start).all() or np.abs(start).max(initial=0.0) < _AT_REST:
        return plain
    found = _least(residual, plain, low, high)
    if np.array_equal(found, plain):
        return plain
    gaps = [drift(model, snapshot, control, _TRIED) for control in (plain, found)]
    return found if gaps[1] < gaps[0] else plain


def drift(model: mujoco.MjModel, snapshot: Snapshot, control: np.ndarray, seconds: float) -> float:
    """Return how far a state moves from rest under a constant control in some time, in the model's own velocities' units."""
    data = mujoco.MjData(model)
    _at_rest(model, data, snapshot)
    before = data.qpos.copy()
    _put(model, data, control)
    for _ in range(max(1, round(seconds / model.opt.timestep))):
        mujoco.mj_step(model, data)
    gap = np.zeros(model.nv)
    mujoco.mj_differentiatePos(model, gap, 1.0, before, data.qpos)
    distance = float(np.linalg.norm(gap))
    return distance if np.isfinite(distance) else np.inf


def _at_rest(model: mujoco.MjModel, data: mujoco.MjData, snapshot: Snapshot) -> None:
    mujoco.mj_resetData(model, data)
    apply_snapshot(snapshot, model, data)
    data.qvel[:] = 0.0


def _put(model: mujoco.MjModel, data: mujoco.MjData, control: np.ndarray) -> None:
    """Set a control, and what filters and muscles have become after it has acted for long."""
    data.ctrl[:] = control
    for i in np.flatnonzero(model.actuator_actnum):
        if int(model.actuator_dyntype[i]) != _INTEGRATOR:
            last = int(model.actuator_actadr[i]) + int(model.actuator_actnum[i]) - 1
            data.act[last] = control[i]


def _servo_lengths(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Return the controls under which servos pull nowhere, 0 for other actuators; shape (nu,)."""
    gain, bias = model.actuator_gainprm[:, 0], model.actuator_biasprm[:, 1]
    servo = (model.actuator_biastype == _AFFINE) & (model.actuator_gaintype == _FIXED)
    servo &= (bias < 0) & (gain != 0) & (model.actuator_dyntype != _INTEGRATOR)
    safe = np.where(gain != 0, gain, 1.0)
    return np.asarray(np.where(servo, -data.actuator_length * bias / safe, 0.0))


def _least(
    residual: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Return the control with the least residual near a start, inside of its bounds."""
    control, now = start, residual(start)
    bounded = np.isfinite(low) & np.isfinite(high)
    step = _STEP * np.where(bounded, (high - low) / 2, 1.0)
    for _ in range(_ROUNDS):
        # Backwards where the bound is near, so that no difference is taken outside of the range.
        signed = np.where(control + step > high, -step, step)
        columns = [
            (residual(control + change) - now) / size
            for change, size in zip(np.diag(signed), signed, strict=True)
        ]
        move = _bounded_step(np.array(columns).T, now, low - control, high - control)
        size = 1.0
        while size > 1e-3:
            tried = np.clip(control + size * move, low, high)
            after = residual(tried)
            if after @ after < now @ now:
                break
            size /= 2
        else:
            return control
        gained = now @ now - after @ after
        control, now = tried, after
        if gained < 1e-12 * (now @ now) or np.abs(now).max() < _AT_REST:
            break
    return control


def _bounded_step(
    jacobian: np.ndarray, residual: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the step with the least linear residual inside of its bounds: what leaves them is fixed there, again and again."""
    size = jacobian.shape[1]
    # A direction that moves nothing gets no step instead of an endless one.
    ridge = (_TIKHONOV * np.linalg.norm(jacobian)) ** 2 + 1e-300
    step, free = np.zeros(size), np.ones(size, dtype=bool)
    for _ in range(size):
        part = jacobian[:, free]
        wanted = -part.T @ (residual + jacobian[:, ~free] @ step[~free])
        step[free] = np.linalg.solve(part.T @ part + ridge * np.eye(part.shape[1]), wanted)
        outside = free & ((step < low) | (step > high))
        step = np.clip(step, low, high)
        if not outside.any() or (free := free & ~outside).sum() == 0:
            break
    return step
