"""The multilayer perceptron in torch, with the names and shapes that it has in flax."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import nn


def seeded_module(seed: int, build: Callable[[], nn.Module]) -> nn.Module:
    """Build a module from a seed without touching torch's global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed & 0x7FFFFFFF)
        return build()


def _dense(num_inputs: int, width: int) -> nn.Sequential:
    """Return a linear map and a ReLU."""
    return nn.Sequential(OrderedDict(linear=nn.Linear(num_inputs, width), relu=nn.ReLU()))


class TorchMlp(nn.Module):
    """Multilayer perceptron over the flattened sample."""

    # The name that fingerprints of stored networks have; the class may move, the name stays.
    known_as = "taskloom_anomaly.models.torch.TorchMlp"

    def __init__(
        self, input_shape: tuple[int, ...], hidden_dims: Sequence[int], num_outputs: int
    ) -> None:
        super().__init__()
        widths = [math.prod(input_shape), *hidden_dims]
        for i in range(len(hidden_dims)):
            self.add_module(f"dense_{i}", _dense(widths[i], widths[i + 1]))
        self.add_module("logits", nn.Linear(widths[-1], num_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map `(n, ...)` to logits `(n, num_outputs)`."""
        x = x.flatten(1)
        for layer in self.children():
            x = layer(x)
        return x
