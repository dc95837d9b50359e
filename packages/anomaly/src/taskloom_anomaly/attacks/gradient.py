"""FGSM and PGD in an L-infinity ball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from taskloom_anomaly.backends.handle import ModelHandle

Images = Float[np.ndarray, "n ..."]
Labels = Int[np.ndarray, " n"]


def project(moved: Images, inputs: Images, eps: float) -> Images:
    """Return the nearest point inside the ball around `inputs` and inside [0, 1]."""
    inside = np.clip(moved, inputs - eps, inputs + eps)
    return np.clip(inside, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Fgsm:
    """x <- clip(x + eps sign(grad)).

    Attributes:
        eps: Radius.
    """

    eps: float

    def __call__(self, handle: ModelHandle, inputs: Images, labels: Labels, seed: int, /) -> Images:
        """Return the adversarial inputs."""
        del seed
        gradient, _ = handle.input_gradient(inputs, labels)
        return project(inputs + self.eps * np.sign(gradient), inputs, self.eps)


@dataclass(frozen=True)
class Pgd:
    """Repeated steps along the sign of the gradient, projected back.

    Attributes:
        eps: Radius.
        steps: Gradient steps.
        relative_step: Step size over eps.
        random_start: Whether to start at a random point of the ball.
    """

    eps: float
    steps: int
    relative_step: float
    random_start: bool

    def __call__(self, handle: ModelHandle, inputs: Images, labels: Labels, seed: int, /) -> Images:
        """Return the adversarial inputs."""
        moved = inputs
        if self.random_start:
            noise = np.random.default_rng(seed).uniform(-self.eps, self.eps, inputs.shape)
            moved = project(inputs + noise.astype(np.float32), inputs, self.eps)
        for _ in range(self.steps):
            gradient, _ = handle.input_gradient(moved, labels)
            step = self.relative_step * self.eps * np.sign(gradient)
            moved = project(moved + step, inputs, self.eps)
        return moved
