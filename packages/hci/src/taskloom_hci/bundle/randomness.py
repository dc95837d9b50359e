"""The search for random numbers that do not come from a game's own streams: a run with them could not be repeated."""

from __future__ import annotations

from random import getstate
from typing import Any

import numpy as np
from numpy.random import get_state
from taskloom import Finding

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.state.state import flatten

ROUNDS = 3


def findings(bundle: Bundle) -> list[Finding]:
    """Return what a few rounds show of a game: faults, draws from `random` or `numpy.random`, differences with one seed.

    Args:
        bundle: The game, which is played and stays at the end of those rounds.
    """
    # Looked at, never drawn from: a difference says that the game drew.
    python, numpy = getstate(), _numpy_state()
    try:
        first, again = _told(bundle), _told(bundle)
    except Exception as error:
        # An answer that breaks the contract ends every run; anything else may be this game alone, and the run keeps a record.
        told = str(error) or type(error).__name__
        if type(error) is HciError:
            return [Finding("error", told)]
        return [
            Finding("warning", f"{bundle.name} stops within {ROUNDS} rounds: {told.rstrip('.')}.")
        ]
    found = [
        Finding(
            "warning",
            f"{bundle.name} draws from the global {source}: take every random number from `self.stream`, or its runs cannot "
            "be repeated.",
        )
        for source, before, after in (
            ("`random`", python, getstate()),
            ("`numpy.random`", numpy, _numpy_state()),
        )
        if before != after
    ]
    if not _same(first, again):
        found.append(
            Finding(
                "warning",
                f"{bundle.name} played two games of one seed differently: its runs cannot be repeated.",
            )
        )
    return found


def _numpy_state() -> Any:  # noqa: ANN401 -- a tuple of NumPy's
    name, keys, place, *rest = get_state(legacy=True)
    return (name, np.asarray(keys).tobytes(), place, *rest)


def _told(bundle: Bundle) -> list[dict[str, Any]]:
    bundle.reset(go_to=0, episode=0)
    told = [flatten(bundle.snapshot())]
    while not bundle.over and bundle.round_index < ROUNDS:
        told.append(flatten(bundle.step(go_to=0).state))
    bundle.episode = -1
    return told


def _same(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> bool:
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)
        for a, b in zip(first, second, strict=True)
    )
