"""Toy corpora with a known law: every quantity of a diffusion model has an exact value here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.model.protocols import Vocabulary

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
    # Words of a law come again and again: parts are draws of their own, not different words.
    validating = [words[i] for i in toy.index_of(toy.draw(num_sequences // 2, seed + 1)).tolist()]
    law = dict(zip(words, toy.law.tolist(), strict=True))
    # Every letter must be in the vocabulary, drawn or not: the first words together hold them all.
    letters = [LETTERS[i] * length for i in range(num_tokens)]
    train = [*letters, *drawn[: num_sequences - num_tokens]]
    held = [*validating, *drawn[num_sequences:]]
    return Corpus(
        "toy",
        train,
        held,
        "Apache-2.0",
        law=law,
        num_validation=len(validating),
        split="drawn",
    )
