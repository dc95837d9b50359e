"""Out-of-distribution images: digits that the network never learned (near), and no digits at all (far)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from taskloom.config import OneOf
from taskloom.errors import ConfigError
from taskloom.seeding import derive_seed

from taskloom_anomaly.data.arrays import ArrayDataset, mix
from taskloom_anomaly.data.far import gratings, photo_patches, uniform_noise
from taskloom_anomaly.data.shifts import benign_shifts
from taskloom_anomaly.detection.validity_card import accuracy
from taskloom_anomaly.detectors.base import Detector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.base import ConfiguredTask
from taskloom_anomaly.tasks.classifier import Classifier, ClassifierConfig

if TYPE_CHECKING:
    from jaxtyping import PyTree
    from taskloom.context import RunContext

    from taskloom_anomaly.backends.handle import ModelHandle


class OodConfig(ClassifierConfig):
    """An image classifier and images that it was not made for."""

    # One Gaussian is at home between the classes, where unknown images lie.
    detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis(
        mode="relative", shrinkage="oas"
    )
    """Detector over the network's activations; the default was published for this question (arXiv:2106.09022)."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Accuracy on known classes below which the task is invalid."""


class OodNearConfig(OodConfig):
    """Digits that the network never learned."""

    classes: tuple[Annotated[int, Field(ge=0, le=9)], ...] = (0, 1, 2, 3, 4, 5, 6)
    """Digits that the network learns; the others are the anomalies."""


class _Ood(ConfiguredTask[OodConfig]):
    """The classifier, its data and its validity, which near and far share."""

    def __init__(self, config: OodConfig) -> None:
        super().__init__(config)
        # Fields of the classifier alone: its seed, data, network, training and classes.
        shared = {name: getattr(config, name) for name in ClassifierConfig.model_fields}
        self.classifier = Classifier(ClassifierConfig(**shared))

    def adopt(self, folder: Path) -> None:
        """Use the classifier stored in a folder instead of training one."""
        self.classifier.adopt(folder)

    def prepare(self, ctx: RunContext, checkpoint: Path | None = None, /) -> bool:
        """Train the classifier."""
        return self.classifier.prepare(ctx, checkpoint)

    def build_model(self) -> object:
        """The classifier's network."""
        return self.classifier.build_model()

    def build_params(self) -> PyTree:
        """Its parameters."""
        return self.classifier.build_params()

    def build_reference_data(self) -> ArrayDataset:
        """The training side."""
        return self.classifier.build_original_data()

    def build_test_reference_data(self) -> ArrayDataset:
        """The first half of the test side."""
        test = self.classifier.sides[1]
        return test.take(slice(len(test) // 2))

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        """Known digits of the second half of the test side, shifted."""
        test = self.classifier.sides[1]
        clean = test.take(slice(len(test) // 2, None))
        return benign_shifts(clean, derive_seed(self.config.seed, "control"))

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Accuracy on known digits."""
        value = accuracy(handle, self.classifier.sides[1])
        remedy = f"train longer than --training.epochs={self.config.training.epochs}"
        return [Check("clean_accuracy", value, floor=self.config.min_accuracy, remedy=remedy)]


class OodNear(_Ood):
    """Anomalies are digits of classes that the network never learned."""

    def __init__(self, config: OodNearConfig) -> None:
        super().__init__(config)

    @cached_property
    def _unknown(self) -> tuple[ArrayDataset, ArrayDataset]:
        """Unknown digits of the training and of the test side."""
        found = []
        for side in self.config.data.split(self.config.seed):
            labels = side.labels if side.labels is not None else np.empty(0)
            rows = np.flatnonzero(~np.isin(labels, self.config.classes or range(10)))
            if len(rows) == 0:
                raise ConfigError(
                    "--classes leaves no digit unknown: there would be no anomalies; leave some of 0 to 9 out."
                )
            found.append(ArrayDataset(side.inputs[rows]))
        return found[0], found[1]

    def build_anomalous_data(self) -> ArrayDataset:
        """Unknown digits of the test side."""
        return self._unknown[1]

    def build_untrusted_data(self) -> ArrayDataset:
        """Known and unknown digits of the training side, four to one."""
        known = self.build_reference_data()
        half = known.take(slice(len(known) // 2, None))
        return mix(ArrayDataset(half.inputs), self._unknown[0], 0.8)


class OodFar(_Ood):
    """Anomalies are photographs, gratings and noise."""

    def __init__(self, config: OodConfig) -> None:
        super().__init__(config)

    def build_anomalous_data(self) -> Mapping[str, ArrayDataset]:
        """Three sets, each as large as half the test side."""
        shape = self.build_reference_data().inputs.shape[1:]
        size = len(self.build_test_reference_data())
        seed = derive_seed(self.config.seed, "anomalous")
        return {
            "photos": photo_patches(size, shape, seed),
            "gratings": gratings(size, shape, seed + 1),
            "noise": uniform_noise(size, shape, seed + 2),
        }
