"""Sampling cost at 5.2 M parameters: core-seconds per molecule for one call per position, and for 16 calls.

OMP_NUM_THREADS=1 python benchmarks/diffusion/sampling.py
"""

from __future__ import annotations

import torch
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Dit
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.samplers.base import FirstHitting, RandomGroups, SamplerConfig
from taskloom_diffusion.tokenizers.vocabulary import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionTask


def main() -> None:
    """Print the table: the cost does not depend on what the weights are."""
    torch.set_num_threads(1)
    symbols = [chr(65 + i) for i in range(24)]
    task = DiffusionTask(
        Dit(width=256, num_layers=6, num_heads=8),
        DiffusionSettings(),
        OptimizerSettings(),
        SymbolTokenizer("char", symbols),
        max_length=64,
    ).eval()
    cases: list[tuple[str, SamplerConfig]] = [
        ("first_hitting, one call per position", FirstHitting()),
        ("random groups, 16 calls", RandomGroups(num_calls=16)),
    ]
    for length in (36, 64):
        for name, config in cases:
            made = sample_lengths(task, config, [length] * 32, seed=1, batch_size=32)
            print(
                f"L={length} {name:38} {made.cpu_seconds / 32:.3f} core-s per molecule, {made.mean_calls:.0f} calls"
            )


if __name__ == "__main__":
    main()
