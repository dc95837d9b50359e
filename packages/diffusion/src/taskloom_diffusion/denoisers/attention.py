"""Rotary self-attention that stays fast in bf16 on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from taskloom_diffusion.denoisers.linear import Linear


def rotary_table(length: int, head_width: int, device: torch.device) -> Tensor:
    """Return cosines and sines (2, L, head_width / 2) of the rotary embedding (Su et al. 2021), base 10000."""
    frequency = 10000.0 ** (-torch.arange(0, head_width, 2, device=device).float() / head_width)
    angle = torch.arange(length, device=device).float()[:, None] * frequency
    return torch.stack([angle.cos(), angle.sin()])


def rotate(heads: Tensor, table: Tensor) -> Tensor:
    """Rotate (..., L, H) pairs: the first half of a head is the real part, the second half the imaginary part."""
    real, imaginary = heads.chunk(2, dim=-1)
    cos, sin = table.to(heads.dtype)
    return torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=-1)


def picked(x: Tensor, rows: Tensor | None) -> Tensor:
    """Return positions (R, W) of the flattened batch (B, L, W); None is all, as they are."""
    return x if rows is None else x.flatten(0, 1).index_select(0, rows)


class SelfAttention(nn.Module):
    """Bidirectional multi-head attention with rotary positions and an optional mask of valid keys."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = Linear(width, 3 * width, bias=False)
        self.out = Linear(width, width, bias=False)

    def forward(
        self, x: Tensor, table: Tensor, keys: Tensor | None, rows: Tensor | None = None
    ) -> Tensor:
        """Attend from every position to every valid one.

        Args:
            x: (B, L, W).
            table: From `rotary_table`.
            keys: (B, 1, 1, L) bool, True where a key may be attended to; None if all may.
            rows: Positions (R,) of the flattened batch whose results alone are wanted; the result is then (R, W).
        """
        batch, length, _ = x.shape
        heads = self.qkv(x).view(batch, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key = rotate(heads[0], table), rotate(heads[1], table)
        mixed = _attend(query, key, heads[2], keys)
        joined: Tensor = self.out(picked(mixed.transpose(1, 2).flatten(2), rows))
        return joined


def _attend(query: Tensor, key: Tensor, value: Tensor, keys: Tensor | None) -> Tensor:
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        return _product_attention(query, key, value, keys)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)


def _product_attention(query: Tensor, key: Tensor, value: Tensor, keys: Tensor | None) -> Tensor:
    """Attend by two products and a softmax: on a CPU the fused kernel's bf16 backward is five to nine times slower."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if keys is not None:
        scores = scores.masked_fill(~keys, -torch.inf)
    # Kept out of autocast, which would widen the softmax; its own sums are in fp32 anyway.
    with torch.autocast("cpu", enabled=False):
        weights = scores.softmax(-1)
    mixed: Tensor = weights @ value
    return mixed
