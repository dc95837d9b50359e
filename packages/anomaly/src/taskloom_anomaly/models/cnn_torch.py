"""The convolutional network in torch, with the names and shapes that it has in flax; samples arrive channels last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from taskloom_anomaly.models.mlp_torch import _dense


def _conv(num_inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(num_inputs, channels, 3, padding="same"),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
        )
    )


class TorchCnn(nn.Module):
    """Convolutional network."""

    # The name that fingerprints of stored networks have; the class may move, the name stays.
    known_as = "taskloom_anomaly.models.torch.TorchCnn"

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
