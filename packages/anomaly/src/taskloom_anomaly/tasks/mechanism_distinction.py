"""Mechanism distinction: the same answer, copied from the context or remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field
from taskloom.seeding import derive_seed

from taskloom_anomaly.config import AnomalyConfig, Training
from taskloom_anomaly.data.arrays import ArrayDataset, concatenate, mix
from taskloom_anomaly.detection.validity_card import accuracy
from taskloom_anomaly.models.base import Model
from taskloom_anomaly.models.transformer import Transformer
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.base import TrainedTask
from taskloom_anomaly.tasks.tokens import one_hot, transformer_layers

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from taskloom_anomaly.backends.handle import ModelHandle


class MechanismDistinctionConfig(AnomalyConfig):
    """Sequences that end in a question, answered by the context or from memory."""

    num_tokens: Annotated[int, Field(ge=4)] = 16
    """Tokens that ask, and as many that answer."""
    num_pairs: Annotated[int, Field(ge=2)] = 4
    """Pairs of a question and an answer in the context."""
    size: Annotated[int, Field(ge=20)] = 4096
    """Training sequences of each family."""
    test_size: Annotated[int, Field(ge=20)] = 1000
    """Sequences in every test set."""
    model: Transformer = Transformer()
    """Network."""
    training: Training = Training(epochs=15, batch_size=512, learning_rate=2e-3, weight_decay=0.1)
    """Training of the network."""
    min_accuracy: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Accuracy, in either family, below which the task is invalid."""


class MechanismDistinction(TrainedTask[MechanismDistinctionConfig]):
    """A sequence is `a1 b1 a2 b2 ... q`; the answer is what followed q in the context, else a remembered pair.

    Questions and answers have the same marginals in both families: only whether q occurs earlier tells them apart.
    """

    name: ClassVar[str] = "mechanism_distinction"

    def model_config(self) -> Model:
        """The network's config, with the task's vocabulary."""
        return self.config.model.model_copy(update={"vocabulary": 2 * self.config.num_tokens})

    def num_outputs(self) -> int:
        """One output an answer."""
        return self.config.num_tokens

    def default_layers(self) -> tuple[str, ...]:
        """Blocks, final norm and logits."""
        return transformer_layers(self.config.model)

    @cached_property
    def memory(self) -> Int[np.ndarray, " num_tokens"]:
        """The remembered answer of every question: a permutation."""
        rng = np.random.default_rng(derive_seed(self.config.seed, "memory"))
        return rng.permutation(self.config.num_tokens)

    def draw(self, name: str, size: int, *, copied: bool) -> ArrayDataset:
        """Draw sequences.

        Args:
            name: The stream that they are drawn from.
            size: How many.
            copied: Whether the question occurs in the context, followed by the answer.
        """
        tokens, pairs = self.config.num_tokens, self.config.num_pairs
        rng = np.random.default_rng(derive_seed(self.config.seed, name))
        # One question more than there are pairs, so that one is left that does not occur.
        asked = rng.permuted(np.tile(np.arange(tokens), (size, 1)), axis=1)[:, : pairs + 1]
        answers = rng.integers(tokens, size=(size, pairs))
        context = np.stack([asked[:, :pairs], tokens + answers], axis=2).reshape(size, -1)
        rows = np.arange(size)
        place = rng.integers(pairs, size=size)
        question = asked[rows, place] if copied else asked[:, pairs]
        labels = answers[rows, place] if copied else self.memory[question]
        sequences = np.concatenate([context, question[:, None]], axis=1).astype(np.int32)
        return ArrayDataset(sequences, labels)

    def build_train_data(self, epoch: int = 0) -> ArrayDataset:
        """Both families, drawn anew every epoch, so that nothing but the pairs can be remembered."""
        size = self.config.size
        return concatenate(
            [
                self.draw(f"train/copied/{epoch}", size, copied=True),
                self.draw(f"train/remembered/{epoch}", size, copied=False),
            ]
        )

    def build_reference_data(self) -> ArrayDataset:
        """Answers copied from the context."""
        return self.draw("reference", max(self.config.size // 2, 20), copied=True)

    def build_test_reference_data(self) -> ArrayDataset:
        """Other copied answers."""
        return self.draw("test", self.config.test_size, copied=True)

    def build_anomalous_data(self) -> ArrayDataset:
        """Remembered answers."""
        return self.draw("anomalous", self.config.test_size, copied=False)

    def build_untrusted_data(self) -> ArrayDataset:
        """Copied and remembered answers, four to one."""
        size = self.config.test_size
        normal = self.draw("untrusted/copied", 2 * size, copied=True)
        return mix(normal, self.draw("untrusted/remembered", size, copied=False), 0.8)

    def build_control_data(self) -> Mapping[str, ArrayDataset]:
        """Copied answers that agree with the memory: both routes give the same answer, the context is there."""
        data = self.draw("control", self.config.test_size, copied=True)
        inputs = data.inputs.copy()
        question = inputs[:, -1]
        rows, place = np.nonzero(inputs[:, :-1:2] == question[:, None])
        inputs[rows, 2 * place + 1] = self.config.num_tokens + self.memory[question[rows]]
        return {"copied_and_remembered": ArrayDataset(inputs, self.memory[question])}

    def input_features(self, inputs: Int[np.ndarray, "n t"], /) -> Float[np.ndarray, "n d"]:
        """One-hot codes."""
        return one_hot(inputs, 2 * self.config.num_tokens)

    def show(self, inputs: Int[np.ndarray, "n t"], /) -> list[str]:
        """Write sequences as text: questions are q, answers a."""
        tokens = self.config.num_tokens
        return [
            " ".join(f"q{t}" if t < tokens else f"a{t - tokens}" for t in row) for row in inputs
        ]

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Accuracy in either family."""
        remedy = f"train longer than --training.epochs={self.config.training.epochs}"
        floor = self.config.min_accuracy
        copied, remembered = self.build_test_reference_data(), self.build_anomalous_data()
        return [
            Check("copied_accuracy", accuracy(handle, copied), floor=floor, remedy=remedy),
            Check("remembered_accuracy", accuracy(handle, remembered), floor=floor, remedy=remedy),
        ]
