"""The parts of the transformer that are computed in ways of our own, against plain loops and torch's gradients."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from taskloom_diffusion.config import OptimizerSettings
from taskloom_diffusion.denoisers.base import Dit
from taskloom_diffusion.denoisers.near import ShortConvolution
from taskloom_diffusion.denoisers.unit import unit_rms
from taskloom_diffusion.training.optimizers import build_optimizer


def test_unit_rms_has_the_values_and_gradients_of_its_formula() -> None:
    x = torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(unit_rms(x), torch.nn.functional.rms_norm(x, (6,), eps=1e-6))
    assert torch.autograd.gradcheck(unit_rms, (x,))


def test_unit_rms_of_zeros_is_zero_and_keeps_half_precision() -> None:
    assert unit_rms(torch.zeros(2, 5)).eq(0).all()
    assert unit_rms(torch.ones(2, 5, dtype=torch.bfloat16)).dtype == torch.bfloat16


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
        Dit(convolution=4)


def test_parts_can_be_left_out() -> None:
    plain = Dit(width=16, num_layers=2, num_heads=2, convolution=0, query_key_norm=False)
    names = [name for name, _ in plain.build(8, 12).named_parameters()]
    assert not [name for name in names if "near" in name or "sharpness" in name]


def test_muon_leaves_short_convolutions_alone() -> None:
    """They are weights of neighbours, not maps between spaces: no optimizer may orthogonalise or decay them."""
    model = Dit(width=16, num_layers=2, num_heads=2).build(8, 12)
    optimizer = build_optimizer(model, OptimizerSettings(algorithm="muon"))
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    taps = [p for name, p in model.named_parameters() if "near" in name or "sharpness" in name]
    assert (
        len(taps) == 2 * 5 + 5 + 2
    )  # two convolutions, but one in the last block; a factor per head in each
    assert not any(groups[id(p)]["muon"] or groups[id(p)]["weight_decay"] for p in taps)
