"""Texts of your own under a language model of your own: which of them does it work on in another way?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from taskloom.config import OneOf
from taskloom.errors import ConfigError
from taskloom.task import Finding

from taskloom_anomaly.backends.huggingface import (
    ModelKind,
    has_chat_template,
    load_module,
    load_tokenizer,
    longest_text,
    tell_cut,
    tokens_of,
    vocabulary_of,
)
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.files import read_texts
from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.detectors.base import Detector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.task import Check
from taskloom_anomaly.tasks.base import ConfiguredTask
from taskloom_anomaly.tasks.tokens import word_scores

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import ModelHandle


class TextAnomaliesConfig(AnomalyConfig):
    """Texts and a language model, all from local files."""

    detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis(
        shrinkage="oas"
    )
    """Detector over the network's activations."""
    model: Path | None = None
    """Local folder of Hugging Face: config.json, safetensors, tokenizer files; it must be given."""
    trusted: Path | None = None
    """File of normal texts, one JSON object a line; it must be given."""
    anomalous: Path | None = None
    """File of anomalous texts; it must be given."""
    test_normal: Path | None = None
    """File of normal texts for the test; a quarter of the trusted ones unless given."""
    text_key: str = "text"
    """Field of the text in each object."""
    max_tokens: Annotated[int, Field(gt=0)] = 128
    """Longer texts are cut, and counted in the card; a network with a shorter context cuts there."""
    task_of_model: ModelKind = "auto"
    """The model's head: next-token logits, none, or class scores; auto goes by the folder's config."""
    batch_size: Annotated[int, Field(gt=0)] = 32
    """Samples per forward pass."""


class TextAnomalies(ConfiguredTask[TextAnomaliesConfig]):
    """Anomalies are the texts of one file, normal ones those of another."""

    def check(self) -> Iterable[Finding]:
        """Raise if a file is not given."""
        for name in ("model", "trusted", "anomalous"):
            self._path(name)
        return ()

    def _path(self, name: str) -> Path:
        found: Path | None = getattr(self.config, name)
        if found is None:
            raise ConfigError(
                f"--{name} is missing: this task has no texts and no model of its own.",
                hint="tasks run anomaly text --model FOLDER --trusted a.jsonl --anomalous b.jsonl",
            )
        return found

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        paths = {name: self._path(name) for name in ("trusted", "anomalous")}
        if self.config.test_normal is not None:
            paths["test_normal"] = self.config.test_normal
        return {name: read_texts(path, self.config.text_key) for name, path in paths.items()}

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 -- of transformers
        return load_tokenizer(self._path("model"))

    @cached_property
    def _module(self) -> Any:  # noqa: ANN401 -- a torch module
        return load_module(self._path("model"), self.config.task_of_model)

    @cached_property
    def _tokens(self) -> dict[str, NamedArrays]:
        """Tokens of all files, padded on the right to one length."""
        most = longest_text(self._module, self._tokenizer, self.config.max_tokens)
        size = vocabulary_of(self._module)
        found = {
            name: tokens_of(self._tokenizer, texts, most, f"'{self._path(name)}'", vocabulary=size)
            for name, texts in self._texts.items()
        }
        tell_cut(list(found.values()), most)
        longest = max(part.shape[1] for part in found.values())
        return {name: self._wide(part, longest, self._texts[name]) for name, part in found.items()}

    @staticmethod
    def _wide(part: NamedArrays, width: int, texts: Sequence[str]) -> NamedArrays:
        more = ((0, 0), (0, width - part.shape[1]))
        arrays = {
            name: np.pad(array, more) if array.ndim == 2 else array
            for name, array in part.arrays.items()
        }
        # An underscore keeps a name from the network: the length in characters is a baseline's.
        return NamedArrays({**arrays, "_characters": np.array([len(text) for text in texts])})

    def build_reference_data(self) -> ArrayDataset:
        """The trusted texts, without those that are held back for the test."""
        whole = self._tokens["trusted"]
        if "test_normal" in self._tokens:
            return ArrayDataset(whole)
        return ArrayDataset(whole[np.arange(len(whole)) % 4 > 0])

    def build_test_reference_data(self) -> ArrayDataset:
        """The normal texts of the test; without a file of their own, every fourth of the trusted ones."""
        if "test_normal" in self._tokens:
            return ArrayDataset(self._tokens["test_normal"])
        return ArrayDataset(self._tokens["trusted"][::4])

    def build_model(self) -> object:
        """The language model."""
        return self._module

    def build_params(self) -> None:
        """The model arrives with its weights."""

    def build_anomalous_data(self) -> ArrayDataset:
        """The anomalous texts."""
        return ArrayDataset(self._tokens["anomalous"])

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Count the texts that were cut, and say whether they went through a chat template."""
        del handle
        cut = sum(int(part.arrays["_cut"].sum()) for part in self._tokens.values())
        return [
            Check("texts_cut", float(cut)),
            Check("chat_template", float(has_chat_template(self._tokenizer))),
        ]

    def own_baselines(
        self, trusted: ArrayDataset, *sets: ArrayDataset
    ) -> Mapping[str, list[np.ndarray]]:
        """Scores of texts that no network enters: their length, and how unusual their words are."""
        return {
            **word_scores(trusted.inputs, [part.inputs for part in sets]),
            "characters": [x.inputs.arrays["_characters"].astype(float) for x in sets],
        }

    def pieces(self, inputs: np.ndarray, /) -> list[list[str]]:
        """Return the pieces of the tokenizer."""
        return [list(map(str, self._tokenizer.convert_ids_to_tokens(row))) for row in inputs]

    def show(self, inputs: np.ndarray, /) -> list[str]:
        """Return each text as its tokens spell it."""
        return [str(self._tokenizer.decode(row, skip_special_tokens=True)) for row in inputs]
