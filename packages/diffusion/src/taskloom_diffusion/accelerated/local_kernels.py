"""The short convolution of a sequence that is read in blocks, with the gradient by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class _NearInBlocks(torch.autograd.Function):
    """y_i = sum_o tap_o x_(i + o) over o whose i + o is in i's block, and clean ones over o before it.

    Every offset is a product of whole arrays. Torch's convolutions want the blocks copied side by side first, and their gradient
    of the taps is slow: in all seven times as long.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 -- torch's own type
        x: Tensor,
        taps: Tensor,
        ends: Tensor | None,
        sizes: tuple[int, int],
    ) -> Tensor:
        size, length = sizes
        reach, blocks = len(taps) // 2, _blocks(x, size, length)
        out = torch.empty_like(blocks)
        # Noised blocks look back at clean neighbours, so the clean stream alone is shifted.
        past = _past(x, ends, length, reach)
        torch.mul(blocks, taps[reach], out=out)
        for o, here, there in _inside(size, reach):
            out[:, :, :, here].addcmul_(blocks[:, :, :, there], taps[reach + o])
        for p, o in _before(size, reach):
            clean = past[:, _every(p + o, size, length, reach)]
            out[:, :, :, p].addcmul_(clean[:, None], taps[reach + o])
        ctx.save_for_backward(x, taps)
        ctx.sizes = sizes
        return out.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 -- torch's own type
        x, taps = ctx.saved_tensors
        size, length = ctx.sizes
        reach, blocks = len(taps) // 2, _blocks(x, size, length)
        grad = _blocks(grad_outputs[0].contiguous(), size, length)
        to_x, to_taps = torch.empty_like(blocks), torch.zeros_like(taps)
        torch.mul(grad, taps[reach], out=to_x)
        to_taps[reach] = _over_rows(grad, blocks)
        for o, here, there in _inside(size, reach):
            to_x[:, :, :, there].addcmul_(grad[:, :, :, here], taps[reach + o])
            to_taps[reach + o] += _over_rows(grad[:, :, :, here], blocks[:, :, :, there])
        # Ends of a memory get no gradient: nothing is trained while sampling.
        past = _past(x, None, length, reach)
        to_past = torch.zeros_like(past)
        for p, o in _before(size, reach):
            chosen, shared = _every(p + o, size, length, reach), grad[:, :, :, p].sum(1)
            to_past[:, chosen].addcmul_(shared, taps[reach + o])
            to_taps[reach + o] += _over_rows(shared, past[:, chosen])
        to_all = to_x.view(x.shape)
        # What stands before the sequence is a constant, so its part is cut off.
        to_all[:, :length] += to_past[:, reach:]
        return to_all, to_taps, None, None


def _blocks(x: Tensor, size: int, length: int) -> Tensor:
    """Return streams side by side (B, n L, W) as (B, n, blocks, S, W)."""
    return x.view(len(x), x.shape[1] // length, length // size, size, x.shape[-1])


def _past(x: Tensor, ends: Tensor | None, length: int, reach: int) -> Tensor:
    """Return the clean stream after what stood before it, which is zero at the beginning (B, reach + L, W)."""
    clean = x[:, :length]
    return functional.pad(clean, (0, 0, reach, 0)) if ends is None else torch.cat([ends, clean], 1)


def _inside(size: int, reach: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield offsets other than 0 with the positions of a block that they lead from and to, both inside."""
    for o in range(-reach, reach + 1):
        if o and abs(o) < size:
            yield o, slice(max(0, -o), size - max(0, o)), slice(max(0, o), size + min(0, o))


def _before(size: int, reach: int) -> Iterator[tuple[int, int]]:
    """Yield positions of a block and offsets that lead before it."""
    for p in range(min(size, reach)):
        for o in range(-reach, -p):
            yield p, o


def _every(place: int, size: int, length: int, reach: int) -> slice:
    """Return where a place relative to its block is, for every block, in what `_past` returns."""
    first = reach + place
    return slice(first, first + length - size + 1, size)


def _over_rows(left: Tensor, right: Tensor) -> Tensor:
    """Return the sum of products over all but the last dimension."""
    return (left * right).flatten(0, -2).sum(0)


def near_in_blocks(
    x: Tensor, taps: Tensor, size: int, length: int, ends: Tensor | None = None
) -> Tensor:
    """Return the sums over neighbours (B, n L, W): clean ones before the block, its own inside, none after it.

    Args:
        x: Streams side by side, each of `length` positions; the first one is clean.
        taps: Weights (2 reach + 1, W).
        size: Positions of a block S.
        length: Positions of a stream L, whole blocks.
        ends: Clean vectors before the first position (B, reach, W), which get no gradient; None at the beginning.
    """
    sums: Tensor = _NearInBlocks.apply(x, taps, ends, (size, length))  # type: ignore[no-untyped-call]  # torch's own
    return sums
