"""A small bidirectional transformer (DiT without its image parts), pre-norm, rotary, optionally conditioned on noise."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from taskloom_diffusion.accelerated.block_attention import (
    AfterMemory,
    BlockMemory,
    Streams,
)
from taskloom_diffusion.denoisers.attention import rotary_table
from taskloom_diffusion.denoisers.dit_block import DiTBlock, NoiseEmbedding
from taskloom_diffusion.model.blocks import padded_to_blocks
from taskloom_diffusion.model.condition import Condition, ConditionEmbedding


class DiTNetwork(nn.Module):
    """The transformer: every clean token from all noised ones.

    Args:
        vocab_size: Tokens.
        max_length: Longest sequence [tokens].
        width: Width of the residual stream.
        num_layers: Blocks.
        num_heads: Attention heads.
        mlp_ratio: Width of the feed-forward layers over the width of the stream.
        convolution: Positions of each short convolution; 0 is none.
        query_key_norm: Whether queries and keys have unit root mean square.
        time_conditioning: Whether the noise level reaches the blocks.
        dropout: Dropout on the residual branches.
        noised_layers: How many of the last layers noised blocks pass; 0 is all.
    """

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        *,
        width: int,
        num_layers: int,
        num_heads: int,
        mlp_ratio: float,
        convolution: int,
        query_key_norm: bool,
        time_conditioning: bool,
        dropout: float,
        noised_layers: int,
    ) -> None:
        super().__init__()
        self.num_heads, self.head_width = num_heads, width // num_heads
        self.embedding = nn.Embedding(vocab_size, width)
        # Rotary attention over identical masks is blind: without these, an all-masked sequence has no positions and no length.
        self.from_start = nn.Embedding(max_length, width)
        self.from_end = nn.Embedding(max_length, width)
        self.time = NoiseEmbedding(width) if time_conditioning else None
        self.condition: ConditionEmbedding | None = None
        # The last block alone is asked for some positions only.
        sizes = (width, num_heads, int(mlp_ratio * width), convolution)
        flags = {"unit": query_key_norm, "time": time_conditioning}
        blocks = [
            DiTBlock(*sizes, **flags, dropout=dropout, last=i == num_layers - 1)
            for i in range(num_layers)
        ]
        self.blocks = nn.ModuleList(blocks)
        # Of a sequence in blocks, clean blocks pass all layers and noised ones only those from here on.
        self.first_noised = num_layers - (noised_layers or num_layers)
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = nn.Linear(width, vocab_size)
        self._initialise(blocks)

    @property
    def uses_time(self) -> bool:
        return self.time is not None

    @property
    def timestep_embedding(self) -> nn.Module | None:
        return self.time

    @property
    def output_projection(self) -> nn.Module:
        return self.head

    @property
    def answers_in_part(self) -> bool:
        """Return whether `wanted` saves work: only the last block's keys and values need every position."""
        return True

    @property
    def reads_blocks(self) -> bool:
        """Return whether `in_blocks` and `after` are there: the noise level would have to differ from block to block."""
        return self.time is None and self.condition is None

    def take_conditions(self, numbers: int, sizes: tuple[int, ...]) -> None:
        """Let conditions enter through the adaptive norms, which at first do nothing."""
        width = self.embedding.embedding_dim
        self.condition = ConditionEmbedding(numbers, sizes, width)
        for layer in range(len(self.blocks)):
            self._layer(layer).adapt(width)

    def _context(self, noise: Tensor, condition: Condition | None, like: Tensor) -> Tensor | None:
        """Return what the adaptive norms follow (B, W): the noise level, the conditions, or both."""
        time = None if self.time is None else self.time(noise.to(like.dtype))
        if self.condition is None:
            return time
        told: Tensor = self.condition(condition, len(like))
        return told if time is None else time + told

    def forward(
        self,
        z: Tensor,
        noise: Tensor,
        maskable: Tensor,
        wanted: Tensor | None = None,
        *,
        condition: Condition | None = None,
    ) -> Tensor:
        """Return logits (B, L, V), 0 where `wanted` (B, L) is False."""
        x = self.embedding(z) + self._places(maskable)
        # Without padding the mask is dropped: attention has a faster path then.
        keys = None if bool(maskable.all()) else maskable[:, None, None, :]
        table = self._table(z.shape[1], z.device)
        time = self._context(noise, condition, x)
        for block in self.blocks[:-1]:
            x = block(x, table, keys, time)
        rows = None if wanted is None else wanted.flatten().nonzero()[:, 0]
        x = self.blocks[-1](x, table, keys, time, rows)
        return self._logits(x, rows, z.shape)

    def in_blocks(
        self, z: Tensor, x: Tensor, maskable: Tensor, size: int, wanted: Tensor | None = None
    ) -> Tensor:
        """Return logits (n B, L, V) of every block of z given itself and all blocks of x before it, in one pass.

        Args:
            z: Noised tokens (n B, L): a first version of all B sequences, then a second one, and so on.
            x: Clean tokens (B, L).
            maskable: Positions of the sequences (B, L).
            size: Positions of a block.
            wanted: Positions (n B, L) of z that will be looked at; logits are 0 elsewhere.
        """
        length, versions = z.shape[1], len(z) // len(x)
        z, x, maskable = (padded_to_blocks(part, size) for part in (z, x, maskable))
        places = self._places(maskable)
        noised = self._beside(self.embedding(z) + places.repeat(versions, 1, 1), versions)
        valid = None if bool(maskable.all()) else maskable
        reading = Streams(size, self._table(z.shape[1], z.device), valid)
        stream, last = self.embedding(x) + places, len(self.blocks) - 1
        rows = None
        if wanted is not None:
            beside = self._beside(padded_to_blocks(wanted, size), versions)
            rows = beside.flatten().nonzero()[:, 0]
        for layer in range(len(self.blocks)):
            if layer == self.first_noised:
                stream = torch.cat([stream, noised], dim=1)
                reading.enter(versions)
            reading.last_layer = layer == last
            stream = self._layer(layer).in_blocks(
                stream, layer, reading, rows if layer == last else None
            )
        logits = self._logits(stream, rows, noised.shape[:2])
        apart = logits.view(len(x), versions, z.shape[1], -1).transpose(0, 1).flatten(0, 1)
        return apart[:, :length]

    def after(
        self,
        z: Tensor,
        maskable: Tensor,
        memory: BlockMemory,
        wanted: Tensor | None = None,
        *,
        finished: bool = False,
    ) -> Tensor:
        """Return logits (B, S, V) of the block z (B, S) that follows what is remembered.

        Args:
            z: Tokens of the block.
            maskable: Positions of the whole sequences (B, L).
            memory: Of all blocks before.
            wanted: Positions of the block (B, S) that will be looked at.
            finished: Whether z is clean and shall be remembered; no prediction is wanted then.
        """
        span = slice(memory.length, memory.length + z.shape[1])
        width = max(span.stop, maskable.shape[1])
        maskable = functional.pad(maskable, (0, width - maskable.shape[1]))
        inside = maskable[:, span]
        x = self.embedding(z) + self._places(maskable)[:, span]
        valid = None if bool(inside.all()) else inside
        table = self._table(width, z.device)[span]
        rows = torch.zeros(0, dtype=torch.long, device=z.device) if finished else None
        if wanted is not None:
            rows = wanted.flatten().nonzero()[:, 0]
        reading = AfterMemory(table, valid, memory, finished=finished)
        last = len(self.blocks) - 1
        for layer in range(0 if finished else self.first_noised, last + 1):
            x = self._layer(layer).in_blocks(x, layer, reading, rows if layer == last else None)
        if finished:
            memory.length = span.stop
        return self._logits(x, rows, z.shape)

    @staticmethod
    def _beside(x: Tensor, versions: int) -> Tensor:
        """Return versions below each other (n B, L, ...) side by side (B, n L, ...)."""
        apart = x.view(versions, len(x) // versions, *x.shape[1:])
        return apart.transpose(0, 1).flatten(1, 2)

    def _layer(self, number: int) -> DiTBlock:
        return cast("DiTBlock", self.blocks[number])

    def _logits(self, x: Tensor, rows: Tensor | None, shape: torch.Size) -> Tensor:
        """Return logits (B, L, V) of the stream (B, L, W), or of some positions (R, W) with 0 at the others."""
        # Outside autocast: half precision would round the logits of likely tokens by several per cent of probability.
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.head(self.norm(x.to(self.head.weight.dtype)))
        if rows is None:
            return logits
        everywhere = logits.new_zeros(shape.numel(), logits.shape[-1])
        return everywhere.index_copy(0, rows, logits).view(*shape, -1)

    def _table(self, length: int, device: torch.device) -> Tensor:
        return rotary_table(length, self.num_heads, self.head_width, device)

    def _places(self, maskable: Tensor) -> Tensor:
        """Return embeddings of each position's distance from the start and from the end of its sequence."""
        start = torch.arange(maskable.shape[1], device=maskable.device)
        # The last block may reach beyond the longest sequence; what is said there is not used.
        start = start.clamp_max(len(self.from_start.weight) - 1)
        end = (maskable.sum(1, keepdim=True) - 1 - start).clamp_min(0)
        places: Tensor = self.from_start(start) + self.from_end(end)
        return places

    def _initialise(self, blocks: list[DiTBlock]) -> None:
        for table in (self.embedding, self.from_start, self.from_end):
            nn.init.normal_(table.weight, std=0.02)
        for block in blocks:
            for layer in (block.attention.qkv, block.up):
                nn.init.normal_(layer.weight, std=0.02)
            for layer in (block.attention.out, block.down):
                nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * len(blocks)))
            nn.init.zeros_(block.up.bias)
            nn.init.zeros_(block.down.bias)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
