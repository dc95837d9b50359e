"""The layers that are watched by default: the entries of the trunk, what runs after it, and the logits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from taskloom_anomaly.backends.names import place_of

MOST = 16
"""Layers that are watched by default at most."""

# A family that holds less than this share of what ran is a detail, such as the branches of one block.
_LEAST = 1 / 3


def default_names(
    listed: Sequence[str], kinds: Mapping[str, str], usable: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the layers to watch.

    The trunk is the family of at least two children of one class that holds most of what ran: the entries of a list or a
    sequence of one class, or children with one name and a number (`block_0`, `block_1`), at any depth.

    Args:
        listed: Names of all outputs in the order in which they came to be.
        kinds: The class of each module by path.
        usable: Whether an activation is worth watching; asked of few, last.
    """
    first = [name for name in listed if place_of(name).call == 1]
    order = {place_of(name).path: index for index, name in enumerate(first)}
    names = {place_of(name).path: name for name in first}
    several = {place_of(name).path for name in listed if place_of(name).call > 1}
    parent, entries = _trunk(list(order), kinds)
    if not entries:
        chosen = _outermost(list(order))
    else:
        end = max(order[path] for path in entries)
        chosen = [*entries]
        inside = parent
        while inside:
            above, _, _ = inside.rpartition(".")
            chosen += [
                path
                for path in _children(list(order), above)
                if order[path] > end
                and path not in several
                and path != inside
                and not path.startswith(f"{inside}.")
            ]
            inside = above
        if not parent:
            chosen += [p for p in _children(list(order), "") if order[p] > end and p not in several]
    ordered = sorted(dict.fromkeys(chosen), key=lambda path: order[path])
    found = [names[path] for path in ordered if usable(names[path])]
    return evenly(found)


def evenly(names: Sequence[str]) -> tuple[str, ...]:
    """Return at most `MOST` of the names, evenly spaced, the first and the last among them."""
    if len(names) <= MOST:
        return tuple(names)
    places = np.linspace(0, len(names) - 1, MOST).round()
    return tuple(names[int(place)] for place in places)


def _children(paths: Sequence[str], parent: str) -> list[str]:
    """Return the outermost modules below a path that ran; a container that never runs itself stands for what it holds."""
    start = f"{parent}." if parent else ""
    below = [path for path in paths if path.startswith(start) and path != parent]
    return [
        path
        for path in below
        if not any(path.startswith(f"{other}.") for other in below if other != path)
    ]


def _trunk(paths: Sequence[str], kinds: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the path that holds the trunk, and the trunk's entries."""
    by_parent: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_parent[path.rpartition(".")[0]].append(path)
    best: tuple[int, int, int] = (0, 0, 0)
    found: tuple[str, list[str]] = ("", [])
    for parent, children in by_parent.items():
        entries = _families(parent, children, kinds)
        covered = sum(
            path == entry or path.startswith(f"{entry}.") for entry in entries for path in paths
        )
        rank = (covered, len(entries), -parent.count("."))
        if rank > best and covered >= _LEAST * len(paths):
            best, found = rank, (parent, entries)
    return found


def _families(parent: str, children: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in children:
        last = path[len(parent) + 1 :] if parent else path
        numbered = re.fullmatch(r"(.*?)(\d+)", last)
        if numbered:
            groups[numbered[1], kinds.get(path, "")].append(path)
    # The entries of a list or a sequence have no name but their number: they are one family, or none.
    if sum(prefix == "" for prefix, _ in groups) > 1:
        groups = defaultdict(list, {key: own for key, own in groups.items() if key[0]})
    return [path for own in groups.values() if len(own) > 1 for path in own]


def _outermost(paths: Sequence[str]) -> list[str]:
    """Return the modules directly under the network, descending while there is one; all of a container that never runs itself."""
    parent = ""
    while True:
        start = f"{parent}." if parent else ""
        direct = [
            path for path in paths if path.startswith(start) and "." not in path[len(start) :]
        ]
        if len(direct) == 1 and any(path.startswith(f"{direct[0]}.") for path in paths):
            parent = direct[0]
            continue
        return direct or [path for path in paths if path.startswith(start) and path != parent]
