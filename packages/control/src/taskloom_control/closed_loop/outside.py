"""Forces that act on the plant from outside, and a plant that is heavier or smoother than its model."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from taskloom_control.errors import ModelError
from taskloom_control.mjcf.physics import find

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.config import PlantConfig

# Of a body that is dragged: how fast it follows the hand [1/s]; k = m w^2, d = 2 sqrt(k m) damps it critically.
_STIFFNESS = 50.0


class Pushes:
    """The pushes of a config, and a pull that may change from step to step.

    Args:
        model: The simulated model.
        plant: The config.

    Raises:
        ModelError: A body has another name.
    """

    def __init__(self, model: mujoco.MjModel, plant: PlantConfig) -> None:
        self._model = model
        self._pushes = [
            (push.time, push.time + push.duration, find(model, "body", push.body), push)
            for push in plant.pushes
        ]
        self.pull: Pull | None = None

    @property
    def any(self) -> bool:
        """True where a step may have to apply something."""
        return bool(self._pushes) or self.pull is not None

    def now(self, data: mujoco.MjData) -> dict[int, Float[np.ndarray, " 6"]]:
        """Return force and torque at each body's centre of mass that act in the step from this state, by the body's index."""
        acting: dict[int, np.ndarray] = {}
        for begin, end, body, push in self._pushes:
            # Half a step of slack: a clock is a sum of steps.
            slack = 0.5 * self._model.opt.timestep
            if begin - slack < data.time < end - slack:
                wrench = np.array([*push.force, *push.torque])
                acting[body] = acting.get(body, np.zeros(6)) + wrench
        if self.pull is not None:
            body = self.pull.body
            acting[body] = acting.get(body, np.zeros(6)) + self.pull.wrench(self._model, data)
        return acting


class Pull:
    """A hand that draws a point of a body to a target: F = k (target - p) - d v with k = 50 m.

    Args:
        body: Index of the body in the simulated model.
        point: The grabbed point in the body's own axes [m].
        target: Where it is drawn to, in the world [m].
    """

    def __init__(
        self, body: int, point: Float[np.ndarray, " 3"], target: Float[np.ndarray, " 3"]
    ) -> None:
        self.body, self.point, self.target = body, np.array(point), np.array(target)

    def wrench(self, model: mujoco.MjModel, data: mujoco.MjData) -> Float[np.ndarray, " 6"]:
        """Return the force and the torque at the body's centre of mass."""
        turn = data.xmat[self.body].reshape(3, 3)
        place = data.xpos[self.body] + turn @ self.point
        moving = np.zeros(6)
        mujoco.mj_objectVelocity(model, data, int(mujoco.mjtObj.mjOBJ_BODY), self.body, moving, 0)
        # Its velocity is that of the body's own point; what is grabbed turns with the body.
        velocity = moving[3:] + np.cross(moving[:3], place - data.xpos[self.body])
        mass = float(model.body_subtreemass[self.body])
        stiffness = _STIFFNESS * mass
        damping = 2.0 * np.sqrt(stiffness * mass)
        force = stiffness * (self.target - place) - damping * velocity
        return np.concatenate([force, np.cross(place - data.xipos[self.body], force)])


def scaled_model(model: mujoco.MjModel, plant: PlantConfig) -> mujoco.MjModel:
    """Return the model with the plant's masses and friction; the very same one where nothing is scaled."""
    if plant.mass_scale == plant.friction_scale == 1.0:
        return model
    made = copy.copy(model)
    made.body_mass[:] *= plant.mass_scale
    made.body_inertia[:] *= plant.mass_scale
    for friction in (made.geom_friction, made.pair_friction):
        friction[:] *= plant.friction_scale
    made.dof_frictionloss[:] *= plant.friction_scale
    # What MuJoCo derives from masses: inverse weights, subtree masses.
    mujoco.mj_setConst(made, mujoco.MjData(made))
    return made


def joint_errors(
    model: mujoco.MjModel, errors: Mapping[str, float], what: str
) -> Float[np.ndarray, " nv"]:
    """Return one number for each velocity of the planning model from numbers by joint.

    Raises:
        ModelError: A joint has another name.
    """
    spread = np.zeros(model.nv)
    for name, value in errors.items():
        try:
            joint = find(model, "joint", name)
        except ModelError as error:
            raise ModelError(f"{what}: {error.message}") from None
        width = {0: 6, 1: 3, 2: 1, 3: 1}[int(model.jnt_type[joint])]
        first = int(model.jnt_dofadr[joint])
        spread[first : first + width] = value
    return spread
