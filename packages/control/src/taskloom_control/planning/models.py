"""The models of a robust plan: the planning model and others drawn around it, with the states that they begin at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.errors import ModelError
from taskloom_control.mjcf.physics import Snapshot, layout, pieces, velocity_columns
from taskloom_control.planning.risk import risk_of

if TYPE_CHECKING:
    from taskloom_control.planning.robust import RobustConfig
    from taskloom_control.task import ControlTask

_QPOS = int(mujoco.mjtState.mjSTATE_QPOS)


class PlanningModels:
    """The models that candidates are judged under; the first is the planning model itself.

    Args:
        task: The controller's copy of the task.
        config: How many, how far apart, and what their costs amount to.
        seed: Seed of the draws; the same models come back for it.

    Attributes:
        models: The models.
        judges_all: Whether every candidate is judged under every model, in one batch.

    Raises:
        ModelError: A drawn model does not compile or is laid out otherwise, or a joint does not exist.
    """

    def __init__(self, task: ControlTask[Any], config: RobustConfig, seed: int) -> None:
        self._task, self._config, self._seed = task, config, seed
        self.judges_all = config.judged == 1
        self._deviations = _deviations(task.model, config.state_noise)
        self._where = pieces(task.model)[_QPOS]
        self._drawn = -1
        self.models: list[mujoco.MjModel] = []
        self._shifts = np.zeros((config.models, task.model.nv))
        self.draw(0)

    def draw(self, num_plans: int) -> bool:
        """Draw the models for a plan, if other ones are due; return whether they changed.

        Args:
            num_plans: Plans made before it.
        """
        every = self._config.resample_every
        number = num_plans // every if every else 0
        if number == self._drawn:
            return False
        self._drawn = number
        # Numbered and not drawn on: a resumed run has the models that an uninterrupted one has.
        rng = np.random.default_rng([self._seed, number])
        nominal = self._task.model
        self.models = [nominal]
        for _ in range(1, self._config.models):
            self.models.append(drawn_model(self._task, rng, self._config.level, simulated=False))
        noise = rng.standard_normal((self._config.models, nominal.nv)) * self._deviations
        noise[0] = 0.0  # the planning model begins where the system is
        self._shifts = noise
        return True

    @property
    def batch(self) -> list[mujoco.MjModel]:
        """Models of a batch of rollouts: all, or the drawn ones where the planning model has one of its own."""
        return self.models if self.judges_all else self.models[1:]

    def starts(self, snapshot: Snapshot) -> list[Snapshot]:
        """Return where the rollouts of a batch begin, by model: the state itself under the planning model, and others around it."""
        made = [snapshot] if self.judges_all else []
        for shift in self._shifts[1:]:
            if not shift.any():
                made.append(snapshot)
                continue
            # On the manifold: a quaternion that is added to is none any more.
            positions = snapshot.qpos.copy()
            mujoco.mj_integratePos(self._task.model, positions, shift, 1.0)
            whole = snapshot.integration.copy()
            whole[self._where] = positions
            made.append(replace(snapshot, integration=whole, qpos=positions))
        return made

    def rewards(self, rewards: np.ndarray) -> np.ndarray:
        """Return the rewards of candidates, shape (R,), given those of all rows, model after model, shape (M R,)."""
        config = self._config
        costs = -rewards.reshape(config.models, -1)
        return -risk_of(costs, config.risk, config.alpha, config.theta)

    def chosen(self, rewards: np.ndarray) -> np.ndarray:
        """Return which candidates are judged under every model, the best first, given all rewards under the planning model."""
        return np.argsort(-rewards, kind="stable")[: self.judged_of(len(rewards))]

    def judged_of(self, count: int) -> int:
        """Return how many of some candidates are judged under every model."""
        return self._config.judged_of(count)

    def settled(self, rewards: np.ndarray, chosen: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the rewards of all candidates.

        What the chosen ones lose on average by the other models, all others lose too: not judged, a candidate must not look better
        for it. Nor does any of them come out above the best that was judged, unless all that were diverged under a model.

        Args:
            rewards: Rewards under the planning model, shape (R,).
            chosen: Rows of the candidates that are judged under every model, shape (k,).
            others: Their rewards under the drawn models, model after model, shape ((M - 1) k,).
        """
        found = self.rewards(np.concatenate([rewards[chosen], others]))
        made, ahead = rewards.copy(), rewards[chosen]
        # One that diverged under the planning model may have a finite risk all the same, if the measure hopes.
        known = np.isfinite(found) & np.isfinite(ahead)
        if known.any():
            made -= float(np.mean(ahead[known] - found[known]))
        if np.isfinite(found).any():
            np.minimum(made, np.nextafter(found.max(), -np.inf), out=made)
        made[chosen] = found
        return made


def drawn_model(
    task: ControlTask[Any], rng: np.random.Generator, level: float, *, simulated: bool
) -> mujoco.MjModel:
    """Return a model drawn around one of a task's.

    Args:
        task: The task; its `randomize` draws.
        rng: The stream.
        level: Scale of the randomization.
        simulated: Draw around the simulated model, not the planning model.

    Raises:
        ModelError: It does not compile, or is laid out otherwise.
    """
    nominal = task.sim_model if simulated else task.model
    try:
        made = task.drawn_model(lambda spec: task.randomize(spec, rng, level), simulated=simulated)
    except ModelError as error:
        # The file itself compiled before: what was drawn is to blame.
        raise ModelError(
            f"A model that {type(task).__name__}.randomize drew at level {level:g} cannot be used. {error.message}",
            hint="Lower the level, or keep what `randomize` draws within what MuJoCo allows.",
        ) from None
    if layout(made) != layout(nominal):
        raise ModelError(
            f"{type(task).__name__}.randomize changes the layout of the model: {made.nq} positions, {made.nv} velocities and "
            f"{made.nsensordata} sensor values instead of {nominal.nq}, {nominal.nv} and {nominal.nsensordata}."
        )
    return made


def _deviations(model: mujoco.MjModel, noise: dict[str, float]) -> np.ndarray:
    """Return the standard deviation of each degree of freedom, shape (nv,), given those of joints by name.

    Raises:
        ModelError: There is no such joint.
    """
    made = np.zeros(model.nv)
    for joint, deviation in noise.items():
        columns = velocity_columns(model, joint)
        made[columns.start - model.nq : columns.stop - model.nq] = deviation
    return made
