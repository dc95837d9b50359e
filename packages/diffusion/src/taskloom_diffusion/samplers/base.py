"""Base of the samplers: parameters of a way to generate, and the method that does it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.model.part import DiffusionPart, Surroundings

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation

Calls: TypeAlias = Annotated[int, Field(ge=0, le=100_000)]
Steps: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
Grid: TypeAlias = Literal["schedule", "uniform", "cosine"]
Order: TypeAlias = Literal["random", "left_to_right", "entropy", "margin"]


class Sampler(DiffusionPart):
    """A way to generate sequences."""

    absorbing: ClassVar[bool] = False
    """True where noise must be the mask and nothing else; other noise is refused with the config."""
    timeless: ClassVar[bool] = False
    """True where answers at different noise levels are compared, so that the network must not be told its level."""
    temperature: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Temperature of token draws; 1 is the model's own law, 0 takes the likeliest token."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Tokens are drawn from the smallest set with this much probability; 1 is all."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the network's blocks; its last layer and the draws keep theirs (fp32 and float64)."""

    @property
    def states_of_row(self) -> int:
        """States of one sequence that the network is asked about in a call."""
        return 1

    @abstractmethod
    def run(self, generation: Generation) -> Tensor:
        """Return complete tokens (B, L); clamped positions are returned as they came."""

    def check(self, config: Surroundings) -> str:
        if self.absorbing and not config.process.absorbing:
            return (
                f"sampler = '{getattr(self, 'kind', '')}' reveals masks, and this process has none; "
                "use 'ancestral' or 'greedy_tail'"
            )
        if self.timeless and getattr(getattr(config, "denoiser", None), "time_conditioning", False):
            return (
                f"sampler = '{getattr(self, 'kind', '')}' needs a network that is not told the noise level; "
                "set denoiser.time_conditioning = no, or use 'first_hitting'"
            )
        return super().check(config)


# Before 0.2 all samplers stood here.
__getattr__ = old_names(__name__)
