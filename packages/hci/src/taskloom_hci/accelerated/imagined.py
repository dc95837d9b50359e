"""Roll-outs of pointing: every cell tried against every imagined user, all games side by side.

A simulated game goes on from a cursor that was just put on a cell: the imagined user acts, the imagined assistant infers and
jumps to the likeliest target, and so on. Every round costs 1, so a game is worth minus the rounds that its user plays.
"""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from taskloom_hci.accelerated import compiled
from taskloom_hci.accelerated.exact_math import exact_exps
from taskloom_hci.accelerated.pointing import Float, Int
from taskloom_hci.assistants.jump import JumpAssistant
from taskloom_hci.bundle.simulation import Imagined
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.goal import update_beliefs
from taskloom_hci.models.pointing import PointingModel
from taskloom_hci.state.streams import UInt64, stream_key, uniforms

NUMBA_FROM = 300  # decisions; bringing numba in takes as long as these take in NumPy


@dataclass(frozen=True, slots=True)
class Simulated:
    """Rules of the simulated games.

    Attributes:
        reached: Cumulative probabilities of the user's actions but the last, (C, C, A - 1): cell, goal, action.
        log_table: What the imagined assistant takes for the log-probabilities of the actions, (C, C, A).
    """

    reached: Float
    log_table: Float


class ImaginedPointing:
    """The simulated games of one task.

    Args:
        task: The task, in mode `position`.
        model: How the imagined users act.
        assistant: The imagined assistant, which jumps to the likeliest target.
    """

    def __init__(self, task: Pointing, model: PointingModel, assistant: JumpAssistant) -> None:
        self.task, self.stay, self._assistant = task, model.stay, assistant
        self._decisions = 0
        self._rule: Simulated | None = None

    def rule(self) -> Simulated:
        """Return the rules of its games; they are made once."""
        if self._rule is None:
            known = self._assistant.rule()
            # Without the last sum, which rounding may leave below 1: a draw above it must still be the last action.
            reached = np.ascontiguousarray(np.cumsum(known.table, axis=-1)[..., :-1])
            self._rule = Simulated(reached, known.log_table)
        return self._rule

    def __call__(
        self,
        game: Mapping[str, Any],
        candidates: Int,
        imagined: Sequence[Imagined],
        seeds: Sequence[int],
        rounds: int,
    ) -> Float:
        """Return the returns (I, X) of games that begin with each candidate against each imagined pair.

        Args:
            game: The real game as the assistant sees it.
            candidates: The positions (X, ...) that it tries.
            imagined: The I pairs: goals of the users, and the beliefs that the assistants go on from.
            seeds: A seed of each pair.
            rounds: Rounds to look ahead.
        """
        task, rule = self.task, self.rule()
        cells = np.array([task.cell_of(place) for place in candidates])
        goals = np.array([task.cell_of(one.user["goal"]) for one in imagined])
        targets = np.array([task.cell_of(place) for place in game["task_state"]["targets"]])
        beliefs = np.array([one.assistant["log_beliefs"] for one in imagined])
        keys = np.array([stream_key(seed, "user", 0) for seed in seeds], dtype=np.uint64)
        self._decisions += 1
        use_numba = self._decisions > NUMBA_FROM and find_spec("numba") is not None
        play = compiled.imagine_compiled if use_numba else play_rows
        known = (rule.reached, rule.log_table, self.stay, rounds)
        played: Int = play(cells, goals, targets, beliefs, keys, *known)
        return -played.astype(np.float64)


def play_rows(
    cells: Int,
    goals: Int,
    targets: Int,
    log_beliefs: Float,
    keys: UInt64,
    reached: Float,
    log_table: Float,
    stay: int,
    rounds: int,
) -> Int:
    """Return how many rounds the user plays, (I, X), from each cell (X,) for each imagined goal (I,).

    Args:
        cells: Cells that the cursor starts from, (X,).
        goals: Cells that the users want, (I,).
        targets: Cells of the targets, (T,).
        log_beliefs: What the assistants go on from, (I, T).
        keys: Streams of the users, (I,).
        reached: Cumulative probabilities of the actions but the last, (C, C, A - 1): cell, goal, action.
        log_table: What the assistants take for the log-probabilities of the actions, (C, C, A).
        stay: Action that ends the game on the goal.
        rounds: Rounds to look ahead; the first was begun by putting the cursor on the cell.
    """
    pairs, starts = len(goals), len(cells)
    cell, pair = np.tile(cells, pairs), np.repeat(np.arange(pairs), starts)
    beliefs = log_beliefs[pair]
    played = np.full(pairs * starts, rounds - 1)
    alive = np.arange(pairs * starts)
    for r in range(rounds - 1):
        # Every candidate meets the same luck: the draw belongs to the pair.
        draw = uniforms(keys, r)[pair]
        action = (reached[cell, goals[pair]] <= draw[:, None]).sum(axis=1)
        done = (cell == goals[pair]) & (action == stay)
        played[alive[done]] = r + 1
        on = ~done
        alive, pair, cell, action, beliefs = alive[on], pair[on], cell[on], action[on], beliefs[on]
        if not len(alive) or r == rounds - 2:
            break
        likelihood = log_table[cell[:, None], targets[None], action[:, None]]
        beliefs, _ = update_beliefs(beliefs, likelihood, "uniform")
        cell = targets[np.argmax(exact_exps(beliefs), axis=1)]
    return played.reshape(pairs, starts)
