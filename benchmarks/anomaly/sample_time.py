"""Time that watching adds to a forward pass, beside a pass by hand that makes the same copies.

    OMP_NUM_THREADS=1 python benchmarks/anomaly/sample_time.py [--rounds 15] [--into docs/reference/anomaly-results.md]

The pass by hand has one hook a layer, which copies what the module returned; its copies become arrays, axes in the same order.
CPU seconds in turn in one process, a tenth of a second at a time, medians, as shares of the pass without any copy. Probing is a row of its
own. Bar: the watched pass within 3 % of the one by hand.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # the module beside the folders

from tables import put, stamp
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

    def __init__(self, width: int = 32, stride: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 7, stride, 3)
        self.blocks = nn.ModuleList([Residual(width) for _ in range(4)])
        self.head = nn.Linear(width, 10)

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

# What one measurement lasts, in seconds.
LASTS = 0.1


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


def seconds(call: Callable[[], object], times: int) -> float:
    """Return the CPU seconds of that many calls."""
    start = time.process_time()
    for _ in range(times):
        call()
    return time.process_time() - start


def measure(name: str, rounds: int) -> dict[str, float]:
    """Return the figures of one form.

    Args:
        name: The form.
        rounds: Pairs of measurements, in either order in turn, as what runs second finds other caches.
    """
    build, shape, batch = FORMS[name]
    torch.manual_seed(0)
    module = build().eval()
    x = np.random.default_rng(0).normal(size=(batch, *shape)).astype(np.float32)
    start = time.process_time()
    handle = as_handle(module, None, x[:5], warn=False)
    assert isinstance(handle, TorchHandle)
    layers = handle.default_layers
    handle.forward(x[:5], layers)
    probing = time.process_time() - start

    def plain() -> None:
        with torch.no_grad():
            module(torch.tensor(x))

    rivals: tuple[Callable[[], object], ...] = (
        plain,
        lambda: by_hand(handle, module, x),
        lambda: handle.forward(x, layers),
    )
    for call in rivals:
        call()
    times = max(1, round(LASTS / seconds(plain, 1)))
    found = []
    for index in range(rounds):
        own = [0.0] * len(rivals)
        for which in (0, 1, 2) if index % 2 else (0, 2, 1):
            own[which] = seconds(rivals[which], times)
        found.append(own)
    alone, copied, watched = np.asarray(found).T
    ratios = watched / copied - 1
    low, high = np.quantile(ratios, (0.25, 0.75))
    return {
        "probing_s": probing,
        "ms_a_sample": 1e3 * float(np.median(alone)) / times / batch,
        "copies": float(np.median(copied / alone)) - 1,
        "beyond_copies": float(np.median(ratios)),
        "quartile_low": float(low),
        "quartile_high": float(high),
    }


def main() -> None:
    """Print a row for each form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--into", type=Path, help="Page whose table is replaced.")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lines = [
        "| network | probing [CPU s] | pass [ms a sample] | copies | watched beyond copies, quartiles |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in FORMS:
        row = measure(name, given.rounds)
        lines.append(
            f"| {name} | {row['probing_s']:.2f} | {row['ms_a_sample']:.3f} | {row['copies']:+.1%}"
            f" | {row['beyond_copies']:+.1%}, {row['quartile_low']:+.1%} to {row['quartile_high']:+.1%} |"
        )
    lines += ["", f"{stamp()}, at a load of {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores."]
    print(*lines, sep="\n")
    if given.into:
        put(given.into, "sample time", lines)


if __name__ == "__main__":
    main()
