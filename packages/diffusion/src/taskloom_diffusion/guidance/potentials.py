"""Potentials: what particles are weighed by beside the guided law, exact at the end and a guess before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from taskloom_diffusion.guidance.messages import BackwardMessages
from taskloom_diffusion.guidance.predictors import NoisedClassifier
from taskloom_diffusion.guidance.rewards import Reward
from taskloom_diffusion.guidance.rule import AutomatonRule
from taskloom_diffusion.samplers.draws import draw_categorical


@dataclass(frozen=True)
class ParticleView:
    """The particles as a potential sees them.

    Attributes:
        z: Whole sequences (B, L).
        maskable: Positions of the sequences (B, L).
        span: Positions that the prediction is of: all, or a block.
        law: Probabilities of clean tokens there (B, S, V); of finished sequences it says nothing.
        alpha: Signal (B,).
        share: Share of the free positions that is decided (B,).
        final: Sequences that are finished (B,).
        uniform: Returns fresh variates (B, L).
    """

    z: Tensor
    maskable: Tensor
    span: slice
    law: Tensor
    alpha: Tensor
    share: Tensor
    final: Tensor
    uniform: Callable[[], Tensor]


class Potential(Protocol):
    """A weight of unfinished sequences, whose last value is exact."""

    def log_potential(self, seen: ParticleView) -> Tensor:
        """Return log psi of every particle (B,), float64."""
        ...


@dataclass(frozen=True)
class Flat:
    """No potential: what particles carry is the guided law's normaliser."""

    def log_potential(self, seen: ParticleView) -> Tensor:
        """Return 0."""
        return torch.zeros(len(seen.z), dtype=torch.float64)


@dataclass(frozen=True)
class Likelihood:
    """psi = p(y | z)^g of a classifier.

    Attributes:
        classifier: The classifier.
        target: Class that is asked for of each particle (B,).
        scale: The scale g.
        size: Tokens of the vocabulary.
    """

    classifier: NoisedClassifier
    target: Tensor
    scale: float
    size: int

    def log_potential(self, seen: ParticleView) -> Tensor:
        """Return g log p(y | z)."""
        corners = torch.nn.functional.one_hot(seen.z, self.size).double()
        alpha = torch.where(seen.final, 1.0, seen.alpha)
        answer = self.classifier(corners, alpha, seen.maskable)
        return self.scale * answer.double().gather(1, self.target[:, None])[:, 0]


@dataclass(frozen=True)
class Rewarded:
    """psi = exp(lambda r(x)) of finished sequences, and before that exp(lambda s mean r(x^)) of completions x^.

    The value that was drawn stays with the particle: it is what the next one is divided by.

    Attributes:
        reward: The user's function.
        scale: lambda.
        lookahead: Completions that are drawn; 0 is none, and psi is 1 before the end.
    """

    reward: Reward
    scale: float
    lookahead: int = 1

    def log_potential(self, seen: ParticleView) -> Tensor:
        """Return log psi; a finished sequence without a reward weighs nothing."""
        final = self.reward.of_tokens(seen.z, seen.maskable, seen.final)
        if not self.lookahead or bool(seen.final.all()):
            guess = torch.zeros_like(final)
        else:
            guess = torch.stack([self._guess(seen) for _ in range(self.lookahead)]).mean(0)
        # Decided by the share: at the start a completion says little about what will come of it.
        share = torch.where(seen.share > 0, seen.share * guess, 0.0)
        return self.scale * torch.where(seen.final, final, share)

    def _guess(self, seen: ParticleView) -> Tensor:
        noise = seen.uniform()[:, seen.span]
        z = seen.z.clone()
        z[:, seen.span] = draw_categorical(seen.law, noise)
        found = self.reward.of_tokens(z, seen.maskable, ~seen.final)
        # A failed completion is only a guess: it must not kill the particle.
        return torch.where(found > -torch.inf, found, self.reward.floor)


@dataclass(frozen=True)
class Accepted:
    """psi = P(accepted) under the prediction, at the end 1 or 0.

    Attributes:
        rule: The constraint, over whole sequences.
    """

    rule: AutomatonRule

    def log_potential(self, seen: ParticleView) -> Tensor:
        """Return log P(A) under the laws of the positions."""
        whole = seen.span == slice(0, seen.z.shape[1])
        rule = self.rule if whole else self.rule.of_block(seen.z, seen.maskable, seen.span)
        part, inside = seen.z[:, seen.span], seen.maskable[:, seen.span]
        found: BackwardMessages = rule.messages(
            seen.law, part, inside, known=rule.process.absorbing
        )
        at_end = self.rule.accepted(seen.z, seen.maskable)
        ends = torch.where(at_end, 0.0, -torch.inf).double()
        return torch.where(seen.final, ends, found.log_accepted)


@dataclass(frozen=True)
class Product:
    """Several potentials together.

    Attributes:
        parts: The potentials.
    """

    parts: tuple[Potential, ...]

    def log_potential(self, seen: ParticleView) -> Tensor:
        """Return the sum of the parts' logarithms."""
        total = torch.zeros(len(seen.z), dtype=torch.float64)
        for part in self.parts:
            total = total + part.log_potential(seen)
        return total
