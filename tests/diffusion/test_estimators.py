"""Time samplers: unbiased where they say so, and how much variance each has."""

from __future__ import annotations

import math

import pytest
import torch
from taskloom.errors import ConfigError
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Table
from taskloom_diffusion.evaluation.bound import estimate_bound, level_sampler_for
from taskloom_diffusion.processes.base import Uniform
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.closed_form import Cosine, Linear
from taskloom_diffusion.time_samplers import base
from taskloom_diffusion.time_samplers.draws import strata
from taskloom_diffusion.tokenizers.vocabulary import SymbolTokenizer
from taskloom_diffusion.toys import toy_a
from taskloom_diffusion.training.batches import TokenStore
from taskloom_diffusion.training.module import DiffusionTask
from torch import Tensor

UNBIASED: list[base.TimeSampler] = [
    base.UniformTime(),
    base.LowDiscrepancy(),
    base.ExactCount(),
    base.LogUniform(),
    base.History(num_buckets=8, memory=2),
]


def exact_task(
    sampler: base.TimeSampler, schedule: Schedule | None = None, process: Uniform | None = None
) -> DiffusionTask:
    settings = DiffusionSettings(
        time_sampler=sampler,
        schedule=schedule or Linear(),
        **({"process": process} if process else {}),
    )
    tokenizer = SymbolTokenizer("char", ["a", "b"])
    return DiffusionTask(Table(), settings, OptimizerSettings(), tokenizer, max_length=2)


def estimates(task: DiffusionTask, rows: int, seed: int, rounds: int = 1) -> Tensor:
    toy = toy_a()
    batch = {"tokens": toy.draw(rows, seed), "maskable": torch.ones(rows, 2, dtype=torch.bool)}
    last = torch.zeros(0)
    for i in range(rounds):
        generator = torch.Generator().manual_seed(1000 * seed + i)
        corrupted = task.corrupt(batch, generator)
        task._learn_levels(corrupted)
        last = corrupted.bound()
    return last


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=lambda s: s.kind)
@pytest.mark.parametrize("sampler", UNBIASED, ids=lambda s: s.kind)
def test_estimator_is_unbiased_on_the_toy(sampler: base.TimeSampler, schedule: Schedule) -> None:
    rows = 60_000
    task = exact_task(sampler, schedule)
    values = estimates(task, rows, 3, rounds=3)
    # Stratified levels only make the error smaller than that of independent ones.
    error = float(values.std()) / math.sqrt(rows)
    assert abs(float(values.mean()) - toy_a().entropy) < 3.5 * error


def test_uniform_noise_monte_carlo_agrees_with_the_entropy() -> None:
    task = exact_task(base.LowDiscrepancy(), process=Uniform())
    values = estimates(task, 60_000, 5)
    error = float(values.std()) / math.sqrt(60_000)
    assert abs(float(values.mean()) - toy_a().entropy) < 3 * error


def test_clipped_is_biased_and_refused_by_evaluation() -> None:
    sampler = base.Clipped(low=0.7, high=1.0)
    values = estimates(exact_task(sampler), 60_000, 3)
    error = float(values.std()) / math.sqrt(60_000)
    assert abs(float(values.mean()) - toy_a().entropy) > 5 * error
    with pytest.raises(ConfigError, match="biased"):
        level_sampler_for(exact_task(base.UniformTime()), sampler)


def test_exact_count_has_a_fraction_of_the_variance_of_low_discrepancy() -> None:
    counted = estimates(exact_task(base.ExactCount()), 40_000, 3).var()
    stratified = estimates(exact_task(base.LowDiscrepancy()), 40_000, 3).var()
    assert float(counted) < float(stratified) / 4


def test_history_has_less_variance_than_uniform_once_it_has_learnt() -> None:
    task = exact_task(base.History(num_buckets=8, memory=3), Cosine())
    learnt = estimates(task, 20_000, 3, rounds=6).var()
    plain = estimates(exact_task(base.UniformTime(), Cosine()), 20_000, 3).var()
    law = task.level_sampler.law()
    assert float(law.max()) > 1.2 / 8
    assert float(learnt) < float(plain)


def test_bernoulli_masks_have_the_predicted_variance_and_counts_none() -> None:
    """I.i.d. tokens with a constant loss h per masked token: Var = h^2 L (ln(1/eps) - 1 + eps) for u in [eps, 1]."""
    length, epsilon, rows = 64, 1e-3, 200_000
    generator = torch.Generator().manual_seed(2)
    u = epsilon + (1 - epsilon) * torch.rand(rows, generator=generator, dtype=torch.float64)
    masked = torch.binomial(
        torch.full((rows,), float(length), dtype=torch.float64), u, generator=generator
    )
    estimate = (1 - epsilon) * masked / u
    predicted = length * (math.log(1 / epsilon) - 1 + epsilon)
    assert float(estimate.var()) == pytest.approx(predicted, rel=0.05)
    levels = base.ExactCount().build(Linear()).draw(torch.full((500,), length), generator)
    assert levels.counts is not None
    per_row = levels.flow / (1 - levels.alpha) * levels.counts
    assert float(per_row.var()) == pytest.approx(0, abs=1e-18)


def test_strata_hit_every_interval_once() -> None:
    u = strata(37, torch.Generator().manual_seed(4), stratified=True)
    assert sorted((u * 37).long().tolist()) == list(range(37))


def test_counts_are_uniform_over_the_length_of_each_row() -> None:
    lengths = torch.tensor([3] * 3000 + [5] * 5000)
    levels = base.ExactCount().build(Linear()).draw(lengths, torch.Generator().manual_seed(1))
    assert levels.counts is not None
    for length in (3, 5):
        shares = torch.bincount(levels.counts[lengths == length], minlength=length + 1)
        assert int(shares[0]) == 0
        assert bool((shares[1:] > 850).all())
        assert bool((shares[1:] < 1150).all())


def test_estimated_bound_of_the_exact_model_is_the_cross_entropy_of_the_sample() -> None:
    toy = toy_a()
    drawn = toy.draw(3000, 8)
    store = TokenStore(drawn.tolist())
    exact = float(-toy.law.log()[toy.index_of(drawn)].mean()) / 2
    bound = estimate_bound(
        exact_task(base.ExactCount()), store, num_draws=20, batch_size=1000, seed=1
    )
    assert bound.nats_per_token == pytest.approx(exact, abs=0.01)
    assert abs(bound.nats_per_token - toy.entropy / 2) < 4 * bound.standard_error
    assert "exact count" in bound.kind
