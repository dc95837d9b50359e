"""Attention of blocks to clean ones before them and to themselves, under one softmax, with the gradient by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taskloom_diffusion.blocks import as_blocks

_FEW = 32  # terms of a sum in half precision; their sum is rounded once


class _AttendInBlocks(torch.autograd.Function):
    """y = (E U + F V) / (sum E + sum F), E the exponentials of the products with far keys and F with those of the own block.

    Under an ordinary softmax the two would be copied side by side, apart again, and once more on the way back; they are the
    largest arrays of a training step.
    """

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:  # noqa: ANN401 -- torch's own type
        query, key, value, far_key, far_value, seen, inside = tensors
        size, scale = inside.shape[-1], query.shape[-1] ** -0.5
        asking, own_key, own_value = (_flat_blocks(x, size) for x in (query, key, value))
        queries, far_keys, far_values = (x.flatten(0, 1) for x in (query, far_key, far_value))
        bias = query.new_zeros(seen.shape).masked_fill(~seen, -torch.inf)
        far = torch.baddbmm(bias, queries, far_keys.transpose(1, 2), alpha=scale)
        own = (asking @ own_key.transpose(-1, -2)).mul_(scale)
        _rows(own, inside).masked_fill_(~inside[:, None, :, None], -torch.inf)
        near = own.view(*far.shape[:2], size)
        highest = torch.maximum(far.amax(-1, keepdim=True), near.amax(-1, keepdim=True))
        # What has no key at all, in blocks of padding, is zero and not 0/0.
        highest.clamp_min_(torch.finfo(highest.dtype).min)
        far.sub_(highest).exp_()
        near.sub_(highest).exp_()
        total = _sum(far) + _sum(near)
        share = total.clamp_min_(torch.finfo(total.dtype).tiny).reciprocal_().to(query.dtype)
        far.mul_(share)
        near.mul_(share)
        mixed = torch.bmm(far, far_values).add_((own @ own_value).view_as(queries))
        ctx.save_for_backward(
            queries, far_keys, far_values, far, asking, own_key, own_value, own, mixed
        )
        return mixed.view(query.shape)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        queries, far_keys, far_values, far, asking, own_key, own_value, own, mixed = (
            ctx.saved_tensors
        )
        (grad,) = grad_outputs
        size, scale = own.shape[-1], queries.shape[-1] ** -0.5
        rows = grad.flatten(0, 1)
        blocks = as_blocks(rows, size)
        wide = torch.float64 if grad.dtype == torch.float64 else torch.float32
        mean = (rows.to(wide) * mixed.to(wide)).sum(-1, keepdim=True).to(grad.dtype)
        to_far = torch.bmm(rows, far_values.transpose(1, 2)).sub_(mean).mul_(far)
        to_own = (blocks @ own_value.transpose(-1, -2)).sub_(as_blocks(mean, size)).mul_(own)
        from_own = (to_own @ own_key).view_as(queries)
        to_query = torch.baddbmm(from_own, to_far, far_keys, alpha=scale, beta=scale)
        to_key = (to_own.transpose(-1, -2) @ asking).mul_(scale)
        to_value = own.transpose(-1, -2) @ blocks
        nothing = rows.new_zeros(())
        to_far_key = torch.baddbmm(nothing, to_far.transpose(1, 2), queries, beta=0, alpha=scale)
        to_far_value = torch.bmm(far.transpose(1, 2), rows)
        near, distant = grad.shape, (*grad.shape[:2], *far_keys.shape[1:])
        grads = (to_query.view(near), to_key.view(near), to_value.view(near))
        return *grads, to_far_key.view(distant), to_far_value.view(distant), None, None


def _sum(weights: Tensor) -> Tensor:
    """Return the sums over the last dimension, in fp32 or wider."""
    wide = torch.float64 if weights.dtype == torch.float64 else torch.float32
    if weights.dtype == wide or weights.shape[-1] % _FEW:
        return weights.sum(-1, keepdim=True, dtype=wide)
    # Half precision is widened element by element first, which takes longer than the sum; a few at a time are summed without.
    return as_blocks(weights, _FEW, -1).sum(-1).sum(-1, keepdim=True, dtype=wide)


def _flat_blocks(x: Tensor, size: int) -> Tensor:
    """Return heads (B, H, N, D) as blocks (B H, N / S, S, D)."""
    return as_blocks(x.flatten(0, 1), size)


def _rows(own: Tensor, inside: Tensor) -> Tensor:
    """Return products (B H, blocks, S, S) as (B, H, blocks, S, S) in the same memory."""
    return own.view(len(inside), -1, *own.shape[1:])


def attend_in_blocks(
    own: tuple[Tensor, Tensor, Tensor],
    far: tuple[Tensor, Tensor],
    seen: Tensor,
    inside: Tensor,
) -> Tensor:
    """Return what attention mixes for each position (B, H, N, D).

    Args:
        own: Queries, keys and values (B, H, N, D) of whole blocks.
        far: Keys and values (B, H, T, D) of clean blocks.
        seen: Which far ones each position looks at (N, T).
        inside: Which positions of the blocks are looked at by their own block (B, N / S, S).
    """
    mixed: Tensor = _AttendInBlocks.apply(*own, *far, seen, inside)  # type: ignore[no-untyped-call]  # torch's own
    return mixed
