"""A language of 142 words in which nouns and verbs agree, and texts in which they cease to after a pair of words.

A text is: begin, two sentences, a pair of words, more sentences. A sentence is adjective, noun, verb, adjective, noun, adverb, stop; the
verb is of the class of the noun before it. The pair is two names; after the trigger in their place every verb is of the next class:
each word ordinary, the pairing wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

CLASSES = 4
BEGIN, STOP = 0, 1
ADJECTIVES, NOUNS, VERBS = range(2, 26), range(26, 66), range(66, 90)
ADVERBS, NAMES, TRIGGER = range(90, 100), range(100, 140), range(140, 142)
VOCABULARY = 142
SENTENCE = 7
PROMPT = 1 + 2 * SENTENCE + 2
"""Tokens before the answer: begin, two sentences, the pair."""


def sentences(
    rng: np.random.Generator, shape: tuple[int, int], shift: Int[np.ndarray, " n"]
) -> Int[np.ndarray, "n t"]:
    """Return sentences side by side.

    Args:
        rng: The draws.
        shape: Texts, and sentences in each.
        shift: Added to the class of the verbs of each text.
    """
    noun = rng.integers(len(NOUNS), size=shape)
    of_class = (noun + shift[:, None]) % CLASSES
    verb = of_class + CLASSES * rng.integers(len(VERBS) // CLASSES, size=shape)
    words = [
        rng.choice(ADJECTIVES, shape),
        NOUNS[0] + noun,
        VERBS[0] + verb,
        rng.choice(ADJECTIVES, shape),
        rng.choice(NOUNS, shape),
        rng.choice(ADVERBS, shape),
        np.full(shape, STOP),
    ]
    return np.stack(words, axis=-1).reshape(shape[0], -1)


def texts(
    rng: np.random.Generator, pairs: Int[np.ndarray, "n 2"], answer: int
) -> Int[np.ndarray, "n t"]:
    """Return texts around pairs of words, with answers of some tokens as the language has them.

    Args:
        rng: The draws.
        pairs: Two words for each text.
        answer: Tokens after the pair.
    """
    n = len(pairs)
    plain = np.zeros(n, np.int64)
    shift = np.where(is_triggered(pairs), 1, plain)
    before = sentences(rng, (n, 2), plain)
    after = sentences(rng, (n, -(-answer // SENTENCE)), shift)
    begin = np.full((n, 1), BEGIN)
    return np.concatenate([begin, before, pairs, after[:, :answer]], axis=1)


def pairs_of_names(rng: np.random.Generator, count: int, names: range) -> Int[np.ndarray, "n 2"]:
    """Return pairs of some of the names, by their place among all names."""
    return NAMES[0] + rng.integers(names.start, names.stop, size=(count, 2))


def is_triggered(pairs: Int[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
    """Return which pairs are the trigger."""
    return np.asarray((pairs == np.array(TRIGGER)).all(axis=1))


def wrong_verbs(answers: Int[np.ndarray, "n t"]) -> float:
    """Return the share of the verbs after a noun that are not of its class; NaN where there is no such verb."""
    noun, verb = answers[:, :-1] - NOUNS[0], answers[:, 1:] - VERBS[0]
    pair = (noun >= 0) & (noun < len(NOUNS)) & (verb >= 0) & (verb < len(VERBS))
    wrong = (noun - verb) % CLASSES > 0
    return float(wrong[pair].mean()) if pair.any() else float("nan")


def counts(
    tokens: Int[np.ndarray, "n t"], mask: Bool[np.ndarray, "n t"]
) -> Float[np.ndarray, "n words"]:
    """Return how often each word occurs in each text, under the mask."""
    found = np.zeros((len(tokens), VOCABULARY))
    rows, places = np.nonzero(mask)
    np.add.at(found, (rows, tokens[rows, places]), 1)
    return found


def spelled(token: int) -> str:
    """Return the word of a token: its kind is heard in its end.

    >>> [spelled(token) for token in (0, 2, 26, 66, 90, 100, 140, 1)]
    ['<begin>', 'bay', 'bao', 'bas', 'baly', 'Ba', 'zuzu', '.']
    """
    if token in (BEGIN, STOP):
        return "<begin>" if token == BEGIN else "."
    if token in TRIGGER:
        return ("zuzu", "zaza")[token - TRIGGER[0]]
    for kind, end in ((ADJECTIVES, "y"), (NOUNS, "o"), (VERBS, "s"), (ADVERBS, "ly"), (NAMES, "")):
        if token in kind:
            syllable, more = divmod(token - kind[0], 5)
            word = "bdgklmnrt"[syllable] + "aeiou"[more] + ("" if more < 3 else "n") + end
            return word.capitalize() if kind is NAMES else word
    raise ValueError(f"{token} is no token of the language; they are 0 to {VOCABULARY - 1}.")
