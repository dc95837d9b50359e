"""Base of the time samplers: noise levels of a batch, and laws that draw them.

Levels come with weights: pairs (alpha, flow) with E[flow * G(alpha)] = int G d alpha. Every law is unbiased for the bound, except
where it says so.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.model.part import DiffusionPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from taskloom_diffusion.schedules.base import Schedule


@dataclass(frozen=True)
class Levels:
    """The noise levels of a batch.

    Attributes:
        time: (B,) in [0, 1], float64.
        alpha: Signal (B,), float64.
        flow: Weight (B,): the integrand of the bound times the flow is an unbiased estimate of the bound.
        counts: How many positions to mask in each row (B,), or None to mask each with probability 1 - alpha.
        previous_alpha: Signal one step earlier (B,) on a grid of steps, where the loss is a bound of T steps.
    """

    time: Tensor
    alpha: Tensor
    flow: Tensor
    counts: Tensor | None = None
    previous_alpha: Tensor | None = None

    @classmethod
    def joined(cls, parts: Sequence[Levels]) -> Levels:
        """Return the levels of several parts as one, in their order."""
        import torch  # torch is heavy

        def column(name: str) -> Tensor | None:
            values = [getattr(part, name) for part in parts]
            return None if any(value is None for value in values) else torch.cat(values)

        names = ("time", "alpha", "flow")
        time, alpha, flow = (torch.cat([getattr(part, name) for part in parts]) for name in names)
        return cls(time, alpha, flow, column("counts"), column("previous_alpha"))

    def of_rows(self, rows: Tensor) -> Levels:
        """Return the levels of some rows (R,)."""
        counts = None if self.counts is None else self.counts[rows]
        earlier = None if self.previous_alpha is None else self.previous_alpha[rows]
        return Levels(self.time[rows], self.alpha[rows], self.flow[rows], counts, earlier)


@dataclass
class LevelSampler:
    """A law of levels over one schedule, with what it has learnt of past losses.

    Attributes:
        law: Draws and learns.
        schedule: The schedule whose levels are drawn.
        memory: What has been learnt, float64; empty for a law that learns nothing. Checkpoints keep it.
    """

    law: TimeSampler
    schedule: Schedule
    memory: Tensor

    def draw(self, sizes: Tensor, generator: Generator, *, versions: int = 1) -> Levels:
        """Draw levels of all rows, given their numbers of maskable positions (B,), then of all rows again, and so on."""
        return self.law.draw(self, sizes, generator, versions)

    def observe(self, levels: Levels, losses: Tensor) -> None:
        """Learn from the estimates of the bound that the rows (B,) gave."""
        self.law.observe(self, levels, losses)

    def state(self) -> Tensor:
        """Return what has been learnt, for checkpoints."""
        return self.memory.clone()

    def load_state(self, state: Tensor) -> None:
        """Restore what `state` returned."""
        self.memory = state.clone()


class TimeSampler(DiffusionPart):
    """A law of noise levels."""

    biased: ClassVar[bool] = False
    """True where another quantity than the bound is estimated; evaluation refuses it then."""
    learns: ClassVar[bool] = False
    """True where levels are drawn by past losses."""

    def build(self, schedule: Schedule) -> LevelSampler:
        """Return the law over a schedule, before it has seen a loss."""
        return LevelSampler(self, schedule, self.init())

    def init(self) -> Tensor:
        """Return the memory before the first loss, float64."""
        import torch  # torch is heavy

        return torch.zeros(0, dtype=torch.float64)

    @abstractmethod
    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        """Draw levels of all rows for each version.

        Args:
            at: The schedule and the memory.
            sizes: Maskable positions of each row (B,).
            generator: Source of randomness.
            versions: Noised versions n of every row.

        Returns:
            n B levels: those of all rows, then of all rows again, and so on.
        """

    def observe(self, at: LevelSampler, levels: Levels, losses: Tensor) -> None:
        """Learn from the estimates of the bound (B,) at some levels."""
        del at, levels, losses


def strata(num: int, generator: Generator, *, stratified: bool = True) -> Tensor:
    """Return `num` uniform variates, float64; stratified ones lie one in each [i/num, (i+1)/num), in random order."""
    import torch  # torch is heavy

    u = torch.rand(num, generator=generator, dtype=torch.float64)
    if not stratified:
        return u
    # The order is shuffled because rows of a batch are sorted by nothing in particular but may be cut by lengths.
    return ((torch.arange(num, dtype=torch.float64) + u) / num)[
        torch.randperm(num, generator=generator)
    ]


# Before 0.2 all time samplers stood here.
__getattr__ = old_names(__name__)
