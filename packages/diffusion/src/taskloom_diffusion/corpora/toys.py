"""Toy corpora with a known law: every quantity of a diffusion model has an exact value here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor

from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.model.parameterizations import Parameterization, read_logits
from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary

NUM_SPECIAL = 3
"""Ids 0, 1 and 2 are pad, mask and end, as in every tokenizer of the package; toys use the ids above."""

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Toy:
    """A law over all sequences of a length.

    Attributes:
        num_tokens: Real tokens V.
        length: Sequence length L.
        law: Probability of each of the V^L sequences in lexicographic order, float64.
    """

    num_tokens: int
    length: int
    law: Tensor

    @property
    def sequences(self) -> Tensor:
        """All sequences (V^L, L) as token ids."""
        grid = list(product(range(self.num_tokens), repeat=self.length))
        return torch.tensor(grid) + NUM_SPECIAL

    @property
    def vocabulary(self) -> Vocabulary:
        """The states of a process over this toy."""
        size = self.num_tokens + NUM_SPECIAL
        allowed = tuple(i >= NUM_SPECIAL for i in range(size))
        names = ("[PAD]", "[MASK]", "[END]", *LETTERS[: self.num_tokens])
        return Vocabulary(size, 1, 0, allowed, tuple(self.frequencies.tolist()), names)

    @property
    def frequencies(self) -> Tensor:
        """Share of each id among all tokens."""
        counts = torch.zeros(self.num_tokens + NUM_SPECIAL, dtype=torch.float64)
        weights = self.law[:, None].expand(-1, self.length)
        return counts.scatter_add(0, self.sequences.flatten(), weights.flatten()) / self.length

    @property
    def entropy(self) -> float:
        """H(X) [nats]."""
        return float(-torch.xlogy(self.law, self.law).sum())

    @property
    def marginals(self) -> Tensor:
        """p(x_l = v) (L, V)."""
        table = torch.zeros(self.length, self.num_tokens, dtype=torch.float64)
        for sequence, p in zip(self.sequences - NUM_SPECIAL, self.law, strict=True):
            table[torch.arange(self.length), sequence] += p
        return table

    @property
    def product_law(self) -> Tensor:
        """The product of the marginals over all sequences: the law of a sampler with one step."""
        chosen = self.marginals[torch.arange(self.length), self.sequences - NUM_SPECIAL]
        return chosen.prod(1)

    def draw(self, num: int, seed: int) -> Tensor:
        """Return `num` sequences (num, L) drawn from the law."""
        index = np.random.default_rng(seed).choice(len(self.law), size=num, p=self.law.numpy())
        return self.sequences[torch.from_numpy(index)]

    def index_of(self, tokens: Tensor) -> Tensor:
        """Return the number of each sequence (B, L) in lexicographic order."""
        place = self.num_tokens ** torch.arange(self.length - 1, -1, -1)
        return ((tokens - NUM_SPECIAL) * place).sum(1)


def toy_a() -> Toy:
    """Return the two-bit toy: p(00) = 1/2, p(01) = p(10) = 1/8, p(11) = 1/4; its entropy is 1.75 bits."""
    return Toy(2, 2, torch.tensor([0.5, 0.125, 0.125, 0.25], dtype=torch.float64))


def random_toy(num_tokens: int, length: int, seed: int, concentration: float = 0.5) -> Toy:
    """Return a toy with a Dirichlet law; a low concentration makes positions depend on each other."""
    size = num_tokens**length
    law = np.random.default_rng(seed).dirichlet(np.full(size, concentration))
    # A floor keeps every sequence possible, so that chi-square cells and logarithms exist.
    law = (law + 1e-3 / size) / (1 + 1e-3)
    return Toy(num_tokens, length, torch.from_numpy(law))


def toy_by_seed(num_tokens: int, length: int, law_seed: int) -> Toy:
    """Return the toy of a seed; seed 0 with two tokens and length 2 is `toy_a`."""
    if (num_tokens, length, law_seed) == (2, 2, 0):
        return toy_a()
    return random_toy(num_tokens, length, law_seed)


def toy_corpus(
    num_tokens: int, length: int, law_seed: int, num_sequences: int, seed: int
) -> Corpus:
    """Return words over the first letters drawn from a toy's law, half as many again held out, and the law itself."""
    toy = toy_by_seed(num_tokens, length, law_seed)
    words = ["".join(LETTERS[i - NUM_SPECIAL] for i in row) for row in toy.sequences.tolist()]
    drawn = [words[i] for i in toy.index_of(toy.draw(num_sequences * 3 // 2, seed)).tolist()]
    law = dict(zip(words, toy.law.tolist(), strict=True))
    # Every letter must be in the vocabulary, drawn or not: the first words together hold them all.
    letters = [LETTERS[i] * length for i in range(num_tokens)]
    train = [*letters, *drawn[: num_sequences - num_tokens]]
    return Corpus("toy", train, drawn[num_sequences:], "Apache-2.0", law=law)


Predict = Callable[[Tensor, Tensor], Tensor]
"""From z (B, L) and alpha (B,) to log x_theta (B, L, V)."""


def exact_predictor(
    toy: Toy, process: NoisingProcess, kind: Parameterization, *, leave_one_out: bool
) -> Predict:
    """Return the exact denoiser of a toy as a function of z and alpha, read in one of the parameterisations."""
    table = ToyPosterior(toy.sequences, toy.law, process, leave_one_out=leave_one_out)

    def predict(z: Tensor, alpha: Tensor) -> Tensor:
        valid = torch.ones_like(z, dtype=torch.bool)
        return read_logits(kind, table(z, 1 - alpha, valid), z, alpha, process)

    return predict


def expected_integrand(
    toy: Toy, process: NoisingProcess, predict: Predict, alphas: Tensor
) -> Tensor:
    """Return E_x E_{z | x} sum_l g_l at each signal (N,), by enumeration of all x and z."""
    x, z = _pairs(toy, process)
    rows = len(x)
    level = alphas.double().repeat_interleave(rows)
    x, z = x.repeat(len(alphas), 1), z.repeat(len(alphas), 1)
    weight = _joint(toy, process, x, z, level)
    keep = weight > 0
    x, z, level = x[keep], z[keep], level[keep]
    terms = process.integrand(predict(z, level), x, z, level).sum(1)
    weighted = torch.zeros_like(weight)
    weighted[keep] = weight[keep] * terms
    return weighted.view(len(alphas), rows).sum(1)


def step_bound(
    toy: Toy, process: NoisingProcess, predict: Predict, alphas: Sequence[float]
) -> float:
    """Return the exact bound of the chain on a grid of signals from 0 to 1, prior term included, by enumeration.

    The last step, to signal 1, is the reconstruction: its divergence is -log p(x | z).
    """
    x, z = _pairs(toy, process)
    total = 0.0
    for alpha_t, alpha_s in pairwise(alphas):
        now, later = (torch.full((len(x),), a, dtype=torch.float64) for a in (alpha_t, alpha_s))
        weight = _joint(toy, process, x, z, now)
        keep = weight > 0
        terms = process.step_divergence(
            predict(z[keep], now[keep]), x[keep], z[keep], later[keep], now[keep]
        )
        total += float((weight[keep] * terms.sum(1)).sum())
    return total


def chain_law(toy: Toy, alphas: Sequence[float]) -> Tensor:
    """Return the exact law of ancestral sampling of absorbing noise on a grid, with the exact denoiser.

    Every position falls into step i with probability alpha_{i+1} - alpha_i, independently; positions of one step are drawn
    independently given all earlier ones.
    """
    weights = [b - a for a, b in pairwise(alphas)]
    law = torch.zeros(len(toy.law), dtype=torch.float64)
    for assignment in product(range(len(weights)), repeat=toy.length):
        probability = math.prod(weights[step] for step in assignment)
        if probability:
            law += probability * _ordered_law(toy, assignment)
    return law


def reverse_law(
    toy: Toy, process: NoisingProcess, predict: Predict, alphas: Sequence[float]
) -> Tensor:
    """Return the exact law (V^L,) of the reverse chain of a process without a mask, by propagating all states."""
    z = toy.sequences
    rows = len(z)
    start = torch.zeros(rows, dtype=torch.float64)
    # The prior's law per token, read off the likelihood of pure noise, which no longer depends on x.
    pure = process.likelihood(z, start)[..., NUM_SPECIAL]
    law = pure.prod(1)
    columns = torch.arange(toy.length)
    for alpha_t, alpha_s in pairwise(alphas):
        now, later = (torch.full((rows,), a, dtype=torch.float64) for a in (alpha_t, alpha_s))
        step = process.posterior(predict(z, now).exp(), z, later, now)
        # step[i, l, v] is the chance of v at l from state i; a move is the product over positions.
        chances = torch.stack([step[:, columns, target].prod(1) for target in z], dim=1)
        law = law @ chances
    return law


def _ordered_law(toy: Toy, assignment: Sequence[int]) -> Tensor:
    """Return the law of drawing groups of positions in order, each group's positions independently."""
    x = toy.sequences - NUM_SPECIAL
    result = torch.ones(len(x), dtype=torch.float64)
    known: list[int] = []
    for step in sorted(set(assignment)):
        for position in (i for i, s in enumerate(assignment) if s == step):
            same = (x[:, None, known] == x[None, :, known]).all(-1).double()
            equal = (x[:, None, position] == x[None, :, position]).double()
            below = same @ toy.law
            result *= ((same * equal) @ toy.law) / below
        known += [i for i, s in enumerate(assignment) if s == step]
    return result


def _pairs(toy: Toy, process: NoisingProcess) -> tuple[Tensor, Tensor]:
    """Return every clean sequence beside every noised one."""
    del process  # the states are those of the vocabulary; impossible ones get weight 0
    states = [i for i in range(toy.num_tokens + NUM_SPECIAL) if i not in (0, 2)]
    noised = torch.tensor(list(product(states, repeat=toy.length)))
    clean = toy.sequences
    return clean.repeat_interleave(len(noised), 0), noised.repeat(len(clean), 1)


def _joint(toy: Toy, process: NoisingProcess, x: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
    """Return p(x) q(z | x) of each pair."""
    chances = process.likelihood(z, alpha).gather(-1, x[..., None])[..., 0].prod(1)
    return toy.law[toy.index_of(x)] * chances
