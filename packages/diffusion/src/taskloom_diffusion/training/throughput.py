"""Speed of training: real tokens per second, per core-second, and the share of the hardware's arithmetic (MFU)."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from taskloom_diffusion.config import TrainConfig


class Meter:
    """Counts tokens between two reports.

    Args:
        num_parameters: Parameters that take part in matrix products; a real token is worth 6 FLOP for each, forward and
            backward. What is computed on padding counts as waste.
        peak: Arithmetic of the hardware [FLOP/s].
    """

    def __init__(self, num_parameters: int, peak: float) -> None:
        self.num_parameters = num_parameters
        self.peak = peak
        self._wall = self._cpu = 0.0
        self._real = self._all = 0

    def start(self, wall: float, cpu: float) -> None:
        """Begin to count at these clock readings [s]."""
        self._wall, self._cpu = wall, cpu
        self._real = self._all = 0

    def count(self, real: int, all_tokens: int) -> None:
        """Count a batch's real tokens, and all tokens with padding."""
        self._real += real
        self._all += all_tokens

    def report(
        self, wall: float, cpu: float, total: Callable[[list[float]], list[float]] = list
    ) -> dict[str, float]:
        """Return the figures since the last report, and begin anew.

        Args:
            wall: Clock [s].
            cpu: Processor time of this process [s].
            total: Sums numbers over all processes that train together.
        """
        seconds = max(wall - self._wall, 1e-9)
        core_seconds, real, tokens = total([max(cpu - self._cpu, 1e-9), self._real, self._all])
        figures = {
            "speed/tokens_per_second": real / seconds,
            "speed/mfu": 6 * self.num_parameters * real / seconds / self.peak,
            "speed/tokens_per_core_second": real / core_seconds,
            "speed/padding_share": 1 - real / max(tokens, 1),
        }
        self.start(wall, cpu)
        return figures


def matrix_parameters(model: nn.Module) -> int:
    """Return the parameters of matrix products: all matrices but embeddings."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    return sum(p.numel() for p in model.parameters() if p.ndim >= 2 and id(p) not in tables)


def peak_flops(config: TrainConfig, device: torch.device) -> float:
    """Return the arithmetic MFU is measured against [FLOP/s]: configured, or that of one matrix product here and now."""
    if config.peak_gflops:
        return config.peak_gflops * 1e9
    size = 512 if device.type == "cpu" else 4096
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    left = torch.ones(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        (left @ left)[0, 0].item()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best
