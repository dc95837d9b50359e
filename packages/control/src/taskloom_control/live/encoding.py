"""States and plans as frames between a program and its planning process; nothing in them is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.errors import LinkError, PlanError
from taskloom_control.live.beside import numbers_of, snapshot_of
from taskloom_control.live.frames import Frame, FrameReader, encode
from taskloom_control.mjcf.physics import Snapshot
from taskloom_control.planning.asynchronous import Counts, Made
from taskloom_control.planning.estimate import Estimate
from taskloom_control.planning.feedback import Feedback
from taskloom_control.planning.plan import ControlPlan, PlanStats
from taskloom_control.planning.splines import KnotGrid

if TYPE_CHECKING:
    import mujoco

# Figures of a plan that are numbers; a reward may be minus infinity, which JSON has no word for.
_FIGURES = tuple(item.name for item in fields(PlanStats) if not item.name.startswith("_"))


@dataclass(frozen=True)
class Observed:
    """A state on its way to the planning process.

    Attributes:
        state: The whole state, or an estimate of it.
        metadata: Numbers, texts, lists and arrays that the simulation's copy of the task passed on.
        arrived: When it was there, by the clock that both processes read [s].
        version: Number of the config that is to be planned with, from 0.
        config: That config as a table, until the process has it; else None.
    """

    state: Snapshot | Estimate
    metadata: Mapping[str, Any]
    arrived: float
    version: int = 0
    config: Mapping[str, Any] | None = None


def bytes_of_observed(observed: Observed) -> bytes:
    """Return a state as bytes.

    Raises:
        PlanError: The metadata holds something that has no form in JSON.
    """
    state, arrays = observed.state, dict[str, np.ndarray]()
    if isinstance(state, Snapshot):
        arrays["whole"] = numbers_of(state)
    else:
        arrays["time"] = np.array([state.time])
        _put(arrays, "qpos", state.qpos)
        _put(arrays, "qvel", state.qvel)
        if state.act is not None:
            _put(arrays, "act", state.act)
        for name, pose in state.mocap.items():
            _put(arrays, f"place:{name}", pose[0])
            _put(arrays, f"turn:{name}", pose[1])
    told = dict(observed.metadata)
    for name in [name for name, value in told.items() if isinstance(value, np.ndarray)]:
        _put(arrays, f"told:{name}", told.pop(name))
    switches = {} if isinstance(state, Snapshot) else dict(state.eq_active)
    facts = {"arrived": observed.arrived, "version": observed.version, "told": told}
    try:
        facts |= {"switches": {name: bool(on) for name, on in switches.items()}}
        return encode(Frame("estimate", facts | {"config": observed.config}, arrays))
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"The metadata of a task that is planned for in another process hold numbers, texts, lists and arrays: {error}."
        ) from None


def observed_of(data: bytes, model: mujoco.MjModel) -> Observed:
    """Return the state of bytes, for a model.

    Raises:
        LinkError: They are no state.
    """
    frame = _frame(data)
    facts, arrays = frame.facts, frame.arrays
    told = dict(facts["told"]) | _group(arrays, "told")
    state: Snapshot | Estimate
    if "whole" in arrays:
        state = snapshot_of(model, arrays["whole"])
    else:
        turns, places = _group(arrays, "turn"), _group(arrays, "place")
        state = Estimate(
            _got(arrays, "qpos"),
            _got(arrays, "qvel"),
            float(arrays["time"][0]),
            act=arrays.get("act"),
            mocap={name: (places[name], turns[name]) for name in places},
            eq_active=facts["switches"],
        )
    return Observed(state, told, frame.number("arrived"), int(facts["version"]), facts["config"])


@dataclass(frozen=True)
class Planned:
    """A plan on its way from the planning process.

    Attributes:
        made: The plan and what it was made from, without metadata and config.
        counts: The process's counts.
        version: Number of the config that it was made with.
        safe: Controls that hold the system where it began, shape (nu,).
    """

    made: Made
    counts: Counts
    version: int
    safe: np.ndarray


def bytes_of_planned(planned: Planned) -> bytes:
    """Return a plan as bytes."""
    plan, stats = planned.made.plan, planned.made.stats
    grid = plan.grid
    arrays = {
        "curve": plan.curve,
        "low": plan.low,
        "high": plan.high,
        "safe": planned.safe,
        "figures": np.array([float(getattr(stats, name)) for name in _FIGURES]),
        "whole": numbers_of(planned.made.state),
    }
    facts: dict[str, Any] = {
        "start": plan.start,
        "grid": [grid.name, grid.num_knots, grid.horizon, grid.dt],
        "counts": asdict(planned.counts),
        "version": planned.version,
        "chunks": planned.made.chunks,
    }
    if plan.feedback is not None:
        facts["feedback"] = [plan.feedback.begin, plan.feedback.dt]
        for name in ("qpos", "rest", "gains"):
            arrays[name] = getattr(plan.feedback, name)
    return encode(Frame("control", facts, arrays))


def planned_of(data: bytes, model: mujoco.MjModel) -> Planned:
    """Return the plan of bytes, for a model.

    Raises:
        PlanError: They say why the process could not begin.
        LinkError: They are no plan.
    """
    frame = _frame(data)
    if frame.kind == "bye":
        raise PlanError(str(frame.facts["reason"]))
    facts, arrays = frame.facts, frame.arrays
    name, knots, horizon, dt = facts["grid"]
    feedback = None
    if "feedback" in facts:
        begin, step = facts["feedback"]
        parts = (arrays[part] for part in ("qpos", "rest", "gains"))
        feedback = Feedback(model, begin, step, *parts)
    plan = ControlPlan(
        KnotGrid(name, knots, horizon, dt),
        facts["start"],
        arrays["curve"],
        arrays["low"],
        arrays["high"],
        feedback,
    )
    stats = PlanStats()
    for figure, value in zip(_FIGURES, arrays["figures"].tolist(), strict=True):
        setattr(stats, figure, type(getattr(stats, figure))(value))
    state = snapshot_of(model, arrays["whole"])
    chunks = tuple(tuple(part) for part in facts["chunks"])
    made = Made(plan, stats, state, chunks=chunks)
    return Planned(made, Counts(**facts["counts"]), int(facts["version"]), arrays["safe"])


def bytes_of_refusal(reason: str) -> bytes:
    """Return the reason for which a process cannot begin as bytes."""
    return encode(Frame("bye", {"reason": reason}))


def _frame(data: bytes) -> Frame:
    frames = FrameReader().feed(data)
    if len(frames) != 1:
        raise LinkError("The planning process speaks something else.")
    return frames[0]


def _put(arrays: dict[str, np.ndarray], name: str, value: object) -> None:
    """Put an array among others, or one for each name of a table."""
    if isinstance(value, Mapping):
        for part, item in value.items():
            arrays[f"{name}:{part}"] = np.asarray(item, dtype=float)
    else:
        arrays[name] = np.asarray(value, dtype=float)


def _got(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray | dict[str, np.ndarray]:
    return arrays[name] if name in arrays else _group(arrays, name)


def _group(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays that belong to a name, by what follows it."""
    begin = f"{name}:"
    return {
        key.removeprefix(begin): value for key, value in arrays.items() if key.startswith(begin)
    }
