"""The headline of an episode: its return or its mean cost, and the same start with the controls at rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from taskloom.headline import Baseline, Figure, Headline
from taskloom.outcome import headline_of
from taskloom.params.shapes import kind_of
from taskloom.statistics.intervals import Interval
from taskloom.units import UnitValues
from taskloom.wording import Words, format_value

from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.closed_loop.trajectory import TrajectoryRecorder
from taskloom_control.errors import RewardError
from taskloom_control.suites.table import largest_return
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    from jaxtyping import Float
    from taskloom.bound import BoundTask

    from taskloom_control.config import ControlConfig

    Costs = Float[np.ndarray, " steps"]

_MOST_TIMES = 10.0
_SOLVER = frozenset({"optimizer", "controller", "engine", "record", "baseline"})


@dataclass(frozen=True, slots=True)
class AtRest:
    """The same start with one control all the time.

    Attributes:
        costs: Cost of each step.
        time: Simulated time after each step [s].
        name: Name after "than".
        reason: The reason why it says nothing, or nothing.
        recorded: What the task itself computes of the record, such as a suite's return.
    """

    costs: Costs
    time: Costs
    name: str
    reason: str = ""
    recorded: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Measure:
    """The figure of an episode that its headline is about.

    Attributes:
        metric: Its name among the metrics.
        title: Its name on a page.
        unit: What it is counted in.
        better: The direction that is better.
        words: The figure in a sentence, with one place for the number.
    """

    metric: str
    title: str
    unit: str
    better: Literal["lower", "higher"]
    words: str


_COST = _Measure(
    "cost",
    "Mean cost per step in the closed loop",
    "cost per step",
    "lower",
    "Mean cost {} per step",
)
_RETURN = _Measure("return", "Return of the episode", "sum of rewards", "higher", "Return {}")


def play_at_rest(
    bound: BoundTask[ControlTask[Any], ControlConfig], reset_seed: int, steps: int
) -> AtRest:
    """Simulate the episode's start with the control that the first plan begins with, which is zero unless the task says otherwise.

    Args:
        bound: The task.
        reset_seed: Seed of the episode's beginning.
        steps: Steps at most.
    """
    simulation = Simulation(bound.copy(), bound.config)
    task = simulation.task
    low, high = task.control_bounds()
    control = np.clip(task.optimizer_warm_start(), low, high)
    name = "no control" if not control.any() else "the control at rest"
    simulation.reset(np.random.default_rng(reset_seed))
    costs: list[float] = []
    times: list[float] = []
    reason = ""
    history = TrajectoryRecorder()

    def keep_state() -> None:
        view = task.view
        history.add(time=simulation.time, qpos=view.qpos, qvel=view.qvel, act=view.act)

    keep_state()
    while len(costs) < steps and not reason and not task.terminated():
        try:
            costs.append(-simulation.step(control))
        except RewardError:
            reason = "its cost is no finite number"
            break
        times.append(simulation.time)
        history.add(control=simulation.acted, reward=-costs[-1])
        keep_state()
        if simulation.unstable:
            reason = "its simulation became unstable"
    if not reason and not (costs and np.isfinite(costs).all()):
        reason = "its cost is no finite number"
    return AtRest(
        np.array(costs),
        np.array(times),
        name,
        f"{name}: {reason}" if reason else "",
        {} if reason else task.recorded_metrics(history.arrays()),
    )


def headline(
    bound: BoundTask[ControlTask[Any], ControlConfig],
    metrics: Mapping[str, float],
    arrays: Mapping[str, np.ndarray],
    rest: AtRest | None,
    *,
    stopped: bool,
) -> Headline | None:
    """Return the headline of one episode; None if no step was simulated.

    Args:
        bound: The task.
        metrics: Final metrics.
        arrays: The record of the episode.
        rest: The same start at rest; None if the run leaves it out.
        stopped: True if the run was asked to stop before the end.
    """
    if "cost" not in metrics:
        return None
    measure = _measure_of(bound, metrics, arrays)
    found = metrics[measure.metric]
    baseline: Baseline | str = "baseline is off" if rest is None else rest.reason
    if rest is not None and not rest.reason:
        value = float(rest.costs.mean() if measure is _COST else rest.recorded[measure.metric])
        baseline = Baseline(
            name=rest.name,
            command=f"the same start with {rest.name}",
            value=value,
            difference=found - value,
        )
    has_criterion = type(bound.task).success is not ControlTask.success
    solved = bool(metrics["success"]) if has_criterion and not stopped else None
    own = Interval(found, None, None, 0.95, 1, "one episode", no_interval="one episode")
    unstable = f"The simulation became unstable after {metrics['seconds']:.3g} s: its numbers mean nothing."
    return headline_of(
        metric=measure.metric,
        title=measure.title,
        own=own,
        better=measure.better,
        baseline=baseline,
        words=Words(subject=f"The optimizer {kind_of(type(bound.config.optimizer))}"),
        unit=measure.unit,
        alone=_sentence(bound, metrics, measure, baseline, solved, stopped=stopped),
        fault=unstable if metrics.get("unstable") else "",
        solved=solved,
        companions=_companions(metrics, arrays, bound.config),
    )


def units_of(said: Headline) -> UnitValues:
    """Return the one episode with its figure: runs of one seed begin alike under every planner."""
    return UnitValues("episode", np.array([said.value]), np.zeros(1, np.uint64), _SOLVER)


def _measure_of(
    bound: BoundTask[ControlTask[Any], ControlConfig],
    metrics: Mapping[str, float],
    arrays: Mapping[str, np.ndarray],
) -> _Measure:
    """Return what the headline is about: a suite's return, out of the most that it can be if it has a bound; else the cost."""
    if _RETURN.metric not in metrics:
        return _COST
    steps = len(arrays["control"]) // bound.task.physics_substeps
    most = largest_return(bound.name, steps)
    if most is None:
        return _RETURN
    return replace(_RETURN, words=f"Return {{}} of at most {format_value(most)}")


def _sentence(
    bound: BoundTask[ControlTask[Any], ControlConfig],
    metrics: Mapping[str, float],
    measure: _Measure,
    baseline: Baseline | str,
    solved: bool | None,
    *,
    stopped: bool,
) -> str:
    found = metrics[measure.metric]
    if stopped:
        first = f"Stopped after {metrics['seconds']:.3g} s."
    elif solved and bound.task.must_hold and "settling_time" in metrics:
        first = f"Settled after {metrics['settling_time']:.3g} s and held to the end."
    elif solved:
        first = "The goal was reached."
    elif solved is False:
        first = f"Not solved within {metrics['seconds']:.3g} s."
    else:
        first = "The task has no criterion of success." if measure is _COST else ""
    middle = measure.words.format(format_value(found))
    if isinstance(baseline, Baseline):
        is_share = measure is _COST and baseline.value > 0 <= found
        share = found / baseline.value if is_share else math.inf
        of = f"{_percent(100 * share)} % of the " if share < _MOST_TIMES else "against "
        how = "without control" if baseline.name == "no control" else f"with {baseline.name}"
        middle += f", {of}{format_value(baseline.value)} {how}"
    # Without the task's name: a command that leaves out the run's other options measures something else.
    sweep = "`tasks sweep` with the same options and `--seed=0:10`"
    return f"{first} {middle}. One episode: for an interval, {sweep}.".lstrip()


def _percent(share: float) -> str:
    """Return a share in percent with two digits, and with three from 99.5 on: 100, never 1e+02."""
    return f"{share:.2g}" if share < 99.5 else f"{share:.0f}"


def _companions(
    metrics: Mapping[str, float], arrays: Mapping[str, np.ndarray], config: ControlConfig
) -> tuple[Figure, ...]:
    """Return when it settled, how many plans came late, and how many candidates counted."""
    settled = metrics.get("settling_time")
    found = [Figure("settled after", "not settled" if settled is None else f"{settled:.3g} s")]
    seconds = arrays.get("plan_seconds", np.zeros(0))
    if seconds.size:
        period = 1 / config.controller.control_freq
        late = 100 * float((seconds > period).mean())
        note = f"median {1000 * float(np.median(seconds)):.3g} ms of {1000 * period:.3g} ms"
        found.append(Figure("late plans", f"{late:.2g} %", note))
    if metrics.get("plans") and "ess" in metrics:
        each = metrics["rollouts"] / metrics["plans"]
        found.append(
            Figure("effective samples", f"{metrics['ess']:.3g}", f"of {each:.4g} rollouts a plan")
        )
    return tuple(found)
