"""The networks in torch, with the same names and shapes as in flax; samples arrive channels last."""

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
    return nn.Sequential(OrderedDict(linear=nn.Linear(num_inputs, width), relu=nn.ReLU()))


def _conv(num_inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(num_inputs, channels, 3, padding="same"),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
        )
    )


class TorchMlp(nn.Module):
    """Multilayer perceptron over the flattened sample."""

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


class TorchCnn(nn.Module):
    """Convolutional network."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        channels: Sequence[int],
        dense_dims: Sequence[int],
        num_outputs: int,
    ) -> None:
        super().__init__()
        height, width, inputs = input_shape
        self.num_convs = len(channels)
        for i, outputs in enumerate(channels):
            self.add_module(f"conv_{i}", _conv(inputs, outputs))
            height, width, inputs = height // 2, width // 2, outputs
        widths = [height * width * inputs, *dense_dims]
        for i in range(len(dense_dims)):
            self.add_module(f"dense_{i}", _dense(widths[i], widths[i + 1]))
        self.add_module("logits", nn.Linear(widths[-1], num_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images `(n, h, w, c)` to logits `(n, num_outputs)`."""
        layers = list(self.children())
        x = x.movedim(-1, 1)
        for layer in layers[: self.num_convs]:
            x = layer(x)
        # Flattened in the order of flax, so that the same weights mean the same network.
        x = x.movedim(1, -1).flatten(1)
        for layer in layers[self.num_convs :]:
            x = layer(x)
        return x
