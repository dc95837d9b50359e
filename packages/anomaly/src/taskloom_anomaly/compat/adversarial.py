"""Adversarial examples of a stored classifier as a data set: cupbearer's `AdversarialExampleConfig(run_path)`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.seeding import derive_seed

from taskloom_anomaly.attacks.base import Attack
from taskloom_anomaly.attacks.generate import FOLDER, attack_of, stored_examples
from taskloom_anomaly.attacks.pgd import PGD
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.models.stored import StoredModel, TrainDataFromRun, model_folder

if TYPE_CHECKING:
    from taskloom_anomaly.attacks.generate import AttackOutcome
    from taskloom_anomaly.data.arrays import ArrayDataset


@dataclass(frozen=True)
class AdversarialExampleConfig:
    """Test images of a stored classifier, attacked; made in this process when they are missing, and kept beside it.

    Attributes:
        run_path: The classifier's run, or its folder.
        attack: The attack; None takes that of the newest examples beside the network, else PGD.
        success_threshold: Accuracy under attack above which the attack has failed.
        max_size: Most images; None (or 0) takes all.
        attack_batch_size: Samples per gradient.
        seed: Root seed; the attack's stream is called `attack`.
    """

    run_path: Path | str
    attack: Attack | None = None
    success_threshold: float = 0.1
    max_size: int | None = None
    attack_batch_size: int | None = None
    seed: int = 0

    @cached_property
    def clean(self) -> ArrayDataset:
        """The clean images: the second half of the test side."""
        test = TrainDataFromRun(self.run_path).test
        second = test.take(slice(len(test) // 2, None))
        return second.take(slice(self.max_size)) if self.max_size else second

    @cached_property
    def outcome(self) -> AttackOutcome:
        """The examples, and what the attack did.

        Raises:
            ConfigError: The run has no model.
            InvalidTaskError: The attack left too much accuracy; the message names a strength that would do.
            StoreError: The folder cannot be written.
        """
        folder = model_folder(Path(self.run_path))
        stored = StoredModel(folder)
        handle = as_handle(stored.build_model(), stored.build_params(), self.clean.inputs[:1])
        return stored_examples(
            folder,
            handle,
            self.clean,
            self.attack or self._kept_attack(folder),
            threshold=self.success_threshold,
            seed=derive_seed(self.seed, "attack"),
            batch_size=self.attack_batch_size or 512,
        )

    @staticmethod
    def _kept_attack(folder: Path) -> Attack:
        # cupbearer takes the examples that lie beside the network, whatever attack made them.
        kept = sorted((folder / FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime)
        return attack_of(kept[-1]) if kept else PGD()

    def build(self) -> ArrayDataset:
        """Return the adversarial images with their true labels."""
        return self.outcome.examples

    build_dataset = build
