"""Reading of a sequence in blocks: each block, noised, is seen with all earlier ones, clean (BD3-LM, Arriola et al. 2025).

Two readings give a layer the same view. `Streams` is for training: the clean sequence and noised ones pass together, and
every block is predicted at once. `AfterMemory` is for sampling: one block passes, and what its forerunners left behind in
every layer is remembered instead of computed again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from taskloom_diffusion.accelerated.block_kernels import attend_in_blocks
from taskloom_diffusion.accelerated.local_attention import ShortConvolution
from taskloom_diffusion.accelerated.local_kernels import near_in_blocks
from taskloom_diffusion.denoisers.attention import scores
from taskloom_diffusion.model.blocks import as_blocks

Place = Literal["attention", "mlp"]
"""Place of a short convolution in a layer."""


class Reading(ABC):
    """The view that a layer has of blocks.

    Args:
        size: Positions S of a block.
        table: Rotary embedding of every position that passes through the network.
        valid: Positions of the sequence among those (B, N), bool; None if all are.
    """

    def __init__(self, size: int, table: Tensor, valid: Tensor | None) -> None:
        self.size = size
        self.table = table
        self.valid = valid
        self.last_layer = False

    @abstractmethod
    def near(
        self, layer: int, place: Place, convolution: ShortConvolution, inner: Tensor
    ) -> Tensor:
        """Return the sums over neighbours (B, N, W): clean ones before the block, its own inside, none after it."""

    def answering(self, x: Tensor) -> Tensor:
        """Return the part of (B, N, ...) whose predictions are wanted."""
        return x

    def inside(self, inner: Tensor) -> Tensor:
        """Return (B, N, W) in fp32 or wider with zeros outside of the sequence."""
        wide = inner if inner.dtype == torch.float64 else inner.float()
        return wide if self.valid is None else wide * self.valid[..., None]

    @abstractmethod
    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what attention mixes for the answering positions (B, H, N', D) from heads (B, H, N, D)."""


class Streams(Reading):
    """The clean sequence and noised versions of it side by side, (B, (1 + n) L, ...) with the clean one first.

    A noised block sees itself and clean blocks before it; a clean one sees itself, clean, and those before it. As long as the
    noised versions have not entered, the clean sequence is alone.
    """

    def __init__(self, size: int, table: Tensor, valid: Tensor | None) -> None:
        super().__init__(size, table, valid)
        self.length = len(table)
        self._clean = (table, valid)
        block = torch.arange(self.length, device=table.device) // size
        # Strictly earlier: a block sees itself noised, never its own clean tokens.
        self._earlier = block[:, None] > block[None, :]

    def enter(self, noised: int) -> None:
        """Let noised versions in: from now on there are as many beside the clean sequence."""
        table, valid = self._clean
        self.table = table.repeat(1 + noised, 1, 1)
        self.valid = None if valid is None else valid.repeat(1, 1 + noised)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        del layer
        clean = slice(None, self.length)
        far = key[:, :, clean], value[:, :, clean]
        valid = self.valid
        if valid is None:
            valid = torch.ones(len(query), query.shape[2], dtype=torch.bool, device=query.device)
        inside = as_blocks(self.answering(valid), self.size)
        own = self._answering(query), self._answering(key), self._answering(value)
        return attend_in_blocks(own, far, self._earlier, inside)

    def _answering(self, heads: Tensor) -> Tensor:
        return self.answering(heads.transpose(1, 2)).transpose(1, 2)

    def near(
        self, layer: int, place: Place, convolution: ShortConvolution, inner: Tensor
    ) -> Tensor:
        del layer, place
        return near_in_blocks(self.inside(inner), convolution.weights, self.size, self.length)

    def answering(self, x: Tensor) -> Tensor:
        return x[:, self.length :] if self.last_layer else x


@dataclass
class BlockMemory:
    """Keys, values and last inputs that finished blocks left behind in every layer.

    Attributes:
        length: Positions remembered T.
        keys: Rotated keys (B, H, T, D) of each layer.
        values: Values (B, H, T, D) of each layer.
        ends: The last inputs (B, reach, W) of each short convolution.
    """

    length: int = 0
    keys: dict[int, Tensor] = field(default_factory=dict)
    values: dict[int, Tensor] = field(default_factory=dict)
    ends: dict[tuple[int, Place], Tensor] = field(default_factory=dict)

    def rows(self, rows: Tensor) -> BlockMemory:
        """Return the memory of some rows only."""
        return BlockMemory(
            self.length,
            {layer: part[rows] for layer, part in self.keys.items()},
            {layer: part[rows] for layer, part in self.values.items()},
            {place: part[rows] for place, part in self.ends.items()},
        )


class AfterMemory(Reading):
    """One block that follows a memory; if it is `finished`, the memory keeps what it leaves behind."""

    def __init__(
        self, table: Tensor, valid: Tensor | None, memory: BlockMemory, *, finished: bool
    ) -> None:
        super().__init__(len(table), table, valid)
        self.memory = memory
        self.finished = finished

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        memory, count = self.memory, self.memory.length
        if layer in memory.keys:
            key = torch.cat([memory.keys[layer], key], dim=2)
            value = torch.cat([memory.values[layer], value], dim=2)
        # Before the products: a finished block is looked back at with its clean keys.
        if self.finished:
            memory.keys[layer], memory.values[layer] = key, value
        products = scores(query, key)
        # Finished positions all belong to the sequence; padding is in the current block only.
        if self.valid is not None:
            products[..., count:].masked_fill_(~self.valid[:, None, None], -torch.inf)
        with torch.autocast(query.device.type, enabled=False):
            weights = products.softmax(-1)
        return weights @ value

    def near(
        self, layer: int, place: Place, convolution: ShortConvolution, inner: Tensor
    ) -> Tensor:
        inner, reach = self.inside(inner), convolution.reach
        # Before the first block there is nothing, which counts as zero, as padding does.
        nothing = inner.new_zeros(len(inner), reach, inner.shape[-1])
        ends = self.memory.ends.get((layer, place), nothing)
        if self.finished:
            self.memory.ends[layer, place] = torch.cat([ends, inner], dim=1)[:, -reach:]
        return near_in_blocks(inner, convolution.weights, self.size, self.size, ends)
