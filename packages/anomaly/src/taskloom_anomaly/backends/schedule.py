"""A step size that rises and falls once over a training: Smith and Topin 2019 (arXiv 1708.07120), with cosines."""

from __future__ import annotations

import math

RISE, DIVISOR, END = 0.3, 25.0, 1e4
"""Share of the steps that rise; the peak over the first step size; the first over the last. As in torch and in optax."""


def share_of_peak(step: int, steps: int) -> float:
    """Return the step size of a step, as a share of the largest.

    >>> [round(share_of_peak(step, 11), 2) for step in (0, 3, 11)]
    [0.04, 1.0, 0.0]
    """
    top = int(RISE * steps)
    low = 1 / DIVISOR if step < top else 1 / (DIVISOR * END)
    done = step / top if step < top else (step - top) / (steps - top)
    # Half a cosine, from the lower end to the peak or back.
    height = (
        (1 - math.cos(math.pi * done)) / 2 if step < top else (1 + math.cos(math.pi * done)) / 2
    )
    return low + (1 - low) * height
