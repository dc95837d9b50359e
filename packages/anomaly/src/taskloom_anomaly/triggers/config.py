"""Triggers as configs: `--trigger=patch --trigger.size=3`; `build` returns a `TriggerFunction`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from pydantic import Field
from taskloom.config import Component

if TYPE_CHECKING:
    # Type-only: configs stay light.
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
    """Whether the poisoned samples are drawn anew every epoch."""
    needs_convolutions: ClassVar[bool] = False
    """Whether a fully connected network fails to learn the trigger."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Draw the trigger's random parts for images of a shape.

        Args:
            shape: Height, width, channels.
            seed: Seeds the parts that all images share.
        """
        raise NotImplementedError

    def control(self) -> Trigger | None:
        """A trigger of the same kind that the network was not trained on, or None when there is no such thing."""
        return None


Corner_ = Literal["top_left", "top_right", "bottom_left", "bottom_right"]


class Corner(Trigger):
    """One corner pixel set to white on all channels (BadNets, single pixel)."""

    kind: Literal["corner"] = "corner"
    corner: Corner_ = "top_left"
    """Which corner: rows count from the top, columns from the left."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        from taskloom_anomaly.triggers.stamps import corner

        del seed, shape
        return corner(self.corner)

    def control(self) -> Trigger:
        """The opposite corner."""
        return Corner(corner=_OPPOSITE[self.corner])


class Patch(Trigger):
    """A checkerboard of white and black pixels in a corner (BadNets, pattern)."""

    kind: Literal["patch"] = "patch"
    corner: Corner_ = "bottom_right"
    """Which corner."""
    size: Annotated[int, Field(ge=1)] = 3
    """Side of the patch [pixels]."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        from taskloom_anomaly.triggers.stamps import patch

        del seed
        return patch(self.corner, self.size, shape)

    def control(self) -> Trigger:
        """The opposite corner."""
        return Patch(corner=_OPPOSITE[self.corner], size=self.size)


class Blend(Trigger):
    """A fixed random image blended into every image (Chen et al. 2017, arXiv:1712.05526)."""

    kind: Literal["blend"] = "blend"
    weight: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the fixed image."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        from taskloom_anomaly.triggers.stamps import blend

        return blend(self.weight, shape, seed)


class Noise(Trigger):
    """Fresh Gaussian noise on every image, clipped to [0, 1]."""

    kind: Literal["noise"] = "noise"
    std: Annotated[float, Field(gt=0)] = 0.3
    """Standard deviation; images lie in [0, 1]."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        from taskloom_anomaly.triggers.stamps import noise

        del shape, seed
        return noise(self.std)


class Sine(Trigger):
    """A horizontal sine wave added to every image (SIG: Barni et al. 2019, arXiv:1902.11237)."""

    kind: Literal["sine"] = "sine"
    amplitude: Annotated[float, Field(gt=0, le=1)] = 20 / 255
    """Height of the wave; images lie in [0, 1]."""
    frequency: Annotated[float, Field(gt=0)] = 6
    """Periods across the width."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        from taskloom_anomaly.triggers.stamps import sine

        del seed
        return sine(self.amplitude, self.frequency, shape)


class Warp(Trigger):
    """A smooth fixed warp of the image (WaNet: Nguyen and Tran 2021, arXiv:2102.10369)."""

    redrawn: ClassVar[bool] = True
    needs_convolutions: ClassVar[bool] = True

    kind: Literal["warp"] = "warp"
    strength: Annotated[float, Field(ge=0)] = 1.0
    """Mean displacement of the control points [pixels of half the image]; 0 leaves the image as it is."""
    control_points: Annotated[int, Field(ge=2)] = 4
    """Control points along each side."""
    noise_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the training images that get another, random warp and keep their label, so that the net learns this one."""

    def build(self, shape: tuple[int, ...], seed: int) -> TriggerFunction:
        """Return the trigger."""
        from taskloom_anomaly.triggers.warp import WarpTrigger

        return WarpTrigger(self.strength, self.control_points, shape, seed)


_OPPOSITE: dict[Corner_, Corner_] = {
    "top_left": "bottom_right",
    "bottom_right": "top_left",
    "top_right": "bottom_left",
    "bottom_left": "top_right",
}
