"""Plan with sampling-based model-predictive control on MuJoCo. Every public name is imported when it is first used.

`Task` and `TaskConfig` are judo's, as they are; a task of our own is a `ControlTask` with a `ControlConfig`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskloom.lazy import lazy_names

if TYPE_CHECKING:
    from taskloom_control.closed_loop.loop import ClosedLoop as ClosedLoop
    from taskloom_control.closed_loop.simulation import Simulation as Simulation
    from taskloom_control.compat.judo.config import TaskConfig as TaskConfig
    from taskloom_control.compat.judo.task import Task as Task
    from taskloom_control.compat.mjpc import (
        MjpcTask as MjpcTask,
        mjpc_settings as mjpc_settings,
    )
    from taskloom_control.config import (
        AnyOptimizer as AnyOptimizer,
        ControlConfig as ControlConfig,
        ControllerConfig as ControllerConfig,
        PlantConfig as PlantConfig,
        Push as Push,
        RecordConfig as RecordConfig,
    )
    from taskloom_control.engines.base import Engine as Engine
    from taskloom_control.engines.mjx import MJX as MJX
    from taskloom_control.engines.numpy import NumpyDynamics as NumpyDynamics
    from taskloom_control.engines.serial import Serial as Serial
    from taskloom_control.engines.threads import Threads as Threads
    from taskloom_control.errors import (
        ClockError as ClockError,
        ControlError as ControlError,
        ModelError as ModelError,
        PlanError as PlanError,
        RewardError as RewardError,
    )
    from taskloom_control.exports.gymnasium import ControlEnv as ControlEnv, make_env as make_env
    from taskloom_control.live.link import Hello as Hello, RobotLink as RobotLink
    from taskloom_control.live.opening import LivePage as LivePage
    from taskloom_control.live.process import PlannerProcess as PlannerProcess
    from taskloom_control.optimizers.base import (
        Optimizer as Optimizer,
        SamplingOptimizer as SamplingOptimizer,
        TrajectoryOptimizer as TrajectoryOptimizer,
    )
    from taskloom_control.optimizers.cem import CEM as CEM
    from taskloom_control.optimizers.cma_es import CMAES as CMAES
    from taskloom_control.optimizers.dial import DIAL as DIAL
    from taskloom_control.optimizers.icem import ICEM as ICEM
    from taskloom_control.optimizers.ilqr import ILQR as ILQR
    from taskloom_control.optimizers.knots import Draw as Draw, KnotState as KnotState
    from taskloom_control.optimizers.lqr import LQR as LQR
    from taskloom_control.optimizers.mppi import MPPI as MPPI
    from taskloom_control.optimizers.predictive_sampling import (
        PredictiveSampling as PredictiveSampling,
    )
    from taskloom_control.optimizers.random_shooting import RandomShooting as RandomShooting
    from taskloom_control.optimizers.smooth_mppi import SmoothMPPI as SmoothMPPI
    from taskloom_control.planning.asynchronous import AsyncController as AsyncController
    from taskloom_control.planning.controller import Controller as Controller
    from taskloom_control.planning.estimate import Estimate as Estimate
    from taskloom_control.planning.plan import ControlPlan as ControlPlan
    from taskloom_control.task import (
        Array as Array,
        ControlTask as ControlTask,
        Metadata as Metadata,
        StagedTask as StagedTask,
    )
    from taskloom_control.tasks.from_model import task_from as task_from

# Homes of the public names: a listing must not import NumPy, MuJoCo or gymnasium.
_HOMES = {
    "closed_loop.loop": "ClosedLoop",
    "closed_loop.simulation": "Simulation",
    "compat.judo.config": "TaskConfig",
    "compat.judo.task": "Task",
    "compat.mjpc": "MjpcTask mjpc_settings",
    "config": "AnyOptimizer ControlConfig ControllerConfig PlantConfig Push RecordConfig",
    "engines.base": "Engine",
    "engines.mjx": "MJX",
    "engines.numpy": "NumpyDynamics",
    "engines.serial": "Serial",
    "engines.threads": "Threads",
    "errors": "ClockError ControlError ModelError PlanError RewardError",
    "exports.gymnasium": "ControlEnv make_env",
    "optimizers.base": "Optimizer SamplingOptimizer TrajectoryOptimizer",
    "optimizers.cem": "CEM",
    "optimizers.cma_es": "CMAES",
    "optimizers.dial": "DIAL",
    "optimizers.icem": "ICEM",
    "optimizers.ilqr": "ILQR",
    "optimizers.knots": "Draw KnotState",
    "optimizers.lqr": "LQR",
    "optimizers.mppi": "MPPI",
    "optimizers.predictive_sampling": "PredictiveSampling",
    "optimizers.random_shooting": "RandomShooting",
    "optimizers.smooth_mppi": "SmoothMPPI",
    "live.link": "Hello RobotLink",
    "live.opening": "LivePage",
    "live.process": "PlannerProcess",
    "planning.asynchronous": "AsyncController",
    "planning.controller": "Controller",
    "planning.estimate": "Estimate",
    "planning.plan": "ControlPlan",
    "tasks.from_model": "task_from",
    "task": "ControlTask Array Metadata StagedTask",
}
_HOME_OF = {
    name: f"taskloom_control.{module}" for module, names in _HOMES.items() for name in names.split()
}

# The linters want a written list; this one is held to the documented names by a test.
__all__ = list(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]

_listed, __dir__ = lazy_names("taskloom_control", _HOME_OF)


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- a public name may be anything
    """Return a public name, or one of an earlier version under its new name, with a warning."""
    if name in _HOME_OF or name.startswith("__"):
        return _listed(name)
    from taskloom.moved import moved_names

    from taskloom_control.compat.moved import RENAMED

    return moved_names("taskloom_control", RENAMED)(name)
