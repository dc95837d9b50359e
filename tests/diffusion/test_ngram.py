"""The n-gram that models are compared with has Witten and Bell's probabilities, counted here by hand."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from taskloom_diffusion.evaluation.ngram import ngram_baseline
from taskloom_diffusion.training.batches import TokenStore

PAD, SIZE = 0, 6


def chains(num: int, seed: int) -> list[list[int]]:
    """Return sequences in which the two tokens before say much of the next."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(num):
        text = random.integers(1, SIZE, size=2).tolist()
        while len(text) < random.integers(3, 14):
            noise = int(random.integers(1, SIZE)) if random.random() < 0.2 else 0
            text.append(noise or 1 + (2 * text[-1] + text[-2]) % (SIZE - 1))
        found.append(text)
    return found


def witten_bell(train: list[list[int]], text: list[int], order: int, vocab_size: int) -> float:
    """Return the nats of a text: p_k = (n(c w) + t(c) p_(k-1)) / (n(c) + t(c)), from no context up to `order` - 1 tokens."""
    counts: dict[tuple[int, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for known in train:
        padded = [-1] * order + known
        for place in range(order, len(padded)):
            for back in range(order):
                counts[tuple(padded[place - back : place])][padded[place]] += 1
    nats, padded = 0.0, [-1] * order + text
    for place in range(order, len(padded)):
        p = 1 / vocab_size
        for back in range(order):
            context = tuple(padded[place - back : place])
            followed = counts.get(context, {})
            if followed:
                total, kinds = sum(followed.values()), len(followed)
                p = (followed.get(padded[place], 0) + kinds * p) / (total + kinds)
        nats -= math.log(p)
    return nats


@pytest.mark.parametrize("seed", range(3))
def test_every_sequence_has_the_nats_of_counting_by_hand(seed: int) -> None:
    train, test = chains(60, seed), [*chains(8, seed + 100), [3], [5, 5]]
    found = ngram_baseline(TokenStore(train), TokenStore(test), SIZE, pad_id=PAD)

    assert found.order > 1  # else no context was looked at
    by_hand = [witten_bell(train, text, found.order, SIZE) for text in test]
    assert found.nats == pytest.approx(by_hand, rel=1e-12)
    assert found.tokens.tolist() == [len(text) for text in test]


def test_padding_is_no_token() -> None:
    train, test = chains(60, 7), chains(8, 8)
    padded = [[*text, PAD, PAD] for text in test]
    plain = ngram_baseline(TokenStore(train), TokenStore(test), SIZE, pad_id=PAD)
    found = ngram_baseline(TokenStore(train), TokenStore(padded), SIZE, pad_id=PAD)
    assert found.nats.tolist() == plain.nats.tolist()
