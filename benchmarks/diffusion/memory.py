"""Peak memory of training and of sampling over a vocabulary of 50,257 tokens: 250 rows of 128, a tiny body.

    python benchmarks/diffusion/memory.py [train|sample] [--rows N]

Prints the peak of the process above what it had before, in GB; the goal is 2.5 for the process. What is sliced equals what is not: that is
a test (tests/diffusion/test_units.py, tests/diffusion/test_training.py).
"""

from __future__ import annotations

import argparse
import resource
import time

import torch
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionModule

VOCABULARY, LENGTH = 50_257, 128


def peak() -> float:
    """Return the largest memory of this process so far [GB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Measure one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--rows", type=int, default=250)
    options = parser.parse_args()
    tokenizer = SymbolTokenizer("char", [chr(0x4E00 + i) for i in range(VOCABULARY - 3)])
    task = DiffusionModule(
        DiT(width=16, num_layers=1, num_heads=2), DiffusionSettings(), OptimizerSettings(), tokenizer, max_length=LENGTH
    )  # fmt: skip
    before, began = peak(), time.process_time()
    if options.what == "train":
        tokens = torch.randint(
            3, VOCABULARY, (options.rows, LENGTH), generator=torch.Generator().manual_seed(0)
        )
        batch = {"tokens": tokens, "maskable": torch.ones_like(tokens, dtype=torch.bool)}
        task.training_step(batch, 0).backward()
    else:
        task.eval()
        sample_lengths(
            task,
            RandomGroups(num_calls=2),
            [LENGTH] * options.rows,
            seed=0,
            batch_size=options.rows,
        )
    print(
        f"{options.what}: {options.rows} x {LENGTH} over {VOCABULARY} tokens: peak {peak():.2f} GB, {peak() - before:.2f} above {before:.2f} "
        f"before; {time.process_time() - began:.0f} CPU-s"
    )


if __name__ == "__main__":
    main()
