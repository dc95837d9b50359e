"""Bases of the domain's tasks: one keeps its config, the other trains its network first. Imports nothing heavy."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from taskloom.errors import ConfigError
from taskloom.given.tasks import is_given
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.moved import moved_names
from taskloom.seeding import derive_seed

from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.compat.moved import MOVED
from taskloom_anomaly.config import AnomalyConfig, Training
from taskloom_anomaly.models.stored import StoredModel, save_model
from taskloom_anomaly.models.training import train

if TYPE_CHECKING:
    from jaxtyping import PyTree
    from taskloom.context import RunContext

    from taskloom_anomaly.backends.handle import Loss, ModelHandle
    from taskloom_anomaly.data.arrays import ArrayDataset
    from taskloom_anomaly.models.base import Model

C = TypeVar("C", bound=AnomalyConfig)

# `AnomalyBase`, which had a `run` of its own, was here.
__getattr__ = moved_names(__name__, MOVED[__name__])


class ConfiguredTask(Generic[C]):
    """A task that is made from a config and keeps it; a subclass has the four methods of `AnomalyTask`."""

    def __init__(self, config: C) -> None:
        self._config = config

    @property
    def config(self) -> C:
        """The config."""
        return self._config


class TrainedTask(ConfiguredTask[C], ABC):
    """A task that trains its network at the start of a run, and can be interrupted while it does."""

    name: ClassVar[str]
    """The task's registered name; a stored model names it."""
    loss: ClassVar[Loss] = "cross_entropy"

    def __init__(self, config: C) -> None:
        super().__init__(config)
        self._trained: ModelHandle | None = None
        self._adopted: StoredModel | None = None

    @abstractmethod
    def model_config(self) -> Model:
        """The network's config."""

    def training(self) -> Training:
        """Return the training of the network: the field `training` of the config."""
        config: Any = self._config
        plan: Training = config.training
        return plan

    @abstractmethod
    def num_outputs(self) -> int:
        """Width of the logits."""

    @abstractmethod
    def build_train_data(self, epoch: int = 0) -> ArrayDataset:
        """Return the samples of an epoch."""

    def build_model(self) -> object:
        """Return the network, untrained; or the one that was adopted."""
        if self._adopted is not None:
            return self._adopted.build_model()
        shape = self.build_train_data().inputs.shape[1:]
        seed = derive_seed(self.config.seed, "init")
        return self.model_config().build(shape, self.num_outputs(), seed)

    def build_params(self) -> PyTree:
        """Return the trained parameters; trains unless that is done."""
        if self._trained is None:
            with tempfile.TemporaryDirectory() as folder:
                self.prepare(ScratchContext(Path(folder), self.config.seed))
        if self._trained is None:
            raise RuntimeError("training ended without a network")
        return self._trained.tree()

    def adopt(self, folder: Path) -> None:
        """Use the network stored in a folder instead of training one.

        Raises:
            ConfigError: It takes other samples than this task has, or has another number of outputs.
        """
        stored = StoredModel(folder)
        example = self.build_train_data().inputs[:1]
        for what, has, needs in (
            ("takes samples of the shape", stored.input_shape, tuple(example.shape[1:])),
            ("has outputs:", stored.num_outputs, self.num_outputs()),
        ):
            if has != needs:
                raise ConfigError(
                    f"The network in '{folder}' does not fit the task '{self.name}': it {what} {has}; the task needs {needs}."
                )
        self._trained = as_handle(stored.build_model(), stored.build_params(), example)
        self._adopted = stored

    def prepare(self, ctx: RunContext, checkpoint: Path | None = None, /) -> bool:
        """Train the network unless one was adopted, and store it; return False when asked to stop."""
        if self._adopted is not None:
            self._store(ctx)
            return True

        first = self.build_train_data()
        fresh = as_handle(
            self.build_model(), None, first.inputs[:1], seed=ctx.seed("init"), warn=False
        )
        trained = train(
            fresh,
            self.build_train_data,
            self.training(),
            ctx,
            seed=ctx.seed("train"),
            checkpoint=checkpoint,
            loss=self.loss,
        )
        if trained is None:
            return False
        self._trained = trained
        self._store(ctx)
        return True

    @property
    def _stored_name(self) -> str:
        """The registered name; of a class that is not installed one that no registered task has, for it may inherit that."""
        cls = type(self)
        return f"{cls.__module__}:{cls.__qualname__}" if is_given(cls) else self.name

    def _store(self, ctx: RunContext) -> None:
        if self._trained is not None:
            save_model(
                ctx.artifact("model/model.json").parent,
                self._trained,
                component=self._adopted.component() if self._adopted else self.model_config(),
                input_shape=self.build_train_data().inputs.shape[1:],
                num_outputs=self.num_outputs(),
                task=self._stored_name,
                task_config=self.config.model_dump(mode="json"),
            )
