"""Toy features: two redundant features, of which the anomalies contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field
from taskloom.config import OneOf
from taskloom.seeding import derive_seed

from taskloom_anomaly.config import AnomalyConfig, Training
from taskloom_anomaly.data.arrays import ArrayDataset, mix
from taskloom_anomaly.detection.validity_card import accuracy
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.mlp import MLP
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.base import TrainedTask

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import ModelHandle


class ToyFeaturesConfig(AnomalyConfig):
    """Two noisy copies of one hidden number."""

    size: Annotated[int, Field(ge=20)] = 1000
    """Samples in every set."""
    noise: Annotated[float, Field(gt=0)] = 0.1
    """Standard deviation of the noise on either copy; the hidden number has 1."""
    model: Annotated[Model, OneOf("taskloom_anomaly.models")] = MLP(hidden_dims=(16, 16))
    """Network that predicts the hidden number's sign."""
    training: Training = Training(
        epochs=40, batch_size=100, learning_rate=1e-2, checkpoint_every=20
    )
    """Training of the network."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Accuracy below which the task is invalid."""


class ToyFeaturesTask(TrainedTask[ToyFeaturesConfig]):
    """x ~ N(0, 1), label [x > 0]; features (x, x) + noise when normal and (x, -x) + noise when anomalous."""

    name: ClassVar[str] = "toy_features"

    def model_config(self) -> Model:
        """The network's config."""
        return self.config.model

    def num_outputs(self) -> int:
        """Negative, positive."""
        return 2

    def draw(self, name: str, *, correlated: bool, scale: float = 1.0) -> ArrayDataset:
        """Draw a set.

        Args:
            name: The stream that the set is drawn from.
            correlated: Whether the second feature agrees with the first.
            scale: Factor on the hidden number.
        """
        rng = np.random.default_rng(derive_seed(self.config.seed, name))
        x = scale * rng.normal(size=self.config.size)
        second = x if correlated else -x
        noise = self.config.noise * rng.normal(size=(self.config.size, 2))
        features = (np.stack([x, second], axis=1) + noise).astype(np.float32)
        return ArrayDataset(features, (x > 0).astype(np.int64))

    def build_train_data(self, epoch: int = 0) -> ArrayDataset:
        """Agreeing features."""
        del epoch
        return self.draw("data", correlated=True)

    def build_reference_data(self) -> ArrayDataset:
        """The training samples."""
        return self.build_train_data()

    def build_test_reference_data(self) -> ArrayDataset:
        """Agreeing features that neither network nor detector saw."""
        return self.draw("test", correlated=True)

    def build_anomalous_data(self) -> ArrayDataset:
        """Contradicting features."""
        return self.draw("anomalous", correlated=False)

    def build_untrusted_data(self) -> ArrayDataset:
        """Four agreeing samples for every contradicting one."""
        normal = self.draw("untrusted", correlated=True)
        return mix(normal, self.draw("untrusted_anomalous", correlated=False), 0.8)

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        """Agreeing features of half the size: another distribution, the same mechanism."""
        return {"half_scale": self.draw("control", correlated=True, scale=0.5)}

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Accuracy on agreeing features."""
        value = accuracy(handle, self.build_test_reference_data())
        remedy = f"train longer than --training.epochs={self.config.training.epochs}"
        return [Check("clean_accuracy", value, floor=self.config.min_accuracy, remedy=remedy)]
