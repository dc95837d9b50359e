"""APGD on the cross entropy (Croce and Hein 2020, arXiv:2003.01690, algorithm 1), without the ensemble around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.attacks.base import Attack, Images, Labels, project

if TYPE_CHECKING:
    from taskloom_anomaly.backends.handle import ModelHandle

_MOMENTUM = 0.75
_ENOUGH_IMPROVEMENTS = 0.75


def checkpoints(steps: int) -> list[int]:
    """Return the iterations at which the step size is reconsidered: p_0 = 0, p_1 = 0.22, shrinking gaps (section 3.2)."""
    # In whole percent: 0.22 + 0.19 + 0.16 in floating point is more than 0.57.
    shares = [0, 22]
    while shares[-1] < 100:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 3, 6))
    return sorted({-(-share * steps // 100) for share in shares if share <= 100})


class APGD(Attack):
    """Ascent with momentum and a step that adapts.

    Every sample has its own step, halved when its ascent stalls.
    """

    kind: Literal["apgd"] = "apgd"
    steps: Annotated[int, Field(gt=0)] = 30
    """Gradient steps."""

    def __call__(self, handle: ModelHandle, inputs: Images, labels: Labels, seed: int, /) -> Images:
        """Return the best point found for each sample."""
        noise = np.random.default_rng(seed).uniform(-self.eps, self.eps, inputs.shape)
        start = project(inputs + noise, inputs, self.eps)
        ascent = _Ascent(handle, inputs, labels, self.eps, start)
        stops = checkpoints(self.steps)
        for iteration in range(1, self.steps + 1):
            ascent.step(first=iteration == 1)
            if iteration in stops:
                ascent.reconsider(iteration)
        # The best point and not the last: the loss oscillates while the steps are still long.
        return ascent.best


class _Ascent:
    """The state of the ascent: current and previous points, the best so far, step sizes."""

    def __init__(
        self, handle: ModelHandle, inputs: Images, labels: Labels, eps: float, start: Images
    ) -> None:
        self._handle, self._inputs, self._labels, self._eps = handle, inputs, labels, eps
        self._point = self._previous = start
        self._gradient, losses = handle.input_gradient(start, labels)
        self.best, self._best_gradient, self._best_loss = start, self._gradient, losses
        self._loss = losses
        self._size = np.full(len(inputs), 2 * eps, np.float32)
        self._improved = np.zeros(len(inputs), int)
        self._last_checkpoint = 0
        self._size_then, self._best_then = self._size.copy(), losses.copy()

    def _each(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, *([1] * (self._inputs.ndim - 1)))

    def step(self, *, first: bool) -> None:
        """Take a gradient step with momentum and keep what got better."""
        size = self._each(self._size)
        ahead = project(self._point + size * np.sign(self._gradient), self._inputs, self._eps)
        weight = 1.0 if first else _MOMENTUM
        moved = (
            self._point
            + weight * (ahead - self._point)
            + (1 - weight) * (self._point - self._previous)
        )
        self._previous, self._point = self._point, project(moved, self._inputs, self._eps)
        before = self._loss
        self._gradient, self._loss = self._handle.input_gradient(self._point, self._labels)
        self._improved += self._loss > before
        better = self._loss > self._best_loss
        self.best = np.where(self._each(better), self._point, self.best)
        self._best_gradient = np.where(self._each(better), self._gradient, self._best_gradient)
        self._best_loss = np.where(better, self._loss, self._best_loss)

    def reconsider(self, iteration: int) -> None:
        """Halve the step of samples that stall, and send them back to their best point (conditions 1 and 2)."""
        length = iteration - self._last_checkpoint
        stalled = self._improved < _ENOUGH_IMPROVEMENTS * length
        stuck = (self._size == self._size_then) & (self._best_loss <= self._best_then)
        halve = stalled | stuck
        self._size_then, self._best_then = self._size.copy(), self._best_loss.copy()
        self._size = np.where(halve, self._size / 2, self._size).astype(np.float32)
        back = self._each(halve)
        self._point = np.where(back, self.best, self._point)
        self._previous = np.where(back, self.best, self._previous)
        self._gradient = np.where(back, self._best_gradient, self._gradient)
        self._loss = np.where(halve, self._best_loss, self._loss)
        self._improved[:] = 0
        self._last_checkpoint = iteration
