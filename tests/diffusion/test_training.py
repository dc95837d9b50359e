"""Training: optimizer groups, rates, averages, precision, accumulation, checkpoints, processes, divergence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from taskloom.errors import ConfigError
from taskloom.lifecycle.console import format_metrics
from taskloom.testing import MemoryContext
from taskloom_diffusion.config import OptimizerSettings, TrainConfig
from taskloom_diffusion.corpora.toys import toy_a
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.losses.base import Loss
from taskloom_diffusion.losses.objectives import (
    NELBO,
    CrossEntropy,
    Hybrid,
    PolydiffLoss,
    StepBound,
)
from taskloom_diffusion.model.parameterizations import read_logits
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.tasks.smiles import Smiles, SmilesConfig
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import TokenStore, TrainStream, encode_all
from taskloom_diffusion.training.ema import Average
from taskloom_diffusion.training.module import DiffusionTask
from taskloom_diffusion.training.muon import MuonAdamW, orthogonalise
from taskloom_diffusion.training.optimizers import build_optimizer, rate_factor
from taskloom_diffusion.training.throughput import Meter
from torch import nn

WORDS = [[3, 4, 5, 3], [4, 4, 3], [5, 3, 3, 4, 5], [3, 5], [4, 3, 5, 5, 4, 3]]
TINY = DiT(width=16, num_layers=1, num_heads=2)


def test_optimizer_decays_matrices_and_nothing_else(module: Callable[..., DiffusionTask]) -> None:
    model = module().model
    groups = build_optimizer(model, OptimizerSettings(weight_decay=0.3)).param_groups
    decayed = {id(p) for p in groups[0]["params"]}
    names = {n for n, p in model.named_parameters() if id(p) in decayed}
    assert (groups[0]["weight_decay"], groups[1]["weight_decay"]) == (0.3, 0.0)
    assert names == {
        "blocks.0.attention.qkv.weight",
        "blocks.0.attention.out.weight",
        "blocks.0.up.weight",
        "blocks.0.down.weight",
        "head.weight",
    }
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("kind", "middle", "end"),
    [
        ("constant", 1.0, 1.0),
        ("linear", 0.55, 0.1),
        ("cosine", 0.55, 0.1),
        ("wsd", 1.0, 0.1),
        ("inverse_sqrt", (10 / 61) ** 0.5, (10 / 111) ** 0.5),
    ],
)
def test_learning_rate_follows_its_curve(kind: str, middle: float, end: float) -> None:
    settings = OptimizerSettings.model_validate(
        {"schedule": kind, "warmup_steps": 10, "final_share": 0.1}
    )
    rates = [rate_factor(step, 110, settings) for step in (0, 4, 9, 60, 110)]
    assert rates == pytest.approx([0.1, 0.5, 1.0, middle, end])


def test_muon_orthogonalises_and_its_adam_is_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(24, 40, generator=generator)
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert 0.5 < float(values.min()) <= float(values.max()) < 1.3
    ours = torch.randn(7, generator=generator).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    mine = MuonAdamW([{"params": [ours], "muon": False, "weight_decay": 0.1}], 1e-2, (0.9, 0.98))
    torchs = torch.optim.AdamW([theirs], 1e-2, (0.9, 0.98), weight_decay=0.1)
    for _ in range(5):
        gradient = torch.randn(7, generator=generator)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        torchs.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_average_warms_up_and_is_restored() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = Average(model, 0.99)
    expected = 0.0
    for n, value in enumerate((1.0, 2.0, 3.0)):
        nn.init.constant_(model.weight, value)
        average.update()
        decay = min(0.99, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
    with average.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 3.0


def test_a_finished_training_leaves_the_average_in_the_model(
    tmp_path: Path, module: Callable[..., DiffusionTask], train: Callable[..., MemoryContext]
) -> None:
    """From the start, and from a checkpoint of the last step; with no average, the latest weights."""
    settings = {"steps": 3, "checkpoint_every": 3, "optimizer": {"lr": 0.1, "warmup_steps": 0}}
    latest, averaged, again = module(), module(), module()
    train(tmp_path / "latest", TrainConfig.model_validate({**settings, "ema": 0.0}), latest)
    config = TrainConfig.model_validate({**settings, "ema": 0.9})
    ctx = train(tmp_path / "averaged", config, averaged)
    assert ctx.latest_checkpoint is not None
    kept = load_file(ctx.latest_checkpoint / "training.safetensors")
    for name, weight in averaged.model.named_parameters():
        assert torch.equal(weight, kept[f"average.{name}"])
        assert torch.equal(latest.model.get_parameter(name), kept[f"model.{name}"])
    assert not torch.equal(kept["average.head.bias"], kept["model.head.bias"])
    train(tmp_path / "again", config, again, checkpoint=ctx.latest_checkpoint)
    for ours, theirs in zip(again.model.parameters(), averaged.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_subs_gives_visible_positions_no_gradient_and_no_mask() -> None:
    toy = toy_a()
    process = AbsorbingProcess(toy.vocabulary)
    logits = torch.randn(4, 2, 5, requires_grad=True)
    z = torch.tensor([[1, 3], [1, 1], [3, 4], [4, 1]])
    alpha = torch.full((4,), 0.5, dtype=torch.float64)
    log_x = read_logits("subs", logits, z, alpha, process)
    assert bool((log_x[..., 1] == -torch.inf).all())
    visible = z != 1
    assert bool((log_x[visible].exp() == nn.functional.one_hot(z, 5)[visible]).all())
    process.integrand(
        log_x, torch.tensor([[3, 3], [4, 3], [3, 4], [4, 4]]), z, alpha
    ).sum().backward()
    assert logits.grad is not None
    assert bool((logits.grad[visible] == 0).all())
    assert bool((logits.grad[~visible][:, 3:] != 0).any())


@pytest.mark.parametrize("length", [5])
def test_padding_changes_no_prediction(length: int) -> None:
    torch.manual_seed(1)
    for config in (
        TINY,
        BERT(width=16, num_layers=1, num_heads=2, feed_forward=32, dropout=0.0),
        MLPDenoiser(),
    ):
        model = config.build(6, 8).eval().double()
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.3)
        z = torch.randint(3, 6, (2, length))
        padded = nn.functional.pad(z, (0, 3))
        valid = torch.arange(8)[None].expand(2, 8) < length
        noise = torch.tensor([0.3, 0.7])
        alone = model(z, noise, torch.ones_like(z, dtype=torch.bool))
        together = model(padded, noise, valid)[:, :length]
        assert torch.allclose(alone, together, atol=1e-10)


def test_time_conditioning_is_switched_on_where_the_noise_hides_its_level(
    module: Callable[..., DiffusionTask],
) -> None:
    assert module().timestep_embedding is None
    task = module(process={"kind": "uniform"}, time_sampler={"kind": "uniform"})
    assert task.timestep_embedding is not None
    nn.init.normal_(task.model.head.weight)
    for block in task.model.blocks:
        nn.init.normal_(block.modulation.weight)
    z, valid = torch.tensor([[3, 4, 5]]), torch.ones(1, 3, dtype=torch.bool)
    early, late = (task(z, torch.tensor([t]), valid) for t in (0.1, 0.9))
    assert float((early - late).detach().std(1).max()) > 1e-4


LOSSES: list[Loss] = [
    NELBO(),
    StepBound(num_steps=20),
    CrossEntropy(),
    Hybrid(),
    PolydiffLoss(),
]


@pytest.mark.parametrize("process", ["absorbing", "uniform", "marginal", "d3pm"])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda x: x.kind)
def test_every_loss_trains_under_every_noise(
    process: str,
    loss: Loss,
    module: Callable[..., DiffusionTask],
    batches: Callable[[int], list[dict[str, torch.Tensor]]],
) -> None:
    task = module(
        MLPDenoiser(width=16),
        process={"kind": process},
        time_sampler={"kind": "low_discrepancy"},
        loss=loss,
    )
    optimizer = torch.optim.Adam(task.parameters(), 1e-2)

    def judged() -> float:
        generator = torch.Generator().manual_seed(9)
        with torch.no_grad():
            return sum(float(task.loss(task.corrupt(b, generator))) for b in batches(60))

    before = judged()
    for batch in batches(40):
        optimizer.zero_grad()
        task.training_step(batch, 0).backward()
        optimizer.step()
    assert judged() < before


def test_stream_is_a_function_of_the_batch_number(
    stream: Callable[..., TrainStream], batches: Callable[[int], list[dict[str, torch.Tensor]]]
) -> None:
    first = batches(9)
    again = iter(stream(start=6))
    for expected in first[6:]:
        assert torch.equal(next(again)["tokens"], expected["tokens"])
    shares = [iter(stream(rank=r, processes=2)) for r in (0, 1)]
    split = [next(shares[i % 2])["tokens"] for i in range(6)]
    assert all(torch.equal(a, b["tokens"]) for a, b in zip(split, first, strict=False))


def test_length_policies_drop_close_and_cut() -> None:
    tokenizer = SymbolTokenizer("char", ["a", "b"])
    texts = ["ab", "abab", "ababababab"]
    given, dropped = encode_all(texts, tokenizer, "given", 4)
    assert (given.lengths.tolist(), dropped) == ([2, 4], 1)
    closed, dropped = encode_all(texts, tokenizer, "eos_pad", 4)
    assert (closed.get(0).tolist(), dropped) == ([3, 4, 2, 0], 2)
    windows, dropped = encode_all(texts, tokenizer, "window", 4)
    assert (windows.lengths.tolist(), dropped) == ([4, 4, 4], 1)


def test_bf16_and_accumulation_train_and_log_one_line_a_step(
    tmp_path: Path, module: Callable[..., DiffusionTask], train: Callable[..., MemoryContext]
) -> None:
    config = TrainConfig(steps=4, accumulate=3, precision="bf16", log_every=1, checkpoint_every=4)
    task = module()
    ctx = train(tmp_path, config, task)
    assert [row["step"] for row in ctx.rows] == [1, 2, 3, 4]
    assert task.batches_seen == 12
    assert {p.dtype for p in task.model.parameters()} == {torch.float32}


def test_progress_shows_speed_and_share_of_the_hardware() -> None:
    """The newest metrics stand beside the bar: loss, tokens per second and MFU before everything else."""
    meter = Meter(100, peak=1e6)
    meter.start(10.0, 5.0)
    meter.count(600, 1000)
    figures = meter.report(12.0, 6.0)
    assert list(figures)[:2] == ["speed/tokens_per_second", "speed/mfu"]
    assert figures["speed/tokens_per_second"] == pytest.approx(300)
    assert figures["speed/tokens_per_core_second"] == pytest.approx(600)
    assert figures["speed/mfu"] == pytest.approx(6 * 100 * 600 / 2 / 1e6)
    assert figures["speed/padding_share"] == pytest.approx(0.4)
    line = format_metrics(20, {"train/loss": 2.5, **figures})
    assert line.startswith("step=20 train/loss=2.5 speed/tokens_per_second=300 speed/mfu=0.18")


def test_losses_are_what_they_say_of_each_other(
    module: Callable[..., DiffusionTask], batches: Callable[[int], list[dict[str, torch.Tensor]]]
) -> None:
    task = module(schedule={"kind": "linear"}, time_sampler={"kind": "uniform"})
    nn.init.normal_(task.model.head.weight)
    corrupted = task.corrupt(batches(1)[0], torch.Generator().manual_seed(1))
    bound, plain = NELBO().per_row(corrupted), CrossEntropy().per_row(corrupted)
    assert torch.allclose(CrossEntropy(power=-1.0).per_row(corrupted), bound)
    assert torch.allclose(Hybrid(share=0.3).per_row(corrupted), bound + 0.3 * plain)


def test_bf16_bounds_agree_with_fp32_within_a_percent(module: Callable[..., DiffusionTask]) -> None:
    torch.manual_seed(0)
    task = module(DiT(width=64, num_layers=2, num_heads=2)).eval()
    for parameter in task.model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.1)
    store = TokenStore(WORDS * 8)
    exact = estimate_bound(task, store, num_draws=4, batch_size=40, seed=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        short = estimate_bound(task, store, num_draws=4, batch_size=40, seed=1)
    assert short.nats_per_token == pytest.approx(exact.nats_per_token, rel=0.01)
    assert short.nats_per_token != exact.nats_per_token


def test_a_schedule_that_does_not_end_in_noise_is_refused_with_its_rate(tmp_path: Path) -> None:
    config = SmilesConfig.model_validate(
        {"schedule": {"kind": "polydiff_linear", "num_timesteps": 100}, "num_molecules": 50}
    )
    with pytest.raises(ConfigError, match=r"ends at a mask rate of 0\.636"):
        Smiles(config).run(MemoryContext(tmp_path))
    findings = [f.message for f in Smiles(config).check() if f.level == "error"]
    assert len(findings) == 1


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"process": {"kind": "uniform"}}, "this process has none"),
        (
            {
                "process": {"kind": "uniform"},
                "time_sampler": {"kind": "uniform"},
                "parameterization": "subs",
            },
            "is for absorbing",
        ),
        ({"denoiser": {"kind": "dit", "width": 30, "num_heads": 4}}, "must divide width"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(
    fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        SmilesConfig.model_validate(fields)
