"""MJPC's tasks: the numbers under `<custom>` and the cost terms under `<sensor>` are read by name; the residual is a method.

    cost of a step = sum over the user sensors i of weight_i * norm_i(residual_i)

T. Howell et al., "Predictive sampling: real-time behaviour synthesis with MuJoCo", arXiv 2212.00541; the norms are those of
its `norm.cc`, by their numbers. A residual in C++ becomes one in NumPy, of whole rollouts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mujoco
import numpy as np

from taskloom_control.config import ControlConfig
from taskloom_control.errors import ModelError
from taskloom_control.task import Array, Metadata, StagedTask

# A norm's number, weight, and the two bounds of its slider stand before its parameters.
_HEAD = 4
_SPLINES = ("zero", "linear", "cubic")
_PARAMETERS = "residual_"
# Where the rectifier is a line to double precision's satisfaction; MJPC's own threshold.
_LINE = 4.0
NORMS: Mapping[int, int] = {-1: 0, 0: 0, 1: 2, 2: 1, 3: 1, 5: 1, 6: 1, 7: 2, 8: 1}
"""MJPC's numbers of norms, each with how many parameters it has."""


def norm(kind: int, x: Array, p: float, q: float) -> Array:
    """Return a norm of vectors along the last axis, shape (..., n) to (...,).

    Args:
        kind: MJPC's number of the norm.
        x: The vectors.
        p: First parameter.
        q: Second parameter.
    """
    xp, square = x.__array_namespace__(), (x * x).sum(-1)
    match kind:
        case -1:
            found = x[..., 0]
        case 0:
            found = 0.5 * square
        case 1:
            found = (square ** (q / 2) + p**q) ** (1 / q) - p
        case 2:
            found = (square + p * p) ** 0.5 - p
        case 3:
            found = (p * p * (xp.cosh(x / p) - 1.0)).sum(-1)
        case 5:
            found = (abs(x) ** p).sum(-1)
        case 6:
            found = ((x * x + p * p) ** 0.5 - p).sum(-1)
        case 7:
            found = ((abs(x) ** q + p**q) ** (1 / q) - p).sum(-1)
        case _:
            found = _rectify(x, p).sum(-1)
    return found


def _rectify(x: Array, p: float) -> Array:
    xp = x.__array_namespace__()
    if p <= 0:
        return xp.where(x > 0, x, 0.0 * x)
    share = x / p
    below = xp.log(1.0 + xp.exp(xp.where(share < _LINE, share, 0.0 * share)))
    return xp.where(share >= _LINE, share, below)


@dataclass(frozen=True)
class Term:
    """One term of a cost.

    Attributes:
        name: Name of the user sensor.
        size: Numbers of its residual.
        norm: Number of the norm.
        weight: Its weight.
        parameters: Parameters p and q of the norm, 0 where it has fewer.
    """

    name: str
    size: int
    norm: int
    weight: float
    parameters: tuple[float, float]

    def cost(self, residual: Array) -> Array:
        """Return the weighted norm of residuals, shape (..., size), as shape (...,)."""
        return self.weight * norm(self.norm, residual, *self.parameters)


def read_terms(model: mujoco.MjModel) -> list[Term]:
    """Return the terms that a model's user sensors name, in their order.

    Raises:
        ModelError: A user sensor has no weight, or a norm that MJPC has not.
    """
    found = []
    for i in np.flatnonzero(model.sensor_type == mujoco.mjtSensor.mjSENS_USER):
        name = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_SENSOR, int(i)) or str(i)
        numbers = [float(v) for v in model.sensor_user[i]]
        kind = int(numbers[0]) if numbers else 0
        if len(numbers) < _HEAD // 2 or kind not in NORMS:
            known = ", ".join(map(str, NORMS))
            raise ModelError(
                f"The user sensor '{name}' needs the number of a norm ({known}) and a weight in its attribute `user`."
            )
        count = NORMS[kind]
        # MuJoCo pads `user` to the widest sensor's, so what is missing cannot be told from a zero.
        given = [*numbers[_HEAD : _HEAD + count], 0.0, 0.0]
        found.append(Term(name, int(model.sensor_dim[i]), kind, numbers[1], (given[0], given[1])))
    if not found:
        raise ModelError("The model has no user sensor, so no term of a cost is known.")
    return found


def read_numbers(model: mujoco.MjModel) -> dict[str, tuple[float, ...]]:
    """Return the numbers under `<custom>` by their names."""
    found = {}
    for i in range(model.nnumeric):
        first, size = int(model.numeric_adr[i]), int(model.numeric_size[i])
        name = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_NUMERIC, i)
        found[name] = tuple(float(v) for v in model.numeric_data[first : first + size])
    return found


def mjpc_settings(path: Path | str) -> dict[str, object]:
    """Return MJPC's settings of a model as values of a control config: for `open_task`, or `tasks run --config`.

    Its sampling planner is predictive sampling; noise of 1 is half the control range in both.

    Args:
        path: The MJCF file.

    Raises:
        ModelError: The file cannot be compiled.

    Example:
        >>> mjpc_settings("cartpole/task.xml")["controller.horizon"]
        1.0
    """
    try:
        numbers = read_numbers(mujoco.MjModel.from_xml_path(str(path)))
    except (ValueError, mujoco.FatalError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"The model '{Path(path).name}' does not compile: {reason}") from None
    places: dict[str, tuple[str, Callable[[float], object]]] = {
        "agent_horizon": ("controller.horizon", float),
        "sampling_spline_points": ("optimizer.num_nodes", int),
        "sampling_exploration": ("optimizer.sigma", float),
        "sampling_trajectories": ("optimizer.num_rollouts", int),
        "sampling_representation": ("controller.spline", lambda number: _SPLINES[int(number)]),
    }
    values: dict[str, object] = {"optimizer": "ps", "optimizer.finest": 1.0}
    for name, (field, kind) in places.items():
        if name in numbers:
            values[field] = kind(numbers[name][0])
    return values


class MjpcTask(StagedTask[ControlConfig]):
    """A task in MJPC's form: weights and norms stand in the model, and `residuals` gives the numbers that they are of.

    The model's `agent_timestep` is the time step of plans. `self.parameters` holds the numbers that begin with `residual_`.
    """

    @abstractmethod
    def residuals(self, states: Array, sensors: Array, controls: Array) -> Mapping[str, Array]:
        """Return the residual of every term by the name of its user sensor, shape (R, T, size); arguments as in `reward`."""

    @cached_property
    def terms(self) -> list[Term]:
        """The terms of the cost."""
        return read_terms(self.model)

    @cached_property
    def parameters(self) -> dict[str, float]:
        """First number of each element that begins with `residual_`, by the rest of its name."""
        numbers = read_numbers(self.model)
        return {
            name.removeprefix(_PARAMETERS): values[0]
            for name, values in numbers.items()
            if name.startswith(_PARAMETERS)
        }

    def process_spec(self, spec: mujoco.MjSpec) -> None:
        """Take the time step of plans from the model."""
        step = [n for n in spec.numerics if n.name == "agent_timestep"]
        if step:
            spec.option.timestep = float(step[0].data[0])

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ControlConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the weighted norm of every residual.

        Raises:
            ModelError: A term has no residual, or one of another size.
        """
        del config, system_metadata  # the weights stand in the model
        found = self.residuals(states, sensors, controls)
        for term in self.terms:
            shape = np.shape(found[term.name]) if term.name in found else None
            if shape is None or shape[-1] != term.size:
                raise ModelError(
                    f"residuals() of {type(self).__name__} must give '{term.name}' with {term.size} numbers in the last axis, "
                    f"not {'nothing' if shape is None else shape}."
                )
        return {term.name: term.cost(found[term.name]) for term in self.terms}
