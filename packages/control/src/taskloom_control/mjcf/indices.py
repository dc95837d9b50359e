"""Indices from one model's integration state into another's, element by element."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import mujoco
import numpy as np

from taskloom_control.errors import ModelError
from taskloom_control.mjcf import names
from taskloom_control.mjcf.counterparts import Pairing
from taskloom_control.mjcf.physics import layout, pieces

_STATE = mujoco.mjtState
POSITIONS = {0: 7, 1: 4, 2: 1, 3: 1}
"""Numbers of a joint's position by its type."""
VELOCITIES = {0: 6, 1: 3, 2: 1, 3: 1}
"""Numbers of a joint's velocity by its type."""


@dataclass
class StateIndices:
    """Indices into the integration states of both models, gathered element by element.

    Attributes:
        plan: The planning model.
        plant: The simulated model.
    """

    plan: mujoco.MjModel
    plant: mujoco.MjModel
    to: list[np.ndarray] = field(default_factory=list)
    come: list[np.ndarray] = field(default_factory=list)

    def all(self, pairings: Iterable[Pairing]) -> tuple[np.ndarray, np.ndarray]:
        """Return where each number goes, and where it comes from.

        Args:
            pairings: Those of joints, actuators, sensors, mocap bodies, equalities and bodies.
        """
        joints, actuators, sensors, mocaps, equalities, bodies = pairings
        self._mine, self._other = pieces(self.plan), pieces(self.plant)
        self._add(_STATE.mjSTATE_TIME, [(0, 0)], 1)
        dofs = (_STATE.mjSTATE_QVEL, _STATE.mjSTATE_WARMSTART, _STATE.mjSTATE_QFRC_APPLIED)
        for p, s in joints.pairs:
            kind = int(self.plan.jnt_type[p])
            a, b = int(self.plan.jnt_qposadr[p]), int(self.plant.jnt_qposadr[s])
            self._add(_STATE.mjSTATE_QPOS, [(a, b)], POSITIONS[kind])
            a, b = int(self.plan.jnt_dofadr[p]), int(self.plant.jnt_dofadr[s])
            for bit in dofs:
                self._add(bit, [(a, b)], VELOCITIES[kind])
        self._add(_STATE.mjSTATE_CTRL, actuators.pairs, 1)
        for p, s in actuators.pairs:
            count = int(self.plan.actuator_actnum[p])
            if count:
                pair = int(self.plan.actuator_actadr[p]), int(self.plant.actuator_actadr[s])
                self._add(_STATE.mjSTATE_ACT, [pair], count)
            self._history("actuator", p, s, 1)
        for p, s in sensors.pairs:
            self._history("sensor", p, s, int(self.plan.sensor_dim[p]))
        self._add(_STATE.mjSTATE_XFRC_APPLIED, [(6 * p, 6 * s) for p, s in bodies.pairs], 6)
        self._add(_STATE.mjSTATE_EQ_ACTIVE, equalities.pairs, 1)
        self._add(_STATE.mjSTATE_MOCAP_POS, [(3 * p, 3 * s) for p, s in mocaps.pairs], 3)
        self._add(_STATE.mjSTATE_MOCAP_QUAT, [(4 * p, 4 * s) for p, s in mocaps.pairs], 4)
        self._whole()
        to, come = np.concatenate(self.to), np.concatenate(self.come)
        order = np.argsort(to)
        return to[order], come[order]

    def _add(self, bit: mujoco.mjtState, pairs: Iterable[tuple[int, int]], width: int) -> None:
        mine, other = self._mine[int(bit)], self._other[int(bit)]
        for p, s in pairs:
            self.to.append(mine[p : p + width])
            self.come.append(other[s : s + width])

    def _history(self, kind: str, p: int, s: int, dim: int) -> None:
        """Map the past of a delayed actuator or sensor, a block of 2 + n + n * dim numbers."""
        mine = tuple(int(v) for v in getattr(self.plan, f"{kind}_history")[p])
        other = tuple(int(v) for v in getattr(self.plant, f"{kind}_history")[s])
        if mine != other:
            raise ModelError(
                f"The {kind} '{names.name_of(self.plan, kind, p)}' keeps a history of {mine[0]} samples in the planning model "
                f"and {other[0]} in the simulated one; give both the same nsample and interp."
            )
        if mine[0]:
            n = mine[0]
            a = int(getattr(self.plan, f"{kind}_historyadr")[p])
            b = int(getattr(self.plant, f"{kind}_historyadr")[s])
            self._add(_STATE.mjSTATE_HISTORY, [(a, b)], 2 + n + n * dim)

    def _whole(self) -> None:
        """Map what has no names, which must be of one size: user data, plugin state, plastic."""
        a, b = int(self.plan.nuserdata), int(self.plant.nuserdata)
        if a and a != b:
            raise ModelError(
                f"The planning model has {a} numbers of user data and the simulated model {b}; give both the same "
                "<size nuserdata>, or the planning model none."
            )
        if a:
            self._add(_STATE.mjSTATE_USERDATA, [(0, 0)], a)
        for name, words in (("PLUGIN", "plugin state"), ("PLASTIC", "plastic state")):
            bit = getattr(_STATE, f"mjSTATE_{name}", None)
            if bit is None:
                continue  # releases that are allowed know none
            a, b = self._mine[int(bit)].size, self._other[int(bit)].size
            if a != b or (a and layout(self.plan) != layout(self.plant)):
                raise ModelError(
                    f"The planning model has {a} numbers of {words} and the simulated model {b}, which have no names; both "
                    "models must be laid out alike."
                )
            if a:
                self._add(bit, [(0, 0)], a)
