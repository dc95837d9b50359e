"""The arm of the pointing studies: a joint moved by a muscle with two time constants (Qian et al., 2013)."""

from __future__ import annotations

import numpy as np

from taskloom_hci.motor.lqg import LQGProblem

INERTIA = 0.25  # [kg m^2]
DAMPING = 0.2  # [N m s / rad]
ACTIVATION = 0.03  # [s]
EXCITATION = 0.04  # [s]
START = (0.5, 0.0, 0.0, 0.0)


def arm_problem(control_noise: float = 0.08, effort: float = 1e-3) -> LQGProblem:
    """Return the arm: position, velocity, acceleration and jerk of the joint, driven by one neural signal.

    Args:
        control_noise: Standard deviation of the noise for a unit of control.
        effort: Cost of the control, the only entry of R.
    """
    lag = ACTIVATION * EXCITATION
    drive = 1.0 / (lag * INERTIA)
    a1 = DAMPING * drive
    a2 = 1.0 / lag + (1.0 / ACTIVATION + 1.0 / EXCITATION) * DAMPING / INERTIA
    a3 = DAMPING / INERTIA + 1.0 / ACTIVATION + 1.0 / EXCITATION
    A = np.diag([1.0, 1.0, 1.0], k=1)
    A[3] = [0.0, -a1, -a2, -a3]
    B = np.array([[0.0], [0.0], [0.0], [drive]])
    return LQGProblem(
        A=A,
        B=B,
        C=np.diag([1.0, 1.0, 1.0, 0.0]),
        Q=np.diag([1.0, 0.01, 0.0, 0.0]),
        R=np.array([[effort]]),
        U=np.diag([1.0, 0.1, 0.01, 0.0]),
        D=np.diag([0.01, 0.01, 0.05, 0.0]),
        G=0.03 * np.diag([1.0, 1.0, 0.0, 0.0]),
        F=np.diag([0.0, 0.0, 0.0, 0.001]),
        Y=control_noise * B,
    )
