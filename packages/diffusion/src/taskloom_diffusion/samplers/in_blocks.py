"""Generation block by block: any strategy works inside of a block, and finished blocks are only looked back at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from taskloom_diffusion.accelerated.block_attention import BlockMemory
from taskloom_diffusion.model.blocks import BlockContext
from taskloom_diffusion.model.parameterizations import read_logits
from taskloom_diffusion.samplers.generation import Generation, NoisedRows, Strategy
from taskloom_diffusion.samplers.predictor import Predictor


class BlockPredictor(Predictor):
    """The network asked about one block at a time; one that reads blocks remembers the finished ones.

    Args:
        whole: The predictor of whole sequences, whose calls are counted on.
        start: Tokens (B, L) to complete.
        maskable: Positions of the sequences (B, L).
    """

    remembers: ClassVar[bool] = True

    def __init__(self, whole: Predictor, start: Tensor, maskable: Tensor) -> None:
        super().__init__(
            whole.denoiser,
            whole.process,
            whole.kind,
            len(start),
            half=whole.half,
            forbidden=whole.forbidden,
            condition=whole.condition,
        )
        # The same tensors: calls of all blocks are counted together.
        self.calls, self.positions = whole.calls, whole.positions
        self.tokens = start.clone()
        self.in_sequence = maskable
        self.first = 0
        self.memory = BlockMemory() if getattr(whole.denoiser, "reads_blocks", False) else None

    @torch.no_grad()
    def log_x_theta(self, asked: NoisedRows) -> Tensor:
        """Return log x_theta (R, S, V) of the current block; the question is of the block's width S."""
        # Not `maskable`: that of whole sequences is known.
        states, alpha, rows, wanted = asked.states, asked.alpha, asked.rows, asked.wanted
        self.calls[rows] += 1
        width = states.shape[1]
        self.positions.index_add_(0, rows, torch.full_like(rows, width))
        # As many states as rows may yet be several of one row.
        complete = torch.equal(rows, torch.arange(len(self.tokens)))
        valid = self.in_sequence[rows]
        with torch.autocast(states.device.type, torch.bfloat16, enabled=self.half):
            if self.memory is None:
                context = BlockContext(self.tokens[rows], valid, self.process.vocabulary.mask_id)
                network: Any = self.network(rows)
                logits = context.ask(network, states, self.first, 1 - alpha)
            else:
                reader: Any = self.denoiser
                memory = self.memory if complete else self.memory.rows(rows)
                looked_at = None if self.kind != "subs" else wanted
                logits = reader.after(states, valid, memory, looked_at)
        log_x = read_logits(self.kind, logits, states, alpha, self.process).double()
        if self.forbidden is None:
            return log_x
        span = slice(self.first, self.first + width)
        return self.forbidden.of(rows, span).left(log_x)

    @torch.no_grad()
    def finish(self, block: Tensor) -> None:
        """Take over the finished block (B, S); the next question is about the one after it."""
        last = self.first + block.shape[1]
        self.tokens[:, self.first : last] = block
        self.first = last
        if self.memory is None or last == self.tokens.shape[1]:
            return
        reader: Any = self.denoiser
        with torch.autocast(block.device.type, torch.bfloat16, enabled=self.half):
            reader.after(block, self.in_sequence, self.memory, finished=True)

    def pick(self, rows: Tensor) -> None:
        """Let rows change places: what is remembered of a prefix goes with it."""
        self.tokens = self.tokens[rows]
        self.memory = None if self.memory is None else self.memory.rows(rows)


class InBlocks:
    """A strategy that runs another on each block from left to right.

    Args:
        inner: The strategy; its steps and calls are those of a block.
        size: Positions of a block.
    """

    def __init__(self, inner: Strategy, size: int) -> None:
        self.inner = inner
        self.size = size

    def run(self, generation: Generation) -> Tensor:
        z = generation.start.clone()
        predictor = generation.predictor.each(
            lambda whole: BlockPredictor(whole, z, generation.maskable)
        )
        for number, first in enumerate(range(0, z.shape[1], self.size)):
            span = slice(first, first + self.size)
            states: list[Tensor] | None = None if generation.trajectory is None else []
            rule = generation.rule
            part = replace(
                generation,
                predictor=predictor,
                start=z[:, span],
                free=generation.free[:, span],
                maskable=generation.maskable[:, span],
                # A stream for each block: how much the block before it drew must not matter.
                noise=generation.noise.of_block(number, span),
                trajectory=states,
                rule=None if rule is None else rule.of_block(z, generation.maskable, span),
            )
            finished = self.inner.run(part)
            for state in states or []:
                z[:, span] = state.to(z.dtype)
                generation.record(z)
            z[:, span] = finished
            predictor.finish(finished)
        return z
