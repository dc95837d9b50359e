"""Samplers for absorbing noise that reveal chosen positions call by call: one loop, and a rule that chooses."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from taskloom_diffusion.samplers.base import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation


@dataclass(frozen=True)
class View:
    """A call of the network as a rule sees it.

    Attributes:
        step: Calls made before.
        masked: Positions that may be revealed (B, L).
        initial: Number of them at the beginning (B,).
        lots: Uniform variates (B, L) that are the same at every call.
        noise: Fresh uniform variates (B, L).
        log_x: The model's untempered prediction (B, L, V); empty for rules that foresee their choice.
        drawn: The token drawn for each position (B, L); empty for rules that foresee their choice.
    """

    step: int
    masked: Tensor
    initial: Tensor
    lots: Tensor
    noise: Tensor
    log_x: Tensor
    drawn: Tensor

    def of_rows(self, rows: Tensor, log_x: Tensor, drawn: Tensor) -> View:
        """Return the view of some rows, with what the network says about them."""
        return replace(
            self,
            masked=self.masked[rows],
            initial=self.initial[rows],
            lots=self.lots[rows],
            noise=self.noise[rows],
            log_x=log_x,
            drawn=drawn,
        )


class RevealSampler(Sampler):
    """A sampler that draws every masked token and keeps those that it chooses, until none is masked."""

    absorbing: ClassVar[bool] = True
    foresees: ClassVar[bool] = False
    """True where the choice does not depend on the prediction, so that only the chosen positions need one."""
    continuous_time: ClassVar[bool] = False
    """True where the network is told the first-hitting times t u^(1/k) as noise levels, not the share of masked positions."""

    @abstractmethod
    def choose(self, view: View) -> Tensor:
        """Return the positions to reveal (B, L), a subset of the masked ones."""

    def run(self, generation: Generation) -> Tensor:
        import torch  # torch is heavy

        mask_id = generation.process.vocabulary.mask_id
        z = generation.start.clone()
        masked = generation.free & (z == mask_id)
        initial = masked.sum(1)
        level = torch.ones(len(z), dtype=torch.float64)
        nothing = torch.zeros(0)
        lots = generation.noise.uniform()
        step = 0
        while bool(masked.any()):
            # Drawn whether or not a row needs them: its later variates must not depend on the others of the batch.
            order_noise, token_noise = generation.noise.uniform(), generation.noise.uniform()
            view = View(step, masked, initial, lots, order_noise, nothing, nothing)
            wanted = self.choose(view) & masked if self.foresees else masked
            # Rows that will reveal nothing at this step cost no call.
            rows = wanted.any(1).nonzero()[:, 0]
            if len(rows):
                level = self.told(level, masked.sum(1), generation)
                log_x = generation.predicted(z, 1 - level, rows, wanted)
                drawn = generation.draw(log_x, z[rows], token_noise[rows], rows)
                chosen = wanted[rows]
                if not self.foresees:
                    chosen = chosen & self.choose(view.of_rows(rows, log_x, drawn))
                z[rows] = torch.where(chosen, drawn, z[rows])
                masked = generation.free & (z == mask_id)
                generation.record(z)
            step += 1
        return z

    def told(self, level: Tensor, left: Tensor, generation: Generation) -> Tensor:
        """Return the noise levels (B,) that the network is told, from those before and the masks that are left."""
        if not self.continuous_time or not generation.predictor.denoiser.uses_time:
            # The mean of the mask rate's posterior Beta(k, n - k + 1), as exact counts are told in training.
            return left.double() / (generation.maskable.sum(1).clamp_min(1) + 1)
        # Variates of their own: when a position falls says nothing about which one does.
        return level * generation.noise.uniform()[:, 0] ** (1 / left.clamp_min(1).double())


def quota(view: View, num_calls: int) -> Tensor:
    """Return how many positions each row reveals now (B,): those left, over the calls left; 0 calls is one for each."""
    left = view.masked.sum(1)
    remaining = max(num_calls - view.step, 1)
    # Rounded up, so that the last call never has more to reveal than those before.
    return (left + remaining - 1) // remaining if num_calls else left.clamp(1, 1)


def take_best(score: Tensor, allowed: Tensor, count: Tensor) -> Tensor:
    """Return the `count` (B,) allowed positions of highest score (B, L); ties go to the left."""
    import torch  # torch is heavy

    ranked = torch.where(allowed, score, -torch.inf)
    order = ranked.argsort(dim=1, descending=True, stable=True)
    # The inverse of the permutation: scattering costs a tenth of sorting once more.
    rank = torch.empty_like(order).scatter(1, order, torch.arange(score.shape[1]).expand_as(order))
    return allowed & (rank < count[:, None])


def confidence(view: View) -> Tensor:
    """Return the log-probability of each drawn token (B, L)."""
    return view.log_x.gather(-1, view.drawn[..., None])[..., 0]


def entropy(log_x: Tensor) -> Tensor:
    """Return the entropy of each position's prediction (B, L) [nats]."""
    p = log_x.exp()
    # Impossible tokens have p = 0 and log p = -inf, whose product is a NaN and not the limit 0.
    return -(p * log_x).where(p > 0, 0.0).sum(-1)
