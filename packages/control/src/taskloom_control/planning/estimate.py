"""An estimate of the state, as a robot gives it: parts of it may be missing, and bad numbers are refused before they plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from taskloom.registry.suggest import did_you_mean

from taskloom_control.errors import PlanError
from taskloom_control.mjcf import names
from taskloom_control.mjcf.indices import POSITIONS, VELOCITIES
from taskloom_control.mjcf.physics import Snapshot, pieces, take_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

Values = np.ndarray | Mapping[str, float | np.ndarray]
# A quaternion whose norm is off by more than this is no rounding error.
_NORM = 1e-3


@dataclass(frozen=True)
class Estimate:
    """An estimate of the planned system's state; each part is an array, or numbers by name.

    Attributes:
        qpos: Positions, shape (nq,), or by joint.
        qvel: Velocities, shape (nv,), or by joint.
        time: Time of the estimate [s].
        act: Activations, shape (na,); None where nothing measures them: they follow from the plan in force.
        mocap: Position and quaternion of mocap bodies by name; one that is missing stays where it was.
        eq_active: Whether an equality is switched on, by name.

    Example:
        >>> Estimate(qpos={"slide": 0.1, "hinge": 3.1}, qvel=[0.0, 0.0], time=0.0).time
        0.0
    """

    qpos: Values
    qvel: Values
    time: float
    act: np.ndarray | None = None
    mocap: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    eq_active: Mapping[str, bool] = field(default_factory=dict)


class Estimator:
    """Whole states from estimates: what an estimate leaves out is remembered, or follows from the plan in force.

    Args:
        model: The planning model.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._data = mujoco.MjData(model)

    def reset(self) -> None:
        """Forget everything that was remembered."""
        mujoco.mj_resetData(self._model, self._data)

    def snapshot(
        self, estimate: Estimate, plan: Callable[[float], np.ndarray] | None, in_force: str
    ) -> Snapshot:
        """Return the whole state of an estimate.

        Args:
            estimate: The estimate.
            plan: The plan in force, if there is one.
            in_force: The end of a refusal: what stays in force.

        Raises:
            PlanError: A size is wrong, a number is not finite, a quaternion is none, or a name is unknown.
        """
        model, data = self._model, self._data
        time = float(estimate.time)
        if not np.isfinite(time):
            raise PlanError(f"The estimate's time is {time:g}; {in_force}")
        qpos = self._joint_values("qpos", estimate.qpos, data.qpos, in_force)
        qvel = self._joint_values("qvel", estimate.qvel, data.qvel, in_force)
        self._normalize(qpos)
        # Everything is judged before anything is taken over, so a refusal leaves the last state as it was.
        poses = {name: self._pose(name, *pose, in_force) for name, pose in estimate.mocap.items()}
        switches = {self._named("equality", name): on for name, on in estimate.eq_active.items()}
        act = None if estimate.act is None else self._activations(estimate.act, in_force)
        data.time, data.qpos[:], data.qvel[:] = time, qpos, qvel
        for name, (place, turn) in poses.items():
            index = int(model.body_mocapid[self._named("body", name)])
            data.mocap_pos[index], data.mocap_quat[index] = place, turn
        for index, on in switches.items():
            data.eq_active[index] = on
        if act is not None:
            data.act[:] = act
        elif model.na:
            self._guess_activations(np.zeros(model.nu) if plan is None else plan(time))
        return take_snapshot(model, data)

    def _joint_values(
        self, what: str, given: Values, last: np.ndarray, in_force: str
    ) -> np.ndarray:
        model, widths = self._model, POSITIONS if what == "qpos" else VELOCITIES
        address = model.jnt_qposadr if what == "qpos" else model.jnt_dofadr
        if isinstance(given, Mapping):
            # Joints that are not named stay where they were: a robot may measure them at another rate.
            values = last.copy()
            for name, value in given.items():
                joint = self._named("joint", name)
                first, width = int(address[joint]), widths[int(model.jnt_type[joint])]
                numbers = np.asarray(value, dtype=float).reshape(-1)
                if numbers.size != width:
                    raise PlanError(
                        f"{what} of joint '{name}' has {numbers.size} numbers; it needs {width}."
                    )
                values[first : first + width] = numbers
        else:
            values = np.array(given, dtype=float)
            if values.shape != last.shape:
                size, symbol = last.size, "nq" if what == "qpos" else "nv"
                raise PlanError(
                    f"{what} has {values.size} numbers; the model has {symbol} = {size}{self._free(what)}."
                )
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            index = int(bad[0])
            owner = int(np.searchsorted(address, index, side="right")) - 1
            name = names.name_of(model, "joint", owner)
            raise PlanError(
                f"The estimate's {what}[{index}] (joint '{name}') is {values[index]:g}; {in_force}"
            )
        return values

    def _free(self, what: str) -> str:
        """Return the reminder on free joints, of which positions and velocities differ in number."""
        if not (self._model.jnt_type == 0).any():
            return ""
        return f" (free joint: {7 if what == 'qpos' else 6})"

    def _normalize(self, qpos: np.ndarray) -> None:
        model = self._model
        for joint in np.flatnonzero(model.jnt_type <= 1):
            first = int(model.jnt_qposadr[joint]) + (3 if model.jnt_type[joint] == 0 else 0)
            name = names.name_of(model, "joint", int(joint))
            qpos[first : first + 4] = _unit(qpos[first : first + 4], f"joint '{name}'")

    def _pose(
        self, name: str, place: np.ndarray, turn: np.ndarray, in_force: str
    ) -> tuple[np.ndarray, np.ndarray]:
        if int(self._model.body_mocapid[self._named("body", name)]) < 0:
            raise PlanError(f"The body '{name}' is no mocap body, so its pose cannot be given.")
        values = np.asarray(place, dtype=float), np.asarray(turn, dtype=float)
        if not all(np.isfinite(v).all() for v in values):
            raise PlanError(
                f"The estimate's pose of the mocap body '{name}' is not finite; {in_force}"
            )
        return values[0], _unit(values[1], f"mocap body '{name}'")

    def _activations(self, given: np.ndarray, in_force: str) -> np.ndarray:
        act = np.asarray(given, dtype=float)
        if act.shape != (self._model.na,):
            raise PlanError(f"act has {act.size} numbers; the model has na = {self._model.na}.")
        if not np.isfinite(act).all():
            index = int(np.flatnonzero(~np.isfinite(act))[0])
            raise PlanError(f"The estimate's act[{index}] is {act[index]:g}; {in_force}")
        return act

    def _guess_activations(self, control: np.ndarray) -> None:
        """Set activations that nothing measures: an integrator holds where the joint is, a filter has reached its control."""
        model, data = self._model, self._data
        # Only what the lengths of transmissions need: a whole forward pass would cost as much as a step.
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_tendon(model, data)
        mujoco.mj_transmission(model, data)
        for i in range(model.nu):
            first, count = int(model.actuator_actadr[i]), int(model.actuator_actnum[i])
            if count:
                integrates = int(model.actuator_dyntype[i]) == int(mujoco.mjtDyn.mjDYN_INTEGRATOR)
                value = data.actuator_length[i] if integrates else control[i]
                data.act[first : first + count] = value

    def _named(self, kind: str, name: str) -> int:
        objects = {
            "joint": (mujoco.mjtObj.mjOBJ_JOINT, self._model.njnt),
            "body": (mujoco.mjtObj.mjOBJ_BODY, self._model.nbody),
            "equality": (mujoco.mjtObj.mjOBJ_EQUALITY, self._model.neq),
        }
        object_type, count = objects[kind]
        index = int(mujoco.mj_name2id(self._model, object_type, name))
        if index < 0:
            known = [n for i in range(count) if (n := names.name_of(self._model, kind, i))]
            hint = did_you_mean(name, known) or f"it has: {', '.join(known) or 'none'}."
            raise PlanError(f"The planning model has no {kind} called '{name}'; {hint}")
        return index


def force_places(model: mujoco.MjModel) -> np.ndarray:
    """Return where the applied forces stand in the integration state."""
    where = pieces(model)
    bits = mujoco.mjtState.mjSTATE_QFRC_APPLIED, mujoco.mjtState.mjSTATE_XFRC_APPLIED
    return np.concatenate([where[int(bit)] for bit in bits])


def without_forces(snapshot: Snapshot, forces: np.ndarray) -> Snapshot:
    """Return a state without the forces that act from outside: they are the plant's, and a planner is not told.

    Args:
        snapshot: The state.
        forces: Where the applied forces stand in it.
    """
    if not snapshot.integration[forces].any():
        return snapshot
    state = snapshot.integration.copy()
    state[forces] = 0.0
    return Snapshot(
        state, snapshot.qpos, snapshot.qvel, snapshot.time, snapshot.layout, snapshot.energy
    )


def _unit(quaternion: np.ndarray, whose: str) -> np.ndarray:
    """Return a quaternion of norm 1.

    Raises:
        PlanError: Its norm is off by more than rounding.
    """
    norm = float(np.linalg.norm(quaternion))
    if abs(norm - 1.0) > _NORM:
        raise PlanError(
            f"The quaternion of {whose} has the norm {norm:.4g}; it must be 1 within {_NORM:g}."
        )
    return quaternion / norm
