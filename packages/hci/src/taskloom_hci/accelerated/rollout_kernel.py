"""The kernel of pointing with the roll-out assistant: all games of a chunk take each turn together, and every decision at once."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated import compiled
from taskloom_hci.accelerated.imagined import NUMBA_FROM, ImaginedPointing, play_rows
from taskloom_hci.accelerated.pointing import (
    Float,
    Int,
    PointingOutcome,
    PointingRounds,
    PointingRules,
)
from taskloom_hci.accelerated.pointing_kernel import assemble, pointing_rules
from taskloom_hci.accelerated.pointing_numpy import draw_cells, draw_ranks, in_order
from taskloom_hci.assistants.rollout_agent import Imagination, RolloutAssistant, least_imagined
from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.simulation import RolloutPolicy
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.exact import ExactInference, posterior, uniform_log
from taskloom_hci.inference.information import TOLERANCE
from taskloom_hci.state.streams import (
    UInt64,
    keys_of,
    mix_array,
    name_bits,
    stream_keys,
    uniforms,
)

Bool: TypeAlias = NDArray[np.bool_]

CHUNK = 1024  # episodes that are played side by side


def rollout_kernel(game: Bundle) -> RolloutKernel | None:
    """Return the kernel of a pointing game with a roll-out assistant, or None if it imagines more than every target."""
    task, assistant = game.task, game.assistant
    if type(assistant) is not RolloutAssistant or type(task) is not Pointing:
        return None
    policy, inference = assistant.policy, assistant.inference_engine
    if type(policy) is not RolloutPolicy or type(inference) is not ExactInference:
        return None
    imagination, together = policy.imagine, policy.together
    if not isinstance(imagination, Imagination) or imagination.samples:
        return None
    rules = pointing_rules(game)
    if rules is None or rules.people is not None or type(together) is not ImaginedPointing:
        return None
    return RolloutKernel(task, rules, policy, together, inference)


class RolloutKernel:
    """Plays pointing with a roll-out assistant that imagines every target, for many episodes.

    Args:
        task: The task.
        rules: The game and its user as arrays.
        policy: The policy of the assistant.
        imagined: What plays its simulated games.
        inference: Its inference.
    """

    compiled = False  # it takes numba by itself where there is enough to decide

    def __init__(
        self,
        task: Pointing,
        rules: PointingRules,
        policy: RolloutPolicy,
        imagined: ImaginedPointing,
        inference: ExactInference,
    ) -> None:
        self.task, self.rules, self.imagined, self.inference = task, rules, imagined, inference
        self.rounds, self.only_live = policy.rounds, policy.live is not None
        self._decisions = 0

    def play(self, seed: int, episodes: Int, backend: Literal["numpy", "numba"]) -> Episodes:
        """Play the episodes; see `Kernel`."""
        del backend  # NumPy is the only one; another one was refused before
        parts = np.array_split(episodes, max(1, -(-len(episodes) // CHUNK)))
        return join(
            [
                assemble(self.task, self.rules, part, self._play(seed, part), jumps=True)
                for part in parts
            ]
        )

    def _play(self, seed: int, episodes: Int) -> tuple[PointingOutcome, PointingRounds]:
        rules, n = self.rules, len(episodes)
        count = rules.num_targets
        targets, cell = draw_cells(stream_keys(seed, "task", episodes), count, rules.num_cells)
        user, own = (stream_keys(seed, name, episodes) for name in ("user", "assistant"))
        goal = targets[np.arange(n), draw_ranks(user, 0, count)]
        num_rounds, is_done = np.full(n, rules.max_rounds), np.zeros(n, dtype=bool)
        log_beliefs = np.repeat(uniform_log(count)[None], n, axis=0)
        drawn, alive = np.zeros(n, dtype=np.int64), np.arange(n)
        rows: list[tuple[Int, Int, Int, Int]] = []
        for r in range(rules.max_rounds):
            here, aim = cell[alive], goal[alive]
            action = (rules.reached[here, aim] <= uniforms(user[alive], r + 1)[:, None]).sum(axis=1)
            done = (here == aim) & (action == rules.stay)
            jump = np.zeros(len(alive), dtype=np.int64)
            rows.append((alive, here, action, jump))
            num_rounds[alive[done]], is_done[alive[done]] = r + 1, True
            on = ~done
            alive = alive[on]
            if not len(alive):
                break
            positions = rules.positions if rules.positions.shape[1] > 1 else rules.positions[:, 0]
            after, _ = posterior(
                self.inference.model,
                log_beliefs[alive],
                {"position": positions[here[on]][:, None]},
                {"goal": positions[targets[alive]]},
                action[on],
                self.inference.on_zero,
                is_over=False,
            )
            log_beliefs[alive] = after
            jump[on], used = self._decide(after, targets[alive], own[alive], drawn[alive])
            drawn[alive] += used
            cell[alive] = jump[on]
        return PointingOutcome(targets, goal, num_rounds, is_done), in_order(rows)

    def _decide(
        self, log_beliefs: Float, targets: Int, keys: UInt64, drawn: Int
    ) -> tuple[Int, Int]:
        """Return the cells (k,) that k assistants choose, and how many numbers of their streams that takes (k,)."""
        p, count = np.exp(log_beliefs), targets.shape[1]
        # As `Imagination` has it: what is too unlikely is left out, and the weights of the others sum to one.
        kept = p >= least_imagined(count)
        weights = (
            p / np.array([row[mask].sum() for row, mask in zip(p, kept, strict=True)])[:, None]
        )
        # One number for each target that is imagined, which seeds the simulated games of all cells.
        draws = uniforms(keys[:, None], drawn[:, None] + np.cumsum(kept, axis=1) - 1)
        seeds = mix_array((draws * 2.0**53).astype(np.uint64))
        users = keys_of(mix_array(seeds ^ np.uint64(name_bits("user"))), np.zeros(1, np.int64))
        cells = np.arange(self.rules.num_cells)[None]
        live = np.ones((len(p), cells.shape[1]), dtype=bool)
        if self.only_live:
            cells, live = targets, log_beliefs > -np.inf
        rule = self.imagined.rule()
        known = (rule.reached, rule.log_table, self.rules.stay, self.rounds)
        self._decisions += len(p)
        use_numba = self._decisions > NUMBA_FROM and find_spec("numba") is not None
        decide = compiled.decide_compiled if use_numba else decide_rows
        asked = np.broadcast_to(cells, live.shape)
        return decide(asked, live, targets, kept, weights, log_beliefs, users, *known), kept.sum(
            axis=1
        )


def decide_rows(
    cells: Int,
    live: Bool,
    targets: Int,
    kept: Bool,
    weights: Float,
    log_beliefs: Float,
    keys: UInt64,
    reached: Float,
    log_table: Float,
    stay: int,
    rounds: int,
) -> Int:
    """Return the cell (k,) with the best weighted return of each game, one game after the other.

    Args:
        cells: Cells that may be tried, (k, X).
        live: Those of them that are, (k, X).
        targets: Cells of the targets, (k, T).
        kept: The targets that are imagined, (k, T).
        weights: How probable each is, (k, T).
        log_beliefs: What the imagined assistants go on from, (k, T).
        keys: Streams of the imagined users, (k, T).
        reached: See `imagined.play_rows`; likewise the others.
        log_table: See `imagined.play_rows`.
        stay: See `imagined.play_rows`.
        rounds: See `imagined.play_rows`.
    """
    chosen = np.zeros(len(cells), dtype=np.int64)
    for g in range(len(cells)):
        tried, some = cells[g, live[g]], kept[g]
        beliefs = np.repeat(log_beliefs[g][None], int(some.sum()), axis=0)
        known = (reached, log_table, stay, rounds)
        played = play_rows(tried, targets[g, some], targets[g], beliefs, keys[g, some], *known)
        totals = np.zeros(len(tried))
        for weight, row in zip(weights[g, some], played, strict=True):
            totals += weight * -row.astype(np.float64)
        # The first of those within rounding of the best, as `RolloutPolicy` takes it.
        chosen[g] = tried[int(np.argmax(totals >= totals.max() - TOLERANCE))]
    return chosen
