"""MuJoCo's C rollouts: one shared model, one MjData per thread, arrays that are allocated once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from taskloom_control.engines.crew import Batch, Crew
from taskloom_control.engines.protocol import Rollouts
from taskloom_control.physics import FULL_PHYSICS, Snapshot, apply_snapshot

if TYPE_CHECKING:
    from jaxtyping import Float

_CTRL = int(mujoco.mjtState.mjSTATE_CTRL)
# User inputs besides the controls that a rollout would otherwise take from the model's defaults, in state order.
_INPUTS = (
    int(mujoco.mjtState.mjSTATE_QFRC_APPLIED),
    int(mujoco.mjtState.mjSTATE_XFRC_APPLIED),
    int(mujoco.mjtState.mjSTATE_EQ_ACTIVE),
    int(mujoco.mjtState.mjSTATE_MOCAP_POS),
    int(mujoco.mjtState.mjSTATE_MOCAP_QUAT),
    int(mujoco.mjtState.mjSTATE_USERDATA),
)
_ALL_INPUTS = sum(_INPUTS)


class ThreadedEngine:
    """Rollouts through `mujoco.rollout`.

    Args:
        model: The planning model; it is shared by all threads and never copied.
        num_threads: Threads, the calling one included; 0 takes one per core, None runs on the calling thread.
    """

    def __init__(self, model: mujoco.MjModel, num_threads: int | None) -> None:
        self._model = model
        self._crew = Crew(model, 1 if num_threads is None else num_threads or os.cpu_count() or 1)
        self._scratch = mujoco.MjData(model)
        self._defaults = mujoco.MjData(model)
        self._default_inputs = np.empty(mujoco.mj_stateSize(model, _ALL_INPUTS))
        mujoco.mj_getState(model, self._defaults, self._default_inputs, _ALL_INPUTS)
        kinetic = model.sensor_type == int(mujoco.mjtSensor.mjSENS_E_KINETIC)
        self._kinetic = model.sensor_adr[kinetic]
        self._shape = (0, 0, 0)
        self._spec = _CTRL
        self._inputs = np.zeros(0)

    def buffer(self, num_rollouts: int, num_steps: int) -> Float[np.ndarray, "R T nu"]:
        """Return the controls' part of the input array."""
        width = self._model.nu + self._inputs.size
        if self._shape != (num_rollouts, num_steps, width):
            self._allocate(num_rollouts, num_steps, width)
        return self._controls

    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"]) -> Rollouts:
        """Roll out control sequences from one state."""
        model, scratch = self._model, self._scratch
        apply_snapshot(snapshot, model, scratch)
        self._find_inputs()
        target = self.buffer(controls.shape[0], controls.shape[1])
        if controls.base is not target.base or controls.shape != target.shape:
            target[...] = controls
        batch = self._batch
        if self._inputs.size:
            batch.inputs[..., model.nu :] = self._inputs
        mujoco.mj_getState(model, scratch, batch.initial[0], FULL_PHYSICS)
        batch.initial[1:] = batch.initial[0]
        batch.warmstart[:] = scratch.qacc_warmstart
        self._crew.roll(batch, self._spec)
        if self._kinetic.size:
            self._begin_kinetic_energy(snapshot)
        # A rollout that met a bad number is frozen by MuJoCo, its clock included.
        dt = model.opt.timestep
        late = batch.state[:, -1, 0] - (snapshot.time + controls.shape[1] * dt)
        alive = np.abs(late, out=late) < 0.5 * dt
        return Rollouts(self._states, batch.sensors, alive)

    def close(self) -> None:
        """Stop the threads."""
        self._crew.close()

    def _begin_kinetic_energy(self, snapshot: Snapshot) -> None:
        """Set the first reading of kinetic energy, which MuJoCo takes from whatever the thread did before.

        The sensor reads the energy that the step before has left in MjData; only after a reset is it that of the state. All
        rollouts begin at one state, so they share the reading.
        """
        mujoco.mj_resetData(self._model, self._scratch)
        apply_snapshot(snapshot, self._model, self._scratch)
        mujoco.mj_forward(self._model, self._scratch)
        self._batch.sensors[:, 0, self._kinetic] = self._scratch.sensordata[self._kinetic]

    def _find_inputs(self) -> None:
        """Note the user inputs that differ from what a rollout assumes: mocap poses, equalities, forces, user data."""
        model, spec, values = self._model, _CTRL, []
        everything = np.empty_like(self._default_inputs)
        mujoco.mj_getState(model, self._scratch, everything, _ALL_INPUTS)
        if np.array_equal(everything, self._default_inputs):
            self._spec, self._inputs = _CTRL, np.zeros(0)
            return
        for bit in _INPUTS:
            size = mujoco.mj_stateSize(model, bit)
            if size == 0:
                continue
            value, default = np.empty(size), np.empty(size)
            mujoco.mj_getState(model, self._scratch, value, bit)
            mujoco.mj_getState(model, self._defaults, default, bit)
            if not np.array_equal(value, default):
                spec |= bit
                values.append(value)
        self._spec = spec
        self._inputs = np.concatenate(values) if values else np.zeros(0)

    def _allocate(self, num_rollouts: int, num_steps: int, width: int) -> None:
        """Make the arrays."""
        model, size = self._model, mujoco.mj_stateSize(self._model, FULL_PHYSICS)
        self._batch = Batch(
            initial=np.empty((num_rollouts, size)),
            warmstart=np.empty((num_rollouts, model.nv)),
            inputs=np.zeros((num_rollouts, num_steps, width)),
            state=np.empty((num_rollouts, num_steps, size)),
            sensors=np.empty((num_rollouts, num_steps, model.nsensordata)),
        )
        self._controls = self._batch.inputs[..., : model.nu]
        self._states = self._batch.state[..., 1 : 1 + model.nq + model.nv]
        self._shape = (num_rollouts, num_steps, width)
