"""Steps of particles: what a sampler would do in one step, with the ratio of the plain law to the one that was drawn from.

The same steps as `samplers.chain` and `samplers.reveal` take, with the state held open, so that particles can change places.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from taskloom_diffusion.guidance.law import Joint
from taskloom_diffusion.guidance.rule import (
    AutomatonRule,
    clean_law,
    moved_laws,
    noised_back,
)
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.chain import signal_grid
from taskloom_diffusion.samplers.draws import draw_categorical
from taskloom_diffusion.samplers.generation import Generation
from taskloom_diffusion.samplers.reveal import RevealSampler, View


class StepKernel(Protocol):
    """Steps of a batch of particles, of all positions or of a block."""

    z: Tensor
    """Tokens (B, S)."""
    alpha: Tensor
    """Signal (B,)."""

    @property
    def open(self) -> Tensor:
        """Rows that have steps before them (B,)."""
        ...

    @property
    def law(self) -> Tensor:
        """Probabilities of clean tokens (B, S, V), as last predicted."""
        ...

    def predict(self) -> None:
        """Ask the network about the rows that have changed."""
        ...

    def step(self) -> Tensor:
        """Take a step and return log p - log q of what was drawn (B,)."""
        ...

    def pick(self, rows: Tensor) -> None:
        """Let particles change places."""
        ...


def log_ratio(joint: Joint, generation: Generation, drawn: Tensor, carries: bool) -> Tensor:
    """Return log p - log q of drawn tokens (B, L), or what stands for it where the guided law's normaliser is carried.

    Args:
        joint: The laws.
        generation: Temperature and nucleus.
        drawn: Tokens (B, L).
        carries: Whether the target is c^g u^(1-g): what was drawn then weighs by its normaliser.
    """
    if carries:
        return joint.log_norm
    if joint.log_q is joint.log_u:
        return joint.log_norm
    at = drawn[..., None]
    p, q = (
        generation.token_law(part).gather(-1, at)[..., 0] for part in (joint.log_u, joint.log_q)
    )
    return p.log() - q.log()


class MaskedSteps:
    """Steps under absorbing noise: positions are chosen by the sampler's own rule, from the plain law.

    Args:
        sampler: `ancestral`, or one that reveals positions without a look at the drawn tokens.
        generation: The batch, or a block of it.
        carries: Whether weights carry the normaliser of the guided law.
    """

    def __init__(self, sampler: Sampler, generation: Generation, *, carries: bool) -> None:
        self.sampler, self.generation, self.carries = sampler, generation, carries
        self.mask_id = generation.process.vocabulary.mask_id
        self.z = generation.start.clone()
        self.initial = self._masked().sum(1)
        self.number = 0
        steps = int(getattr(sampler, "num_steps", 1))
        grid = str(getattr(sampler, "grid", "schedule"))
        self.alphas = signal_grid(generation.schedule, steps, grid)
        self.reveals = isinstance(sampler, RevealSampler)
        # As the sampler itself draws them: particles of one alone are its samples, bit for bit.
        self.lots = generation.noise.uniform() if self.reveals else torch.zeros(self.z.shape)
        self.level = torch.ones(len(self.z), dtype=torch.float64)
        self.alpha = torch.zeros(len(self.z), dtype=torch.float64)
        self.joint: Joint | None = None
        self.stale = torch.ones(len(self.z), dtype=torch.bool)

    def _masked(self) -> Tensor:
        return self.generation.free & (self.z == self.mask_id)

    @property
    def open(self) -> Tensor:
        return self._masked().any(1)

    @property
    def answers(self) -> Joint:
        """The laws as last predicted."""
        if self.joint is None:
            raise ValueError("nothing was predicted yet")
        return self.joint

    @property
    def law(self) -> Tensor:
        return self.generation.token_law(self.answers.log_q)

    def predict(self) -> None:
        uses_time = self.generation.predictor.denoiser.uses_time
        if self.reveals:
            # The noise of this step: positions first, then tokens, as the sampler has it.
            self.order = self.generation.noise.uniform()
            self.token = self.generation.noise.uniform()
            # What has not changed since it was asked about has the same answer.
            rows = self.stale if self.joint is None else self.stale & self.open
            left = self._masked().sum(1)
            self.level = self._told(left)
            self.alpha = 1 - self.level
        else:
            self.move, self.token = (self.generation.noise.uniform() for _ in range(2))
            self.alpha = torch.full_like(self.alpha, self.alphas[self.number])
            cached = getattr(self.sampler, "kind", "") == "ancestral_cached" and not uses_time
            rows = self.stale if cached else torch.ones_like(self.stale)
        numbers = rows.nonzero()[:, 0]
        if not len(numbers):
            return
        generation = self.generation
        fresh = joint_of(generation, self.z, self.alpha, numbers)
        self.joint = fresh if self.joint is None else self.joint.with_rows(numbers, fresh)
        self.stale = self.stale & ~rows

    def _told(self, left: Tensor) -> Tensor:
        """Return the noise levels that the network is told, as `RevealSampler` does."""
        sampler = self.sampler
        found: Tensor = sampler.told(self.level, left, self.generation)  # type: ignore[attr-defined]  # of a RevealSampler
        return found

    def chosen(self) -> Tensor:
        """Return the positions that this step decides (B, L)."""
        masked = self._masked()
        if self.reveals:
            nothing = torch.zeros(0)
            log_u = self.answers.log_u
            view = View(self.number, masked, self.initial, self.lots, self.order, log_u, nothing)
            found: Tensor = self.sampler.choose(view)  # type: ignore[attr-defined]  # of a RevealSampler
            return found & masked
        alpha_t, alpha_s = self.alphas[self.number], self.alphas[self.number + 1]
        reveal = (alpha_s - alpha_t) / (1 - alpha_t) if alpha_t < 1 else 0.0
        return masked & (self.move < reveal)

    def step(self) -> Tensor:
        generation, joint = self.generation, self.answers
        chosen = self.chosen()
        drawn = generation.draw(joint.log_q, self.z, self.token)
        ratio = log_ratio(joint, generation, drawn, self.carries)
        change = torch.where(chosen, ratio, 0.0).sum(1)
        if isinstance(generation.rule, AutomatonRule):
            kept = torch.where(chosen, drawn, self.z)
            before = generation.rule.messages(self.law, self.z, generation.maskable, known=True)
            after = generation.rule.messages(self.law, kept, generation.maskable, known=True)
            change = change + _difference(before.log_accepted, after.log_accepted)
        self.stale = self.stale | chosen.any(1)
        self.z = torch.where(chosen, drawn, self.z)
        self.number += 1
        generation.record(self.z)
        return change

    def pick(self, rows: Tensor) -> None:
        # Everything of a particle but its stream of noise: copies that shared one would stay equal for ever.
        self.z, self.lots, self.initial = self.z[rows], self.lots[rows], self.initial[rows]
        self.level, self.stale = self.level[rows], self.stale[rows]
        self.joint = self.answers.of(rows)


class UnmaskedSteps:
    """Steps under noise without a mask: every free position moves in each.

    Args:
        sampler: `ancestral`.
        generation: The batch.
        carries: Whether weights carry the normaliser of the guided law.
    """

    def __init__(self, sampler: Sampler, generation: Generation, *, carries: bool) -> None:
        self.generation, self.carries = generation, carries
        steps, grid = (
            int(getattr(sampler, "num_steps", 1)),
            str(getattr(sampler, "grid", "schedule")),
        )
        alphas = signal_grid(generation.schedule, steps, grid)
        self.pairs = list(itertools.pairwise(alphas))
        self.z = generation.start.clone()
        self.alpha = torch.zeros(len(self.z), dtype=torch.float64)
        self.number = 0
        self.log_x = torch.zeros(0)

    @property
    def open(self) -> Tensor:
        return torch.full((len(self.z),), self.number < len(self.pairs))

    @property
    def law(self) -> Tensor:
        return clean_law(self.generation, self.log_x, self.z, self.alpha)

    def predict(self) -> None:
        generation = self.generation
        self.noise = generation.noise.uniform()
        self.alpha = torch.full_like(self.alpha, self.pairs[self.number][0])
        rows = torch.arange(len(self.z))
        self.log_x = generation.predicted(self.z, self.alpha, rows)

    def step(self) -> Tensor:
        generation, z = self.generation, self.z
        now, later = (torch.full_like(self.alpha, a) for a in self.pairs[self.number])
        law = generation.predictor.reverse(generation.token_law, self.log_x, z, later, now)
        joint = getattr(generation.predictor, "last", None) or Joint.plain(law.log())
        if isinstance(generation.rule, AutomatonRule):
            moved, change = self._ruled(generation.rule, law, (now, later))
        else:
            moved = torch.where(generation.free, draw_categorical(law, self.noise), z)
            at = moved[..., None]
            ratio = joint.log_norm
            if not self.carries and joint.log_q is not joint.log_u:
                ratio = (joint.log_u.gather(-1, at) - joint.log_q.gather(-1, at))[..., 0]
            change = torch.where(generation.free, ratio, 0.0).sum(1)
        self.z = moved
        self.number += 1
        generation.record(moved)
        return change

    def _ruled(
        self, rule: AutomatonRule, law: Tensor, signals: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the next state under a constraint, and log p - log q of it: the sum of log p less log P(A, z_s), plus log P(A)."""
        generation, z = self.generation, self.z
        clean = self.law
        before = rule.messages(clean, z, generation.maskable, known=False)
        moved = noised_back(generation, before.draw(self.noise), z, signals)
        moved = torch.where(generation.free, moved, z)
        chance = law.gather(-1, moved[..., None])[..., 0].log()
        log_p = torch.where(generation.free, chance, 0.0).sum(1)
        joint = moved_laws(generation, clean, z, moved, signals)
        both = rule.messages(joint, z, generation.maskable, known=False).log_accepted
        return moved, log_p - both + before.log_accepted

    def pick(self, rows: Tensor) -> None:
        self.z, self.log_x = self.z[rows], self.log_x[rows]


def joint_of(generation: Generation, z: Tensor, alpha: Tensor, rows: Tensor) -> Joint:
    """Return the laws of clean tokens of some rows (R, L, V)."""
    log_x = generation.predicted(z, alpha, rows)
    last = getattr(generation.predictor, "last", None)
    return Joint.plain(log_x) if last is None else last


def _difference(log_new: Tensor, log_old: Tensor) -> Tensor:
    """Return a difference of logarithms; of what cannot be it is -inf, not NaN."""
    return torch.where(log_new > -torch.inf, log_new - log_old, -torch.inf)


def of_block(generation: Generation, number: int, span: slice, z: Tensor) -> Generation:
    """Return the part of a batch that is a block, with what lies before it as it is in z."""
    rule = generation.rule
    return replace(
        generation,
        start=z[:, span],
        free=generation.free[:, span],
        maskable=generation.maskable[:, span],
        noise=generation.noise.of_block(number, span),
        trajectory=None,
        rule=None if rule is None else rule.of_block(z, generation.maskable, span),
    )
