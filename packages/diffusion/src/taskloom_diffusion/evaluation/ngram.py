"""The plainest model to beat: an n-gram over tokens, given the length, as the bound of a model has it.

Orders are interpolated as Witten and Bell do (1991): p_k(w | c) = (n(c w) + t(c) p_(k-1)(w | c')) / (n(c) + t(c)), where t(c)
different tokens followed the context c and c' is c without its first token. No end is predicted: the length is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from taskloom.statistics.intervals import Interval
from taskloom.statistics.shares import ratio_interval

from taskloom_diffusion.training.batches import TokenStore

LONGEST = 8
# Tokens that are counted; above it a longer corpus changes little and costs seconds.
MOST_TOKENS = 1_000_000
_PRIME = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class JudgedNGram:
    """An n-gram, judged on what a model was judged on.

    Attributes:
        order: Tokens that it looks at, the predicted one included; chosen on a tenth of the training part.
        nats: Of every test sequence.
        tokens: Of every test sequence.
    """

    order: int
    nats: np.ndarray
    tokens: np.ndarray

    @property
    def nats_per_token(self) -> float:
        """Sum of nats over sum of tokens."""
        return float(self.nats.sum() / self.tokens.sum())

    def difference(self, nats: Sequence[float]) -> Interval:
        """Return a model's figure minus this one [nats per token], a ratio of sums that is paired sequence by sequence."""
        apart = [own - other for own, other in zip(nats, self.nats.tolist(), strict=True)]
        return ratio_interval(apart, self.tokens.tolist())


def ngram_baseline(
    train: TokenStore, test: TokenStore, vocab_size: int, *, pad_id: int
) -> JudgedNGram:
    """Return the n-gram of the training part, with its order chosen on a tenth of it, judged on the test part."""
    # Like many tokens for every corpus: the counting is a few seconds and not a part of the training.
    rows = _within(train)
    texts = [_without_padding(train.get(i), pad_id) for i in range(rows)]
    judged = [_without_padding(test.get(i), pad_id) for i in range(len(test))]
    # Every tenth: a part is in the order of its ranks, so this is a sample.
    tuned = texts[::10]
    fitted = [text for number, text in enumerate(texts) if number % 10] or texts
    tries = _log_laws(fitted, tuned, vocab_size)
    order = 1 + int(np.argmax([law.sum() for law in tries]))
    law = _log_laws(texts, judged, vocab_size, most=order)[-1]
    lengths = np.array([len(text) for text in judged])
    # Sums over each sequence: the comparison with the model is paired.
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(int)
    return JudgedNGram(order, -np.add.reduceat(law, starts), lengths)


def _within(store: TokenStore) -> int:
    """Return how many of the first sequences hold no more tokens than are counted, at least one."""
    return max(int(np.searchsorted(store.offsets, MOST_TOKENS, side="right")) - 1, 1)


def _without_padding(ids: np.ndarray, pad_id: int) -> np.ndarray:
    kept: np.ndarray = ids[ids != pad_id]
    return kept


def _log_laws(
    train: list[np.ndarray], test: list[np.ndarray], vocab_size: int, most: int = LONGEST
) -> list[np.ndarray]:
    """Return log p of every test token under each order from 1 on."""
    # Below all orders stands the law that knows nothing, so that no token has probability 0.
    p = np.full(sum(map(len, test)), 1.0 / vocab_size)
    mine, yours = (np.concatenate(texts).astype(np.uint64) for texts in (train, test))
    ours, theirs = np.zeros_like(mine), np.zeros_like(yours)
    laws = []
    for order in range(most):
        if order:
            # A context is the shorter one and the token before it, so that each order costs one pass.
            ours, theirs = (
                _mixed(context, _before(texts, order))
                for context, texts in ((ours, train), (theirs, test))
            )
        joint = _mixed(ours, mine)
        pairs, first, together = np.unique(joint, return_index=True, return_counts=True)
        seen, total = np.unique(ours, return_counts=True)
        # How many different tokens followed each context.
        follow = np.bincount(np.searchsorted(seen, ours[first]), minlength=len(seen))
        # A context that never came leaves the shorter one's law as it is.
        of_context, known = _find(seen, theirs)
        of_pair, met = _find(pairs, _mixed(theirs, yours))
        hits = np.where(met, together[of_pair], 0)
        kinds = np.where(known, follow[of_context], 1)
        count = np.where(known, total[of_context], 0)
        p = (hits + kinds * p) / (count + kinds)
        laws.append(np.log(p))
    return laws


def _before(texts: list[np.ndarray], back: int) -> np.ndarray:
    """Return the token that is `back` places before each one, as a number; what lies before a text is a token of its own."""
    flat = np.concatenate(texts).astype(np.int64)
    place = np.concatenate([np.arange(len(text)) for text in texts])
    return np.where(place < back, 1, np.roll(flat, back) + 2).astype(np.uint64)


def _mixed(key: np.ndarray, token: np.ndarray) -> np.ndarray:
    # Products wrap around at 2^64; two of a million contexts meet by chance once in ten million corpora.
    mixed = (key ^ (token + np.uint64(1))) * _PRIME
    return mixed ^ (mixed >> np.uint64(29))


def _find(known: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each wanted number is among sorted ones, and whether it is there."""
    place = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return place, known[place] == wanted
