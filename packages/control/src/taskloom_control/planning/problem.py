"""One planning problem: the state to plan from, and the reward of candidate knots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from taskloom_control.engines.base import RolloutEngine, Rollouts
from taskloom_control.errors import PlanError, RewardError, not_a_number
from taskloom_control.planning.constraints import constraint_values, is_constrained
from taskloom_control.planning.splines import KnotGrid
from taskloom_control.task import ControlTask, Metadata, StagedTask

if TYPE_CHECKING:
    from jaxtyping import Float
    from taskloom import Config

    from taskloom_control.engines.base import ModelsEngine
    from taskloom_control.mjcf.physics import Snapshot
    from taskloom_control.planning.deadline import Budget
    from taskloom_control.planning.models import PlanningModels
    from taskloom_control.planning.normalizers import Normalizer


class PlanningProblem:
    """Judge of plans: the task's copy, the engine, the knot grid and the moment.

    Args:
        task: The controller's copy of the task.
        config: The config that its reward is given.
        engine: What rolls controls out.
        grid: The knots.
        normalizer: The map between knots in controls and in the optimizer's coordinates.
        penalty: Cost of a violation of the task's constraints, by its size and for each step.
        models: Models that candidates are judged under besides the planning model; the engine has taken them.

    Attributes:
        physics: Steps of the physics that were computed for candidates so far, those of derivatives included.
        rollouts: Rollouts of candidates so far, under whichever models.
    """

    def __init__(
        self,
        task: ControlTask[Any],
        config: Config,
        engine: RolloutEngine,
        grid: KnotGrid,
        normalizer: Normalizer,
        *,
        models: PlanningModels | None = None,
        penalty: float = 0.0,
    ) -> None:
        self.task, self.config, self.engine = task, config, engine
        self.grid, self.normalizer = grid, normalizer
        self.low, self.high = task.control_bounds()
        self._every = task.physics_substeps
        self._is_constrained, self._penalty = is_constrained(task), penalty
        self._models = models
        # Asked once: most tasks' controls are the model's own, written straight into the engine's buffer.
        own = type(task).task_to_sim_ctrl is ControlTask.task_to_sim_ctrl
        self._is_plain = own and self._every == 1
        self._probed = False
        # Zero-order holds and lines stay between their knots; the other splines overshoot.
        self._overshoots = grid.name in ("cubic", "akima")
        self.snapshot: Snapshot
        self.metadata: Metadata = {}
        self.phase = 0.0
        self.residual: np.ndarray | None = None
        self.last: Rollouts | None = None
        self.diverged = self.physics = self.rollouts = 0

    def rollouts_later(self, count: int) -> float:
        """Return how many rollouts follow for each of some candidates, once all of them have been tried: of the best, under further models."""
        models = self._models
        if models is None or models.judges_all or not count:
            return 0.0
        return models.judged_of(count) * (len(models.models) - 1) / count

    def begin(
        self, snapshot: Snapshot, metadata: Metadata, phase: float, residual: np.ndarray | None
    ) -> None:
        """Set the moment of a new plan.

        Args:
            snapshot: The state to plan from.
            metadata: What the simulation's copy of the task passed on.
            phase: How far the moment lies behind the first knot, in spacings.
            residual: Coefficients that are added to every candidate's curve, shape (n, p, nu), or None.
        """
        self.snapshot, self.metadata = snapshot, metadata
        self.task.begin_plan(snapshot.time)
        for model in [self.task.model] if self._models is None else self._models.models:
            self.task.adapt_model(model, metadata)
        if self._models is not None:
            self._starts = self._models.starts(snapshot)
        self.phase, self.residual = phase, residual

    def controls(
        self, z: Float[np.ndarray, "R n nu"], copies: int = 1
    ) -> Float[np.ndarray, "R T nu"]:
        """Return the controls that candidate knots stand for, in the engine's buffer if they are the model's own.

        Args:
            z: The knots.
            copies: Models that the rows come again for, model after model.
        """
        grid, count = self.grid, z.shape[0]
        knots = self.normalizer.decode(z)
        if self._is_plain:
            every = self.engine.buffer(count * copies, grid.num_steps)
        else:
            every = np.empty((count * copies, grid.num_steps, z.shape[2]))
        out = every[:count]
        # Akima's slopes are no linear function of the knots, so there is no matrix from knots to controls.
        if grid.name == "akima":
            flat = grid.coefficients(knots).reshape(z.shape[0], -1, z.shape[2])
            np.matmul(grid.powers(self.phase), flat, out=out)
        else:
            np.matmul(grid.matrix(self.phase), knots, out=out)
        if self.residual is not None:
            out += grid.powers(self.phase) @ self.residual.reshape(-1, z.shape[2])
        if self._overshoots:
            # Half the time of np.clip, which is slow with a bound for every control.
            np.maximum(out, self.low, out=out)
            np.minimum(out, self.high, out=out)
        for copy in range(1, copies):
            every[copy * count : (copy + 1) * count] = out
        return every

    def evaluate(self, z: Float[np.ndarray, "R n nu"]) -> Float[np.ndarray, " R"]:
        """Return the rewards of candidate knots; a rollout that diverged, or has no number for a reward, gets -inf.

        Under several models a candidate's reward is minus the risk of its costs.

        Raises:
            RewardError: No reward is a number although the physics is sound, or the shape is wrong.
        """
        return self.settled(z, self.tried(z))

    def tried(self, z: Float[np.ndarray, "R n nu"]) -> Float[np.ndarray, " R"]:
        """Return what `settled` begins with: the rewards under the planning model where the best come next, else the final ones."""
        models = self._models
        if models is None or not models.judges_all:
            return self._judged(self.controls(z), None)
        controls = self.controls(z, len(models.models))
        return models.rewards(self._judged(controls, self._starts))

    def settled(
        self, z: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]
    ) -> Float[np.ndarray, " R"]:
        """Return the final rewards of candidates that were tried: the best are judged under the drawn models as well."""
        models = self._models
        if models is None or models.judges_all:
            return rewards
        chosen, last, diverged = models.chosen(rewards), self.last, self.diverged
        if last is not None and len(last.states) == len(chosen) * len(self._starts):
            # As many rows go into the same arrays of the engine.
            last = Rollouts(last.states.copy(), last.sensors.copy(), last.alive)
            self.last = last
        controls = self.controls(z[chosen], len(self._starts))
        others = self._judged(controls, self._starts, again=True)
        self.diverged += diverged
        return models.settled(rewards, chosen, others)

    def _judged(
        self, controls: np.ndarray, starts: list[Snapshot] | None, *, again: bool = False
    ) -> np.ndarray:
        """Return the reward of every row, rolled out under its model; under the planning model without `starts`."""
        self.rollouts += controls.shape[0]
        self.physics += controls.shape[0] * controls.shape[1] * self._every
        if self._is_plain:
            return self.judge(self._rolled_out(controls, starts), controls, again=again)
        # A control acts for some steps of the physics, and the reward sees the last of them.
        acted = np.repeat(self.task.task_to_sim_ctrl(controls), self._every, axis=1)
        made = self._rolled_out(acted, starts)
        last = slice(self._every - 1, None, self._every)
        seen = Rollouts(made.states[:, last], made.sensors[:, last], made.alive)
        return self.judge(seen, controls, again=again)

    def _rolled_out(self, controls: np.ndarray, starts: list[Snapshot] | None) -> Rollouts:
        if starts is None:
            return self.engine.rollout(self.snapshot, controls)
        return cast("ModelsEngine", self.engine).rollout_each(starts, controls)

    def judge(
        self, rollouts: Rollouts, controls: Float[np.ndarray, "R T nu"], *, again: bool = False
    ) -> np.ndarray:
        """Return the rewards of rollouts, -inf where they diverged.

        Args:
            rollouts: The rollouts.
            controls: Their controls.
            again: The candidates have been judged under the planning model: these rollouts are not those that are shown, and
                none of them need have a number for a reward.
        """
        task, config = self.task, self.config
        states, sensors = rollouts.states, rollouts.sensors
        if not again:
            self.last = rollouts
        if not self.engine.has_sensors and not self._probed:
            self._refuse_sensors(states, controls)
        # A rollout that diverges may overflow in the reward; it is counted below, not warned about.
        with np.errstate(over="ignore", invalid="ignore"):
            task.post_rollout(states, sensors, controls, config, self.metadata)
            rewards = task.reward(states, sensors, controls, config, self.metadata)
            rewards = np.array(rewards, dtype=float)  # a copy: the task may hold on to its array
            if self._is_constrained and rewards.shape == controls.shape[:1]:
                beyond = self.constraint_values(states, sensors, controls)
                np.maximum(beyond, 0.0, out=beyond)
                rewards -= self._penalty * beyond.sum(axis=(1, 2))
        if rewards.shape != (controls.shape[0],):
            raise RewardError(
                f"The reward of {type(task).__name__} has shape {rewards.shape}; {controls.shape[0]} rollouts need the shape "
                f"({controls.shape[0]},)."
            )
        # MuJoCo resets what diverged, so a rollout can end in good numbers and still not be alive.
        good = np.isfinite(rewards)
        good &= rollouts.alive
        self.diverged = rewards.size - int(np.count_nonzero(good))
        if self.diverged:
            if self.diverged == rewards.size and rollouts.alive.any() and not again:
                raise RewardError(self._blame(rollouts, controls))
            rewards[~good] = -np.inf
        return rewards

    def constraint_values(self, states: Any, sensors: Any, controls: Any) -> np.ndarray:  # noqa: ANN401 -- of the engine
        """Return the values of the task's constraints, shape (R, T, c); above 0 they are violated."""
        rollouts = (states, sensors, controls)
        return constraint_values(self.task, rollouts, self.config, self.metadata)

    def _refuse_sensors(self, states: np.ndarray, controls: np.ndarray) -> None:
        """Refuse a reward that reads sensors where the engine computes none: with other numbers in them it is another one.

        Raises:
            PlanError: The reward depends on the sensors.
        """
        # Once: what a reward reads does not change from plan to plan, and this costs three rewards.
        self._probed = True
        shape, found = (*states.shape[:2], self.task.model.nsensordata), []
        rng = np.random.default_rng(0)
        with np.errstate(all="ignore"):
            for sensors in (np.zeros(shape), rng.normal(size=shape), 10 * rng.normal(size=shape)):
                self.task.post_rollout(states, sensors, controls, self.config, self.metadata)
                reward = self.task.reward(states, sensors, controls, self.config, self.metadata)
                found.append(np.array(reward, dtype=float))
        if not all(np.array_equal(found[0], other, equal_nan=True) for other in found[1:]):
            raise PlanError(
                f"The engine computes no sensors, which the reward of {type(self.task).__name__} reads; choose engine 'threads'."
            )

    def _blame(self, rollouts: Rollouts, controls: np.ndarray) -> str:
        """Return the sentence on a reward without a number, with the term to blame."""
        sums: dict[str, float] = {}
        if isinstance(self.task, StagedTask):
            terms = self.task.costs(
                rollouts.states, rollouts.sensors, controls, self.config, self.metadata
            )
            for name, values in terms.items():
                sums[name] = float(np.asarray(values)[rollouts.alive].sum())
        return not_a_number(self.task, sums, self.snapshot.time)


def judged(
    problem: PlanningProblem,
    knots: Float[np.ndarray, "R n nu"],
    iteration: int,
    budget: Budget | None,
) -> tuple[Float[np.ndarray, " r"], int]:
    """Return the rewards of the first candidates that a budget allows, and how many of those diverged.

    Args:
        problem: The problem.
        knots: All candidates.
        iteration: Number of the iteration within the plan.
        budget: Divides them into chunks; without one all are judged at once.
    """
    if budget is None:
        rewards = problem.evaluate(knots)
        return rewards, problem.diverged
    parts, done, diverged, total = [np.zeros(0)], 0, 0, len(knots)
    later = problem.rollouts_later(total)
    while done < total and (size := budget.chunk(iteration, done, total, later)):
        parts.append(problem.tried(knots[done : done + size]))
        budget.ran()
        diverged, done = diverged + problem.diverged, done + size
    # A single chunk is taken as it is, so that a plan that is never cut costs nothing more.
    rewards = parts[1] if len(parts) == 2 else np.concatenate(parts)
    # Too few teach nothing, whatever other models say of them.
    if later and done >= min(budget.least, total):
        # The best of all chunks, so that a plan of n candidates is the same however they were divided.
        problem.diverged = diverged
        rewards = problem.settled(knots[:done], rewards)
        diverged = problem.diverged
        budget.settled()
    return rewards, diverged


def check_sizes(grid: KnotGrid, minimum: int) -> None:
    """Refuse a plan that cannot be made.

    Raises:
        PlanError: The horizon is shorter than a step, or the spline needs more knots.
    """
    if grid.horizon < grid.dt * (1 - 1e-9):
        raise PlanError(
            f"The horizon ({grid.horizon:g} s) is shorter than a step of the model ({grid.dt:g} s); set controller.horizon to "
            f"at least {grid.dt:g}."
        )
    if grid.num_knots < minimum:
        raise PlanError(
            f"The spline '{grid.name}' needs at least {minimum} knots, the optimizer has {grid.num_knots}; set "
            f"optimizer.num_nodes to {minimum} or more, or choose another controller.spline."
        )
    if grid.num_knots > grid.num_steps:
        raise PlanError(
            f"{grid.num_knots} knots are more than the {grid.num_steps} steps of the horizon, so some would have no effect; "
            f"set optimizer.num_nodes to {grid.num_steps} or fewer."
        )
