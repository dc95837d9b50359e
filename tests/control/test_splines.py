"""Splines through knots: known values, a second implementation, and plans that advance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.interpolate import Akima1DInterpolator, CubicSpline
from taskloom_control.planning.splines import (
    MIN_KNOTS,
    KnotGrid,
    num_steps,
    shift_curve,
    shift_knots,
)

KNOTS = np.array([0.0, 1.0, -1.0, 2.0])[:, None]
TIMES = np.array([-0.1, 0.0, 0.1, 1 / 3, 0.5, 0.9, 1.0, 1.2])
SPLINES = ["zero", "linear", "cubic", "akima"]


def grid_with_spacing(name: str, n: int, spacing: float, dt: float = 0.01) -> KnotGrid:
    return KnotGrid(name, n, spacing * (n if name == "zero" else n - 1), dt)


def values(grid: KnotGrid, knots: np.ndarray, times: np.ndarray) -> np.ndarray:
    flat = grid.coefficients(knots).reshape(-1, knots.shape[-1])
    return (grid.powers_at(times / grid.spacing) @ flat)[:, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zero", [0, 0, 0, 1, 1, -1, 2, 2]),
        ("linear", [0, 0, 0.3, 1, 0, 1.1, 2, 2]),
        ("cubic", [0, 0, 1.091, 1, -0.125, 0.099, 2, 2]),
    ],
)
def test_spline_has_the_published_values(name: str, expected: list[float]) -> None:
    grid = grid_with_spacing(name, 4, 1 / 3)
    np.testing.assert_allclose(values(grid, KNOTS, TIMES), expected, atol=1e-12)


@pytest.mark.parametrize("n", [4, 5, 9])
def test_cubic_equals_not_a_knot_of_a_second_implementation(n: int) -> None:
    x = np.random.default_rng(n).normal(size=(n, 2))
    times = np.linspace(0, n - 1, 57)
    expected = CubicSpline(np.arange(n), x, bc_type="not-a-knot")(times)[:, 0]
    np.testing.assert_allclose(
        values(grid_with_spacing("cubic", n, 1.0), x, times), expected, atol=1e-12
    )


@pytest.mark.parametrize("n", [3, 4, 5, 9])
def test_akima_equals_a_second_implementation(n: int) -> None:
    x = np.random.default_rng(n).normal(size=(n, 2))
    times = np.linspace(0, n - 1, 57)
    expected = Akima1DInterpolator(np.arange(n), x)(times)[:, 0]
    np.testing.assert_allclose(
        values(grid_with_spacing("akima", n, 1.0), x, times), expected, atol=1e-12
    )


def test_akima_takes_the_mean_of_the_chords_at_a_corner_between_straight_pieces() -> None:
    """At such a corner both weights vanish; the slope is 1/2, so the cubic beside it dips by 1/16."""
    x = np.array([0.0, 0.0, 0.0, 1.0, 2.0])[:, None]
    got = values(grid_with_spacing("akima", 5, 1.0), x, np.array([0.5, 1.5]))
    np.testing.assert_allclose(got, [0.0, -0.0625], atol=1e-12)


@pytest.mark.parametrize("name", ["zero", "linear", "cubic"])
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.99])
def test_every_knot_influences_the_rollout(name: str, phase: float) -> None:
    """A knot that stands at the horizon's end would be pure noise."""
    grid = KnotGrid(name, 4, 1.0, 0.04)
    assert (np.abs(grid.matrix(phase)).sum(axis=0) > 0).all()


@pytest.mark.parametrize("name", ["zero", "linear", "cubic"])
def test_matrix_reproduces_constants(name: str) -> None:
    grid = KnotGrid(name, 5, 0.7, 0.03)
    np.testing.assert_allclose(grid.matrix(0.3).sum(axis=1), 1.0, atol=1e-12)


def test_matrix_is_cached() -> None:
    grid = KnotGrid("cubic", 4, 1.0, 0.04)
    assert grid.matrix(0.5) is grid.matrix(0.5 + 1e-13)


@given(
    name=st.sampled_from(SPLINES),
    n=st.integers(4, 8),
    count=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_shifted_curve_is_the_curve_ahead(name: str, n: int, count: int, seed: int) -> None:
    grid = grid_with_spacing(name, n, 1.0)
    curve = grid.coefficients(np.random.default_rng(seed).normal(size=(n, 2)))
    shifted = shift_curve(curve, count)
    assert shifted.shape == curve.shape
    positions = np.linspace(0, n + 3, 41)
    ahead = grid.powers_at(positions + count) @ curve.reshape(-1, 2)
    np.testing.assert_allclose(
        grid.powers_at(positions) @ shifted.reshape(-1, 2), ahead, atol=1e-12
    )


@pytest.mark.parametrize("name", ["zero", "linear"])
def test_shifted_knots_of_a_local_spline_are_the_shifted_curve(name: str) -> None:
    grid = grid_with_spacing(name, 5, 1.0)
    knots = np.random.default_rng(3).normal(size=(5, 2))
    np.testing.assert_array_equal(
        grid.coefficients(shift_knots(knots, 2)), shift_curve(grid.coefficients(knots), 2)
    )


@pytest.mark.parametrize(
    ("horizon", "dt", "steps"),
    [
        (1, 0.04, 25),
        (0.3, 0.1, 3),
        (0.6, 0.2, 3),
        (0.7, 0.1, 7),
        (1.1, 0.1, 11),
        (0.15, 0.05, 3),
        (0.11, 0.1, 2),
    ],
)
def test_step_count_has_no_floating_point_surprises(horizon: float, dt: float, steps: int) -> None:
    assert num_steps(horizon, dt) == steps


@given(k=st.integers(0, 100_000), spacing=st.sampled_from([0.25, 1 / 3, 0.1, 0.04, 0.7]))
def test_time_on_a_knot_is_located_there(k: int, spacing: float) -> None:
    grid = grid_with_spacing("zero", 4, spacing)
    assert grid.locate(k * grid.spacing) == (k, 0.0)


def test_accumulated_steps_meet_the_knots() -> None:
    grid, time = grid_with_spacing("zero", 4, 0.2), 0.0
    for step in range(1, 2001):
        time += 0.04
        if step % 5 == 0:
            assert grid.locate(time) == (step // 5, 0.0)


def test_minimum_knots_are_enough() -> None:
    for name, n in MIN_KNOTS.items():
        assert np.isfinite(grid_with_spacing(name, n, 1.0).coefficients(np.ones((n, 1)))).all()
