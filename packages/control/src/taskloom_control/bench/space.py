"""The settings that `tune` draws from: Sobol points in the ranges of the dimensions that are searched."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel
from scipy.stats import qmc
from taskloom.errors import UsageError
from taskloom.params.tree import default_of
from taskloom.registry.components import load_component
from taskloom.registry.suggest import did_you_mean

from taskloom_control.bench.variants import Bound
from taskloom_control.optimizers.base import SamplingOptimizer

_OPTIMIZERS = ("ps", "cem", "mppi")
_SPLINES = ("zero", "linear", "cubic")
# Scale of the noise has another name where it is a starting value that is fitted later.
_SIGMAS = ("sigma", "sigma_start")


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched: a range, or some choices.

    Attributes:
        low: Smallest value.
        high: Largest value.
        choices: Values to choose from, instead of a range.
        is_log: Whether equal ratios, not equal differences, are equally likely.
        is_whole: Whether the value is a whole number.
    """

    low: float = 0.0
    high: float = 1.0
    choices: tuple[object, ...] = ()
    is_log: bool = False
    is_whole: bool = False

    def at(self, share: float) -> object:
        """Return the value at a share of the way through, in [0, 1)."""
        if self.choices:
            return self.choices[int(share * len(self.choices))]
        if self.is_whole:
            return int(self.low) + int(share * (self.high - self.low + 1))
        if self.is_log:
            return math.exp(math.log(self.low) + share * math.log(self.high / self.low))
        return self.low + share * (self.high - self.low)


SEARCHED = ("sigma", "finest", "num_nodes", "horizon", "ess", "rollouts", "keep", "spline")
"""Dimensions that are searched unless others are named; `optimizer` is the one besides."""
KNOWN = (*SEARCHED, "optimizer")
"""Names of all dimensions."""


def read_search(text: str) -> tuple[str, ...]:
    """Return the dimensions that a text names, separated by commas.

    Raises:
        UsageError: One of them does not exist, or there is none.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in KNOWN:
            hint = did_you_mean(name, KNOWN)
            raise UsageError(
                f"--search takes {', '.join(KNOWN)}, not '{name}'{f'; {hint}' if hint else '.'}"
            )
    if not names:
        raise UsageError(f"--search names nothing; it takes {', '.join(KNOWN)}.")
    return names


def dimensions(task: Bound, names: Sequence[str]) -> Mapping[str, Dimension]:
    """Return the ranges of the dimensions that are searched, around the settings that a task begins with."""
    settings = task.config.controller
    # The task's own choice is tried whatever the search begins with: no sampler balances what iLQR does.
    own = (task.config.optimizer, default_of(type(task.config), None, "optimizer"))
    # A task may leave its optimizer to the user, and has none of its own.
    kinds = (*_OPTIMIZERS, *(kind for item in own if (kind := str(getattr(item, "kind", "")))))
    ranges = {
        "sigma": Dimension(0.02, 1.0, is_log=True),
        "finest": Dimension(1 / 32, 1.0, is_log=True),
        "num_nodes": Dimension(2, 12, is_whole=True),
        "horizon": Dimension(settings.horizon / 3, settings.horizon * 3, is_log=True),
        "ess": Dimension(2.0, 16.0, is_log=True),
        # The budget fixes candidates times iterations, so fewer candidates are more iterations.
        "rollouts": Dimension(choices=(1, 2, 3)),
        "keep": Dimension(0, 4, is_whole=True),
        "spline": Dimension(choices=_SPLINES),
        "optimizer": Dimension(choices=tuple(dict.fromkeys(kinds))),
    }
    return {name: ranges[name] for name in names}


def default_values(task: Bound, names: Sequence[str]) -> dict[str, object]:
    """Return what the task's own defaults have otherwise than the settings that it begins with, by dotted path.

    Of dimensions that are not searched nothing changes; of another optimizer all parameters are the task's.

    Args:
        task: The task with the settings that it begins with.
        names: The dimensions that are searched.
    """
    optimizer, settings = (
        default_of(type(task.config), None, name) for name in ("optimizer", "controller")
    )
    found: dict[str, object] = {}
    begun = task.config.optimizer
    if getattr(optimizer, "kind", "") == getattr(begun, "kind", ""):
        wanted = [*names, *(_SIGMAS if "sigma" in names else ())]
        found |= {
            f"optimizer.{name}": getattr(optimizer, name)
            for name in wanted
            if hasattr(optimizer, name) and getattr(optimizer, name) != getattr(begun, name, None)
        }
    elif "optimizer" in names and isinstance(optimizer, BaseModel):
        found["optimizer"] = optimizer.model_dump()
    for name, place in (("horizon", "horizon"), ("spline", "spline"), ("rollouts", "iterations")):
        if name in names and hasattr(settings, place):
            value = getattr(settings, place)
            if value != getattr(task.config.controller, place):
                found[f"controller.{place}"] = value
    return found


def drawn_values(
    task: Bound, names: Sequence[str], count: int, seed: int
) -> Iterator[dict[str, object]]:
    """Return the values of settings by dotted path: scrambled Sobol points in the ranges.

    Args:
        task: The task with the settings that it begins with.
        names: The dimensions.
        count: How many.
        seed: Seed of the scrambling.
    """
    chosen = dimensions(task, names)
    sobol = qmc.Sobol(len(chosen), seed=np.random.default_rng(seed))  # pyright: ignore[reportCallIssue]  # its stubs know the later name alone
    # Whole powers of two are balanced in every dimension; the rest of the last one is not used.
    points = sobol.random_base2(max(1, math.ceil(math.log2(max(count, 2)))))[:count]
    for point in points:
        yield _paths(
            task, {name: item.at(x) for (name, item), x in zip(chosen.items(), point, strict=True)}
        )


def _paths(task: Bound, values: Mapping[str, object]) -> dict[str, object]:
    """Return drawn values by their places in the config; what the chosen optimizer has not is left out."""
    own = str(getattr(task.config.optimizer, "kind", ""))
    kind = str(values.get("optimizer", own))
    table: dict[str, object] = {"optimizer": {"kind": kind}} if kind != own else {}
    optimizer = load_component("taskloom_control.optimizers", kind)
    fields, has_knots = optimizer.model_fields, issubclass(optimizer, SamplingOptimizer)
    for name, value in values.items():
        if name == "horizon":
            table["controller.horizon"] = value
        elif name == "spline":
            table |= {"controller.spline": value} if has_knots else {}
        elif name == "rollouts":
            table["controller.iterations"] = value
        elif name == "sigma":
            table |= {f"optimizer.{field}": value for field in _SIGMAS if field in fields}
        elif name != "optimizer" and name in fields:
            table[f"optimizer.{name}"] = value
    return table
