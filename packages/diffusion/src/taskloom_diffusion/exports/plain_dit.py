"""The transformer `dit` in plain operations, with the same names of weights: for torch.export, ONNX and Hugging Face.

It needs torch and nothing else. There is no branch on data, and rotations are real cosines and sines.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class PlainNorm(nn.Module):
    """A layer norm without a bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.weight)


class PlainNear(nn.Module):
    """Every channel's weighted sum over a few neighbours on both sides."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.taps = nn.ParameterList([nn.Parameter(torch.empty(width)) for _ in range(reach)])

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        kernel = torch.stack(list(self.taps), dim=1)[:, None]
        plane = (x * inside).transpose(1, 2)
        near = functional.conv1d(plane, kernel, padding=len(self.taps) // 2, groups=len(kernel))
        return near.transpose(1, 2)


class PlainAttention(nn.Module):
    """Bidirectional attention with rotary positions."""

    def __init__(self, width: int, num_heads: int, *, unit: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.sharpness = nn.Parameter(torch.ones(num_heads)) if unit else None
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, angle: Tensor, maskable: Tensor) -> Tensor:
        query, key, value = (self._heads(part) for part in self.qkv(x).chunk(3, -1))
        query, key = self._turned(query, angle), self._turned(key, angle)
        if self.sharpness is not None:
            query = query * self.sharpness[:, None, None]
        keys = maskable[:, None, None, :]
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)

    def _turned(self, x: Tensor, angle: Tensor) -> Tensor:
        if self.sharpness is not None:
            x = x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
        # The first half of a head has the real parts, the second the imaginary ones.
        real, imaginary = x.chunk(2, -1)
        cos, sin = angle.cos(), angle.sin()
        return torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], -1)


class PlainBlock(nn.Module):
    """One transformer block, perhaps shifted, scaled and gated by the noise level."""

    def __init__(
        self,
        width: int,
        num_heads: int,
        hidden: int,
        reach: int,
        *,
        unit: bool,
        time: bool,
        last: bool,
    ) -> None:
        super().__init__()
        self.attention_norm = PlainNorm(width)
        self.attention_near = PlainNear(width, reach) if reach else None
        self.attention = PlainAttention(width, num_heads, unit=unit)
        self.mlp_norm = PlainNorm(width)
        self.mlp_near = PlainNear(width, reach) if reach and not last else None
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.modulation = nn.Linear(width, 6 * width) if time else None

    def forward(self, x: Tensor, angle: Tensor, maskable: Tensor, time: Tensor | None) -> Tensor:
        zero = x.new_zeros(())
        shift1, scale1, gate1, shift2, scale2, gate2 = [zero] * 6
        if self.modulation is not None and time is not None:
            vectors = self.modulation(time)[:, None]
            shift1, scale1, gate1, shift2, scale2, gate2 = vectors.chunk(6, -1)
        inside = maskable[..., None].to(x.dtype)
        inner = shift1 + self.attention_norm(x) * (1 + scale1)
        if self.attention_near is not None:
            inner = inner + self.attention_near(inner, inside)
        x = x + self.attention(inner, angle, maskable) * (1 + gate1)
        inner = shift2 + self.mlp_norm(x) * (1 + scale2)
        if self.mlp_near is not None:
            inner = inner + self.mlp_near(inner, inside)
        mixed: Tensor = x + self.down(functional.gelu(self.up(inner))) * (1 + gate2)
        return mixed


class PlainTime(nn.Module):
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
        embedded: Tensor = self.layers(torch.cat([angle.cos(), angle.sin()], dim=-1))
        return embedded


class PlainDiT(nn.Module):
    """The network: logits of every clean token from all noised ones.

    Args:
        vocab_size: Tokens.
        max_length: Longest sequence [tokens].
        fields: Of the component `dit`.
    """

    def __init__(self, vocab_size: int, max_length: int, **fields: float | bool) -> None:
        super().__init__()
        width, heads, layers = (int(fields[n]) for n in ("width", "num_heads", "num_layers"))
        self.head_width, timed = width // heads, bool(fields["time_conditioning"])
        self.embedding = nn.Embedding(vocab_size, width)
        self.from_start = nn.Embedding(max_length, width)
        self.from_end = nn.Embedding(max_length, width)
        self.time = PlainTime(width) if timed else None
        sizes = (width, heads, int(fields["mlp_ratio"] * width), int(fields["convolution"]))
        unit = bool(fields["query_key_norm"])
        self.blocks = nn.ModuleList(
            PlainBlock(*sizes, unit=unit, time=timed, last=i == layers - 1) for i in range(layers)
        )
        self.norm = PlainNorm(width)
        self.head = nn.Linear(width, vocab_size)

    def forward(self, tokens: Tensor, maskable: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return logits (B, L, V).

        Args:
            tokens: Noised tokens (B, L), int64.
            maskable: Positions of the sequences (B, L), bool.
            noise: Noise level of each row (B,), float32, for a network that is told it.
        """
        place = torch.arange(tokens.shape[1], device=tokens.device)
        start = place.clamp_max(self.from_start.num_embeddings - 1)
        end = (maskable.sum(1, keepdim=True) - 1 - start).clamp_min(0)
        x = self.embedding(tokens) + self.from_start(start) + self.from_end(end)
        steps = torch.arange(0, self.head_width, 2, device=tokens.device).float() / self.head_width
        angle = place.float()[:, None] * 10000.0 ** (-steps)
        time = None if self.time is None or noise is None else self.time(noise)
        for block in self.blocks:
            x = block(x, angle, maskable, time)
        logits: Tensor = self.head(self.norm(x))
        return logits
