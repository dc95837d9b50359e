"""MuJoCo's C rollouts: one shared model, one MjData per thread, arrays that are allocated once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from mujoco import rollout

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
        num_threads: Threads; 0 takes twice the cores, None runs on the calling thread.
    """

    def __init__(self, model: mujoco.MjModel, num_threads: int | None) -> None:
        self._model = model
        self._threads = None if num_threads is None else num_threads or 2 * (os.cpu_count() or 1)
        self._scratch = mujoco.MjData(model)
        self._defaults = mujoco.MjData(model)
        self._default_inputs = np.empty(mujoco.mj_stateSize(model, _ALL_INPUTS))
        mujoco.mj_getState(model, self._defaults, self._default_inputs, _ALL_INPUTS)
        kinetic = model.sensor_type == int(mujoco.mjtSensor.mjSENS_E_KINETIC)
        self._kinetic = model.sensor_adr[kinetic]
        self._pool: rollout.Rollout | None = None
        self._batch = (0, 0, 0)
        self._spec = _CTRL
        self._inputs = np.zeros(0)

    def buffer(self, num_rollouts: int, num_steps: int) -> Float[np.ndarray, "R T nu"]:
        """Return the controls' part of the input array."""
        width = self._model.nu + self._inputs.size
        if self._batch != (num_rollouts, num_steps, width):
            self._allocate(num_rollouts, num_steps, width)
        return self._input[..., : self._model.nu]

    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"]) -> Rollouts:
        """Roll out control sequences from one state."""
        model, scratch = self._model, self._scratch
        apply_snapshot(snapshot, model, scratch)
        self._find_inputs()
        target = self.buffer(controls.shape[0], controls.shape[1])
        if controls.base is not target.base or controls.shape != target.shape:
            target[...] = controls
        if self._inputs.size:
            self._input[..., model.nu :] = self._inputs
        mujoco.mj_getState(model, scratch, self._initial[0], FULL_PHYSICS)
        self._initial[1:] = self._initial[0]
        self._warmstart[:] = scratch.qacc_warmstart
        assert self._pool is not None  # made together with the arrays
        self._pool.rollout(
            self._models,
            self._datas,
            self._initial,
            self._input,
            control_spec=self._spec,
            skip_checks=True,
            nstep=controls.shape[1],
            initial_warmstart=self._warmstart,
            state=self._state,
            sensordata=self._sensors,
        )
        if self._kinetic.size:
            self._begin_kinetic_energy(snapshot)
        # A rollout that met a bad number is frozen by MuJoCo, its clock included.
        dt = model.opt.timestep
        late = self._state[:, -1, 0] - (snapshot.time + controls.shape[1] * dt)
        alive = np.abs(late, out=late) < 0.5 * dt
        return Rollouts(self._states, self._sensors, alive)

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        self._batch = (0, 0, 0)

    def _begin_kinetic_energy(self, snapshot: Snapshot) -> None:
        """Set the first reading of kinetic energy, which MuJoCo takes from whatever the thread did before.

        The sensor reads the energy that the step before has left in MjData; only after a reset is it that of the state. All
        rollouts begin at one state, so they share the reading.
        """
        mujoco.mj_resetData(self._model, self._scratch)
        apply_snapshot(snapshot, self._model, self._scratch)
        mujoco.mj_forward(self._model, self._scratch)
        self._sensors[:, 0, self._kinetic] = self._scratch.sensordata[self._kinetic]

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
        """Make the arrays, and the pool if the number of rollouts asks for another one."""
        model = self._model
        threads = 0 if self._threads is None else min(self._threads, num_rollouts)
        if self._pool is None or self._pool.nthread != threads:
            self.close()
            self._pool = rollout.Rollout(nthread=threads)
            self._datas = [mujoco.MjData(model) for _ in range(max(threads, 1))]
        self._models = [model] * num_rollouts
        self._input = np.zeros((num_rollouts, num_steps, width))
        self._initial = np.empty((num_rollouts, mujoco.mj_stateSize(model, FULL_PHYSICS)))
        self._warmstart = np.empty((num_rollouts, model.nv))
        self._state = np.empty((num_rollouts, num_steps, self._initial.shape[1]))
        self._sensors = np.empty((num_rollouts, num_steps, model.nsensordata))
        self._states = self._state[..., 1 : 1 + model.nq + model.nv]
        self._batch = (num_rollouts, num_steps, width)
