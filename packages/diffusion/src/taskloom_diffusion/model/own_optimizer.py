"""Optimizers that are written where they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from taskloom.errors import ConfigError

from taskloom_diffusion.model.own import OwnPart

if TYPE_CHECKING:
    import torch


class OwnOptimizer(OwnPart):
    """Optimizer of your own, given as what is called with groups of parameters and returns it."""

    kind: Literal["object"] = "object"

    def build(self, groups: Sequence[dict[str, Any]], rate: float) -> torch.optim.Optimizer:
        """Return the optimizer of groups `{"params": ..., "weight_decay": ...}` at a learning rate.

        Raises:
            ConfigError: What came back is no optimizer.
        """
        import torch  # heavy

        made = self.part([{**group, "lr": rate} for group in groups])
        if not isinstance(made, torch.optim.Optimizer):
            raise ConfigError(
                f"optimizer {self.qualname} returned a {type(made).__name__}, and no torch.optim.Optimizer"
            )
        return made
