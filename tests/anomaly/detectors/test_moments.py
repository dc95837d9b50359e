"""Streaming moments against the batch formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from taskloom_anomaly.statistics import class_moments, moments


def cloud(count: int, width: int, seed: int, mean: float, dtype: type) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, width)) @ rng.standard_normal((width, width)) + mean).astype(dtype)  # fmt: skip


def streamed(rows: np.ndarray, batch: int) -> moments.Moments:
    state = moments.empty(rows.shape[1], fourth=True)
    for start in range(0, len(rows), batch):
        state = moments.add(state, rows[start : start + batch])
    return state


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize("batch", [1, 32, 999])
def test_moments_equal_the_batch_formula_with_a_large_mean(
    dtype: type, mean: float, batch: int
) -> None:
    rows = cloud(2000, 16, 1, mean, dtype)
    state = streamed(rows, batch)
    exact = rows.astype(np.float64)
    offset = exact - exact.mean(axis=0)
    length = np.einsum("nd,nd->n", offset, offset)
    np.testing.assert_allclose(state.mean, exact.mean(axis=0), rtol=1e-12, atol=1e-9)
    largest = np.abs(np.cov(exact.T)).max()
    np.testing.assert_allclose(state.covariance / largest, np.cov(exact.T) / largest, atol=1e-6)
    scale = np.abs(length @ offset).max()
    np.testing.assert_allclose(state.third / scale, length @ offset / scale, atol=1e-5)
    np.testing.assert_allclose(state.fourth, length @ length, rtol=1e-6)


def naive_covariance(rows: np.ndarray) -> np.ndarray:
    """Sums of squares in float32 less the squared sum, which is what a stream must not do."""
    count, total = len(rows), rows.sum(axis=0)
    return (rows.T @ rows - np.outer(total, total) / count) / (count - 1)


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize("count", [256, 5000])
def test_moments_of_float32_rows_are_exact_to_a_millionth_of_every_entry(
    mean: float, count: int
) -> None:
    # Half of the units are silent half of the time, as rectified ones are: products of one value round to one side.
    rng = np.random.default_rng(12)
    mixing = rng.standard_normal((96, 96)) / np.sqrt(96)
    rows = (np.maximum(rng.standard_normal((count, 96)) @ mixing, 0) + mean).astype(np.float32)
    exact = np.cov(rows.T.astype(np.float64))
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    for batch in (192, 1024, 5000):
        error = np.abs(streamed(rows, batch).covariance - exact) / scale
        assert error.max() < 1e-6
    if mean:
        assert (np.abs(naive_covariance(rows) - exact) / scale).max() > 1


def test_moments_of_few_float32_rows_keep_their_rank() -> None:
    rows = cloud(30, 20, 3, 1.0, np.float32)[:12]
    values = np.linalg.eigvalsh(moments.of_rows(rows).scatter)[::-1]
    assert values[10] > 1e-6 * values[0]
    assert abs(values[11]) < 1e-12 * values[0]


@pytest.mark.parametrize("scale", [1e-22, 1e22])
def test_moments_of_float32_rows_whose_squares_are_no_float32_are_right(scale: float) -> None:
    rows = (scale * cloud(200, 4, 6, 0.0, np.float64)).astype(np.float32)
    exact = np.cov(rows.T.astype(np.float64))
    np.testing.assert_allclose(moments.of_rows(rows).covariance, exact, rtol=1e-6)


def test_moments_without_the_fourth_are_the_same_otherwise() -> None:
    rows = cloud(300, 5, 8, 10.0, np.float64)
    plain = moments.empty(5)
    for part in np.array_split(rows, 3):
        plain = moments.add(plain, part)
    whole = streamed(rows, 100)
    np.testing.assert_array_equal(plain.scatter, whole.scatter)
    np.testing.assert_array_equal(plain.mean, whole.mean)
    assert not plain.has_fourth
    assert np.isnan(plain.fourth)


def test_moments_are_not_changed_by_what_is_added_to_them() -> None:
    rows = cloud(300, 5, 8, 10.0, np.float64)
    state = streamed(rows[:100], 50)
    before = [np.array(part) for part in state]
    moments.merge(state, streamed(rows[100:], 50))
    for old, now in zip(before, state, strict=True):
        np.testing.assert_array_equal(old, now)


def test_moments_merge_across_shards_equals_one_pass() -> None:
    rows = cloud(1500, 9, 2, 1e4, np.float64)
    shards = [streamed(part, 64) for part in np.array_split(rows, 7)]
    merged = shards[3]
    for shard in [*shards[:3], *shards[4:]]:
        merged = moments.merge(merged, shard)
    whole = streamed(rows, 64)
    for name in moments.Moments._fields:
        a, b = np.asarray(getattr(merged, name)), np.asarray(getattr(whole, name))
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9 * np.abs(b).max())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.floats(-1e3, 1e3))
def test_moments_do_not_depend_on_how_the_stream_is_cut(sizes: list[int], mean: float) -> None:
    rows = cloud(sum(sizes), 4, 3, mean, np.float64)
    state = moments.empty(4)
    for part in np.split(rows, np.cumsum(sizes)[:-1]):
        state = moments.merge(state, moments.of_rows(part))
    offset = rows - rows.mean(axis=0)
    np.testing.assert_allclose(state.scatter, offset.T @ offset, rtol=1e-7, atol=1e-7)


def test_class_moments_of_float32_rows_are_exact_to_a_millionth() -> None:
    rows = cloud(1200, 8, 4, 1e4, np.float32)
    classes = np.random.default_rng(5).integers(0, 3, 1200)
    state = class_moments.of_rows(rows, classes, 3)
    exact = rows.astype(np.float64)
    residual = exact - np.stack([exact[classes == c].mean(axis=0) for c in range(3)])[classes]
    expected = residual.T @ residual
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(state.within / scale, expected / scale, atol=1e-6)


def test_class_moments_equal_the_batch_formula_and_merge() -> None:
    rows = cloud(900, 7, 4, 1e4, np.float64)
    classes = np.random.default_rng(5).integers(0, 5, 900)
    parts = []
    for half in (slice(0, 400), slice(400, 900)):
        state = class_moments.empty(6, 7)
        for start in range(half.start, half.stop, 50):
            cut = slice(start, min(start + 50, half.stop))
            state = class_moments.merge(state, class_moments.of_rows(rows[cut], classes[cut], 6))
        parts.append(state)
    merged = class_moments.merge(*parts)
    means = np.stack([rows[classes == c].mean(axis=0) for c in range(5)])
    residual = rows - means[classes]
    np.testing.assert_allclose(merged.means[:5], means, rtol=1e-12)
    np.testing.assert_allclose(merged.within, residual.T @ residual, rtol=1e-8, atol=1e-6)
    offset = rows - rows.mean(axis=0)
    np.testing.assert_allclose(merged.total_scatter, offset.T @ offset, rtol=1e-8, atol=1e-5)
    assert merged.counts[5] == 0
