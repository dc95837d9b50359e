"""Bounds on the best assistant: the published table, the exact optimum between them, and games that are played."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom_hci.accelerated.pointing import model_table
from taskloom_hci.batch.play import play
from taskloom_hci.bounds.pointing import bound_of, line_game, sign_table
from taskloom_hci.bounds.simplex import SimplexGrid
from taskloom_hci.bounds.solver import begin, solve
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.optimum import fewest_rounds
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel
from tests_sizes import size

# Lower bounds for 9 cells, targets 1, 3, 5, 7, start 4, by rationality and lapse on three grids, from another program.
TABLE = {
    (3.0, 0.0): {10: 2.6580, 20: 2.6737, 40: 2.6755},
    (1.0, 0.0): {10: 4.0432, 20: 4.1489, 40: 4.1646},
    (0.5, 0.0): {10: 5.5132, 20: 5.6666, 40: 5.6990},
    (1.0, 0.02): {10: 4.0973, 20: 4.2008, 40: 4.2188},
    (3.0, 0.02): {10: 2.6917, 20: 2.7110, 40: 2.7158},
}


def line(model: Any, targets: int) -> Any:
    task = Pointing((2 * targets + 1,), targets, "position")
    by_sign = sign_table(task, model_table(task, model))
    assert by_sign is not None
    return line_game(by_sign, targets, model.stay)


@pytest.mark.parametrize(("case", "wanted"), TABLE.items(), ids=str)
def test_lower_bounds_are_those_of_an_independent_program(case: Any, wanted: Any) -> None:
    game = line(BoltzmannModel(case[0]).lapsing(case[1]), 4)
    for parts in (10, size("finest_grid")):
        assert begin(game.answers[4], solve(game, parts)) == pytest.approx(wanted[parts], abs=6e-5)


@pytest.mark.parametrize("case", list(TABLE)[: size("bounded_cases")], ids=str)
def test_the_gap_of_the_table_is_small(case: Any) -> None:
    user = {"kind": "boltzmann", "rationality": case[0], "lapse": case[1]}
    found = bound_of(
        make_bundle("pointing", cells=9, targets=4, user=user),
        layout=([1, 3, 5, 7], 4),
        gap=0.02,
    )
    assert found.gap <= 0.02
    assert found.lower <= found.played + 2 * found.played_error
    assert found.cpu <= 60.0


@pytest.mark.parametrize(("targets", "error"), [(2, 0.1), (3, 0.2), (4, 0.05), (4, 0.3)])
def test_the_exact_optimum_lies_above_every_lower_bound(targets: int, error: float) -> None:
    game = line(CarefulModel(error), targets)
    exact = fewest_rounds(targets, error)
    before = 0.0
    for parts in (5, 10, 20):
        values = solve(game, parts)
        starts = [begin(game.answers[2 * j], values) for j in range(targets + 1)]
        lower = float(np.mean(starts))
        assert before <= lower + 1e-9
        assert lower <= exact + 1e-9
        before = lower
    assert exact - before < 0.02 * exact


def test_points_of_the_simplex_are_numbered_and_interpolated() -> None:
    grid = SimplexGrid(3, 6)
    assert len(grid.points) == SimplexGrid.size(3, 6) == 28
    numbers, weights = grid.interpolate(grid.points)
    first = np.argmax(weights, axis=1)
    np.testing.assert_array_equal(numbers[np.arange(28), first], np.arange(28))
    rng = np.random.default_rng(0)
    beliefs = rng.dirichlet(np.ones(3), size=200)
    numbers, weights = grid.interpolate(beliefs)
    assert (weights >= -1e-12).all()
    # The vertices average to the belief, and none is further than a cell.
    mean = (weights[..., None] * grid.points[numbers]).sum(axis=1)
    assert mean == pytest.approx(beliefs, abs=1e-12)
    near = np.abs(grid.points[numbers] - beliefs[:, None]).max(axis=-1)
    assert near[weights > 0].max() <= 1 / 6 + 1e-12


def test_interpolation_lies_below_a_concave_function() -> None:
    grid = SimplexGrid(4, 8)
    lines = np.random.default_rng(1).uniform(0, 5, (6, 4))

    def least(b: Any) -> Any:
        return (b @ lines.T).min(axis=-1)

    beliefs = np.random.default_rng(2).dirichlet(np.ones(4), size=500)
    numbers, weights = grid.interpolate(beliefs)
    assert ((weights * least(grid.points)[numbers]).sum(axis=1) <= least(beliefs) + 1e-12).all()


@pytest.mark.parametrize(
    ("rationality", "assistant"),
    list(product([3.0, 1.0], ["big", "map"]))[: size("bounded_cases")],
    ids=str,
)
def test_no_assistant_plays_below_the_lower_bound(rationality: float, assistant: str) -> None:
    bundle = make_bundle(
        "pointing", cells=9, targets=4, max_rounds=1000, seed=3,
        user={"kind": "boltzmann", "rationality": rationality},
        assistant={"kind": assistant},
    )  # fmt: skip
    found = bound_of(bundle, gap=1.0)
    rounds = play(bundle, size("bounded_games")).num_rounds
    error = rounds.std() / len(rounds) ** 0.5
    assert rounds.mean() + 4 * error >= found.lower
    assert found.upper >= found.lower


def test_a_grid_in_two_dimensions_is_bounded_layout_by_layout() -> None:
    bundle = make_bundle(
        "pointing_2d", width=3, height=3, targets=2, user={"kind": "careful", "error_rate": 0.2}
    )
    found = bound_of(bundle, gap=1.0)
    assert found.layout == "drawn 200"
    assert found.lower_error > 0.0
    assert found.lower <= found.upper


def test_a_bound_is_told_and_written(tasks: Any) -> None:
    done = tasks("hci", "bound", "pointing", "--cells=10", "--targets=5", "--episodes=2000")
    assert done.code == 0, done.err
    assert "optimum: 2.9600 rounds (exact)" in done.out
    assert "of optimal (2.9600, exact)" in done.out
    assert json.loads(Path("bound.json").read_text())["method"] == "exact"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--at=1,1", "--start=3"], "is no layout"),
        (["--at=1,2", "--start=3"], "8 targets"),
        (["--assistant=gain"], "Bounds are known for pointing"),
        (["--user=random", "--cells=7", "--targets=2"], ""),
    ],
)
def test_what_has_no_bound_is_refused(tasks: Any, words: list[str], told: str) -> None:
    done = tasks("hci", "bound", "pointing", *words, "--episodes=50", "--gap=5")
    if told:
        assert done.code != 0
        assert told in done.err
    else:
        assert done.code == 0, done.err


def test_another_game_has_no_bound() -> None:
    with pytest.raises(HciError, match="Bounds are known"):
        bound_of(make_bundle("example"))
