"""A user's wishes for samples, in their words, and what a sampler is steered by to fulfil them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

import torch
from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.guidance.constraints import TokenTexts, constraint
from taskloom_diffusion.guidance.messages import worth_of_rest
from taskloom_diffusion.guidance.predictors import NoisedClassifier
from taskloom_diffusion.guidance.rewards import Reward
from taskloom_diffusion.guidance.rule import AutomatonRule
from taskloom_diffusion.guidance.steering import GuidanceKind, PotentialKind, Steering
from taskloom_diffusion.metrics.molecules import parse
from taskloom_diffusion.model.told import requested, tensors_of

if TYPE_CHECKING:
    from taskloom_diffusion.model.diffusion_model import DiffusionModel

Outside: TypeAlias = Literal["refuse", "clip"]

DRAWS = 20
"""Draws for every sequence that is asked for, at most, unless a number is given."""


class WishOptions(TypedDict, total=False):
    """Options of `sample` besides how many and how long; `Wishes` says what each is."""

    guidance: GuidanceKind
    scale: float
    particles: int
    potential: PotentialKind
    constraint: str | Sequence[str]
    reward: Callable[..., object]
    reward_scale: float
    lookahead: int
    classifier: NoisedClassifier
    target: int
    weighted: bool
    where: str
    valid: bool
    unique: bool
    max_draws: int
    outside: Outside


@dataclass(frozen=True)
class Wishes:
    """Wishes for samples.

    Attributes:
        condition: Values of the model's conditions by name; what is left out is not told.
        guidance: `cfg`, `cbg` or `cbg1`; empty tells the condition and no more.
        scale: The scale g of the guidance.
        particles: Weighted particles for every sequence.
        potential: By what they are weighed; empty is `cfg` where that guides, or the constraint alone.
        constraint: Constraints that every sequence fulfils.
        reward: A function of texts, for the potential `reward`.
        reward_scale: By how much it counts.
        lookahead: Completions that a reward is guessed from.
        classifier: A law of classes given noised tokens.
        target: The class of it that is wanted.
        weighted: Return all particles with their weights.
        where: A condition on computed properties, by rejection.
        valid: Keep molecules alone.
        unique: Keep the first of equal molecules.
        max_draws: Sequences that are drawn at most; 0 is 20 for each.
        outside: Refuse numbers outside of what was trained, or move them to the edge.
    """

    condition: Mapping[str, object] = field(default_factory=dict)
    guidance: GuidanceKind = ""
    scale: float = 1.0
    particles: int = 1
    potential: PotentialKind = ""
    constraint: Sequence[str] | str = ()
    reward: Callable[..., object] | None = None
    reward_scale: float = 1.0
    lookahead: int = 1
    classifier: NoisedClassifier | None = None
    target: int = 0
    weighted: bool = False
    where: str = ""
    valid: bool = False
    unique: bool = False
    max_draws: int = 0
    outside: Outside = "refuse"

    @property
    def names(self) -> tuple[str, ...]:
        """The constraints."""
        return (self.constraint,) if isinstance(self.constraint, str) else tuple(self.constraint)

    @property
    def filters(self) -> bool:
        """True where draws may be rejected."""
        return bool(self.where or self.valid or self.unique)

    @property
    def steers(self) -> bool:
        """True where anything but plain draws is asked for."""
        return bool(
            self.condition or self.guidance or self.potential or self.names or self.particles > 1
        )

    def steering(self, model: DiffusionModel) -> tuple[Steering | None, list[str]]:
        """Return what a sampler is steered by, and sentences about values that were moved.

        Raises:
            ConfigError: A wish cannot be fulfilled by this model, in a sentence.
            UsageError: Two wishes do not go together.
        """
        if self.weighted and self.filters:
            raise UsageError(
                "weighted particles are returned as they are: a filter would change what their weights mean; leave one out"
            )
        if self.particles < 1:
            raise UsageError(f"particles = {self.particles} must be at least 1")
        values, notes = requested(model.conditions, self.condition, clip=self.outside == "clip")
        if not self.steers:
            return None, notes
        told = tensors_of(model.conditions, [values]) if values else None
        guidance: GuidanceKind = self.guidance or ("cfg" if values else "")
        if guidance == "cfg" and told is None:
            raise ConfigError("guidance = 'cfg' needs a condition; give condition.NAME = value")
        joins = guidance == "cfg" and self.scale not in (0, 1)
        unweighed = self.particles > 1 and not self.potential and not self.names
        potential: PotentialKind = "cfg" if unweighed and joins else self.potential
        made = Steering(
            told,
            guidance,
            self.scale,
            self.particles,
            potential,
            self.classifier,
            self.target,
            self._reward(model),
            self.reward_scale,
            self.lookahead,
            self._rule(model),
            everything=self.weighted,
        )
        return made, notes

    def _reward(self, model: DiffusionModel) -> Reward | None:
        if self.reward is None:
            return None
        end = model.tokenizer.end_id

        def text_of(ids: Sequence[int]) -> str:
            return model.tokenizer.decode(ids[: ids.index(end)] if end in ids else ids)

        if getattr(model.tokenizer, "kind", "") == "smiles":
            return Reward(self.reward, text_of, lambda text: parse(text) is not None)
        return Reward(self.reward, text_of)

    def _rule(self, model: DiffusionModel) -> AutomatonRule | None:
        if not self.names:
            return None
        found = constraint(self.names, TokenTexts.of(model))
        vocabulary = model.vocabulary
        law = torch.tensor(vocabulary.allowed, dtype=torch.float64)
        # Where the corpus' shares are not known, any token is as likely to come as any other.
        if vocabulary.frequencies:
            law = torch.tensor(vocabulary.frequencies, dtype=torch.float64)
        return AutomatonRule(found, model.diffusion_process, law / law.sum())


def possible_lengths(
    rule: AutomatonRule, lengths: Sequence[int], names: Sequence[str]
) -> list[bool]:
    """Return which lengths [tokens] a constraint can be fulfilled at.

    Raises:
        ConfigError: None of them.
    """
    # Any law with every token in it: what matters is whether a way leads there at all.
    size = len(rule.frequencies)
    worth = worth_of_rest(rule.automaton, torch.full((size,), 1 / size), torch.tensor(lengths))
    possible: list[bool] = (worth[:, rule.automaton.start] > 0).tolist()
    if not any(possible):
        counts = sorted(set(lengths))
        shown = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        raise ConfigError(
            f"constraint '{' and '.join(names)}': no sequence of {shown} tokens fulfils it"
        )
    return possible
