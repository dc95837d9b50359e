"""Memory that logits may take: over a large vocabulary they outgrow everything else, so batches are asked for in slices."""

from __future__ import annotations

from typing import Protocol

LOGITS = 256e6
"""Bytes that the logits of one slice may take; what is computed from them takes twice as much again."""
# Bytes for each logit while they are read and drawn from: float32 logits, their log-softmax, float64 law and its sums.
_PER_LOGIT = 32


class WithVocabulary(Protocol):
    """A model over a vocabulary."""

    @property
    def vocab_size(self) -> int:
        """Tokens."""
        ...

    @property
    def logit_memory(self) -> float:
        """Bytes that the logits of one slice may take."""
        ...


def rows_in_memory(model: WithVocabulary, length: int) -> int:
    """Return how many sequences of a length may be asked about at once, at least one.

    Slices are whole rows, so that each row's arithmetic, and with it every result, stays the same bit for bit.
    """
    return max(int(3 * model.logit_memory / (_PER_LOGIT * model.vocab_size * max(length, 1))), 1)
