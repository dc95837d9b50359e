"""The task `file` as a data module: its reading, split, batches and order, in a training script of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from taskloom.opening import open_task
from torch import Tensor
from torch.utils.data import DataLoader

from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.training.batches import TokenStore, collate
from taskloom_diffusion.training.preparation import (
    BoundCorpus,
    Prepared,
    module_arguments,
    prepare,
    train_stream,
)


class CorpusData(pl.LightningDataModule):
    """A file as `tasks run diffusion file` trains on it: the same split, and the same batches in the same order.

    Args:
        path: The file, or folder of documents.
        config: Options of the task by dotted path, such as `{"max_length": 32, "train.batch_size": 8}`, or what
            `tasks diffusion import-config` prints.

    Attributes:
        config: The resolved config.
        prepared: The corpus in tokens.

    Example:
        >>> data = CorpusData("mine.smi", {"max_length": 32})  # doctest: +SKIP
        >>> task = DiffusionTask({"kind": "dit"}, {}, {}, data.tokenizer, **data.arguments)  # doctest: +SKIP
    """

    def __init__(self, path: Path | str, config: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        task: Any = open_task("diffusion/file", {**(config or {}), "path": str(path)})
        self.task: BoundCorpus = task
        self.config = self.task.config
        self.prepared: Prepared = prepare(self.task)

    @property
    def tokenizer(self) -> FittedTokenizer:
        """The tokenizer with the vocabulary of the corpus."""
        return self.prepared.tokenizer

    @property
    def arguments(self) -> dict[str, Any]:
        """Further arguments of the module: longest sequence, steps, ends, frequencies and seed."""
        return module_arguments(self.config, self.prepared)

    def train_dataloader(self) -> _Training:
        """Return the endless batches of the training part, from the step on at which the trainer is."""
        return _Training(self)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the validation part."""
        return self._batches(self.prepared.validation)

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the test part."""
        return self._batches(self.prepared.test)

    def _batches(self, store: TokenStore) -> DataLoader[Any]:
        size, pad = self.config.train.batch_size, self.tokenizer.pad_id
        rows = [store.get(i) for i in range(len(store))]
        batches: Any = [
            collate(rows[i : i + size], pad) | store.told(np.arange(i, min(i + size, len(rows))))
            for i in range(0, len(rows), size)
        ]
        # A bare list would be one loader a batch to the trainer.
        return DataLoader(batches, batch_size=None)


class _Training:
    """Batches that begin where the trainer is when they are asked for: a checkpoint may have moved it."""

    def __init__(self, data: CorpusData) -> None:
        self.data = data

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        trainer, data = self.data.trainer, self.data
        rank, processes, done = 0, 1, 0
        if trainer is not None:
            rank, processes = trainer.global_rank, trainer.world_size
            done = trainer.global_step * trainer.accumulate_grad_batches
        return iter(train_stream(data.config, data.prepared, done, rank, processes))
