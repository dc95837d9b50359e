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
    state = moments.empty(rows.shape[1])
    for start in range(0, len(rows), batch):
        state = moments.merge(state, moments.of_rows(rows[start : start + batch]))
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
