"""PGD, projected gradient descent on the negative loss (Madry et al. 2018, arXiv:1706.06083)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.attacks.base import Attack, Images, Labels, project

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import ModelHandle


class PGD(Attack):
    """Projected gradient ascent from a random start.

    Repeated steps along the sign of the gradient, projected back into the ball.
    """

    kind: Literal["pgd"] = "pgd"
    steps: Annotated[int, Field(gt=0)] = 40
    """Gradient steps."""
    relative_step: Annotated[float, Field(gt=0)] = 0.125
    """Step size as a share of eps."""
    random_start: bool = True
    """Start anywhere inside the ball instead of at the image."""

    def __call__(self, handle: ModelHandle, inputs: Images, labels: Labels, seed: int, /) -> Images:
        """Return the adversarial inputs."""
        moved = inputs
        if self.random_start:
            noise = np.random.default_rng(seed).uniform(-self.eps, self.eps, inputs.shape)
            # Rounded before it is added: the sum in float64 would differ in its last bit.
            moved = project(inputs + noise.astype(np.float32), inputs, self.eps)
        for _ in range(self.steps):
            gradient, _ = handle.input_gradient(moved, labels)
            step = self.relative_step * self.eps * np.sign(gradient)
            moved = project(moved + step, inputs, self.eps)
        return moved
