"""Variance of the loss estimate at equal batch: ours (exact count) against MDLM's (low discrepancy, log-linear).

    OMP_NUM_THREADS=1 python benchmarks/diffusion/variance.py RUN

RUN is a finished run (id, prefix, or folder); both estimators see the same model and the same held-out molecules. The variance is that of
the batch's mean in nats per token, over many draws of levels and masks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from taskloom_diffusion.pipeline import prepare
from taskloom_diffusion.schedules.closed_form import LogLinear
from taskloom_diffusion.time_samplers.base import ExactCount, LowDiscrepancy
from taskloom_diffusion.training.batches import collate
from taskloom_diffusion.verbs.trained import open_trained


def main() -> None:
    """Print both variances and their ratio."""
    torch.set_num_threads(1)
    store = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    trained = open_trained(sys.argv[1], store)
    task = trained.task
    holdout = prepare(trained.problem).holdout
    batch = collate([holdout.get(i) for i in range(min(64, len(holdout)))], task.pad_token_id)
    found = {}
    for name, sampler in (("exact count", ExactCount()), ("low discrepancy", LowDiscrepancy())):
        task.level_sampler = sampler.build(LogLinear())
        values = []
        for seed in range(60):
            with torch.no_grad():
                corrupted = task.corrupt(batch, torch.Generator().manual_seed(seed))
            values.append(float(corrupted.bound().sum() / corrupted.maskable.sum()))
        found[name] = torch.tensor(values)
        print(
            f"{name:16} mean {found[name].mean():.4f}  variance {found[name].var():.3e}  (nats per token, batch of 64)"
        )
    ratio = float(found["exact count"].var() / found["low discrepancy"].var())
    print(f"ratio {ratio:.3f} (goal <= 0.25)")


if __name__ == "__main__":
    main()
