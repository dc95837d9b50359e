"""Everything that a batch is steered by, put together: condition, guidance, constraint, particles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from taskloom.errors import ConfigError

from taskloom_diffusion.guidance.particles import check_weighed, weighed
from taskloom_diffusion.guidance.potentials import (
    Accepted,
    Flat,
    Likelihood,
    Potential,
    Product,
    Rewarded,
)
from taskloom_diffusion.guidance.predictors import (
    ClassifierFree,
    ClassifierGuided,
    NoisedClassifier,
)
from taskloom_diffusion.guidance.rewards import Reward
from taskloom_diffusion.guidance.rule import AutomatonRule
from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.generation import Generation, Predicts, SampledTokens, generate
from taskloom_diffusion.samplers.in_blocks import InBlocks
from taskloom_diffusion.samplers.predictor import Predictor

GuidanceKind: TypeAlias = Literal["", "cfg", "cbg", "cbg1"]
PotentialKind: TypeAlias = Literal["", "cfg", "likelihood", "reward"]


@dataclass(frozen=True)
class Steering:
    """By what sequences are steered.

    Attributes:
        condition: What the network is told, one row; None is nothing.
        guidance: `cfg` joins two answers of the network, `cbg` asks a classifier about every token, `cbg1` follows its gradient.
        scale: The scale g of guidance, and of the potential `likelihood`.
        size: Particles of every sequence; 1 without weights.
        potential: By what particles are weighed beside a constraint.
        classifier: Of noised sequences, for `cbg`, `cbg1` and `likelihood`.
        target: The class of it that is asked for.
        reward: The function of `reward`.
        reward_scale: lambda.
        lookahead: Completions that a reward is guessed from.
        rule: The constraint; None is none.
        everything: Return every particle with its weight, and not one of each group.
    """

    condition: Condition | None = None
    guidance: GuidanceKind = ""
    scale: float = 1.0
    size: int = 1
    potential: PotentialKind = ""
    classifier: NoisedClassifier | None = None
    target: int = 0
    reward: Reward | None = None
    reward_scale: float = 1.0
    lookahead: int = 1
    rule: AutomatonRule | None = None
    everything: bool = False

    @property
    def is_weighed(self) -> bool:
        """True where particles are weighed, be it one for each sequence."""
        return bool(self.potential) or self.size > 1

    def check(self, sampler: Sampler, *, absorbing: bool, block_size: int) -> None:
        """Refuse what cannot be done together.

        Raises:
            ConfigError: The first fault, in a sentence.
        """
        if self.is_weighed:
            check_weighed(sampler)
        fault = next((f for f in self._faults(sampler, absorbing, block_size) if f), "")
        if fault:
            raise ConfigError(fault)

    def _faults(self, sampler: Sampler, absorbing: bool, block_size: int) -> list[str]:
        name = str(getattr(sampler, "kind", ""))
        of_classifier = self.guidance in ("cbg", "cbg1")
        asks = of_classifier or self.potential == "likelihood"
        cut = (
            sampler.temperature == 0
            or sampler.top_p < 1
            or name in ("greedy_tail", "polydiff", "speculative", "object")
        )
        exact = sampler.temperature == 1 and sampler.top_p == 1
        return [
            "guidance.scale is negative; a scale of 0 is the plain law" * (self.scale < 0),
            "a classifier is asked for, and none is given" * (asks and self.classifier is None),
            "a classifier reads whole sequences; use guidance = 'cfg' with block_size"
            * bool(asks and block_size),
            f"a constraint draws whole completions, which sampler '{name}' at temperature = {sampler.temperature:g} and top_p = "
            f"{sampler.top_p:g} does not; use ancestral, first_hitting or random with top_p = 1"
            * bool(self.rule is not None and cut),
            "under noise without a mask a constraint goes with no guidance; leave one of the two out"
            * bool(self.rule is not None and self.guidance and not absorbing),
            "potential = 'cfg' weighs what guidance = 'cfg' draws; give guidance = 'cfg' and a condition"
            * (self.potential == "cfg" and self.guidance != "cfg"),
            "potential = 'cfg' has the target p(x|y)^g p(x)^(1-g) at temperature = 1 and top_p = 1 only"
            * (self.potential == "cfg" and not exact),
            "potential = 'reward' needs a reward"
            * (self.potential == "reward" and self.reward is None),
            "particles without a potential or a constraint all weigh the same; give potential or constraint"
            * bool(self.size > 1 and not self.potential and self.rule is None),
        ]

    def run(self, sampler: Sampler, generation: Generation, block_size: int) -> SampledTokens:
        """Generate a batch.

        Args:
            sampler: How steps are taken.
            generation: The batch, with the network told nothing; the particles of a sequence stand side by side.
            block_size: Positions of a block; 0 is no blocks.
        """
        self.check(sampler, absorbing=generation.process.absorbing, block_size=block_size)
        plain = generation.predictor
        generation = replace(generation, rule=self.rule)
        if isinstance(plain, Predictor):
            generation.predictor = self.predictor(plain, len(generation.start))
        if not self.is_weighed:
            return generate(InBlocks(sampler, block_size) if block_size else sampler, generation)
        generation.record(generation.start)
        found = weighed(
            sampler,
            generation,
            self.size,
            self._potential(generation),
            carries=self.potential == "cfg" and self._joins,
            block_size=block_size,
        )
        predictor = generation.predictor
        calls, asked = (
            part.view(-1, self.size).sum(1) for part in (predictor.calls, predictor.positions)
        )
        states = generation.trajectory
        trajectory = torch.zeros(0, dtype=torch.int32)
        if states:
            trajectory = torch.stack(states)[:, found.chosen]
        if not self.everything:
            return SampledTokens(found.tokens[found.chosen], calls, asked, trajectory, found.log_z)
        # A group's calls belong to all of its particles together.
        weights = (found.log_z[:, None] + found.log_weight).flatten()
        calls, asked = (part.repeat_interleave(self.size) for part in (calls, asked))
        return SampledTokens(found.tokens, calls, asked, trajectory, weights)

    @property
    def _joins(self) -> bool:
        """True where two answers are joined: at scales of 0 and 1 one of them is the law, to the last bit."""
        return self.guidance == "cfg" and self.condition is not None and self.scale not in (0, 1)

    def predictor(self, plain: Predictor, rows: int) -> Predicts:
        """Return what samplers ask in the place of a network that is told nothing."""
        if self.guidance in ("cbg", "cbg1") and self.classifier is not None and self.scale:
            target = torch.full((rows,), self.target)
            exact = self.guidance == "cbg"
            return ClassifierGuided(plain, self.classifier, target, self.scale, exact=exact)
        if self.condition is None or (self.guidance == "cfg" and self.scale == 0):
            return plain
        told = _told(plain, self.condition.repeated(rows))
        return ClassifierFree(plain, told, self.scale) if self._joins else told

    def _potential(self, generation: Generation) -> Potential:
        rows, size = len(generation.start), generation.process.vocabulary.size
        parts: list[Potential] = []
        if self.potential == "likelihood" and self.classifier is not None:
            target = torch.full((rows,), self.target)
            parts.append(Likelihood(self.classifier, target, self.scale, size))
        if self.potential == "reward" and self.reward is not None:
            parts.append(Rewarded(self.reward, self.reward_scale, self.lookahead))
        if self.rule is not None:
            parts.append(Accepted(self.rule))
        return Product(tuple(parts)) if parts else Flat()


def _told(plain: Predictor, condition: Condition) -> Predictor:
    """Return the same network, told a condition."""
    told = Predictor(
        plain.denoiser,
        plain.process,
        plain.kind,
        len(plain.calls),
        half=plain.half,
        forbidden=plain.forbidden,
        condition=condition,
    )
    told.limits = plain.limits
    return told
