"""Rotary self-attention that stays fast in bf16 on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from taskloom_diffusion.accelerated.rotary import turned
from taskloom_diffusion.denoisers.linear import LinearLayer, linear


def rotary_table(length: int, num_heads: int, head_width: int, device: torch.device) -> Tensor:
    """Return the rotary embedding exp(i angle), base 10000 (Su et al. 2021), once for every head.

    Returns:
        (L, 2 * num_heads, head_width / 2) complex64, for the heads of queries and of keys. Repeating it lets one pass over
        consecutive numbers do the whole product.
    """
    frequency = 10000.0 ** (-torch.arange(0, head_width, 2, device=device).float() / head_width)
    angle = torch.arange(length, device=device).float()[:, None] * frequency
    turn = torch.polar(torch.ones_like(angle), angle)
    return turn[:, None].expand(-1, 2 * num_heads, -1).contiguous()


def paired(weight: Tensor, num_heads: int) -> Tensor:
    """Return the rows of the projection (3 W, W) with the two halves of each head of queries and keys interleaved.

    Weights are kept with real parts in the first half of a head and imaginary parts in the second. Side by side they can be
    multiplied as complex numbers; moving rows of weights is cheaper than moving activations.
    """
    width = weight.shape[1]
    heads, values = torch.split(weight, [2 * width, width])
    rows = heads.view(2 * num_heads, 2, -1, width).transpose(1, 2).flatten(0, 2)
    return torch.cat([rows, values])


def picked(x: Tensor, rows: Tensor | None) -> Tensor:
    """Return positions (R, W) of the flattened batch (B, L, W); None is all, as they are."""
    return x if rows is None else x.flatten(0, 1).index_select(0, rows)


class SelfAttention(nn.Module):
    """Bidirectional multi-head attention with rotary positions and an optional mask of valid keys.

    Args:
        width: Width of the stream.
        num_heads: Heads.
        unit: Whether queries and keys have unit root mean square, times a learned factor per head (Henry et al. 2020).
    """

    def __init__(self, width: int, num_heads: int, *, unit: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.sharpness = nn.Parameter(torch.ones(num_heads)) if unit else None
        self.qkv = LinearLayer(width, 3 * width, bias=False)
        self.out = LinearLayer(width, width, bias=False)

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
        query, key, value = self.project(x, table)
        return self.join(_attend(query, key, value, keys), rows)

    def project(self, x: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values (B, H, L, D) of (B, L, W), rotated by a table from `rotary_table`."""
        (batch, length, width), num_heads = x.shape, self.num_heads
        joint = linear(x, paired(self.qkv.weight, num_heads), None)
        both, value = torch.split(joint, [2 * width, width], dim=-1)
        heads = both.view(batch, length, 2 * num_heads, -1)
        factor = None
        if self.sharpness is not None:
            factor = torch.cat([self.sharpness, torch.ones_like(self.sharpness)])
        heads = turned(heads, table, factor)
        query, key = heads.view(batch, length, 2, num_heads, -1).unbind(2)
        value = value.view(batch, length, num_heads, -1)
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def join(self, mixed: Tensor, rows: Tensor | None) -> Tensor:
        """Return what the heads mixed (B, H, L, D) as one stream (B, L, W), or at some positions only (R, W)."""
        joined: Tensor = self.out(picked(mixed.transpose(1, 2).flatten(2), rows))
        return joined


def _attend(query: Tensor, key: Tensor, value: Tensor, keys: Tensor | None) -> Tensor:
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        return _product_attention(query, key, value, keys)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)


def _product_attention(query: Tensor, key: Tensor, value: Tensor, keys: Tensor | None) -> Tensor:
    """Attend by two products and a softmax: on a CPU the fused kernel's bf16 backward is five to nine times slower."""
    products = scores(query, key)
    if keys is not None:
        products = products.masked_fill(~keys, -torch.inf)
    # Kept out of autocast, which would widen the softmax; its own sums are in fp32 anyway.
    with torch.autocast("cpu", enabled=False):
        weights = products.softmax(-1)
    mixed: Tensor = weights @ value
    return mixed


def scores(query: Tensor, key: Tensor) -> Tensor:
    """Return scaled products (..., N, T) of queries (..., N, D) and keys (..., T, D)."""
    left, right = query.flatten(0, -3), key.flatten(0, -3).transpose(1, 2)
    # The scale comes with the product; apart it would be a pass over all queries.
    products = torch.baddbmm(
        query.new_zeros(()), left, right, beta=0, alpha=query.shape[-1] ** -0.5
    )
    return products.view(*query.shape[:-1], key.shape[-2])
