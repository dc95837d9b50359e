"""Tokenizers out of saved models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.tokenizers.byte import Byte
from taskloom_diffusion.tokenizers.huggingface import HuggingFaceTokenizer
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer


def load_tokenizer(saved: Mapping[str, Any]) -> FittedTokenizer:
    """Rebuild a tokenizer from what `save` returned."""
    if saved["kind"] == "byte":
        return Byte()
    if saved["kind"] == "huggingface":
        return HuggingFaceTokenizer(saved["definition"], saved["special"])
    return SymbolTokenizer(saved["kind"], saved["symbols"])
