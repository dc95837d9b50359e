"""Loss functions of plugins, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import model_validator
from taskloom.errors import PluginError
from taskloom.registry import component_refs, did_you_mean, load_target

from taskloom_diffusion.losses.base import Corrupted, Loss

if TYPE_CHECKING:
    from torch import Tensor

FUNCTIONS = "taskloom_diffusion.loss_functions"
"""The entry-point group of loss functions."""


class Function(Loss):
    """Any callable that a plugin registered.

    `(batch: Corrupted) -> Tensor` of one loss per row.
    """

    kind: Literal["function"] = "function"
    name: str
    """Its entry point in the group `taskloom_diffusion.loss_functions`."""

    @model_validator(mode="after")
    def _is_registered(self) -> Function:
        registered = [ref.name for ref in component_refs(FUNCTIONS)]
        if self.name not in registered:
            close = did_you_mean(self.name, registered)
            raise ValueError(
                f"no plugin registers '{self.name}' under '{FUNCTIONS}'; registered: {', '.join(registered) or 'none'}"
                + (f"; {close}" if close else "")
            )
        return self

    def per_row(self, batch: Corrupted) -> Tensor:
        losses: Tensor = _function(self.name)(batch)
        if losses.shape != batch.x.shape[:1]:
            raise PluginError(
                f"loss function '{self.name}' must return one loss per row, {tuple(batch.x.shape[:1])}, not {tuple(losses.shape)}"
            )
        return losses


@cache
def _function(name: str) -> Callable[[Corrupted], Tensor]:
    (ref,) = [ref for ref in component_refs(FUNCTIONS) if ref.name == name]
    found: Any = load_target(ref.target, what=f"loss function '{name}'")
    if not callable(found):
        raise PluginError(f"loss function '{name}' cannot be used: '{ref.target}' is not callable")
    return cast("Callable[[Corrupted], Tensor]", found)
