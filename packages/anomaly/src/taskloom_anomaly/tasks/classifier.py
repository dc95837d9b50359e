"""A classifier trained on clean images: what `train-classifier` makes, and what other tasks start from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field
from taskloom.config import OneOf
from taskloom.seeding import derive_seed

from taskloom_anomaly.config import AnomalyConfig, Training
from taskloom_anomaly.data.config import ImageData
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.mlp import MLP
from taskloom_anomaly.tasks.base import TrainedTask

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import ModelHandle
    from taskloom_anomaly.data.arrays import ArrayDataset


class ClassifierConfig(AnomalyConfig):
    """An image classifier."""

    data: ImageData = ImageData()
    """Images."""
    model: Annotated[Model, OneOf("taskloom_anomaly.models")] = MLP()
    """Network."""
    training: Training = Training(epochs=10, batch_size=64)
    """Training of the network."""
    classes: tuple[Annotated[int, Field(ge=0, le=9)], ...] = ()
    """Digits that the network learns; none means all ten."""


class Classifier(TrainedTask[ClassifierConfig]):
    """Trains; it has no anomalies of its own."""

    name: ClassVar[str] = "classifier"

    def model_config(self) -> Model:
        """The network's config."""
        return self.config.model

    def num_outputs(self) -> int:
        """One output a digit, learned or not."""
        return max(self.config.classes, default=9) + 1

    @cached_property
    def sides(self) -> tuple[ArrayDataset, ArrayDataset]:
        """Training and test side of the classes that are learned."""
        train, test = self.config.data.split(self.config.seed)
        return self._of_classes(train), self._of_classes(test)

    def _of_classes(self, data: ArrayDataset) -> ArrayDataset:

        if not self.config.classes or data.labels is None:
            return data
        return data.take(np.flatnonzero(np.isin(data.labels, self.config.classes)))

    def build_train_data(self, epoch: int = 0) -> ArrayDataset:
        """The training side, augmented if the config says so."""
        seed = derive_seed(self.config.seed, "augment", epoch)
        return self.config.data.augmented(self.sides[0], seed)

    def build_original_data(self) -> ArrayDataset:
        """The training side."""
        return self.sides[0]

    def build_original_test_data(self) -> ArrayDataset:
        """The test side."""
        return self.sides[1]

    @property
    def trained(self) -> ModelHandle:
        """The network, trained now unless that is done."""
        self.build_params()
        if self._trained is None:
            raise RuntimeError("training ended without a network")
        return self._trained
