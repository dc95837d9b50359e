"""Optimizers: closed forms, published cases, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from taskloom_control.arrays import Array
from taskloom_control.domain import DOMAIN
from taskloom_control.optimizers import config as configs
from taskloom_control.optimizers.base import Draw, Sampler, Shape
from taskloom_control.optimizers.icem import colouring
from taskloom_control.optimizers.weights import (
    effective_sample_size,
    softmax_weights,
    temperature_for,
)
from taskloom_control.planning.noise import CounterNoise

SHAPE = Shape(4, 2, 1)
SAMPLERS: list[configs.SamplingConfig] = [
    configs.PredictiveSampling(keep=2),
    configs.RandomShooting(keep=1),
    configs.Mppi(),
    configs.SmoothMppi(),
    configs.Cem(),
    configs.Icem(),
    configs.Dial(),
    configs.CmaEs(),
]
LOW, HIGH = -np.ones(2), np.ones(2)


def draw(seed: int = 0, plan: int = 0, iteration: int = 0, iterations: int = 1) -> Draw:
    return Draw(CounterNoise(seed).stream(plan, iteration), iteration, iterations, LOW, HIGH)


def optimize(sampler: Array, objective: Array, iterations: int, seed: int = 0) -> Array:
    for i in range(iterations):
        # Ten plans of six iterations: some optimizers begin every plan with wide noise.
        knots = np.clip(sampler.sample(draw(seed, i // 6, i % 6, 6)), LOW, HIGH)
        sampler.update(knots, objective(knots))
    return sampler.nominal


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
    sampler = configs.PredictiveSampling(num_rollouts=5).build(SHAPE)
    assert isinstance(sampler, Sampler)
    knots = sampler.sample(draw())
    sampler.update(knots, np.array([0.0, 3.0, -np.inf, 1.0, 2.0]))
    np.testing.assert_array_equal(sampler.nominal, knots[1])


def test_cem_fits_mean_and_population_deviation_to_the_elites() -> None:
    config = configs.Cem(num_rollouts=6, num_elites=3, keep=2, sigma_min=1e-3, sigma_max=0.8)
    sampler: Array = config.build(SHAPE)
    knots = np.random.default_rng(0).normal(size=(6, 4, 2))
    sampler.update(knots, np.array([5.0, 1.0, 4.0, -np.inf, 3.0, 2.0]))
    elites = knots[[0, 2, 4]]
    np.testing.assert_allclose(sampler.nominal, elites.mean(0))
    np.testing.assert_allclose(sampler.arrays["sigma"], np.clip(elites.std(0), 1e-3, 0.8))
    np.testing.assert_array_equal(sampler.arrays["memory"], knots[[0, 2]])


def test_noise_ramp_does_not_compound() -> None:
    """judo multiplies the remembered spread by the ramp at every call: .55 becomes .34, .21, .13, ..."""
    config = configs.Cem(noise_ramp=2.5, sigma_start=0.5, num_rollouts=20000, keep=0)
    sampler: Array = config.build(SHAPE)
    expected = 0.5 * 2.5 * np.arange(1, 5) / 4
    for plan in range(4):
        drawn = sampler.sample(draw(0, plan))[1:]
        np.testing.assert_allclose(drawn.std(axis=(0, 2)), expected, rtol=0.03)
        np.testing.assert_array_equal(sampler.arrays["sigma"], 0.5)


@pytest.mark.parametrize("config", SAMPLERS, ids=lambda c: c.kind)
def test_sampler_begins_with_the_nominal_plan(config: configs.SamplingConfig) -> None:
    sampler: Array = config.build(SHAPE)
    sampler.reset(np.arange(8.0).reshape(4, 2) / 10)
    knots = sampler.sample(draw())
    assert knots.shape == (config.num_rollouts, 4, 2)
    np.testing.assert_array_equal(knots[0], sampler.nominal)


@pytest.mark.parametrize("config", SAMPLERS, ids=lambda c: c.kind)
def test_sampler_improves_a_quadratic(config: configs.SamplingConfig) -> None:
    target = np.linspace(-0.5, 0.5, 8).reshape(4, 2)

    def objective(knots: np.ndarray) -> np.ndarray:
        return -np.square(knots - target).sum(axis=(1, 2))

    sampler = config.build(SHAPE)
    before = objective(sampler.nominal[None])[0]
    after = objective(optimize(sampler, objective, 60)[None])[0]
    # Uniform shooting in eight dimensions has no way to refine; the others get within a few per cent.
    assert after > (0.9 if config.kind == "shooting" else 0.1) * before


def test_separable_cma_converges_on_an_ellipsoid() -> None:
    weights = np.logspace(0, 3, 8).reshape(4, 2)
    config = configs.CmaEs(num_rollouts=16, keep=0, sigma_min=1e-12)
    sampler: Array = config.build(SHAPE)
    sampler.reset(np.full((4, 2), 0.6))
    nominal = optimize(sampler, lambda k: -(weights * np.square(k)).sum(axis=(1, 2)), 300)
    assert (weights * np.square(nominal)).sum() < 1e-10


def test_smooth_mppi_perturbs_rates() -> None:
    sampler: Array = configs.SmoothMppi(num_rollouts=20000, sigma=0.1).build(SHAPE)
    drawn = sampler.sample(draw())[1:]
    np.testing.assert_allclose(drawn.std(axis=(0, 2)), 0.1 * np.sqrt([1, 2, 3, 4]), rtol=0.03)
    rough = configs.SmoothMppi(smoothness=2.0).build(SHAPE)
    knots = np.array([0.0, 1.0, -1.0, 2.0])[None, :, None] * np.ones((1, 1, 2))
    assert rough.roughness(knots) == pytest.approx(2 * 2 * (1 + 4 + 9))  # type: ignore[union-attr]


def test_dial_noise_falls_with_iterations_and_grows_along_the_horizon() -> None:
    sampler: Array = configs.Dial(sigma=0.4, beta_iteration=0.5, beta_horizon=2.0).build(SHAPE)
    spread = np.array([sampler.spread(i, 3)[:, 0] for i in range(3)])
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


@pytest.mark.parametrize("config", SAMPLERS, ids=lambda c: c.kind)
def test_all_state_shifts_with_the_plan(config: configs.SamplingConfig) -> None:
    sampler: Array = config.build(SHAPE)
    rng = np.random.default_rng(0)
    sampler.update(
        rng.normal(size=(config.num_rollouts, 4, 2)), rng.normal(size=config.num_rollouts)
    )
    before = {name: array.copy() for name, array in sampler.arrays.items()}
    sampler.shift(1)
    for name, array in sampler.arrays.items():
        np.testing.assert_array_equal(array[..., :3, :], before[name][..., 1:, :], err_msg=name)
    np.testing.assert_array_equal(sampler.nominal[-1], before["nominal"][-1])
    if "sigma" in sampler.arrays:
        start = config.sigma if config.kind == "icem" else config.sigma_start  # type: ignore[attr-defined]
        np.testing.assert_array_equal(sampler.arrays["sigma"][-1], start)


@pytest.mark.parametrize("config", SAMPLERS, ids=lambda c: c.kind)
def test_reset_forgets_everything(config: configs.SamplingConfig) -> None:
    sampler: Array = config.build(SHAPE)
    fresh = {k: v.copy() for k, v in sampler.state().items()}
    rng = np.random.default_rng(0)
    sampler.update(
        rng.normal(size=(config.num_rollouts, 4, 2)), rng.normal(size=config.num_rollouts)
    )
    sampler.reset(np.zeros((4, 2)))
    after = sampler.state()
    assert set(after) == set(fresh)
    for name, array in fresh.items():
        np.testing.assert_array_equal(after[name], array)


@pytest.mark.parametrize("config", SAMPLERS, ids=lambda c: c.kind)
def test_state_survives_a_checkpoint(config: configs.SamplingConfig) -> None:
    one: Array = config.build(SHAPE)
    optimize(one, lambda k: -np.square(k - 0.3).sum(axis=(1, 2)), 3)
    two: Array = config.build(SHAPE)
    two.restore({k: v.copy() for k, v in one.state().items()})
    np.testing.assert_array_equal(one.sample(draw(5, 9)), two.sample(draw(5, 9)))


@pytest.mark.parametrize("config", SAMPLERS, ids=lambda c: c.kind)
def test_one_rollout_and_mostly_diverged_rollouts_work(config: configs.SamplingConfig) -> None:
    single: Array = config.model_copy(update={"num_rollouts": 1}).build(SHAPE)
    single.update(single.sample(draw()), np.array([1.0]))
    assert np.isfinite(single.nominal).all()
    many: Array = config.build(SHAPE)
    knots = many.sample(draw())
    rewards = np.full(len(knots), -np.inf)
    rewards[3] = -7.0
    many.update(knots, rewards)
    assert np.isfinite(many.nominal).all()
    assert many.weights[3] == pytest.approx(1.0)


@pytest.mark.parametrize("config", SAMPLERS, ids=lambda c: c.kind)
def test_rescaling_changes_coordinates_not_plans(config: configs.SamplingConfig) -> None:
    """The same candidates, seen through u = 2 z + 1, before and after."""
    one: Array = config.build(SHAPE)
    two: Array = config.build(SHAPE)
    rng = np.random.default_rng(0)
    knots, rewards = (
        rng.normal(size=(config.num_rollouts, 4, 2)),
        rng.normal(size=config.num_rollouts),
    )
    one.update(knots, rewards)
    two.update(knots, rewards)
    two.rescale(np.full(2, 0.5), np.full(2, -0.5))
    np.testing.assert_allclose(2 * two.nominal + 1, one.nominal)
    if config.kind in ("cem", "cma_es"):
        first, second = one.sample(draw(1, 1)), two.sample(draw(1, 1))
        if config.kind == "cem":
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
