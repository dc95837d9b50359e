"""Samplers for absorbing noise that reveal chosen positions call by call: one loop, and a rule that chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from taskloom_diffusion.samplers.generation import Generation
from taskloom_diffusion.samplers.noise import draw_categorical, gumbel

_NOTHING = torch.zeros(0)


@dataclass(frozen=True)
class View:
    """What a rule sees at one call.

    Attributes:
        step: Calls made before.
        masked: Positions that may be revealed (B, L).
        initial: Number of them at the beginning (B,).
        log_x: The model's untempered prediction (B, L, V); empty for rules that foresee their choice.
        drawn: The token drawn for each position (B, L); empty for rules that foresee their choice.
        noise: Fresh uniform variates (B, L).
    """

    step: int
    masked: Tensor
    initial: Tensor
    log_x: Tensor
    drawn: Tensor
    noise: Tensor


class Rule(Protocol):
    """Chooses which positions to reveal."""

    @property
    def foresees(self) -> bool:
        """Whether the choice does not depend on the prediction, so that only the chosen positions need one."""
        ...

    def begin(self, masked: Tensor, noise: Tensor) -> None:
        """Prepare for a batch, with one uniform variate per position."""
        ...

    def idle(self, step: int, masked: Tensor) -> Tensor:
        """Return rows (B,) that will reveal nothing at this step, so that the network need not be asked."""
        ...

    def choose(self, view: View) -> Tensor:
        """Return the positions to reveal (B, L), a subset of `masked`."""
        ...


class Stateless:
    """The half of a rule that prepares nothing and is never idle."""

    foresees = False

    def begin(self, masked: Tensor, noise: Tensor) -> None:
        del masked, noise

    def idle(self, step: int, masked: Tensor) -> Tensor:
        del step
        return torch.zeros(len(masked), dtype=torch.bool)


class RevealSampler:
    """Asks the network, draws every masked token, and keeps those that the rule chooses, until none is masked.

    Args:
        rule: What chooses.
        continuous_time: Whether the noise level told to the network follows the first-hitting times t u^(1/k); otherwise
            it is the share of masked positions.
    """

    absorbing_only = True

    def __init__(self, rule: Rule, *, continuous_time: bool = False) -> None:
        self.rule = rule
        self.continuous_time = continuous_time

    def run(self, generation: Generation) -> Tensor:
        mask_id = generation.process.vocabulary.mask_id
        z = generation.start.clone()
        masked = generation.free & (z == mask_id)
        initial = masked.sum(1)
        total = generation.maskable.sum(1).clamp_min(1)
        level = torch.ones(len(z), dtype=torch.float64)
        self.rule.begin(masked, generation.noise.uniform())
        step = 0
        while bool(masked.any()):
            busy = masked.any(1) & ~self.rule.idle(step, masked)
            order_noise, token_noise = generation.noise.uniform(), generation.noise.uniform()
            rows = busy.nonzero()[:, 0]
            if len(rows):
                left = masked.sum(1)
                level = self._level(level, left, total, generation)
                view = View(
                    step, masked[rows], initial[rows], _NOTHING, _NOTHING, order_noise[rows]
                )
                rule = self.rule_for(rows)
                wanted = masked
                if rule.foresees:
                    wanted = torch.zeros_like(masked)
                    wanted[rows] = rule.choose(view) & masked[rows]
                log_x = generation.predictor.log_x_theta(
                    z, 1 - level, generation.maskable, rows, wanted
                )
                drawn = draw_categorical(generation.token_law(log_x), token_noise[rows])
                if rule.foresees:
                    chosen = wanted[rows]
                else:
                    chosen = rule.choose(replace(view, log_x=log_x, drawn=drawn)) & masked[rows]
                z[rows] = torch.where(chosen, drawn, z[rows])
                masked = generation.free & (z == mask_id)
                generation.record(z)
            step += 1
        return z

    def rule_for(self, rows: Tensor) -> Rule:
        """Return the rule restricted to the rows of this call."""
        return self.rule.select(rows) if isinstance(self.rule, IndependentBuckets) else self.rule

    def _level(self, level: Tensor, left: Tensor, total: Tensor, generation: Generation) -> Tensor:
        if not self.continuous_time or not generation.predictor.denoiser.uses_time:
            return left.double() / (total + 1)
        # Variates of their own: when a position falls says nothing about which one does.
        return level * generation.noise.uniform()[:, 0] ** (1 / left.clamp_min(1).double())


def quota(view: View, num_calls: int) -> Tensor:
    """Return how many positions each row reveals now (B,): what is left, over the calls that are left."""
    left = view.masked.sum(1)
    if num_calls == 0:
        return torch.ones_like(left)
    remaining = max(num_calls - view.step, 1)
    return (left + remaining - 1) // remaining


def take_best(score: Tensor, allowed: Tensor, count: Tensor) -> Tensor:
    """Return the `count` (B,) allowed positions of highest score (B, L); ties go to the left."""
    ranked = torch.where(allowed, score, -torch.inf)
    order = ranked.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter(1, order, torch.arange(score.shape[1]).expand_as(order))
    return allowed & (rank < count[:, None])


class RandomOrder(Stateless):
    """Uniformly random positions in groups of equal size."""

    foresees = True

    def __init__(self, num_calls: int) -> None:
        self.num_calls = num_calls

    def choose(self, view: View) -> Tensor:
        return take_best(view.noise, view.masked, quota(view, self.num_calls))


class IndependentBuckets:
    """Each position's call is drawn uniformly and independently: the law of ancestral sampling in that many equal steps."""

    foresees = True

    def __init__(self, num_calls: int) -> None:
        self.num_calls = num_calls
        self.bucket = torch.zeros(0, 0, dtype=torch.long)

    def begin(self, masked: Tensor, noise: Tensor) -> None:
        del masked
        self.bucket = (noise * self.num_calls).long()

    def idle(self, step: int, masked: Tensor) -> Tensor:
        return ~((self.bucket == step) & masked).any(1)

    def choose(self, view: View) -> Tensor:
        return self.bucket == view.step

    def select(self, rows: Tensor) -> IndependentBuckets:
        """Return the rule for some rows only."""
        part = IndependentBuckets(self.num_calls)
        part.bucket = self.bucket[rows]
        return part


class LeftToRightOrder(Stateless):
    """The leftmost positions."""

    foresees = True

    def __init__(self, num_calls: int) -> None:
        self.num_calls = num_calls

    def choose(self, view: View) -> Tensor:
        position = torch.arange(view.masked.shape[1], dtype=torch.float64)
        return take_best(-position.expand_as(view.noise), view.masked, quota(view, self.num_calls))


class Surest(Stateless):
    """The positions the model is surest of, by one of three measures."""

    def __init__(
        self,
        measure: Literal["confidence", "margin", "entropy"],
        num_calls: int,
        randomness: float,
    ) -> None:
        self.measure = measure
        self.num_calls = num_calls
        self.randomness = randomness

    def choose(self, view: View) -> Tensor:
        score = certainty(self.measure, view)
        if self.randomness:
            calls = (
                torch.full_like(view.initial, self.num_calls) if self.num_calls else view.initial
            )
            cooling = (1 - view.step / calls.clamp_min(1)).clamp_min(0)[:, None]
            score = score + self.randomness * cooling * gumbel(view.noise)
        return take_best(score, view.masked, quota(view, self.num_calls))


def certainty(measure: str, view: View) -> Tensor:
    """Return how sure the model is of each position (B, L); more is surer."""
    if measure == "confidence":
        return view.log_x.gather(-1, view.drawn[..., None])[..., 0]
    if measure == "margin":
        best = view.log_x.exp().topk(2, dim=-1).values
        return best[..., 0] - best[..., 1]
    return -entropy(view.log_x)


def entropy(log_x: Tensor) -> Tensor:
    """Return the entropy of each position's prediction (B, L) [nats]."""
    p = log_x.exp()
    return -torch.where(p > 0, p * log_x, 0.0).sum(-1)


class AboveThreshold(Stateless):
    """Every position whose drawn token is likely enough, at least the likeliest."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def choose(self, view: View) -> Tensor:
        score = certainty("confidence", view)
        best = take_best(score, view.masked, torch.ones_like(view.initial))
        return view.masked & ((score.exp() > self.threshold) | best)


class BoundedEntropy(Stateless):
    """The longest prefix, by rising entropy, whose summed entropy without its largest stays below the bound."""

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def choose(self, view: View) -> Tensor:
        h = torch.where(view.masked, entropy(view.log_x), torch.inf)
        ordered = h.sort(dim=1).values
        # Sorted upwards, the largest of a prefix is its last element: the sum without it is the exclusive sum.
        finite = torch.where(ordered.isfinite(), ordered, 0.0)
        error = finite.cumsum(1) - finite
        count = ((error <= self.bound) & ordered.isfinite()).sum(1).clamp_min(1)
        return take_best(-h, view.masked, count)


class Blocks(Stateless):
    """Inside the leftmost unfinished block, the surest tokens."""

    def __init__(self, block_size: int, calls_per_block: int) -> None:
        self.block_size = block_size
        self.per_call = -(-block_size // calls_per_block)

    def choose(self, view: View) -> Tensor:
        block = torch.arange(view.masked.shape[1]) // self.block_size
        first = torch.where(view.masked, block, block[-1] + 1).min(1, keepdim=True).values
        inside = view.masked & (block == first)
        count = torch.full_like(view.initial, self.per_call)
        return take_best(certainty("confidence", view), inside, count)
