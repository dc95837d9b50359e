"""The bridge between Lightning's loop and a run: metrics, checkpoints, stopping, the moving average."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import lightning.pytorch as pl
import torch
from taskloom import RunContext
from taskloom.errors import TaskloomError

from taskloom_diffusion.config import TrainConfig
from taskloom_diffusion.model.protocols import Batch
from taskloom_diffusion.training.checkpoint import save_training
from taskloom_diffusion.training.ema import Average
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.training.team import summed
from taskloom_diffusion.training.throughput import Meter


class TrainingDivergedError(TaskloomError):
    """The loss is not a number any more."""


class Recorder(pl.Callback):
    """Counts optimizer steps over the whole training, resumed or not, and does at each what is due.

    Args:
        ctx: The run.
        config: What is due when.
        average: Moving average of the weights.
        meter: Measures throughput.
        validate: Returns the held-out bound of the average [nats per token].
        sample: Writes a few samples of the average into the run folder.
        state: What to go on from: the counters `step`, `loss_sum` [nats], `loss_count` [tokens], `corpus`, the hash of the sequences,
            and `split`, which is `legacy` where training was begun before there were three parts.
    """

    def __init__(
        self,
        ctx: RunContext,
        config: TrainConfig,
        average: Average,
        meter: Meter,
        *,
        validate: Callable[[], float],
        sample: Callable[[int], None],
        state: Mapping[str, Any],
    ) -> None:
        self.ctx = ctx
        self.config = config
        self.average = average
        self.meter = meter
        self.validate = validate
        self.sample = sample
        self.step = int(state["step"])
        self.loss_sum = float(state["loss_sum"])
        self.loss_count = int(state["loss_count"])
        self.corpus = str(state["corpus"])
        self.split = str(state.get("split", "parts"))
        self.saved_step = -1
        self.stopped = False
        self._stack = ExitStack()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._seen = trainer.global_step
        self._progress = self._stack.enter_context(
            self.ctx.progress(self.config.steps - self.step, "training")
        )
        self.meter.start(time.perf_counter(), time.process_time())

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 -- Lightning's own type
        batch: Batch,
        batch_idx: int,
    ) -> None:
        if not isinstance(pl_module, DiffusionModule):
            raise TypeError(
                f"the recorder trains a DiffusionModule, not {type(pl_module).__name__}"
            )
        loss = float(outputs["loss"]) * trainer.accumulate_grad_batches
        if not math.isfinite(loss):
            raise self._diverged(f"the training loss became {loss} in step {self.step + 1}")
        # Padding that is predicted (policy `eos_pad`) is in the loss, but a figure per token must not be mostly about it.
        positions = int(batch["maskable"].sum())
        real = int((batch["maskable"] & (batch["tokens"] != pl_module.pad_token_id)).sum())
        # A class with a step of its own returns a mean; ours keeps sums, of which each version of a row is a part.
        nats, counted = pl_module.last_batch or (loss * positions, positions)
        pl_module.last_batch = None
        self.loss_sum += nats
        self.loss_count += round(real * counted / max(positions, 1))
        self.meter.count(real, batch["tokens"].numel())
        if trainer.global_step == self._seen:
            return  # gradients are still being accumulated
        self._seen = trainer.global_step
        self.step += 1
        self.average.update()
        self._after_step(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stack.close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._stack.close()

    def _refuse_lost_weights(self, task: DiffusionModule) -> None:
        """Keep a checkpoint from which nothing can go on out of the run: a finite loss can have a gradient that is not."""
        lost = [n for n, p in task.model.named_parameters() if not bool(torch.isfinite(p).all())]
        if lost:
            raise self._diverged(f"the weights '{lost[0]}' are no numbers after step {self.step}")

    def _diverged(self, what: str) -> TrainingDivergedError:
        return TrainingDivergedError(
            f"{what}; {self._last_checkpoint()}; lower train.optimizer.lr or raise its warmup_steps in a new run if it "
            "happens again",
            hint=f"Go on from there with: tasks resume {self.ctx.dir.name}",
        )

    def _last_checkpoint(self) -> str:
        latest = self.ctx.latest_checkpoint
        return (
            f"the last checkpoint is from step {int(latest.name)}"
            if latest
            else "there is no checkpoint yet"
        )

    def state(self) -> dict[str, Any]:
        """Return the counters for a checkpoint."""
        return {
            "step": self.step,
            "loss_sum": self.loss_sum,
            "loss_count": self.loss_count,
            "corpus": self.corpus,
            "split": self.split,
        }

    def save(self, trainer: pl.Trainer, task: DiffusionModule) -> None:
        """Publish a checkpoint of this step, once."""
        if self.saved_step == self.step:
            return
        self._refuse_lost_weights(task)
        with self.ctx.checkpoint(self.step) as folder:
            save_training(folder, task, trainer.optimizers[0], self.average, self.state())
        self.saved_step = self.step

    def _after_step(self, trainer: pl.Trainer, pl_module: DiffusionModule) -> None:
        last = self.step == self.config.steps
        self._progress.advance(1)
        self._log(trainer, pl_module, last=last)
        if trainer.is_global_zero and self._is_due(self.config.sample_every):
            with self.average.applied():  # without dropout, too
                self.sample(self.step)
        stop = not last and bool(
            trainer.strategy.reduce_boolean_decision(self.ctx.should_stop, all=False)
        )
        if stop or last or self._is_due(self.config.checkpoint_every):
            self._keep_sums_in_one_place(pl_module)
            if trainer.is_global_zero:
                self.save(trainer, pl_module)
        if stop:
            self.stopped = trainer.should_stop = True

    def _is_due(self, every: int) -> bool:
        return bool(every) and self.step % every == 0

    def _log(self, trainer: pl.Trainer, task: DiffusionModule, *, last: bool) -> None:
        row: dict[str, float] = {}
        if last or self._is_due(self.config.log_every):
            self._keep_sums_in_one_place(task)
            speed = self.meter.report(
                time.perf_counter(), time.process_time(), lambda v: summed(v, task.device)
            )
            if trainer.is_global_zero:
                row["train/loss"] = self.loss_sum / max(self.loss_count, 1)
                row |= speed
                row["train/lr"] = trainer.optimizers[0].param_groups[0]["lr"]
            self.loss_sum, self.loss_count = 0.0, 0
        if trainer.is_global_zero and (last or self._is_due(self.config.validate_every)):
            with self.average.applied(), torch.no_grad():
                row["validation/nelbo"] = self.validate()
        if row:
            self.ctx.log(self.step, **row)

    def _keep_sums_in_one_place(self, task: DiffusionModule) -> None:
        """Move what all processes have summed up to the first one."""
        total, count = summed([self.loss_sum, float(self.loss_count)], task.device)
        first = task.global_rank == 0
        self.loss_sum, self.loss_count = (total, round(count)) if first else (0.0, 0)
