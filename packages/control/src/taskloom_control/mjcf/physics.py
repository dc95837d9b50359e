"""MuJoCo models by name, and the whole physical state as a value."""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from taskloom_control.errors import ModelError

if TYPE_CHECKING:
    from jaxtyping import Float

_LOGGER = logging.getLogger(__name__)


def _hear(message: str) -> None:
    """Take a warning of MuJoCo's; one about bad numbers is what candidates are for, and they are counted."""
    level = logging.DEBUG if "unstable" in message else logging.WARNING
    _LOGGER.log(level, "MuJoCo: %s", message)


# Left alone, MuJoCo writes every warning to a file in the working folder.
if mujoco.get_mju_user_warning() is None:
    mujoco.set_mju_user_warning(_hear)

# What mj_step reads besides positions, velocities and controls, in the order of MuJoCo's state vector.
INTEGRATION = int(mujoco.mjtState.mjSTATE_INTEGRATION)
FULL_PHYSICS = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)


def control_range(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the controls, infinite where an actuator is unlimited; the model is left as it is."""
    limited = model.actuator_ctrllimited.astype(bool)
    low = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
    high = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
    return low, high


def unlimited_scales(model: mujoco.MjModel, scale: float) -> np.ndarray:
    """Return what noise of 1 means for each actuator without a control range, in its own unit, shape (nu,).

    Where the model bounds the force and the gain is constant, it is the control that gives half of the width of those bounds.

    Args:
        model: The model.
        scale: The scale where nothing bounds the force.
    """
    fixed = model.actuator_gaintype == int(mujoco.mjtGain.mjGAIN_FIXED)
    gain = np.abs(model.actuator_gainprm[:, 0])
    bounded = model.actuator_forcelimited.astype(bool) & fixed & (gain > 0)
    width = model.actuator_forcerange[:, 1] - model.actuator_forcerange[:, 0]
    return np.where(bounded, 0.5 * width / np.where(bounded, gain, 1.0), scale)


def _names(model: mujoco.MjModel, kind: mujoco.mjtObj, count: int) -> list[str]:
    return [mujoco.mj_id2name(model, kind, i) or "" for i in range(count)]


def find(model: mujoco.MjModel, what: str, name: str) -> int:
    """Return the id of a `sensor`, `joint`, `body`, `site`, `geom` or `actuator` by name.

    Raises:
        ModelError: There is none; the sentence names the closest one.
    """
    kinds = {
        "sensor": (mujoco.mjtObj.mjOBJ_SENSOR, model.nsensor),
        "joint": (mujoco.mjtObj.mjOBJ_JOINT, model.njnt),
        "body": (mujoco.mjtObj.mjOBJ_BODY, model.nbody),
        "site": (mujoco.mjtObj.mjOBJ_SITE, model.nsite),
        "geom": (mujoco.mjtObj.mjOBJ_GEOM, model.ngeom),
        "actuator": (mujoco.mjtObj.mjOBJ_ACTUATOR, model.nu),
    }
    kind, count = kinds[what]
    index = int(mujoco.mj_name2id(model, kind, name))
    if index >= 0:
        return index
    names = [n for n in _names(model, kind, count) if n]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"it has: {', '.join(names) or 'none'}."
    raise ModelError(f"The model has no {what} called '{name}'; {hint}")


def sensor_columns(model: mujoco.MjModel, name: str) -> slice:
    """Return the columns of a sensor in the sensor array."""
    index = find(model, "sensor", name)
    start = int(model.sensor_adr[index])
    return slice(start, start + int(model.sensor_dim[index]))


def position_columns(model: mujoco.MjModel, joint: str) -> slice:
    """Return the columns of a joint's position in the state array."""
    index = find(model, "joint", joint)
    width = {0: 7, 1: 4, 2: 1, 3: 1}[int(model.jnt_type[index])]
    start = int(model.jnt_qposadr[index])
    return slice(start, start + width)


def velocity_columns(model: mujoco.MjModel, joint: str) -> slice:
    """Return the columns of a joint's velocity in the state array, which come after all positions."""
    index = find(model, "joint", joint)
    width = {0: 6, 1: 3, 2: 1, 3: 1}[int(model.jnt_type[index])]
    start = int(model.nq) + int(model.jnt_dofadr[index])
    return slice(start, start + width)


def trace_columns(model: mujoco.MjModel) -> dict[str, slice]:
    """Return the columns of the sensors that trace a point: `framepos` sensors whose name begins with `trace`."""
    framepos = int(mujoco.mjtSensor.mjSENS_FRAMEPOS)
    names = _names(model, mujoco.mjtObj.mjOBJ_SENSOR, model.nsensor)
    return {
        name: sensor_columns(model, name)
        for name, kind in zip(names, model.sensor_type, strict=True)
        if kind == framepos and name.startswith("trace")
    }


@dataclass(frozen=True)
class Snapshot:
    """Everything that the next step depends on: time, positions, velocities, activation, warm start, mocap, user data.

    Attributes:
        integration: MuJoCo's integration state.
        qpos: Positions, shape (nq,).
        qvel: Velocities, shape (nv,).
        time: Simulated time [s].
        layout: The sizes of the state's pieces in the model that it belongs to.
        energy: Potential and kinetic energy of the step before, which MuJoCo's sensor of kinetic energy reads in the next.
    """

    integration: Float[np.ndarray, " n"]
    qpos: Float[np.ndarray, " nq"]
    qvel: Float[np.ndarray, " nv"]
    time: float
    layout: tuple[int, ...]
    energy: Float[np.ndarray, " 2"]

    @property
    def state(self) -> np.ndarray:
        """Positions and velocities, shape (nq + nv,): what `pre_rollout` is given."""
        return np.concatenate([self.qpos, self.qvel])


def layout(model: mujoco.MjModel) -> tuple[int, ...]:
    """Return the sizes that MuJoCo's integration state is made of; two models that agree in them can exchange it."""
    m, whole = model, mujoco.mj_stateSize(model, INTEGRATION)
    sizes = (m.nq, m.nv, m.na, m.nu, m.nbody, m.neq, m.nmocap, m.nuserdata, m.npluginstate)
    return (*sizes, m.nsensordata, whole)


def take_snapshot(model: mujoco.MjModel, data: mujoco.MjData) -> Snapshot:
    """Copy the whole state out of a simulation of the planning model."""
    integration = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, data, integration, INTEGRATION)
    time, sizes = float(data.time), layout(model)
    return Snapshot(integration, data.qpos.copy(), data.qvel.copy(), time, sizes, energy_of(data))


def energy_of(data: mujoco.MjData) -> Float[np.ndarray, " 2"]:
    """Return the energies that the sensors of the next step read; not numbers where MuJoCo will evaluate the state itself.

    MuJoCo clears the mark of an evaluated energy in a reset only, so from the second step on its sensor is a step late.
    """
    return np.array(data.energy) if data.flg_energyvel else np.full(2, np.nan)


def apply_snapshot(snapshot: Snapshot, model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Put a state into a simulation of a model that is laid out alike.

    Raises:
        ModelError: The state belongs to a model of another layout; `ModelMap` brings it into this one's.
    """
    require_layout(snapshot, model, layout(model))
    mujoco.mj_setState(model, data, snapshot.integration, INTEGRATION)
    data.flg_energyvel = int(np.isfinite(snapshot.energy[1]))
    if data.flg_energyvel:
        data.energy[:] = snapshot.energy


def require_layout(snapshot: Snapshot, model: mujoco.MjModel, sizes: tuple[int, ...]) -> None:
    """Refuse a state that belongs to a model of another layout.

    Args:
        snapshot: The state.
        model: The model that it is given to.
        sizes: The model's own layout.

    Raises:
        ModelError: The layouts differ.
    """
    if snapshot.layout != sizes:
        raise ModelError(
            f"A state of {snapshot.qpos.size} positions and {snapshot.qvel.size} velocities belongs to another model than the "
            f"one of {model.nq} and {model.nv} that it is given to; a ModelMap of the two carries it over."
        )


BITS = tuple(int(bit) for bit in mujoco.mjtState.__members__.values() if int(bit).bit_count() == 1)
"""The pieces of MuJoCo's state, in order."""


def pieces(model: mujoco.MjModel) -> dict[int, np.ndarray]:
    """Return where each piece of MuJoCo's state stands in the integration state, by its bit."""
    found, first = {}, 0
    for bit in BITS:
        size = mujoco.mj_stateSize(model, bit) if bit & INTEGRATION else 0
        found[bit] = np.arange(first, first + size)
        first += size
    return found


# Places among MuJoCo's warnings. Asked for after every step: an enumeration's members are slow to turn into numbers.
_BAD_NUMBER = np.array(
    [
        int(mujoco.mjtWarning.mjWARN_BADQPOS),
        int(mujoco.mjtWarning.mjWARN_BADQVEL),
        int(mujoco.mjtWarning.mjWARN_BADQACC),
        int(mujoco.mjtWarning.mjWARN_BADCTRL),
    ]
)


def is_unstable(data: mujoco.MjData) -> bool:
    """Return whether a simulation met a bad number or was reset because of one."""
    return bool(data.warning.number[_BAD_NUMBER].any())
