"""Sampling cost: core-seconds per molecule for one call per position, and for 16 calls.

    OMP_NUM_THREADS=1 python benchmarks/diffusion/sampling.py

`adaptive` (5.2 M parameters) and `plain` (4.7 M) are the networks of `throughput.py`; their cases are interleaved, medians of three.
"""

from __future__ import annotations

import itertools
import statistics
from typing import Literal

import torch
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionTask

ROWS = 16


def network(denoiser: DiT) -> DiffusionTask:
    """Return a model with random weights: the cost does not depend on what they are."""
    symbols = [chr(65 + i) for i in range(24)]
    tokenizer = SymbolTokenizer("char", symbols)
    return DiffusionTask(
        denoiser, DiffusionSettings(), OptimizerSettings(), tokenizer, max_length=64
    ).eval()


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    networks = {
        "adaptive": network(
            DiT(width=256, num_layers=4, num_heads=8, mlp_ratio=4.625, time_conditioning=True)
        ),
        "plain": network(DiT(width=256, num_layers=6, num_heads=8)),
    }
    precisions: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16")
    for length, precision in itertools.product((36, 64), precisions):
        cases: dict[str, Sampler] = {
            "one call per position": FirstHitting(precision=precision),
            "16 calls": RandomGroups(num_calls=16, precision=precision),
        }
        costs: dict[tuple[str, str], list[float]] = {}
        for seed, name, case in itertools.product(range(3), networks, cases):
            made = sample_lengths(
                networks[name], cases[case], [length] * ROWS, seed=seed, batch_size=ROWS
            )
            costs.setdefault((name, case), []).append(made.cpu_seconds / ROWS)
        for (name, case), values in costs.items():
            cost = statistics.median(values)
            print(
                f"L={length} {precision} {name:8} {case:22} {cost:.3f} core-s per molecule",
                flush=True,
            )


if __name__ == "__main__":
    main()
