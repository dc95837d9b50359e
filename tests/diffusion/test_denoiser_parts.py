"""The parts of the transformer that are computed in ways of our own, against plain loops and torch's gradients."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from taskloom_diffusion.accelerated.local_attention import ShortConvolution
from taskloom_diffusion.accelerated.local_kernels import near_in_blocks
from taskloom_diffusion.accelerated.rotary import turned
from taskloom_diffusion.config import OptimizerSettings
from taskloom_diffusion.denoisers.attention import rotary_table
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.denoisers.dit_torch import DiTBlock
from taskloom_diffusion.training.optimizers import build_optimizer
from torch import Tensor, nn
from torch.nn import functional


def heads_and_table() -> tuple[Tensor, Tensor]:
    """Heads (B, L, H, D) in double precision, and rotations for them."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 5, 4, 6, dtype=torch.float64, generator=generator)
    return x, rotary_table(5, 2, 6, x.device).to(torch.complex128)


@pytest.mark.parametrize("normed", [False, True])
def test_turned_heads_have_the_values_and_gradients_of_their_formula(normed: bool) -> None:
    x, table = heads_and_table()
    factor = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64) if normed else None
    plain = torch.view_as_complex(x.unflatten(-1, (3, 2))) * table
    expected = torch.view_as_real(plain).flatten(-2)
    if factor is not None:
        expected = factor[:, None] * torch.nn.functional.rms_norm(expected, (6,), eps=1e-6)
    torch.testing.assert_close(turned(x, table, factor), expected)
    asked = (x.requires_grad_(), table, None if factor is None else factor.requires_grad_())
    assert torch.autograd.gradcheck(turned, asked)


def test_turned_heads_of_zeros_are_zero_and_keep_half_precision() -> None:
    x, table = heads_and_table()
    assert turned(torch.zeros_like(x), table, torch.ones(4)).eq(0).all()
    half = turned(x.bfloat16(), table.to(torch.complex64), torch.ones(4))
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.double(), turned(x, table, torch.ones(4)), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("streams", [1, 2, 3])
@pytest.mark.parametrize(("size", "taps"), [(1, 5), (2, 5), (3, 3), (4, 9), (12, 5)])
def test_convolution_in_blocks_sums_clean_ones_before_its_own_inside_and_none_after(
    size: int, taps: int, streams: int
) -> None:
    generator = torch.Generator().manual_seed(size)
    length, reach = 12, taps // 2
    x = torch.randn(2, streams * length, 3, dtype=torch.float64, generator=generator)
    weights = torch.randn(taps, 3, dtype=torch.float64, generator=generator)
    ends = torch.randn(2, reach, 3, dtype=torch.float64, generator=generator)
    got = near_in_blocks(x, weights, size, length, ends)
    for stream in range(streams):
        for i in range(length):
            expected = torch.zeros(2, 3, dtype=torch.float64)
            for o in range(-reach, reach + 1):
                j, block = i + o, i // size
                if j < 0:
                    expected += weights[reach + o] * ends[:, reach + j]
                elif j // size < block:
                    expected += weights[reach + o] * x[:, j]
                elif j // size == block and j < length:
                    expected += weights[reach + o] * x[:, stream * length + j]
            torch.testing.assert_close(got[:, stream * length + i], expected)
    asked = (x.requires_grad_(), weights.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: near_in_blocks(a, b, size, length), asked)


@pytest.mark.parametrize("reach", [1, 5, 9])
def test_short_convolution_is_the_sum_over_neighbours(reach: int) -> None:
    """Of its own sequence only: what stands in the padding, or in another row, has no weight."""
    generator = torch.Generator().manual_seed(reach)
    near = ShortConvolution(3, reach).double()
    x = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    lengths = (7, 4)
    keys = (torch.arange(7) < torch.tensor(lengths)[:, None])[:, None, None, :]
    got = near(x, keys)
    for row, length in enumerate(lengths):
        for place in range(length):
            expected = torch.zeros(3, dtype=torch.float64)
            for number, tap in enumerate(near.taps):
                neighbour = place + number - reach // 2
                if 0 <= neighbour < length:
                    expected += tap.detach() * x[row, neighbour]
            torch.testing.assert_close(got[row, place], expected)


def test_convolution_reaches_as_far_on_both_sides() -> None:
    with pytest.raises(ValidationError, match="convolution = 4 must be odd"):
        DiT(convolution=4)


def test_parts_can_be_left_out() -> None:
    plain = DiT(width=16, num_layers=2, num_heads=2, convolution=0, query_key_norm=False)
    names = [name for name, _ in plain.build(8, 12).named_parameters()]
    assert not [name for name in names if "near" in name or "sharpness" in name]


def test_muon_leaves_short_convolutions_alone() -> None:
    """They are weights of neighbours, not maps between spaces: no optimizer may orthogonalise or decay them."""
    model = DiT(width=16, num_layers=2, num_heads=2).build(8, 12)
    optimizer = build_optimizer(model, OptimizerSettings(algorithm="muon"))
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    taps = [p for name, p in model.named_parameters() if "near" in name or "sharpness" in name]
    assert (
        len(taps) == 2 * 5 + 5 + 2
    )  # two convolutions, but one in the last block; a factor per head in each
    assert not any(groups[id(p)]["muon"] or groups[id(p)]["weight_decay"] for p in taps)


def test_adaptive_block_shifts_scales_and_gates_as_the_formula_says() -> None:
    """x + g1 A(s1 N(x) + b1), then the same around the feed-forward layer; a chosen position has its own row's vectors."""
    torch.manual_seed(6)
    block = DiTBlock(
        8, 2, hidden=32, reach=0, unit=True, time=True, dropout=0.0, last=True
    ).double()
    assert block.modulation is not None
    nn.init.normal_(block.modulation.weight)
    nn.init.normal_(block.modulation.bias)
    x = torch.randn(3, 5, 8, dtype=torch.float64)
    time = torch.randn(3, 8, dtype=torch.float64)
    table = rotary_table(5, 2, 4, x.device)
    b1, s1, g1, b2, s2, g2 = (v[:, None] for v in block.modulation(time).split(8, dim=-1))
    middle = x + (1 + g1) * block.attention(block.attention_norm(x) * (1 + s1) + b1, table, None)
    inner = block.mlp_norm(middle) * (1 + s2) + b2
    hidden = functional.gelu(functional.linear(inner, block.up.weight, block.up.bias))
    expected = middle + (1 + g2) * block.down(hidden)
    torch.testing.assert_close(block(x, table, None, time), expected)
    rows = torch.tensor([1, 4, 7, 14])
    torch.testing.assert_close(block(x, table, None, time, rows), expected.flatten(0, 1)[rows])
