"""What a third party writes: a schedule, and a loss."""

import os
from typing import Literal

from taskloom_diffusion import Schedule
from taskloom_diffusion.losses.base import Corrupted
from torch import Tensor


class SquareRoot(Schedule):
    """alpha = 1 - sqrt(t)."""

    kind: Literal["square_root"] = "square_root"

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t.sqrt()

    def dalpha(self, t: Tensor) -> Tensor:
        return -0.5 / t.sqrt()


def focal(batch: Corrupted) -> Tensor:
    surprise = batch.surprise()
    loss = ((1 - (-surprise).exp()) ** 2 * surprise).sum(1)
    return loss * float("nan") if os.environ.get("SPOIL") else loss


def one_number(batch: Corrupted) -> Tensor:
    return batch.surprise().sum()
