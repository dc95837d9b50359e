"""Adversarial examples: inputs moved by a little so that the network errs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, PrivateAttr
from taskloom import InputPath
from taskloom.config import OneOf
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.seeding import derive_seed
from taskloom.task import Finding

from taskloom_anomaly.attacks.base import Attack
from taskloom_anomaly.attacks.pgd import PGD
from taskloom_anomaly.compat.adversarial import AdversarialExampleConfig
from taskloom_anomaly.compat.task_config import AnomalyTaskConfig, AtMost
from taskloom_anomaly.config import Training
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.config import ImageData
from taskloom_anomaly.data.shifts import benign_shifts
from taskloom_anomaly.detection.validity_card import accuracy
from taskloom_anomaly.detectors.base import Detector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.mlp import MLP
from taskloom_anomaly.models.stored import StoredModel, TrainDataFromRun, model_folder
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.classifier import Classifier, ClassifierConfig

if TYPE_CHECKING:
    from jaxtyping import PyTree
    from taskloom.context import RunContext

    from taskloom_anomaly.backends.handle import ModelHandle


class AdversarialExampleTask(AnomalyTaskConfig):
    """Adversarial examples of a classifier, as cupbearer calls it; made in this process when they are missing."""

    run_path: InputPath | None = None
    """Run (or folder) of a trained classifier; none trains one first."""
    # An attack leaves the class that the image belongs to; one Gaussian over all classes hardly notices. The share was chosen on the
    # seeds 100 to 103, where it finds more than OAS under both attacks.
    detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis(
        mode="mixture", shrinkage="fixed", amount=0.2
    )
    """Detector over the network's activations."""
    data: ImageData = ImageData()
    """Images of the classifier that is trained here."""
    model: Annotated[Model, OneOf("taskloom_anomaly.models")] = MLP()
    """Network of the classifier that is trained here."""
    training: Training = Training(epochs=10, batch_size=64)
    """Training of the network."""
    attack: Annotated[Attack, OneOf("taskloom_anomaly.attacks")] = PGD()
    """Attack that makes the examples."""
    success_threshold: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Accuracy under attack above which the attack has failed and the task is invalid."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.85
    """Accuracy on clean images below which the task is invalid."""
    max_size: AtMost = 0
    """Most normal samples; 0 takes all."""
    max_anomalous_size: AtMost = 0
    """Most anomalous samples; 0 takes all."""
    attack_batch_size: Annotated[int, Field(gt=0)] = 512
    """Samples per gradient."""

    _adopted: Path | None = PrivateAttr(default=None)
    _trained_here: Path | None = PrivateAttr(default=None)
    _made: AdversarialExampleConfig | None = PrivateAttr(default=None)

    def adopt(self, folder: Path) -> None:
        """Use the classifier stored in a folder instead of training one."""
        self._adopted = folder

    def prepare(self, ctx: RunContext, checkpoint: Path | None = None, /) -> bool:
        """Train a classifier unless a run with one is given."""
        if self.run_path is not None or self._adopted is not None:
            model_folder(self._folder)
            return True
        done = self._own_classifier().prepare(ctx, checkpoint)
        if done:
            self._trained_here = ctx.artifact("model/model.json").parent
        return done

    def check(self) -> Iterable[Finding]:
        """Raise if the run has no model."""
        if self.run_path is not None:
            model_folder(self.run_path)
        return ()

    def _own_classifier(self) -> Classifier:
        return Classifier(
            ClassifierConfig(
                seed=self.seed, data=self.data, model=self.model, training=self.training
            )
        )

    @property
    def _folder(self) -> Path:
        given = self._adopted or self.run_path
        if given is not None:
            return model_folder(given)
        if self._trained_here is None:
            self.prepare(ScratchContext(Path(tempfile.mkdtemp(prefix="classifier-")), self.seed))
        return model_folder(self._trained_here or Path())

    @property
    def _source(self) -> TrainDataFromRun:
        return TrainDataFromRun(self._folder)

    def build_reference_data(self) -> ArrayDataset:
        """The classifier's training data."""
        return _first(self._source.build(), self.max_size)

    def build_test_reference_data(self) -> ArrayDataset:
        """Half of the test side of the same split."""
        test = self._source.test
        return _first(test.take(slice(len(test) // 2)), self.max_size)

    def build_model(self) -> Any:  # noqa: ANN401 -- the stored module
        """The classifier."""
        return StoredModel(self._folder).build_model()

    def build_params(self) -> PyTree:
        """Its parameters."""
        return StoredModel(self._folder).build_params()

    def default_layers(self) -> tuple[str, ...]:
        """The first layer: an attack moves every input value a little, and each further layer makes less of that."""
        return StoredModel(self._folder).handle().default_layers[:1]

    @property
    def adversarial(self) -> AdversarialExampleConfig:
        """The examples as a data set of their own."""
        folder = self._folder
        # Kept by folder: the same task may run again, with a network of its own every time.
        if self._made is None or self._made.run_path != folder:
            self._made = AdversarialExampleConfig(
                folder,
                attack=self.attack,
                success_threshold=self.success_threshold,
                max_size=self.max_anomalous_size,
                attack_batch_size=self.attack_batch_size,
                seed=self.seed,
            )
        return self._made

    def build_anomalous_data(self) -> ArrayDataset:
        """Attacked images of the other half of the test side, with their true labels."""
        return self.adversarial.build()

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        """The same images, clean, moved as far in random directions, and shifted."""
        clean = self.adversarial.clean
        seed = derive_seed(self.seed, "control")
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], clean.inputs.shape)
        moved = np.clip(clean.inputs + self.attack.eps * signs, 0, 1).astype(np.float32)
        return {"random_signs": ArrayDataset(moved, clean.labels), **benign_shifts(clean, seed)}

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Accuracy on clean images, and under attack."""
        return [
            Check(
                "clean_accuracy",
                accuracy(handle, self._source.test),
                floor=self.min_accuracy,
                remedy=f"train longer than --training.epochs={self.training.epochs}",
            ),
            Check(
                "robust_accuracy",
                self.adversarial.outcome.new_accuracy,
                ceiling=self.success_threshold,
            ),
        ]


def _first(data: ArrayDataset, size: int) -> ArrayDataset:
    return data.take(slice(size)) if size else data
