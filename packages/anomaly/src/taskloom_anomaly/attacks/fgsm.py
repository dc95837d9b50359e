"""FGSM, the fast gradient sign method (Goodfellow et al. 2015, arXiv:1412.6572)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.attacks.base import Attack, Images, Labels, project

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import ModelHandle


class FGSM(Attack):
    """One step along the sign of the gradient.

    x <- clip(x + eps sign(grad)).
    """

    kind: Literal["fgsm"] = "fgsm"
    # The 8/255 of cupbearer leaves an accuracy of 0.85 on MNIST digits; one step needs more than many do.
    eps: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Largest change of a pixel; images lie in [0, 1], before any normalisation."""

    def __call__(self, handle: ModelHandle, inputs: Images, labels: Labels, seed: int, /) -> Images:
        """Return the adversarial inputs."""
        del seed
        gradient, _ = handle.input_gradient(inputs, labels)
        return project(inputs + self.eps * np.sign(gradient), inputs, self.eps)
