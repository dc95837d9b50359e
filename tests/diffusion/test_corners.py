"""Corners of the mathematics: levels at which a number has no digits left, padding, and noise that hides nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from taskloom_diffusion.corpora.toys import toy_a
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.model.parameterizations import read_logits
from taskloom_diffusion.processes.absorbing import Absorbing
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.processes.base import Process
from taskloom_diffusion.processes.d3pm import D3PM
from taskloom_diffusion.processes.marginal import Marginal
from taskloom_diffusion.processes.uniform import Uniform
from taskloom_diffusion.schedules.closed_form import Cosine
from taskloom_diffusion.training.module import DiffusionTask
from torch import Tensor

PROCESSES: dict[str, Process] = {
    "absorbing": Absorbing(),
    "uniform": Uniform(),
    "marginal": Marginal(),
    "neighbour": D3PM(),
    "d3pm absorbing": D3PM(rate="absorbing"),
}


def finite_step(task: DiffusionTask, batch: dict[str, Tensor], seed: int) -> bool:
    """Whether the loss of a batch and all its gradients are numbers."""
    task.zero_grad()
    loss = task.loss(task.corrupt(batch, torch.Generator().manual_seed(seed)))
    loss.backward()
    gradients = [p.grad for p in task.parameters() if p.grad is not None]
    return bool(torch.isfinite(loss)) and all(bool(torch.isfinite(g).all()) for g in gradients)


@pytest.mark.parametrize("loss", ["nelbo", "step_bound"])
@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "polynomial", "power": 16},  # 1 - alpha rounds to 0 before t = 0.1
        {"kind": "geometric", "sigma_max": 3000},  # alpha underflows, to 0 from t = 0.92 on
    ],
    ids=lambda s: s["kind"],
)
def test_levels_that_round_to_clean_or_to_noise_make_no_nan(
    schedule: dict[str, object],
    process: str,
    loss: str,
    module: Callable[..., DiffusionTask],
    batches: Callable[[int], list[dict[str, Tensor]]],
) -> None:
    task = module(
        MLPDenoiser(width=16),
        schedule=schedule,
        process=PROCESSES[process],
        loss={"kind": loss},
        time_sampler={"kind": "uniform"},
    )
    (batch,) = batches(1)
    many = {name: part.repeat(32, 1) for name, part in batch.items()}
    alpha = task.schedule.alpha(torch.linspace(0, 1, 64, dtype=torch.float64))
    assert bool(((alpha == 1) | (alpha == 0)).sum() > 4)
    assert all(finite_step(task, many, seed) for seed in range(3))


@pytest.mark.parametrize("process", PROCESSES)
def test_bound_is_a_number_at_both_ends_of_the_path(process: str) -> None:
    toy = toy_a()
    noising = PROCESSES[process].build(toy.vocabulary)
    logits = torch.randn(2, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = torch.tensor([[3, 4], [4, 4]])
    for end in (0.0, 1.0):
        alpha = torch.full((2,), end, dtype=torch.float64)
        z = noising.corrupt(x, alpha, torch.full((2, 2), 0.3, dtype=torch.float64))
        assert torch.equal(z, x) == (end == 1)
        for kind in ("loo", "mean"):
            log_x = read_logits(kind, logits, z, alpha, noising)
            terms = noising.integrand(log_x, x, z, alpha)
            assert bool(torch.isfinite(terms).all())
            assert bool((terms >= 0).all())
            steps = noising.step_divergence(log_x, x, z, torch.ones_like(alpha), alpha)
            assert bool((steps >= -1e-12).all())


def test_cosine_keeps_its_digits_where_the_signal_is_small() -> None:
    left = torch.tensor([1e-3, 1e-6, 1e-9, 1e-12], dtype=torch.float64)
    ours = Cosine().alpha(1 - left)
    angle = math.pi / 2 * (1 - (1 - left))
    torch.testing.assert_close(ours, angle**2 / 2, rtol=1e-6, atol=0)


@pytest.mark.parametrize("process", PROCESSES)
def test_mean_parameterization_has_the_same_bound_beside_padding(process: str) -> None:
    """Padding has no likelihood at all: the quotient with it would be NaN, and NaN times False is NaN."""
    toy = toy_a()
    noising = PROCESSES[process].build(toy.vocabulary)
    logits = torch.randn(1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits.requires_grad_()
    alpha = torch.full((1,), 0.4, dtype=torch.float64)
    x, noise = torch.tensor([[3, 4, 0, 0]]), torch.full((1, 4), 0.7, dtype=torch.float64)
    z = torch.where(x == 0, x, noising.corrupt(x, alpha, noise))
    whole = read_logits("mean", logits, z, alpha, noising)
    alone = read_logits("mean", logits[:, :2], z[:, :2], alpha, noising)
    assert torch.equal(whole[:, :2], alone)
    assert not bool(whole.isnan().any())
    noising.integrand(whole[:, :2], x[:, :2], z[:, :2], alpha).sum().backward()
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("process", PROCESSES)
def test_mean_parameterization_trains_on_sequences_of_unequal_length(
    process: str,
    module: Callable[..., DiffusionTask],
    batches: Callable[[int], list[dict[str, Tensor]]],
) -> None:
    task = module(
        MLPDenoiser(width=16),
        process=PROCESSES[process],
        parameterization="mean",
        time_sampler={"kind": "low_discrepancy"},
    )
    uneven = [b for b in batches(6) if not bool(b["maskable"].all())]
    assert uneven
    assert all(finite_step(task, batch, 3) for batch in uneven)


def test_a_chain_slower_than_its_signal_is_refused() -> None:
    """Its tokens would outlast the signal, at levels that no estimate visits: the bound came out a third of the entropy."""
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        D3PM(rate="uniform", speed=0.05)


def test_half_precision_logits_keep_the_tail_and_the_impossible() -> None:
    """-1e6 in place of -inf overflows fp16, and a softmax in half precision rounds a rare token to nothing."""
    process = AbsorbingProcess(toy_a().vocabulary)
    z, alpha = torch.tensor([[1, 3]]), torch.full((1,), 0.5, dtype=torch.float64)
    for dtype in (torch.float16, torch.bfloat16):
        logits = torch.tensor([[[9.0, 9.0, 9.0, 20.0, -20.0]] * 2], dtype=dtype, requires_grad=True)
        log_x = read_logits("subs", logits, z, alpha, process)
        assert log_x.dtype == torch.float32
        assert log_x[0, 0, 4].item() == pytest.approx(-40, rel=1e-6)
        assert log_x[0, 0, :3].tolist() == [-math.inf] * 3
        process.integrand(log_x, torch.tensor([[4, 3]]), z, alpha).sum().backward()
        assert logits.grad is not None
        assert bool(torch.isfinite(logits.grad).all())
        assert bool((logits.grad[0, 1] == 0).all())
