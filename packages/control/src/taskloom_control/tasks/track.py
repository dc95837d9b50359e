"""Follow a motion: places of bodies, angles of joints and speeds over time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field
from taskloom import InputPath, Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.mjcf.trot import trot
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight

if TYPE_CHECKING:
    import mujoco

    from taskloom_control.mjcf.reference import Motion


class TrackConfig(ControlConfig):
    """A model, a motion, and what it costs to be elsewhere."""

    path: InputPath | None = None
    """File of the model, MJCF or URDF; none takes the shipped quadruped."""
    reference: InputPath | None = None
    """File of the motion, npz with `time`, `qpos`, `joint_names` and perhaps `qvel`; none takes a trot that is made for the
    shipped quadruped."""
    at_end: Literal["hold", "loop"] = "hold"
    """After the end of the motion: hold its last pose, or begin anew."""
    w_body: Weight = 50.0
    """Weight of the mean squared distance of the bodies from their places [1/m^2]."""
    w_joint: Weight = 1.0
    """Weight of the mean squared distance of the joints; orientations count by their angle."""
    w_velocity: Weight = 0.01
    """Weight of the mean squared difference of the velocities."""
    w_control: Weight = 0.0
    """Weight of the mean squared control, or of its distance from the pose that is followed."""
    tolerance: Annotated[float, Field(gt=0), Unit("m")] = 0.05
    """Mean distance of the bodies at which the motion counts as followed."""
    spread: Annotated[float, Field(ge=0)] = 0.0
    """Largest distance of the hinges and slides from the motion's first pose, so that seeds begin elsewhere [rad or m]."""
    speed: Annotated[float, Field(ge=0, le=0.6), Unit("m/s")] = 0.3
    """Speed of the trot that is made."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=4, sigma=0.15, ess=3, finest=0.1)
    """Optimizer of the plan."""


T = TypeVar("T", bound=TrackConfig)


class Track(StagedTask[T]):
    """Follow a motion; the cost is a sum of squared distances, and the time of the motion is the plant's."""

    def __init__(self, config: T) -> None:
        super().__init__(config)
        self.model_path = config.path or model_path("quadruped")
        self._now = 0.0
        self._seen: tuple[float, int, tuple[Array, ...]] | None = None

    @cached_property
    def motion(self) -> Motion:
        """The motion, in the planning model's order."""
        from taskloom_control.mjcf import reference  # heavy: mujoco

        config = self.config
        loop = config.at_end == "loop"
        if config.reference is not None:
            return reference.read_motion(self.model, config.reference, loop=loop)
        made = trot(config.seconds + config.controller.horizon + 0.1, config.speed)
        return reference.motion_of(self.model, made, "The made trot", loop=loop)

    def process_spec(self, spec: mujoco.MjSpec) -> None:
        """Add a sensor for the place of every body."""
        import mujoco  # heavy: mujoco

        for number, body in enumerate(spec.bodies):
            if body.name and number:
                spec.add_sensor(
                    name=f"place of {body.name}",
                    type=mujoco.mjtSensor.mjSENS_FRAMEPOS,
                    objtype=mujoco.mjtObj.mjOBJ_XBODY,
                    objname=body.name,
                )

    def begin_plan(self, moment: float) -> None:
        """Note the time at which the rollouts of a plan begin."""
        self._now = moment

    def get_sim_metadata(self) -> Metadata:
        """Return the plant's time."""
        return {"time": float(self.data.time)}

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: T,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        del system_metadata
        xp, nq = states.__array_namespace__(), self.model.nq
        qpos, qvel, places = map(xp.asarray, self.wanted(controls.shape[1]))
        gap = sensors[..., self._columns_of_places] - places
        late = states[..., nq:] - qvel
        return {
            # Three coordinates a body, and the mean over bodies.
            "body": 3.0 * config.w_body * (gap * gap).mean(axis=-1),
            "joint": config.w_joint * self._turned(states[..., :nq], qpos),
            "velocity": config.w_velocity * (late * late).mean(axis=-1),
            "control": config.w_control * (controls * controls).mean(axis=-1),
        }

    def wanted(self, steps: int) -> tuple[Array, Array, Array]:
        """Return positions and velocities after every step of a plan, and the bodies' places before it, in one row."""
        if self._seen is None or self._seen[:2] != (self._now, steps):
            # A sensor is one step older than the state that it is charged with.
            moments = self._now + self.dt * np.arange(steps + 1)
            qpos, qvel, places = self.motion.at(moments)
            self._seen = self._now, steps, (qpos[1:], qvel[1:], places[:-1].reshape(steps, -1))
        qpos, qvel, places = self._seen[2]
        return qpos, qvel, places

    def _turned(self, qpos: Array, wanted: Array) -> Array:
        """Return the mean squared distance of the joints; a quaternion's is 4 sin^2 of half its angle."""
        plain, turns = self._kinds
        gap = qpos[..., plain] - wanted[..., plain]
        total = (gap * gap).sum(axis=-1)
        for place in turns:
            along = (qpos[..., place : place + 4] * wanted[..., place : place + 4]).sum(axis=-1)
            total = total + 4.0 * (1.0 - along * along)
        return total / max(1, len(plain) + len(turns))

    @cached_property
    def _kinds(self) -> tuple[np.ndarray, list[int]]:
        """Columns of plain positions, and where quaternions begin."""
        model = self.model
        turns = [
            int(place) + (3 if kind == 0 else 0)
            for kind, place in zip(model.jnt_type, model.jnt_qposadr, strict=True)
            if int(kind) in (0, 1)
        ]
        taken = {place + i for place in turns for i in range(4)}
        return np.array([i for i in range(model.nq) if i not in taken], dtype=int), turns

    @cached_property
    def _columns_of_places(self) -> np.ndarray:
        names = [self.model.body(int(body)).name for body in self.motion.bodies]
        columns = [self.sensor(f"place of {name}") for name in names]
        return np.concatenate([np.arange(part.start, part.stop) for part in columns])

    def reset(self, rng: np.random.Generator) -> None:
        """Begin at the motion's first pose and speed, every hinge and slide up to the config's spread from it."""
        qpos, qvel, _ = self.motion.at(self.motion.time[:1])
        pose, model = qpos[0], self.model
        for kind, place in zip(model.jnt_type, model.jnt_qposadr, strict=True):
            if int(kind) > 1:
                pose[place] += rng.uniform(-self.config.spread, self.config.spread)
        self.view.qpos, self.view.qvel = pose, qvel[0]

    def success(self) -> bool:
        """The bodies are in their places, within the tolerance on average."""
        return bool(self.distance() < self.config.tolerance)

    def distance(self) -> float:
        """Return the mean distance of the bodies in `data` from their places [m]."""
        moment = np.array([float(self.data.time)])
        return float(self.motion.distances(moment, np.array(self.view.qpos)[None])[0])

    def recorded_metrics(self, arrays: Mapping[str, np.ndarray]) -> Mapping[str, float]:
        """Return the mean distance of the bodies over the episode [m]."""
        if "qpos" not in arrays:
            return {}
        distances = self.motion.distances(arrays["time"], arrays["qpos"])
        return {"track_distance": float(distances.mean())}
