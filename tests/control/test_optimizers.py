"""Optimizers: closed forms, published cases, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from taskloom_control.arrays import Array
from taskloom_control.domain import DOMAIN
from taskloom_control.optimizers.base import SamplingOptimizer
from taskloom_control.optimizers.cem import CEM
from taskloom_control.optimizers.cma_es import CMAES
from taskloom_control.optimizers.dial import DIAL
from taskloom_control.optimizers.icem import ICEM, colouring
from taskloom_control.optimizers.knots import Draw, KnotShape, KnotState
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling
from taskloom_control.optimizers.random_shooting import RandomShooting
from taskloom_control.optimizers.smooth_mppi import SmoothMPPI
from taskloom_control.optimizers.weights import (
    effective_sample_size,
    softmax_weights,
    temperature_for,
)
from taskloom_control.planning.noise import CounterNoise

SHAPE = KnotShape(4, 2, 1)
SAMPLERS: list[SamplingOptimizer] = [
    PredictiveSampling(keep=2),
    RandomShooting(keep=1),
    MPPI(),
    SmoothMPPI(),
    CEM(),
    ICEM(),
    DIAL(),
    CMAES(),
]
LOW, HIGH = -np.ones(2), np.ones(2)


def draw(seed: int = 0, plan: int = 0, iteration: int = 0, iterations: int = 1) -> Draw:
    return Draw(CounterNoise(seed).stream(plan, iteration), iteration, iterations, LOW, HIGH)


def optimize(
    sampler: SamplingOptimizer, state: KnotState, objective: Array, iterations: int, seed: int = 0
) -> Array:
    for i in range(iterations):
        # Ten plans of six iterations: some optimizers begin every plan with wide noise.
        knots = np.clip(sampler.sample(state, draw(seed, i // 6, i % 6, 6)), LOW, HIGH)
        sampler.update(state, knots, objective(knots))
    return state.nominal


def test_softmax_weights_have_the_published_values() -> None:
    weights = softmax_weights(-np.array([1, 1.05, 2, 4]), 0.05)
    expected = [0.7310585775284294, 0.26894142096475507, 1.5068240353e-9, 6.4015e-27]
    np.testing.assert_allclose(weights, expected, rtol=1e-4)
    np.testing.assert_allclose(weights[:2], expected[:2], rtol=1e-12)


@given(
    costs=st.lists(st.floats(-100, 100), min_size=2, max_size=20, unique=True),
    temperature=st.floats(0.01, 10),
    shift=st.floats(-50, 50),
    scale=st.floats(0.1, 10),
)
def test_softmax_weights_ignore_shifts_and_common_scales(
    costs: list[float], temperature: float, shift: float, scale: float
) -> None:
    rewards = -np.array(costs)
    weights = softmax_weights(rewards, temperature)
    np.testing.assert_allclose(softmax_weights(rewards + shift, temperature), weights, atol=1e-9)
    np.testing.assert_allclose(
        softmax_weights(rewards * scale, temperature * scale), weights, atol=1e-9
    )


def test_softmax_limits_are_argmax_and_mean() -> None:
    rewards = np.array([0.3, -1.0, 0.5, -np.inf])
    np.testing.assert_array_equal(softmax_weights(rewards, 1e-6), [0, 0, 1, 0])
    np.testing.assert_allclose(softmax_weights(rewards, 1e9), [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-8)


@given(seed=st.integers(0, 10_000), ess=st.floats(1.5, 25), scale=st.floats(1e-3, 1e3))
@settings(max_examples=60)
def test_temperature_meets_the_effective_sample_size(seed: int, ess: float, scale: float) -> None:
    rewards = scale * np.random.default_rng(seed).normal(size=32)
    weights = softmax_weights(rewards, temperature_for(rewards, ess))
    assert effective_sample_size(weights) == pytest.approx(ess, rel=0.03)


def test_effective_sample_size_counts_equal_weights() -> None:
    assert effective_sample_size(np.full(8, 1 / 8)) == pytest.approx(8)
    assert effective_sample_size(np.array([1.0, 0.0])) == 1


def test_predictive_sampling_takes_the_best_candidate() -> None:
    sampler = PredictiveSampling(num_rollouts=5)
    state = sampler.init(SHAPE)
    knots = sampler.sample(state, draw())
    sampler.update(state, knots, np.array([0.0, 3.0, -np.inf, 1.0, 2.0]))
    np.testing.assert_array_equal(state.nominal, knots[1])


def test_cem_fits_mean_and_population_deviation_to_the_elites() -> None:
    sampler = CEM(num_rollouts=6, num_elites=3, keep=2, sigma_min=1e-3, sigma_max=0.8)
    state = sampler.init(SHAPE)
    knots = np.random.default_rng(0).normal(size=(6, 4, 2))
    sampler.update(state, knots, np.array([5.0, 1.0, 4.0, -np.inf, 3.0, 2.0]))
    elites = knots[[0, 2, 4]]
    np.testing.assert_allclose(state.nominal, elites.mean(0))
    np.testing.assert_allclose(state.arrays["sigma"], np.clip(elites.std(0), 1e-3, 0.8))
    np.testing.assert_array_equal(state.arrays["memory"], knots[[0, 2]])


def test_noise_ramp_does_not_compound() -> None:
    """judo multiplies the remembered spread by the ramp at every call: .55 becomes .34, .21, .13, ..."""
    sampler = CEM(noise_ramp=2.5, sigma_start=0.5, num_rollouts=20000, keep=0)
    state = sampler.init(SHAPE)
    expected = 0.5 * 2.5 * np.arange(1, 5) / 4
    for plan in range(4):
        drawn = sampler.sample(state, draw(0, plan))[1:]
        np.testing.assert_allclose(drawn.std(axis=(0, 2)), expected, rtol=0.03)
        np.testing.assert_array_equal(state.arrays["sigma"], 0.5)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda c: c.kind)
def test_sampler_begins_with_the_nominal_plan(sampler: SamplingOptimizer) -> None:
    state = sampler.init(SHAPE)
    state.reset(np.arange(8.0).reshape(4, 2) / 10)
    knots = sampler.sample(state, draw())
    assert knots.shape == (sampler.num_rollouts, 4, 2)
    np.testing.assert_array_equal(knots[0], state.nominal)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda c: c.kind)
def test_sampler_improves_a_quadratic(sampler: SamplingOptimizer) -> None:
    target = np.linspace(-0.5, 0.5, 8).reshape(4, 2)

    def objective(knots: np.ndarray) -> np.ndarray:
        return -np.square(knots - target).sum(axis=(1, 2))

    state = sampler.init(SHAPE)
    before = objective(state.nominal[None])[0]
    after = objective(optimize(sampler, state, objective, 60)[None])[0]
    # Uniform shooting in eight dimensions has no way to refine; the others get within a few per cent.
    assert after > (0.9 if sampler.kind == "shooting" else 0.1) * before


def test_separable_cma_converges_on_an_ellipsoid() -> None:
    weights = np.logspace(0, 3, 8).reshape(4, 2)
    sampler = CMAES(num_rollouts=16, keep=0, sigma_min=1e-12)
    state = sampler.init(SHAPE)
    state.reset(np.full((4, 2), 0.6))
    nominal = optimize(sampler, state, lambda k: -(weights * np.square(k)).sum(axis=(1, 2)), 300)
    assert (weights * np.square(nominal)).sum() < 1e-10


def test_smooth_mppi_perturbs_rates() -> None:
    sampler = SmoothMPPI(num_rollouts=20000, sigma=0.1)
    drawn = sampler.sample(sampler.init(SHAPE), draw())[1:]
    np.testing.assert_allclose(drawn.std(axis=(0, 2)), 0.1 * np.sqrt([1, 2, 3, 4]), rtol=0.03)
    rough = SmoothMPPI(smoothness=2.0)
    knots = np.array([0.0, 1.0, -1.0, 2.0])[None, :, None] * np.ones((1, 1, 2))
    assert rough.roughness(knots) == pytest.approx(2 * 2 * (1 + 4 + 9))


def test_dial_noise_falls_with_iterations_and_grows_along_the_horizon() -> None:
    sampler = DIAL(sigma=0.4, beta_iteration=0.5, beta_horizon=2.0)
    spread = np.array([sampler.spread(4, i, 3)[:, 0] for i in range(3)])
    expected = 0.4 * np.exp(-np.arange(3)[:, None] / 1.5 - np.arange(4)[::-1] / 8)
    np.testing.assert_allclose(spread, expected)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_coloured_noise_has_unit_variance_and_the_asked_spectrum(n: int, beta: float) -> None:
    matrix = colouring(n, beta)
    covariance = matrix @ matrix.T
    np.testing.assert_allclose(np.diag(covariance), 1.0, atol=1e-12)
    power = np.abs(np.diag(np.fft.fft(np.fft.ifft(covariance, axis=1), axis=0)))[1 : n // 2 + 1]
    ratio = (np.arange(1, n // 2 + 1, dtype=float)) ** -beta
    if power.size:
        np.testing.assert_allclose(power / power[0], ratio, rtol=1e-9)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda c: c.kind)
def test_all_state_shifts_with_the_plan(sampler: SamplingOptimizer) -> None:
    state = sampler.init(SHAPE)
    rng = np.random.default_rng(0)
    sampler.update(
        state, rng.normal(size=(sampler.num_rollouts, 4, 2)), rng.normal(size=sampler.num_rollouts)
    )
    before = {name: array.copy() for name, array in state.arrays.items()}
    state.shift(1)
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(array[..., :3, :], before[name][..., 1:, :], err_msg=name)
    np.testing.assert_array_equal(state.nominal[-1], before["nominal"][-1])
    if "sigma" in state.arrays:
        start = sampler.sigma if sampler.kind == "icem" else sampler.sigma_start  # type: ignore[attr-defined]
        np.testing.assert_array_equal(state.arrays["sigma"][-1], start)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda c: c.kind)
def test_reset_forgets_everything(sampler: SamplingOptimizer) -> None:
    state = sampler.init(SHAPE)
    fresh = {k: v.copy() for k, v in state.saved().items()}
    rng = np.random.default_rng(0)
    sampler.update(
        state, rng.normal(size=(sampler.num_rollouts, 4, 2)), rng.normal(size=sampler.num_rollouts)
    )
    state.reset(np.zeros((4, 2)))
    after = state.saved()
    assert set(after) == set(fresh)
    for name, array in fresh.items():
        np.testing.assert_array_equal(after[name], array)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda c: c.kind)
def test_state_survives_a_checkpoint(sampler: SamplingOptimizer) -> None:
    one = sampler.init(SHAPE)
    optimize(sampler, one, lambda k: -np.square(k - 0.3).sum(axis=(1, 2)), 3)
    two = sampler.init(SHAPE)
    two.restore({k: v.copy() for k, v in one.saved().items()})
    np.testing.assert_array_equal(sampler.sample(one, draw(5, 9)), sampler.sample(two, draw(5, 9)))


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda c: c.kind)
def test_one_rollout_and_mostly_diverged_rollouts_work(sampler: SamplingOptimizer) -> None:
    alone = sampler.model_copy(update={"num_rollouts": 1})
    single = alone.init(SHAPE)
    alone.update(single, alone.sample(single, draw()), np.array([1.0]))
    assert np.isfinite(single.nominal).all()
    many = sampler.init(SHAPE)
    knots = sampler.sample(many, draw())
    rewards = np.full(len(knots), -np.inf)
    rewards[3] = -7.0
    sampler.update(many, knots, rewards)
    assert np.isfinite(many.nominal).all()
    assert many.weights[3] == pytest.approx(1.0)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda c: c.kind)
def test_rescaling_changes_coordinates_not_plans(sampler: SamplingOptimizer) -> None:
    """The same candidates, seen through u = 2 z + 1, before and after."""
    one = sampler.init(SHAPE)
    two = sampler.init(SHAPE)
    rng = np.random.default_rng(0)
    knots, rewards = (
        rng.normal(size=(sampler.num_rollouts, 4, 2)),
        rng.normal(size=sampler.num_rollouts),
    )
    sampler.update(one, knots, rewards)
    sampler.update(two, knots, rewards)
    two.rescale(np.full(2, 0.5), np.full(2, -0.5))
    np.testing.assert_allclose(2 * two.nominal + 1, one.nominal)
    if sampler.kind in ("cem", "cma_es"):
        first, second = sampler.sample(one, draw(1, 1)), sampler.sample(two, draw(1, 1))
        if sampler.kind == "cem":
            np.testing.assert_allclose(2 * second + 1, first)


def test_counter_noise_depends_on_its_counters_only() -> None:
    noise = CounterNoise(3)
    first = noise.stream(5, 1).standard_normal(7)
    noise.stream(9, 0).standard_normal(1000)
    np.testing.assert_array_equal(noise.stream(5, 1).standard_normal(7), first)
    np.testing.assert_array_equal(CounterNoise(3).stream(5, 1).standard_normal(7), first)
    others = [
        CounterNoise(4).stream(5, 1),
        CounterNoise(3).stream(1, 5),
        CounterNoise(3).stream(5, 2),
    ]
    assert all((rng.standard_normal(7) != first).all() for rng in others)


def test_counter_noise_equals_philox_at_its_counter() -> None:
    bits = np.random.Philox(
        key=np.array([3, 0], dtype=np.uint64), counter=np.array([0, 0, 1, 5], dtype=np.uint64)
    )
    expected = np.random.Generator(bits).standard_normal(9)
    np.testing.assert_array_equal(CounterNoise(3).stream(5, 1).standard_normal(9), expected)


def test_manifest_lists_every_optimizer() -> None:
    names = {ref.name for ref in DOMAIN.components["taskloom_control.optimizers"]}
    assert names == {c.kind for c in SAMPLERS} | {"ilqr", "lqr"}  # type: ignore[attr-defined]
