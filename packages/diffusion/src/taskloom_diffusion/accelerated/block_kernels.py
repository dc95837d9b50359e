"""Attention of blocks to clean ones before them and to themselves, under one softmax, with the gradient by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taskloom_diffusion.model.blocks import as_blocks

_CHUNK = 64  # positions that attend at a time
_FEW = 32  # terms of a sum in half precision; their sum is rounded once


class _AttendInBlocks(torch.autograd.Function):
    """y = (E U + F V) / (sum E + sum F), E the exponentials of the products with far keys and F with those of the own block.

    Under an ordinary softmax the two would be copied side by side, apart again, and once more on the way back; they are the
    largest arrays of a training step. Positions are taken a few at a time, with no more far keys than these can see.
    """

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:  # noqa: ANN401 -- torch's own type
        query, key, value, far_key, far_value, earlier, inside = tensors
        size, length = inside.shape[-1], far_key.shape[2]
        scale = query.shape[-1] ** -0.5
        asking, own_key, own_value = (_streams(x, length, size) for x in (query, key, value))
        own = (asking @ own_key.transpose(-1, -2)).mul_(scale)
        hidden = ~inside.view(len(inside), 1, *own.shape[1:3], 1, size)
        own.view(len(inside), -1, *own.shape[1:]).masked_fill_(hidden, -torch.inf)
        rows, far_keys, far_values = (
            asking.flatten(2, 3),
            far_key.flatten(0, 1),
            far_value.flatten(0, 1),
        )
        # Added in the product itself: a mask of its own would be one more pass over the largest array.
        bias = query.new_zeros(earlier.shape).masked_fill(~earlier, -torch.inf)
        mixed, weights = torch.empty_like(rows), []
        for first, last in _chunks(length, size):
            part, blocks = slice(first, last), slice(first // size, last // size)
            queries = rows[:, :, part].flatten(1, 2)
            mask = bias[part, :last].repeat(rows.shape[1], 1)
            far = torch.baddbmm(mask, queries, far_keys[:, :last].transpose(1, 2), alpha=scale)
            near = own[:, :, blocks].reshape(*queries.shape[:2], size)
            # Under one softmax: apart, each part would have to be weighted by its share afterwards.
            _normalise(far, near)
            own[:, :, blocks] = near.view(own[:, :, blocks].shape)
            mixed[:, :, part] = torch.bmm(far, far_values[:, :last]).view(mixed[:, :, part].shape)
            weights.append(far)
        # All blocks' own parts at once; only the far ones grow with the length.
        mixed.add_((own @ own_value).view_as(mixed))
        ctx.save_for_backward(
            asking, own_key, own_value, own, far_keys, far_values, mixed, *weights
        )
        return mixed.view(query.shape)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 -- torch's own type
        asking, own_key, own_value, own, far_keys, far_values, mixed, *weights = ctx.saved_tensors
        (grad,) = grad_outputs
        size, length, scale = own.shape[-1], far_keys.shape[1], own_key.shape[-1] ** -0.5
        blocks = _streams(grad, length, size)
        along, rows, asked = blocks.flatten(2, 3), asking.flatten(2, 3), _wide(grad.dtype)
        # The softmax's gradient takes the mean of dy over the weights away, and that mean is dy times y.
        mean = (along.to(asked) * mixed.to(asked)).sum(-1, keepdim=True).to(grad.dtype)
        to_own = (blocks @ own_value.transpose(-1, -2)).sub_(as_blocks(mean, size, 2)).mul_(own)
        to_own.mul_(scale)
        to_query = (to_own @ own_key).flatten(2, 3)
        to_key, to_value = to_own.transpose(-1, -2) @ asking, own.transpose(-1, -2) @ blocks
        # Summed over all chunks, in fp32: in half precision late chunks would be rounded away.
        to_far_key = torch.zeros_like(far_keys, dtype=asked)
        to_far_value = torch.zeros_like(far_values, dtype=asked)
        for (first, last), far in zip(_chunks(length, size), weights, strict=True):
            part = slice(first, last)
            above, queries = along[:, :, part].flatten(1, 2), rows[:, :, part].flatten(1, 2)
            to_far = torch.bmm(above, far_values[:, :last].transpose(1, 2))
            to_far.sub_(mean[:, :, part].flatten(1, 2)).mul_(far)
            from_far = torch.bmm(to_far, far_keys[:, :last]).view(to_query[:, :, part].shape)
            to_query[:, :, part].add_(from_far, alpha=scale)
            to_far_key[:, :last].add_(torch.bmm(to_far.transpose(1, 2), queries), alpha=scale)
            to_far_value[:, :last].add_(torch.bmm(far.transpose(1, 2), above))
        own_grads = (part.reshape(grad.shape) for part in (to_query, to_key, to_value))
        shape = (*grad.shape[:2], *far_keys.shape[1:])
        far_grads = (part.to(grad.dtype).view(shape) for part in (to_far_key, to_far_value))
        return *own_grads, *far_grads, None, None


def _streams(x: Tensor, length: int, size: int) -> Tensor:
    """Return heads of streams side by side (B, H, n L, D) as (B H, n, L / S, S, D)."""
    return as_blocks(as_blocks(x.flatten(0, 1), length), size, 2)


def _chunks(length: int, size: int) -> list[tuple[int, int]]:
    """Return first and last positions of a few whole blocks."""
    step = max(1, _CHUNK // size) * size
    return [(first, min(first + step, length)) for first in range(0, length, step)]


def _normalise(far: Tensor, near: Tensor) -> None:
    """Turn products into the weights of one softmax over both."""
    highest = torch.maximum(far.amax(-1, keepdim=True), near.amax(-1, keepdim=True))
    # What has no key at all, in blocks of padding, is zero and not 0/0.
    highest.clamp_min_(torch.finfo(highest.dtype).min)
    far.sub_(highest).exp_()
    near.sub_(highest).exp_()
    total = _sum(far) + _sum(near)
    share = total.clamp_min_(torch.finfo(total.dtype).tiny).reciprocal_().to(far.dtype)
    far.mul_(share)
    near.mul_(share)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def _sum(weights: Tensor) -> Tensor:
    """Return the sums over the last dimension, in fp32 or wider."""
    wide = _wide(weights.dtype)
    if weights.dtype == wide or weights.shape[-1] % _FEW:
        return weights.sum(-1, keepdim=True, dtype=wide)
    # Half precision is widened element by element first, which takes longer than the sum; a few at a time are summed without.
    return as_blocks(weights, _FEW, -1).sum(-1).sum(-1, keepdim=True, dtype=wide)


def attend_in_blocks(
    own: tuple[Tensor, Tensor, Tensor],
    far: tuple[Tensor, Tensor],
    earlier: Tensor,
    inside: Tensor,
) -> Tensor:
    """Return what attention mixes for each position (B, H, n L, D).

    Args:
        own: Queries, keys and values (B, H, n L, D) of n sequences side by side, of whole blocks.
        far: Keys and values (B, H, L, D) of the clean sequence.
        earlier: Which far ones each position looks at (L, L): those of earlier blocks.
        inside: Which positions of the blocks are looked at by their own block (B, n L / S, S).
    """
    mixed: Tensor = _AttendInBlocks.apply(*own, *far, earlier, inside)  # type: ignore[no-untyped-call]  # torch's own
    return mixed
