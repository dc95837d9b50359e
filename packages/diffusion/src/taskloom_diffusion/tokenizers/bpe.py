"""Pairs of bytes joined by how often they come (Sennrich et al. 2016; GPT-2's bytes), learnt from the training part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from taskloom_diffusion.tokenizers.base import SPECIAL, Tokenizer
from taskloom_diffusion.tokenizers.huggingface import HuggingFaceTokenizer


class BPE(Tokenizer):
    """Byte pairs learnt from the training part.

    Every text can be cut, and comes back byte for byte. No token reaches over a space before a word.
    """

    learns_from_training: ClassVar[bool] = True
    kind: Literal["bpe"] = "bpe"
    vocab_size: Annotated[int, Field(ge=259, le=1_000_000)] = 4096
    """Tokens, the 256 bytes and 3 special ones included; a small corpus gives fewer."""

    def fit(self, texts: Iterable[str]) -> HuggingFaceTokenizer:
        from tokenizers import (
            Tokenizer as Backend,  # tokenizers is heavy
            decoders,
            models,
            pre_tokenizers,
            trainers,
        )

        backend = Backend(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size,
            show_progress=False,
            special_tokens=list(SPECIAL),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
        backend.train_from_iterator(texts, trainer)
        definition = json.loads(backend.to_str())
        # Words of the vocabulary only: a text that has "[MASK]" in it is a text like any other.
        definition["added_tokens"] = []
        special: dict[str, int] = {"pad": 0, "mask": 1, "end": 2}
        return HuggingFaceTokenizer(json.dumps(definition), special)

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> HuggingFaceTokenizer:
        return HuggingFaceTokenizer(saved["definition"], saved["special"])
