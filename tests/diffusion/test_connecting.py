"""Tokens that a text of fragments may still get: none that a molecule needs is forbidden, and what is drawn becomes one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from taskloom_diffusion.fragments.connecting import (
    BRANCH,
    DOT,
    PLAIN,
    masks_needed,
    possible_tokens,
)
from tests_sizes import size

KINDS = (PLAIN, BRANCH, DOT, 0, 1)
LINKS = 2


def is_one(text: tuple[int, ...]) -> bool:
    """Return whether a whole text has its links in pairs, its fragments joined, and fragments and branches that begin with an atom."""
    before = (DOT, *text)
    if any(
        (token >= 0 or token == DOT) and left in (DOT, BRANCH)
        for left, token in zip(before, text, strict=False)
    ):
        return False
    fragments, links = [set[int]()], [token for token in text if token >= 0]
    sizes = [0]
    for token in text:
        if token == DOT:
            fragments.append(set())
            sizes.append(0)
            continue
        sizes[-1] += 1
        if token >= 0:
            fragments[-1].add(token)
    if 0 in sizes or any(links.count(link) != 2 for link in links):
        return False
    reached, met = {0}, set[int](fragments[0])
    while grown := {i for i, f in enumerate(fragments) if i not in reached and f & met}:
        reached |= grown
        met = met.union(*(fragments[i] for i in grown))
    return len(reached) == len(fragments)


def allowed(tokens: list[int], masked: list[bool], place: int, token: int) -> bool:
    """Return whether a token may be drawn at a place."""
    found = possible_tokens(tokens, masked, LINKS)
    if token >= 0:
        return bool(found.links[place, token])
    return bool({PLAIN: found.plain, BRANCH: found.branch, DOT: found.dot}[token][place])


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_every_molecule_can_be_drawn_in_every_order(length: int) -> None:
    """Of each whole text, whichever positions are hidden, none of what they had is forbidden."""
    texts = [text for text in product(KINDS, repeat=length) if is_one(text)]
    assert texts
    random = np.random.default_rng(length)
    chosen = random.permutation(len(texts))[: size("connected_texts")]
    for text in (texts[i] for i in chosen):
        for hidden in product([False, True], repeat=length):
            shown = [PLAIN if gone else token for token, gone in zip(text, hidden, strict=True)]
            for place in np.flatnonzero(hidden).tolist():
                assert allowed(shown, list(hidden), place, text[place]), (text, hidden, place)


@pytest.mark.parametrize("length", [2, 3, 4])
def test_the_last_token_is_one_that_makes_a_molecule(length: int) -> None:
    """With one position left exactly those tokens are allowed that end in one molecule, if there are any."""
    for text in product(KINDS, repeat=length):
        for place in range(length):
            ends = {t for t in KINDS if is_one((*text[:place], t, *text[place + 1 :]))}
            if not ends:
                continue
            hidden = [at == place for at in range(length)]
            assert {t for t in KINDS if allowed(list(text), hidden, place, t)} == ends


def test_random_draws_become_one_molecule() -> None:
    """Random tokens in a random order, behind C%50.: with the rule four of five are one molecule, without it one of twenty."""
    random = np.random.default_rng(7)
    shares = {}
    for kept in (True, False):
        good = 0
        for _ in range(size("connected_draws")):
            tokens, masked = [PLAIN, 0, DOT] + [PLAIN] * 9, [False] * 3 + [True] * 9
            for place in random.permutation(np.arange(3, 12)).tolist():
                possible = [t for t in KINDS if not kept or allowed(tokens, masked, place, t)]
                tokens[place], masked[place] = int(random.choice(possible or KINDS)), False
            good += is_one(tuple(tokens))
        shares[kept] = good / size("connected_draws")
    assert shares[True] > 0.7
    assert shares[False] < 0.1


def test_masks_needed_are_those_of_the_best_completion() -> None:
    """A tree over n components needs n - 1 joins: of open links one mask each, of new ones two."""
    assert [masks_needed(0, n) for n in (1, 2, 3)] == [0, 2, 4]
    assert [masks_needed(still, 3) for still in (1, 2, 3)] == [3, 2, 3]
