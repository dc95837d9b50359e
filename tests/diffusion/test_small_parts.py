"""Small parts that decide figures: lengths, epochs, nuclei, rules of samplers, the rate that is really used, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from taskloom.testing import MemoryContext
from taskloom_diffusion.config import OptimizerSettings, TrainConfig
from taskloom_diffusion.corpora.toys import toy_a
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.denoisers.table import TableDenoiser
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.evaluation.sampling import draw_lengths
from taskloom_diffusion.metrics.text import sequence_metrics
from taskloom_diffusion.samplers.draws import nucleus, temper
from taskloom_diffusion.samplers.entropy_bound import EntropyBound
from taskloom_diffusion.samplers.reveal import View
from taskloom_diffusion.samplers.threshold import Threshold
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import TokenStore, TrainStream
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.training.optimizers import rate_factor
from tests_sizes import size
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)


def test_lengths_are_those_of_the_corpus() -> None:
    """Stratified: of as many draws as the histogram has sequences, each length comes as often as there; none is 0 or off by one."""
    histogram = [0, 0, 30, 10, 0, 60]
    for seed in range(5):
        drawn = draw_lengths(histogram, 100, seed)
        counts = np.bincount(drawn, minlength=6)
        assert np.abs(counts - histogram).max() <= 1
        assert counts[[0, 1, 4]].tolist() == [0, 0, 0]
        assert drawn != sorted(drawn)
    means = [np.mean(draw_lengths(histogram, 3, seed)) for seed in range(400)]
    assert np.mean(means) == pytest.approx(3.9, abs=0.1)


def test_an_epoch_has_every_sequence_at_most_once_and_the_next_another_order() -> None:
    store = TokenStore([[3 + i] * (1 + i % 5) for i in range(43)])
    stream = iter(TrainStream(store, 4, 0, 9))
    epochs = [[next(stream)["tokens"][:, 0] - 3 for _ in range(10)] for _ in range(2)]
    seen = [torch.cat(epoch).tolist() for epoch in epochs]
    for rows in seen:
        assert len(rows) == len(set(rows)) == 40
    assert seen[0] != seen[1]
    assert set(range(43)) == set(seen[0]) | set(seen[1])
    for batch in epochs[0]:
        assert int((batch % 5).max() - (batch % 5).min()) <= 1  # like lengths together


def test_windows_are_pieces_of_the_text_at_another_phase_in_every_epoch() -> None:
    text = list(range(3, 103))
    stream = iter(TrainStream(TokenStore([text]), 3, 0, 9, window=8))
    phases, starts = [], []
    for _ in range(30):
        epoch = torch.cat([next(stream)["tokens"] for _ in range(3)])
        assert bool((epoch.diff(dim=1) == 1).all())
        assert len(epoch[:, 0].unique()) == 9
        phases.append(set(((epoch[:, 0] - 3) % 8).tolist()))
        starts += (epoch[:, 0] - 3).tolist()
    assert all(len(phase) == 1 for phase in phases)
    assert len(set.union(*phases)) > 5
    assert max(starts) >= 84  # what the windows of one phase leave at the end, another one reaches


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (1.0, [0.15, 0.5, 0.05, 0.3]),
        (0.81, [0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95]),
        (0.79, [0, 0.625, 0, 0.375]),
        (0.1, [0, 1, 0, 0]),
    ],
)
def test_nucleus_is_the_smallest_set_of_tokens_with_enough_probability(
    top_p: float, expected: list[float]
) -> None:
    law = torch.tensor([[[0.15, 0.5, 0.05, 0.3]]], dtype=torch.float64)
    assert nucleus(law, top_p)[0, 0].tolist() == pytest.approx(expected)


def test_temperature_is_a_power_of_the_law() -> None:
    law = torch.tensor([0.6, 0.3, 0.1, 0.0], dtype=torch.float64)
    for temperature in (0.5, 1.0, 2.0):
        power = law ** (1 / temperature)
        expected = (power / power.sum()).tolist()
        assert temper(law.log(), temperature).tolist() == pytest.approx(expected)
    assert temper(law.log(), 0.0).tolist() == [1, 0, 0, 0]


def view() -> View:
    """Four positions, of which the third is known; two tokens with these probabilities of the first."""
    first = torch.tensor([[0.5, 0.9, 0.5, 0.99]], dtype=torch.float64)
    log_x = torch.stack([first, 1 - first], dim=-1).log()
    masked = torch.tensor([[True, True, False, True]])
    drawn = torch.tensor([[0, 1, 0, 0]])
    nothing = torch.zeros(1, 4)
    return View(0, masked, torch.tensor([3]), nothing, nothing, log_x, drawn)


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


@pytest.mark.parametrize(
    ("bound", "chosen"),
    [
        (0.0, [3]),
        (entropy(0.99) - 1e-9, [3]),
        (entropy(0.99) + 1e-9, [1, 3]),
        (entropy(0.99) + entropy(0.9) - 1e-9, [1, 3]),
        (entropy(0.99) + entropy(0.9) + 1e-9, [0, 1, 3]),
    ],
)
def test_entropy_bound_leaves_the_largest_of_a_group_out_of_the_sum(
    bound: float, chosen: list[int]
) -> None:
    assert EntropyBound(bound=bound).choose(view())[0].nonzero()[:, 0].tolist() == chosen


@pytest.mark.parametrize(
    ("threshold", "chosen"), [(0.05, [0, 1, 3]), (0.2, [0, 3]), (0.6, [3]), (0.995, [3])]
)
def test_threshold_is_about_the_drawn_token_and_takes_at_least_one(
    threshold: float, chosen: list[int]
) -> None:
    assert Threshold(threshold=threshold).choose(view())[0].nonzero()[:, 0].tolist() == chosen


def test_the_rate_of_a_step_is_the_curves(
    tmp_path: Path, module: Callable[..., DiffusionModule], train: Callable[..., MemoryContext]
) -> None:
    settings = OptimizerSettings(lr=0.03, warmup_steps=3, schedule="linear", final_share=0.0)
    task = module(optimizer=settings)
    used: list[float] = []
    watching = register_optimizer_step_pre_hook(
        lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"])
    )
    task.total_steps = 8
    with watching:
        train(tmp_path, TrainConfig(steps=8, accumulate=2), task)
    assert used == pytest.approx([0.03 * rate_factor(step, 8, settings) for step in range(8)])


def test_gradients_are_clipped_to_the_norm(
    tmp_path: Path, module: Callable[..., DiffusionModule], train: Callable[..., MemoryContext]
) -> None:
    norms: dict[float, float] = {}
    for limit in (0.0, 1e-3):
        task = module()
        torch.nn.init.normal_(task.model.head.weight, generator=torch.Generator().manual_seed(1))

        def look(optimizer: torch.optim.Optimizer, *_: object, limit: float = limit) -> None:
            weights = [p for group in optimizer.param_groups for p in group["params"]]
            parts = [p.grad.norm() for p in weights if p.grad is not None]
            norms[limit] = float(torch.stack(parts).norm())

        config = {"steps": 1, "optimizer": {"clip_norm": limit}}
        with register_optimizer_step_post_hook(look):
            train(tmp_path / str(limit), TrainConfig.model_validate(config), task)
    assert norms[0.0] > 1e-2
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-3)


def test_loss_by_mask_rate_is_the_entropy_given_what_is_visible() -> None:
    """With two positions one mask leaves H(X|Y), two leave H(X); they are told as rates 1/3 and 2/3."""
    toy = toy_a()
    task = DiffusionModule(
        TableDenoiser(), {}, {}, SymbolTokenizer("char", ["a", "b"]), max_length=2
    )
    store = TokenStore(toy.draw(20_000, 3).tolist())
    rates = dict(estimate_bound(task, store, num_draws=2, batch_size=20_000, seed=1).by_rate)
    alone = float(-torch.xlogy(toy.marginals, toy.marginals).sum()) / 2
    assert sorted(rates) == pytest.approx([0.35, 0.65])
    assert rates[min(rates)] == pytest.approx(toy.entropy - alone, abs=0.015)
    assert rates[max(rates)] == pytest.approx(alone, abs=0.01)


def test_standard_error_is_the_spread_of_the_estimate_over_corpora() -> None:
    """Sequences of unlike length and unlike cost: neither per-token independence nor per-sequence means give this."""
    torch.manual_seed(3)
    task = DiffusionModule(
        MLPDenoiser(width=8), {}, {}, SymbolTokenizer("char", ["a", "b", "c"]), max_length=8
    ).eval()
    for parameter in task.model.parameters():
        torch.nn.init.normal_(parameter, std=0.8)
    random = np.random.default_rng(5)

    def corpus() -> TokenStore:
        kinds = random.integers(0, 2, 40)
        return TokenStore(
            [[3] * 2 if kind else random.integers(4, 6, 8).tolist() for kind in kinds]
        )

    found = [
        estimate_bound(task, corpus(), num_draws=3, batch_size=40, seed=seed)
        for seed in range(size("bounds_of_small_corpora"))
    ]
    spread = float(np.std([b.nats_per_token for b in found]))
    errors = [b.standard_error for b in found if b.standard_error is not None]
    assert float(np.mean(errors)) == pytest.approx(spread, rel=0.25)


def test_new_sequences_are_counted_over_all_samples() -> None:
    found = sequence_metrics(["aa", "ab", "ab", "bb"], ["aa", "bb"])
    assert found == {"unique": 0.75, "novelty": 0.5}
