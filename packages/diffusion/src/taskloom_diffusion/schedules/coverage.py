"""Distance of the training loss of a schedule from the entropy that it stands for, with an exact network.

A schedule that begins with a little noise, or ends before pure noise, leaves parts of the integral over the signal out. What is
evaluated covers the whole path in any case; what is trained on does not.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.schedules.base import Schedule

# Letters, length and seed of the law that the table is about.
_TOY = (3, 4, 2)


def training_gap(schedule: Schedule) -> float:
    """Return the training loss of a schedule under the mask minus the entropy [nats per sequence], for a toy of four tokens.

    With k of n tokens masked the loss of the bound is the mean over such sets of the sum of -log p(x_l | the rest), times
    C(n, k) (1 - a)^(k-1) a^(n-k) at signal a: a polynomial, which Gauss and Legendre integrate exactly.
    """
    import numpy as np  # numpy is heavy for a listing
    import torch  # torch is heavy

    ends = schedule.alpha(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
    nodes, weights = np.polynomial.legendre.leggauss(16)
    # From the last signal to the first one, which are 0 and 1 where nothing is left out.
    middle, half = (ends[0] + ends[1]) / 2, (ends[0] - ends[1]) / 2
    signal = middle + half * nodes
    masked = _masked_entropies()
    count = len(masked)
    loss = sum(
        math.comb(count, k) * (1 - signal) ** (k - 1) * signal ** (count - k) * masked[k - 1]
        for k in range(1, count + 1)
    )
    whole = sum(entropy / k for k, entropy in enumerate(masked, start=1))
    return float((weights * loss).sum() * half - whole)


@cache
def _masked_entropies() -> tuple[float, ...]:
    """Return, for each number k of masks, the mean over sets of k positions of the sum of H(x_l | the others)."""
    from taskloom_diffusion.corpora.toys import random_toy  # torch is heavy

    toy = random_toy(*_TOY)
    law = toy.law.view((toy.num_tokens,) * toy.length)
    found = []
    for count in range(1, toy.length + 1):
        sets = list(itertools.combinations(range(toy.length), count))
        found.append(sum(_surprise(law, masked) for masked in sets) / len(sets))
    return tuple(found)


def _surprise(law: Tensor, masked: tuple[int, ...]) -> float:
    """Return the sum over masked positions of the entropy of each given what is visible."""
    visible = _entropy(law, [i for i in range(law.ndim) if i not in masked])
    each = [[i for i in range(law.ndim) if i not in masked or i == j] for j in masked]
    # H(x_l | visible) = H(x_l, visible) - H(visible).
    return sum(_entropy(law, kept) - visible for kept in each)


def _entropy(law: Tensor, kept: list[int]) -> float:
    import torch  # torch is heavy

    gone = [i for i in range(law.ndim) if i not in kept]
    part = law.sum(gone) if gone else law
    return float(-torch.xlogy(part, part).sum())
