"""Runs of a game on shared axes: how many episodes were over after each round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from taskloom.report import charts
from taskloom.report.model import Block

from taskloom_hci.batch.episodes import load

if TYPE_CHECKING:
    from jaxtyping import Float
    from taskloom.runs.run import Run

_MOST_ROUNDS = 200


def compare(runs: Mapping[str, Run]) -> list[Block]:
    """Return the cumulative shares of episodes by their rounds.

    Args:
        runs: The runs by name.
    """
    return ended(
        {
            name: load(run.artifacts["episodes"]).num_rounds
            for name, run in runs.items()
            if "episodes" in run.artifacts
        }
    )


def ended(rounds: Mapping[str, Float[np.ndarray, " episodes"]]) -> list[Block]:
    """Return the share of episodes that were over after each round, one curve a name.

    Args:
        rounds: Rounds of each episode, by name.
    """
    rows = []
    for name, own in rounds.items():
        counted = np.cumsum(np.bincount(own.astype(int))) / len(own)
        step = -(-len(counted) // _MOST_ROUNDS)
        rows += [
            {"rounds": int(at), "share": float(counted[at]), " ": name}
            for at in {*range(0, len(counted), step), len(counted) - 1}
        ]
    if not rows:
        return []
    caption = "Share of episodes that ended within so many rounds; a curve further left is faster."
    return [
        charts.line(
            rows,
            "rounds",
            "share",
            color=" ",
            title="Rounds until the end",
            y_title="share of episodes",
            caption=caption,
        )
    ]
