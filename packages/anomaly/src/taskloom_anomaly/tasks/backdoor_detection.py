"""Backdoor detection, as cupbearer calls it: a network that an earlier run poisoned, and inputs with a trigger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from taskloom import InputPath
from taskloom.config import OneOf
from taskloom.errors import ConfigError
from taskloom.task import Finding

from taskloom_anomaly.compat.task_config import AnomalyTaskConfig, AtMost
from taskloom_anomaly.detectors.base import Detector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.models.stored import StoredModel, TrainDataFromRun, model_folder
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.backdoor import Backdoor
from taskloom_anomaly.triggers.base import Trigger

if TYPE_CHECKING:
    from jaxtyping import PyTree

    from taskloom_anomaly.backends.handle import ModelHandle
    from taskloom_anomaly.data.arrays import ArrayDataset


class BackdoorDetection(AnomalyTaskConfig):
    """Find inputs with a trigger in a network that an earlier run poisoned; nothing is trained."""

    run_path: InputPath | None = None
    """Run (or folder) of a poisoned network, left by the task `backdoor`; it must be given."""
    # That of the task that poisons.
    detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis(
        mode="mixture", shrinkage="oas"
    )
    """Detector over the network's activations."""
    backdoor: Annotated[Trigger, OneOf("taskloom_anomaly.triggers")] | None = None
    """Trigger of the anomalies, that of the network's own run unless given; another is an ablation: it should not care."""
    max_size: AtMost = 0
    """Most samples of every set; 0 takes all."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.85
    """Accuracy on clean test images below which the task is invalid."""
    min_attack_success: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Share of test images with the network's own trigger that must get its answer for the task to be valid."""

    @property
    def _folder(self) -> Path:
        if self.run_path is None:
            raise ConfigError(
                "--run_path is missing: this task looks into a network that an earlier run poisoned.",
                hint="tasks anomaly train-classifier --task=backdoor --dir DIR trains and stores one",
            )
        return model_folder(self.run_path)

    @property
    def _poisoned(self) -> Backdoor:
        """The task that poisoned the network, with the config of its run."""
        task = TrainDataFromRun(self._folder).task
        if not isinstance(task, Backdoor):
            raise ConfigError(
                f"The network in '{self.run_path}' was not poisoned: the task '{StoredModel(self._folder).description['task']}'"
                " trained it.",
                hint="tasks anomaly train-classifier --task=backdoor --dir DIR poisons one",
            )
        return task

    @property
    def _attack(self) -> Backdoor:
        """The same task with the trigger that is asked for."""
        own = self._poisoned
        if self.backdoor is None or self.backdoor == own.config.trigger:
            return own
        return type(own)(own.config.model_copy(update={"trigger": self.backdoor}))

    def check(self) -> Iterable[Finding]:
        """Raise if the run has no poisoned network."""
        _ = self._poisoned
        return ()

    def _first(self, data: ArrayDataset) -> ArrayDataset:
        return data.take(slice(self.max_size)) if self.max_size else data

    def build_reference_data(self) -> ArrayDataset:
        """Clean copies of training images."""
        return self._first(self._poisoned.build_reference_data())

    def build_test_reference_data(self) -> ArrayDataset:
        """Clean images that the network never saw."""
        return self._first(self._poisoned.build_test_reference_data())

    def build_model(self) -> Any:  # noqa: ANN401 -- the stored module
        """The poisoned network."""
        return StoredModel(self._folder).build_model()

    def build_params(self) -> PyTree:
        """Its parameters."""
        return StoredModel(self._folder).build_params()

    def build_anomalous_data(self) -> ArrayDataset:
        """Other unseen images, with the trigger."""
        return self._first(self._attack.build_anomalous_data())

    def build_untrusted_data(self) -> ArrayDataset:
        """Training images that are not trusted, some with the trigger."""
        return self._attack.build_untrusted_data()

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        """The unseen images without the trigger, shifted, and with one that the network was not trained on."""
        sets = self._poisoned.build_control_data()
        return {name: self._first(data) for name, data in sets.items()}

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Accuracy on clean images, and how often the network's own trigger works."""
        own = self._poisoned
        config = own.config.model_copy(
            update={
                "min_accuracy": self.min_accuracy,
                "min_attack_success": self.min_attack_success,
            }
        )
        return type(own)(config).validity(handle)
