"""One block of the DiT, pre-norm and rotary, and the embedding of the noise level that conditions it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from taskloom_diffusion.accelerated.block_attention import Reading
from taskloom_diffusion.accelerated.local_attention import ShortConvolution
from taskloom_diffusion.denoisers.attention import SelfAttention, picked
from taskloom_diffusion.denoisers.linear import LinearGelu, LinearLayer


class NoiseEmbedding(nn.Module):
    """Sinusoids of the noise level through two layers (B,) -> (B, W)."""

    def __init__(self, width: int, num_frequencies: int = 64) -> None:
        super().__init__()
        self.num_frequencies = num_frequencies
        self.layers = nn.Sequential(
            nn.Linear(2 * num_frequencies, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )

    def forward(self, noise: Tensor) -> Tensor:
        steps = torch.arange(self.num_frequencies, device=noise.device) / self.num_frequencies
        angle = 1000.0 * noise[:, None] * torch.exp(-math.log(10000.0) * steps)
        waves = torch.cat([angle.cos(), angle.sin()], dim=-1)
        embedded: Tensor = self.layers(waves.to(next(self.parameters()).dtype))
        return embedded


class DiTBlock(nn.Module):
    """One transformer block; with time, six vectors per block shift, scale and gate it (adaLN-zero).

    Args:
        width: Width of the residual stream.
        num_heads: Attention heads.
        hidden: Width of the feed-forward layer.
        reach: Positions of each short convolution; 0 is none.
        unit: Whether queries and keys have unit root mean square.
        time: Whether the noise level reaches the block.
        dropout: Dropout on the residual branches.
        last: Whether it is the last block, whose feed-forward layer may be asked for some positions only and therefore
            does not look at neighbours.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        hidden: int,
        reach: int,
        *,
        unit: bool,
        time: bool,
        dropout: float,
        last: bool,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.attention_near = ShortConvolution(width, reach) if reach else None
        self.attention = SelfAttention(width, num_heads, unit=unit)
        self.mlp_norm = nn.LayerNorm(width, bias=False)
        self.mlp_near = ShortConvolution(width, reach) if reach and not last else None
        self.up = LinearGelu(width, hidden)
        self.down = LinearLayer(hidden, width)
        self.dropout = dropout
        self.modulation: nn.Linear | None = None
        if time:
            self.adapt(width)

    def adapt(self, width: int) -> None:
        """Let norms follow a vector (B, W), if they do not yet; at first it changes nothing."""
        if self.modulation is None:
            self.modulation = nn.Linear(width, 6 * width)
            nn.init.zeros_(self.modulation.weight)
            nn.init.zeros_(self.modulation.bias)

    def forward(
        self,
        x: Tensor,
        table: Tensor,
        keys: Tensor | None,
        time: Tensor | None,
        rows: Tensor | None = None,
    ) -> Tensor:
        if self.modulation is None or time is None:
            inner = _with_neighbours(self.attention_norm(x), self.attention_near, keys)
            x = picked(x, rows) + self._drop(self.attention(inner, table, keys, rows))
            inner = _with_neighbours(self.mlp_norm(x), self.mlp_near, keys)
            plain: Tensor = x + self._drop(self._mlp(inner))
            return plain
        vectors = self.modulation(time)[:, None]
        shift1, scale1, *_ = vectors.chunk(6, -1)
        inner = torch.addcmul(shift1, self.attention_norm(x), 1 + scale1)
        inner = _with_neighbours(inner, self.attention_near, keys)
        mixed = self._drop(self.attention(inner, table, keys, rows))
        if rows is not None:
            vectors = vectors[:, 0].index_select(0, rows // x.shape[1])
        _, _, gate1, shift2, scale2, gate2 = vectors.chunk(6, -1)
        # Gates start at 1 rather than DiT's 0: with zero weights the block is then the unconditioned one.
        x = torch.addcmul(picked(x, rows), mixed, 1 + gate1)
        inner = torch.addcmul(shift2, self.mlp_norm(x), 1 + scale2)
        inner = _with_neighbours(inner, self.mlp_near, keys)
        return torch.addcmul(x, self._drop(self._mlp(inner)), 1 + gate2)

    def in_blocks(
        self, x: Tensor, layer: int, reading: Reading, rows: Tensor | None = None
    ) -> Tensor:
        """Return the stream of the answering positions after this layer, of a sequence that is read in blocks."""
        inner = self.attention_norm(x)
        if self.attention_near is not None:
            inner = inner + reading.near(layer, "attention", self.attention_near, inner)
        query, key, value = self.attention.project(inner, reading.table)
        mixed = reading.attend(layer, query, key, value)
        x = picked(reading.answering(x), rows) + self._drop(self.attention.join(mixed, rows))
        inner = self.mlp_norm(x)
        if self.mlp_near is not None:
            inner = inner + reading.near(layer, "mlp", self.mlp_near, inner)
        return x + self._drop(self._mlp(inner))

    def _mlp(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(self.up(x))
        return out

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training) if self.dropout else x


def _with_neighbours(x: Tensor, near: ShortConvolution | None, keys: Tensor | None) -> Tensor:
    return x if near is None else x + near(x, keys)
