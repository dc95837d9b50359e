"""A masked language model of Hugging Face, asked as a denoiser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from taskloom.errors import ConfigError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM


class PretrainedNetwork(nn.Module):
    """The body with its own head, or with a new one.

    Args:
        vocab_size: Tokens.
        max_length: Longest sequence [tokens].
        path: Folder with its weights.
        head: `own` or `new`.
        definition: Contents of its `config.json`; with it nothing is read from the folder.

    Raises:
        ConfigError: The folder holds no such model, or it does not fit the vocabulary or the length.
    """

    uses_time = False
    timestep_embedding = None

    def __init__(
        self, vocab_size: int, max_length: int, *, path: Path, head: str, definition: str
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        kind = AutoModelForMaskedLM if head == "own" else AutoModel
        self.body: Any = _made(kind, definition) if definition else _read(kind, path)
        config = self.body.config
        self.definition = json.dumps(config.to_dict())
        longest = getattr(config, "max_position_embeddings", max_length)
        if max_length > longest:
            raise ConfigError(
                f"denoiser.path: the model in '{path}' takes {longest} tokens, and max_length = {max_length}"
            )
        if head == "own" and config.vocab_size < vocab_size:
            raise ConfigError(
                f"denoiser.path: the model in '{path}' has a vocabulary of {config.vocab_size} tokens, and the tokenizer "
                f"{vocab_size}; use its own tokenizer, or denoiser.head=new"
            )
        self.head = None if head == "own" else nn.Linear(config.hidden_size, vocab_size)

    @property
    def output_projection(self) -> nn.Module:
        found: nn.Module = self.head if self.head is not None else self.body.get_output_embeddings()
        return found

    def forward(self, z: Tensor, noise: Tensor, maskable: Tensor) -> Tensor:
        """Return logits (B, L, V)."""
        del noise
        with torch.autocast("cpu", enabled=False):
            found = self.body(input_ids=z, attention_mask=maskable.long())
        if self.head is None:
            # Vocabularies are often filled up to a round number.
            logits: Tensor = found.logits[..., : self.vocab_size]
            return logits
        fresh: Tensor = self.head(found.last_hidden_state)
        return fresh


def _made(kind: Any, definition: str) -> Any:  # noqa: ANN401 -- classes of transformers
    fields = json.loads(definition)
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    return kind.from_config(config)


def _read(kind: Any, path: Path) -> Any:  # noqa: ANN401 -- classes of transformers
    if not (path / "config.json").is_file():
        raise ConfigError(
            f"denoiser.path: '{path}' holds no model of Hugging Face: it has no config.json"
        )
    try:
        return kind.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"denoiser.path: '{path}' holds no masked language model that can be read: {first[:200]}"
        ) from None
