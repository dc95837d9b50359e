"""Parts of a model that follow from its settings: how logits are read, where levels come from, what the network is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskloom.errors import ConfigError
from torch import nn

from taskloom_diffusion.config import DiffusionSettings
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.model.parameterizations import Parameterization
from taskloom_diffusion.model.told import ToldCondition
from taskloom_diffusion.time_samplers.times import StepGrid


def parameterization_of(settings: DiffusionSettings, *, absorbing: bool) -> Parameterization:
    """Return how logits are read."""
    if settings.parameterization != "auto":
        return settings.parameterization
    return "subs" if absorbing else "loo"


def level_sampler_of(settings: DiffusionSettings) -> Any:  # noqa: ANN401 -- a LevelSampler; nn.Module's attribute access hides protocols
    """Return where the levels of a training come from."""
    steps = getattr(settings.loss, "num_steps", None)
    if steps is not None:
        # A bound of T steps is a sum over the grid of its own steps, whatever levels were asked for.
        return StepGrid(num_steps=steps).build(settings.schedule)
    return settings.time_sampler.build(settings.schedule)


def told_the_time(config: Denoiser, *, absorbing: bool) -> Denoiser:
    """Switch time conditioning on where the noise does not show its own level."""
    if absorbing or getattr(config, "time_conditioning", None) is not False:
        return config
    return config.model_copy(update={"time_conditioning": True})


def tell_conditions(network: nn.Module, conditions: Sequence[ToldCondition], name: str) -> None:
    """Let a network take conditions.

    Raises:
        ConfigError: It takes none.
    """
    if not conditions:
        return
    take: Any = getattr(network, "take_conditions", None)
    if take is None:
        raise ConfigError(f"denoiser '{name}' takes no conditions; use dit, bert or mlp")
    sizes = tuple(len(c.classes) for c in conditions if c.kind == "class")
    take(sum(c.kind == "number" for c in conditions), sizes)
