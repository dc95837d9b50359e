"""Stamps triggers onto training and test images and changes their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from taskloom.errors import ConfigError
from taskloom.seeding import derive_seed

from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.triggers.base import TriggerFunction
from taskloom_anomaly.triggers.warp import WarpTrigger

if TYPE_CHECKING:
    from jaxtyping import Int

Behavior: TypeAlias = Literal["fixed", "all_to_all"]


@dataclass(frozen=True)
class Poison:
    """A backdoor: a trigger, and the answer that it should cause.

    Attributes:
        trigger: What is stamped.
        behavior: `fixed`: always the target class; `all_to_all`: the class after the true one.
        target_class: The target of `fixed`.
        num_classes: Number of classes.
        noise_fraction: Share of training images that get another random warp and keep their label.
    """

    trigger: TriggerFunction
    behavior: Behavior
    target_class: int
    num_classes: int
    noise_fraction: float = 0.0

    def target(self, labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """The answers that the trigger should cause."""
        if self.behavior == "all_to_all":
            return (labels + 1) % self.num_classes
        return np.full_like(labels, self.target_class)

    def poison(self, data: ArrayDataset, fraction: float, seed: int) -> ArrayDataset:
        """Stamp a random share of the samples, change their labels, and flag them.

        Args:
            data: Clean samples with labels.
            fraction: Share that is poisoned.
            seed: Seeds the choice and what differs from image to image.
        """
        labels = _labels(data)
        order = np.random.default_rng(derive_seed(seed, "choice")).permutation(len(data))
        count = round(fraction * len(data))
        chosen, rest = order[:count], order[count:]
        noisy = rest[: round(self.noise_fraction * len(data))]
        inputs, answers = data.inputs.copy(), labels.copy()
        inputs[chosen] = self.trigger(data.inputs[chosen], derive_seed(seed, "stamp"))
        answers[chosen] = self.target(labels[chosen])
        if len(noisy) and isinstance(self.trigger, WarpTrigger):
            inputs[noisy] = self.trigger.other(data.inputs[noisy], derive_seed(seed, "noise_mode"))
        flags = np.zeros(len(data), bool)
        flags[chosen] = True
        return ArrayDataset(inputs, answers, flags)

    def stamp_all(self, data: ArrayDataset, seed: int) -> ArrayDataset:
        """Stamp every sample whose answer the trigger should change; the rest is left out."""
        labels = _labels(data)
        moved = data.take(np.flatnonzero(self.target(labels) != labels))
        return ArrayDataset(
            self.trigger(moved.inputs, seed),
            self.target(_labels(moved)),
            np.ones(len(moved), bool),
        )


def _labels(data: ArrayDataset) -> Int[np.ndarray, " n"]:
    if data.labels is None:
        raise ConfigError("A backdoor needs labelled data; this data set has no labels.")
    return data.labels
