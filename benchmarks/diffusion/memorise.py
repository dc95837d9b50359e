"""64 molecules learnt by heart: core-seconds until the bound is below 0.05 nats per token.

    OMP_NUM_THREADS=1 python benchmarks/diffusion/memorise.py

A law over 64 equally likely molecules has log 64 = 4.16 nats of entropy, so a bound below 0.05 nats per token needs either 83 tokens each or
lengths that tell the molecules apart. Lengths are given to the model, so the 64 molecules are chosen with 64 different lengths.
"""

from __future__ import annotations

import time

import torch
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.corpora.molecules import rdkit_molecules
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.tokenizers.symbols import fit_symbols
from taskloom_diffusion.training.batches import TrainStream, encode_all
from taskloom_diffusion.training.module import DiffusionTask
from taskloom_diffusion.training.optimizers import build_optimizer


def main() -> None:
    """Train and print the bound, in fp32, every 120 steps."""
    torch.set_num_threads(1)
    by_length = {len(text): text for text in rdkit_molecules(0, 0.05, 1).train}
    texts = [by_length[n] for n in sorted(by_length)][3:67]
    tokenizer = fit_symbols("smiles", texts)
    store, _ = encode_all(texts, tokenizer, "given", 96)
    settings = OptimizerSettings(lr=1.5e-2, algorithm="muon", weight_decay=0.0)
    task = DiffusionTask(
        DiT(width=128, num_layers=2), DiffusionSettings(), settings, tokenizer, max_length=96
    )
    optimizer = build_optimizer(task.model, settings)
    spent, total = 0.0, 720
    for number, batch in zip(range(1, total + 1), TrainStream(store, 32, 0, 3), strict=False):
        began = time.process_time()
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * max(
                0.01, min(1, number / 15, (total - number) / total / 0.7)
            )
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = task.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        spent += time.process_time() - began
        if number % 120 == 0:
            bound = estimate_bound(task, store, num_draws=4, batch_size=64, seed=2)
            print(
                f"step {number}: {spent:.1f} core-s, {bound.nats_per_token:.4f} nats per token",
                flush=True,
            )


if __name__ == "__main__":
    main()
