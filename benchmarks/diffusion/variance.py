"""Variance of the loss estimate at equal batch: ours (exact count) against MDLM's (low discrepancy, log-linear).

    OMP_NUM_THREADS=1 python benchmarks/diffusion/variance.py RUN [STORE]

RUN is a finished run (id, prefix, or folder); both estimators see the same model and the same held-out molecules. The variance is that of
the batch's mean in nats per token, over many draws of levels and masks. It is taken apart by the law of total variance: noise of the
levels, which a choice of levels can take away, and noise of the masks given the levels, which none can. The variance of the gradient is
the sum over all weights. Last, how far the likelihood of one molecule is from draw to draw when its draws are spread over the counts.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from taskloom import open_run, task_of
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.losses.base import Corrupted
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.protocols import Batch
from taskloom_diffusion.schedules.closed_form import LogLinear
from taskloom_diffusion.time_samplers.base import Levels, LevelSampler
from taskloom_diffusion.time_samplers.exact_count import ExactCount
from taskloom_diffusion.time_samplers.times import LowDiscrepancy
from taskloom_diffusion.training.batches import TokenStore, collate
from taskloom_diffusion.training.preparation import prepare

ROWS = 64
DRAWS = 240
GRADIENTS = 60


class Repeat:
    """A source of levels that are given: only the masks are left to chance."""

    def __init__(self, levels: Levels) -> None:
        self.levels = levels

    def draw(
        self, num_maskable: torch.Tensor, generator: torch.Generator, *, versions: int
    ) -> Levels:
        """Return the levels."""
        del num_maskable, generator, versions
        return self.levels


@dataclass(frozen=True)
class Noise:
    """Variances of one estimator: of the loss, its part that comes from the masks given the levels, and of the gradient."""

    mean: float
    loss: float
    masks: float
    gradient: float


def rows_of(corrupted: Corrupted) -> torch.Tensor:
    """Return what each row adds to the batch's mean (B,) [nats per token]."""
    return corrupted.by_sequence(corrupted.bound()) / corrupted.maskable.sum()


def noise_of(task: DiffusionModel, batch: Batch, sampler: LevelSampler) -> Noise:
    """Measure one estimator on one batch."""
    values, masks = [], []
    for seed in range(DRAWS):
        task.level_sampler = sampler
        with torch.no_grad():
            once = task.corrupt(batch, torch.Generator().manual_seed(seed))
            task.level_sampler = Repeat(once.levels)
            again = task.corrupt(batch, torch.Generator().manual_seed(DRAWS + seed))
        first, second = rows_of(once), rows_of(again)
        values.append(float(first.sum()))
        # Rows mask independently of each other given their levels, so the variances of rows add up.
        masks.append(float(((first - second) ** 2).sum() / 2))
    task.level_sampler = sampler
    mean = [torch.zeros_like(p) for p in task.model.parameters()]
    square = 0.0
    for seed in range(GRADIENTS):
        task.zero_grad()
        loss = rows_of(task.corrupt(batch, torch.Generator().manual_seed(seed))).sum()
        torch.autograd.backward(loss)
        for total, parameter in zip(mean, task.model.parameters(), strict=True):
            if parameter.grad is not None:
                total.add_(parameter.grad, alpha=1 / GRADIENTS)
                square += float((parameter.grad**2).sum())
    spread = square - GRADIENTS * sum(float((m**2).sum()) for m in mean)
    found = torch.tensor(values)
    return Noise(
        float(found.mean()),
        float(found.var()),
        sum(masks) / len(masks),
        spread / (GRADIENTS - 1),
    )


def of_single_sequences(task: DiffusionModel, store: TokenStore, num_draws: int = 8) -> float:
    """Return the variance of a sequence's likelihood over that of as many independent draws, the mean over sequences."""

    def variance(draws: int, repeats: int) -> float:
        found = [
            estimate_bound(task, store, num_draws=draws, batch_size=len(store), seed=seed).each
            for seed in range(repeats)
        ]
        nats = torch.tensor([[value for value, _ in each] for each in found])
        return float(nats.var(0).mean())

    return variance(num_draws, 40) / (variance(1, 40 * num_draws) / num_draws)


def main() -> None:
    """Print both estimators' variances and their ratios."""
    torch.set_num_threads(1)
    store = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    run = open_run(sys.argv[1], store)
    task = run.load("model")
    holdout = prepare(task_of(run)).test
    batch = collate([holdout.get(i) for i in range(min(ROWS, len(holdout)))], task.pad_token_id)
    found = {}
    for name, sampler in (("exact count", ExactCount()), ("low discrepancy", LowDiscrepancy())):
        found[name] = noise = noise_of(task, batch, sampler.build(LogLinear()))
        print(
            f"{name:16} mean {noise.mean:.4f}  variance {noise.loss:.3e}, of which masks {noise.masks:.3e} and levels"
            f" {noise.loss - noise.masks:.3e}  gradient {noise.gradient:.3e}",
            flush=True,
        )
    ours, theirs = found["exact count"], found["low discrepancy"]
    levels = (ours.loss - ours.masks) / (theirs.loss - ours.masks)
    print(
        f"ratio {ours.loss / theirs.loss:.3f} (goal <= 0.25); of what counts of masks leave, and any choice of levels"
        f" would, {ours.masks / theirs.loss:.3f}; of the rest {levels:.3f}; gradient {ours.gradient / theirs.gradient:.3f}"
    )

    few = TokenStore([holdout.get(i).tolist() for i in range(min(16, len(holdout)))])
    print(
        f"likelihood of one sequence, 8 draws: {of_single_sequences(task, few):.3f} of independent draws' variance"
    )


if __name__ == "__main__":
    main()
