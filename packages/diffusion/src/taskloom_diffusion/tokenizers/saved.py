"""Tokenizers out of saved models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskloom.errors import PluginError
from taskloom.registry.components import load_component

from taskloom_diffusion.tokenizers.base import FittedTokenizer, Tokenizer

GROUP = "taskloom_diffusion.tokenizers"
"""The group of tokenizers; a plugin's is in it like one of ours."""


def load_tokenizer(saved: Mapping[str, Any]) -> FittedTokenizer:
    """Rebuild a tokenizer from what `save` returned.

    Raises:
        UnknownNameError: No tokenizer of its kind is installed.
        PluginError: What is registered under its kind is no tokenizer, or does not load.
    """
    found = load_component(GROUP, saved["kind"])
    if not issubclass(found, Tokenizer):
        raise PluginError(
            f"'{saved['kind']}' of '{GROUP}' is no tokenizer: it is no subclass of Tokenizer."
        )
    return found.restore(saved)
