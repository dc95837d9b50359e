"""Tokens that a text of fragments may still get, so that its links come in pairs and its fragments make one molecule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PLAIN, DOT, BRANCH = -1, -2, -3
"""Tokens of a text that are no links: `.`, `(`, and all others."""


def masks_needed(still: int, components: int) -> int:
    """Return the least number of masks that close all open links and join all components.

    Every open link needs one mask, which joins two components at most; each join beyond those needs a new link, two masks. Only
    masks count that may become a link: no fragment begins with one.

    Args:
        still: Links that are open: there is one end of each.
        components: Components of the text so far.
    """
    return still + 2 * max(0, components - 1 - still)


@dataclass(frozen=True)
class Possible:
    """Tokens that each position of a text may get, in kinds.

    Attributes:
        plain: Whether it may be a token that is none of the others (L,).
        branch: Whether it may be `(` (L,).
        dot: Whether it may be `.` (L,).
        links: Which links it may be (L, K).
    """

    plain: NDArray[np.bool_]
    branch: NDArray[np.bool_]
    dot: NDArray[np.bool_]
    links: NDArray[np.bool_]


def possible_tokens(tokens: Sequence[int], masked: Sequence[bool], num_links: int) -> Possible:
    """Return what each masked position may get, so that the text can still become one molecule with its links in pairs.

    Only what no completion allows is forbidden: every text that is one molecule can be drawn, in every order of its positions.

    Args:
        tokens: The text up to its end: the place of a link among the links, from 0 on, or one of `PLAIN`, `DOT` and `BRANCH`.
        masked: Which positions are to be drawn; their tokens are not looked at.
        num_links: Links of the vocabulary, K.

    Example:
        >>> # C%50.C?: a bond to a carbon, and one position left, which must be the other end of the bond
        >>> found = possible_tokens([PLAIN, 0, DOT, PLAIN, PLAIN], [False] * 4 + [True], num_links=2)
        >>> bool(found.plain[4]), bool(found.dot[4]), found.links[4].tolist()
        (False, False, [True, False])
    """
    text = _Text(tokens, masked)
    plain, branch, dots = np.zeros((3, len(tokens)), dtype=bool)
    links = np.zeros((len(tokens), num_links), dtype=bool)
    of_component = {c: text.links_beside(c, num_links) for c in set(text.component)}
    for place in np.flatnonzero(masked).tolist():
        plain[place] = text.may_be_plain(place)
        branch[place] = plain[place] and text.may_begin_before(place)
        dots[place] = text.may_split(place)
        if text.for_links[place]:
            links[place] = of_component[text.component[text.fragment[place]]]
    return Possible(plain, branch, dots, links)


class _Text:
    """A text of fragments on its way: fragments between the dots that are drawn, joined by links both ends of which are.

    A stretch with masks counts as one fragment; a dot among them can only make more.
    """

    def __init__(self, tokens: Sequence[int], masked: Sequence[bool]) -> None:
        self.tokens, self.masked = tokens, masked
        # A dot itself counts to the fragment behind it, where it changes nothing.
        seen = [PLAIN if hidden else token for token, hidden in zip(tokens, masked, strict=True)]
        dots = [token == DOT for token in seen]
        self.fragment: list[int] = np.cumsum(dots).tolist()
        self.component = list(range(self.fragment[-1] + 1))
        self.ends: dict[int, list[int]] = {}
        for token, fragment in zip(seen, self.fragment, strict=True):
            if token >= 0:
                self.ends.setdefault(token, []).append(fragment)
        for first, *rest in self.ends.values():
            for other in rest:
                kept, gone = self.component[first], self.component[other]
                self.component = [kept if each == gone else each for each in self.component]
        self.open = {
            link: self.component[ends[0]] for link, ends in self.ends.items() if len(ends) == 1
        }
        self.open_of = Counter(self.open.values())
        self.count = len(set(self.component))
        # Neither a fragment nor a branch begins with a link: such places join nothing.
        begins = [True, *(token in (DOT, BRANCH) for token in seen[:-1])]
        self.for_links = [hidden and not b for hidden, b in zip(masked, begins, strict=True)]
        self.left = sum(self.for_links)
        self.masks_of = Counter(
            self.component[fragment]
            for fragment, usable in zip(self.fragment, self.for_links, strict=True)
            if usable
        )

    def may_be_plain(self, place: int) -> bool:
        """Return whether a masked position may get a token that is neither a link nor `.`."""
        component, usable = self.component[self.fragment[place]], self.for_links[place]
        # A component without masks and open links stays by itself for ever.
        goes_on = self.masks_of[component] - usable or self.open_of[component] or self.count == 1
        return bool(goes_on) and self.left - usable >= masks_needed(len(self.open), self.count)

    def may_begin_before(self, place: int) -> bool:
        """Return whether a fragment or a branch may begin behind a position: there is no link."""
        behind = place + 1
        return behind >= len(self.tokens) or self.masked[behind] or self.tokens[behind] < 0

    def links_beside(self, component: int, num_links: int) -> list[bool]:
        """Return which links a masked position of a component may get, if no fragment begins there.

        Args:
            component: The component.
            num_links: Links of the vocabulary.
        """
        still, left = len(self.open), self.left - 1
        mine = self.masks_of[component] - 1 + self.open_of[component]
        new = left >= masks_needed(still + 1, self.count)
        found = []
        for link in range(num_links):
            if link in self.open:
                other = self.open[link]
                joins = other != component
                count = self.count - joins
                goes_on = mine - 1 + joins * (self.masks_of[other] + self.open_of[other])
                found.append(left >= masks_needed(still - 1, count) and (goes_on > 0 or count == 1))
            else:
                found.append(link not in self.ends and new)
        return found

    def may_split(self, place: int) -> bool:
        """Return whether a masked position may be `.`."""
        begin = self.fragment.index(self.fragment[place])
        end = begin + self.fragment.count(self.fragment[place])
        behind = place + 1
        if behind >= end or not self.for_links[place]:
            return False  # an empty fragment, or one that ends with `(`
        if not self.may_begin_before(place):
            return False
        # A mask behind it joins nothing any more.
        left = self.left - 1 - self.masked[behind]
        halves = self.for_links[begin:place], self.for_links[behind + 1 : end]
        if all(map(any, halves)) and left >= masks_needed(len(self.open), self.count + 1):
            return True
        masked = [hidden and at != place for at, hidden in enumerate(self.masked)]
        split = [DOT if at == place else token for at, token in enumerate(self.tokens)]
        return _Text(split, masked).can_be_one()

    def can_be_one(self) -> bool:
        """Return whether masks suffice to join all components, each of which has a mask or an open link."""
        goes_on = all(self.masks_of[each] or self.open_of[each] for each in set(self.component))
        return self.left >= masks_needed(len(self.open), self.count) and (
            goes_on or self.count == 1
        )
