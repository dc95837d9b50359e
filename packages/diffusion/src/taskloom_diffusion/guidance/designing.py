"""Samples as they were wished for: drawn in order, kept where they pass, with what was asked for and what was reached."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from taskloom import derive_seed

from taskloom_diffusion.evaluation.sampling import Generated, sample_lengths
from taskloom_diffusion.guidance.descriptors import descriptor
from taskloom_diffusion.guidance.steering import Steering
from taskloom_diffusion.guidance.where import Where, where
from taskloom_diffusion.guidance.wishes import DRAWS, Wishes, possible_lengths
from taskloom_diffusion.metrics.molecules import parse
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.samplers.base import Sampler

_PLAIN_DRAWS = 64
"""Plain draws whose smallest reward is what a failed guess counts as."""


@dataclass
class Designed:
    """Sequences that passed, and what it took.

    Attributes:
        made: The sequences, their tokens, calls and weights.
        numbers: Of each, the number of its draw: its noise depends on the seed and this.
        reached: Of each, the computed properties that were asked for, and those of `where`; nothing of what is no molecule.
        valid: Of each, whether it is a molecule.
        canonical: Of each, its canonical SMILES; of what is no molecule the text.
        drawn: Sequences that were drawn.
        num_valid: Of all that were drawn, molecules.
        dead: Groups of particles of which nothing was left, and lengths at which no constraint can be fulfilled.
        notes: Sentences for people.
    """

    made: Generated
    numbers: list[int] = field(default_factory=list)
    reached: list[Mapping[str, float]] = field(default_factory=list)
    valid: list[bool] = field(default_factory=list)
    canonical: list[str] = field(default_factory=list)
    drawn: int = 0
    num_valid: int = 0
    dead: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """Sequences that passed."""
        return len(self.made.texts)


@dataclass(frozen=True)
class Drawing:
    """The way to draw.

    Attributes:
        model: The model.
        lengths: Return the lengths of n samples from n, the length asked for, and the seed.
        sampler: The sampler.
        length: Of all sequences [tokens]; None draws it.
        seed: Of the noise.
        batch_size: Sequences at once, which changes no result.
    """

    model: DiffusionModel
    lengths: Callable[[int, int | None, int], list[int]]
    sampler: Sampler
    length: int | None
    seed: int
    batch_size: int

    def draw(self, numbers: range, steering: Steering | None) -> Generated:
        """Return the sequences of some numbers."""
        lengths = self.lengths(numbers.stop, self.length, self.seed)
        chosen = list(numbers)
        if steering is not None and steering.rule is not None:
            names = ["the constraint"]
            possible = possible_lengths(steering.rule, lengths, names)
            chosen = [i for i in numbers if possible[i]]
        made = sample_lengths(
            self.model,
            self.sampler,
            [lengths[i] for i in chosen],
            seed=self.seed,
            batch_size=self.batch_size,
            steering=steering,
            numbers=chosen,
        )
        return made if len(chosen) == len(numbers) else _spread(made, numbers, chosen, steering)


def _spread(
    made: Generated, numbers: range, chosen: Sequence[int], steering: Steering | None
) -> Generated:
    """Return sequences in the places of their numbers; where none can be, an empty one of no weight."""
    kept = steering.size if steering is not None and steering.everything else 1
    places = {number: i for i, number in enumerate(chosen)}
    columns: list[list[Any]] = [[], [], [], [], []]
    parts: tuple[Sequence[Any], ...] = (
        made.texts,
        made.tokens,
        made.calls,
        made.positions,
        made.log_weights,
    )
    for number in numbers:
        for k in range(kept):
            at = places.get(number)
            empty: tuple[Any, ...] = ("", [], 0, 0, -math.inf)
            for column, part, nothing in zip(columns, parts, empty, strict=True):
                column.append(nothing if at is None else part[at * kept + k])
    texts, tokens, calls, positions, weights = columns
    return replace(
        made, texts=texts, tokens=tokens, calls=calls, positions=positions, log_weights=weights
    )


def design(drawing: Drawing, n: int, wishes: Wishes) -> Designed:
    """Return the first n sequences that pass, in the order of their numbers; fewer if too many had to be drawn.

    Args:
        drawing: The way to draw.
        n: Sequences.
        wishes: What is wished for.

    Raises:
        ConfigError: A wish cannot be fulfilled by this model.
        UsageError: Two wishes do not go together, or the length is not one of the model's.
    """
    model = drawing.model
    condition = where(wishes.where) if wishes.where else None
    steering, notes = wishes.steering(model)
    if steering is not None:
        process = model.diffusion_process
        size = model.settings.block_size
        steering.check(drawing.sampler, absorbing=process.absorbing, block_size=size)
        if steering.rule is not None:
            lengths = drawing.lengths(n, drawing.length, drawing.seed)
            possible_lengths(steering.rule, lengths, wishes.names)
        if steering.reward is not None:
            plain = replace(drawing, seed=derive_seed(drawing.seed, "plain"))
            steering.reward.learn_floor(plain.draw(range(_PLAIN_DRAWS), None).texts)
    computed = [
        c.name for c in model.conditions if c.source == "rdkit" and c.name in wishes.condition
    ]
    found = Designed(Generated([], [], [], [], 0.0, torch.zeros(0)), notes=notes)
    judge = _Judge(wishes, condition, tuple(computed), n)
    most = wishes.max_draws or DRAWS * n
    while found.passed < n * judge.each and found.drawn < most:
        left = n - found.passed // judge.each
        # As many as are missing, or as many again as passing ones were rare: what is drawn beyond is thrown away.
        rate = max(found.passed / found.drawn, 0.05) if found.drawn else 1.0
        count = min(math.ceil(left / rate), most - found.drawn)
        numbers = range(found.drawn, found.drawn + count)
        judge.take(found, drawing.draw(numbers, steering), numbers)
    if found.passed < n * judge.each:
        found.notes.append(
            f"{found.passed} of {n} passed among {found.drawn} draws; --max_draws allows more of them"
        )
    if steering is not None and steering.reward is not None and steering.reward.faults:
        found.notes.append(_faults(steering.reward.faults, found.passed))
    return found


def _faults(faults: Mapping[str, str], kept: int) -> str:
    """Return one sentence on a reward that failed."""
    text, reason = next(iter(faults.items()))
    more = f" and {len(faults) - 1} more" * (len(faults) > 1)
    return f"reward: {reason} on '{text}'{more}; they weigh 0, the other {kept} are kept"


class _Judge:
    """The filters, and what is kept of every sequence that passes."""

    def __init__(
        self, wishes: Wishes, condition: Where | None, computed: tuple[str, ...], n: int
    ) -> None:
        self.wishes, self.condition, self.n = wishes, condition, n
        names = condition.names if condition is not None else ()
        self.names = tuple(dict.fromkeys((*computed, *names)))
        self.each = wishes.particles if wishes.weighted else 1
        self.met: set[str] = set()

    def take(self, found: Designed, made: Generated, numbers: range) -> None:
        """Add what passes of a batch, and count the rest."""
        from rdkit import Chem  # RDKit is heavy

        found.made = replace(found.made, cpu_seconds=found.made.cpu_seconds + made.cpu_seconds)
        for place, text in enumerate(made.texts):
            number = numbers[place // self.each]
            if found.passed >= self.n * self.each:
                return
            found.drawn = number + 1
            if not self.wishes.weighted and made.log_weights[place] == -math.inf:
                found.dead += 1
                continue
            molecule = parse(text)
            found.num_valid += molecule is not None
            canonical = text if molecule is None else Chem.MolToSmiles(molecule)
            values = {} if molecule is None else {n: descriptor(n, molecule) for n in self.names}
            if not self._passes(molecule is not None, canonical, values):
                continue
            self.met.add(canonical)
            found.numbers.append(number)
            found.reached.append(values)
            found.valid.append(molecule is not None)
            found.canonical.append(canonical)
            into = found.made
            into.texts.append(text)
            into.tokens.append(made.tokens[place])
            into.calls.append(made.calls[place])
            into.positions.append(made.positions[place])
            into.log_weights.append(made.log_weights[place])

    def _passes(self, valid: bool, canonical: str, values: Mapping[str, float]) -> bool:
        wishes = self.wishes
        if (wishes.valid or self.condition is not None) and not valid:
            return False
        if wishes.unique and canonical in self.met:
            return False
        return self.condition is None or self.condition.holds(values)
