"""Local models of a planning problem: the physics linearized by MuJoCo, the cost expanded to second order.

The state lives on a manifold (quaternions), so derivatives are with respect to tangent vectors dx = (dq, dv, da) of size
2 nv + na; two states differ by `difference`. Sensors are linearized too, so a cost of sensors has a Gauss-Newton Hessian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.mjcf.affine import is_affine
from taskloom_control.mjcf.physics import apply_snapshot
from taskloom_control.optimizers.expansion import Expansion, Trajectory
from taskloom_control.planning.constraints import is_constrained
from taskloom_control.task import StagedTask

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.planning.problem import PlanningProblem

# Step of the finite differences through the cost. Errors are h^2 times the fourth derivative and machine epsilon / h^2.
_STEP = 1e-4
# Step of the finite differences through physics that is affine.
_AFFINE = 1e-3
# Wider steps that a sharp expansion tries: they round off less, and where the cost is a parabola they err by nothing else.
_WIDER = (1e-2, 1.0)


class LocalModel:
    """Simulates and expands a planning problem step by step.

    Args:
        problem: The problem; its task must be a `StagedTask`.
        epsilon: Step of the finite differences through the physics; where a step is affine, at least a thousandth.

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
        # Of an affine step differences are exact at any distance but for rounding, which is less the wider they are.
        self._epsilon = max(epsilon, _AFFINE) if is_affine(problem.task.model) else epsilon
        self._problem = problem
        self._task: StagedTask[Any] = problem.task
        self.model = problem.task.model
        self._data = mujoco.MjData(self.model)
        self._bits = int(mujoco.mjtState.mjSTATE_INTEGRATION)
        self.size = 2 * self.model.nv + self.model.na
        self.is_constrained = is_constrained(problem.task)
        self._multipliers: np.ndarray | None = None
        self._weight = 1.0

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
        # All at once, as long as no feedback changes them: a call for each step costs as much as the step.
        applied = np.clip(controls, problem.low, problem.high)
        sensors = np.empty((steps, model.nsensordata))
        for k in range(steps + 1):
            mujoco.mj_getState(model, data, states[k], self._bits)
            qpos[k], rest[k, : model.nv], rest[k, model.nv :] = data.qpos, data.qvel, data.act
            if k == steps:
                break
            if reference is not None and gains is not None:
                gap = self.difference(reference.qpos[k], reference.rest[k], qpos[k], rest[k])
                applied[k] = (controls[k] + gains[k] @ gap).clip(problem.low, problem.high)
            data.ctrl[:] = applied[k]
            # Step by step, not by the engine: feedback needs the state that each control leads to.
            mujoco.mj_step(model, data)
            sensors[k] = data.sensordata
        path = Trajectory(states, qpos, rest, applied, sensors, np.inf)
        if np.isfinite(rest).all() and np.isfinite(qpos).all():
            cost = self.merit(path)
            # Infinite instead of NaN: a comparison with it is false in the right direction.
            path.cost = cost if np.isfinite(cost) else np.inf
        return path

    def penalize(self, multipliers: Float[np.ndarray, "T c"] | None, weight: float = 1.0) -> None:
        """Judge trajectories by the augmented Lagrangian with these multipliers from now on; None judges by the cost alone."""
        self._multipliers, self._weight = multipliers, weight

    def merit(self, path: Trajectory) -> float:
        """Return what a trajectory is judged by: its cost, and what its constraints add to it.

        That is sum (max(0, lambda + mu g)^2 - lambda^2) / (2 mu).
        """
        parts = (path.qpos[None, 1:], path.rest[None, 1:], path.sensors[None], path.controls[None])
        cost = float(self.costs(*parts).sum())
        if self._multipliers is None:
            return cost
        pulled = np.maximum(0.0, self._multipliers + self._weight * self.constraints(*parts)[0])
        added = np.square(pulled) - np.square(self._multipliers)
        return cost + float(added.sum()) / (2 * self._weight)

    def constraints(
        self, qpos: np.ndarray, rest: np.ndarray, sensors: np.ndarray, controls: np.ndarray
    ) -> np.ndarray:
        """Return the values of the constraints of every step, shape (R, T, c)."""
        states = np.concatenate([qpos, rest[..., : self.model.nv]], axis=-1)
        return self._problem.constraint_values(states, sensors, controls)

    def violations(self, path: Trajectory) -> Float[np.ndarray, "T c"]:
        """Return the values of the constraints along a trajectory."""
        parts = (path.qpos[None, 1:], path.rest[None, 1:], path.sensors[None], path.controls[None])
        return np.asarray(self.constraints(*parts)[0])

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

    def expand(self, path: Trajectory, *, sharp: bool = False) -> Expansion:
        """Return the local model around a trajectory.

        Args:
            path: The trajectory.
            sharp: Take the cost's derivatives by wider steps wherever that agrees with the narrow ones to rounding.
        """
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
        if sharp:
            gradient, hessian = self._sharpened(path, gradient, hessian)
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

    def _sharpened(
        self, path: Trajectory, gradient: np.ndarray, hessian: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return derivatives by the widest step that agrees, element by element, with the narrower one to its rounding error."""
        parts = (path.qpos[None, 1:], path.rest[None, 1:], path.sensors[None], path.controls[None])
        scale = np.abs(self.costs(*parts)[0])[:, None] + 1.0
        narrow = _STEP
        for step in _WIDER:
            # A cost need not be a number so far away; then nothing agrees.
            with np.errstate(all="ignore"):
                wide = self._cost_derivatives(path, step)
                rounding = 16 * np.finfo(float).eps * scale / narrow
                first = np.abs(wide[0] - gradient) <= rounding
                second = np.abs(wide[1] - hessian) <= rounding[..., None] / narrow
            gradient = np.where(first, wide[0], gradient)
            hessian = np.where(second, wide[1], hessian)
            narrow = step
        return gradient, hessian

    def _cost_derivatives(
        self, path: Trajectory, step: float = _STEP
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian of every step's cost by (state after it, sensors, control), by central differences.

        All perturbations of all steps are judged in one batch: the cost of a step depends on that step only.
        """
        size = self.size + self.model.nsensordata + self.model.nu
        moves = _stencil(size, step)
        values = self._moved_costs(path, moves)
        base, plus, minus = values[0], values[1 : size + 1], values[size + 1 : 2 * size + 1]
        gradient = (plus - minus) / (2 * step)
        hessian = np.zeros((size, size, values.shape[1]))
        index = np.arange(size)
        hessian[index, index] = (plus - 2 * base + minus) / step**2
        rows, columns = np.triu_indices(size, 1)
        pairs = values[2 * size + 1 :].reshape(2, len(rows), -1)
        # f(+i +j) + f(-i -j) - f(+i) - f(-i) - f(+j) - f(-j) + 2 f = 2 h^2 f_ij + O(h^4)
        mixed = pairs[0] + pairs[1] - plus[rows] - minus[rows] - plus[columns] - minus[columns]
        mixed = (mixed + 2 * base) / (2 * step**2)
        hessian[rows, columns] = mixed
        hessian[columns, rows] = mixed
        gradient, hessian = np.moveaxis(gradient, -1, 0), np.moveaxis(hessian, -1, 0)
        if self._multipliers is not None:
            self._add_constraints(path, moves[1 : 2 * size + 1], (gradient, hessian), step)
        return gradient, hessian

    def _add_constraints(
        self,
        path: Trajectory,
        moves: np.ndarray,
        derivatives: tuple[np.ndarray, np.ndarray],
        step: float,
    ) -> None:
        """Add the derivatives of what the constraints add to the cost, the Hessian by Gauss and Newton.

        The constraints are differentiated and not their penalty, whose kink finite differences would round off.
        """
        assert self._multipliers is not None
        gradient, hessian = derivatives
        values = self.constraints(*self._moved(path, moves))
        plus, minus = np.split(values, 2)
        jacobian = np.moveaxis((plus - minus) / (2 * step), 0, -1)  # (T, c, size)
        pulled = np.maximum(0.0, self._multipliers + self._weight * self.violations(path))
        gradient += np.einsum("tc,tci->ti", pulled, jacobian)
        active = self._weight * (pulled > 0)
        hessian += np.einsum("tc,tci,tcj->tij", active, jacobian, jacobian)

    def _moved_costs(self, path: Trajectory, moves: np.ndarray) -> np.ndarray:
        """Return the costs, shape (moves, T), at a trajectory moved by tangent vectors, shape (moves, size)."""
        return self.costs(*self._moved(path, moves))

    def _moved(
        self, path: Trajectory, moves: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return positions, the rest of the state, sensors and controls of a trajectory moved by tangent vectors."""
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
        return qpos, rest, sensors, controls


def _stencil(size: int, step: float) -> np.ndarray:
    """Return the points of the central differences: nothing, +i, -i, +i+j, -i-j."""
    unit = np.eye(size)
    rows, columns = np.triu_indices(size, 1)
    pairs = unit[rows] + unit[columns]
    return step * np.concatenate([np.zeros((1, size)), unit, -unit, pairs, -pairs])
