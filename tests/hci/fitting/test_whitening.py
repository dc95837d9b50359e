"""Coordinates of a population for a sampler: an exact change of them, however rough the curve."""

# ruff: noqa: ANN401 -- arrays of JAX have no types here

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from taskloom_hci.fitting.whitening import Curve, curve_of, placed

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def _in_64_bits() -> Any:
    with jax.enable_x64(True):
        yield


def test_the_volume_is_that_of_the_change_of_coordinates() -> None:
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(3, 2, 2))
    curve = Curve(rng.normal(size=(3, 2)), roots @ roots.swapaxes(1, 2))
    standard, mean, deviation = rng.normal(size=(3, 2)), rng.normal(size=2), np.array([0.3, 2.0])
    slopes = jax.jacfwd(lambda u: placed(curve, u, mean, deviation)[0].ravel())(standard)
    _, volume = placed(curve, standard, mean, deviation)
    whole = np.linalg.slogdet(np.asarray(slopes).reshape(6, 6))[1]
    assert float(volume) == pytest.approx(whole, abs=1e-12)


def test_a_person_without_data_is_in_the_non_centred_form() -> None:
    none = Curve(np.zeros((1, 2)), np.zeros((1, 2, 2)))
    standard, mean, deviation = np.array([[1.0, -2.0]]), np.array([3.0, 4.0]), np.array([0.5, 2.0])
    z, _ = placed(none, standard, mean, deviation)
    assert np.asarray(z) == pytest.approx(mean + deviation * standard)


def test_a_normal_likelihood_is_its_own_curve() -> None:
    precision = np.array([[[9.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    top = np.array([[3.0, -5.0], [0.0, 0.0]])

    def log_likelihood(z: Any) -> Any:
        off = (z - top)[:, None]
        return -0.5 * (off @ precision @ off.swapaxes(1, 2))[:, 0, 0]

    found = curve_of(log_likelihood, [0.0, 0.0], 2.0, 2)
    assert found.precision == pytest.approx(precision, abs=1e-9)
    assert found.slope[0] == pytest.approx(precision[0] @ top[0], abs=1e-9)
    assert found.slope[1] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_likelihood_without_a_slope_leaves_its_person_to_the_population() -> None:
    broken = np.array([[1.0], [np.nan]])
    found = curve_of(lambda z: -0.5 * (broken * z**2).sum(axis=1), [1.0], 2.0, 2)
    assert found.precision[:, 0, 0] == pytest.approx([1.0, 0.0])
    assert found.slope[1] == pytest.approx([0.0])
