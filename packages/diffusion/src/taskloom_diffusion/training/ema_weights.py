"""A moving average of the weights as a callback, for training scripts of one's own."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl

from taskloom_diffusion.training.ema import Average


class EmaWeights(pl.Callback):
    """Moving average of the weights for a training script of one's own: validation, tests and predictions use it.

    It is kept in Lightning's checkpoints, with its count, beside the weights themselves.

    Args:
        decay: Decay in the long run.
        every: Optimizer steps between updates.

    Example:
        >>> EmaWeights(decay=0.99).state_dict()
        {'updates': 0, 'weights': {}}
    """

    def __init__(self, decay: float = 0.999, every: int = 1) -> None:
        self.decay = decay
        self.every = every
        self.average: Average | None = None
        self._loaded: dict[str, Any] = {}
        self._step = 0
        self._swapped: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin with the present weights, or with what a checkpoint had."""
        self._average_of(pl_module)
        self._step = trainer.global_step

    def _average_of(self, module: pl.LightningModule) -> Average:
        if self.average is None:
            self.average = Average(module, self.decay)
            if self._loaded.get("weights"):
                self.average.load(self._loaded["weights"], int(self._loaded["updates"]))
        return self.average

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 -- Lightning's own type
        batch: Any,  # noqa: ANN401 -- whatever a module takes
        batch_idx: int,
    ) -> None:
        """Take the weights in after a step that is due; batches of one step count once."""
        del outputs, batch, batch_idx
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._step % self.every == 0:
            self._average_of(pl_module).update()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the module have the average."""
        del trainer
        self._swap_in(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the module its weights back."""
        del trainer, pl_module
        self._swap_out()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the module have the average."""
        del trainer
        self._swap_in(pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the module its weights back."""
        del trainer, pl_module
        self._swap_out()

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the module have the average."""
        del trainer
        self._swap_in(pl_module)

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the module its weights back."""
        del trainer, pl_module
        self._swap_out()

    def settle(self, module: pl.LightningModule) -> None:
        """Give a trained module the average for good, as a run does at its end."""
        average = self._average_of(module)
        if average.updates:
            average.settle()

    def _swap_in(self, module: pl.LightningModule) -> None:
        average = self._average_of(module)
        if average.updates and self._swapped is None:
            self._swapped = average.applied()
            self._swapped.__enter__()

    def _swap_out(self) -> None:
        if self._swapped is not None:
            self._swapped.__exit__(None, None, None)
            self._swapped = None

    def state_dict(self) -> dict[str, Any]:
        """Return the average and its count, for checkpoints."""
        if self.average is None:
            return {"updates": 0, "weights": {}}
        return {"updates": self.average.updates, "weights": self.average.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._loaded = state_dict
        self.average = None
