"""The base of the attacks: `--attack=pgd --attack.eps=0.1` sets the fields of one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
from pydantic import Field
from taskloom.config import Component, Config

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from taskloom_anomaly.backends.handle import ModelHandle

Images: TypeAlias = "Float[np.ndarray, 'n ...']"
Labels: TypeAlias = "Int[np.ndarray, ' n']"


class Attack(Component):
    """Base of the attacks: each moves every input by at most eps in every pixel so that the cross entropy rises."""

    eps: Annotated[float, Field(gt=0, le=1)] = 0.12
    """Largest change of a pixel; images lie in [0, 1], before any normalisation."""

    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return the reason why no task with such a config can use the attack, or an empty string."""
        del config_class
        return ""

    def check(self, config: Config) -> str:
        """Return the reason why the task with this config cannot use the attack, or an empty string."""
        return self.fits(type(config))

    @abstractmethod
    def __call__(self, handle: ModelHandle, inputs: Images, labels: Labels, seed: int, /) -> Images:
        """Return the adversarial inputs, inside [0, 1] where the inputs are."""


class BuiltAttack(Attack):
    """An attack whose arithmetic is a function of its own, made by `build()`: the form of version 0.1."""

    @abstractmethod
    def build(self) -> Callable[[ModelHandle, Images, Labels, int], Images]:
        """Return the attack."""

    def __call__(self, handle: ModelHandle, inputs: Images, labels: Labels, seed: int, /) -> Images:
        """Return what the function that `build` makes returns."""
        return self.build()(handle, inputs, labels, seed)


def project(moved: Images, inputs: Images, eps: float) -> Images:
    """Return the nearest point inside the ball around `inputs`, and inside [0, 1] where all inputs are.

    The ball comes last: no input moves by more than eps, whatever range it has.
    """
    bounded = inputs.size and inputs.min() >= 0 and inputs.max() <= 1
    inside = np.clip(moved, 0, 1) if bounded else moved
    # Gradients are float32: a float64 start would double the cost of each step and change none of its signs.
    return np.clip(inside, inputs - eps, inputs + eps).astype(np.float32)
