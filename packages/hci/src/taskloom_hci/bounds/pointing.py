"""Bounds on the fewest rounds of pointing, for any user who acts by a model: exact, or between a grid and play."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.pointing import model_table
from taskloom_hci.accelerated.pointing_numpy import draw_cells
from taskloom_hci.bounds.simplex import SimplexGrid
from taskloom_hci.bounds.solver import Bool, Float, GoalGame, begin, play_greedy, solve
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.optimum import optimum_of
from taskloom_hci.models.pointing import PointingModel
from taskloom_hci.state.streams import stream_keys

Int: TypeAlias = NDArray[np.int64]

# Numbers of the table of a grid: 200 MB.
_MOST_NUMBERS = 16_000_000
_PARTS = (5, 10, 20, 40)
GAMES, LAYOUTS, CAP = 40_000, 200, 1000
# Standard errors of the upper bound, which is played.
SURE = 2.58


@dataclass(frozen=True, slots=True)
class RoundBound:
    """Two-sided bound on the mean rounds of the best assistant.

    Attributes:
        lower: No assistant needs fewer.
        upper: One assistant needs no more, played ones with 2.58 standard errors on top.
        gap: (upper - lower) / lower.
        method: `exact`, `grid` for all layouts at once, or `grid by layout`.
        parts: M of the grid; 0 where there is none.
        points: Its points.
        layout: `given`, `all`, or `drawn` with how many.
        played: Mean of the games behind the upper bound; equal to it where it is exact.
        played_error: Standard error of that mean, which holds the draw of layouts.
        lower_error: Standard error of the lower bound by the draw of layouts; 0 if it holds for all.
        cut: Share of those games that were cut off.
        cpu: Time of the processor [s].
    """

    lower: float
    upper: float
    gap: float
    method: str
    parts: int
    points: int
    layout: str
    played: float
    played_error: float
    lower_error: float
    cut: float
    cpu: float


def bound_of(
    bundle: Bundle,
    *,
    gap: float = 0.01,
    cpu: float = 60.0,
    layout: tuple[list[int], int] | None = None,
    seed: int = 0,
) -> RoundBound:
    """Return bounds on the mean rounds of the best assistant for the user of a pointing game.

    Args:
        bundle: The game; its user acts by a model, and its cursor is put on cells.
        gap: Gap that is small enough to stop refining the grid.
        cpu: Time after which the grid is refined no more [s].
        layout: Cells of the targets and of the start, if they are given; else they are drawn as the task draws them.
        seed: Root of the random numbers of played games and drawn layouts.

    Raises:
        HciError: If it is another game, or its user acts by no model.
    """
    begun = time.process_time()
    task, model = bundle.task, getattr(bundle.user, "model", None)
    if (
        type(task) is not Pointing
        or task.mode != "position"
        or not isinstance(model, PointingModel)
    ):
        raise HciError(
            f"Bounds are known for pointing with a user model and an assistant that puts the cursor, not for {bundle.name}: "
            "choose a user like 'careful' or 'boltzmann' and an assistant like 'big'."
        )
    if layout is not None and (
        len(layout[0]) != task.num_targets or max(*layout[0], layout[1]) >= task.num_cells
    ):
        raise HciError(
            f"A layout of this game has {task.num_targets} targets on cells 0 to {task.num_cells - 1}, "
            f"not targets {layout[0]} and start {layout[1]}."
        )
    exact = optimum_of(bundle) if layout is None else None
    if exact is not None:
        spent = time.process_time() - begun
        return RoundBound(exact, exact, 0.0, "exact", 0, 0, "all", exact, 0.0, 0.0, 0.0, spent)
    table = model_table(task, model)
    by_sign = sign_table(task, table)
    rng = np.random.default_rng([seed, 4])
    found: RoundBound | None = None
    for parts in _PARTS:
        if not _fits(task.num_targets, parts, table.shape[-1]) and found is not None:
            break
        if by_sign is not None:
            found = _of_signs(task, by_sign, model.stay, parts, layout, rng, begun)
        else:
            found = _by_layout(task, table, model.stay, parts, layout, rng, begun, cpu)
        # The next grid has about 2^(T-1) as many points.
        after = (time.process_time() - begun) * 2 ** (task.num_targets - 1)
        if found.gap <= gap or after > cpu:
            break
    if found is None:
        raise HciError(f"{task.num_targets} targets are too many for a grid.")
    return found


def sign_table(task: Pointing, table: Float) -> Float | None:
    """Return the probabilities (3, A) of goals on the left, here and on the right, if nothing else counts; else None."""
    if task.dimension != 1 or task.num_cells < 3:
        return None
    found = np.stack([table[1, 0], table[1, 1], table[1, 2]])
    cells = np.arange(task.num_cells)
    which = np.sign(cells[None, :] - cells[:, None]) + 1
    return found if np.array_equal(found[which], table) else None


def line_game(by_sign: Float, targets: int, stay: int) -> GoalGame:
    """Return the game on a line where only sides count: its cells are gap 0, target 0, gap 1, ..., target T-1, gap T."""
    place = np.arange(2 * targets + 1)
    which = np.sign(2 * np.arange(targets) + 1 - place[:, None]) + 1
    answers = by_sign[which]
    ends = np.zeros(answers.shape, dtype=bool)
    ends[2 * np.arange(targets) + 1, np.arange(targets), stay] = True
    return GoalGame(answers, ends)


def _of_signs(
    task: Pointing,
    by_sign: Float,
    stay: int,
    parts: int,
    layout: tuple[list[int], int] | None,
    rng: np.random.Generator,
    begun: float,
) -> RoundBound:
    count = task.num_targets
    game = line_game(by_sign, count, stay)
    if layout is None:
        targets, start = _drawn_layouts(task, GAMES, rng)
    else:
        targets = np.tile(np.array(layout[0]), (GAMES, 1))
        start = np.full(GAMES, layout[1])
    allowed = _gaps(task, targets)
    left = (targets < start[:, None]).sum(axis=1)
    if layout is not None:
        # Of the given layout only: gaps that it lacks are no questions.
        has = allowed[0]
        game, allowed = GoalGame(game.answers[has], game.ends[has]), allowed[:, has]
    values = solve(game, parts)
    full = line_game(by_sign, count, stay).answers
    # A gap too many only lowers the bound, so that one grid holds for every layout; the start is in each gap alike.
    before = [begin(full[2 * j], values) for j in range(count + 1)]
    lower = float(np.mean(before)) if layout is None else before[int(left[0])]
    rounds, cut = play_greedy(game, full[2 * left], allowed, values, rng, CAP)
    told = "all" if layout is None else "given"
    return _bound(lower, 0.0, rounds, cut, "grid", (parts, len(values.values)), told, begun)


def _by_layout(
    task: Pointing,
    table: Float,
    stay: int,
    parts: int,
    layout: tuple[list[int], int] | None,
    rng: np.random.Generator,
    begun: float,
    cpu: float,
) -> RoundBound:
    if layout is None:
        targets, start = _drawn_layouts(task, LAYOUTS, rng)
    else:
        targets, start = np.array([layout[0]]), np.array([layout[1]])
    games = GAMES // len(targets)
    lowers, rounds, cuts = [], [], []
    points = 0
    for row, first in zip(targets, start, strict=True):
        answers = table[:, row]
        ends = np.zeros(answers.shape, dtype=bool)
        ends[row, np.arange(len(row)), stay] = True
        game = _distinct(answers, ends)
        values = solve(game, parts)
        points = len(values.values)
        lowers.append(begin(table[first, row], values))
        everywhere = np.ones((games, len(game.answers)), dtype=bool)
        starts = np.tile(table[first, row], (games, 1, 1))
        played, cut = play_greedy(game, starts, everywhere, values, rng, CAP)
        rounds.append(played)
        cuts.append(cut)
        if len(lowers) > 1 and time.process_time() - begun > cpu:
            break
    told = "given" if layout is not None else f"drawn {len(lowers)}"
    error = float(np.std(lowers, ddof=1) / np.sqrt(len(lowers))) if len(lowers) > 1 else 0.0
    if layout is None:
        means = np.array([one.mean() for one in rounds])
        return _bound(
            float(np.mean(lowers)),
            error,
            means,
            np.concatenate(cuts),
            "grid by layout",
            (parts, points),
            told,
            begun,
        )
    return _bound(
        lowers[0], 0.0, rounds[0], cuts[0], "grid by layout", (parts, points), told, begun
    )


def _distinct(answers: Float, ends: Bool) -> GoalGame:
    """Return a game without the cells whose probabilities are those of another one."""
    rows = np.concatenate([answers, ends.astype(float)], axis=-1).reshape(len(answers), -1)
    _, first = np.unique(rows, axis=0, return_index=True)
    kept = np.sort(first)
    return GoalGame(answers[kept], ends[kept])


def _bound(
    lower: float,
    lower_error: float,
    rounds: Float,
    cut: Bool,
    method: str,
    grid: tuple[int, int],
    layout: str,
    begun: float,
) -> RoundBound:
    mean = float(rounds.mean())
    error = float(rounds.std(ddof=1) / np.sqrt(len(rounds))) if len(rounds) > 1 else 0.0
    upper = mean + SURE * error
    return RoundBound(
        lower=lower,
        upper=upper,
        gap=(upper - lower) / lower,
        method=method,
        parts=grid[0],
        points=grid[1],
        layout=layout,
        played=mean,
        played_error=error,
        lower_error=lower_error,
        cut=float(cut.mean()),
        cpu=time.process_time() - begun,
    )


def _drawn_layouts(task: Pointing, number: int, rng: np.random.Generator) -> tuple[Int, Int]:
    """Return targets (n, T) and starts (n,) as the task draws them."""
    keys = stream_keys(int(rng.integers(2**63)), "task", np.arange(number))
    return draw_cells(keys, task.num_targets, task.num_cells)


def _gaps(task: Pointing, targets: Int) -> Bool:
    """Return which of gap 0, target 0, gap 1, ..., gap T each layout has, (n, 2 T + 1)."""
    edges = np.pad(targets, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, task.num_cells)))
    found = np.ones((len(targets), 2 * task.num_targets + 1), dtype=bool)
    found[:, ::2] = np.diff(edges, axis=1) > 1
    return found


def _fits(targets: int, parts: int, actions: int) -> bool:
    size = SimplexGrid.size(targets, parts)
    return size * (2 * targets + 1) * actions * targets <= _MOST_NUMBERS
