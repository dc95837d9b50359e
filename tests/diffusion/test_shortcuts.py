"""Shortcuts that save arithmetic change no number beyond rounding."""

from __future__ import annotations

import copy

import pytest
import torch
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.attention import (
    SelfAttention,
    _product_attention,
    rotary_table,
)
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.denoisers.linear import LinearGelu, LinearLayer
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.losses.base import Loss
from taskloom_diffusion.losses.objectives import NELBO, CrossEntropy, Hybrid, StepBound
from taskloom_diffusion.samplers.ancestral import Ancestral, AncestralCached
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.confidence import Confidence
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionTask
from torch import nn


def _task(loss: Loss | None = None, *, told: bool = False) -> DiffusionTask:
    task = DiffusionTask(
        DiT(width=32, num_layers=3, num_heads=2, time_conditioning=told),
        DiffusionSettings(loss=loss or NELBO()),
        OptimizerSettings(),
        SymbolTokenizer("char", list("abcdef")),
        max_length=16,
    )
    with torch.no_grad():  # the head starts at zero, which would hide every difference
        for parameter in task.model.parameters():
            parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    return task


def _batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    maskable = torch.arange(12) < torch.tensor([12, 9, 5, 12, 1])[:, None]
    tokens = torch.randint(3, 9, (5, 12), generator=generator)
    return {"tokens": tokens.masked_fill(~maskable, 0), "maskable": maskable}


@pytest.mark.parametrize("rows", [0, 1, 7])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_has_the_values_and_gradients_of_torchs(rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    ours, theirs = LinearLayer(6, 10, bias=bias), nn.Linear(6, 10, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, rows, 6, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    weights = torch.randn(2, rows, 10)
    mine, other = ours(x), theirs(y)
    (mine * weights).sum().backward()
    (other * weights).sum().backward()
    torch.testing.assert_close(mine, other)
    torch.testing.assert_close(x.grad, y.grad)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("grad", [False, True])
def test_activation_inside_the_product_is_the_one_after_it(grad: bool) -> None:
    torch.manual_seed(5)
    layer, x = LinearGelu(6, 10), 3 * torch.randn(2, 7, 6)
    with torch.set_grad_enabled(grad):
        ours = layer(x)
    plain = nn.functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(ours, nn.functional.gelu(plain))
    assert ours.requires_grad is grad


@pytest.mark.parametrize("masked", [False, True])
def test_attention_by_products_is_the_fused_one(masked: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    query, key, value = torch.randn(3, 2, 4, 9, 8, generator=generator)
    keys = (torch.arange(9) < torch.tensor([[9], [4]]))[:, None, None, :] if masked else None
    fused = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)
    torch.testing.assert_close(_product_attention(query, key, value, keys), fused)


@pytest.mark.parametrize("unit", [False, True])
def test_attention_is_the_textbooks(unit: bool) -> None:
    """Su et al. 2021 with the halves of a head as real and imaginary parts, on weights as they are kept."""
    torch.manual_seed(4)
    layer = SelfAttention(12, 3, unit=unit).double()
    x = torch.randn(2, 7, 12, dtype=torch.float64)
    table = rotary_table(7, 3, 4, x.device)
    query, key, value = layer.qkv(x).view(2, 7, 3, 3, 4).permute(2, 0, 3, 1, 4)
    if layer.sharpness is not None:
        layer.sharpness.data.uniform_(0.5, 2)
        query, key = nn.functional.rms_norm(torch.stack([query, key]), (4,), eps=1e-6)
        query = query * layer.sharpness[:, None, None]
    angle = torch.arange(7)[:, None] * 10000.0 ** (-torch.arange(0, 4, 2) / 4)
    cos, sin = angle.double().cos(), angle.double().sin()

    def turned(heads: torch.Tensor) -> torch.Tensor:
        real, imaginary = heads[..., :2], heads[..., 2:]
        return torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], -1)

    weights = (turned(query) @ turned(key).transpose(-1, -2) / 2).softmax(-1)
    expected = layer.out((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(x, table, None), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", [NELBO(), StepBound(num_steps=7), CrossEntropy(), Hybrid()])
@pytest.mark.parametrize("told", [False, True], ids=["untold", "told-the-noise-level"])
def test_training_skips_visible_positions_without_a_trace(loss: Loss, told: bool) -> None:
    """The same loss and gradient as from all logits, for every loss that says it looks at noised positions only."""
    short = _task(loss, told=told)
    full = copy.deepcopy(short)
    assert short.model.answers_in_part
    ask = full.model.forward
    full.model.forward = lambda z, noise, maskable, wanted=None: ask(z, noise, maskable)  # type: ignore[method-assign]
    losses = [task.training_step(_batch(), 0) for task in (short, full)]
    for value in losses:
        value.backward()
    torch.testing.assert_close(losses[0], losses[1])
    for a, b in zip(short.model.parameters(), full.model.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "sampler",
    [
        FirstHitting(),
        RandomGroups(num_calls=4),
        RandomGroups(num_calls=4, buckets="independent"),
        LeftToRight(),
        Confidence(),
        Ancestral(num_steps=9),
    ],
    ids=lambda s: s.kind,
)
@pytest.mark.parametrize("told", [False, True], ids=["untold", "told-the-noise-level"])
def test_sampler_draws_the_same_from_partial_answers(sampler: Sampler, told: bool) -> None:
    task = _task(told=told).eval()
    lengths = [3, 12, 7, 1, 16]
    short = sample_lengths(task, sampler, lengths, seed=5, batch_size=5)
    ask = task.model.forward
    task.model.forward = lambda z, noise, maskable, wanted=None: ask(z, noise, maskable)  # type: ignore[method-assign]
    full = sample_lengths(task, sampler, lengths, seed=5, batch_size=5)
    assert short.tokens == full.tokens
    assert short.mean_calls == full.mean_calls


@pytest.mark.parametrize("steps", [40])
def test_cached_chain_in_half_precision_is_the_uncached_one(steps: int) -> None:
    task = _task().eval()
    lengths = [3, 12, 7, 1, 16, 16]
    whole, cached = (
        sample_lengths(task, sampler, lengths, seed=6, batch_size=6)
        for sampler in (
            Ancestral(num_steps=steps, precision="bf16"),
            AncestralCached(num_steps=steps, precision="bf16"),
        )
    )
    assert cached.tokens == whole.tokens
    assert cached.mean_calls < whole.mean_calls == steps


def test_half_precision_reaches_the_network_and_spares_the_last_layer() -> None:
    task = _task().eval()
    seen: dict[str, torch.dtype] = {}
    first, last = task.model.blocks[0].up, task.model.output_projection
    for name, layer in (("block", first), ("head", last)):
        layer.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.dtype}))
    sample_lengths(task, FirstHitting(precision="bf16"), [4], seed=1, batch_size=1)
    assert seen == {"block": torch.bfloat16, "head": torch.float32}
