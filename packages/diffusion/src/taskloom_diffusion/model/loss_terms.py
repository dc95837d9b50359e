"""The training loss of some rows, before it is divided."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class LossTerms:
    """The training loss of some rows, and what levels may learn from it.

    Attributes:
        nats: Sum over tokens, float64, with its gradient.
        tokens: Their number.
        time: Of each row's level (R,).
        alpha: Its signal.
        flow: Its weight.
        bounds: Each row's bound [nats per token]; empty where levels learn nothing.
    """

    nats: Tensor
    tokens: Tensor
    time: Tensor
    alpha: Tensor
    flow: Tensor
    bounds: Tensor
