"""Tabular anomalies: an autoencoder over normal rows, and rows of another kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from taskloom.config import OneOf
from taskloom.seeding import derive_seed

from taskloom_anomaly.config import AnomalyConfig, Training
from taskloom_anomaly.data.arrays import ArrayDataset, mix
from taskloom_anomaly.data.tables import load_table
from taskloom_anomaly.detectors.base import Detector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.mlp import MLP
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.base import TrainedTask

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import Loss, ModelHandle


class TabularConfig(AnomalyConfig):
    """Rows of numbers."""

    # Some tables have hardly more rows than the layers are wide.
    detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis(
        shrinkage="oas"
    )
    """Detector over the network's activations."""
    source: Literal["breast_cancer", "wine", "digits8", "shuttle"] = "breast_cancer"
    """breast_cancer: malignant among benign (scikit-learn); wine: the third cultivar among two; digits8: ones among the other
    digits; shuttle: 49,097 sensor rows of which 7% are abnormal (needs taskloom-anomaly[shuttle])."""
    max_rows: Annotated[int, Field(ge=0)] = 0
    """Most rows that are read; 0 reads all."""
    model: Annotated[Model, OneOf("taskloom_anomaly.models")] = MLP(hidden_dims=(32, 4, 32))
    """Network that reproduces its input; a narrow layer makes it an autoencoder."""
    training: Training = Training(
        epochs=100, batch_size=32, learning_rate=3e-3, checkpoint_every=25
    )
    """Training of the network."""
    min_explained: Annotated[float, Field(le=1)] = 0.4
    """Share of the variance of normal test rows that the network must reproduce for the task to be valid."""


class Tabular(TrainedTask[TabularConfig]):
    """Normal rows train the network and are trusted; the rest of them are the test's normal side."""

    name: ClassVar[str] = "tabular"
    loss: ClassVar[Loss] = "squared"

    def model_config(self) -> Model:
        """The network's config."""
        return self.config.model

    def num_outputs(self) -> int:
        """As many numbers as a row has."""
        return int(self._rows[0].inputs.shape[1])

    @cached_property
    def _rows(self) -> tuple[ArrayDataset, ArrayDataset, ArrayDataset, ArrayDataset]:
        """Standardised rows: normal for training, for the test and for the mixture; anomalous."""
        rows, flags = load_table(self.config.source)
        order = np.random.default_rng(derive_seed(self.config.seed, "split")).permutation(len(rows))
        if self.config.max_rows:
            order = order[: self.config.max_rows]
        normal, anomalous = rows[order[~flags[order]]], rows[order[flags[order]]]
        train_end, test_end = int(0.6 * len(normal)), int(0.8 * len(normal))
        centre = normal[:train_end].mean(axis=0)
        spread = normal[:train_end].std(axis=0)
        spread[spread == 0] = 1

        def scaled(part: np.ndarray) -> ArrayDataset:
            return ArrayDataset(((part - centre) / spread).astype(np.float32))

        train, test, rest = normal[:train_end], normal[train_end:test_end], normal[test_end:]
        return scaled(train), scaled(test), scaled(rest), scaled(anomalous)

    def build_train_data(self, epoch: int = 0) -> ArrayDataset:
        """Normal rows, which are also what the network should return."""
        del epoch
        inputs = self._rows[0].inputs
        return ArrayDataset(inputs, inputs)

    def build_reference_data(self) -> ArrayDataset:
        """The training rows."""
        return self._rows[0]

    def build_test_reference_data(self) -> ArrayDataset:
        """Normal rows that neither network nor detector saw."""
        return self._rows[1]

    def build_anomalous_data(self) -> ArrayDataset:
        """The second half of the abnormal rows."""
        data = self._rows[3]
        return data.take(slice(len(data) // 2, None))

    def build_untrusted_data(self) -> ArrayDataset:
        """Normal rows that are not trusted, and the first half of the abnormal ones; at most one in five."""
        data = self._rows[3]
        return mix(self._rows[2], data.take(slice(len(data) // 2)), 0.8)

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        """Normal rows with a tenth of a standard deviation of noise."""
        inputs = self._rows[2].inputs
        rng = np.random.default_rng(derive_seed(self.config.seed, "control"))
        noise = 0.1 * rng.normal(size=inputs.shape)
        return {"noise": ArrayDataset((inputs + noise).astype(np.float32))}

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Measure the share of the variance of normal rows that the network reproduces."""
        inputs = self.build_test_reference_data().inputs
        error = ((handle.forward(inputs).logits - inputs) ** 2).mean()
        explained = float(1 - error / inputs.var(axis=0).mean())
        remedy = f"train longer than --training.epochs={self.config.training.epochs}, or widen --model.hidden_dims"
        floor = self.config.min_explained
        return [Check("explained_variance", explained, floor=floor, remedy=remedy)]
