"""Training a `DiffusionModule` inside a run: Lightning's Trainer, our records, exact continuation."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from taskloom import RunContext
from taskloom.devices import lightning_arguments
from taskloom.errors import RunCorruptError

from taskloom_diffusion.config import TrainConfig
from taskloom_diffusion.training.batches import TokenStore, TrainStream
from taskloom_diffusion.training.checkpoint import load_state, load_training
from taskloom_diffusion.training.ema import Average
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.training.recorder import Recorder
from taskloom_diffusion.training.team import GroupEnvironment, ProcessGroup, joined, share_of_step
from taskloom_diffusion.training.throughput import Meter, matrix_parameters, peak_flops

_FRESH = {"step": 0, "loss_sum": 0.0, "loss_count": 0, "split": "parts"}


def fit(
    ctx: RunContext,
    task: DiffusionModule,
    config: TrainConfig,
    *,
    stream: Callable[[int, int, int], TrainStream],
    validate: Callable[[], float],
    sample: Callable[[int], None],
    checkpoint: Path | None = None,
    group: ProcessGroup = ProcessGroup(),  # noqa: B008 -- frozen: the default cannot change
) -> Recorder:
    """Train, or continue training, to the configured number of steps; the task then holds the averaged weights.

    Args:
        ctx: The run.
        task: The module.
        config: How to train.
        stream: Returns the batches from a number on: `stream(start, rank, processes)`.
        validate: Returns the held-out bound.
        sample: Writes a few samples.
        checkpoint: Where to go on from.
        group: The processes that train together, and which of them this one is.
    """
    state: dict[str, Any] = dict(_FRESH) if checkpoint is None else load_state(checkpoint)
    state.setdefault(
        "split", "legacy"
    )  # a checkpoint without it is of a version that split otherwise
    state["corpus"] = _same_corpus(state, stream(0, 0, 1).store, task)
    if group.rank:
        state |= {"loss_sum": 0.0, "loss_count": 0}  # the first process has what all had summed up
    task.first_step = int(state["step"])
    average = Average(task.model, config.ema)
    peak = group.size * peak_flops(config, torch.device("cpu")) if group.rank == 0 else 1.0
    meter = Meter(matrix_parameters(task.model), peak)
    recorder = Recorder(ctx, config, average, meter, validate=validate, sample=sample, state=state)
    if recorder.step >= config.steps:
        if checkpoint is not None:
            # No trainer tells the length of a training that is over.
            task.total_steps = task.total_steps or config.steps
            load_training(checkpoint, task, _optimizer_of(task), average)
    else:
        with quiet_lightning(), joined(group, gpus=ctx.resources.gpus > 0):
            trainer = _trainer(ctx, config, recorder, checkpoint, group)
            start = recorder.step * share_of_step(config, group.size)
            batches = _Stream(stream, start)
            trainer.fit(task, train_dataloaders=batches)
    average.settle()  # what is kept and judged is the average
    return recorder


def _same_corpus(state: Mapping[str, Any], store: TokenStore, task: DiffusionModule) -> str:
    """Return the hash of the sequences.

    Raises:
        RunCorruptError: The checkpoint was trained on others, so that the same batches cannot follow.
    """
    ours = store.fingerprint()
    # Other tokens are refused where the weights are loaded, in a sentence that names them.
    same_tokens = state.get("vocabulary") == list(task.tokenizer.tokens)
    if same_tokens and state.get("corpus", ours) != ours:
        raise RunCorruptError(
            "the corpus is not the one that the checkpoint was trained on, though its tokens are the same; put it back, or "
            "begin a new run"
        )
    return ours


class _Stream:
    """Batches for Lightning: made when iteration begins, when the rank of the process is known."""

    def __init__(self, stream: Callable[[int, int, int], TrainStream], start: int) -> None:
        self.stream = stream
        self.start = start

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        rank, processes = 0, 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            rank, processes = torch.distributed.get_rank(), torch.distributed.get_world_size()
        return iter(self.stream(self.start, rank, processes))


class _OurSignals(pl.Callback):
    """Lets SIGTERM stay a wish to stop: Lightning's own handler would end the training as if it had failed."""

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)


class _Restore(pl.Callback):
    """Loads a checkpoint once Lightning has made the optimizer."""

    def __init__(self, checkpoint: Path, average: Average) -> None:
        self.checkpoint = checkpoint
        self.average = average

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if isinstance(pl_module, DiffusionModule):
            optimizer = trainer.optimizers[0]
            rates = [group["lr"] for group in optimizer.param_groups]
            load_training(self.checkpoint, pl_module, optimizer, self.average)
            # Another number of processes may have got this far.
            pl_module.batches_seen = pl_module.first_step * trainer.accumulate_grad_batches
            # The learning rate of this step was just set from the step's number; the loaded groups hold the older one.
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate


def _trainer(
    ctx: RunContext,
    config: TrainConfig,
    recorder: Recorder,
    checkpoint: Path | None,
    group: ProcessGroup,
) -> pl.Trainer:
    callbacks: list[pl.Callback] = [_OurSignals(), recorder]
    if checkpoint is not None:
        callbacks.insert(1, _Restore(checkpoint, recorder.average))
    precision: Literal["bf16-mixed", "32-true"] = (
        "bf16-mixed" if config.precision == "bf16" else "32-true"
    )
    clip = config.optimizer.clip_norm
    return pl.Trainer(
        **_placement(ctx, group),
        default_root_dir=ctx.dir,
        max_steps=config.steps - recorder.step,
        max_epochs=-1,
        precision=precision,
        accumulate_grad_batches=share_of_step(config, group.size),
        gradient_clip_val=clip or None,
        logger=_loggers(ctx, config) if group.rank == 0 else [],
        log_every_n_steps=config.log_every,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _placement(ctx: RunContext, group: ProcessGroup) -> dict[str, Any]:
    """Return where Lightning trains: what the run was given, or the group of processes that this domain started."""
    given = lightning_arguments(ctx.resources)
    if group.rendezvous is not None:
        strategy = DDPStrategy(cluster_environment=GroupEnvironment(group))
        given |= {"devices": group.size, "num_nodes": 1, "strategy": strategy}
    return given


def _loggers(ctx: RunContext, config: TrainConfig) -> list[Logger]:
    if not config.loggers:
        return []
    folder = ctx.artifact("lightning")
    made: list[Logger] = []
    if "csv" in config.loggers:
        made.append(CSVLogger(folder, name="csv", version=""))
    if "tensorboard" in config.loggers:
        made.append(TensorBoardLogger(folder, name="tensorboard", version=""))
    return made


def _optimizer_of(task: DiffusionModule) -> torch.optim.Optimizer:
    return task.configure_optimizers()["optimizer"]


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advice about hardware, workers and loops out of the run's output."""
    names = ("lightning.pytorch", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Advice that cannot apply: batches come from memory, and validation is ours.
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*You defined a `validation_step` but.*")
            warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
            warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
            # Lightning 2.6 asks torch 2.13 about tree specs in a way that the latter will drop.
            warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
