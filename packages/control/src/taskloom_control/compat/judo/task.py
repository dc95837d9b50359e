"""judo's task, as it is: both generations work when only their import line is changed."""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, get_args

import mujoco
import numpy as np

from taskloom_control.compat.judo.config import TaskConfig, judo_config, run_config
from taskloom_control.compat.judo.forms import is_run_config, wrap_forms
from taskloom_control.compat.judo.models import missing_mesh
from taskloom_control.config import ControlConfig
from taskloom_control.errors import ControlError, ModelError
from taskloom_control.mjcf.compiling import awake, model_files
from taskloom_control.mjcf.physics import control_range
from taskloom_control.task import ControlTask, Metadata

ConfigT = TypeVar("ConfigT")


class JudoTask(ControlTask[Any], Generic[ConfigT]):
    """judo's task: a model, and a reward of rolled out states, sensors and controls.

    Example:
        >>> class Mine(JudoTask[TaskConfig]):
        ...     def reward(self, states, sensors, controls, system_metadata=None):
        ...         return -(states[..., 0] ** 2).sum(-1)
    """

    config_t: ClassVar[type]
    name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 -- as Python's own
        """Find the config, and give both generations' methods one form."""
        super().__init_subclass__(**kwargs)
        wrap_forms(cls)
        if "config_t" not in vars(cls) and (found := _config_class(cls)) is not None:
            cls.config_t = found

    @classmethod
    def run_config(cls) -> type[ControlConfig]:
        """Return the config of a run of this task: that of every control run, and the fields of its own at the top level."""
        return run_config(getattr(cls, "config_t", TaskConfig), cls.name)

    def __init__(
        self, model_path: Path | str = "", sim_model_path: Path | str | None = None
    ) -> None:
        """Compile the models; nothing is ever downloaded.

        Raises:
            ValueError: There is no path, as in judo.
            ModelError: A model does not compile, or a file of it is missing.
            ControlError: The task wants a policy in the loop.
        """
        if not model_path:
            raise ValueError("Model path must be provided.")
        super().__init__(model_path, sim_model_path)
        self.random_key = 0
        self.take_config(self.run_config()())
        self.spec = self._read(Path(model_path))
        self._process_spec()
        compiled = self._compile(self.spec, Path(model_path))
        self.model = awake(compiled)
        self.sim_model = compiled
        if sim_model_path is not None:
            self.sim_model = self._compile(self._read(Path(sim_model_path)), Path(sim_model_path))
        self.data = mujoco.MjData(self.model)
        if self.uses_locomotion_policy:
            raise ControlError(
                f"{type(self).__name__} puts the policy '{self.locomotion_policy_path}' between its controls and the actuators, which "
                "taskloom does not run; return None from locomotion_policy_path, and give the actuators controls of their own."
            )

    def take_config(self, config: object) -> None:
        """Work with a config: that of a run, or an instance of the task's own class."""
        if config is getattr(self, "_taken", None):
            return
        self._taken = config
        own = getattr(type(self), "config_t", TaskConfig)
        if is_run_config(config):
            self.config = judo_config(own, config)  # type: ignore[arg-type]  # as was just asked
        else:
            self.config = config

    def prepare_simulation(self) -> None:
        """Let `data` belong to the simulated model from now on, if that is another one."""
        if self.sim_model_path is not None:
            self.data = mujoco.MjData(self.sim_model)

    def drawn_model(
        self, change: Callable[[mujoco.MjSpec], None], *, simulated: bool
    ) -> mujoco.MjModel:
        """Return the planning model, or the simulated one, compiled with a change to its specification."""
        path = Path(self.model_path)
        if simulated and self.sim_model_path is not None:
            path = Path(self.sim_model_path)
            spec = self._read(path)
            change(spec)
            return self._compile(spec, path)
        # `_process_spec` works on the attribute, in judo's form.
        kept, self.spec = self.spec, self._read(path)
        try:
            self._process_spec()
            change(self.spec)
            made = self._compile(self.spec, path)
        finally:
            self.spec = kept
        return made if simulated else awake(made)

    def _read(self, path: Path) -> mujoco.MjSpec:
        if not path.is_file():
            raise ModelError(f"The model file '{path}' does not exist.")
        mujoco.mj_clearCache(mujoco.mj_getCache())
        try:
            spec = mujoco.MjSpec.from_file(str(path))
        except (ValueError, mujoco.FatalError) as error:
            raise ModelError(
                f"The model '{path.name}' does not compile: {' '.join(str(error).split())}"
            ) from None
        missing = missing_mesh(path, spec)
        if missing:
            raise ModelError(
                f"The model {path.name} needs {missing}, which judo downloads and taskloom does not; put it under "
                "$TASKLOOM_JUDO_MODELS."
            )
        for source in model_files(path, spec):
            source.open("rb").close()  # so that a run sees what it depends on
        return spec

    def _compile(self, spec: mujoco.MjSpec, path: Path) -> mujoco.MjModel:
        try:
            return spec.compile()
        except (ValueError, mujoco.FatalError) as error:
            raise ModelError(
                f"The model '{path.name}' does not compile: {' '.join(str(error).split())}"
            ) from None

    def _process_spec(self) -> None:
        """Change `self.spec` before it is compiled."""

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return float(self.data.time)

    @time.setter
    def time(self, value: float) -> None:
        self.data.time = value

    @property
    def actuator_ctrlrange(self) -> np.ndarray:
        """Bounds of the controls, shape (nu, 2), infinite where there is none; a copy."""
        return np.stack(control_range(self.model), axis=1)

    def control_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of the task's own controls, shape (nu,) each."""
        bounds = np.asarray(self.actuator_ctrlrange, dtype=float)
        return bounds[:, 0].copy(), bounds[:, 1].copy()

    @property
    def locomotion_policy_path(self) -> str | None:
        """Path of a policy in the loop; None if there is none."""
        return None

    @property
    def uses_locomotion_policy(self) -> bool:
        """True if a policy runs in the loop."""
        return self.locomotion_policy_path is not None

    def reset(self, rng: np.random.Generator | None = None) -> None:
        """Put positions and velocities at zero, as judo does; free and ball joints keep the model's orientation."""
        del rng
        self.data.qpos[:] = np.where(_is_quaternion(self.data.model), self.data.model.qpos0, 0.0)
        self.data.qvel[:] = 0.0
        mujoco.mj_forward(self.data.model, self.data)

    def get_sim_metadata(self) -> Metadata:
        """Return what the simulation's copy tells the controller's."""
        return {}

    def get_sensor_start_index(self, sensor_name: str) -> int:
        """Return the first column of a sensor in `sensors`."""
        return int(self.sensor(sensor_name).start)

    def get_joint_position_start_index(self, joint_name: str) -> int:
        """Return the first column of a joint's position in `states`."""
        return int(self.position(joint_name).start)

    def get_joint_velocity_start_index(self, joint_name: str) -> int:
        """Return the first column of a joint's velocity in `states`, which comes after all positions."""
        return int(self.velocity(joint_name).start)


Task = JudoTask
"""judo's own name for it, which the core of this system gives to something else."""


def _is_quaternion(model: mujoco.MjModel) -> np.ndarray:
    """Return which positions are parts of quaternions, shape (nq,)."""
    found = np.zeros(model.nq, dtype=bool)
    for joint in np.flatnonzero(model.jnt_type <= 1):
        first = int(model.jnt_qposadr[joint]) + (3 if model.jnt_type[joint] == 0 else 0)
        found[first : first + 4] = True
    return found


def _config_class(cls: type) -> type | None:
    """Return the config of a class: the argument of its generic base, or the annotation of its reward's `config`."""
    for base in getattr(cls, "__orig_bases__", ()):
        for argument in get_args(base):
            if isinstance(argument, type):
                return argument
    try:
        hint = typing.get_type_hints(vars(cls)["reward"]).get("config")
    except (KeyError, NameError, TypeError):
        return None
    return hint if isinstance(hint, type) else None


_TASKS: dict[str, tuple[type, type]] = {}


def register_task(name: str, task: type, config: type) -> None:
    """Register a task by name, for `get_registered_tasks`.

    Raises:
        ControlError: It is no task in judo's form.
    """
    if not (isinstance(task, type) and issubclass(task, JudoTask)):
        raise ControlError(
            f"'{name}' cannot be registered: {task!r} is no class derived from Task."
        )
    task.name, task.config_t = name, config
    _TASKS[name] = task, config


def get_registered_tasks() -> dict[str, tuple[type, type]]:
    """Return the registered tasks by name, each with its config."""
    return dict(_TASKS)
