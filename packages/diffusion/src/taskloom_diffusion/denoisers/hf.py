"""Masked language models of Hugging Face as bodies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from taskloom import InputPath
from taskloom.registry.isolate import load_target

from taskloom_diffusion.denoisers.base import Denoiser

if TYPE_CHECKING:
    from torch import nn

    from taskloom_diffusion.model.part import Surroundings


class PretrainedBody(Denoiser):
    """Masked language model in a local Hugging Face folder, as BERT or ModernBERT.

    Training starts from its weights; noise must be its own mask, and the tokenizer its own.
    """

    kind: Literal["hf"] = "hf"
    path: InputPath
    """Folder with `config.json` and weights; nothing is fetched."""
    head: Literal["own", "new"] = "own"
    """The model's own last layers, or a new layer onto the vocabulary."""
    definition: str = ""
    """Contents of its `config.json`, which a trained model keeps; with it the folder is not read."""

    def check(self, config: Surroundings) -> str:
        tokenizer: Any = getattr(config, "tokenizer", None)
        if self.head == "own" and getattr(tokenizer, "kind", "huggingface") != "huggingface":
            return (
                f"denoiser 'hf' predicts tokens of its own vocabulary, not those of tokenizer '{tokenizer.kind}'; use "
                f"--tokenizer=huggingface --tokenizer.folder={self.path}, or --denoiser.head=new"
            )
        if not config.process.absorbing:
            return "denoiser 'hf' knows the mask as noise; use process 'absorbing'"
        return super().check(config)

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        # transformers is heavy
        make: Any = load_target("taskloom_diffusion.denoisers.hf_torch:PretrainedNetwork")
        network: nn.Module = make(
            vocab_size, max_length, path=Path(self.path), head=self.head, definition=self.definition
        )
        return network
