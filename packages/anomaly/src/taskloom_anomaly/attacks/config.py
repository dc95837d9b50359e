"""Attacks as configs: `--attack=pgd --attack.eps=0.1`; `build()` returns an `AttackFunction`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field
from taskloom.config import Component

if TYPE_CHECKING:
    # Type-only: configs stay light.
    import numpy as np
    from jaxtyping import Float, Int

    from taskloom_anomaly.backends.handle import ModelHandle


class AttackFunction(Protocol):
    """An attack: moves every input by at most eps in every pixel so that the cross entropy rises."""

    def __call__(
        self,
        handle: ModelHandle,
        inputs: Float[np.ndarray, "n ..."],
        labels: Int[np.ndarray, " n"],
        seed: int,
        /,
    ) -> Float[np.ndarray, "n ..."]:
        """Return the adversarial inputs, inside [0, 1]."""
        ...


class Attack(Component):
    """Base of the attacks."""

    eps: Annotated[float, Field(gt=0, le=1)] = 0.12
    """Largest change of a pixel; images lie in [0, 1], before any normalisation."""

    def build(self) -> AttackFunction:
        """Return the attack."""
        raise NotImplementedError


class Fgsm(Attack):
    """One step along the sign of the gradient (Goodfellow et al. 2015, arXiv:1412.6572)."""

    kind: Literal["fgsm"] = "fgsm"
    eps: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Largest change of a pixel; images lie in [0, 1], before any normalisation."""

    def build(self) -> AttackFunction:
        """Return the attack."""
        from taskloom_anomaly.attacks.gradient import Fgsm as Implementation

        return Implementation(self.eps)


class Pgd(Attack):
    """Projected gradient ascent from a random start (Madry et al. 2018, arXiv:1706.06083)."""

    kind: Literal["pgd"] = "pgd"
    steps: Annotated[int, Field(gt=0)] = 40
    """Gradient steps."""
    relative_step: Annotated[float, Field(gt=0)] = 0.125
    """Step size as a share of eps."""
    random_start: bool = True
    """Start anywhere inside the ball instead of at the image."""

    def build(self) -> AttackFunction:
        """Return the attack."""
        from taskloom_anomaly.attacks.gradient import Pgd as Implementation

        return Implementation(self.eps, self.steps, self.relative_step, self.random_start)


class Apgd(Attack):
    """Ascent with momentum that halves its step when it stalls (APGD-CE: Croce and Hein 2020, arXiv:2003.01690)."""

    kind: Literal["apgd"] = "apgd"
    steps: Annotated[int, Field(gt=0)] = 30
    """Gradient steps."""

    def build(self) -> AttackFunction:
        """Return the attack."""
        from taskloom_anomaly.attacks.apgd import Apgd as Implementation

        return Implementation(self.eps, self.steps)
