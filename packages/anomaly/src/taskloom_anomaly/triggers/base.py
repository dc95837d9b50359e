"""The base of the triggers: `--trigger=patch --trigger.size=3` sets the fields of one."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol

from taskloom.config import Component, Config

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float


class TriggerFunction(Protocol):
    """A trigger with its random parts drawn; images are `(n, height, width, channels)` in [0, 1]."""

    def __call__(
        self, images: Float[np.ndarray, "n h w c"], seed: int, /
    ) -> Float[np.ndarray, "n h w c"]:
        """Return the images with the trigger; `seed` seeds what differs from image to image."""
        ...


class Trigger(Component):
    """Base of the triggers."""

    redrawn: ClassVar[bool] = False
    """True if the poisoned samples are drawn anew every epoch."""
    needs_convolutions: ClassVar[bool] = False
    """True if a fully connected network fails to learn the trigger."""

    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return the reason why no task with such a config can use the trigger, or an empty string."""
        del config_class
        return ""

    def check(self, config: Config) -> str:
        """Return the reason why the task with this config cannot use the trigger, or an empty string."""
        return self.fits(type(config))

    @abstractmethod
    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Draw the random parts of the trigger for images of a shape.

        Args:
            shape: Height, width, channels.
            seed: Seeds the parts that all images share.
        """

    def control(self) -> Trigger | None:
        """Return a trigger of the same kind that the network was not trained on, or None when there is no such thing."""
        return None
