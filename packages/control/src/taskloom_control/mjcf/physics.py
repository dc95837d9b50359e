"""MuJoCo models by name, and the whole physical state as a value."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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


def compile_model(path: Path | str | None, edit: Callable[[mujoco.MjSpec], None]) -> mujoco.MjModel:
    """Compile an MJCF file.

    Args:
        path: The file; None if a task forgot to name it.
        edit: Changes the specification before it is compiled.

    Raises:
        ModelError: The file does not exist or does not compile, or the model has no actuator.
    """
    if path is None:
        raise ModelError("The task names no model; set its `model_path` to an MJCF file.")
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"The model file '{path}' does not exist.")
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        edit(spec)
        model = spec.compile()
    except (ValueError, mujoco.FatalError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"The model '{path.name}' does not compile: {reason}") from None
    if model.nu == 0:
        raise ModelError(
            f"The model '{path.name}' has no actuator (nu = 0), so there is nothing to control; add one under <actuator>."
        )
    return model


def control_range(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the controls, infinite where an actuator is unlimited; the model is left as it is."""
    limited = model.actuator_ctrllimited.astype(bool)
    low = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
    high = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
    return low, high


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
        parts: The pieces that carry over to a model of another make, by name of MjData's field.
        layout: The sizes of the state's pieces in the model that it comes from.
    """

    integration: Float[np.ndarray, " n"]
    qpos: Float[np.ndarray, " nq"]
    qvel: Float[np.ndarray, " nv"]
    time: float
    parts: dict[str, np.ndarray]
    layout: tuple[int, ...]

    @property
    def state(self) -> np.ndarray:
        """Positions and velocities, shape (nq + nv,): what `pre_rollout` is given."""
        return np.concatenate([self.qpos, self.qvel])


def layout(model: mujoco.MjModel) -> tuple[int, ...]:
    """Return the sizes that MuJoCo's integration state is made of; two models that agree in them can exchange it."""
    m, whole = model, mujoco.mj_stateSize(model, INTEGRATION)
    return (m.nq, m.nv, m.na, m.nu, m.nbody, m.neq, m.nmocap, m.nuserdata, m.npluginstate, whole)


PARTS = ("act", "qacc_warmstart", "mocap_pos", "mocap_quat", "eq_active", "userdata")


def take_snapshot(model: mujoco.MjModel, data: mujoco.MjData) -> Snapshot:
    """Copy the whole state out of a simulation."""
    integration = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, data, integration, INTEGRATION)
    parts = {name: np.array(getattr(data, name)) for name in PARTS}
    time, sizes = float(data.time), layout(model)
    return Snapshot(integration, data.qpos.copy(), data.qvel.copy(), time, parts, sizes)


def apply_snapshot(snapshot: Snapshot, model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Put a state into a simulation, of the same model or of one with the same joints.

    Raises:
        ModelError: The model has other positions or velocities.
    """
    if snapshot.layout == layout(model):
        mujoco.mj_setState(model, data, snapshot.integration, INTEGRATION)
        return
    if (model.nq, model.nv) != (snapshot.qpos.size, snapshot.qvel.size):
        raise ModelError(
            f"The planning model has nq = {model.nq} and nv = {model.nv}, the simulation model has nq = {snapshot.qpos.size} "
            f"and nv = {snapshot.qvel.size}; both must have the same joints."
        )
    data.qpos[:], data.qvel[:], data.time = snapshot.qpos, snapshot.qvel, snapshot.time
    for name, part in snapshot.parts.items():
        target = getattr(data, name)
        if np.shape(target) == part.shape:
            target[:] = part


def is_unstable(data: mujoco.MjData) -> bool:
    """Return whether a simulation met a bad number or was reset because of one."""
    bad = (
        mujoco.mjtWarning.mjWARN_BADQPOS,
        mujoco.mjtWarning.mjWARN_BADQVEL,
        mujoco.mjtWarning.mjWARN_BADQACC,
        mujoco.mjtWarning.mjWARN_BADCTRL,
    )
    return any(data.warning[int(w)].number > 0 for w in bad)
