"""Turning what people pass to a `DiffusionModel` (components, plain fields, PolyDiff's sections) into components."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter
from taskloom import OneOf

from taskloom_diffusion.compat.settings import denoiser_from_polydiff, settings_from_polydiff
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.model.wrapping import with_own_parts
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.tokenizers.huggingface import load_folder
from taskloom_diffusion.tokenizers.saved import load_tokenizer


@cache
def _denoisers() -> TypeAdapter[Denoiser]:
    return TypeAdapter(Annotated[Denoiser, OneOf("taskloom_diffusion.denoisers")])


@cache
def _samplers() -> TypeAdapter[Sampler]:
    return TypeAdapter(Annotated[Sampler, OneOf("taskloom_diffusion.samplers")])


def as_sampler(fields: Mapping[str, Any]) -> Sampler:
    """Return the sampler with these fields."""
    return _samplers().validate_python(dict(fields))


def as_denoiser(config: Denoiser | Mapping[str, Any], num_timesteps: int | None = None) -> Denoiser:
    """Return a denoiser's config; a mapping without `kind` is PolyDiff's model section.

    Args:
        config: What was passed.
        num_timesteps: Steps of a schedule that has them: PolyDiff's network embeds as many.
    """
    if not isinstance(config, Mapping):
        found: Denoiser = with_own_parts({"denoiser": config})["denoiser"]
        return found
    if "kind" not in config:
        bert = denoiser_from_polydiff(config)
        return bert.model_copy(update={"num_timesteps": num_timesteps}) if num_timesteps else bert
    return _denoisers().validate_python(dict(config))


def as_settings(config: DiffusionSettings | Mapping[str, Any]) -> DiffusionSettings:
    """Return the mathematics; a mapping with `num_timesteps` is PolyDiff's diffusion section."""
    if isinstance(config, DiffusionSettings):
        return config
    if "num_timesteps" in config or "schedule_type" in config:
        return settings_from_polydiff(config)
    return DiffusionSettings.model_validate(dict(config))


def as_optimizer(config: OptimizerSettings | Mapping[str, Any]) -> OptimizerSettings:
    """Return the optimizer's settings; PolyDiff's section has the same names, and a constant rate."""
    if isinstance(config, OptimizerSettings):
        return config
    if set(config) <= {"lr", "weight_decay"}:
        return OptimizerSettings(**config, schedule="constant", warmup_steps=0)
    return OptimizerSettings.model_validate(dict(config))


def as_tokenizer(tokenizer: FittedTokenizer | Mapping[str, Any] | str) -> FittedTokenizer:
    """Return a tokenizer: itself, what its `save` returned, or a folder's."""
    if isinstance(tokenizer, Mapping):
        return load_tokenizer(tokenizer)
    if isinstance(tokenizer, str):
        return load_folder(Path(tokenizer))
    return tokenizer
