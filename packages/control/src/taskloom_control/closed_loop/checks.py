"""Checks of a task before it is run: a quick look for every run, and a thorough one for authors of tasks."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from taskloom import Finding
from taskloom.bound import BoundTask
from taskloom.errors import TaskloomError

from taskloom_control.closed_loop.pairs import pairing_lines
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.config import ControlConfig
from taskloom_control.engines.base import Rollouts
from taskloom_control.engines.numpy import ArrayEngine, HasDynamics
from taskloom_control.engines.threads_mujoco import ThreadedEngine
from taskloom_control.mjcf.keyframes import chosen_keyframe
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.holding import drift
from taskloom_control.planning.starts import first_control
from taskloom_control.task import ControlTask, StagedTask

_ROLLOUTS = 5
# Another order of them, in which none keeps its place.
_ORDER = np.array([2, 0, 4, 1, 3])
# Largest relative difference of the same thing worked out in two ways, in double precision.
_PARITY = 1e-6
# Movement of a second below this is none [m or rad].
_AT_REST = 0.01


def quick_findings(task: BoundTask[ControlTask[Any], ControlConfig]) -> Iterator[Finding]:
    """Compile the models, build the controller, and judge one tiny batch of rollouts."""
    try:
        with_batch = _Batch(task)
    except TaskloomError as error:
        yield Finding("error", error.message)
        return
    try:
        yield from with_batch.first_plan()
    except TaskloomError as error:
        yield Finding("error", error.message)
    finally:
        with_batch.controller.close()


def all_findings(task: BoundTask[ControlTask[Any], ControlConfig]) -> Iterator[Finding]:
    """Run every check; each leaves one finding, `info` when all is well."""
    quick = list(quick_findings(task))
    yield from quick
    if any(finding.level == "error" for finding in quick):
        return
    batch = _Batch(task)
    yield from (Finding("info", line) for line in pairing_lines(batch.copy.pairing))
    yield from batch.equilibrium()
    checks: dict[str, Callable[[], str | None]] = {
        "model and first plan": lambda: None,
        "the reward has one finite number per rollout": batch.reward_shape,
        "the reward does not depend on the order of rollouts": batch.equivariance,
        "the reward does not change its arguments": batch.purity,
        "every cost has one number per rollout and step": batch.cost_shapes,
        "engines agree bit for bit": batch.engines,
        "its own dynamics agree with MuJoCo's": batch.dynamics,
        "the reward runs on jax.numpy": batch.namespaces,
        "the reset follows its seed": batch.resets,
        "the gymnasium environment keeps to the API": batch.gymnasium,
    }
    try:
        for title, check in checks.items():
            try:
                complaint = check()
            except TaskloomError as error:
                complaint = error.message
            except (
                Exception
            ) as error:  # a user's task may raise anything; it is a finding, not a crash
                complaint = f"it raised {type(error).__name__}: {error}"
            if complaint is None:
                yield Finding("info", f"{title}: ok")
            else:
                yield Finding(
                    "error" if not complaint.startswith("skipped") else "info",
                    f"{title}: {complaint}",
                )
    finally:
        batch.controller.close()


def facts(task: ControlTask[Any]) -> Mapping[str, Any]:
    """Return the sizes of the problem."""
    model = task.model
    start = chosen_keyframe(task.sim_model, str(getattr(task.config, "keyframe", "none")))
    kind = mujoco.mjtObj.mjOBJ_SENSOR
    sensors = [mujoco.mj_id2name(model, kind, i) or "" for i in range(model.nsensor)]
    return {
        "positions": int(model.nq),
        "velocities": int(model.nv),
        "controls": int(model.nu),
        "activations": int(model.na),
        "step [s]": float(model.opt.timestep),
        "simulated step [s]": float(task.sim_model.opt.timestep),
        "sensors": ", ".join(sensors),
        "model": Path(task.model_path).name,
        "starts at": start or "the model's own start",
    }


class _Batch:
    """A few random rollouts from an episode's beginning, and the checks that look at them."""

    def __init__(self, task: BoundTask[ControlTask[Any], ControlConfig]) -> None:
        self.bound, self.config = task, task.config
        self.simulation = Simulation(task.copy(), task.config)
        self.simulation.reset(np.random.default_rng(0))
        self.controller = Controller(task.copy(), task.config, 0)
        self.copy = self.controller.task
        self.metadata = self.simulation.task.get_sim_metadata()
        self.snapshot = self.simulation.snapshot()

    def first_plan(self) -> Iterator[Finding]:
        """Judge two rollouts that do nothing."""
        problem, grid = self.controller.problem, self.controller.grid
        self.copy.pre_rollout(self.snapshot.state, self.config)
        problem.begin(self.snapshot, self.metadata, 0.0, None)
        width = self.controller.low.size
        start = first_control(self.copy, self.controller.low, self.controller.high, self.snapshot)
        z = self.controller.normalizer.encode(start)
        problem.evaluate(np.broadcast_to(z, (2, grid.num_knots, width)))
        if problem.diverged:
            message = (
                "The rollout of the first plan meets a bad number; the time step may be too long."
            )
            yield Finding("warning", message)
        if not np.isfinite(self.controller.low).all():
            yield Finding(
                "info", "An actuator has no control range, so noise is in its own unit there."
            )

    def equilibrium(self) -> Iterator[Finding]:
        """Tell how far the start drifts under the control that a first plan begins with."""
        if self.controller.low.size != self.copy.model.nu:
            return  # a control of the task's own, which the model does not know
        start = first_control(self.copy, self.controller.low, self.controller.high, self.snapshot)
        gone = drift(self.copy.model, self.snapshot, start, 1.0)
        if gone > _AT_REST:
            yield Finding(
                "info",
                f"The start is no equilibrium: the first plan's control lets it drift by {gone:.2g} in 1 s.",
            )

    def _rollouts(self, threads: int | None = None) -> tuple[Rollouts, np.ndarray]:
        model = self.copy.model
        low = np.where(np.isfinite(self.controller.low), self.controller.low, -1.0)
        high = np.where(np.isfinite(self.controller.high), self.controller.high, 1.0)
        steps = min(self.controller.grid.num_steps, 20)
        controls = np.random.default_rng(1).uniform(low, high, (_ROLLOUTS, steps, model.nu))
        engine = ThreadedEngine(model, threads)
        try:
            made = engine.rollout(self.snapshot, controls)
            return Rollouts(np.array(made.states), np.array(made.sensors), made.alive), controls
        finally:
            engine.close()

    def _reward(self, rollouts: Rollouts, controls: np.ndarray) -> np.ndarray:
        task = self.copy
        seen = (rollouts.states, rollouts.sensors, controls, self.config, self.metadata)
        task.pre_rollout(self.snapshot.state, self.config)
        task.post_rollout(*seen)
        return np.asarray(task.reward(*seen))

    def reward_shape(self) -> str | None:
        """One finite number per rollout."""
        reward = self._reward(*self._rollouts())
        if reward.shape != (_ROLLOUTS,):
            return f"its shape is {reward.shape} for {_ROLLOUTS} rollouts"
        return None if np.isfinite(reward).all() else f"it is {reward.tolist()}"

    def equivariance(self) -> str | None:
        """Rollouts in another order give the rewards in that order."""
        made, controls = self._rollouts()
        expected = self._reward(made, controls)[_ORDER]
        turned = Rollouts(made.states[_ORDER], made.sensors[_ORDER], made.alive[_ORDER])
        found = self._reward(turned, controls[_ORDER])
        # NumPy may sum an array in another order, so the last bits may differ.
        same = np.allclose(found, expected, rtol=1e-12, atol=1e-12)
        return None if same else "rollouts in another order do not give the rewards in that order"

    def purity(self) -> str | None:
        """The arrays stay as they were."""
        made, controls = self._rollouts()
        before = [made.states.copy(), made.sensors.copy(), controls.copy()]
        self._reward(made, controls)
        after = [made.states, made.sensors, controls]
        changed = [
            name
            for name, old, new in zip(("states", "sensors", "controls"), before, after, strict=True)
            if not np.array_equal(old, new, equal_nan=True)
        ]
        return f"it changes {', '.join(changed)}" if changed else None

    def cost_shapes(self) -> str | None:
        """One number per rollout and step."""
        if not isinstance(self.copy, StagedTask):
            return "skipped, the task has a reward only"
        made, controls = self._rollouts()
        terms = self.copy.costs(made.states, made.sensors, controls, self.config, self.metadata)
        odd = [name for name, term in terms.items() if np.shape(term) != controls.shape[:2]]
        if odd:
            return f"the term '{odd[0]}' has the shape {np.shape(terms[odd[0]])}, not {controls.shape[:2]}"
        bad = [name for name, term in terms.items() if not np.isfinite(np.asarray(term)).all()]
        return f"the term '{bad[0]}' is not finite" if bad else None

    def engines(self) -> str | None:
        """No thread, two threads and eight give the same bits."""
        first, _ = self._rollouts(None)
        for threads in (1, 2, 8):
            other, _ = self._rollouts(threads)
            if not np.array_equal(first.states, other.states):
                return f"{threads} threads give other states than the calling thread"
        return None

    def dynamics(self) -> str | None:
        """Dynamics of the task's own agree with MuJoCo's."""
        if not isinstance(self.copy, HasDynamics):
            return "skipped, the task has none"
        made, controls = self._rollouts()
        found = ArrayEngine(self.copy, self.config).rollout(self.snapshot, controls).states
        if found.shape != made.states.shape:
            return f"their states have the shape {found.shape}, not {made.states.shape}"
        gap = float(np.max(np.abs(found - made.states) / np.maximum(np.abs(made.states), 1.0)))
        return None if gap < _PARITY else f"they differ from MuJoCo's states by {gap:.2g}"

    def namespaces(self) -> str | None:
        """NumPy and jax.numpy give the same reward."""
        try:
            import jax
        except ImportError:
            return "skipped, JAX is not installed"
        # Later versions of JAX have it at the top, earlier ones do not.
        home: Any = (
            jax if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental")
        )
        made, controls = self._rollouts()
        expected, task = self._reward(made, controls), self.copy
        with home.enable_x64(True):
            states, sensors, acted = (
                jax.numpy.asarray(a) for a in (made.states, made.sensors, controls)
            )
            got = np.asarray(task.reward(states, sensors, acted, self.config, self.metadata))
        if got.shape != expected.shape:
            return f"its shape is {got.shape}, not {expected.shape}"
        gap = float(np.max(np.abs(got - expected) / np.maximum(np.abs(expected), 1.0)))
        return None if gap < _PARITY else f"it differs from NumPy's by {gap:.2g}"

    def resets(self) -> str | None:
        """The same seed begins the same episode."""
        states = []
        for _ in range(2):
            self.simulation.reset(np.random.default_rng(7))
            states.append(self.simulation.snapshot().integration)
        return (
            None
            if np.array_equal(states[0], states[1])
            else "the same seed begins two different episodes"
        )

    def gymnasium(self) -> str | None:
        """Gymnasium's own checker is content."""
        try:
            from gymnasium.utils.env_checker import check_env
        except ImportError:
            return "skipped, gymnasium is not installed"

        from taskloom_control.exports.gymnasium import ControlEnv  # gymnasium is heavy

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(ControlEnv(self.bound.copy(), self.config), skip_render_check=True)
        return None
