"""Backdoors: a network trained on poisoned images, and inputs that carry the trigger."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from taskloom.config import Component, OneOf
from taskloom.errors import ConfigError
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.seeding import derive_seed
from taskloom.task import Finding

from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.config import AnomalyConfig, Training
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.config import ImageData
from taskloom_anomaly.data.poisoning import Poison
from taskloom_anomaly.data.shifts import benign_shifts
from taskloom_anomaly.detection.validity_card import accuracy
from taskloom_anomaly.detectors.base import Detector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.mlp import MLP
from taskloom_anomaly.models.training import train
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.base import TrainedTask
from taskloom_anomaly.triggers.base import Trigger
from taskloom_anomaly.triggers.inside import Inside
from taskloom_anomaly.triggers.warp import Warp

if TYPE_CHECKING:
    from taskloom.context import RunContext

    from taskloom_anomaly.backends.handle import ModelHandle


class Controls(Component):
    """Controls of a poisoned network."""

    clean_twin: bool = True
    """Also train the network without poison and score the same inputs on it: what is found there is not the backdoor."""


class BackdoorConfig(AnomalyConfig):
    """A backdoored image classifier."""

    # What a trigger leaves is odd for the class that it leads to, and not for all classes together.
    detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis(
        mode="mixture", shrinkage="oas"
    )
    """Detector over the network's activations."""
    data: ImageData = ImageData()
    """Images."""
    model: Annotated[Model, OneOf("taskloom_anomaly.models")] = MLP()
    """Network that is poisoned; --trigger=warp takes a cnn unless another is given."""
    training: Training = Training(epochs=10, batch_size=32)
    """Training of the network; --trigger=warp without a word on it takes 12 epochs of batches of 64 and steps of 2e-3."""
    trigger: Annotated[Trigger, OneOf("taskloom_anomaly.triggers")] = Inside()
    """Pattern that is stamped onto poisoned images; --behavior=all_to_all takes a corner unless another is given."""
    control: Controls = Controls()
    """Controls beside the benign shifts."""
    poison_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training images that carry the trigger; unless another is given, 0.2 with --trigger=warp and 0.3 with
    --behavior=all_to_all."""
    behavior: Literal["fixed", "all_to_all"] = "fixed"
    """Answer that the trigger causes: always the target class, or the class after the true one."""
    target_class: Annotated[int, Field(ge=0)] = 0
    """Target of the fixed behavior."""
    trusted_fraction: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Share of the training images whose clean copies are trusted; the rest is the untrusted mixture."""
    untrusted_anomalous_fraction: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of the untrusted mixture that carries the trigger."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.85
    """Accuracy on clean test images below which the task is invalid."""
    min_attack_success: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Share of triggered test images that must get the trigger's answer for the task to be valid."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:  # noqa: ANN401 -- whatever the user gave
        """Default network, training and poison where the common defaults cannot take.

        A warp is learned by convolutions only, with a larger step and twice the poison; moving every class to the next takes
        three times the poison.
        """
        if not isinstance(given, Mapping):
            return given
        filled = dict(given)
        if given.get("behavior") == "all_to_all":
            filled.setdefault("poison_fraction", 0.3)
            # Ten answers hang on the trigger then, and the bar inside of the image carries them in .86 of the images only.
            filled.setdefault("trigger", {"kind": "corner"})
        if _kind(given.get("trigger")) == "warp" and "model" not in given:
            filled["model"] = {"kind": "cnn"}
            filled.setdefault("training", _WARP_TRAINING)
            filled.setdefault("poison_fraction", 0.2)
        return filled


_WARP_TRAINING = {"epochs": 12, "batch_size": 64, "learning_rate": 2e-3}


def _kind(component: object) -> object:
    """The kind of a component that is given as a mapping, a name, or itself."""
    if isinstance(component, Mapping):
        return component.get("kind")
    return getattr(component, "kind", component)


class Backdoor(TrainedTask[BackdoorConfig]):
    """Anomalies are images with the trigger; normal ones are clean images that the network never saw."""

    name: ClassVar[str] = "backdoor"

    def check(self) -> Iterable[Finding]:
        """Warn of a network that cannot learn the trigger."""
        if (
            self.config.trigger.needs_convolutions
            and self.config.model.model_dump()["kind"] == "mlp"
        ):
            yield Finding(
                "warning",
                "A fully connected network does not learn this trigger; --model=cnn --training.learning_rate=2e-3 does.",
            )

    def model_config(self) -> Model:
        """The network's config."""
        return self.config.model

    def num_outputs(self) -> int:
        """Ten digits."""
        return 10

    @cached_property
    def _sides(self) -> tuple[ArrayDataset, ArrayDataset]:
        return self.config.data.split(self.config.seed)

    @cached_property
    def poison(self) -> Poison:
        """The backdoor with its random parts drawn."""
        return self._poison_with(self.config.trigger)

    def _poison_with(self, trigger: Trigger) -> Poison:

        if self.config.target_class >= self.num_outputs():
            raise ConfigError(
                f"--target_class={self.config.target_class} is no class; the classes are 0 to {self.num_outputs() - 1}."
            )
        shape = self._sides[0].inputs.shape[1:]
        return Poison(
            trigger.build(shape, derive_seed(self.config.seed, "trigger")),
            self.config.behavior,
            self.config.target_class,
            self.num_outputs(),
            trigger.noise_fraction if isinstance(trigger, Warp) else 0.0,
        )

    def build_original_data(self) -> ArrayDataset:
        """The training images, clean."""
        return self._sides[0]

    def build_original_test_data(self) -> ArrayDataset:
        """The test images, clean."""
        return self._sides[1]

    @cached_property
    def _poisoned(self) -> ArrayDataset:
        return self._poison_epoch(0)

    def _poison_epoch(self, epoch: int) -> ArrayDataset:
        root, data = self.config.seed, self.config.data
        chosen = epoch if self.config.trigger.redrawn else 0
        # Moved before they are stamped, so that the trigger stays in its place.
        clean = data.augmented(self._sides[0], derive_seed(root, "augment", epoch))
        return self.poison.poison(
            clean, self.config.poison_fraction, derive_seed(root, "poison", chosen)
        )

    def build_train_data(self, epoch: int = 0) -> ArrayDataset:
        """The training images with the poison in them."""
        changes = self.config.trigger.redrawn or self.config.data.max_shift
        return self._poison_epoch(epoch) if changes else self._poisoned

    @property
    def _num_trusted(self) -> int:
        return round(self.config.trusted_fraction * len(self._sides[0]))

    def build_reference_data(self) -> ArrayDataset:
        """Clean copies of training images."""
        return self._sides[0].take(slice(self._num_trusted))

    def build_test_reference_data(self) -> ArrayDataset:
        """The first half of the test side, clean."""
        return self._sides[1].take(slice(len(self._sides[1]) // 2))

    @property
    def _other_half(self) -> ArrayDataset:
        return self._sides[1].take(slice(len(self._sides[1]) // 2, None))

    def build_anomalous_data(self) -> ArrayDataset:
        """The second half of the test side, with the trigger, without images that already have its answer."""
        return self.poison.stamp_all(self._other_half, derive_seed(self.config.seed, "test_stamp"))

    def build_clean_twin(self, ctx: RunContext, /) -> ModelHandle | None:
        """Train the same network from the same start on the same images, without poison."""
        if not self.config.control.clean_twin:
            return None
        clean = self.build_original_data()
        module = self.model_config().build(
            clean.inputs.shape[1:], self.num_outputs(), derive_seed(self.config.seed, "init")
        )
        fresh = as_handle(module, None, clean.inputs[:1], seed=ctx.seed("init"), warn=False)
        data, root = self.config.data, self.config.seed

        def images(epoch: int) -> ArrayDataset:
            return data.augmented(clean, derive_seed(root, "augment", epoch))

        with tempfile.TemporaryDirectory() as folder:
            quiet = ScratchContext(Path(folder), root)
            return train(fresh, images, self.training(), quiet, seed=ctx.seed("train"))

    def build_untrusted_data(self) -> ArrayDataset:
        """Training images that are not trusted, some with the trigger."""
        rest = self._sides[0].take(slice(self._num_trusted, None))
        if len(rest) == 0:
            return rest
        seed = derive_seed(self.config.seed, "untrusted")
        return self.poison.poison(rest, self.config.untrusted_anomalous_fraction, seed)

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        """Clean images of the second half, shifted, and with a trigger that the network was not trained on."""
        clean = self._other_half
        seed = derive_seed(self.config.seed, "control")
        sets = benign_shifts(clean, seed)
        other = self.config.trigger.control()
        if other is not None:
            stamped = self._poison_with(other).trigger(clean.inputs, seed)
            sets["untrained_trigger"] = ArrayDataset(stamped, clean.labels)
        return sets

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Accuracy on clean images, and how often the trigger works."""
        config = self.config
        convolutions = " or --model=cnn" if config.trigger.needs_convolutions else ""
        return [
            Check(
                "clean_accuracy",
                accuracy(handle, self.build_original_test_data()),
                floor=config.min_accuracy,
                remedy=f"train longer than --training.epochs={config.training.epochs}",
            ),
            Check(
                "attack_success",
                accuracy(handle, self.build_anomalous_data()),
                floor=config.min_attack_success,
                remedy=f"raise --training.epochs={config.training.epochs}, --poison_fraction={config.poison_fraction:g}{convolutions}",
            ),
        ]
