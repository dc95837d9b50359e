"""A figure per token over an epoch: nats and tokens are summed over batches and processes, and divided once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


class NatsPerToken(Metric):
    """Sum of nats over sum of tokens, whatever the batches and the processes."""

    full_state_update = False
    nats: Tensor
    tokens: Tensor

    def __init__(self) -> None:
        super().__init__()
        zero = torch.zeros((), dtype=torch.float64)
        self.add_state("nats", default=zero, dist_reduce_fx="sum")
        self.add_state("tokens", default=zero.clone(), dist_reduce_fx="sum")

    def update(self, nats: Tensor, tokens: Tensor) -> None:
        """Take a batch in."""
        self.nats += nats.detach().double().to(self.nats.device)
        self.tokens += tokens.detach().double().to(self.tokens.device)

    def compute(self) -> Tensor:
        """Return nats per token; 0 of nothing."""
        return self.nats / self.tokens.clamp_min(1)

    def _apply(self, fn: Any, exclude_state: Any = "") -> Any:  # noqa: ANN401 -- torchmetrics' own signature
        # A module in half precision converts what is inside of it; a sum over an epoch must not be.
        moved = super()._apply(fn, exclude_state)
        self.nats, self.tokens = self.nats.double(), self.tokens.double()
        return moved
