"""Time samplers: unbiased where they say so, and how much variance each has."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from exact_laws import exact_predictor, expected_integrand
from taskloom.errors import ConfigError
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.corpora.toys import toy_a
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.denoisers.table import TableDenoiser
from taskloom_diffusion.evaluation.bound import estimate_bound, level_sampler_for
from taskloom_diffusion.losses.base import Corrupted
from taskloom_diffusion.losses.objectives import StepBound
from taskloom_diffusion.model.noising import noised
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.processes.uniform import Uniform
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.closed_form import Cosine, LinearSchedule
from taskloom_diffusion.time_samplers.base import TimeSampler, strata
from taskloom_diffusion.time_samplers.exact_count import ExactCount
from taskloom_diffusion.time_samplers.history import History
from taskloom_diffusion.time_samplers.mask_rates import Clipped, LogUniform
from taskloom_diffusion.time_samplers.times import LowDiscrepancy, UniformTime
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import TokenStore
from taskloom_diffusion.training.module import DiffusionModule
from tests_sizes import size
from torch import Tensor

UNBIASED: list[TimeSampler] = [
    UniformTime(),
    LowDiscrepancy(),
    ExactCount(),
    LogUniform(),
    History(num_buckets=8, memory=2),
]


def exact_task(
    sampler: TimeSampler, schedule: Schedule | None = None, process: Uniform | None = None
) -> DiffusionModule:
    settings = DiffusionSettings(
        time_sampler=sampler,
        schedule=schedule or LinearSchedule(),
        **({"process": process} if process else {}),
    )
    tokenizer = SymbolTokenizer("char", ["a", "b"])
    return DiffusionModule(TableDenoiser(), settings, OptimizerSettings(), tokenizer, max_length=2)


def estimates(task: DiffusionModule, rows: int, seed: int, rounds: int = 1) -> Tensor:
    toy = toy_a()
    batch = {"tokens": toy.draw(rows, seed), "maskable": torch.ones(rows, 2, dtype=torch.bool)}
    last = torch.zeros(0)
    for i in range(rounds):
        generator = torch.Generator().manual_seed(1000 * seed + i)
        corrupted = task.corrupt(batch, generator)
        task.level_sampler.observe(corrupted.levels, corrupted.bound() / corrupted.maskable.sum(1))
        last = corrupted.bound()
    return last


@pytest.mark.parametrize("schedule", [LinearSchedule(), Cosine()], ids=lambda s: s.kind)
@pytest.mark.parametrize("sampler", UNBIASED, ids=lambda s: s.kind)
def test_estimator_is_unbiased_on_the_toy(sampler: TimeSampler, schedule: Schedule) -> None:
    rows = 60_000
    task = exact_task(sampler, schedule)
    values = estimates(task, rows, 8, rounds=3)
    # Stratified levels only make the error smaller than that of independent ones.
    error = float(values.std()) / math.sqrt(rows)
    assert abs(float(values.mean()) - toy_a().entropy) < 3 * error


@pytest.mark.parametrize("schedule", [LinearSchedule(), Cosine()], ids=lambda s: s.kind)
@pytest.mark.parametrize(
    "sampler", [s for s in UNBIASED if s.kind != "exact_count"], ids=lambda s: s.kind
)
def test_levels_weigh_every_signal_as_the_bound_does(
    sampler: TimeSampler, schedule: Schedule
) -> None:
    """E[flow G(alpha)] is int G d alpha, with G known exactly: no noise, no sequences, so no heavy tail hides a bias.

    The estimates themselves have a variance that grows with the logarithm of their number (tokens noised at alpha near 1
    are rare and weigh 1 / (1 - alpha)), so their mean is below the truth more often than above.
    """
    toy, rows = toy_a(), 100_000
    task = exact_task(sampler, schedule)
    estimates(task, 5_000, 2, rounds=4)  # lets `history` learn a law that is not uniform
    process = task.diffusion_process
    predict = exact_predictor(toy, process, "subs", leave_one_out=True)
    # For two positions G is a straight line.
    at = expected_integrand(toy, process, predict, torch.tensor([0.25, 0.75], dtype=torch.float64))
    slope = (at[1] - at[0]) / 0.5
    levels = task.level_sampler.draw(torch.full((rows,), 2), torch.Generator().manual_seed(7))
    weighed = levels.flow * (at[0] + slope * (levels.alpha - 0.25))
    error = float(weighed.std()) / math.sqrt(rows) if sampler.kind == "uniform" else 1e-5
    assert abs(float(weighed.mean()) - toy.entropy) < 3 * error


def test_clipped_is_biased_and_refused_by_evaluation() -> None:
    sampler = Clipped(low=0.7, high=1.0)
    values = estimates(exact_task(sampler), 60_000, 3)
    error = float(values.std()) / math.sqrt(60_000)
    assert abs(float(values.mean()) - toy_a().entropy) > 5 * error
    with pytest.raises(ConfigError, match="biased"):
        level_sampler_for(exact_task(UniformTime()), sampler)


def test_exact_count_has_a_fraction_of_the_variance_of_low_discrepancy() -> None:
    counted = estimates(exact_task(ExactCount()), 40_000, 3).var()
    stratified = estimates(exact_task(LowDiscrepancy()), 40_000, 3).var()
    assert float(counted) < float(stratified) / 4


def test_history_has_less_variance_than_uniform_once_it_has_learnt() -> None:
    task = exact_task(History(num_buckets=8, memory=3), Cosine())
    learnt = estimates(task, 20_000, 3, rounds=6).var()
    plain = estimates(exact_task(UniformTime(), Cosine()), 20_000, 3).var()
    law = task.level_sampler.law.bucket_law(task.level_sampler.memory)
    assert float(law.max()) > 1.2 / 8
    assert float(learnt) < float(plain)


class FromFloor(Schedule):
    """alpha = (1 - floor) (1 - t): the mask rate is uniform on [floor, 1]."""

    kind: Literal["from_floor"] = "from_floor"
    floor: float = 1e-3

    def alpha(self, t: Tensor) -> Tensor:
        return (1 - self.floor) * (1 - t)

    def dalpha(self, t: Tensor) -> Tensor:
        return 0 * t - (1 - self.floor)


def test_bernoulli_masks_have_the_predicted_variance_and_counts_none() -> None:
    """I.i.d. tokens with a constant loss h per masked token: Var = h^2 L (ln(1/eps) - 1 + eps) for rates in [eps, 1]."""
    length, rows, h = 64, 30_000, math.log(2)
    process = AbsorbingProcess(toy_a().vocabulary)
    valid = torch.ones(rows, length, dtype=torch.bool)
    generator = torch.Generator().manual_seed(2)
    x = torch.full((rows, length), 3)
    guess = torch.full((rows, length, 5), -h, dtype=torch.float64)  # a coin for every token

    def spread(sampler: TimeSampler) -> float:
        levels = sampler.build(FromFloor()).draw(torch.full((rows,), length), generator)
        noise = torch.rand(x.shape, generator=generator, dtype=torch.float64)
        z = noised(x, valid, levels, noise, process)
        batch = Corrupted(x, z, valid, guess, guess, levels, process)
        return float(batch.bound().var())

    predicted = h**2 * length * (math.log(1e3) - 1 + 1e-3)
    assert spread(UniformTime()) == pytest.approx(predicted, rel=0.05)
    assert predicted**0.5 == pytest.approx(19.4 * h, rel=0.01)  # the published figure
    assert spread(ExactCount()) == pytest.approx(0, abs=1e-18)


def test_strata_hit_every_interval_once() -> None:
    u = strata(37, torch.Generator().manual_seed(4), stratified=True)
    assert sorted((u * 37).long().tolist()) == list(range(37))


def test_counts_are_uniform_over_the_length_of_each_row() -> None:
    lengths = torch.tensor([3] * 3000 + [5] * 5000)
    levels = ExactCount().build(LinearSchedule()).draw(lengths, torch.Generator().manual_seed(1))
    assert levels.counts is not None
    for length in (3, 5):
        shares = torch.bincount(levels.counts[lengths == length], minlength=length + 1)
        assert int(shares[0]) == 0
        assert bool((shares[1:] > 850).all())
        assert bool((shares[1:] < 1150).all())


@pytest.mark.parametrize("process", [None, Uniform()], ids=["absorbing", "uniform"])
@pytest.mark.parametrize("sampler", [None, *UNBIASED], ids=lambda s: getattr(s, "kind", "default"))
def test_evaluation_of_the_exact_model_is_the_entropy(
    sampler: TimeSampler | None, process: Uniform | None
) -> None:
    if process and isinstance(sampler, ExactCount):
        with pytest.raises(ConfigError, match="this model's noise has none"):
            level_sampler_for(exact_task(UniformTime(), process=process), sampler)
        return
    toy = toy_a()
    bound = estimate_bound(
        exact_task(UniformTime(), process=process),
        TokenStore(toy.draw(4000, 8).tolist()),
        num_draws=8, batch_size=2000, seed=1, time_sampler=sampler,
    )  # fmt: skip
    assert abs(bound.nats_per_token - toy.entropy / 2) < 3 * bound.standard_error
    assert bound.bits_per_token == pytest.approx(bound.nats_per_token / math.log(2))
    name = getattr(sampler, "kind", "exact count" if process is None else "whole path")
    assert name in bound.kind


def test_error_of_a_single_sequence_is_that_of_its_draws_or_unknown() -> None:
    """One sequence has no spread; an error of 0.000 would say that the estimate is exact."""
    task, one = exact_task(UniformTime()), TokenStore([[3, 4]])
    many = estimate_bound(task, one, num_draws=400, batch_size=1, seed=2)
    again = estimate_bound(task, one, num_draws=400, batch_size=1, seed=3)
    assert many.standard_error is not None
    assert again.standard_error is not None
    spread = math.hypot(many.standard_error, again.standard_error)
    assert 0 < spread < 0.1
    assert abs(many.nats_per_token - again.nats_per_token) < 4 * spread
    once = estimate_bound(task, one, num_draws=1, batch_size=1, seed=2)
    assert (once.standard_error, once.perplexity_error) == (None, None)


class Guesser(torch.nn.Module):
    """Believes in the letters `a` and, less, `b` the more, the more letters it sees."""

    uses_time = False

    def forward(self, z: Tensor, noise: Tensor, maskable: Tensor) -> Tensor:
        del noise
        seen = ((z > 2) & maskable).sum(1)
        logits = torch.zeros(*z.shape, 6)
        logits[..., 3:5] = 0.4 * seen[:, None, None] * torch.tensor([1.0, 0.8])
        return logits


def test_draws_of_a_sequence_complement_each_other_and_their_error_knows() -> None:
    """Eight draws: less than half of the variance of independent ones, and the error that is claimed is the real one."""
    letters = SymbolTokenizer("char", list("abc"))
    task = DiffusionModule(MLPDenoiser(width=8), {}, {}, letters, max_length=8).eval()
    task.model = Guesser()
    store = TokenStore([[3, 4, 3, 3, 3, 4, 4, 3], [3, 3, 3, 4, 4, 3]])
    rounds = size("bounds_of_eight_draws")
    spread = [estimate_bound(task, store, num_draws=8, batch_size=2, seed=s) for s in range(rounds)]
    apart = [
        estimate_bound(task, store, num_draws=1, batch_size=2, seed=s) for s in range(8 * rounds)
    ]
    found = np.array([[nats for nats, _ in b.each] for b in spread])
    alone = np.array([[nats for nats, _ in b.each] for b in apart])
    claimed = np.array([[error for _, error in b.each] for b in spread])
    assert all(error is None for b in apart for _, error in b.each)
    error = np.sqrt(alone.var(0) / len(alone) + found.var(0) / len(found))
    assert np.all(np.abs(found.mean(0) - alone.mean(0)) < 4 * error)
    assert np.all(found.var(0) < alone.var(0) / 8 / 2)
    assert np.all((claimed**2).mean(0) > 0.8 * found.var(0))
    assert np.all((claimed**2).mean(0) < 2 * found.var(0))
    assert spread[0].nats_per_sequence == pytest.approx(found[0].mean())


def test_error_of_few_sequences_is_never_below_that_of_their_draws() -> None:
    """The same sequence twice has no spread of its own, and by chance its two estimates can agree."""
    letters = SymbolTokenizer("char", list("abc"))
    task = DiffusionModule(MLPDenoiser(width=8), {}, {}, letters, max_length=8).eval()
    task.model = Guesser()
    store = TokenStore([[3, 4, 3, 3, 3, 4, 4, 3]] * 2)
    for seed in range(20):
        bound = estimate_bound(task, store, num_draws=3, batch_size=2, seed=seed)
        known = math.hypot(*(error for _, error in bound.each if error is not None)) / 16
        assert bound.standard_error is not None
        assert bound.standard_error >= known > 0


@pytest.mark.parametrize(
    "settings",
    [
        DiffusionSettings(loss=StepBound(num_steps=7)),
        DiffusionSettings(time_sampler=Clipped()),
        DiffusionSettings(process=Uniform(), time_sampler=UniformTime()),
    ],
    ids=["step bound", "clipped", "uniform noise"],
)
def test_validation_reports_the_bound_whatever_training_draws(settings: DiffusionSettings) -> None:
    """Under a bound of T steps it was T times too small, and under clipped levels biased."""
    toy = toy_a()
    tokenizer = SymbolTokenizer("char", ["a", "b"])
    task = DiffusionModule(TableDenoiser(), settings, OptimizerSettings(), tokenizer, max_length=2)
    tokens = torch.tensor(toy.draw(1000, 3).tolist())
    batch = {"tokens": tokens, "maskable": torch.ones_like(tokens, dtype=torch.bool)}
    found = []
    for task.noise_seed in range(10):
        found.append(float(task.validation_step(batch, 0)))
    error = np.std(found) / 3 + 0.5 * toy.entropy / math.sqrt(len(tokens))
    assert abs(np.mean(found) - toy.entropy / 2) < 3 * error
