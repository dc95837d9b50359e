"""Tokenizers: configs in `base`, implementations beside it."""

from taskloom_diffusion.tokenizers.base import TokenizerConfig as TokenizerConfig
