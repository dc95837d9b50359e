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

ROWS = 16


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
    for length in (36, 64):
        for precision in ("fp32", "bf16"):
            cases: list[tuple[str, SamplerConfig]] = [
                ("one call per position", FirstHitting(precision=precision)),
                ("16 calls", RandomGroups(num_calls=16, precision=precision)),
            ]
            for name, config in cases:
                made = sample_lengths(task, config, [length] * ROWS, seed=1, batch_size=ROWS)
                cost = made.cpu_seconds / ROWS
                print(
                    f"L={length} {precision} {name:22} {cost:.3f} core-s per molecule", flush=True
                )


if __name__ == "__main__":
    main()
