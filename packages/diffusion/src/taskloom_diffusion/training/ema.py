"""A moving average of the weights that warms up, so that short trainings are not dominated by the initial weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average with decay min(decay, (1 + n) / (10 + n)) after n updates.

    Args:
        model: Whose parameters are averaged.
        decay: Decay in the long run; 0 keeps the latest weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.updates = 0
        self.weights = {n: p.detach().clone() for n, p in model.named_parameters()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's present weights in."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        parameters = dict(self.model.named_parameters())
        share = 1 - decay if self.decay else 1.0
        for name, weight in self.weights.items():
            weight.lerp_(parameters[name].detach(), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the average for a while, in evaluation mode."""
        parameters = dict(self.model.named_parameters())
        kept = {n: p.detach().clone() for n, p in parameters.items()}
        training = self.model.training
        _copy(self.weights, parameters)
        self.model.eval()
        try:
            yield
        finally:
            _copy(kept, parameters)
            self.model.train(training)

    def settle(self) -> None:
        """Give the model the average for good, in evaluation mode."""
        _copy(self.weights, dict(self.model.named_parameters()))
        self.model.eval()

    def load(self, weights: dict[str, Tensor], updates: int) -> None:
        """Restore a saved average."""
        _copy(weights, self.weights)
        self.updates = updates


@torch.no_grad()
def _copy(source: dict[str, Tensor], target: dict[str, Tensor] | dict[str, nn.Parameter]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
