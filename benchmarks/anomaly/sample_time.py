"""Time that watching adds to a forward pass, beside a pass by hand that makes the same copies.

    OMP_NUM_THREADS=1 python benchmarks/anomaly/sample_time.py [--rounds 9]

The pass by hand has one hook a layer, which copies what the module returned; its copies become arrays, axes in the same order.
CPU seconds in turn in one process, medians, as shares of the pass without any copy. Probing is a row of its own. Bar: the watched pass
within 3 % of the one by hand.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.backends.torch_handle import TorchHandle
from taskloom_anomaly.backends.torch_probe import as_array
from torch import Tensor, nn


class Residual(nn.Module):
    """A residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.norm, self.relu = nn.BatchNorm2d(width), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Add what two convolutions give."""
        return self.relu(x + self.conv2(self.relu(self.norm(self.conv1(x)))))


class Convolutional(nn.Module):
    """A ResNet form at 64 x 64."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 4, 3)
        self.blocks = nn.ModuleList([Residual(32) for _ in range(4)])
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


class Sequence(nn.Module):
    """Six layers of width 384 over 128 steps."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(384, 6, 1536, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.head = nn.Linear(384, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores."""
        return self.head(self.encoder(x).mean(1))


FORMS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "mlp 784-256-256-10": (
        lambda: nn.Sequential(
            nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
        ),
        (784,),
        1024,
    ),
    "resnet form, 64 x 64": (Convolutional, (3, 64, 64), 64),
    "transformer, 6 x 384, 128 steps": (Sequence, (128, 384), 4),
}


def by_hand(handle: TorchHandle, module: nn.Module, x: np.ndarray) -> dict[str, np.ndarray]:
    """Run a module with a copying hook a layer."""
    seen: dict[str, Tensor] = {}
    parts = dict(module.named_modules())

    def keep(name: str) -> Callable[..., None]:
        def hook(_: object, __: object, output: Tensor) -> None:
            seen[name] = output.detach().clone()

        return hook

    hooks = [parts[name].register_forward_hook(keep(name)) for name in handle.default_layers]
    with torch.no_grad():
        module(torch.tensor(x))
    for hook in hooks:
        hook.remove()
    return {name: handle.axes(name).arrange(as_array(tensor)) for name, tensor in seen.items()}


def main() -> None:
    """Print a row for each form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print("| network | probing [CPU s] | pass [ms a sample] | copies | watched beyond copies |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, (build, shape, batch) in FORMS.items():
        torch.manual_seed(0)
        module = build().eval()
        x = np.random.default_rng(0).normal(size=(batch, *shape)).astype(np.float32)
        start = time.process_time()
        handle = as_handle(module, None, x[:5], warn=False)
        assert isinstance(handle, TorchHandle)
        layers = handle.default_layers
        handle.forward(x[:5], layers)
        probing = time.process_time() - start

        def plain(module: nn.Module = module, x: np.ndarray = x) -> None:
            with torch.no_grad():
                module(torch.tensor(x))

        rivals: tuple[Callable[[], object], ...] = (
            plain,
            lambda h=handle, m=module, x=x: by_hand(h, m, x),
            lambda h=handle, x=x, own=layers: h.forward(x, own),
        )
        times: list[list[float]] = [[] for _ in rivals]
        for _ in range(rounds + 1):
            for own, call in zip(times, rivals, strict=True):
                start = time.process_time()
                call()
                own.append(time.process_time() - start)
        alone, copied = (statistics.median(own[1:]) for own in times[:2])
        ratios = [w / c for c, w in zip(times[1][1:], times[2][1:], strict=True)]
        print(
            f"| {name} | {probing:.2f} | {1e3 * alone / batch:.3f} | {copied / alone - 1:+.1%}"
            f" | {statistics.median(ratios) - 1:+.1%} |"
        )


if __name__ == "__main__":
    main()
