"""The one way between the planning model and the simulated model: states, controls and sensors by name, never by place.

Two index arrays lead from MuJoCo's integration state of one model into that of the other, so an exchange is one gather. They are
made once, from the two compiled models; what has no counterpart is refused, or dropped and listed, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from taskloom_control.errors import ModelError
from taskloom_control.mjcf import names
from taskloom_control.mjcf.counterparts import (
    Pairing,
    check_joints,
    check_widths,
    did_you_mean_one_of,
    paired,
    refuse_plan_only,
)
from taskloom_control.mjcf.indices import POSITIONS, VELOCITIES, StateIndices
from taskloom_control.mjcf.physics import INTEGRATION, Snapshot, control_range, energy_of, layout

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.mjcf.names import Key


class ModelMap:
    """Exchange of states, controls and sensors between a planning model and a simulated one.

    Args:
        plan: The planning model.
        plant: The simulated model.
        sim_only_controls: What each actuator gets that only the simulated model has, by its name.
        alike: Whether both come from one file, so that places say what names need not.

    Attributes:
        same: Whether both have one layout, so that nothing has to be moved.
        qpos: Where each position of the planning model stands in the simulated one; likewise `qvel`, `act` and `columns`.
        controls: Where each control of the planning model stands in the simulated one.
        plant_size: Numbers of the simulated model's integration state.
        mocaps: Which pose of the simulated model is that of each mocap body of the planning model.
        pairings: What was matched, and what was not.

    Raises:
        ModelError: Something that planning needs has no counterpart.
    """

    def __init__(
        self,
        plan: mujoco.MjModel,
        plant: mujoco.MjModel,
        sim_only_controls: Mapping[str, float] | None = None,
        *,
        alike: bool = False,
    ) -> None:
        self.plan, self.plant, self.alike = plan, plant, alike
        self.low, self.high = control_range(plant)
        self._alone = dict(sim_only_controls or {})
        self._check_alone()
        joints = self._pair("joint", names.joint_keys)
        actuators = self._pair("actuator", names.actuator_keys)
        sensors = self._pair("sensor", names.sensor_keys)
        mocaps = self._pair("mocap body", names.mocap_keys)
        equalities = self._pair("equality", names.equality_keys)
        bodies = self._pair("body", names.body_keys)
        if not alike:
            check_joints(joints, plan, plant)
            self._check_actuators(actuators)
            check_widths(sensors, plan, plant)
        self.pairings = (joints, actuators, sensors, mocaps, equalities)
        self._joints = joints
        self.mocaps = np.array([s for _, s in mocaps.pairs], dtype=int)
        self._default = _default_state(plan)
        self._to, self._from = StateIndices(plan, plant).all((*self.pairings, bodies))
        self._layout, self.plant_size = layout(plan), mujoco.mj_stateSize(plant, INTEGRATION)
        self.qpos, self.qvel = self._addresses("qpos"), self._addresses("qvel")
        self.act = _act_indices(actuators, plan, plant)
        self.columns = _columns(sensors, plan, plant)
        self.controls = np.array([j for _, j in actuators.pairs], dtype=int)
        self._idle = np.zeros(plant.nu)
        for name, value in self._alone.items():
            self._idle[mujoco.mj_name2id(plant, mujoco.mjtObj.mjOBJ_ACTUATOR, name)] = value
        whole = np.arange(len(self._default))
        self.same = (
            layout(plant) == self._layout
            and np.array_equal(self._to, whole)
            and np.array_equal(self._from, whole)
            and np.array_equal(self.columns, np.arange(plant.nsensordata))
        )

    def snapshot(self, data: mujoco.MjData) -> Snapshot:
        """Return the state of a simulation in the planning model's layout."""
        state = np.empty(self.plant_size)
        mujoco.mj_getState(self.plant, data, state, INTEGRATION)
        if not self.same:
            moved = self._default.copy()
            moved[self._to] = state[self._from]
            state = moved
        first = 1 + self.plan.nq
        return Snapshot(
            state,
            state[1:first].copy(),
            state[first : first + self.plan.nv].copy(),
            float(data.time),
            self._layout,
            energy_of(data),
        )

    def to_plant(self, control: Float[np.ndarray, " nu"]) -> Float[np.ndarray, " m"]:
        """Return the simulated model's controls for those of the planning model, inside of its own control range."""
        acted: np.ndarray = control
        if not self.same:
            acted = self._idle.copy()
            acted[self.controls] = control
        inside: np.ndarray = acted.clip(self.low, self.high)
        return inside

    def to_plan(self, acted: Float[np.ndarray, " m"]) -> Float[np.ndarray, " nu"]:
        """Return the planning model's controls for those of the simulated model."""
        return acted.copy() if self.same else acted[self.controls]

    def state(self, data: mujoco.MjData) -> Float[np.ndarray, " n"]:
        """Return positions and velocities in the planning model's layout."""
        if self.same:
            return np.concatenate([data.qpos, data.qvel])
        return np.concatenate([data.qpos[self.qpos], data.qvel[self.qvel]])

    def sensors(self, data: mujoco.MjData) -> Float[np.ndarray, " ns"]:
        """Return the sensors in the planning model's layout."""
        values: np.ndarray = data.sensordata
        return values.copy() if self.same else values[self.columns]

    def _pair(self, kind: str, keys: Callable[[mujoco.MjModel], list[Key]]) -> Pairing:
        plan, plant = keys(self.plan), keys(self.plant)
        if self.alike:
            return Pairing(kind, tuple((i, i) for i in range(len(plan))))
        found = paired(kind, plan, plant)
        # An equality without a counterpart keeps what the planning model says, and a body is no state.
        if kind not in ("equality", "body"):
            refuse_plan_only(found, plan, plant)
        return found

    def _addresses(self, what: str) -> np.ndarray:
        widths = POSITIONS if what == "qpos" else VELOCITIES
        address = "jnt_qposadr" if what == "qpos" else "jnt_dofadr"
        out = np.zeros(self.plan.nq if what == "qpos" else self.plan.nv, dtype=int)
        for p, s in self._joints.pairs:
            width = widths[int(self.plan.jnt_type[p])]
            a, b = int(getattr(self.plan, address)[p]), int(getattr(self.plant, address)[s])
            out[a : a + width] = np.arange(b, b + width)
        return out

    def _check_alone(self) -> None:
        """Refuse a name in `sim_only_controls` that is no actuator of the simulated model."""
        known = [names.name_of(self.plant, "actuator", i) for i in range(self.plant.nu)]
        for name in self._alone:
            if name not in known:
                raise ModelError(
                    f"sim_only_controls names the actuator '{name}', which the simulated model does not have"
                    f"{did_you_mean_one_of(name, known)}."
                )

    def _check_actuators(self, actuators: Pairing) -> None:
        """Refuse actuators that get no control, and those whose activations differ."""
        paired = {s for _, s in actuators.pairs}
        for i in range(self.plant.nu):
            name = names.name_of(self.plant, "actuator", i)
            if i not in paired and name not in self._alone:
                shown = f"'{name}'" if name else f"{i} (without a name)"
                raise ModelError(
                    f"The simulated model has an actuator {shown} that the planning model has not; say what it gets in "
                    "sim_only_controls."
                )
        for p, s in actuators.pairs:
            mine, other = int(self.plan.actuator_actnum[p]), int(self.plant.actuator_actnum[s])
            if mine != other:
                raise ModelError(
                    f"Actuator '{names.name_of(self.plan, 'actuator', p)}' has {mine} activations in the planning model and "
                    f"{other} in the simulated one."
                )


def _default_state(model: mujoco.MjModel) -> np.ndarray:
    """Return the integration state that a planning model begins with."""
    data = mujoco.MjData(model)
    state = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, data, state, INTEGRATION)
    return state


def _act_indices(actuators: Pairing, plan: mujoco.MjModel, plant: mujoco.MjModel) -> np.ndarray:
    """Return where each activation of the planning model stands in the simulated one."""
    out = np.zeros(plan.na, dtype=int)
    for p, s in actuators.pairs:
        count = int(plan.actuator_actnum[p])
        if count:
            a, b = int(plan.actuator_actadr[p]), int(plant.actuator_actadr[s])
            out[a : a + count] = np.arange(b, b + count)
    return out


def _columns(sensors: Pairing, plan: mujoco.MjModel, plant: mujoco.MjModel) -> np.ndarray:
    """Return where each sensor column of the planning model stands in the simulated one."""
    out = np.zeros(plan.nsensordata, dtype=int)
    for p, s in sensors.pairs:
        a, b, width = int(plan.sensor_adr[p]), int(plant.sensor_adr[s]), int(plan.sensor_dim[p])
        out[a : a + width] = np.arange(b, b + width)
    return out
