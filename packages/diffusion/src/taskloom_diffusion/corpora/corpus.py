"""A corpus: sequences of text split into training and held-out ones, with what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from taskloom.errors import ConfigError


@dataclass(frozen=True)
class Corpus:
    """Sequences to model.

    Attributes:
        name: Where they come from, for people.
        train: Training sequences, or for running text its training part in one piece.
        holdout: Held-out sequences.
        licence: Under which the data comes.
        dropped: How many were left out, by reason.
        examples: For each reason the first few that were left out.
        canonical: Whether all sequences are canonical SMILES, as RDKit writes them without stereo marks.
        law: The exact probability of every sequence, where it is known (toys); else empty.
    """

    name: str
    train: Sequence[str]
    holdout: Sequence[str]
    licence: str = ""
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    canonical: bool = False
    law: dict[str, float] = field(default_factory=dict)

    def describe_dropped(self, *, prefix: bool = True) -> str:
        """Return one sentence on what was left out, or nothing; without the prefix, only what and how many."""
        parts = [
            f"{count} {reason} (first: {', '.join(repr(e) for e in self.examples.get(reason, [])[:3])})"
            for reason, count in self.dropped.items()
            if count
        ]
        return f"left out of {self.name}: " * (prefix and bool(parts)) + "; ".join(parts)


def split_corpus(
    name: str,
    texts: Sequence[str],
    holdout_share: float,
    seed: int,
    *,
    licence: str = "",
    canonical: bool = False,
) -> Corpus:
    """Shuffle sequences by the seed and hold a share of them out.

    Args:
        name: Where they come from, for people.
        texts: The sequences.
        holdout_share: Share held out.
        seed: Of the order.
        licence: Under which the data comes.
        canonical: Whether all of them are canonical SMILES.

    Raises:
        ConfigError: There are fewer than two sequences.
    """
    if len(texts) < 2:
        raise ConfigError(
            f"the corpus '{name}' has {len(texts)} usable sequences; it needs at least 2"
        )
    import numpy as np  # heavy for a command that only lists parameters

    order = np.random.default_rng(seed).permutation(len(texts))
    num_holdout = min(max(1, round(holdout_share * len(texts))), len(texts) - 1)
    shuffled = [texts[int(i)] for i in order]
    return Corpus(
        name, shuffled[num_holdout:], shuffled[:num_holdout], licence, canonical=canonical
    )
