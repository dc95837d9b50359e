"""Trains a network on epochs of arrays, with checkpoints from which the run continues bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from taskloom.arrays import load_tensors, save_tensors
from taskloom.errors import RunFailedError
from taskloom.seeding import derive_seed

from taskloom_anomaly.backends.handle import Loss, ModelHandle, Trainer
from taskloom_anomaly.config import Training
from taskloom_anomaly.data.arrays import ArrayDataset

if TYPE_CHECKING:
    from jaxtyping import Int
    from taskloom.context import RunContext

_STATE = "trainer.safetensors"
_PLACE = "trainer.json"


def batches_of(num_samples: int, batch_size: int, seed: int) -> Int[np.ndarray, "steps batch"]:
    """Return shuffled full batches of indices; what does not fill a batch sits this epoch out."""
    size, steps = min(batch_size, num_samples), _steps(num_samples, batch_size)
    order = np.random.default_rng(seed).permutation(num_samples)
    return order[: steps * size].reshape(steps, size)


def _steps(num_samples: int, batch_size: int) -> int:
    """Return the full batches of an epoch."""
    return num_samples // min(batch_size, num_samples)


def train(
    handle: ModelHandle,
    epoch_data: Callable[[int], ArrayDataset],
    plan: Training,
    ctx: RunContext,
    *,
    seed: int,
    checkpoint: Path | None = None,
    loss: Loss = "cross_entropy",
) -> ModelHandle | None:
    """Train a copy of the network.

    Args:
        handle: Where to start.
        epoch_data: The epoch's samples; most tasks return the same ones every time.
        plan: Epochs, batches, step size.
        ctx: Logs `loss` and `accuracy` once an epoch, publishes checkpoints, says when to stop.
        seed: Seeds the order of the samples, epoch by epoch.
        checkpoint: A folder that an earlier call published.
        loss: What is minimised.

    Returns:
        The trained network, or None when asked to stop; a checkpoint is then published.

    Raises:
        RunFailedError: The loss is no longer a number.
    """
    trainer = handle.trainer(
        learning_rate=plan.learning_rate, weight_decay=plan.weight_decay, loss=loss, seed=seed
    )
    if plan.schedule == "one_cycle":
        trainer.one_cycle(plan.epochs * _steps(len(epoch_data(0)), plan.batch_size))
    first = _restore(trainer, checkpoint) if checkpoint is not None else 0
    with ctx.progress(plan.epochs, "training") as progress:
        progress.advance(first)
        for epoch in range(first, plan.epochs):
            if ctx.should_stop:
                _publish(trainer, epoch, ctx)
                return None
            data = epoch_data(epoch)
            targets = data.labels
            if targets is None:
                raise RunFailedError("The training data has no labels to learn.")
            batches = batches_of(len(data), plan.batch_size, derive_seed(seed, "order", epoch))
            value, accuracy = trainer.run_epoch(data.inputs, targets, batches)
            if not np.isfinite(value):
                raise RunFailedError(
                    f"Training diverged: the loss is {value} in epoch {epoch + 1}; try a smaller"
                    f" --training.learning_rate than {plan.learning_rate:g}."
                )
            ctx.log(epoch + 1, loss=value, accuracy=accuracy)
            progress.advance()
            if (epoch + 1) % plan.checkpoint_every == 0 and epoch + 1 < plan.epochs:
                _publish(trainer, epoch + 1, ctx)
    return trainer.model()


def _publish(trainer: Trainer, epoch: int, ctx: RunContext) -> None:
    with ctx.checkpoint(epoch) as folder:
        save_tensors(folder / _STATE, trainer.state())
        (folder / _PLACE).write_text(json.dumps({"epoch": epoch}), encoding="utf-8", newline="\n")


def _restore(trainer: Trainer, checkpoint: Path) -> int:
    trainer.load_state(load_tensors(checkpoint / _STATE))
    return int(json.loads((checkpoint / _PLACE).read_text(encoding="utf-8"))["epoch"])
