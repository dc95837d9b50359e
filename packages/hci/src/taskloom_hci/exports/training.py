"""Training by Stable-Baselines3 with settings that reach the optimum, and a curve that says how far it still is.

Games are counted as fixed ones, each once: the first N that finish would favour short games, and a mean below the optimum
would be the sign of it.
"""

# ruff: noqa: ANN401 -- models of Stable-Baselines3 are of any type

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from gymnasium import Space
from numpy.typing import NDArray
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy
from taskloom.bound import BoundTask
from torch import Tensor, nn
from typing_extensions import override

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.config import HciConfig
from taskloom_hci.driver import pair
from taskloom_hci.errors import HciError
from taskloom_hci.exports.cells import FEATURES
from taskloom_hci.exports.learned import save_policy, save_table
from taskloom_hci.exports.sb3 import PointingVecEnv
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.optimum import optimum_of
from taskloom_hci.metrics import mean_interval
from taskloom_hci.models.optimal import OptimalModel
from taskloom_hci.task import InteractionTask, Role

Learner: TypeAlias = Literal["ppo", "a2c", "dqn", "tabular"]

WIDTH = 32
EVALUATION_SEED = 1_000_003  # of the fixed games; those of training start at the seed that is given
_KINDS: Mapping[str, Any] = {"ppo": PPO, "a2c": A2C, "dqn": DQN}
# Where they reach the optimum of pointing; the library's defaults take three times as long, or do not get there.
_SETTINGS: Mapping[tuple[Role, str], dict[str, Any]] = {
    ("user", "ppo"): {
        "n_steps": 64,
        "batch_size": 4096,
        "learning_rate": 1e-3,
        "gamma": 0.95,
        "n_epochs": 5,
    },
    ("assistant", "ppo"): {
        "n_steps": 32,
        "batch_size": 2048,
        "learning_rate": 2e-3,
        "gamma": 0.99,
        "ent_coef": 0.003,
        "n_epochs": 4,
    },
}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One evaluation on the fixed games.

    Attributes:
        steps: Steps of training so far.
        cpu: CPU time of training so far [s].
        rounds: Mean number of rounds.
        low: Lower end of its 95 % interval; likewise `high`.
        high: See `low`.
        regret: Rounds above the optimum, in shares of it, as far as that is known.
        success: Share of games that reached their end.
        skipped: Share of episodes that end before the learner acts.
    """

    steps: int
    cpu: float
    rounds: float
    low: float | None
    high: float | None
    regret: float | None
    success: float
    skipped: float


class CellScorer(nn.Module):
    """Scores every cell by the same network, and judges the whole by the mean of another over the cells."""

    def __init__(self, num_cells: int) -> None:
        super().__init__()
        self.latent_dim_pi, self.latent_dim_vf = num_cells, WIDTH
        self.scorer = nn.Sequential(
            nn.Linear(FEATURES, WIDTH),
            nn.Tanh(),
            nn.Linear(WIDTH, WIDTH),
            nn.Tanh(),
            nn.Linear(WIDTH, 1),
        )
        self.judge = nn.Sequential(
            nn.Linear(FEATURES, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh()
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the score of every cell (n, C) and what the value is read from (n, 32), from (n, 4 C)."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Return the score of every cell, (n, C)."""
        return torch.squeeze(self.scorer(features.reshape(len(features), -1, FEATURES)), -1)

    def forward_critic(self, features: Tensor) -> Tensor:
        """Return what the value is read from, (n, 32)."""
        cells: Tensor = self.judge(features.reshape(len(features), -1, FEATURES))
        return cells.mean(dim=1)


class CellActorCritic(ActorCriticPolicy):
    """The policy of Stable-Baselines3 that acts by the scores of cells, with no layer after them."""

    @override
    def _build_mlp_extractor(self) -> None:
        space: Space[Any] = self.action_space
        self.mlp_extractor = CellScorer(int(space.n))  # type: ignore[attr-defined, assignment] # a Discrete

    @override
    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        options = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), **options)


class Examination:
    """Fixed games of pointing, played once each by what has been learned so far.

    Args:
        bundle: The game.
        role: The learner.
        games: How many.
    """

    def __init__(self, bundle: Bundle, role: Role, games: int) -> None:
        self.env = PointingVecEnv(bundle, games, train=role, seed=EVALUATION_SEED, features="auto")
        self.role: Role = role
        self._best = self._optimum(bundle)

    def _optimum(self, bundle: Bundle) -> NDArray[np.float64] | float | None:
        """Return the fewest rounds of every game (n,), those of the mean game, or None where they are not known."""
        task, games = bundle.task, self.env.games
        if not isinstance(task, Pointing):
            return None
        if self.role == "assistant":
            return optimum_of(bundle)
        gain = games.rules.gain
        if games.rules.jump is not None:
            return None
        seen, _ = games.reset(seed=EVALUATION_SEED)
        model = OptimalModel(task, gain)
        # A row of what is seen holds one number for each axis of the grid, a single one on a line too.
        places = (np.asarray(seen[key]).reshape(self.env.num_envs, -1) for key in _STARTS)
        start, goal = (np.ravel_multi_index(tuple(place.T), task.shape) for place in places)
        return np.asarray(model.rounds_to_go[start, goal])

    def __call__(self, model: Any, steps: int, cpu: float) -> CurvePoint:
        """Play every game to its end and return how it went."""
        env, n = self.env, self.env.num_envs
        env.seed(EVALUATION_SEED)
        seen: Any = env.reset()
        total, alive, success = np.zeros(n), np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
        while alive.any():
            seen, rewards, ended, infos = env.step(model.predict(seen, deterministic=True)[0])
            total[alive] -= rewards[alive]
            for row in np.flatnonzero(ended & alive):
                success[row] = not infos[row]["TimeLimit.truncated"]
            alive &= ~ended
        mean, low, high = mean_interval(total)
        best = None if self._best is None else float(np.mean(self._best))
        regret = None if best is None else (mean - best) / best
        return CurvePoint(steps, round(cpu, 2), mean, low, high, regret, float(success.mean()), 0.0)


_STARTS = ("task_state__position", "user_state__goal")


class _Curve(BaseCallback):
    """Examines the model after every `every` roll-outs, writes the curve, and stops once it is good enough."""

    def __init__(
        self,
        examine: Examination,
        told: Callable[[CurvePoint], None],
        stop_at: float | None,
        every: int,
    ) -> None:
        super().__init__()
        self._examine, self._told, self._stop_at, self._every = examine, told, stop_at, every
        self._rollouts, self._spent, self._since = 0, 0.0, time.process_time()
        self.points: list[CurvePoint] = []

    def look(self) -> CurvePoint:
        """Examine now; the time that takes is not training's."""
        self._spent += time.process_time() - self._since
        point = self._examine(self.model, self.num_timesteps, self._spent)
        self.points.append(point)
        self._told(point)
        self._since = time.process_time()
        return point

    @override
    def _on_step(self) -> bool:
        if not self.points or self._stop_at is None:
            return True
        regret = self.points[-1].regret
        return regret is None or regret > self._stop_at

    @override
    def _on_rollout_end(self) -> None:
        self._rollouts += 1
        if self._rollouts % self._every == 0:
            self.look()


def train_task(
    task: BoundTask[InteractionTask, HciConfig],
    role: Role,
    learner: Learner,
    steps: int,
    out: Path,
    **options: Any,
) -> list[CurvePoint]:
    """Do `train` for the game of a task with its config, whose seed counts."""
    bundle = pair(task.task, task.config, task.config.seed)
    try:
        return train(bundle, role, learner, steps, out, seed=task.config.seed, **options)
    finally:
        bundle.close()


def train(
    bundle: Bundle,
    role: Role,
    learner: Learner,
    steps: int,
    out: Path,
    *,
    seed: int = 0,
    num_envs: int = 256,
    games: int = 1000,
    stop_at: float | None = None,
    told: Callable[[CurvePoint], None] = lambda _: None,
) -> list[CurvePoint]:
    """Train one agent of a pointing game, write the policy and the curve beside it, and return the curve.

    Args:
        bundle: A pointing game that plays as a vector.
        role: The agent that learns.
        learner: `ppo`, `a2c`, `dqn`, or `tabular` for value iteration, which trains a user.
        steps: Steps of all games together.
        out: The policy file; the curve is `<out>.metrics.jsonl`.
        seed: Of the games and of the learner.
        num_envs: Games side by side.
        games: Fixed games of an evaluation.
        stop_at: Regret, as a share, at which it is good enough.
        told: Called with every point of the curve.

    Raises:
        HciError: If the game does not play as a vector.
    """
    if not isinstance(bundle.task, Pointing):
        raise HciError("Training plays pointing tasks; for other games give GameEnv to a library.")
    if learner == "tabular":
        points = [_tabulate(bundle, role, out, games)]
        told(points[0])
        _write_curve(points, out)
        return points
    env = PointingVecEnv(bundle, num_envs, train=role, seed=seed, features="auto")
    settings = dict(_SETTINGS.get((role, learner), {}))
    policy: Any = CellActorCritic if env.features == "cells" and learner != "dqn" else "MlpPolicy"
    if learner == "ppo":
        # With few games a batch may hold no more than there is.
        settings["batch_size"] = min(settings["batch_size"], settings["n_steps"] * num_envs)
    torch.set_num_threads(1)
    model = _KINDS[learner](policy, env, seed=seed, device="cpu", **settings)
    # Without a logger of its own the library leaves an empty folder of today's date among the temporary files.
    model.set_logger(Logger(folder=None, output_formats=[]))
    curve = _Curve(Examination(bundle, role, games), told, stop_at, every=5)
    model.learn(steps, callback=curve)
    if not curve.points or curve.points[-1].steps != model.num_timesteps:
        curve.look()
    save_policy(model, out, env.keys, role=role, low=env.low, span=env.span, features=env.features)
    _write_curve(curve.points, out)
    return curve.points


def _write_curve(points: list[CurvePoint], out: Path) -> None:
    lines = "".join(json.dumps(asdict(point)) + "\n" for point in points)
    out.with_name(out.name + ".metrics.jsonl").write_text(lines, encoding="utf-8", newline="\n")


class _Table:
    """A table as a model of Stable-Baselines3 would be asked, by what a game is seen as."""

    def __init__(
        self, table: NDArray[np.int64], shape: tuple[int, ...], env: PointingVecEnv
    ) -> None:
        self.table, self.shape, self.env = table, shape, env

    def predict(self, seen: NDArray[Any], **_: Any) -> tuple[NDArray[np.int64], None]:
        """Return the actions (n,) for what is seen of every game: position and goal."""
        places = np.rint(seen * self.env.span + self.env.low).astype(np.int64)
        position, goal = np.split(places, 2, axis=1)
        rows = (np.ravel_multi_index(tuple(place.T), self.shape) for place in (position, goal))
        return self.table[tuple(rows)], None


def _tabulate(bundle: Bundle, role: Role, out: Path, games: int) -> CurvePoint:
    """Write the table of a user of a pointing game, by value iteration, and return how it plays."""
    examine = Examination(bundle, role, games)
    task, rules = bundle.task, examine.env.games.rules
    if role != "user" or rules.jump is not None or not isinstance(task, Pointing):
        raise HciError(
            "Value iteration trains the user of a pointing task with an assistant of constant gain, or with none: take the "
            "learner 'ppo' for others."
        )
    begun = time.process_time()
    model = OptimalModel(task, rules.gain)
    table = np.asarray(model.table.argmax(axis=-1), dtype=np.int64)
    spent = time.process_time() - begun
    user = bundle.user
    save_table(table, task.shape, out, None if user is None else user.body)
    backups = int(np.nanmax(np.where(np.isfinite(model.rounds_to_go), model.rounds_to_go, np.nan)))
    return examine(_Table(table, task.shape, examine.env), backups * table.size, spent)
