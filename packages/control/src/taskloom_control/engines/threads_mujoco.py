"""MuJoCo's C rollouts: one shared model, one MjData per thread, arrays that are allocated once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import mujoco
import numpy as np

from taskloom_control.engines.base import Rollouts
from taskloom_control.engines.pool import RolloutBatch, RolloutPool
from taskloom_control.mjcf.physics import (
    BITS,
    FULL_PHYSICS,
    Snapshot,
    apply_snapshot,
    layout,
    pieces,
    require_layout,
    take_snapshot,
)

if TYPE_CHECKING:
    from jaxtyping import Float

_CTRL, _WARMSTART = int(mujoco.mjtState.mjSTATE_CTRL), int(mujoco.mjtState.mjSTATE_WARMSTART)
# User inputs besides the controls that a rollout would otherwise take from the model's defaults, in state order.
_INPUTS = (
    int(mujoco.mjtState.mjSTATE_QFRC_APPLIED),
    int(mujoco.mjtState.mjSTATE_XFRC_APPLIED),
    int(mujoco.mjtState.mjSTATE_EQ_ACTIVE),
    int(mujoco.mjtState.mjSTATE_MOCAP_POS),
    int(mujoco.mjtState.mjSTATE_MOCAP_QUAT),
    int(mujoco.mjtState.mjSTATE_USERDATA),
)


class ThreadedEngine:
    """Rollouts through `mujoco.rollout`.

    Args:
        model: The planning model; it is shared by all threads and never copied.
        num_threads: Threads, the calling one included; 0 takes one per core, None runs on the calling thread.
    """

    has_sensors: ClassVar[bool] = True

    def __init__(self, model: mujoco.MjModel, num_threads: int | None) -> None:
        self._model = model
        self._pool = RolloutPool(
            model, 1 if num_threads is None else num_threads or os.cpu_count() or 1
        )
        self._scratch = mujoco.MjData(model)
        self._layout, self._dt = layout(model), float(model.opt.timestep)
        self._default = take_snapshot(model, self._scratch).integration
        where = pieces(model)
        self._physics = np.concatenate([where[bit] for bit in BITS if bit & FULL_PHYSICS])
        self._warmstart = where[_WARMSTART]
        self._user = {bit: where[bit] for bit in _INPUTS if where[bit].size}
        self._all_user = np.concatenate([where[bit] for bit in _INPUTS])
        kinetic = model.sensor_type == int(mujoco.mjtSensor.mjSENS_E_KINETIC)
        kinetic &= bool(model.opt.enableflags & int(mujoco.mjtEnableBit.mjENBL_ENERGY))
        self._kinetic = model.sensor_adr[kinetic]
        self._shape = (0, 0, 0)
        self._spec, self._inputs = _CTRL, np.zeros(0)
        # The user inputs that those two are of.
        self._given = self._default[self._all_user].tobytes()
        self._models, self._rows = [model], [model]

    def buffer(self, num_rollouts: int, num_steps: int) -> Float[np.ndarray, "R T nu"]:
        """Return the controls' part of the input array."""
        width = self._model.nu + self._inputs.size
        if self._shape != (num_rollouts, num_steps, width):
            self._allocate(num_rollouts, num_steps, width)
        return self._controls

    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"]) -> Rollouts:
        """Roll out control sequences from one state."""
        # Its own model, whatever models were taken for the batches of several.
        return self._roll([snapshot], controls, [self._model], None)

    def take_models(self, models: Sequence[mujoco.MjModel]) -> None:
        """Roll out these models in `rollout_each` from now on."""
        self._models, self._rows = list(models), []

    def rollout_each(
        self, snapshots: Sequence[Snapshot], controls: Float[np.ndarray, "MR T nu"]
    ) -> Rollouts:
        """Roll out rows model after model, equally many of each, from the state of each."""
        if len(self._rows) != controls.shape[0]:
            each = controls.shape[0] // len(self._models)
            self._rows = [model for model in self._models for _ in range(each)]
        return self._roll(snapshots, controls, self._models, self._rows)

    def _roll(
        self,
        snapshots: Sequence[Snapshot],
        controls: np.ndarray,
        models: Sequence[mujoco.MjModel],
        rows: Sequence[mujoco.MjModel] | None,
    ) -> Rollouts:
        """Roll out rows from states, equally many from each."""
        first = snapshots[0]
        require_layout(first, self._model, self._layout)
        self._find_inputs(first.integration)
        # Controls that were written into the buffer need no copy; those of a caller's own array do.
        target = self.buffer(controls.shape[0], controls.shape[1])
        if controls.base is not target.base or controls.shape != target.shape:
            target[...] = controls
        batch, each = self._batch, controls.shape[0] // len(snapshots)
        for i, snapshot in enumerate(snapshots):
            place = slice(i * each, (i + 1) * each)
            batch.initial[place] = snapshot.integration[self._physics]
            batch.warmstart[place] = snapshot.integration[self._warmstart]
        self._pool.roll(batch, self._spec, rows)
        # MuJoCo's sensor of kinetic energy reads a step late: what the thread did before, unless it is told.
        if self._kinetic.size:
            for i, (snapshot, model) in enumerate(zip(snapshots, models, strict=True)):
                place = slice(i * each, (i + 1) * each)
                energy = self._first_kinetic_energy(snapshot, model)
                batch.sensors[place, 0, self._kinetic] = energy
        # A rollout that met a bad number is frozen by MuJoCo, its clock included: it ends a step early or more.
        alive = self._clock > first.time + (controls.shape[1] - 0.5) * self._dt
        return Rollouts(self._states, batch.sensors, alive)

    def close(self) -> None:
        """Stop the threads."""
        self._pool.close()

    def _first_kinetic_energy(self, snapshot: Snapshot, model: mujoco.MjModel) -> float:
        """Return the first reading of kinetic energy: that of the step before, or of the state if there was none."""
        # The step before was one of the planning model; no other model has made any.
        if model is self._model and np.isfinite(snapshot.energy[1]):
            return float(snapshot.energy[1])
        mujoco.mj_resetData(model, self._scratch)
        fresh = replace(snapshot, energy=np.full(2, np.nan))
        apply_snapshot(fresh, model, self._scratch)
        mujoco.mj_forward(model, self._scratch)
        return float(self._scratch.energy[1])

    def _find_inputs(self, start: np.ndarray) -> None:
        """Note the user inputs that differ from what a rollout assumes: mocap poses, equalities, forces, user data."""
        # Bytes compare in one call; the inputs rarely change from plan to plan.
        given = start[self._all_user].tobytes()
        if given == self._given:
            return
        self._given, self._spec = given, _CTRL
        values = [np.zeros(0)]
        for bit, place in self._user.items():
            if not np.array_equal(start[place], self._default[place]):
                self._spec |= bit
                values.append(start[place])
        self._inputs = np.concatenate(values)
        if self._shape[2] == self._model.nu + self._inputs.size:
            self._batch.inputs[..., self._model.nu :] = self._inputs

    def _allocate(self, num_rollouts: int, num_steps: int, width: int) -> None:
        """Make the arrays."""
        model, size = self._model, mujoco.mj_stateSize(self._model, FULL_PHYSICS)
        self._batch = RolloutBatch(
            initial=np.empty((num_rollouts, size)),
            warmstart=np.empty((num_rollouts, model.nv)),
            inputs=np.zeros((num_rollouts, num_steps, width)),
            state=np.empty((num_rollouts, num_steps, size)),
            sensors=np.empty((num_rollouts, num_steps, model.nsensordata)),
        )
        self._batch.inputs[..., model.nu :] = self._inputs
        self._controls = self._batch.inputs[..., : model.nu]
        self._clock = self._batch.state[:, -1, 0]
        self._states = self._batch.state[..., 1 : 1 + model.nq + model.nv]
        self._shape = (num_rollouts, num_steps, width)
