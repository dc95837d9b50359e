"""Cleansing of a training set: the samples that are unlike trusted ones of their label are removed, and what that does to the network is measured.

p-values are those among trusted samples, pooled over classes. The network is the one that was trained on the set itself. Samples that look like another
class and share a mark are looked for first: every trusted sample is judged by what other trusted samples teach, so that all of them give p-values. Where
no class has more of those than the others, a second population under a label is looked for: half of the trusted samples name the populations, and the
other half gives p-values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.errors import ConfigError
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.seeding import derive_seed
from taskloom.statistics.shares import share_interval

from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.named import flat_rows
from taskloom_anomaly.detection.answers import Calibration, Judge, Rule
from taskloom_anomaly.detection.baselines import input_scores
from taskloom_anomaly.detection.features import Extractor
from taskloom_anomaly.detection.fusion import FUSED, p_values
from taskloom_anomaly.detection.validity_card import predictions
from taskloom_anomaly.detectors.base import ALL_LAYERS
from taskloom_anomaly.models.training import train
from taskloom_anomaly.statistics.contrast import contrast
from taskloom_anomaly.statistics.wrong_labels import LabelledRows, wrong_labels

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from taskloom_anomaly.backends.handle import ModelHandle
    from taskloom_anomaly.tasks.backdoor import Backdoor


@dataclass(frozen=True, eq=False)
class Cleansed:
    """A training set with what is to be removed.

    Attributes:
        data: The training set.
        p: The p-value of each sample.
        removed: Whether it is removed.
    """

    data: ArrayDataset
    p: Float[np.ndarray, " n"]
    removed: Bool[np.ndarray, " n"]

    @property
    def kept(self) -> ArrayDataset:
        """The samples that are kept."""
        return self.data.take(np.flatnonzero(~self.removed))

    def figures(self) -> dict[str, Any]:
        """Return how many were removed and, where it is known which are poisoned, the shares of both kinds."""
        found: dict[str, Any] = {"samples": len(self.data), "removed": int(self.removed.sum())}
        odd = self.data.anomalous
        if odd is not None and odd.any() and not odd.all():
            found["poisoned"] = int(odd.sum())
            found["recall"] = float(self.removed[odd].mean())
            found["poisoned_left"] = int((~self.removed[odd]).sum())
            found["removed_of_clean"] = float(self.removed[~odd].mean())
        return found


def cleanse_by_activations(
    extractor: Extractor, data: ArrayDataset, trusted: ArrayDataset, rule: Rule
) -> Cleansed:
    """Return a training set with what is unlike trusted samples of the same label in the activations of the network trained on it.

    Args:
        extractor: What is read off that network.
        data: The training set.
        trusted: Samples that are known to be right, with their labels, in any order.
        rule: The rate of false removals.

    Raises:
        ConfigError: The labels are missing, or the trusted samples are too few for the rate.
    """
    if data.labels is None or trusted.labels is None:
        raise ConfigError("Cleansing needs the labels of the training set and of the trusted samples.")  # fmt: skip
    # Too few are refused before anything runs: no more samples than these can give p-values.
    Judge(Calibration({ALL_LAYERS: np.zeros(len(trusted))}), rule)
    of_data, of_trusted = (_activations(extractor, part) for part in (data, trusted))
    labels = np.asarray(trusted.labels)
    seen = [
        LabelledRows(rows := flat_rows(part.inputs), np.concatenate([rows, own], axis=1), np.asarray(part.labels))
        for part, own in ((data, of_data), (trusted, of_trusted))
    ]  # fmt: skip
    found = wrong_labels(*seen)
    if found is None:
        # Poison may be right about its label: then a shift of the activations is all that there is.
        fit, held = slice(len(trusted) // 2), slice(len(trusted) // 2, None)
        found = contrast(
            of_data, data.labels, of_trusted[fit], labels[fit], (of_trusted[held], labels[held])
        )
    scores, known = found
    judged = Judge(Calibration({ALL_LAYERS: known}), rule)({ALL_LAYERS: scores})
    return Cleansed(data, judged.p[FUSED], judged.flag)


def _activations(extractor: Extractor, data: ArrayDataset) -> Float[np.ndarray, "n d"]:
    """Return the activations of all layers beside one another: what a trigger leaves is one direction across them."""
    parts = [
        np.concatenate([r.reshape(len(r), -1) for r in found.activations.values()], axis=1)
        for found in extractor.batches(data)
    ]
    return np.concatenate(parts)


def cleanse_by_input(data: ArrayDataset, trusted: ArrayDataset, rule: Rule) -> tuple[str, Cleansed]:
    """Return what removing by the best score of the input alone gives, and its name: the baseline that no network enters.

    The best is chosen with the hidden flags, which favours the baseline.
    """
    half = len(trusted) // 2
    rows = [flat_rows(part.inputs) for part in (trusted.take(slice(half)), trusted.take(slice(half, None)), data)]  # fmt: skip
    best: tuple[float, str, Cleansed] | None = None
    for name, (held, own) in input_scores(*rows).items():
        p = p_values(own, held)
        removed = p * (len(held) + 1) <= rule.ranks(len(held)) + 0.5
        found = Cleansed(data, p, removed)
        recall = float(found.figures().get("recall", 0.0))
        if best is None or recall > best[0]:
            best = (recall, name, found)
    assert best is not None
    return best[1], best[2]


def attack_of(task: Backdoor, handle: ModelHandle) -> dict[str, dict[str, float]]:
    """Return the accuracy of a network on clean images and the success of the attack, with their intervals."""
    found = {}
    for name, data in (
        ("clean_accuracy", task.build_original_test_data()),
        ("attack_success", task.build_anomalous_data()),
    ):
        right = int((predictions(handle, data) == data.labels).sum())
        own = share_interval(right, len(data))
        found[name] = {"value": own.estimate, "low": float(own.low or 0), "high": float(own.high or 0)}  # fmt: skip
    return found


def retrained(task: Backdoor, data: ArrayDataset) -> ModelHandle:
    """Return the network of a task trained from the same start on other data."""
    root = task.config.seed
    module = task.model_config().build(
        data.inputs.shape[1:], task.num_outputs(), derive_seed(root, "init")
    )
    with tempfile.TemporaryDirectory() as folder:
        ctx = ScratchContext(Path(folder), root)
        fresh = as_handle(module, None, data.inputs[:1], seed=ctx.seed("init"), warn=False)
        plain = ArrayDataset(data.inputs, data.labels)
        found = train(fresh, lambda _: plain, task.training(), ctx, seed=ctx.seed("train"))
    assert found is not None
    return found


def trusted_of(task: Backdoor, count: int) -> ArrayDataset:
    """Return clean training images at random, which are known to be right.

    Raises:
        ConfigError: There are not so many.
    """
    clean = task.build_reference_data()
    if count > len(clean):
        raise ConfigError(f"--num-trusted={count} are more than the {len(clean)} trusted images of the task.")  # fmt: skip
    rows = np.random.default_rng(derive_seed(task.config.seed, "cleanse")).permutation(len(clean))
    return clean.take(rows[:count])


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the change of the attack in words."""
    attack, clean = (
        f"{100 * before[name]['value']:.3g} % to {100 * after[name]['value']:.3g} %"
        for name in ("attack_success", "clean_accuracy")
    )
    return f"attack success from {attack}, clean accuracy from {clean}"
