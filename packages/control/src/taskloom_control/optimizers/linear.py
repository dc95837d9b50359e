"""Local models of a planning problem: the physics linearized by MuJoCo, the cost expanded to second order.

The state lives on a manifold (quaternions), so derivatives are with respect to tangent vectors dx = (dq, dv, da) of size
2 nv + na; two states differ by `difference`. Sensors are linearized too, so a cost of sensors has a Gauss-Newton Hessian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.mjcf.physics import apply_snapshot
from taskloom_control.optimizers.expansion import Expansion, Trajectory
from taskloom_control.task import StagedTask

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.planning.problem import PlanningProblem

# Step of the finite differences through the cost. Errors are h^2 times the fourth derivative and machine epsilon / h^2.
_STEP = 1e-4


class LocalModel:
    """Simulates and expands a planning problem step by step.

    Args:
        problem: The problem; its task must be a `StagedTask`.
        epsilon: Step of the finite differences through the physics.

    Raises:
        PlanError: The task does not say what a single step costs, or its model has an integrator without derivatives.
    """

    def __init__(self, problem: PlanningProblem, epsilon: float) -> None:
        if not isinstance(problem.task, StagedTask):
            raise PlanError(
                f"LQR and iLQR need the cost of every step, and {type(problem.task).__name__} only has a reward; derive it "
                "from StagedTask, or choose a sampling optimizer."
            )
        if problem.task.model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4:
            raise PlanError(
                "LQR and iLQR need derivatives of a step, which MuJoCo does not have for the integrator RK4; set "
                'integrator="implicitfast" in the <option> of the model, or choose a sampling optimizer.'
            )
        self._problem, self._epsilon = problem, epsilon
        self._task: StagedTask[Any] = problem.task
        self.model = problem.task.model
        self._data = mujoco.MjData(self.model)
        self._bits = int(mujoco.mjtState.mjSTATE_INTEGRATION)
        self.size = 2 * self.model.nv + self.model.na

    def begin(self) -> None:
        """Set the simulation to the state to plan from; the reset clears what MuJoCo remembers besides the state."""
        mujoco.mj_resetData(self.model, self._data)
        apply_snapshot(self._problem.snapshot, self.model, self._data)
        mujoco.mj_forward(self.model, self._data)

    def simulate(
        self,
        controls: Float[np.ndarray, "T nu"],
        reference: Trajectory | None = None,
        gains: Float[np.ndarray, "T nu n"] | None = None,
    ) -> Trajectory:
        """Roll out controls, with feedback on the difference to a reference if there are gains; controls are clipped."""
        model, data, problem = self.model, self._data, self._problem
        self.begin()
        steps = len(controls)
        problem.physics += steps
        states = np.empty((steps + 1, mujoco.mj_stateSize(model, self._bits)))
        qpos, rest = np.empty((steps + 1, model.nq)), np.empty((steps + 1, model.nv + model.na))
        applied, sensors = np.empty_like(controls), np.empty((steps, model.nsensordata))
        for k in range(steps + 1):
            mujoco.mj_getState(model, data, states[k], self._bits)
            qpos[k], rest[k, : model.nv], rest[k, model.nv :] = data.qpos, data.qvel, data.act
            if k == steps:
                break
            control = controls[k]
            if reference is not None and gains is not None:
                gap = self.difference(reference.qpos[k], reference.rest[k], qpos[k], rest[k])
                control = control + gains[k] @ gap
            applied[k] = np.clip(control, problem.low, problem.high)
            data.ctrl[:] = applied[k]
            # Step by step, not by the engine: feedback needs the state that each control leads to.
            mujoco.mj_step(model, data)
            sensors[k] = data.sensordata
        path = Trajectory(states, qpos, rest, applied, sensors, np.inf)
        if np.isfinite(rest).all() and np.isfinite(qpos).all():
            cost = float(
                self.costs(qpos[None, 1:], rest[None, 1:], sensors[None], applied[None]).sum()
            )
            # Infinite instead of NaN: a comparison with it is false in the right direction.
            path.cost = cost if np.isfinite(cost) else np.inf
        return path

    def at(self, qpos: np.ndarray, controls: np.ndarray) -> tuple[Trajectory, np.ndarray]:
        """Return a step that begins and is judged at rest at a point, and how far it really moves from there.

        Args:
            qpos: Positions, shape (nq,).
            controls: Controls, shape (nu,).
        """
        model, data = self.model, self._data
        apply_snapshot(self._problem.snapshot, model, data)
        data.qpos[:], data.qvel[:], data.act[:] = qpos, 0.0, 0.0
        data.ctrl[:] = controls
        states = np.empty((2, mujoco.mj_stateSize(model, self._bits)))
        mujoco.mj_getState(model, data, states[0], self._bits)
        start = (qpos.copy(), np.zeros(model.nv + model.na))
        mujoco.mj_step(model, data)
        sensors = data.sensordata.copy()
        mujoco.mj_getState(model, data, states[1], self._bits)
        end = np.concatenate([data.qvel, data.act])
        # A setpoint need not be an equilibrium: gravity may pull, and the backward pass has to know.
        drift = self.difference(*start, data.qpos, end)
        path = Trajectory(
            states,
            np.tile(start[0], (2, 1)),
            np.tile(start[1], (2, 1)),
            controls[None].copy(),
            sensors[None],
            0.0,
        )
        return path, drift

    def difference(
        self, q0: np.ndarray, r0: np.ndarray, q1: np.ndarray, r1: np.ndarray
    ) -> np.ndarray:
        """Return the tangent vector from one state to another."""
        step = np.empty(self.model.nv)
        mujoco.mj_differentiatePos(self.model, step, 1.0, q0, q1)
        return np.concatenate([step, r1 - r0])

    def costs(
        self, qpos: np.ndarray, rest: np.ndarray, sensors: np.ndarray, controls: np.ndarray
    ) -> np.ndarray:
        """Return the cost of every step, shape (R, T)."""
        task, problem = self._task, self._problem
        states = np.concatenate([qpos, rest[..., : self.model.nv]], axis=-1)
        terms = task.costs(states, sensors, controls, problem.config, problem.metadata)
        return np.asarray(sum(np.asarray(term) for term in terms.values()))

    def expand(self, path: Trajectory) -> Expansion:
        """Return the local model around a trajectory."""
        model, data, n, m = self.model, self._data, self.size, self.model.nu
        steps, ns = len(path.controls), model.nsensordata
        A, B = np.empty((steps, n, n)), np.empty((steps, n, m))
        C, D = np.empty((steps, ns, n)), np.empty((steps, ns, m))
        # Centred: a step to each side of every direction of the state, and of every control.
        self._problem.physics += steps * 2 * (n + m)
        for k in range(steps):
            mujoco.mj_setState(model, data, path.states[k], self._bits)
            data.ctrl[:] = path.controls[k]
            sensing = (C[k], D[k]) if ns else (None, None)
            # Centred differences: forward ones have an error of the order of epsilon, which line searches notice.
            mujoco.mjd_transitionFD(model, data, self._epsilon, 1, A[k], B[k], *sensing)
        gradient, hessian = self._cost_derivatives(path)
        # The cost is a function of (x', y, u); y = C x + D u, so z = (x, u) acts through [C D] and, for u, directly.
        through = np.zeros((steps, ns + m, n + m))
        through[:, :ns, :n], through[:, :ns, n:] = C, D
        through[:, ns:, n:] = np.eye(m)
        inner = hessian[:, n:, n:]
        return Expansion(
            A,
            B,
            cx=gradient[:, :n],
            cxx=hessian[:, :n, :n],
            cz=np.einsum("tij,ti->tj", through, gradient[:, n:]),
            czz=np.swapaxes(through, 1, 2) @ inner @ through,
            czx=np.swapaxes(through, 1, 2) @ hessian[:, n:, :n],
        )

    def _cost_derivatives(self, path: Trajectory) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian of every step's cost by (state after it, sensors, control), by central differences.

        All perturbations of all steps are judged in one batch: the cost of a step depends on that step only.
        """
        size = self.size + self.model.nsensordata + self.model.nu
        moves = _stencil(size)
        values = self._moved_costs(path, moves)
        base, plus, minus = values[0], values[1 : size + 1], values[size + 1 : 2 * size + 1]
        gradient = (plus - minus) / (2 * _STEP)
        hessian = np.zeros((size, size, values.shape[1]))
        index = np.arange(size)
        hessian[index, index] = (plus - 2 * base + minus) / _STEP**2
        rows, columns = np.triu_indices(size, 1)
        pairs = values[2 * size + 1 :].reshape(2, len(rows), -1)
        # f(+i +j) + f(-i -j) - f(+i) - f(-i) - f(+j) - f(-j) + 2 f = 2 h^2 f_ij + O(h^4)
        mixed = pairs[0] + pairs[1] - plus[rows] - minus[rows] - plus[columns] - minus[columns]
        mixed = (mixed + 2 * base) / (2 * _STEP**2)
        hessian[rows, columns] = mixed
        hessian[columns, rows] = mixed
        return np.moveaxis(gradient, -1, 0), np.moveaxis(hessian, -1, 0)

    def _moved_costs(self, path: Trajectory, moves: np.ndarray) -> np.ndarray:
        """Return the costs, shape (moves, T), at a trajectory moved by tangent vectors, shape (moves, size)."""
        model, count, steps = self.model, len(moves), len(path.controls)
        nv, n = model.nv, self.size
        qpos = np.broadcast_to(path.qpos[1:], (count, steps, model.nq)).copy()
        # Without quaternions the tangent space is the space itself, and one addition moves all rollouts.
        if model.nq == nv:
            qpos += moves[:, None, :nv]
        else:
            for i in np.flatnonzero(np.abs(moves[:, :nv]).any(axis=1)):
                for k in range(steps):
                    mujoco.mj_integratePos(model, qpos[i, k], moves[i, :nv], 1.0)
        rest = path.rest[1:] + moves[:, None, nv:n]
        sensors = path.sensors + moves[:, None, n : n + model.nsensordata]
        controls = path.controls + moves[:, None, n + model.nsensordata :]
        return self.costs(qpos, rest, sensors, controls)


def _stencil(size: int) -> np.ndarray:
    """Return the points of the central differences: nothing, +i, -i, +i+j, -i-j."""
    unit = np.eye(size)
    rows, columns = np.triu_indices(size, 1)
    pairs = unit[rows] + unit[columns]
    return _STEP * np.concatenate([np.zeros((1, size)), unit, -unit, pairs, -pairs])
