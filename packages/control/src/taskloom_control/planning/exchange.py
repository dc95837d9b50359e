"""Another config between two plans: what changes, and what becomes of the memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.planning.plan import ControlPlan

if TYPE_CHECKING:
    from taskloom_control.config import ControlConfig
    from taskloom_control.planning.splines import KnotGrid

_RESHAPING = {
    "optimizer.num_rollouts",
    "robust",
    "robust.models",
    "robust.budget",
    "robust.judged",
    "optimizer.num_nodes",
    "controller.horizon",
    "controller.spline",
}
_MEMORY = {"optimizer.kind", "controller.action_normalizer", "controller.unlimited_scale"}


@dataclass(frozen=True)
class Changed:
    """Fields that another config changes, by what becomes of the controller's memory.

    Attributes:
        free: Weights, temperatures, spreads: the memory stays as it is.
        reshaping: Sizes of the plan: plan, memory and spreads are resampled at the new knots.
        memory: Kind of optimizer or coordinates: the plan stays, the rest begins anew.
    """

    free: tuple[str, ...] = ()
    reshaping: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()


def changes_between(old: ControlConfig, new: ControlConfig) -> Changed:
    """Return the fields in which two configs differ.

    Raises:
        PlanError: They differ in something that a controller is built for.
    """
    if type(old) is not type(new):
        raise PlanError(
            f"A {type(new).__name__} cannot replace a {type(old).__name__}: another task needs another controller."
        )
    free, reshaping, memory = [], [], []
    for name in _differences(old.model_dump(), new.model_dump()):
        # Buffers, threads and compiled programs are of one model and one engine.
        if name.startswith("engine.") or name == "keyframe" or name.endswith("path"):
            raise PlanError(
                f"'{name}' cannot change while a controller lives: build a new one for another model or engine."
            )
        if name in _MEMORY:
            memory.append(name)
        elif name in _RESHAPING:
            reshaping.append(name)
        else:
            free.append(name)
    return Changed(tuple(free), tuple(reshaping), tuple(memory))


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        first, second = old.get(name), new.get(name)
        if isinstance(first, dict) and isinstance(second, dict):
            yield from _differences(first, second, f"{prefix}{name}.")
        elif first != second:
            yield f"{prefix}{name}"


def resample(plan: ControlPlan, grid: KnotGrid, moment: float) -> ControlPlan:
    """Return a plan through the same controls at the knots of another grid.

    Args:
        plan: The plan.
        grid: The other grid.
        moment: Time at which the new plan begins [s].
    """
    # The plan itself is asked, not its knots: a spline of another order bends between the same knots.
    start, _ = grid.locate(moment)
    knots = np.stack([plan((start + k) * grid.spacing) for k in range(grid.num_knots)])
    return ControlPlan(grid, start, grid.coefficients(knots), plan.low, plan.high)


def knots_at(
    array: np.ndarray, old: KnotGrid, new: KnotGrid, moments: tuple[int, float]
) -> np.ndarray:
    """Return what belongs to knots of one grid at the knots of another, on a line between neighbours; shape (..., n, nu).

    Args:
        array: Numbers at the old knots, shape (..., m, nu).
        old: The old grid.
        new: The new grid.
        moments: Index of the old grid's first knot, and the time at which the new one begins [s].
    """
    first, moment = moments
    start, _ = new.locate(moment)
    places = (start + np.arange(new.num_knots)) * new.spacing / old.spacing - first
    # Beyond the old knots the ends are repeated, as a plan holds its last control.
    places = np.clip(places, 0, old.num_knots - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, old.num_knots - 1)
    share = (places - low)[:, None]
    return np.asarray((1 - share) * array[..., low, :] + share * array[..., high, :])
